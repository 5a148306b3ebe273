"""What keeps the system going, read: edge nodes, devices, dead letters, health, and counts for a summary."""

from datetime import datetime
from typing import Final, Literal

from gateway.services.app_services import DbConnection
from gateway.services.reads_rows import Row, all_rows


class EdgeNode(Row):
    """An edge node as it was last heard of."""

    site: str
    edge_node: str
    state: Literal["up", "down", "unknown"]
    software_version: str | None
    first_seen_at: datetime
    last_heard_at: datetime | None
    clock_offset_s: float | None
    """Device clock minus gateway clock, in seconds."""
    ingest_lag_s: float | None
    """Age of the newest row of the last frame when that was taken in, in seconds: grows while a backlog is sent."""
    ingest_lag_at: datetime | None
    """When that was."""


class Device(Row):
    """A device on an edge node."""

    device_key: int
    site: str
    edge_node: str
    device_id: str
    driver: str | None
    description: str
    place_id: str | None
    place_name_vi: str | None
    place_name_en: str | None
    scan_action: Literal["receive", "issue", "lookup"]
    separator: str
    """What the scanner sends in place of GS."""
    expects_lot: Literal["by_product", "always", "never"]
    """Whether a code without a lot waits for the pack's other code."""
    join_within_s: int
    """How far apart two codes of one pack may be scanned; 0: they are never joined."""
    state: Literal["up", "down", "unknown"]
    state_reason: str
    state_changed_at: datetime | None


class DeadLetter(Row):
    """A message or row that could not be understood: kept whole, with the reason."""

    dead_letter_id: int
    received_at: datetime
    topic: str
    site: str | None
    edge_node: str | None
    stream: str | None
    epoch: str | None
    seq: int | None
    code: str
    reason: str
    payload_bytes: int
    payload_start: str
    """The first 200 bytes, what is not printable ASCII as dots."""
    resolved_at: datetime | None


class LiveSummary(Row):
    """What was stored so far, counted now."""

    readings_stored: int
    events_stored: int
    taps: int
    check_ins: int
    scans: int
    movements: int
    alarms: int
    pages_sent: int
    dead_letters: int


class Health(Row):
    """Whether the gateway can work."""

    database: Literal["ok", "down"]
    last_ingest_at: datetime | None
    """When rows of an edge node were last committed; null: never, or the database is down."""


DESK_DRIVERS: Final = ("pcsc", "nfc_pn532")
PHARMACY_DRIVERS: Final = ("serial_scanner", "hid_scanner", "llrp", "nfc_pn532")
COLD_CHAIN_DRIVERS: Final = ("ds18b20", "modbus_temperature")

_DEVICES: Final = (
    "SELECT d.device_key, d.site, d.edge_node, d.device_id, d.driver, d.description, d.place_id,"
    " p.name_vi AS place_name_vi, p.name_en AS place_name_en, d.scan_action, d.separator, d.expects_lot,"
    " d.join_within_s, d.state, d.state_reason, d.state_changed_at FROM device d LEFT JOIN place p USING (place_id)"
)


def edge_nodes(connection: DbConnection) -> list[EdgeNode]:
    """Every edge node, those that are down first."""
    return all_rows(
        connection,
        EdgeNode,
        "SELECT site, edge_node, state, software_version, first_seen_at, last_heard_at, clock_offset_s, ingest_lag_s,"
        " ingest_lag_at FROM edge_node ORDER BY (state <> 'down'), site, edge_node",
        {},
    )


def devices(connection: DbConnection) -> list[Device]:
    """Every device, by node."""
    return all_rows(connection, Device, _DEVICES + " ORDER BY d.site, d.edge_node, d.device_id", {})


def devices_down(connection: DbConnection, drivers: tuple[str, ...]) -> list[Device]:
    """Devices of these drivers that are down although their node is not."""
    return all_rows(
        connection,
        Device,
        _DEVICES + " JOIN edge_node n USING (site, edge_node) WHERE d.state = 'down' AND n.state <> 'down'"
        " AND d.driver = ANY(%(drivers)s) ORDER BY d.state_changed_at",
        {"drivers": list(drivers)},
    )


def last_reading_received_at(connection: DbConnection) -> datetime | None:
    """When the newest temperature of any watched place came in; None: there has never been one."""
    row = connection.execute(
        "SELECT max(r.received_at) FROM device d JOIN place p USING (place_id) JOIN LATERAL"
        " (SELECT received_at FROM reading WHERE device_key = d.device_key ORDER BY occurred_at DESC LIMIT 1) r ON true"
        " WHERE p.temperature_low_celsius IS NOT NULL OR p.temperature_high_celsius IS NOT NULL"
    ).fetchone()
    return row[0] if row else None


def dead_letters(connection: DbConnection, limit: int, *, only_open: bool = True) -> list[DeadLetter]:
    """What could not be understood, newest first."""
    return all_rows(
        connection,
        DeadLetter,
        "SELECT dead_letter_id, received_at, topic, site, edge_node, stream, epoch, seq, code, reason,"
        " octet_length(payload) AS payload_bytes,"
        # Escape form keeps printable ASCII as it is and turns every other byte into \nnn, shown as a dot.
        r" regexp_replace(encode(substring(payload FROM 1 FOR 200), 'escape'), '\\[0-7]{3}|[[:cntrl:]]', '.', 'g')"
        " AS payload_start, resolved_at FROM dead_letter WHERE NOT %(only_open)s OR resolved_at IS NULL"
        " ORDER BY dead_letter_id DESC LIMIT %(limit)s",
        {"limit": limit, "only_open": only_open},
    )


def count_open_dead_letters(connection: DbConnection) -> int:
    """How many nobody has looked at yet."""
    row = connection.execute("SELECT count(*) FROM dead_letter WHERE resolved_at IS NULL").fetchone()
    return int(row[0]) if row else 0


def health(connection: DbConnection) -> Health:
    """The database answers, since this returns; and when ingest last committed."""
    row = connection.execute("SELECT max(updated_at) FROM ingest_mark WHERE mark > 0").fetchone()
    return Health(database="ok", last_ingest_at=row[0] if row else None)


def live_summary(connection: DbConnection) -> LiveSummary:
    """Count what is stored (a scan of the tables: for a trial and for tests, not for a dashboard)."""
    return all_rows(
        connection,
        LiveSummary,
        "SELECT (SELECT count(*) FROM reading) AS readings_stored, (SELECT count(*) FROM event) AS events_stored,"
        " (SELECT count(*) FROM tap) AS taps, (SELECT count(*) FROM visit) AS check_ins,"
        " (SELECT count(*) FROM scan) AS scans, (SELECT count(*) FROM movement) AS movements,"
        " (SELECT count(*) FROM alarm) AS alarms,"
        " (SELECT count(*) FROM page WHERE delivered_at IS NOT NULL) AS pages_sent,"
        " (SELECT count(*) FROM dead_letter) AS dead_letters",
        {},
    )[0]
