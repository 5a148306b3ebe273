"""Migrations: numbered plain SQL files, each with its SHA-256 in the database, run under an advisory lock."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from gateway.db.engine import prepare_extension
from gateway.db.pool import Connection
from gateway.db.reach import start_error
from gateway.errors import MigrationError

DIRECTORY: Final = Path(__file__).parent / "migrations"
MIGRATION_LOCK_KEY: Final = 7203000
"""Advisory lock of whoever changes the whole schema: a migration, a restore."""
_FILE_NAME: Final = re.compile(r"\A([0-9]{4})_[a-z0-9_]+\.sql\Z")

_LEDGER: Final = """\
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL
)"""


@dataclass(frozen=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the text, as hexadecimal digits."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True)
class MigrationReport:
    """What was done, or would be (`dry_run`)."""

    already_applied: tuple[str, ...]
    applied: tuple[str, ...]
    dry_run: bool


def read_migrations(directory: Path = DIRECTORY) -> tuple[Migration, ...]:
    """The files in their order.

    Raises:
        MigrationError: a name out of form, or a number missing or doubled.
    """
    migrations = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.match(path.name)
        if match is None:
            raise MigrationError(f"migration file {path.name!r}: expected a name like 0001_delivery.sql; rename it")
        migrations.append(Migration(int(match[1]), path.name, path.read_text(encoding="utf-8")))
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise MigrationError(f"migration files are numbered {numbers}: expected 1, 2, 3, ...; install medtap anew")
    return tuple(migrations)


def migrate(
    dsn: str,
    *,
    dry_run: bool = False,
    migrations: Sequence[Migration] | None = None,
    timescale: bool = True,
    time_zone: str | None = None,
) -> MigrationReport:
    """Bring the database to this program's schema; all in one transaction, so that half a migration never stays.

    Args:
        dsn: Of the database.
        dry_run: Only say what would be done.
        migrations: Others than this program's files.
        timescale: Let TimescaleDB keep the time series of a new database, where the server has it.
        time_zone: IANA name of the zone of the hospital's days, by which stock is summed up. It is settled when the
            database gets its tables. None: that of the database, or of Ho Chi Minh City.

    Raises:
        MigrationError: an applied file was edited, the database is newer than this program, a statement failed, or the
            stock is summed up by the days of another zone.
        StartError: the database can't be reached, or was lost on the way; nothing was changed. DatabaseAwayError if the
            same may do later.
    """
    files = read_migrations() if migrations is None else tuple(migrations)
    try:
        return _migrate(dsn, files, _Wanted(dry_run=dry_run, timescale=timescale, time_zone=time_zone))
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise start_error(error) from None


def misfit(connection: Connection, files: Sequence[Migration] | None = None) -> str:
    """Why this program and a migrated database don't belong together, with the mend; empty if they do."""
    files = read_migrations() if files is None else files
    applied = _applied(connection)
    try:
        _check(applied, files)
    except MigrationError as error:
        return str(error)
    pending = [file.name for file in files[len(applied) :]]
    return f"not yet applied: {', '.join(pending)}; run medtap gateway migrate CONFIG" if pending else ""


@dataclass(frozen=True)
class _Wanted:
    dry_run: bool
    timescale: bool
    time_zone: str | None


def _migrate(dsn: str, files: Sequence[Migration], wanted: _Wanted) -> MigrationReport:
    with psycopg.connect(dsn, application_name="medtap-migrate", connect_timeout=10) as connection:
        # Held to the end of the transaction: of two gateways that start together the second finds the work done.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK_KEY,))
        applied = _applied(connection)
        _check(applied, files)
        pending = files[len(applied) :]
        if not wanted.dry_run and pending:
            _run(connection, pending, wanted)
        _check_zone(connection, wanted.time_zone)
        names = tuple(migration.name for migration in pending)
        return MigrationReport(tuple(name for name, _ in applied), names, wanted.dry_run)


def _applied(connection: Connection) -> list[tuple[str, str]]:
    row = connection.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return []
    try:
        return list(connection.execute("SELECT name, sha256 FROM schema_migration ORDER BY number"))
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"the tables belong to another database user: {error.diag.message_primary}; let 'dsn' name their owner"
        ) from None


def _check(applied: Sequence[tuple[str, str]], files: Sequence[Migration]) -> None:
    if len(applied) > len(files):
        raise MigrationError(
            f"the database has {len(applied)} migrations, this program knows {len(files)}: the database is newer; "
            f"install the version of medtap that made {applied[-1][0]!r}, or restore the backup taken before it"
        )
    known = {file.name for file in files}
    for (name, sha256), file in zip(applied, files, strict=False):
        if name != file.name and name in known:
            raise MigrationError(
                f"the database is half migrated: it lists {name!r} but not {file.name!r} before it; a row of "
                "schema_migration was deleted, or a file run by hand: restore the last backup (medtap db restore)"
            )
        if (name, sha256) != (file.name, file.sha256):
            raise MigrationError(
                f"migration {file.name!r} is not the one that was applied (as {name!r}, SHA-256 {sha256[:12]}; here "
                f"{file.sha256[:12]}): an applied file must never change; put it back and write a new migration"
            )


def _check_zone(connection: Connection, time_zone: str | None) -> None:
    """A day can't be cut anew: the gateway's days must be those by which stock was summed up from the first day on."""
    row = connection.execute("SELECT to_regproc('stock_zone') IS NOT NULL").fetchone()
    if time_zone is None or row is None or not row[0]:
        return
    settled = connection.execute("SELECT stock_zone()").fetchone()
    if settled is not None and settled[0] != time_zone:
        raise MigrationError(
            f"time_zone is {time_zone!r}, and this database sums up stock by the days of {settled[0]!r}, settled when"
            f" its tables were made: write time_zone = {settled[0]!r} into the configuration, or use an empty database"
        )


def _run(connection: Connection, pending: Sequence[Migration], wanted: _Wanted) -> None:
    _refuse_strangers(connection)
    try:
        connection.execute(_LEDGER)
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"the database user may not create tables: {error.diag.message_primary}; grant it CREATE on the schema"
        ) from None
    except psycopg.errors.ReadOnlySqlTransaction:
        raise MigrationError("the database is read-only: let 'dsn' name the primary server, not a standby") from None
    usable = prepare_extension(connection, wanted=wanted.timescale)
    connection.execute("SELECT set_config('medtap.timescaledb', %s, true)", ("on" if usable else "off",))
    if wanted.time_zone is not None:
        connection.execute("SELECT set_config('medtap.time_zone', %s, true)", (wanted.time_zone,))
    for migration in pending:
        try:
            connection.execute(migration.sql.encode())
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise MigrationError(
                f"migration {migration.name!r} failed and nothing was changed: {error.diag.message_primary or error}; "
                f"a table made by hand or by another program may stand in the way"
            ) from None
        connection.execute(
            "INSERT INTO schema_migration VALUES (%s, %s, %s, %s)",
            (migration.number, migration.name, migration.sha256, datetime.now(UTC)),
        )


def _refuse_strangers(connection: Connection) -> None:
    """A database without our list of migrations must not hold our tables either."""
    row = connection.execute(
        "SELECT to_regclass('schema_migration') IS NULL AND to_regclass('server') IS NOT NULL"
        " AND to_regclass('ingest_mark') IS NOT NULL"
    ).fetchone()
    if row is not None and row[0]:
        raise MigrationError(
            "the database is half migrated: it holds medtap's tables and no list of migrations (schema_migration): "
            "restore the last backup (medtap db restore)"
        )
