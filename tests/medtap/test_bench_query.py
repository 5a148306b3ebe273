"""The query benchmark, small: what it fills and asks is what the pages ask."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from gateway.db.migrator import migrate
from gateway.services.reads_series import resolution_for, series
from medtap.bench.query import measure_queries
from medtap.bench.year_of_readings import fill
from medtap.services.errors import ServiceError

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)

pytestmark = pytest.mark.integration


def test_each_query_of_the_pages_is_timed_on_the_rows_that_were_asked_for(postgres_dsn: str) -> None:
    figures = measure_queries(sensors=3, days=40, runs=5, seed=1, dsn=postgres_dsn, say=lambda _line: None)
    assert figures["rows"] == 3 * 40 * 288
    assert [(query["name"], query["rows"]) for query in figures["queries"]] == [
        ("one sensor, a day", 288),
        ("one sensor, a month", 720),
        ("one sensor, a year", 960),
        ("all sensors now", 3),
    ]
    assert all(query["p95_ms"] >= query["p50_ms"] > 0 for query in figures["queries"])


@pytest.fixture
def kept() -> Iterator[Path]:
    """A directory that PostgreSQL's user can pass through."""
    directory = Path(tempfile.mkdtemp(prefix="medtap-kept-"))
    directory.chmod(0o755)
    yield directory / "year"
    shutil.rmtree(directory)


def test_a_database_that_was_kept_is_asked_again_without_being_filled(kept: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        figures = measure_queries(sensors=2, days=2, runs=5, seed=1, dsn=None, say=told.append, keep=kept)
    assert sum(line.startswith("day 0") for line in told) == 1
    assert told[-1].startswith("filled before, up to ")
    # An hour may have begun between the two.
    assert figures["rows"] in (2 * 2 * 288, 2 * 2 * 288 + 2 * 12)
    assert figures["queries"][-1]["rows"] == 2


def test_a_filled_database_is_brought_up_to_now_and_never_mixed(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    nine_days = [timedelta(days=n) for n in (0, 9)]
    rows = [fill(postgres_dsn, sensors=2, days=3, until=UNTIL + late, say=lambda _line: None) for late in nine_days]
    assert rows == [2 * 3 * 288, 2 * 12 * 288]
    with psycopg.connect(postgres_dsn) as connection:
        days = connection.execute("SELECT count(*), min(reading_count), max(reading_count) FROM reading_day").fetchone()
    assert days == (2 * 12, 288, 288)
    with pytest.raises(ServiceError, match="filled with 2 sensors for 3 days: say --sensors 2 --days 3"):
        fill(postgres_dsn, sensors=5, days=3, until=UNTIL, say=lambda _line: None)


def test_a_month_of_hours_says_the_same_as_its_readings(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    fill(postgres_dsn, sensors=2, days=3, until=UNTIL, say=lambda _line: None)
    with psycopg.connect(postgres_dsn) as connection:
        key = connection.execute("SELECT min(device_key) FROM device").fetchone()
        assert key is not None
        hours = series(connection, key[0], UNTIL - timedelta(days=3), UNTIL)
        readings = series(connection, key[0], UNTIL - timedelta(days=1), UNTIL)
    assert len(hours) == 72
    last_hour = [point for point in readings if point.at >= UNTIL - timedelta(hours=1)]
    assert len(last_hour) == hours[-1].reading_count == 12
    assert hours[-1].max_celsius == max(point.max_celsius for point in last_hour)
    assert hours[-1].mean_celsius == pytest.approx(sum(point.mean_celsius for point in last_hour) / 12)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(hours=36), "reading"),
        (timedelta(hours=36, seconds=1), "hour"),
        (timedelta(days=62), "hour"),
        (timedelta(days=63), "day"),
    ],
)
def test_a_longer_span_is_shown_coarser(span: timedelta, expected: str) -> None:
    assert resolution_for(UNTIL - span, UNTIL) == expected
