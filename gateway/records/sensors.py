"""Thermometers as instruments: which one, where it is connected, where that device hung.

A device is a socket of an edge node; an instrument is what is plugged into it, with a serial number and certificates.
An instrument that is changed for another takes its certificates along, and the device's new readings are the new one's.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from gateway.db.pool import Connection
from gateway.records import journal
from gateway.records.errors import RecordError, RecordNotFoundError
from gateway.services.reads_rows import Row, all_rows, first_row

SINCE_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Of an instrument that was there before anybody kept records."""


@dataclass(frozen=True)
class SensorFacts:
    """What its plate and its sheet say."""

    serial_number: str
    maker: str = ""
    model: str = ""
    range_low_celsius: float | None = None
    range_high_celsius: float | None = None
    interval_s: float | None = None
    battery: str = ""
    battery_changed_on: date | None = None
    battery_months: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no instrument.

        Raises:
            RecordError: no serial number, a range upside down, an interval or a battery's life not above 0.
        """
        if not self.serial_number.strip():
            raise RecordError("serial_missing", "the serial number is empty: read it off the instrument")
        low, high = self.range_low_celsius, self.range_high_celsius
        if low is not None and high is not None and low >= high:
            raise RecordError("range_wrong", f"range {low!r} to {high!r}: expected the lower end first")
        if self.interval_s is not None and not 0 < self.interval_s <= 86_400:  # noqa: PLR2004 - a day
            raise RecordError("interval_wrong", f"interval {self.interval_s!r} s: expected above 0 and up to a day")
        if self.battery_months is not None and self.battery_months <= 0:
            raise RecordError("battery_wrong", f"battery life {self.battery_months!r} months: expected above 0")


class Sensor(Row):
    """An instrument with where it is now and the certificate that counts."""

    sensor_id: UUID
    serial_number: str
    maker: str
    model: str
    range_low_celsius: float | None
    range_high_celsius: float | None
    interval_s: float | None
    battery: str
    battery_changed_on: date | None
    battery_months: int | None
    battery_due_on: date | None
    note: str
    shares_serial: bool
    device_key: int | None
    """Null: it is in the cupboard."""
    device_id: str | None
    edge_node: str | None
    connected_at: datetime | None
    place_id: str | None
    place_name_vi: str | None
    place_name_en: str | None
    calibration_id: UUID | None
    certificate_number: str | None
    performed_on: date | None
    valid_until: date | None
    offset_celsius: float | None
    uncertainty_celsius: float | None


class Stay(Row):
    """Where an instrument was connected, or where a device hung; null: since ever, or still."""

    began_at: datetime | None
    ended_at: datetime | None
    device_key: int
    device_id: str
    edge_node: str
    place_id: str | None
    place_name_vi: str | None
    place_name_en: str | None


_SENSORS: Final = (
    "SELECT s.sensor_id, s.serial_number, s.maker, s.model, s.range_low_celsius, s.range_high_celsius, s.interval_s,"
    " s.battery, s.battery_changed_on, s.battery_months,"
    " (s.battery_changed_on + make_interval(months => s.battery_months))::date AS battery_due_on, s.note,"
    " s.shares_serial, n.device_key, d.device_id, d.edge_node, n.connected_at, d.place_id, p.name_vi AS place_name_vi,"
    " p.name_en AS place_name_en, c.calibration_id, c.certificate_number, c.performed_on, c.valid_until,"
    " c.offset_celsius, c.uncertainty_celsius FROM sensor s"
    " LEFT JOIN sensor_connection n ON n.sensor_id = s.sensor_id AND n.disconnected_at IS NULL"
    " LEFT JOIN device d USING (device_key) LEFT JOIN place p USING (place_id)"
    " LEFT JOIN LATERAL (SELECT * FROM calibration c WHERE c.sensor_id = s.sensor_id AND c.withdrawn_at IS NULL"
    " ORDER BY c.performed_on DESC, c.entered_at DESC LIMIT 1) c ON true"
)
_COLUMNS: Final = (
    *("serial_number", "maker", "model", "range_low_celsius", "range_high_celsius", "interval_s", "battery"),
    *("battery_changed_on", "battery_months", "note"),
)


def register(connection: Connection, facts: SensorFacts, by: str, *, shares_serial: bool = False) -> UUID:
    """Enter an instrument.

    Raises:
        RecordError: another of this maker carries this serial number, and `shares_serial` does not say that a person
            has looked at both.
    """
    _refuse_twin(connection, facts, None, shares_serial=shares_serial)
    values = asdict(facts)
    row = connection.execute(
        "INSERT INTO sensor (serial_number, maker, model, range_low_celsius, range_high_celsius, interval_s, battery,"
        " battery_changed_on, battery_months, note, shares_serial, entered_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING sensor_id",
        (*(_stripped(values[name]) for name in _COLUMNS), shares_serial, by),
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING returns
    sensor_id: UUID = row[0]
    journal.note(connection, by, "sensor", sensor_id, "entered")
    return sensor_id


def correct(connection: Connection, sensor_id: UUID, facts: SensorFacts, by: str, *, shares_serial: bool) -> None:
    """Write other facts of an instrument; the former ones are kept in the journal.

    Raises:
        RecordError: as of `register`.
        RecordNotFoundError: there is no such instrument.
    """
    before = find(connection, sensor_id)
    _refuse_twin(connection, facts, sensor_id, shares_serial=shares_serial)
    values = asdict(facts)
    connection.execute(
        "UPDATE sensor SET serial_number = %s, maker = %s, model = %s, range_low_celsius = %s, range_high_celsius = %s,"
        " interval_s = %s, battery = %s, battery_changed_on = %s, battery_months = %s, note = %s, shares_serial = %s"
        " WHERE sensor_id = %s",
        (*(_stripped(values[name]) for name in _COLUMNS), shares_serial, sensor_id),
    )
    old = {name: getattr(before, name) for name in _COLUMNS}
    journal.note(connection, by, "sensor", sensor_id, "corrected", before=old)


def connect(connection: Connection, sensor_id: UUID, device_key: int, at: datetime, by: str) -> None:
    """From then on the device's readings are this instrument's; what was there, and where it was, ends at that time.

    Raises:
        RecordError: before what is known to have been there then.
        RecordNotFoundError: there is no such instrument or device.
    """
    find(connection, sensor_id)
    if connection.execute("SELECT FROM device WHERE device_key = %s FOR UPDATE", (device_key,)).fetchone() is None:
        raise RecordNotFoundError("device_unknown", f"there is no device {device_key}", device=device_key)
    row = connection.execute(
        "SELECT max(coalesce(disconnected_at, connected_at)) FROM sensor_connection"
        " WHERE sensor_id = %s OR device_key = %s",
        (sensor_id, device_key),
    ).fetchone()
    if row is not None and row[0] is not None and at < row[0]:
        raise RecordError(
            "connected_before",
            f"connected at {at.isoformat()}, but another connection is known of {row[0].isoformat()}: expected later",
            at=row[0],
        )
    moved = connection.execute(
        "UPDATE sensor_connection SET disconnected_at = %s WHERE (sensor_id = %s OR device_key = %s)"
        " AND disconnected_at IS NULL RETURNING sensor_id",
        (at, sensor_id, device_key),
    ).fetchall()
    connection.execute(
        "INSERT INTO sensor_connection (sensor_id, device_key, connected_at, connected_by) VALUES (%s, %s, %s, %s)",
        (sensor_id, device_key, at, by),
    )
    for one in {sensor_id, *(each[0] for each in moved)}:
        follow_connection(connection, one)
    journal.note(connection, by, "sensor", sensor_id, "connected", before={"device_key": device_key, "at": at})


def disconnect(connection: Connection, sensor_id: UUID, at: datetime, by: str) -> None:
    """It goes into the cupboard, or to the laboratory.

    Raises:
        RecordError: it is not connected, or was connected after that time.
    """
    row = connection.execute(
        "UPDATE sensor_connection SET disconnected_at = %s WHERE sensor_id = %s AND disconnected_at IS NULL"
        " AND connected_at <= %s RETURNING device_key",
        (at, sensor_id, at),
    ).fetchone()
    if row is None:
        raise RecordError("not_connected", f"instrument {sensor_id} is not connected anywhere at {at.isoformat()}")
    follow_connection(connection, sensor_id)
    journal.note(connection, by, "sensor", sensor_id, "disconnected", before={"device_key": row[0], "at": at})


def follow_connection(connection: Connection, sensor_id: UUID) -> None:
    """Its certificates count for the device that it is connected to now, and for none in the cupboard."""
    connection.execute(
        "UPDATE calibration SET device_key = (SELECT device_key FROM sensor_connection WHERE sensor_id = %(id)s"
        " AND disconnected_at IS NULL) WHERE sensor_id = %(id)s AND withdrawn_at IS NULL",
        {"id": sensor_id},
    )


def sensors(connection: Connection) -> list[Sensor]:
    """All instruments, those in use first, by place."""
    order = " ORDER BY n.device_key IS NULL, p.name_vi, d.device_id, s.maker, s.serial_number"
    return all_rows(connection, Sensor, _SENSORS + order, {})


def find(connection: Connection, sensor_id: UUID) -> Sensor:
    """One.

    Raises:
        RecordNotFoundError: there is none of this id.
    """
    found = first_row(connection, Sensor, _SENSORS + " WHERE s.sensor_id = %(id)s", {"id": sensor_id})
    if found is None:
        raise RecordNotFoundError("sensor_unknown", f"there is no instrument {sensor_id}")
    return found


def sensors_at(connection: Connection, device_keys: list[int]) -> dict[int, Sensor]:
    """The instruments that these devices have now."""
    rows = all_rows(connection, Sensor, _SENSORS + " WHERE n.device_key = ANY(%(keys)s)", {"keys": device_keys})
    return {row.device_key: row for row in rows if row.device_key is not None}


def twins(connection: Connection) -> set[UUID]:
    """Instruments whose maker and serial number another one carries too: no reading can be told apart by it."""
    rows = connection.execute(
        "SELECT s.sensor_id FROM sensor s JOIN sensor o ON o.sensor_id <> s.sensor_id"
        " AND lower(o.serial_number) = lower(s.serial_number) AND lower(o.maker) = lower(s.maker)"
    )
    return {row[0] for row in rows}


def stays_of(connection: Connection, sensor_id: UUID) -> list[Stay]:
    """Through which devices and places an instrument went, newest first."""
    return all_rows(
        connection,
        Stay,
        "SELECT greatest(n.connected_at, h.placed_at) AS began_at, least(n.disconnected_at, h.moved_away_at) AS"
        " ended_at, d.device_key, d.device_id, d.edge_node, h.place_id, p.name_vi AS place_name_vi,"
        " p.name_en AS place_name_en FROM sensor_connection n JOIN device d USING (device_key)"
        " LEFT JOIN device_place h ON h.device_key = n.device_key"
        " AND coalesce(h.placed_at, '-infinity') < coalesce(n.disconnected_at, 'infinity')"
        " AND coalesce(h.moved_away_at, 'infinity') > n.connected_at"
        " LEFT JOIN place p ON p.place_id = h.place_id"
        " WHERE n.sensor_id = %(id)s ORDER BY began_at DESC NULLS LAST",
        {"id": sensor_id},
    )


_DEVICES: Final = (
    "SELECT NULL::timestamptz AS began_at, NULL::timestamptz AS ended_at, d.device_key, d.device_id, d.edge_node,"
    " d.place_id, p.name_vi AS place_name_vi, p.name_en AS place_name_en FROM device d LEFT JOIN place p"
    " USING (place_id) WHERE (d.driver IN ('ds18b20', 'modbus_temperature')"
    " OR EXISTS (SELECT FROM reading r WHERE r.device_key = d.device_key))"
)


def measuring_devices(connection: Connection) -> list[Stay]:
    """Every thermometer's device, by place."""
    return all_rows(connection, Stay, _DEVICES + " ORDER BY p.name_vi, d.device_id", {})


def free_devices(connection: Connection) -> list[Stay]:
    """Thermometers' devices for which nobody entered an instrument."""
    return all_rows(
        connection,
        Stay,
        _DEVICES + " AND NOT EXISTS (SELECT FROM sensor_connection n WHERE n.device_key = d.device_key"
        " AND n.disconnected_at IS NULL) ORDER BY p.name_vi, d.device_id",
        {},
    )


def _refuse_twin(connection: Connection, facts: SensorFacts, own: UUID | None, *, shares_serial: bool) -> None:
    row = connection.execute(
        "SELECT s.sensor_id, coalesce(p.name_vi, d.device_id, '') FROM sensor s"
        " LEFT JOIN sensor_connection n ON n.sensor_id = s.sensor_id AND n.disconnected_at IS NULL"
        " LEFT JOIN device d USING (device_key) LEFT JOIN place p USING (place_id)"
        " WHERE lower(s.maker) = lower(%s) AND lower(s.serial_number) = lower(%s)"
        " AND s.sensor_id IS DISTINCT FROM %s ORDER BY n.device_key IS NULL LIMIT 1",
        (facts.maker.strip(), facts.serial_number.strip(), own),
    ).fetchone()
    if row is not None and not shares_serial:
        raise RecordError(
            "serial_twice",
            f"serial number {facts.serial_number!r} is that of instrument {row[0]} ({row[1]}): correct it, connect"
            " that one here, or confirm that both really carry it",
            serial=facts.serial_number,
            where=row[1],
        )


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value
