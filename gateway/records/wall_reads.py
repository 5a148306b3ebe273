"""What the wall shows of each watched place: its value, where it goes, how old that is, what is wrong. One query."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from gateway.cold_chain.rule_book import RuleBook
from gateway.db.pool import Connection
from gateway.records.corrections import Corrections
from gateway.records.limits import shown_limits
from gateway.records.place_reads import INTERVAL_S
from gateway.services.reads_rows import Row, all_rows
from inventory.cold_chain.series import GAP_INTERVALS

Trend = Literal["rising", "falling", "steady"]
TREND_CELSIUS: Final = 0.3
"""Less of a change in half an hour is the fridge's own breathing. Our choice."""
OLD_MIN: Final = timedelta(minutes=3)
"""A thermometer that speaks every 10 s has missed 18 readings by then."""


class WallRow(Row):
    """One thermometer of one place, or a place without any."""

    place_id: str
    name_vi: str
    name_en: str
    storage_class: str | None
    low_celsius: float | None
    high_celsius: float | None
    device_key: int | None
    device_id: str | None
    device_state: str | None
    of_several: bool
    """The place has more than one thermometer."""
    interval_s: float | None
    raw_celsius: float | None
    occurred_at: datetime | None
    lately_celsius: float | None
    """Mean of the last 10 minutes."""
    before_celsius: float | None
    """Mean of the time from 40 to 20 minutes ago."""
    incident_number: int | None
    incident_severity: Literal["warning", "critical"] | None
    incident_active: bool | None
    incident_acknowledged: bool | None
    kinds: list[str]
    is_drill: bool | None
    silence_kind: Literal["shelved", "out_of_service"] | None
    door_open_since: datetime | None
    power_off_since: datetime | None


@dataclass(frozen=True)
class WallTile:
    """A row with what follows from it."""

    row: WallRow
    celsius: float | None
    """As it counts: corrected."""
    trend: Trend | None
    is_old: bool
    old_after_s: int


_ROWS: Final = (
    "SELECT p.place_id, p.name_vi, p.name_en, p.storage_class, p.temperature_low_celsius AS low_celsius,"
    " p.temperature_high_celsius AS high_celsius, d.device_key, d.device_id, d.state AS device_state,"
    " count(d.device_key) OVER (PARTITION BY p.place_id) > 1 AS of_several,"
    " coalesce(s.interval_s, i.interval_s) AS interval_s,"
    " coalesce(r.temperature_celsius, o.temperature_celsius) AS raw_celsius,"
    " coalesce(r.occurred_at, o.occurred_at) AS occurred_at, t.lately_celsius, t.before_celsius,"
    " a.incident_number, a.severity AS incident_severity, a.incident_id IS NOT NULL AND a.returned_at IS NULL AS"
    " incident_active, a.acknowledged_at IS NOT NULL AS incident_acknowledged, coalesce(a.kinds, ARRAY[]::text[]) AS"
    " kinds, a.is_drill, a.silence_kind, c.door_open_since, c.power_off_since"
    " FROM place p"
    " LEFT JOIN device d ON d.place_id = p.place_id AND (d.driver IN ('ds18b20', 'modbus_temperature')"
    " OR EXISTS (SELECT FROM reading e WHERE e.device_key = d.device_key))"
    " LEFT JOIN sensor_connection n ON n.device_key = d.device_key AND n.disconnected_at IS NULL"
    " LEFT JOIN sensor s USING (sensor_id) LEFT JOIN sensor_interval i ON i.device_key = d.device_key"
    # Two looks, as the on-call page has it: nearly every thermometer has spoken within a day.
    " LEFT JOIN LATERAL (SELECT temperature_celsius, occurred_at FROM reading WHERE device_key = d.device_key"
    " AND occurred_at >= %(now)s - interval '1 day' ORDER BY occurred_at DESC LIMIT 1) r ON true"
    " LEFT JOIN LATERAL (SELECT temperature_celsius, occurred_at FROM reading WHERE r.occurred_at IS NULL"
    " AND device_key = d.device_key ORDER BY occurred_at DESC LIMIT 1) o ON true"
    " LEFT JOIN LATERAL (SELECT avg(temperature_celsius) FILTER (WHERE occurred_at >= %(now)s - interval '10 minutes')"
    " AS lately_celsius, avg(temperature_celsius) FILTER (WHERE occurred_at < %(now)s - interval '20 minutes') AS"
    " before_celsius FROM reading WHERE device_key = d.device_key AND occurred_at >= %(now)s - interval '40 minutes'"
    " AND occurred_at <= %(now)s) t ON true"
    " LEFT JOIN LATERAL (SELECT i.*, (SELECT array_agg(DISTINCT condition) FROM alarm m"
    " WHERE m.incident_id = i.incident_id AND m.returned_at IS NULL) AS kinds FROM incident i"
    " WHERE i.place_id = p.place_id AND i.closed_at IS NULL ORDER BY i.returned_at IS NOT NULL,"
    " i.acknowledged_at IS NOT NULL, i.severity = 'warning', i.opened_at DESC LIMIT 1) a ON true"
    " LEFT JOIN LATERAL (SELECT min(c.since) FILTER (WHERE c.contact = 'door' AND c.state = 'open') AS door_open_since,"
    " min(c.since) FILTER (WHERE c.contact = 'mains_power' AND c.state = 'off') AS power_off_since"
    " FROM contact_state c JOIN device k USING (device_key) WHERE k.place_id = p.place_id) c ON true"
    # A room that has only its class and no thermometer is nothing to look at.
    " WHERE (p.temperature_low_celsius IS NOT NULL OR p.temperature_high_celsius IS NOT NULL"
    " OR (p.storage_class IS NOT NULL AND d.device_key IS NOT NULL))"
    " AND (%(keys)s::int[] IS NULL OR p.place_id IN (SELECT place_id FROM device WHERE device_key = ANY(%(keys)s)))"
    " ORDER BY p.name_vi, p.place_id, d.device_id"
)


def wall(connection: Connection, now: datetime, device_keys: list[int] | None = None) -> list[WallTile]:
    """Every watched place by name, always in the same order; or those where these thermometers hang."""
    book = RuleBook.read(connection)
    rows = [_limited(row, book) for row in all_rows(connection, WallRow, _ROWS, {"now": now, "keys": device_keys})]
    corrections = Corrections.read(connection, [row.device_key for row in rows if row.device_key is not None])
    return [_tile(row, corrections, now) for row in rows]


def _limited(row: WallRow, book: RuleBook) -> WallRow:
    low, high = shown_limits(book, row.place_id, row.storage_class, row.low_celsius, row.high_celsius)
    return row.model_copy(update={"low_celsius": low, "high_celsius": high})


def _tile(row: WallRow, corrections: Corrections, now: datetime) -> WallTile:
    after_s = max(OLD_MIN.total_seconds(), GAP_INTERVALS * (row.interval_s or INTERVAL_S))
    celsius = row.raw_celsius
    if celsius is not None and row.device_key is not None and row.occurred_at is not None:
        celsius = corrections.celsius(row.device_key, row.occurred_at, celsius)
    trend: Trend | None = None
    if row.lately_celsius is not None and row.before_celsius is not None:
        change = row.lately_celsius - row.before_celsius
        trend = "rising" if change > TREND_CELSIUS else "falling" if change < -TREND_CELSIUS else "steady"
    is_old = row.occurred_at is not None and (now - row.occurred_at).total_seconds() > after_s
    return WallTile(row, celsius, trend, is_old, int(after_s))
