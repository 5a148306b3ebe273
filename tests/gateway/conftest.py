"""Fixtures of the gateway's tests."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.ingest_kit import Database, prepare

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def site_template(postgres_server: EmbeddedPostgres) -> str:
    """Name of a database with schema, partitions and a site, to be copied: faster than migrating for each test."""
    dsn = postgres_server.create_database()
    prepare(dsn)
    return psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]  # type: ignore[return-value] # a name in any DSN of ours


@pytest.fixture
def database(postgres_server: EmbeddedPostgres, site_template: str) -> Iterator[Database]:
    """A migrated database with a site in it, and a committer on it."""
    name = f"gateway_{next(_NUMBERS)}"
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(site_template))
        connection.execute(copy)
    database = Database(postgres_server.dsn(name))
    yield database
    database.close()
