"""Fixtures of the gateway's tests."""

from collections.abc import Iterator

import psycopg
import pytest

from gateway.db.migrator import migrate
from gateway.db.partitions import make_partitions
from gateway.db.pool import Pool, open_pool
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.ingest_kit import NOW, Database, empty_and_furnish


@pytest.fixture(scope="session")
def shared_pool(postgres_server: EmbeddedPostgres) -> Iterator[Pool]:
    """A pool on a migrated database that the tests of `database` use one after the other."""
    dsn = postgres_server.create_database()
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        make_partitions(connection, NOW)
    pool = open_pool(dsn, connections_max=16)
    yield pool
    pool.close()


@pytest.fixture
def database(shared_pool: Pool) -> Database:
    """A database with nothing but a site in it, and a committer on it."""
    dsn = str(shared_pool.conninfo)
    empty_and_furnish(dsn)
    return Database(dsn, shared_pool)
