"""Fixtures of the gateway's tests."""

from collections.abc import Iterator

import psycopg
import pytest

from gateway.db.migrator import migrate
from gateway.db.partitions import make_partitions
from gateway.db.pool import Pool, open_pool
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.fresh_rows import keep_seed
from tests.gateway.ingest_kit import NOW, Database, empty_and_furnish
from tests.gateway.timescale_fixture import series_dsn, timescale_dsn, timescale_server

__all__ = ["series_dsn", "timescale_dsn", "timescale_server"]  # fixtures


def pytest_configure(config: pytest.Config) -> None:
    """The marker of tests that run on TimescaleDB."""
    config.addinivalue_line("markers", "timescale_stack: needs Node and, once, the network for two npm packages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on TimescaleDB, by its fixtures."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "timescale_server" in names or parameters.get("series_dsn") == "timescaledb":
            item.add_marker("timescale_stack")


@pytest.fixture(scope="session")
def shared_pool(postgres_server: EmbeddedPostgres) -> Iterator[Pool]:
    """A pool on a migrated database that the tests of `database` use one after the other."""
    dsn = postgres_server.create_database()
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        make_partitions(connection, NOW)
    keep_seed(dsn)
    pool = open_pool(dsn, connections_max=16)
    yield pool
    pool.close()


@pytest.fixture
def database(shared_pool: Pool) -> Database:
    """A database with nothing but a site in it, and a committer on it."""
    dsn = str(shared_pool.conninfo)
    empty_and_furnish(dsn)
    return Database(dsn, shared_pool)
