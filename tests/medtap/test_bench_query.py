"""The query benchmark, small: what it fills and asks is what the pages ask."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from gateway.db.migrator import migrate
from gateway.services.reads_series import resolution_for, series
from medtap.bench.query import measure_queries
from medtap.bench.year_of_readings import fill

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
