"""Readings and their sums on both engines: the same tests on native partitions and on TimescaleDB."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from edge.contracts.observations import CodeScanned
from edge.contracts.streams import Stream
from gateway.config import StorageConfig
from gateway.db.bulk import write_readings
from gateway.db.engine import read_engine
from gateway.db.policies import settle_policies
from gateway.db.pool import open_pool
from gateway.db.rollups import refresh, refresh_dirty
from gateway.ingest.marks import StreamId
from gateway.ingest.rows import ReadingRow
from gateway.services.site_file import import_site, parse_site
from tests.gateway.ingest_kit import NOW, SITE, Database, Node, reading

pytestmark = pytest.mark.integration

HOUR = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def _row(at: datetime, celsius: float, *, device_key: int = 1, seq: int = 1) -> ReadingRow:
    return ReadingRow(at, device_key, celsius, max(at, NOW), None, 1, seq, 1, seq)


def _series(start: datetime, celsius: Iterable[float], *, every_s: float, device_key: int = 1) -> list[ReadingRow]:
    return [
        _row(start + timedelta(seconds=every_s * n), value, device_key=device_key, seq=n + 1)
        for n, value in enumerate(celsius)
    ]


def _store(dsn: str, rows: list[ReadingRow]) -> None:
    with psycopg.connect(dsn) as connection:
        write_readings(connection, rows)


def _sum_up(dsn: str) -> None:
    """What housekeeping or TimescaleDB's jobs do."""
    with psycopg.connect(dsn) as connection:
        if read_engine(connection) == "timescaledb":
            refresh(connection, NOW - timedelta(days=40), NOW + timedelta(days=1))
        else:
            refresh_dirty(connection)


def _rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c TimeZone=UTC") as connection:
        return connection.execute(query.encode()).fetchall()


def _sums(dsn: str, level: str) -> list[tuple[Any, ...]]:
    return _rows(
        dsn,
        "SELECT bucket, device_key, min_celsius, max_celsius, mean_celsius, sum_celsius, reading_count"  # noqa: S608 - constants
        f" FROM reading_{level} ORDER BY device_key, bucket",
    )


def _naive_sums(dsn: str, level: str) -> list[tuple[Any, ...]]:
    """The same, from the readings themselves."""
    return _rows(
        dsn,
        f"SELECT date_trunc('{level}', occurred_at, 'UTC'), device_key, min(temperature_celsius),"  # noqa: S608 - as above
        " max(temperature_celsius), sum(temperature_celsius) / count(*), sum(temperature_celsius), count(*)"
        " FROM reading GROUP BY 1, 2 ORDER BY 2, 1",
    )


def _same(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> bool:
    """Equal but for the order of additions."""
    return len(found) == len(expected) and all(
        one[:4] == other[:4] and one[4:] == pytest.approx(other[4:]) for one, other in zip(found, expected, strict=True)
    )


def test_the_sums_are_those_of_the_readings_whatever_came_late(series_dsn: str) -> None:
    _store(series_dsn, _series(HOUR, [4.0, 4.5, 9.25, 5.0] * 60, every_s=37))
    _store(series_dsn, _series(HOUR, [-1.0, 3.0] * 40, every_s=300, device_key=2))
    _sum_up(series_dsn)
    for level in ("minute", "hour", "day"):
        assert _same(_sums(series_dsn, level), _naive_sums(series_dsn, level)), level
    # An edge node was away for 29 days and sends now what it kept; one row falls into an hour that was summed up.
    late = _series(NOW - timedelta(days=29), [6.0, 7.0] * 30, every_s=600)
    _store(series_dsn, [*late, _row(HOUR + timedelta(seconds=5), 30.0, seq=99)])
    _sum_up(series_dsn)
    for level in ("minute", "hour", "day"):
        assert _same(_sums(series_dsn, level), _naive_sums(series_dsn, level)), level
    assert _rows(series_dsn, "SELECT max(max_celsius) FROM reading_day") == [(30.0,)]


def test_seconds_outside_limits_by_hour(series_dsn: str) -> None:
    # A reading a minute: outside strictly from 03:10 to 03:20, then a gap, then outside at 04:59 until 05:02.
    warm = [5.0] * 10 + [8.1] * 10 + [8.0] * 10
    _store(series_dsn, _series(HOUR, warm, every_s=60))
    _store(series_dsn, _series(HOUR + timedelta(minutes=119), [1.9, 1.0, 1.5, 4.0], every_s=60))
    _sum_up(series_dsn)
    outside = _rows(
        series_dsn, "SELECT * FROM reading_outside(1, 2, 8, '2026-11-22 00:00+00', '2026-11-23 00:00+00') ORDER BY 1"
    )
    assert outside == [
        (HOUR, 600.0),
        (HOUR + timedelta(hours=1), 60.0),
        (HOUR + timedelta(hours=2), 120.0),
    ]


def test_a_gap_in_data_counts_as_no_exposure(series_dsn: str) -> None:
    _store(
        series_dsn, [_row(HOUR, 9.0), _row(HOUR + timedelta(minutes=15), 9.0), _row(HOUR + timedelta(minutes=31), 5.0)]
    )
    _sum_up(series_dsn)
    outside = _rows(series_dsn, "SELECT seconds_outside FROM reading_outside(1, 2, 8, '2026-11-22', '2026-11-23')")
    # A quarter of an hour up to the second reading; after that 16 minutes of silence, of which one minute counts.
    assert outside == [(15 * 60 + 60.0,)]


def test_the_ingest_stores_and_acknowledges_the_same(series_dsn: str) -> None:
    with psycopg.connect(series_dsn) as connection:
        import_site(connection, parse_site(SITE))
    pool = open_pool(series_dsn, connections_max=1)
    node = Node()
    frames = [node.readings(*(reading(4.0 + n / 10, at=NOW) for n in range(20))) for _ in range(3)]
    scan = CodeScanned(device_id="scanner-receiving", occurred_at=NOW, monotonic_ns=1, text="8935234567895")
    committed = Database(series_dsn, pool).take(*frames, frames[0], frames[2], node.events(scan))
    pool.close()
    stream = StreamId(node.site, node.edge_node, Stream.TELEMETRY, node.epoch)
    assert committed.answers[stream].mark == 60
    assert _rows(series_dsn, "SELECT count(*), count(DISTINCT seq), max(seq) FROM reading") == [(60, 60, 60)]
    assert _rows(series_dsn, "SELECT mark FROM ingest_mark ORDER BY mark") == [(1,), (60,)]
    assert _rows(series_dsn, "SELECT kind FROM event") == [("code_scanned",)]


def test_no_reading_from_the_future_makes_a_chunk_for_itself(series_dsn: str) -> None:
    far = ReadingRow(NOW + timedelta(days=9000), 1, 5.0, NOW, None, 1, 1, 1, 1)
    with pytest.raises(psycopg.errors.CheckViolation, match="reading_not_from_the_future"):
        _store(series_dsn, [_row(NOW, 5.0), far])
    assert _rows(series_dsn, "SELECT count(*) FROM reading") == [(0,)]


def test_settling_the_policies_twice_changes_nothing_the_second_time(series_dsn: str) -> None:
    for config in (StorageConfig(), StorageConfig(compress_after_days=60, keep_readings_days=400), StorageConfig()):
        with psycopg.connect(series_dsn) as connection:
            first = settle_policies(connection, config, NOW)
            assert settle_policies(connection, config, NOW) == ()
            assert bool(first) == (read_engine(connection) == "timescaledb")


def test_loading_past_the_ingest_is_summed_up_on_demand(series_dsn: str) -> None:
    with psycopg.connect(series_dsn) as connection:
        connection.execute(
            "INSERT INTO reading SELECT t, 7, extract(minute FROM t), t, NULL, 1, 1, 1, 1"
            " FROM generate_series('2026-11-19 00:00+00'::timestamptz, '2026-11-21 23:59+00', '5 minutes') t"
        )
        connection.commit()
        refresh(connection, datetime(2026, 11, 19, 7, tzinfo=UTC), datetime(2026, 11, 21, 9, tzinfo=UTC))
    assert _same(_sums(series_dsn, "day"), _naive_sums(series_dsn, "day"))
    assert _same(_sums(series_dsn, "minute"), _naive_sums(series_dsn, "minute"))
    assert _rows(series_dsn, "SELECT count(*) FROM reading_hour") == [(72,)]
