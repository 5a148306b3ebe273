"""What happened at a watched place in a time: corrected readings, gaps, excursions, doors, alarms, what was offline."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, LiteralString
from uuid import UUID

from gateway.cold_chain.rule_book import RuleBook
from gateway.db.pool import Connection
from gateway.records.corrections import Corrections
from gateway.records.errors import RecordNotFoundError
from gateway.records.limits import shown_limits
from gateway.records.sensors import Sensor, sensors_at
from gateway.services.reads_rows import Row, all_rows, first_row
from inventory.cold_chain.series import GAP_INTERVALS

Resolution = Literal["reading", "minute", "hour"]
RAW_SPAN_MAX: Final = timedelta(hours=36)
"""A reading every 10 s gives 12,960 points in this span: one quick index range."""
MINUTE_SPAN_MAX: Final = timedelta(days=32)
"""A month is 46,080 minutes of a thermometer, read in 0.2 s; every gap is seen in them."""
INTERVAL_S: Final = 300.0
"""Of a thermometer whose interval nobody entered and nothing has measured: the slowest usual one."""


class Place(Row):
    """A place with its limits and its appliance."""

    place_id: str
    name_vi: str
    name_en: str
    kind: str
    storage_class: str | None
    low_celsius: float | None
    high_celsius: float | None
    """As the rules in force have them: its own, or those of its storage class."""
    above: list[tuple[str, str]]
    """Names (Vietnamese, English) of the places that it is in, the nearest first."""
    appliance_maker: str | None
    appliance_model: str | None
    appliance_serial: str | None
    appliance_pqs: str | None
    appliance_made_on: datetime | None


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One reading, or all of a minute or an hour; corrected."""

    at: datetime
    low_celsius: float
    high_celsius: float
    mean_celsius: float
    readings: int
    raw_celsius: float
    """The mean as the wire brought it."""


@dataclass(frozen=True)
class DeviceSeries:
    """One thermometer in one place for a time."""

    device_key: int
    device_id: str
    edge_node: str
    state: str
    sensor: Sensor | None
    interval_s: float
    spans: tuple[tuple[datetime, datetime], ...]
    """When it hung in this place, within the time asked for."""
    resolution: Resolution
    points: tuple[SeriesPoint, ...]
    gaps: tuple[tuple[datetime, datetime], ...]
    """From the last reading before to the first after; from the begin or to the end where there is none."""
    corrections: Corrections
    offline: tuple[tuple[datetime, datetime, str], ...]
    """When its edge node said that it did not work, and why."""


class PlaceExcursion(Row):
    """A time outside a rule."""

    excursion_id: UUID
    device_id: str
    side: Literal["high", "low"]
    threshold: float
    minutes_allowed: float
    started_at: datetime
    triggered_at: datetime | None
    ended_at: datetime | None
    outside_s: float
    shortest_s: float
    longest_s: float
    peak_celsius: float


class PlaceAlarm(Row):
    """An incident at the place, with who answered it."""

    incident_id: UUID
    incident_number: int
    severity: Literal["warning", "critical"]
    is_drill: bool
    cause: str | None
    kinds: list[str]
    started_at: datetime
    opened_at: datetime
    returned_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_by_name: str | None
    acknowledged_channel: str | None
    acknowledge_comment: str | None


@dataclass(frozen=True, slots=True)
class DoorOpening:
    """The door, from open to closed; within the time asked for."""

    opened_at: datetime
    closed_at: datetime | None
    """None: it is still open."""

    def seconds(self, until: datetime) -> float:
        """How long, up to that time if it is still open."""
        return ((self.closed_at or until) - self.opened_at).total_seconds()


_PLACE: Final = (
    "SELECT p.place_id, p.name_vi, p.name_en, p.kind, p.storage_class, p.temperature_low_celsius AS low_celsius,"
    " p.temperature_high_celsius AS high_celsius, coalesce((WITH RECURSIVE above AS ("
    " SELECT o.place_id, o.parent_place_id, o.name_vi, o.name_en, 1 AS depth FROM place o"
    " WHERE o.place_id = p.parent_place_id UNION ALL SELECT o.place_id, o.parent_place_id, o.name_vi, o.name_en,"
    " depth + 1 FROM place o JOIN above a ON o.place_id = a.parent_place_id WHERE depth < 20)"
    " SELECT jsonb_agg(jsonb_build_array(name_vi, name_en) ORDER BY depth) FROM above), '[]') AS above,"
    " a.maker AS appliance_maker, a.model AS appliance_model, a.serial_number AS appliance_serial,"
    " a.pqs_code AS appliance_pqs, a.made_on::timestamp AS appliance_made_on"
    " FROM place p LEFT JOIN appliance a USING (place_id) WHERE p.place_id = %(place_id)s"
)
_SPANS: Final = (
    "SELECT h.device_key, d.device_id, d.edge_node, d.state, greatest(h.placed_at, %(since)s) AS began,"
    " least(h.moved_away_at, %(until)s) AS ended, i.interval_s FROM device_place h JOIN device d USING (device_key)"
    " LEFT JOIN sensor_interval i USING (device_key)"
    " WHERE h.place_id = %(place_id)s AND coalesce(h.placed_at, '-infinity') < %(until)s"
    " AND coalesce(h.moved_away_at, 'infinity') > %(since)s AND (d.driver IN ('ds18b20', 'modbus_temperature')"
    " OR EXISTS (SELECT FROM reading e WHERE e.device_key = d.device_key)) ORDER BY d.device_id, began"
)
_RAW: Final = (
    "SELECT occurred_at, temperature_celsius, temperature_celsius, temperature_celsius, 1 FROM reading"
    " WHERE device_key = %s AND occurred_at >= %s AND occurred_at < %s ORDER BY occurred_at"
)
_SUM_COLUMNS: Final = "SELECT bucket, min_celsius, max_celsius, mean_celsius, reading_count FROM "
_SUM_SPAN: Final = " WHERE device_key = %s AND bucket >= %s AND bucket < %s ORDER BY bucket"
_POINTS: Final[dict[Resolution, LiteralString]] = {
    "reading": _RAW,
    "minute": _SUM_COLUMNS + "reading_minute" + _SUM_SPAN,
    "hour": _SUM_COLUMNS + "reading_hour" + _SUM_SPAN,
}
_STEP: Final[dict[Resolution, timedelta]] = {
    "reading": timedelta(0),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
}


def resolution_for(since: datetime, until: datetime) -> Resolution:
    """How fine a time is read."""
    span = until - since
    if span <= RAW_SPAN_MAX:
        return "reading"
    return "minute" if span <= MINUTE_SPAN_MAX else "hour"


def find_place(connection: Connection, place_id: str) -> Place:
    """The place.

    Raises:
        RecordNotFoundError: there is none of this id.
    """
    found = first_row(connection, Place, _PLACE, {"place_id": place_id})
    if found is None:
        raise RecordNotFoundError("place_unknown", f"there is no place {place_id!r}", place=place_id)
    book = RuleBook.read(connection)
    low, high = shown_limits(book, place_id, found.storage_class, found.low_celsius, found.high_celsius)
    return found.model_copy(update={"low_celsius": low, "high_celsius": high})


def series_of(
    connection: Connection,
    place_id: str,
    since: datetime,
    until: datetime,
    now: datetime,
    *,
    resolution: Resolution | None = None,
) -> list[DeviceSeries]:
    """Every thermometer that hung there in [since, until), with what it measured while it did.

    Args:
        connection: to read.
        place_id: of the place.
        since: from then on.
        until: before that; a gap is not told of what is to come.
        now: the newest that can be known.
        resolution: how fine; by the length of the time, if absent.
    """
    chosen = resolution or resolution_for(since, until)
    end = min(until, now)
    spans: dict[int, list[tuple[datetime, datetime]]] = {}
    named: dict[int, tuple[str, str, str, float | None]] = {}
    if end <= since:
        return []
    for key, device_id, node, state, began, ended, interval_s in connection.execute(
        _SPANS, {"place_id": place_id, "since": since, "until": end}
    ):
        spans.setdefault(key, []).append((began, ended))
        named[key] = (device_id, node, state, interval_s)
    instruments = sensors_at(connection, list(spans))
    corrections = Corrections.read(connection, spans)
    found = []
    for key, own in spans.items():
        device_id, node, state, measured_s = named[key]
        sensor = instruments.get(key)
        interval_s = (sensor.interval_s if sensor else None) or measured_s or INTERVAL_S
        points: list[SeriesPoint] = []
        gaps: list[tuple[datetime, datetime]] = []
        offline: list[tuple[datetime, datetime, str]] = []
        for began, ended in own:
            part = _points(connection, key, (began, ended), chosen, corrections)
            gaps += _gaps(part, (began, ended), interval_s, _STEP[chosen])
            points += part
            offline += _offline(connection, key, began, ended)
        found.append(
            DeviceSeries(
                key, device_id, node, state, sensor, interval_s, tuple(own), chosen, tuple(points), tuple(gaps),
                corrections, tuple(offline),
            )
        )  # fmt: skip
    return found


def _points(
    connection: Connection,
    device_key: int,
    span: tuple[datetime, datetime],
    resolution: Resolution,
    corrections: Corrections,
) -> list[SeriesPoint]:
    rows = connection.execute(_POINTS[resolution], (device_key, *span), prepare=False).fetchall()
    if not corrections.pieces.get(device_key):
        return [SeriesPoint(at, low, high, mean, readings, mean) for at, low, high, mean, readings in rows]
    found = []
    for at, low, high, mean, readings in rows:
        correction = corrections.at(device_key, at)
        if correction is None:
            found.append(SeriesPoint(at, low, high, mean, readings, mean))
        else:
            corrected = (correction.celsius(low), correction.celsius(high), correction.celsius(mean))
            found.append(SeriesPoint(at, *corrected, readings, mean))
    return found


def _gaps(
    points: list[SeriesPoint], span: tuple[datetime, datetime], interval_s: float, step: timedelta
) -> list[tuple[datetime, datetime]]:
    """By the same measure as the judge: more than three intervals without a reading; coarser for coarser points."""
    longest = max(timedelta(seconds=GAP_INTERVALS * interval_s), step * 2)
    found = []
    before, after = span[0], span[0]
    for point in points:
        if point.at - after > longest:
            found.append((before, point.at))
        before = after = point.at
        after = point.at + step
    if span[1] - after > longest:
        found.append((before, span[1]))
    return found


def _offline(
    connection: Connection, device_key: int, since: datetime, until: datetime
) -> list[tuple[datetime, datetime, str]]:
    """By the events of its edge node, and by what it said last before the time."""
    rows = connection.execute(
        "SELECT * FROM (SELECT occurred_at, body->>'state', coalesce(body->>'reason', '') FROM event"
        " WHERE device_key = %(key)s AND kind = 'device_state_changed' AND occurred_at < %(since)s"
        " AND occurred_at >= %(since)s - interval '30 days' ORDER BY occurred_at DESC LIMIT 1) AS before"
        " UNION ALL SELECT occurred_at, body->>'state', coalesce(body->>'reason', '') FROM event"
        " WHERE device_key = %(key)s AND kind = 'device_state_changed' AND occurred_at >= %(since)s"
        " AND occurred_at < %(until)s ORDER BY 1",
        {"key": device_key, "since": since, "until": until},
        prepare=False,
    ).fetchall()
    found: list[tuple[datetime, datetime, str]] = []
    down: tuple[datetime, str] | None = None
    for at, state, reason in rows:
        if state == "down" and down is None:
            down = (max(at, since), reason)
        elif state == "up" and down is not None:
            if at > since:
                found.append((down[0], at, down[1]))
            down = None
    if down is not None:
        found.append((down[0], until, down[1]))
    return found


def excursions_of(connection: Connection, place_id: str, since: datetime, until: datetime) -> list[PlaceExcursion]:
    """Those that reach into the time, oldest first; without those that late readings took back."""
    return all_rows(
        connection,
        PlaceExcursion,
        "SELECT e.excursion_id, d.device_id, e.rule->>'side' AS side, (e.rule->>'threshold')::float8 AS threshold,"
        " (e.rule->>'minutes')::float8 AS minutes_allowed, e.started_at, e.triggered_at, e.ended_at, e.outside_s,"
        " e.shortest_s, e.longest_s, e.peak_celsius FROM excursion e JOIN device d USING (device_key)"
        " WHERE e.place_id = %(place_id)s AND e.taken_back_at IS NULL AND e.started_at < %(until)s"
        " AND coalesce(e.ended_at, 'infinity') > %(since)s ORDER BY e.started_at, e.excursion_id",
        {"place_id": place_id, "since": since, "until": until},
    )


def alarms_of(connection: Connection, place_id: str, since: datetime, until: datetime) -> list[PlaceAlarm]:
    """Incidents that reach into the time, oldest first, with the first answer of each."""
    return all_rows(
        connection,
        PlaceAlarm,
        "SELECT i.incident_id, i.incident_number, i.severity, i.is_drill, i.cause,"
        " coalesce((SELECT array_agg(DISTINCT a.condition) FROM alarm a WHERE a.incident_id = i.incident_id),"
        " ARRAY[]::text[]) AS kinds, i.started_at, i.opened_at, i.returned_at, i.acknowledged_at, i.acknowledged_by,"
        " coalesce(l.display_name, i.acknowledged_by) AS acknowledged_by_name, i.acknowledged_channel,"
        " i.acknowledge_comment FROM incident i LEFT JOIN login_account l ON l.username = i.acknowledged_by"
        " WHERE i.place_id = %(place_id)s AND i.started_at < %(until)s"
        " AND coalesce(i.returned_at, 'infinity') > %(since)s ORDER BY i.started_at, i.incident_number",
        {"place_id": place_id, "since": since, "until": until},
    )


def doors_of(connection: Connection, place_id: str, since: datetime, until: datetime) -> list[DoorOpening] | None:
    """Openings that reach into the time, cut to it, oldest first; None: no contact has ever spoken of this door."""
    rows = connection.execute(
        "SELECT * FROM (SELECT DISTINCT ON (device_key) device_key, occurred_at, state FROM contact_change"
        " WHERE place_id = %(place_id)s AND contact = 'door' AND occurred_at < %(since)s"
        " ORDER BY device_key, occurred_at DESC) AS before"
        " UNION ALL SELECT device_key, occurred_at, state FROM contact_change WHERE place_id = %(place_id)s"
        " AND contact = 'door' AND occurred_at >= %(since)s AND occurred_at < %(until)s ORDER BY 1, 2",
        {"place_id": place_id, "since": since, "until": until},
        prepare=False,
    ).fetchall()
    if not rows:
        return None if _no_door(connection, place_id) else []
    found: list[DoorOpening] = []
    opened: dict[int, datetime] = {}
    for device_key, at, state in rows:
        if state == "open":
            opened.setdefault(device_key, max(at, since))
        elif device_key in opened and at > since:
            found.append(DoorOpening(opened.pop(device_key), at))
        else:
            opened.pop(device_key, None)
    found += [DoorOpening(at, None) for at in opened.values()]
    return sorted(found, key=lambda each: each.opened_at)


def _no_door(connection: Connection, place_id: str) -> bool:
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT FROM contact_change WHERE place_id = %s AND contact = 'door' LIMIT 1", (place_id,)
    ).fetchone()
    return row is None
