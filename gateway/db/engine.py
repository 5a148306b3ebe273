"""Which engine keeps the time series: TimescaleDB's hypertables, or PostgreSQL's own partitions."""

import logging
from dataclasses import dataclass
from typing import Final, Literal

import psycopg

from gateway.db.pool import Connection
from gateway.errors import MigrationError

EngineName = Literal["timescaledb", "partitions"]
NEEDED_FUNCTIONS: Final = (
    "add_compression_policy",
    "add_continuous_aggregate_policy",
    "add_retention_policy",
    "by_range",
    "compress_chunk",
    "create_hypertable",
    "hypertable_detailed_size",
    "show_chunks",
    "time_bucket",
)
"""Of TimescaleDB 2.13 (November 2023), which brought the youngest of them, `by_range`."""
_MEND: Final = (
    'run ALTER EXTENSION timescaledb UPDATE after installing 2.13 or newer, or give [storage] timescale = "off"'
)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extension:
    """TimescaleDB as this database has it."""

    version: str
    license: str


def find_extension(connection: Connection) -> Extension | None:
    """The installed extension, if there is one."""
    row = connection.execute(
        "SELECT extversion, coalesce(current_setting('timescaledb.license', true), '') FROM pg_extension"
        " WHERE extname = 'timescaledb'"
    ).fetchone()
    return None if row is None else Extension(str(row[0]), str(row[1]))


def read_engine(connection: Connection) -> EngineName:
    """What keeps table `reading` of a migrated database.

    Raises:
        MigrationError: there is no such table, or it is not ours.
    """
    row = connection.execute(
        "SELECT (SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('reading')),"
        " to_regclass('schema_migration') IS NOT NULL"
    ).fetchone()
    plain, migrated = row or (None, False)
    if plain is None and migrated:
        raise MigrationError(
            "table 'reading' is gone, though the migration that makes it has run: someone dropped it; restore the last "
            "backup (medtap db restore)"
        )
    if plain is None:
        raise MigrationError("the database has no table 'reading': run medtap gateway migrate CONFIG")
    if not migrated:
        raise MigrationError(
            "the database has a table 'reading' and no list of migrations: it is another program's, or the list was "
            "dropped; let 'dsn' name an empty database, or restore the last backup (medtap db restore)"
        )
    return "partitions" if plain else "timescaledb"


def prepare_extension(connection: Connection, *, wanted: bool) -> bool:
    """Install TimescaleDB if the server has it loaded and lets us; True if it may be used in this database.

    Raises:
        MigrationError: it is installed but can't do what is needed.
    """
    if not wanted:
        return False
    extension = find_extension(connection)
    if extension is None and _loaded(connection):
        extension = _install(connection)
    if extension is None:
        return False
    missing = _missing(connection)
    if missing:
        raise MigrationError(f"TimescaleDB {extension.version} lacks {', '.join(missing)}: {_MEND}")
    refusal = _refusal(connection)
    if refusal:
        _LOG.warning(
            "TimescaleDB %s (licence %r) has no compression (%s): native partitions are used; to have it, set "
            "timescaledb.license = 'timescale' and restart the server before the first start on an empty database",
            extension.version,
            extension.license,
            refusal,
        )
    return not refusal


def late_extension_notice(connection: Connection) -> str:
    """What to tell someone whose database got TimescaleDB after its tables were made; empty if that is not so."""
    extension = find_extension(connection)
    if extension is None or read_engine(connection) == "timescaledb":
        return ""
    return (
        f"TimescaleDB {extension.version} is installed, but this database's time series stand in native partitions, "
        "which go on working: TimescaleDB is taken up only by a database that is empty at its first migration"
    )


def _loaded(connection: Connection) -> bool:
    """Creating an extension that the server did not preload would end the session."""
    row = connection.execute(
        "SELECT current_setting('timescaledb.max_background_workers', true) IS NOT NULL"
        " AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')"
    ).fetchone()
    return row is not None and bool(row[0])


def _install(connection: Connection) -> Extension | None:
    try:
        with connection.transaction():
            connection.execute("CREATE EXTENSION timescaledb")
    except psycopg.errors.InsufficientPrivilege as error:
        _LOG.warning(
            "TimescaleDB is there but may not be installed (%s): native partitions are used; to use it, run CREATE "
            "EXTENSION timescaledb as administrator before the first start",
            error.diag.message_primary,
        )
        return None
    return find_extension(connection)


def _refusal(connection: Connection) -> str:
    """Why readings can't be compressed; empty if they can. Tried: under the Apache licence the functions exist too."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE TABLE medtap_trial (at timestamptz NOT NULL)")
            connection.execute("SELECT create_hypertable('medtap_trial', by_range('at'))")
            connection.execute("ALTER TABLE medtap_trial SET (timescaledb.compress)")
    except psycopg.errors.FeatureNotSupported as error:
        return error.diag.message_primary or "not supported"
    return ""


def _missing(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = name)",
        (list(NEEDED_FUNCTIONS),),
    )
    return sorted(str(row[0]) for row in rows)
