"""What the person on call reads: watched places with their last value and trend, alarms, pages sent."""

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from gateway.services.app_services import DbConnection
from gateway.services.reads_rows import Row, all_rows, first_row

TREND_SPAN_MAX: Final = timedelta(hours=3)
TREND_SPAN_MIN: Final = timedelta(minutes=15)
TREND_BINS: Final = 90
"""Points of a trend line: a small chart is about that many pixels wide."""


class WatchedPlace(Row):
    """A place with temperature limits, one row for each of its thermometers (or one without any)."""

    place_id: str
    name_vi: str
    name_en: str
    low_celsius: float | None
    high_celsius: float | None
    device_key: int | None
    device_id: str | None
    edge_node: str | None
    device_state: Literal["up", "down", "unknown"] | None
    device_state_reason: str | None
    device_state_changed_at: datetime | None
    temperature_celsius: float | None
    """Last reading; null: never one."""
    occurred_at: datetime | None
    received_at: datetime | None


class TrendPoint(Row):
    """The readings of one thermometer in one slice of time."""

    device_key: int
    at: datetime
    """Where the slice begins."""
    mean_celsius: float
    min_celsius: float
    max_celsius: float


class Alarm(Row):
    """One condition of an incident; acknowledged and returned to normal are two facts (ISA-18.2)."""

    alarm_id: UUID
    incident_id: UUID | None
    condition: str
    subject: str | None
    severity: Literal["warning", "critical"]
    device_key: int | None
    place_id: str | None
    place_name_vi: str
    """Empty: it is about no place."""
    place_name_en: str
    limit_celsius: float | None
    """Of temperatures; so are the values."""
    started_at: datetime
    raised_at: datetime
    returned_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_by_name: str | None
    acknowledge_comment: str | None
    peak_celsius: float | None
    last_celsius: float | None
    last_at: datetime
    end_reason: str
    """Why it is not so any more, if not by itself."""

    @property
    def is_open(self) -> bool:
        """Open until returned to normal and acknowledged."""
        return self.returned_at is None or self.acknowledged_at is None


class Page(Row):
    """One message about an alarm to one channel."""

    page_id: UUID
    alarm_id: UUID | None
    incident_id: UUID | None
    channel: str
    created_at: datetime
    attempts: int
    next_attempt_at: datetime
    delivered_at: datetime | None
    last_error: str


class Reading(Row):
    """One temperature."""

    occurred_at: datetime
    received_at: datetime
    device_key: int
    temperature_celsius: float
    epoch_key: int
    seq: int


_PLACES: Final = (
    "SELECT p.place_id, p.name_vi, p.name_en, p.temperature_low_celsius AS low_celsius,"
    " p.temperature_high_celsius AS high_celsius, d.device_key, d.device_id, d.edge_node, d.state AS device_state,"
    " d.state_reason AS device_state_reason, d.state_changed_at AS device_state_changed_at,"
    " coalesce(r.temperature_celsius, o.temperature_celsius) AS temperature_celsius,"
    " coalesce(r.occurred_at, o.occurred_at) AS occurred_at, coalesce(r.received_at, o.received_at) AS received_at"
    " FROM place p"
    " LEFT JOIN device d ON d.place_id = p.place_id AND (d.driver IN ('ds18b20', 'modbus_temperature')"
    " OR EXISTS (SELECT FROM reading e WHERE e.device_key = d.device_key))"
    # Two looks: nearly every thermometer has spoken lately, and then only the newest partition is read; the whole
    # history is searched only for one that has not.
    " LEFT JOIN LATERAL (SELECT temperature_celsius, occurred_at, received_at FROM reading"
    " WHERE device_key = d.device_key AND occurred_at >= now() - interval '1 day'"
    " ORDER BY occurred_at DESC LIMIT 1) r ON true"
    " LEFT JOIN LATERAL (SELECT temperature_celsius, occurred_at, received_at FROM reading"
    " WHERE r.occurred_at IS NULL AND device_key = d.device_key ORDER BY occurred_at DESC LIMIT 1) o ON true"
    " WHERE (p.temperature_low_celsius IS NOT NULL OR p.temperature_high_celsius IS NOT NULL)"
    " AND (%(device_keys)s::int[] IS NULL OR d.device_key = ANY(%(device_keys)s))"
    " ORDER BY p.name_vi, p.place_id, d.device_id"
)
_TREND: Final = (
    "SELECT device_key, date_bin(%(bin)s, occurred_at, %(since)s) AS at, avg(temperature_celsius) AS mean_celsius,"
    " min(temperature_celsius) AS min_celsius, max(temperature_celsius) AS max_celsius FROM reading"
    " WHERE device_key = ANY(%(device_keys)s) AND occurred_at >= %(since)s AND occurred_at <= %(until)s"
    " GROUP BY 1, 2 ORDER BY 1, 2"
)
_ALARMS: Final = (
    "SELECT a.alarm_id, a.incident_id, a.condition, a.subject, a.severity, a.device_key, a.place_id,"
    " coalesce(p.name_vi, '') AS place_name_vi, coalesce(p.name_en, '') AS place_name_en, a.end_reason,"
    " a.limit_celsius, a.started_at, a.raised_at, a.returned_at, a.acknowledged_at, a.acknowledged_by,"
    " coalesce(l.display_name, a.acknowledged_by) AS acknowledged_by_name, a.acknowledge_comment, a.peak_celsius,"
    " a.last_celsius, a.last_at FROM alarm a LEFT JOIN place p USING (place_id)"
    " LEFT JOIN login_account l ON l.username = a.acknowledged_by"
)


_PAGES: Final = (
    "SELECT page_id, alarm_id, incident_id, channel, created_at, attempts, next_attempt_at, delivered_at, last_error"
    " FROM page"
)


def watched_places(connection: DbConnection, device_keys: list[int] | None = None) -> list[WatchedPlace]:
    """Every place with limits and its thermometers; or only the rows of these thermometers."""
    return all_rows(connection, WatchedPlace, _PLACES, {"device_keys": device_keys})


def trend(connection: DbConnection, device_keys: list[int], now: datetime) -> tuple[timedelta, list[TrendPoint]]:
    """The last hours of these thermometers as at most 90 slices, and the span: shorter while there is little data."""
    row = connection.execute(
        "SELECT min(occurred_at) FROM reading WHERE device_key = ANY(%s) AND occurred_at >= %s",
        (device_keys, now - TREND_SPAN_MAX),
    ).fetchone()
    oldest = row[0] if row and row[0] else now
    span = min(max(now - oldest, TREND_SPAN_MIN), TREND_SPAN_MAX)
    points = all_rows(
        connection,
        TrendPoint,
        _TREND,
        {"device_keys": device_keys, "since": now - span, "until": now, "bin": span / TREND_BINS},
    )
    return span, points


def open_alarms(connection: DbConnection) -> list[Alarm]:
    """Every alarm that is not both returned to normal and acknowledged; those still outside first, newest first."""
    return all_rows(
        connection,
        Alarm,
        _ALARMS + " WHERE a.returned_at IS NULL OR a.acknowledged_at IS NULL"
        " ORDER BY (a.returned_at IS NOT NULL), (a.acknowledged_at IS NOT NULL), a.raised_at DESC",
        {},
    )


def latest_alarms(connection: DbConnection, limit: int) -> list[Alarm]:
    """The latest alarms, open or over, newest first."""
    return all_rows(
        connection, Alarm, _ALARMS + " ORDER BY a.raised_at DESC, a.alarm_id LIMIT %(limit)s", {"limit": limit}
    )


def find_alarm(connection: DbConnection, alarm_id: UUID) -> Alarm | None:
    """One alarm; None if there is none of this id."""
    return first_row(connection, Alarm, _ALARMS + " WHERE a.alarm_id = %(alarm_id)s", {"alarm_id": alarm_id})


def pages_of(connection: DbConnection, alarm_ids: list[UUID]) -> list[Page]:
    """The pages of these alarms, oldest first."""
    return all_rows(
        connection,
        Page,
        _PAGES + " WHERE alarm_id = ANY(%(ids)s) ORDER BY created_at, channel",
        {"ids": alarm_ids},
    )


def pages_of_incidents(connection: DbConnection, incident_ids: list[UUID]) -> list[Page]:
    """The pages of these incidents, oldest first; of what tells of several, one row for each."""
    where = " WHERE incident_id = ANY(%(ids)s) ORDER BY created_at, channel"
    return all_rows(connection, Page, _PAGES + where, {"ids": incident_ids})


def readings(
    connection: DbConnection, device_key: int | None, since: datetime, until: datetime, limit: int
) -> list[Reading]:
    """Temperatures of one device or of all in [since, until), newest first."""
    return all_rows(
        connection,
        Reading,
        "SELECT occurred_at, received_at, device_key, temperature_celsius, epoch_key, seq FROM reading"
        " WHERE occurred_at >= %(since)s AND occurred_at < %(until)s"
        " AND (%(device_key)s::int IS NULL OR device_key = %(device_key)s)"
        " ORDER BY occurred_at DESC, device_key LIMIT %(limit)s",
        {"device_key": device_key, "since": since, "until": until, "limit": limit},
    )
