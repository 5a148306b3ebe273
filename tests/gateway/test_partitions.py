"""Partitions of the time series against a real PostgreSQL."""

from datetime import UTC, datetime

import psycopg
import pytest

from gateway.db.migrator import migrate
from gateway.db.partitions import Month, make_partitions, months_around

NOVEMBER = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


def test_months_cross_the_new_year() -> None:
    months = [(month.year, month.month) for month in months_around(NOVEMBER)]
    assert months == [(2026, 10), (2026, 11), (2026, 12), (2027, 1)]
    assert Month(2026, 1).plus(-1) == Month(2025, 12)


def _insert(connection: psycopg.Connection[tuple[object, ...]], occurred_at: datetime) -> None:
    connection.execute("INSERT INTO reading VALUES (%s, 1, 5.0, %s, NULL, 1, 1, 1, 1)", (occurred_at, occurred_at))


def _where(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, int]:
    rows = connection.execute("SELECT tableoid::regclass::text, count(*) FROM reading GROUP BY 1").fetchall()
    return {str(name): int(str(count)) for name, count in rows}


@pytest.mark.integration
def test_rows_outside_every_month_wait_in_the_default_partition_until_their_month_is_made(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection:
        made = make_partitions(connection, NOVEMBER)
        assert "reading_y2026m11" in made
        assert "event_default" in made
        _insert(connection, NOVEMBER)
        _insert(connection, datetime(2027, 3, 5, tzinfo=UTC))
        assert _where(connection) == {"reading_y2026m11": 1, "reading_default": 1}
        assert make_partitions(connection, NOVEMBER) == ()
        later = make_partitions(connection, datetime(2027, 2, 1, tzinfo=UTC))
        assert "reading_y2027m03" in later
        assert _where(connection) == {"reading_y2026m11": 1, "reading_y2027m03": 1}
