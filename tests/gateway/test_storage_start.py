"""The gateway's start on databases of every condition, by the command that an administrator types."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from gateway.bootstrap import Gateway
from gateway.config import GatewayConfig, HttpConfig, MqttConfig, StorageConfig
from gateway.db.engine import read_engine
from gateway.db.migrator import Migration, migrate, misfit, read_migrations
from gateway.db.reach import start_error
from gateway.db.status import read_status
from gateway.errors import DatabaseAwayError, MigrationError, StartError
from medtap.services.ports import free_port
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.ingest_kit import NOW
from tests.gateway.timescale_fixture import TimescaleServer

pytestmark = pytest.mark.integration


@contextmanager
def _running_gateway(dsn: str, directory: Path) -> Iterator["subprocess.Popen[str]"]:
    """`medtap gateway run`; standard output and error come on one pipe."""
    config = directory / "gateway.toml"
    config.write_text(f'dsn = "{dsn}"\n[http]\nport = 0\n[mqtt]\nport = {free_port()}\n')
    with subprocess.Popen(
        [sys.executable, "-m", "medtap", "gateway", "run", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _line_with(process: "subprocess.Popen[str]", words: str) -> str:
    """Read on until a line has these words; the test's time limit is the deadline."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        if words in line:
            return line
        seen.append(line)
    pytest.fail(f"{words!r} was never said: {''.join(seen)}")


def test_what_only_a_person_can_mend_ends_the_gateway_at_once_with_one_line(postgres_dsn: str, tmp_path: Path) -> None:
    wrong = re.sub(":[^:@/]*@", ":sesame@", postgres_dsn)
    with _running_gateway(wrong, tmp_path) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait() == 2
    last = said.splitlines()[-1]
    assert re.fullmatch(
        r"medtap: the database can't be used: .*password authentication failed.*; correct user and .* 'dsn'", last
    )
    assert "sesame" not in said
    assert "Traceback" not in said


def test_the_gateway_waits_for_a_database_that_is_away_and_begins_when_it_is_there(
    own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    dsn = own_postgres.create_database()
    own_postgres.halt()
    with _running_gateway(dsn, tmp_path) as process:
        told = _line_with(process, "the database can't be used")
        assert "Connection refused" in told
        assert told.rstrip().endswith("; start the server, or correct host and port in 'dsn'; waiting for it")
        assert "medtap:" not in told.split("Connection refused")[1]
        own_postgres.restart()
        _line_with(process, "medtap gateway: http://")
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait() == 0
    with psycopg.connect(dsn) as connection:
        assert misfit(connection) == ""


def test_a_gateway_that_waits_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with _running_gateway(f"postgresql://medtap@127.0.0.1:{free_port()}/medtap", tmp_path) as process:
        _line_with(process, "waiting for it")
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (psycopg.OperationalError('connection failed: FATAL: the database system is starting up"'), True),
        (psycopg.OperationalError("connection failed: FATAL: the database system is in recovery mode"), True),
        (
            psycopg.OperationalError("failed: FATAL: terminating connection due to unexpected postmaster exit"),
            True,
        ),
        (psycopg.OperationalError("could not receive data from server: Connection reset by peer"), True),
        (psycopg.OperationalError("connection failed: FATAL:  sorry, too many clients already"), True),
        (
            psycopg.OperationalError("connection failed: FATAL: could not write init file: No space left on device"),
            True,
        ),
        (psycopg.errors.DiskFull("could not extend file"), True),
        (psycopg.errors.AdminShutdown("terminating connection"), True),
        (psycopg.OperationalError('connection failed: FATAL:  password authentication failed for user "x"'), False),
        (psycopg.OperationalError("failed to resolve host 'no-such-host': Name or service not known"), False),
        (psycopg.errors.InsufficientPrivilege("permission denied for table reading"), False),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"), False),
        (psycopg.errors.UndefinedTable('relation "visit" does not exist'), False),
        (psycopg.ProgrammingError('missing "=" after "secret"'), False),
    ],
    ids=lambda value: " ".join(str(value).split()[-3:]),
)
def test_only_what_may_pass_by_itself_is_waited_for_and_each_has_its_mend(error: psycopg.Error, passes: bool) -> None:
    found = start_error(error)
    assert isinstance(found, DatabaseAwayError) == passes
    assert "; " in str(found)
    assert "is it running" not in str(found) or passes
    assert "secret" not in str(found)


def _user_with_select_only(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    return re.sub("//.*@", "//reader:secret@", dsn)


def test_a_user_that_may_read_but_not_write_is_told_which_user_to_take(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    config = GatewayConfig(
        dsn=_user_with_select_only(postgres_dsn), mqtt=MqttConfig(port=free_port()), http=HttpConfig(port=0)
    )
    with pytest.raises(StartError, match=r"permission denied .*; let 'dsn' name the user that owns") as caught:
        Gateway(config).start()
    assert not isinstance(caught.value, DatabaseAwayError)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("DELETE FROM schema_migration WHERE number = 2", r"half migrated: .*restore the last backup"),
        ("UPDATE schema_migration SET sha256 = 'a' WHERE number = 3", r"'0003_accounts\.sql' is not the one.*put it b"),
        ("INSERT INTO schema_migration VALUES (999, '0999_x.sql', 'a', now())", r"the database is newer; install the"),
    ],
)
def test_a_schema_that_does_not_fit_is_told_by_the_status_too(postgres_dsn: str, harm: str, told: str) -> None:
    migrate(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(harm.encode())
    assert re.search(told, read_status(postgres_dsn, StorageConfig(), NOW).notice)


def test_migrations_that_wait_are_told_with_the_command_that_applies_them(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    further = Migration(len(read_migrations()) + 1, "next.sql", "SELECT 1;")
    with psycopg.connect(postgres_dsn) as connection:
        assert misfit(connection) == ""
        told = misfit(connection, (*read_migrations(), further))
    assert told == "not yet applied: next.sql; run medtap gateway migrate CONFIG"


def test_tables_that_someone_dropped_are_not_made_anew_behind_the_data(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE reading RENAME TO reading_kept")
        with pytest.raises(MigrationError, match=r"table 'reading' is gone.*restore the last backup"):
            read_status(postgres_dsn, StorageConfig(), NOW)
        connection.execute("ALTER TABLE reading_kept RENAME TO reading")
        connection.execute("DROP TABLE schema_migration")
    with pytest.raises(MigrationError, match=r"half migrated: it holds medtap's tables and no list of migrations"):
        migrate(postgres_dsn)
    with pytest.raises(MigrationError, match="no list of migrations"):
        read_status(postgres_dsn, StorageConfig(), NOW)


def test_a_timescaledb_from_which_a_function_is_really_missing_is_refused_with_the_mend(
    timescale_server: TimescaleServer,
) -> None:
    dsn = timescale_server.fresh()
    with psycopg.connect(dsn, autocommit=True) as connection:
        signatures = connection.execute("SELECT oid::regprocedure::text FROM pg_proc WHERE proname = 'by_range'")
        for (signature,) in signatures.fetchall():
            for words in ("ALTER EXTENSION timescaledb DROP FUNCTION {}", "DROP FUNCTION {}"):
                connection.execute(sql.SQL(words).format(sql.SQL(signature)))
    with pytest.raises(
        MigrationError, match=r"TimescaleDB 2\.\S* lacks by_range: run ALTER EXTENSION timescaledb UPDATE .*\"off\""
    ):
        migrate(dsn)
    migrate(dsn, timescale=False)
    with psycopg.connect(dsn) as connection:
        assert read_engine(connection) == "partitions"


def test_a_timescaledb_under_the_apache_licence_is_left_alone_and_partitions_are_used(
    timescale_server: TimescaleServer, caplog: pytest.LogCaptureFixture
) -> None:
    dsn = timescale_server.fresh()
    timescale_server.restart_without_licence()
    migrate(dsn)
    assert re.search(
        r"has no compression \(.*current.*license.*\): native partitions are used; to have it", caplog.text
    )
    with psycopg.connect(dsn) as connection:
        assert read_engine(connection) == "partitions"
        assert connection.execute("SELECT to_regclass('medtap_trial')").fetchone() == (None,)
