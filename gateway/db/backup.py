"""Backup and restore of the whole database; a restored one is another database to the edge nodes, and they replay.

A backup is one file in pg_dump's custom format. A restore is one transaction: what was there goes, what is in the file
comes, and a new `server.generation` is drawn; killed at any instant it has happened wholly or not at all. The new
generation stands in every Ack from then on, and by it each edge node asks for the marks anew and sends again what it
still keeps above them (`edge/delivery.py`).
"""

import contextlib
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import psycopg

from gateway.db.migrator import MIGRATION_LOCK_KEY
from gateway.db.pool import Connection, takes_copy
from gateway.db.postgres_tools import PostgresTools, environment, find_tools
from gateway.db.reach import why_unreachable
from gateway.errors import BackupError

GATEWAYS_GONE_WITHIN_S: Final = 10.0
"""A killed gateway's sessions live on until the server notices."""
_ROWS_AN_INSERT: Final = 1000
_CHUNK_BYTES: Final = 1 << 20
_TRANSACTION_TIMEOUT_SINCE: Final = 17
_TRANSACTION_TIMEOUT: Final = b"SET transaction_timeout = 0;\n"
"""Written by pg_restore 17 and newer for any server; an older server does not know the setting."""


@dataclass(frozen=True)
class BackupReport:
    """What was written."""

    file: str
    size_bytes: int
    duration_s: float
    server_version: str
    server_generation: str
    newest_migration: str


@dataclass(frozen=True)
class RestoreReport:
    """What was brought back."""

    file: str
    duration_s: float
    replaced: bool
    """True if the database had held medtap's tables before."""
    server_generation: str
    """The new one."""
    newest_migration: str


@dataclass(frozen=True)
class _Found:
    server_version: str
    server_major: int
    tables: frozenset[str]
    timescale: bool
    takes_copy: bool


def back_up(dsn: str, file: Path) -> BackupReport:
    """Write a consistent copy of the database to `file`, durable on return; the gateway may go on running.

    Raises:
        BackupError: the database can't be reached or read, a program is missing, or the file can't be written. An
            older file of that name is then untouched.
    """
    began = time.monotonic()
    with _connect(dsn) as connection:
        found = _look(connection)
        if "server" not in found.tables:
            raise BackupError("there is nothing to back up: the database holds no tables of medtap; is the DSN right?")
        generation, migration = _identity(connection)
    tools = find_tools(found.server_major)
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        _dump(tools, dsn, unfinished, found)
        size = unfinished.stat().st_size
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(file)
        _sync_directory(file.parent)
    except OSError as error:
        raise BackupError(f"backup {str(file)!r} can't be written: {error}; choose a place with room") from None
    finally:
        with contextlib.suppress(OSError):  # a read-only disk says so even of a file that is not there
            unfinished.unlink()
    return BackupReport(
        str(file), size, round(time.monotonic() - began, 3), found.server_version, generation, migration
    )


def restore(dsn: str, file: Path) -> RestoreReport:
    """Replace the database's content by the backup's, in one transaction, with a new server generation.

    The database may be empty or hold medtap's tables, which are then gone; nobody's sessions and one-time links of
    the backup's day live on. No gateway may be connected.

    Raises:
        BackupError: the file is not a whole backup, a gateway is running, the database holds tables of something
            else, or a right is missing. The database is then as it was.
    """
    began = time.monotonic()
    if not file.is_file():
        raise BackupError(f"backup {str(file)!r}: no such file")
    with _connect(dsn) as connection:
        found = _look(connection)
        _check_target(found)
        _wait_for_gateways(connection)
    tools = find_tools(found.server_major)
    needs_timescale = _check_archive(tools, file)
    if needs_timescale and not found.timescale:
        _check_available(dsn)
    _load(tools, dsn, file, replace(found, timescale=needs_timescale))
    with _connect(dsn) as connection:
        generation, migration = _identity(connection)
    duration_s = round(time.monotonic() - began, 3)
    return RestoreReport(str(file), duration_s, bool(found.tables), generation, migration)


def holds_medtap(dsn: str) -> bool:
    """True if the database has medtap's tables, so that a restore would replace them.

    Raises:
        BackupError: the database can't be reached.
    """
    with _connect(dsn) as connection:
        return "server" in _look(connection).tables


def _connect(dsn: str) -> Connection:
    try:
        return psycopg.connect(dsn, application_name="medtap-backup", connect_timeout=10, autocommit=True)
    except psycopg.Error as error:
        raise BackupError(f"the database can't be reached: {why_unreachable(error)}") from None


def _look(connection: Connection) -> _Found:
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    timescale = connection.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is not None
    version = connection.info.server_version
    return _Found(
        f"{version // 10000}.{version % 10000}",
        version // 10000,
        frozenset(row[0] for row in tables),
        timescale,
        takes_copy(connection),
    )


def _identity(connection: Connection) -> tuple[str, str]:
    """Generation and newest migration."""
    try:
        row = connection.execute(
            "SELECT generation, (SELECT name FROM schema_migration ORDER BY number DESC LIMIT 1) FROM server"
        ).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(f"{error.diag.message_primary}: use the database user that owns medtap's tables") from None
    if row is None:
        raise BackupError("table server is empty: the database is not one of medtap's")
    return str(row[0]), str(row[1])


def _check_target(found: _Found) -> None:
    if found.tables and not {"server", "schema_migration"} <= found.tables:
        some = ", ".join(sorted(found.tables)[:3])
        raise BackupError(
            f"the database holds tables that are not medtap's ({some}): restore into an empty database of its own"
        )
    if found.tables and found.timescale:
        raise BackupError(
            "a database with TimescaleDB can't be replaced in place: make an empty one (CREATE DATABASE), restore "
            "into that, and let 'dsn' name it"
        )


def _wait_for_gateways(connection: Connection) -> None:
    deadline = time.monotonic() + GATEWAYS_GONE_WITHIN_S
    while True:
        names = connection.execute(
            "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name IN ('medtap-gateway', 'medtap-live') LIMIT 1"
        ).fetchall()
        if not names:
            return
        if time.monotonic() > deadline:
            raise BackupError("a gateway is connected to the database: stop it (medtap gateway), then restore again")
        time.sleep(0.1)


def _check_available(dsn: str) -> None:
    with _connect(dsn) as connection:
        row = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    if row is None:
        raise BackupError(
            "the backup is of a database with TimescaleDB, which this server does not have: install the version that "
            "the backup was made with (shared_preload_libraries too), then restore again"
        )


def _dump(tools: PostgresTools, dsn: str, file: Path, found: _Found) -> None:
    command = tools.command("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(file))
    if not found.takes_copy:  # nor would the server that it is restored to
        command.append(f"--rows-per-insert={_ROWS_AN_INSERT}")
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, arguments composed above
        [*command, "--no-password"], env=environment(dsn), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        of_file = "output file" in done.stderr
        mend = "choose a place that can be written and has room" if of_file else "let 'dsn' name the tables' owner"
        raise BackupError(f"pg_dump failed: {_last_words(done.stderr)}; nothing was written to {file.parent}: {mend}")


def _check_archive(tools: PostgresTools, file: Path) -> bool:
    """True if it was made of a database with TimescaleDB."""
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, arguments composed here
        tools.command("pg_restore", "--list", str(file)), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BackupError(
            f"{str(file)!r} is not a backup that PostgreSQL {tools.major}'s pg_restore can read: "
            f"{_last_words(done.stderr)}; take a whole file, or the pg_restore of the version that wrote it"
        )
    if " TABLE public server " not in done.stdout:
        raise BackupError(f"{str(file)!r} is a backup of some other program's database: it has no table 'server'")
    return " EXTENSION - timescaledb" in done.stdout


def _load(tools: PostgresTools, dsn: str, file: Path, found: _Found) -> None:
    """pg_restore writes SQL, psql runs it between our first words and our last; no COMMIT without the whole file."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as read_said:
        psql = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program, no argument from outside
            tools.command(
                "psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--output=/dev/null"
            ),
            env=environment(dsn),
            stdin=subprocess.PIPE,
            stderr=said,
        )
        reader = subprocess.Popen(  # noqa: S603 - as above
            tools.command("pg_restore", "--no-owner", "--no-privileges", "--file=-", str(file)),
            stdout=subprocess.PIPE,
            stderr=read_said,
        )
        try:
            whole = _feed(reader, psql, found)
        finally:
            reader.kill()
            reader.wait()
            psql.wait()
            for pipe in (reader.stdout, psql.stdin):
                _close(pipe)
        if psql.returncode != 0 or not whole:
            said.seek(0)
            read_said.seek(0)
            words = _last_words((said.read() + read_said.read()).decode(errors="replace"))
            raise BackupError(f"{str(file)!r} was not restored, the database is as it was: {words}")


def _feed(reader: "subprocess.Popen[bytes]", psql: "subprocess.Popen[bytes]", found: _Found) -> bool:
    """True if everything up to the COMMIT was handed over."""
    if reader.stdout is None or psql.stdin is None:
        raise BackupError("no pipe to psql could be made")
    try:
        psql.stdin.write(_first_words(found).encode())
        first = True
        while chunk := reader.stdout.read(_CHUNK_BYTES):
            if first and found.server_major < _TRANSACTION_TIMEOUT_SINCE:
                chunk = chunk.replace(_TRANSACTION_TIMEOUT, b"", 1)
            first = False
            psql.stdin.write(chunk)
        whole = reader.wait() == 0
        if whole:
            psql.stdin.write(_LAST_WORDS.encode())
        psql.stdin.close()
    except BrokenPipeError:
        return False
    return whole


def _first_words(found: _Found) -> str:
    words = [
        "BEGIN;",
        "SET LOCAL lock_timeout = '30s';",
        f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK_KEY});",
    ]
    if found.tables:
        words += ["DROP SCHEMA public CASCADE;", "CREATE SCHEMA public;"]
    if found.timescale:
        words += ["CREATE EXTENSION IF NOT EXISTS timescaledb;", "SELECT timescaledb_pre_restore();"]
    return "\n".join(words) + "\n"


_LAST_WORDS: Final = """
SET search_path = public;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM timescaledb_post_restore();
    END IF;
END $$;
UPDATE server SET generation = replace(gen_random_uuid()::text, '-', '');
UPDATE login_session SET ended_at = now() WHERE ended_at IS NULL;
UPDATE one_time_link SET used_at = now() WHERE used_at IS NULL;
COMMIT;
"""


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with contextlib.suppress(BrokenPipeError):  # psql ended first; what it said is reported
            pipe.close()


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return " ".join(errors[:2])[:400] or "no reason given"


def _sync_directory(directory: Path) -> None:
    """The name is durable only when its directory is."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
