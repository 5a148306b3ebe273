"""Monthly partitions of the time series, made around now; what fits none of them lands in a default partition."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from psycopg import sql

from gateway.db.engine import read_engine
from gateway.db.pool import Connection

TIME_COLUMNS: Final = {
    "reading": "occurred_at",
    "event": "occurred_at",
    "reading_minute": "bucket",
    "posting": "occurred_at",
}
"""The partitioned tables, and what they are partitioned by."""
MONTHS_BEHIND: Final = 1
"""An outage is replayed into its own month; older rows are taken by the default partition."""
MONTHS_AHEAD: Final = 2
_LOCK_KEY: Final = 7203003


@dataclass(frozen=True)
class Month:
    """A calendar month in UTC."""

    year: int
    month: int

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    def plus(self, months: int) -> "Month":
        """The month so many months later (or earlier, if negative)."""
        years, month_index = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(years, month_index + 1)


def months_around(now: datetime) -> Iterator[Month]:
    """The months that shall have a partition at `now`."""
    this = Month(now.astimezone(UTC).year, now.astimezone(UTC).month)
    for offset in range(-MONTHS_BEHIND, MONTHS_AHEAD + 1):
        yield this.plus(offset)


def make_partitions(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Make what is missing; the names made. Rows of a new month that wait in the default partition move into it.

    Nothing is missing where TimescaleDB keeps the series: it makes its chunks by itself. Commits by itself, once. Safe
    to run while rows come in and from several gateways at once.
    """
    made = []
    with connection.transaction():
        if read_engine(connection) == "timescaledb":
            return ()
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        for table in TIME_COLUMNS:
            default = f"{table}_default"
            if not _exists(connection, default):
                statement = sql.SQL("CREATE TABLE {} PARTITION OF {} DEFAULT")
                connection.execute(statement.format(sql.Identifier(default), sql.Identifier(table)))
                made.append(default)
            for month in months_around(now):
                name = f"{table}_y{month.year:04d}m{month.month:02d}"
                if not _exists(connection, name):
                    _make_month(connection, table, name, month)
                    made.append(name)
    return tuple(made)


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
    return row is not None and bool(row[0])


def _make_month(connection: Connection, table: str, name: str, month: Month) -> None:
    """PostgreSQL refuses a partition whose rows stand in the default one: move them first, under its lock."""
    names = {
        "table": sql.Identifier(table),
        "name": sql.Identifier(name),
        "time": sql.Identifier(TIME_COLUMNS[table]),
        "waiting": sql.Identifier(f"{table}_default"),
        "low": sql.Literal(month.start),
        "high": sql.Literal(month.plus(1).start),
    }
    for statement in (
        "LOCK TABLE {waiting} IN ACCESS EXCLUSIVE MODE",
        "CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        """WITH moved AS (DELETE FROM {waiting} WHERE {time} >= {low} AND {time} < {high} RETURNING *)
           INSERT INTO {name} SELECT * FROM moved""",
        "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})",
    ):
        connection.execute(sql.SQL(statement).format(**names))
