"""Fixtures of the gateway's tests."""

from collections.abc import Iterator

import pytest

from tests.gateway.ingest_kit import Database


@pytest.fixture
def database(postgres_dsn: str) -> Iterator[Database]:
    """A migrated database with a site in it, and a committer on it."""
    database = Database(postgres_dsn)
    yield database
    database.close()
