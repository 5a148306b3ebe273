"""Fills a database with a year of readings, as fast as the server itself can make them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from gateway.db.partitions import make_partitions
from gateway.db.pool import Connection
from gateway.db.rollups import refresh
from medtap.services.errors import ServiceError

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


_LEDGER: Final = (
    "CREATE TABLE IF NOT EXISTS bench_filled"
    " (sensors integer NOT NULL, days integer NOT NULL, until timestamptz NOT NULL, row_count bigint NOT NULL)"
)


def fill(dsn: str, *, sensors: int, days: int, until: datetime, say: Callable[[str], None]) -> int:
    """Readings of `sensors` thermometers for `days` days before `until`, every five minutes; how many.

    The database must be migrated, and empty or filled by an earlier call with the same size: then only what has come
    between is added. Rows come in order of time, as they would have come in a year; the sums by hour and day are made
    by the shipped code.

    Raises:
        ServiceError: the database holds something else.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_LEDGER)
        row = connection.execute("SELECT sensors, days, until, row_count FROM bench_filled").fetchone()
        if row is None:
            count = _fill_empty(connection, sensors=sensors, days=days, until=until, say=say)
            connection.execute("INSERT INTO bench_filled VALUES (%s, %s, %s, %s)", (sensors, days, until, count))
            return count
        if tuple(row[:2]) != (sensors, days):
            raise ServiceError(
                f"the database is filled with {row[0]} sensors for {row[1]} days: say --sensors {row[0]} "
                f"--days {row[1]}, or name another place"
            )
        say(f"filled before, up to {row[2]:%Y-%m-%d %H:%M}")
        count = int(row[3]) + _add(connection, row[2].astimezone(UTC), until.astimezone(UTC))
        connection.execute("UPDATE bench_filled SET until = greatest(until, %s), row_count = %s", (until, count))
    return count


def _add(connection: Connection, begin: datetime, until: datetime) -> int:
    if begin >= until:
        return 0
    for day in range(0, (until - begin).days + 1, 20):
        make_partitions(connection, begin + timedelta(days=day))
    make_partitions(connection, until)
    added = connection.execute(_READINGS, {"low": begin, "high": until, "interval_s": INTERVAL_S}).rowcount
    refresh(connection, begin, until, levels=("hour", "day"))
    connection.execute("ANALYZE")
    return added


def _fill_empty(connection: Connection, *, sensors: int, days: int, until: datetime, say: Callable[[str], None]) -> int:
    if connection.execute("SELECT FROM device LIMIT 1").fetchone() is not None:
        raise ServiceError("the database holds devices, or was filled only in part: name an empty one")
    begin = (until - timedelta(days=days)).astimezone(UTC)
    count = 0
    for statement in (_DEVICES, _PLACED):
        connection.execute(statement, {"sensors": sensors})
    for day in range(0, days + 1, 20):
        make_partitions(connection, begin + timedelta(days=day))
    connection.execute("DROP INDEX reading_device_time")  # made at the end: one sort in place of many insertions
    for day in range(days):
        low = begin + timedelta(days=day)
        values = {"low": low, "high": low + timedelta(days=1), "interval_s": INTERVAL_S}
        count += connection.execute(_READINGS, values).rowcount
        if day % 30 == 0:
            say(f"day {day} of {days}")
    say("index")
    connection.execute(_INDEX)
    say("sums by hour and day")
    refresh(connection, begin, until, levels=("hour", "day"))
    connection.execute("VACUUM ANALYZE reading")
    connection.execute("ANALYZE")
    return count
