"""What the database is made of now: engine, parts, sizes, what waits, what happens next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from gateway.config import StorageConfig
from gateway.db.engine import EngineName, find_extension, late_extension_notice, read_engine
from gateway.db.migrator import misfit
from gateway.db.partitions import Month
from gateway.db.pool import Connection
from gateway.db.reach import why_unreachable
from gateway.db.rollups import SLOT
from gateway.errors import StartError

COUNTED_ROWS_MAX: Final = 5_000_000
"""Above this the planner's estimate stands for a count that would take seconds."""
_SERIES: Final = {
    "reading": "occurred_at",
    "event": "occurred_at",
    "reading_minute": "bucket",
    "reading_hour": "bucket",
    "reading_day": "bucket",
    "posting": "occurred_at",
    "posting_day": "bucket",
    "stock_use_week": "bucket",
}
_DAYS: Final = {"reading": "reading_day", "event": "event", "posting": "posting_day"}
"""Whose first and last bucket say from when to when a large series goes; no index of the series begins with time."""


@dataclass(frozen=True)
class SeriesStatus:
    """One table of a time series (temperatures, events, stock), or of its sums."""

    table: str
    parts: int
    """Chunks or partitions; 1 for a plain table."""
    compressed_parts: int
    rows: int
    rows_are_estimated: bool
    size_bytes: int
    bytes_a_row: float | None
    oldest: datetime | None
    newest: datetime | None
    oldest_uncompressed: datetime | None
    """Begin of the oldest chunk that is not compressed; partitions never are."""


@dataclass(frozen=True)
class PolicyStatus:
    """Something that happens by itself."""

    table: str
    what: str
    next_at: datetime | None
    """None: as soon as the gateway's housekeeping, or TimescaleDB's scheduler, comes to it."""


@dataclass(frozen=True)
class DatabaseStatus:
    """All of it."""

    engine: EngineName
    server_version: str
    extension_version: str | None
    newest_migration: str
    server_generation: str
    database_bytes: int
    bytes_a_reading: float | None
    oldest_uncompressed: datetime | None
    waiting_slots: int
    """Ten-minute slots whose sums are behind their readings (native partitions only)."""
    rows_in_default_partitions: int
    """Rows outside every month that has a partition: late ones, if they are many."""
    series: Sequence[SeriesStatus]
    policies: Sequence[PolicyStatus]
    notice: str
    """What someone should do about it; empty: nothing."""


def read_status(dsn: str, config: StorageConfig, now: datetime) -> DatabaseStatus:
    """Look at it all in one transaction.

    Raises:
        StartError: the database can't be reached or read.
        MigrationError: it holds no tables of medtap.
    """
    try:
        with psycopg.connect(dsn, application_name="medtap-status", connect_timeout=10) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return _read(connection, config, now)
    except psycopg.Error as error:
        raise StartError(f"the database can't be read: {why_unreachable(error)}") from None


def _read(connection: Connection, config: StorageConfig, now: datetime) -> DatabaseStatus:
    engine = read_engine(connection)
    plain = engine == "partitions"
    extension = find_extension(connection)
    version = connection.info.server_version
    series = [_series(connection, engine, table) for table in _SERIES if _is_there(connection, table)]
    readings = series[0]
    return DatabaseStatus(
        engine=engine,
        server_version=f"{version // 10000}.{version % 10000}",
        extension_version=extension.version if extension else None,
        newest_migration=str(_value(connection, "SELECT name FROM schema_migration ORDER BY number DESC LIMIT 1")),
        server_generation=str(_value(connection, "SELECT generation FROM server")),
        database_bytes=int(_value(connection, "SELECT pg_database_size(current_database())")),
        bytes_a_reading=readings.bytes_a_row,
        oldest_uncompressed=readings.oldest_uncompressed,
        waiting_slots=int(_value(connection, "SELECT count(DISTINCT slot) FROM reading_dirty")) if plain else 0,
        rows_in_default_partitions=_in_default(connection) if plain else 0,
        series=series,
        policies=_housekeeping(config, now) if plain else _jobs(connection),
        notice="; ".join(filter(None, (misfit(connection), late_extension_notice(connection)))),
    )


def _is_there(connection: Connection, table: str) -> bool:
    """Not in a database of an older schema; `misfit` says so."""
    return bool(_value(connection, "SELECT to_regclass(%s) IS NOT NULL", table))


def _series(connection: Connection, engine: EngineName, table: str) -> SeriesStatus:
    parts, compressed, size, estimate, uncompressed = (
        _partitions(connection, table) if engine == "partitions" else _chunks(connection, table)
    )
    estimated = estimate > COUNTED_ROWS_MAX
    timed = _DAYS.get(table.partition("_")[0], table) if estimated else table
    names = {"table": sql.Identifier(timed), "time": sql.Identifier(_SERIES[timed])}
    ends = connection.execute(sql.SQL("SELECT min({time}), max({time}) FROM {table}").format(**names)).fetchone()
    oldest, newest = ends or (None, None)
    rows = estimate
    if not estimated:
        counted = connection.execute(sql.SQL("SELECT count(*) FROM {table}").format(**names)).fetchone()
        rows = int(counted[0]) if counted else 0
    return SeriesStatus(
        table=table,
        parts=parts,
        compressed_parts=compressed,
        rows=rows,
        rows_are_estimated=estimated,
        size_bytes=size,
        bytes_a_row=round(size / rows, 1) if rows else None,
        oldest=oldest,
        newest=newest,
        oldest_uncompressed=uncompressed if compressed else oldest,
    )


def _partitions(connection: Connection, table: str) -> tuple[int, int, int, int, datetime | None]:
    row = connection.execute(
        "SELECT count(*), coalesce(sum(pg_total_relation_size(relid)), 0),"
        " coalesce(sum(greatest(reltuples, 0)), 0)"
        # A plain table has no tree: it is its own and only part.
        " FROM (SELECT relid FROM pg_partition_tree(%(table)s) WHERE isleaf"
        " UNION SELECT oid FROM pg_class WHERE oid = %(table)s::regclass AND relkind = 'r') AS part"
        " JOIN pg_class ON oid = relid",
        {"table": table},
    ).fetchone()
    parts, size, estimate = row or (0, 0, 0)
    return int(parts), 0, int(size), int(estimate), None


def _chunks(connection: Connection, table: str) -> tuple[int, int, int, int, datetime | None]:
    hypertable = connection.execute(
        "SELECT coalesce((SELECT format('%%I.%%I', materialization_hypertable_schema, materialization_hypertable_name)"
        " FROM timescaledb_information.continuous_aggregates WHERE view_name = %(table)s), %(table)s)",
        {"table": table},
    ).fetchone()
    name = str(hypertable[0]) if hypertable else table
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE is_compressed), min(range_start) FILTER (WHERE NOT is_compressed)"
        " FROM timescaledb_information.chunks"
        " WHERE format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = %s::regclass",
        (name,),
    ).fetchone()
    parts, compressed, uncompressed = row or (0, 0, None)
    size = _value(connection, "SELECT total_bytes FROM hypertable_detailed_size(%s::regclass)", name)
    estimate = _value(connection, "SELECT approximate_row_count(%s::regclass)", name)
    return int(parts), int(compressed), int(size or 0), int(estimate or 0), uncompressed


def _in_default(connection: Connection) -> int:
    return sum(
        int(_value(connection, f"SELECT count(*) FROM {table}_default"))  # noqa: S608 - constants
        for table in ("reading", "event", "reading_minute", "posting")
        if _value(connection, "SELECT to_regclass(%s) IS NOT NULL", f"{table}_default")
    )


def _jobs(connection: Connection) -> list[PolicyStatus]:
    found = connection.execute(
        "SELECT coalesce(c.view_name, j.hypertable_name), j.proc_name || ' ' || j.config::text, j.next_start"
        " FROM timescaledb_information.jobs j LEFT JOIN timescaledb_information.continuous_aggregates c"
        " ON j.hypertable_name IN (c.view_name, c.materialization_hypertable_name)"
        " WHERE j.hypertable_name IS NOT NULL ORDER BY 1, 2"
    )
    return [PolicyStatus(str(table), str(what), next_at) for table, what, next_at in found]


def _housekeeping(config: StorageConfig, now: datetime) -> list[PolicyStatus]:
    """What the gateway's housekeeping does, as it is configured."""
    this = Month(now.astimezone(UTC).year, now.astimezone(UTC).month)
    policies = [
        PolicyStatus(
            "reading_minute", f"sums of the {SLOT.seconds // 60}-minute slots that got readings, each minute", None
        ),
        PolicyStatus("reading", "partition of the month after next", this.plus(1).start),
    ]
    if config.keep_readings_days:
        oldest = now.astimezone(UTC) - timedelta(days=config.keep_readings_days)
        due = Month(oldest.year, oldest.month).plus(1).start + timedelta(days=config.keep_readings_days)
        policies.append(PolicyStatus("reading", f"months older than {config.keep_readings_days} days dropped", due))
    return policies


def _value(connection: Connection, query: str, *parameters: object) -> Any:  # noqa: ANN401 - one column of any type
    row = connection.execute(query.encode(), parameters or None).fetchone()
    return None if row is None else row[0]
