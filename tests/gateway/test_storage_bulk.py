"""The two ways of writing readings, against a real PostgreSQL: they store the same, and refuse the same."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.db import bulk
from gateway.db.bulk import COLUMNS, write_readings
from gateway.db.pool import Connection, Pool, PooledConnection, open_pool, takes_copy
from gateway.ingest.rows import ReadingRow
from tests.gateway.ingest_kit import NOW, Database

pytestmark = pytest.mark.integration

_TIMES = st.datetimes(datetime(2024, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
_INT4 = st.integers(-(2**31), 2**31 - 1)
_INT8 = st.integers(-(2**63), 2**63 - 1)
_ROWS = st.lists(
    st.builds(
        ReadingRow,
        _TIMES,
        _INT4,
        st.floats(allow_nan=False),
        _TIMES,
        st.none() | _TIMES,
        _INT4,
        _INT8,
        _INT4,
        _INT8,
    ),
    max_size=20,
)


def _stored(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT {', '.join(COLUMNS)} FROM reading".encode()).fetchall()  # noqa: S608 - constants


@given(_ROWS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_copy_and_arrays_store_exactly_the_rows(database: Database, rows: list[ReadingRow]) -> None:
    with psycopg.connect(database.dsn) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for write in (bulk._copy, bulk._insert):  # noqa: SLF001 - each way by itself
            write(connection, rows)
            expected = [tuple(getattr(row, name) for name in COLUMNS) for row in rows]
            assert sorted(_stored(connection), key=repr) == sorted(expected, key=repr)
            connection.rollback()


@pytest.mark.parametrize("copy", [True, False])
def test_a_number_out_of_range_stores_nothing(shared_pool: Pool, database: Database, copy: bool) -> None:
    good = ReadingRow(NOW, 1, 4.5, NOW, None, 1, 1, 1, 1)
    bad = ReadingRow(NOW, 2**31, 4.5, NOW, None, 1, 2, 1, 1)
    with shared_pool.connection() as connection:
        assert isinstance(connection, PooledConnection)
        known, connection.takes_copy = connection.takes_copy, copy
        with pytest.raises(Exception, match=r"out of range|format requires"), connection.transaction():
            write_readings(connection, [good, bad])
        assert _stored(connection) == []
        connection.takes_copy = known


def test_more_rows_than_one_piece_or_one_insert_holds(
    shared_pool: Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_UNNEST_ROWS_MAX", 700)
    rows = [ReadingRow(NOW + timedelta(seconds=n), 1, 4.5, NOW, None, 1, n, 1, n) for n in range(2500)]
    for copy in (True, False):
        with shared_pool.connection() as connection, connection.transaction(force_rollback=True):
            assert isinstance(connection, PooledConnection)
            known, connection.takes_copy = connection.takes_copy, copy
            write_readings(connection, rows)
            assert connection.execute("SELECT count(*), count(DISTINCT seq) FROM reading").fetchone() == (2500, 2500)
            connection.takes_copy = known


def test_a_pool_asks_its_server_once_what_it_can_do(database: Database) -> None:
    pool = open_pool(database.dsn, connections_max=4)
    with pool.connection() as first, pool.connection() as second:
        assert [takes_copy(first), takes_copy(second)] == [True, True]
        assert isinstance(second, PooledConnection)
        assert second.takes_copy is True
        second.takes_copy = False
        assert not takes_copy(second)
    pool.close()
