"""How often a thermometer measures: as a person entered it with the instrument, else as its readings show it.

The median step of the last day, learned once and again only when it is another by a quarter: what is judged depends
on it (three intervals without a reading are a gap), so it must not waver.
"""

from datetime import datetime, timedelta
from typing import Final

from gateway.db.pool import Connection

LOOK_BACK: Final = timedelta(days=1)
AGAIN_AFTER: Final = timedelta(hours=6)
STEPS_LEAST: Final = 12
ANOTHER_BY: Final = 0.25
"""A share of what was known."""

_DUE: Final = (
    "SELECT d.device_key FROM device d LEFT JOIN sensor_interval i USING (device_key)"
    " WHERE d.place_id IS NOT NULL AND (i.observed_at IS NULL OR i.observed_at < %s)"
    " AND EXISTS (SELECT FROM reading r WHERE r.device_key = d.device_key AND r.occurred_at > %s)"
)
_STEPS: Final = (
    "SELECT device_key, percentile_disc(0.5) WITHIN GROUP (ORDER BY step)::float8, count(*) FROM ("
    " SELECT device_key, extract(epoch FROM occurred_at - lag(occurred_at) OVER (PARTITION BY device_key"
    " ORDER BY occurred_at)) AS step FROM reading WHERE device_key = ANY(%s) AND occurred_at > %s) s"
    " WHERE step > 0 GROUP BY device_key"
)


def learn(connection: Connection, now: datetime) -> int:
    """Look at thermometers that were not looked at for hours; how many intervals are new or others."""
    since = now - LOOK_BACK
    due = [row[0] for row in connection.execute(_DUE, (now - AGAIN_AFTER, since))]
    known: dict[int, float] = dict(connection.execute("SELECT device_key, interval_s FROM sensor_interval").fetchall())
    changed = 0
    for device_key, step_s, steps in connection.execute(_STEPS, (due, since)).fetchall():
        if steps < STEPS_LEAST:
            continue
        before = known.get(device_key)
        if before is None or abs(step_s - before) > ANOTHER_BY * before:
            changed += 1
            before = step_s
        connection.execute(
            "INSERT INTO sensor_interval (device_key, interval_s, observed_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (device_key) DO UPDATE SET interval_s = excluded.interval_s,"
            " observed_at = excluded.observed_at",
            (device_key, before, now),
        )
    return changed
