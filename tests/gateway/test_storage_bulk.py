"""The two ways of writing readings, against a real PostgreSQL: they store the same, and refuse the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.db import bulk
from gateway.db.bulk import COLUMNS, write_readings
from gateway.db.migrator import migrate
from gateway.db.pool import Abilities, Connection, Pool, PooledConnection, abilities, open_pool
from gateway.ingest.rows import ReadingRow
from tests.gateway.ingest_kit import NOW, Database

pytestmark = pytest.mark.integration

_TIMES = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
_INT4 = st.integers(-(2**31), 2**31 - 1)
_INT8 = st.integers(-(2**63), 2**63 - 1)
_ROWS = st.lists(
    st.builds(
        ReadingRow,
        _TIMES,
        _INT4,
        st.floats(allow_nan=False),
        st.datetimes(datetime(2027, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - as above
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
            assert sorted(_stored(connection), key=repr) == sorted((tuple(row) for row in rows), key=repr)
            connection.rollback()


@contextmanager
def _pretending(connection: Connection, *, takes_copy: bool) -> Iterator[None]:
    """As if the server took COPY, or did not."""
    assert isinstance(connection, PooledConnection)
    known = connection.abilities
    connection.abilities = Abilities(takes_copy=takes_copy, marks_dirty=True)
    yield
    connection.abilities = known


@pytest.mark.parametrize("copy", [True, False])
def test_a_number_out_of_range_stores_nothing(shared_pool: Pool, database: Database, copy: bool) -> None:
    good = ReadingRow(NOW, 1, 4.5, NOW, None, 1, 1, 1, 1)
    bad = ReadingRow(NOW, 2**31, 4.5, NOW, None, 1, 2, 1, 1)
    with shared_pool.connection() as connection, _pretending(connection, takes_copy=copy):
        with pytest.raises(Exception, match=r"out of range|format requires"), connection.transaction():
            write_readings(connection, [good, bad])
        assert _stored(connection) == []


def test_more_rows_than_one_piece_or_one_insert_holds(
    shared_pool: Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_UNNEST_ROWS_MAX", 700)
    rows = [ReadingRow(NOW + timedelta(seconds=n), 1, 4.5, NOW, None, 1, n, 1, n) for n in range(2500)]
    for copy in (True, False):
        with shared_pool.connection() as connection, connection.transaction(force_rollback=True):
            with _pretending(connection, takes_copy=copy):
                write_readings(connection, rows)
            assert connection.execute("SELECT count(*), count(DISTINCT seq) FROM reading").fetchone() == (2500, 2500)


def test_a_pool_asks_its_server_once_what_it_can_do(database: Database) -> None:
    pool = open_pool(database.dsn, connections_max=4)
    with pool.connection() as first, pool.connection() as second:
        assert abilities(first) is abilities(second)
        assert abilities(first) == Abilities(takes_copy=True, marks_dirty=True)
    pool.close()


def test_a_pool_opened_before_the_tables_were_made_asks_again(postgres_dsn: str) -> None:
    pool = open_pool(postgres_dsn, connections_max=1)
    with pool.connection() as connection:
        assert abilities(connection) == Abilities(takes_copy=False, marks_dirty=False)
    migrate(postgres_dsn)
    with pool.connection() as connection:
        assert abilities(connection).marks_dirty
    pool.close()
