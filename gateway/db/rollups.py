"""The sums by minute, hour and day (`reading_minute`, `reading_hour`, `reading_day`), brought up to the readings.

On TimescaleDB they are continuous aggregates, and its own jobs refresh them. On plain PostgreSQL they are tables: who
writes readings marks the ten-minute slots, and the gateway's housekeeping sums those slots up anew, so that a reading
counts however late it comes.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.db.engine import read_engine
from gateway.db.pool import Connection

SLOT: Final = timedelta(minutes=10)
"""Of ten minutes: live data makes one or two marks a transaction, and a replayed day 144."""
LEVELS: Final = ("minute", "hour", "day")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LOCK_KEY: Final = 7203005
_SPAN_MAX: Final = timedelta(days=1)
"""Summed up in one transaction: a year in one would outlast the statement timeout."""
_SETTLED: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}

_SUMS: Final = """\
INSERT INTO reading_{level} AS kept
SELECT date_bin('1 {level}', {time}, '2000-01-01 00:00+00') AS bucket, device_key, min({low}), max({high}),
       sum({total}), {count}, sum({total}) / {count}
FROM {source} WHERE {time} >= %(low)s AND {time} < %(high)s GROUP BY 1, 2
ON CONFLICT (device_key, bucket) DO UPDATE SET min_celsius = excluded.min_celsius, max_celsius = excluded.max_celsius,
    sum_celsius = excluded.sum_celsius, reading_count = excluded.reading_count, mean_celsius = excluded.mean_celsius"""


def mark_dirty(connection: Connection, times: Sequence[datetime]) -> None:
    """Note, in the transaction that writes them, at what times readings came in."""
    low, high = _slot(min(times)), _slot(max(times))
    slots = {low} if low == high else {_slot(time) for time in times}
    connection.execute("INSERT INTO reading_dirty SELECT unnest(%s::timestamptz[])", (sorted(slots),))


def refresh_dirty(connection: Connection) -> int:
    """Sum up every marked slot anew; how many. Commits as it goes; of several gateways one does it at a time.

    Nothing to do on TimescaleDB, and nothing for slots whose readings were dropped: their sums stand.
    """
    if read_engine(connection) == "timescaledb":
        connection.commit()
        return 0
    done = 0
    for low, high in _spans(_marked(connection)):
        with connection.transaction():
            if not _alone(connection):
                break
            # A mark that is seen here is of rows that the next statement sees.
            taken = connection.execute(
                "DELETE FROM reading_dirty WHERE slot >= %s AND slot < %s RETURNING slot", (low, high)
            ).fetchall()
            if taken:
                _sum_up(connection, max(low, _floor(connection)), high, LEVELS)
                done += len({row[0] for row in taken})
    return done


def refresh(connection: Connection, low: datetime, high: datetime, *, levels: Sequence[str] = LEVELS) -> None:
    """Sum up everything from `low` to `high`, on either engine: after rows were loaded past `write_readings`.

    Commits as it goes; no transaction may be open. Without level "minute", hours are made from the readings.
    """
    if read_engine(connection) == "timescaledb":
        connection.commit()
        _refresh_aggregates(connection, low, high, levels)
        return
    connection.commit()
    begin = _day(low)
    while begin < high:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
            end = min(begin + _SPAN_MAX, _day(high) + _SPAN_MAX)
            _sum_up(connection, max(begin, _floor(connection)), end, levels)
        begin += _SPAN_MAX


def _refresh_aggregates(connection: Connection, low: datetime, high: datetime, levels: Iterable[str]) -> None:
    autocommit = connection.autocommit
    connection.set_autocommit(True)
    try:
        for level in levels:
            # Whole buckets only, and a day needs its hours: the window is widened to whole days.
            connection.execute(
                "CALL refresh_continuous_aggregate(%s, %s::timestamptz, %s::timestamptz)",
                (f"reading_{level}", _day(low), _day(high) + timedelta(days=1)),
            )
    finally:
        connection.set_autocommit(autocommit)


def _sum_up(connection: Connection, low: datetime, high: datetime, levels: Sequence[str]) -> None:
    if low >= high:
        return
    raw = {
        "source": "reading",
        "time": "occurred_at",
        "low": "temperature_celsius",
        "high": "temperature_celsius",
        "total": "temperature_celsius",
        "count": "count(*)",
    }
    sums = {
        "time": "bucket",
        "low": "min_celsius",
        "high": "max_celsius",
        "total": "sum_celsius",
        "count": "sum(reading_count)::bigint",
    }
    source = raw
    for level in levels:
        # A coarser bucket is made anew whole, from its finer ones.
        begin = low if level == "minute" else low - (low - _EPOCH) % _SETTLED[level]
        end = high if level == "minute" else high + (_EPOCH - high) % _SETTLED[level]
        connection.execute(_SUMS.format(level=level, **source).encode(), {"low": begin, "high": end})
        source = {**sums, "source": f"reading_{level}"}


def _marked(connection: Connection) -> list[datetime]:
    slots = [row[0] for row in connection.execute("SELECT DISTINCT slot FROM reading_dirty ORDER BY slot")]
    connection.commit()
    return slots


def _spans(slots: Iterable[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Neighbouring slots joined, up to a day."""
    low = high = None
    for slot in slots:
        if low is None or high is None:
            low, high = slot, slot + SLOT
        elif slot == high and slot + SLOT - low <= _SPAN_MAX:
            high = slot + SLOT
        else:
            yield low, high
            low, high = slot, slot + SLOT
    if low is not None and high is not None:
        yield low, high


def _floor(connection: Connection) -> datetime:
    row = connection.execute("SELECT kept_from FROM reading_floor").fetchone()
    return datetime.min.replace(tzinfo=UTC) if row is None else row[0]


def _alone(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK_KEY,)).fetchone()
    return row is not None and bool(row[0])


def _slot(time: datetime) -> datetime:
    return time - (time - _EPOCH) % SLOT


def _day(time: datetime) -> datetime:
    return time - (time - _EPOCH) % timedelta(days=1)
