"""The climate at each thermometer, summed up hour by hour as readings come; a late one has its hours summed up again.

The same rows come of it however the readings came (`inventory.cold_chain.climate`): rows are made of whole hours only,
and whatever a late reading, a learned interval or a new certificate can change is made again from there on.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.cold_chain.rule_book import INTERVAL_S
from gateway.db.pool import Connection
from gateway.records.corrections import Corrections
from inventory.cold_chain.climate import HOUR_US, hours_of
from inventory.cold_chain.instant import from_us, to_us
from inventory.cold_chain.series import GAP_INTERVALS, Reading, Series

_CHUNK: Final = timedelta(days=7)
"""So much is read at once: 60,000 readings of a thermometer that measures each 10 s."""
HOUR: Final = timedelta(hours=1)

_INTERVAL: Final = (
    "SELECT coalesce((SELECT s.interval_s FROM sensor_connection c JOIN sensor s USING (sensor_id)"
    " WHERE c.device_key = %(device)s AND c.disconnected_at IS NULL),"
    " (SELECT interval_s FROM sensor_interval WHERE device_key = %(device)s), %(default)s)"
)


def thermometers(connection: Connection) -> list[int]:
    """Devices whose climate is kept: those that a rule watches."""
    return [row[0] for row in connection.execute("SELECT DISTINCT device_key FROM rule_watch ORDER BY 1")]


def interval_of(connection: Connection, device_key: int) -> float:
    """Seconds between two readings of it."""
    row = connection.execute(_INTERVAL, {"device": device_key, "default": INTERVAL_S}).fetchone()
    return float(row[0]) if row is not None and row[0] else INTERVAL_S


def rewind(connection: Connection, device_key: int, since: datetime) -> None:
    """Have its hours from `since` on summed up again: its readings count otherwise now."""
    connection.execute("INSERT INTO climate_rewind (device_key, since) VALUES (%s, %s)", (device_key, since))


def project(connection: Connection, device_key: int) -> int:
    """Sum up every whole hour that is not yet; how many rows were written. In a transaction of the caller's."""
    connection.execute("SELECT pg_advisory_xact_lock(7203006, %s)", (device_key,))
    span = connection.execute(
        "SELECT (SELECT occurred_at FROM reading WHERE device_key = %(key)s ORDER BY occurred_at LIMIT 1),"
        " (SELECT occurred_at FROM reading WHERE device_key = %(key)s ORDER BY occurred_at DESC LIMIT 1)",
        {"key": device_key},
    ).fetchone()
    if span is None or span[0] is None:
        return 0
    first, last = _hour_of(span[0]), _hour_of(span[1])
    interval_s = interval_of(connection, device_key)
    begin = _begin(connection, device_key, first, interval_s)
    corrections = Corrections.read(connection, [device_key])
    written = 0
    while begin < last:
        end = min(begin + _CHUNK, last)
        series = read_series(connection, device_key, begin, end, interval_s=interval_s, corrections=corrections)
        rows = [
            (device_key, from_us(hour.hour_us), hour.known_us, hour.lowest, hour.highest, hour.heat)
            for hour in hours_of(series, to_us(begin), to_us(end))
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO climate_hour (device_key, hour, known_us, lowest_celsius, highest_celsius, heat)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                rows,
            )
        written += len(rows)
        begin = end
    connection.execute(
        "INSERT INTO climate_progress (device_key, whole_until, interval_s) VALUES (%s, %s, %s)"
        " ON CONFLICT (device_key) DO UPDATE SET whole_until = excluded.whole_until, interval_s = excluded.interval_s",
        (device_key, begin, interval_s),
    )
    return written


def _begin(connection: Connection, device_key: int, first: datetime, interval_s: float) -> datetime:
    """From where on hours are missing, after what must be made again was taken away."""
    late = connection.execute(
        "WITH taken AS (DELETE FROM climate_rewind WHERE device_key = %s RETURNING since) SELECT min(since) FROM taken",
        (device_key,),
    ).fetchone()
    progress = connection.execute(
        "SELECT whole_until, interval_s FROM climate_progress WHERE device_key = %s", (device_key,)
    ).fetchone()
    if progress is None:
        return first
    begin: datetime = progress[0]
    if progress[1] != interval_s:
        begin = first
    elif late is not None and late[0] is not None:
        # The reading before a late one stands shorter, or no gap follows it any more.
        begin = min(begin, _hour_of(late[0] - timedelta(seconds=interval_s * GAP_INTERVALS)))
    # What is older than the oldest reading kept stays as it was summed up.
    begin = max(begin, first)
    if begin < progress[0]:
        connection.execute("DELETE FROM climate_hour WHERE device_key = %s AND hour >= %s", (device_key, begin))
    return begin


def read_series(
    connection: Connection,
    device_key: int,
    begin: datetime,
    end: datetime,
    *,
    interval_s: float,
    corrections: Corrections,
) -> Series:
    """Corrected readings of a time, with the last one before it and the first one after it."""
    rows = connection.execute(
        "(SELECT occurred_at, temperature_celsius FROM reading WHERE device_key = %(key)s AND occurred_at < %(begin)s"
        " AND occurred_at >= %(before)s ORDER BY occurred_at DESC LIMIT 1)"
        " UNION ALL SELECT occurred_at, temperature_celsius FROM reading WHERE device_key = %(key)s"
        " AND occurred_at >= %(begin)s AND occurred_at < %(end)s UNION ALL"
        " (SELECT occurred_at, temperature_celsius FROM reading WHERE device_key = %(key)s AND occurred_at >= %(end)s"
        " AND occurred_at <= %(after)s ORDER BY occurred_at LIMIT 1)",
        {
            "key": device_key,
            "begin": begin,
            "end": end,
            # Further away stands a gap in between, and it says nothing.
            "before": begin - timedelta(seconds=interval_s * GAP_INTERVALS),
            "after": end + timedelta(seconds=interval_s * GAP_INTERVALS),
        },
    )
    return Series.of((Reading(row[0], corrections.celsius(device_key, row[0], row[1])) for row in rows), interval_s)


def _hour_of(at: datetime) -> datetime:
    at_us = to_us(at)
    return from_us(at_us - at_us % HOUR_US, UTC)
