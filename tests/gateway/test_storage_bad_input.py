"""Databases that can't be used: each is one line that names the mend, and nothing is changed."""

import re
import threading
import time

import psycopg
import pytest
from psycopg import sql

from gateway.config import StorageConfig
from gateway.db.engine import late_extension_notice
from gateway.db.migrator import Migration, migrate, read_migrations
from gateway.db.partitions import make_partitions
from gateway.db.status import read_status
from gateway.errors import MigrationError, StartError
from medtap.services.ports import free_port
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.ingest_kit import NOW
from tests.gateway.timescale_fixture import TimescaleServer

pytestmark = pytest.mark.integration


def _as_user(postgres_server: EmbeddedPostgres, dsn: str, name: str) -> str:
    """The DSN of a new user without rights."""
    with psycopg.connect(dsn) as connection:
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'")
        connection.execute(statement.format(sql.Identifier(name)))
    return re.sub("//.*@", f"//{name}:secret@", dsn)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda dsn: re.sub(":[^:@/]*@", ":wrong@", dsn),
            "password authentication failed.*; correct user and password",
        ),
        (lambda dsn: dsn + "_gone", 'database ".*_gone" does not exist; correct the database\'s name'),
        (lambda dsn: re.sub(":[0-9]+/", f":{free_port()}/", dsn), "; start the server, or correct host and port"),
        (lambda _: "postgresql:/u:secret@nowhere/x", "the DSN is not understood .*; write it as postgresql://"),
        (lambda _: "host=no-such-host.invalid", "; correct the host"),
    ],
)
def test_a_wrong_dsn_is_one_line_with_the_mend(postgres_dsn: str, change: object, told: str) -> None:
    assert callable(change)
    with pytest.raises(StartError, match=told) as caught:
        migrate(change(postgres_dsn))
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_user_that_may_not_create_tables_is_told_what_to_grant(
    postgres_server: EmbeddedPostgres, postgres_dsn: str
) -> None:
    dsn = _as_user(postgres_server, postgres_dsn, "poor")
    with pytest.raises(
        MigrationError, match=r"may not create tables: permission denied.*grant it CREATE on the schema"
    ):
        migrate(dsn)


def test_the_tables_of_another_user_are_not_touched(postgres_server: EmbeddedPostgres, postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    dsn = _as_user(postgres_server, postgres_dsn, "stranger")
    with pytest.raises(MigrationError, match=r"belong to another database user.*let 'dsn' name their owner"):
        migrate(dsn)


def test_a_standby_is_named_as_what_it_is(postgres_dsn: str) -> None:
    with pytest.raises(MigrationError, match="read-only: let 'dsn' name the primary server"):
        migrate(f"{postgres_dsn}?options=-c%20default_transaction_read_only%3Don")


def test_a_ledger_with_a_hole_is_half_a_migration(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("DELETE FROM schema_migration WHERE number = 2")
    with pytest.raises(
        MigrationError, match=r"lists '0003_accounts\.sql' but not '0002_domain\.sql'.*restore the last"
    ):
        migrate(postgres_dsn)


def test_a_migration_cut_off_in_the_middle_never_happened(postgres_dsn: str) -> None:
    slow = (*read_migrations(), Migration(99, "0099_slow.sql", "CREATE TABLE half (); SELECT pg_sleep(60);"))
    told: list[StartError] = []

    def run() -> None:
        try:
            migrate(postgres_dsn, migrations=slow)
        except StartError as error:
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 60
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        # The server is stopped, or the program killed, while the last file runs.
        while not connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'medtap-migrate'"
            " AND wait_event = 'PgSleep'"
        ).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        thread.join()
        assert len(told) == 1
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    assert len(migrate(postgres_dsn).applied) == len(read_migrations())


def test_a_database_that_gains_the_extension_later_goes_on_and_says_so(timescale_server: TimescaleServer) -> None:
    dsn = timescale_server.bare()
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        make_partitions(connection, NOW)
        assert late_extension_notice(connection) == ""
        connection.execute("CREATE EXTENSION timescaledb")
        assert "stand in native partitions, which go on working" in late_extension_notice(connection)
        assert make_partitions(connection, NOW) == ()
    status = read_status(dsn, StorageConfig(), NOW)
    assert (status.engine, status.extension_version is not None) == ("partitions", True)
    assert "only by a database that is empty at its first migration" in status.notice
