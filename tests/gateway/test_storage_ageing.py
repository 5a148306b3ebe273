"""Readings grow old: what is compressed and dropped, and that no sum and no late row is lost by it; both engines."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pydantic
import pytest

from gateway.config import StorageConfig
from gateway.db.bulk import write_readings
from gateway.db.engine import read_engine
from gateway.db.partitions import make_partitions
from gateway.db.policies import settle_policies
from gateway.db.pool import Connection
from gateway.db.rollups import refresh, refresh_dirty
from gateway.ingest.rows import ReadingRow

pytestmark = pytest.mark.integration

KEEP = StorageConfig(outage_days_max=30, compress_after_days=45, keep_readings_days=100)
NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
"""TimescaleDB's jobs count from the clock of the server."""


def _write(connection: Connection, days_ago: float, celsius: float, count: int = 60) -> None:
    """A reading a minute."""
    begin = NOW - timedelta(days=days_ago)
    rows = [ReadingRow(begin + timedelta(minutes=n), 1, celsius, NOW, None, 1, n, 1, n) for n in range(count)]
    write_readings(connection, rows)
    connection.commit()


def _age(connection: Connection, config: StorageConfig) -> None:
    """A round of housekeeping; on TimescaleDB its jobs, which its scheduler would start, one after the other."""
    settle_policies(connection, config, NOW)
    connection.commit()
    if read_engine(connection) == "partitions":
        connection.commit()
        refresh_dirty(connection)
        settle_policies(connection, config, NOW)
        return
    jobs = connection.execute(
        "SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_name IS NOT NULL ORDER BY proc_name DESC"
    ).fetchall()
    connection.commit()
    connection.set_autocommit(True)
    for (job_id,) in jobs:
        connection.execute("CALL run_job(%s)", (job_id,))
    connection.set_autocommit(False)


def _one(connection: Connection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    connection.commit()
    assert row is not None
    return tuple(row)


_DAYS = "SELECT coalesce(sum(reading_count), 0)::int, max(max_celsius), min(min_celsius) FROM reading_day"
_RAW = "SELECT count(*) FROM reading"


def test_dropped_readings_stay_in_the_sums_and_late_rows_do_not_wipe_them(series_dsn: str) -> None:
    with psycopg.connect(series_dsn) as connection:
        make_partitions(connection, NOW)
        make_partitions(connection, NOW - timedelta(days=200))
        _write(connection, 200, 9.0)
        _write(connection, 3, 5.0)
        refresh(connection, NOW - timedelta(days=201), NOW + timedelta(days=1))
        assert _one(connection, _DAYS) == (120, 9.0, 5.0)
        _age(connection, KEEP)
        assert _one(connection, _RAW) == (60,)
        assert _one(connection, _DAYS) == (120, 9.0, 5.0)
        # Beyond everything that was promised: a row of the dropped day comes in. The day's sum must not become that
        # row's alone.
        _write(connection, 200, 2.0, count=1)
        for _ in range(2):
            _age(connection, KEEP)
        assert _one(connection, _DAYS)[:2] == (120, 9.0)
        assert _one(connection, _RAW) == (60,)


def test_rows_of_the_longest_outage_are_stored_summed_up_and_not_dropped(series_dsn: str) -> None:
    with psycopg.connect(series_dsn) as connection:
        make_partitions(connection, NOW)
        _write(connection, 1, 5.0)
        _age(connection, KEEP)
        _write(connection, KEEP.outage_days_max, 7.5)
        _age(connection, KEEP)
        assert _one(connection, _RAW) == (120,)
        assert _one(connection, _DAYS) == (120, 7.5, 5.0)


def test_without_a_term_nothing_is_ever_dropped(series_dsn: str) -> None:
    with psycopg.connect(series_dsn) as connection:
        make_partitions(connection, NOW)
        _write(connection, 4000, 5.0)
        _age(connection, StorageConfig())
        assert _one(connection, _RAW) == (60,)


def test_readings_wait_for_their_sums_before_they_are_dropped(postgres_dsn: str) -> None:
    from gateway.db.migrator import migrate  # noqa: PLC0415 - native partitions only

    migrate(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection, psycopg.connect(postgres_dsn) as summing:
        make_partitions(connection, NOW)
        _write(connection, 200, 9.0)
        # Another gateway is summing up just now, so that this one can't.
        summing.execute("SELECT pg_advisory_xact_lock(7203005)")
        assert settle_policies(connection, KEEP, NOW) == ()
        assert _one(connection, _RAW) == (60,)
        summing.rollback()
        assert settle_policies(connection, KEEP, NOW) != ()
        assert _one(connection, _RAW) == (0,)
        assert _one(connection, _DAYS) == (60, 9.0, 9.0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"outage_days_max": 45}, "compress_after_days: got 45: expected more than outage_days_max"),
        ({"keep_readings_days": 61}, "keep_readings_days: got 61: expected 0 or more than 61"),
    ],
)
def test_terms_that_would_lose_rows_are_refused(settings: dict[str, int], told: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=told):
        StorageConfig(**settings)


def test_timescale_compresses_only_what_no_agent_may_still_add_to(timescale_dsn: str) -> None:
    with psycopg.connect(timescale_dsn) as connection:
        _write(connection, 70, 4.0)
        _write(connection, KEEP.outage_days_max, 5.0)
        _age(connection, KEEP)
        chunks = connection.execute(
            "SELECT range_end < now() - interval '30 days', is_compressed FROM timescaledb_information.chunks"
            " WHERE hypertable_name = 'reading' ORDER BY range_start"
        ).fetchall()
        assert chunks[0] == (True, True)
        assert all(old for old, compressed in chunks if compressed)
        assert _one(connection, "SELECT count(*), min(temperature_celsius) FROM reading") == (120, 4.0)
        # A row of a day that is compressed already is not refused.
        _write(connection, 70, 4.5, count=1)
        assert _one(connection, _RAW) == (121,)


def test_the_jobs_of_timescale_keep_the_invariants(timescale_dsn: str) -> None:
    with psycopg.connect(timescale_dsn) as connection:
        settle_policies(connection, KEEP, NOW)
        (compress, drop, oldest_refresh, newest_refresh) = _one(
            connection,
            "SELECT min((config->>'compress_after')::interval), min((config->>'drop_after')::interval),"
            " max((config->>'start_offset')::interval), min((config->>'start_offset')::interval)"
            " FROM timescaledb_information.jobs j WHERE hypertable_name IS NOT NULL AND NOT EXISTS (SELECT"
            " FROM timescaledb_information.continuous_aggregates c"  # what is never dropped
            " WHERE c.view_name IN ('posting_day', 'stock_use_week')"
            " AND j.hypertable_name IN (c.view_name, c.materialization_hypertable_name))",
        )
    outage = timedelta(days=KEEP.outage_days_max)
    assert compress > outage
    assert newest_refresh > outage
    assert drop > oldest_refresh + timedelta(days=1)
    assert drop >= newest_refresh + outage
