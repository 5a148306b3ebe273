"""Short integer keys of devices and boots, as the time series use them; made at first sight, kept in memory."""

from edge.contracts.topics import Sender
from gateway.db.pool import Connection


class KeyDirectory:
    """Keys given inside a transaction count only once it is committed: call `confirm`, or `forget` after a failure."""

    def __init__(self) -> None:
        self._devices: dict[tuple[Sender, str], int] = {}
        self._boots: dict[tuple[Sender, str], int] = {}
        self._new_devices: dict[tuple[Sender, str], int] = {}
        self._new_boots: dict[tuple[Sender, str], int] = {}

    def device_key(self, connection: Connection, sender: Sender, device_id: str) -> int:
        """Key of a device; a device never heard of before is entered."""
        name = (sender, device_id)
        key = self._devices.get(name) or self._new_devices.get(name)
        if key is None:
            key = self._new_devices[name] = _find_or_make(connection, "device", "device_key", "device_id", name)
        return key

    def boot_key(self, connection: Connection, sender: Sender, boot_id: str) -> int:
        """Key of a run of an edge node's monotonic clock."""
        name = (sender, boot_id)
        key = self._boots.get(name) or self._new_boots.get(name)
        if key is None:
            key = self._new_boots[name] = _find_or_make(connection, "boot", "boot_key", "boot_id", name)
        return key

    def confirm(self) -> None:
        """The transaction is committed."""
        self._devices.update(self._new_devices)
        self._boots.update(self._new_boots)
        self._new_devices.clear()
        self._new_boots.clear()

    def forget(self) -> None:
        """The transaction failed, or the database may be another one now."""
        for names in (self._devices, self._boots, self._new_devices, self._new_boots):
            names.clear()


def _find_or_make(connection: Connection, table: str, key: str, column: str, name: tuple[Sender, str]) -> int:
    sender, value = name
    identity = (sender.site, sender.edge_node, value)
    # table and column names are the two callers' constants
    select = f"SELECT {key} FROM {table} WHERE site = %s AND edge_node = %s AND {column} = %s"  # noqa: S608 - see above
    row = connection.execute(select.encode(), identity).fetchone()
    if row is None:
        insert = f"INSERT INTO {table} (site, edge_node, {column}) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"  # noqa: S608 - see above
        connection.execute(insert.encode(), identity)
        row = connection.execute(select.encode(), identity).fetchone()
    if row is None:
        raise RuntimeError(f"{table} {identity!r} vanished between insert and select: something deletes from it")
    return int(row[0])
