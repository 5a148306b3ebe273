"""Edge nodes and devices: who is there, and in what state."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edge.contracts.node_state import Birth, Death
from edge.contracts.observations import DeviceFaulted, DeviceStateChanged
from edge.contracts.topics import Sender
from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.live_events import NewLiveEvent, to_everyone
from gateway.services.occurrence import Occurrence


@dataclass(frozen=True)
class NodeKnown:
    """What is known of an edge node."""

    state: str
    boot_id: str | None
    clock_offset_s: float | None
    state_changed_at: datetime | None


DEATH_SETTLES: Final = timedelta(seconds=5)
"""A broker may deliver the last frames of a connection after its death: only one sent later than this is a new life."""


def revive_node(
    connection: Connection, sender: Sender, known: NodeKnown, sent_at: datetime, received_at: datetime
) -> tuple[NewLiveEvent, ...]:
    """A message that was sent after the node's death shows that it is up (the death was of an older connection).

    The caller has made sure that the sender's clock can be believed.
    """
    if known.state == "up":
        return ()
    if known.state_changed_at is not None and sent_at < known.state_changed_at + DEATH_SETTLES:
        return ()
    return _set_state(connection, sender, "up", received_at)


def apply_birth(connection: Connection, birth: Birth, received_at: datetime) -> tuple[NewLiveEvent, ...]:
    """Enter the node's boot, version and devices; it is up. Told twice it changes nothing."""
    sender = Sender(birth.site, birth.edge_node)
    connection.execute(
        "INSERT INTO edge_node (site, edge_node) VALUES (%s, %s) ON CONFLICT DO NOTHING", (birth.site, birth.edge_node)
    )
    connection.execute(
        "UPDATE edge_node SET boot_id = %s, software_version = %s WHERE site = %s AND edge_node = %s",
        (birth.boot_id, birth.software_version, birth.site, birth.edge_node),
    )
    for device in birth.devices:
        connection.execute(
            "INSERT INTO device (site, edge_node, device_id, driver, description) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (site, edge_node, device_id)"
            " DO UPDATE SET driver = excluded.driver, description = excluded.description",
            (birth.site, birth.edge_node, device.device_id, device.driver, device.description),
        )
    return _set_state(connection, sender, "up", received_at)


def apply_death(connection: Connection, death: Death, received_at: datetime) -> tuple[NewLiveEvent, ...]:
    """The node is down; unless the death is of an older boot than the one that is up, and then it says nothing.

    Devices keep their last state: the node did not say that they went down, only that it can't be heard.
    """
    row = connection.execute(
        "SELECT boot_id FROM edge_node WHERE site = %s AND edge_node = %s FOR UPDATE", (death.site, death.edge_node)
    ).fetchone()
    if row is None or (row[0] is not None and row[0] != death.boot_id):
        return ()
    return _set_state(connection, Sender(death.site, death.edge_node), "down", received_at)


def _set_state(connection: Connection, sender: Sender, state: str, at: datetime) -> tuple[NewLiveEvent, ...]:
    changed = connection.execute(
        "UPDATE edge_node SET state = %s, state_changed_at = %s WHERE site = %s AND edge_node = %s AND state <> %s",
        (state, at, sender.site, sender.edge_node, state),
    )
    if changed.rowcount == 0:
        return ()
    return to_everyone("edge_node", {"site": sender.site, "edge_node": sender.edge_node, "state": state})


def apply_device_state(connection: Connection, at: Occurrence, changed: DeviceStateChanged) -> tuple[NewLiveEvent, ...]:
    """The rows of a stream come in order, so the last one told is the state."""
    connection.execute(
        "UPDATE device SET state = %s, state_reason = %s, state_changed_at = %s WHERE device_key = %s",
        (changed.state, storable(changed.reason), at.occurred_at, at.device_key),
    )
    payload = {"device_key": at.device_key, "state": changed.state, "reason": storable(changed.reason)}
    return to_everyone("device", payload)


def apply_device_fault(connection: Connection, at: Occurrence, fault: DeviceFaulted) -> tuple[NewLiveEvent, ...]:
    """Shown as it happens; the device's state is for its supervisor to say."""
    row = connection.execute("SELECT state FROM device WHERE device_key = %s", (at.device_key,)).fetchone()
    reason = storable(f"{fault.code}: {fault.detail}" if fault.detail else fault.code)
    payload = {"device_key": at.device_key, "state": row[0] if row is not None else "unknown", "reason": reason}
    return to_everyone("device", payload)
