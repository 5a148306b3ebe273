"""Fills a database with a year of readings, as fast as the server itself can make them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from gateway.db.partitions import make_partitions
from gateway.db.rollups import refresh

INTERVAL_S: Final = 300
"""Five-minute data: what a hospital keeps of a fridge for years."""

_INDEX: Final = "CREATE INDEX reading_device_time ON reading (device_key, occurred_at DESC)"
_DEVICES: Final = """
    INSERT INTO place (place_id, kind, name_vi, name_en, temperature_low_celsius, temperature_high_celsius)
    SELECT 'bench-' || n, 'fridge', 'Tủ ' || n, 'Fridge ' || n, 2, 8 FROM generate_series(1, %(sensors)s) n"""
_PLACED: Final = """
    INSERT INTO device (site, edge_node, device_id, driver, place_id)
    SELECT 'bench', 'bench-1', 'probe-' || n, 'ds18b20', 'bench-' || n FROM generate_series(1, %(sensors)s) n"""
# A daily and a door-like wave for each sensor, from its number and the time alone: the same database every time.
_READINGS: Final = """
    INSERT INTO reading
        (occurred_at, device_key, temperature_celsius, received_at, epoch_key, seq, boot_key, monotonic_ns)
    SELECT at, d.device_key,
           round((5 + 1.5 * sin(extract(epoch FROM at) / 13750.0 + d.device_key)
                    + 0.5 * sin(extract(epoch FROM at) / 700.0 * (1 + d.device_key %% 7)))::numeric, 2)::float8,
           at + interval '1 second', 1, extract(epoch FROM at)::bigint / %(interval_s)s, 1, 0
    FROM generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 second',
                         make_interval(secs => %(interval_s)s)) at
    CROSS JOIN device d WHERE d.site = 'bench'"""


def fill(dsn: str, *, sensors: int, days: int, until: datetime, say: Callable[[str], None]) -> int:
    """Readings of `sensors` thermometers for `days` days before `until`, every five minutes; how many.

    The database must be migrated and empty. Rows come in order of time, as they would have come in a year; the sums by
    hour and day are made by the shipped code.
    """
    begin = (until - timedelta(days=days)).astimezone(UTC)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in (_DEVICES, _PLACED):
            connection.execute(statement, {"sensors": sensors})
        for day in range(0, days + 1, 20):
            make_partitions(connection, begin + timedelta(days=day))
        connection.execute("DROP INDEX reading_device_time")  # made at the end: one sort in place of many insertions
        for day in range(days):
            low = begin + timedelta(days=day)
            values = {"low": low, "high": low + timedelta(days=1), "interval_s": INTERVAL_S}
            connection.execute(_READINGS, values)
            if day % 30 == 0:
                say(f"day {day} of {days}")
        say("index")
        connection.execute(_INDEX)
        say("sums by hour and day")
        refresh(connection, begin, until, levels=("hour", "day"))
        connection.execute("VACUUM ANALYZE reading")
        connection.execute("ANALYZE")
        row = connection.execute("SELECT count(*) FROM reading").fetchone()
    return 0 if row is None else int(row[0])
