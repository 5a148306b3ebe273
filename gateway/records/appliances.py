"""Refrigerators as appliances, and the list of watched places with what is due in each."""

from dataclasses import asdict, dataclass
from datetime import date

from gateway.cold_chain.rule_book import RuleBook
from gateway.db.pool import Connection
from gateway.records import journal
from gateway.records.calibration import DueState, due_state
from gateway.records.errors import RecordNotFoundError
from gateway.records.limits import shown_limits
from gateway.services.reads_rows import Row, all_rows


@dataclass(frozen=True)
class Appliance:
    """As its plate says it."""

    maker: str = ""
    model: str = ""
    serial_number: str = ""
    pqs_code: str = ""
    made_on: date | None = None


class PlaceLine(Row):
    """A watched place with its worst calibration."""

    place_id: str
    name_vi: str
    name_en: str
    storage_class: str | None
    low_celsius: float | None
    high_celsius: float | None
    maker: str | None
    model: str | None
    serial_number: str | None
    pqs_code: str | None
    made_on: date | None
    thermometers: int
    uncalibrated: int
    """Thermometers without a certificate, or without an instrument on record."""
    valid_until: date | None
    """Of the certificate that ends first."""
    mapped_at: date | None
    """Begin of the newest mapping that counts."""
    due: DueState = "none"


def places(connection: Connection, today: date) -> list[PlaceLine]:
    """By name."""
    found = all_rows(
        connection,
        PlaceLine,
        "SELECT p.place_id, p.name_vi, p.name_en, p.storage_class, p.temperature_low_celsius AS low_celsius,"
        " p.temperature_high_celsius AS high_celsius, a.maker, a.model, a.serial_number, a.pqs_code, a.made_on,"
        " count(d.device_key) AS thermometers, count(d.device_key) FILTER (WHERE c.valid_until IS NULL) AS"
        " uncalibrated, min(c.valid_until) AS valid_until, (SELECT max(began_at)::date FROM mapping_study m"
        " WHERE m.place_id = p.place_id AND m.withdrawn_at IS NULL) AS mapped_at"
        " FROM place p LEFT JOIN appliance a USING (place_id)"
        " LEFT JOIN device d ON d.place_id = p.place_id AND (d.driver IN ('ds18b20', 'modbus_temperature')"
        " OR EXISTS (SELECT FROM reading e WHERE e.device_key = d.device_key))"
        " LEFT JOIN LATERAL (SELECT valid_until FROM calibration WHERE device_key = d.device_key"
        " ORDER BY performed_on DESC, entered_at DESC LIMIT 1) c ON true"
        " WHERE p.temperature_low_celsius IS NOT NULL OR p.temperature_high_celsius IS NOT NULL"
        " OR (p.storage_class IS NOT NULL AND d.device_key IS NOT NULL)"
        " GROUP BY p.place_id, a.place_id ORDER BY p.name_vi, p.place_id",
        {},
    )
    book = RuleBook.read(connection)
    return [_stated(line, book, today) for line in found]


def _stated(line: PlaceLine, book: RuleBook, today: date) -> PlaceLine:
    low, high = shown_limits(book, line.place_id, line.storage_class, line.low_celsius, line.high_celsius)
    due = "none" if line.uncalibrated else due_state(line.valid_until, today)
    return line.model_copy(update={"low_celsius": low, "high_celsius": high, "due": due})


def enter(connection: Connection, place_id: str, appliance: Appliance, by: str) -> None:
    """Write what the plate says; what stood there before is kept in the journal.

    Raises:
        RecordNotFoundError: there is no such place.
    """
    if connection.execute("SELECT FROM place WHERE place_id = %s", (place_id,)).fetchone() is None:
        raise RecordNotFoundError("place_unknown", f"there is no place {place_id!r}", place=place_id)
    row = connection.execute(
        "SELECT maker, model, serial_number, pqs_code, made_on FROM appliance WHERE place_id = %s FOR UPDATE",
        (place_id,),
    ).fetchone()
    connection.execute(
        "INSERT INTO appliance (place_id, maker, model, serial_number, pqs_code, made_on, changed_at, changed_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, now(), %s) ON CONFLICT (place_id) DO UPDATE SET maker = excluded.maker,"
        " model = excluded.model, serial_number = excluded.serial_number, pqs_code = excluded.pqs_code,"
        " made_on = excluded.made_on, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        (place_id, *asdict(appliance).values(), by),
    )
    before = {} if row is None else asdict(Appliance(*row))
    journal.note(connection, by, "appliance", place_id, "corrected" if row else "entered", before=before)
