"""The gateway's connection pool."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

Connection = psycopg.Connection[TupleRow]
"""A connection whose rows are tuples, as the pool lends it."""
Pool = ConnectionPool[Connection]


@dataclass(frozen=True)
class Abilities:
    """What writing the time series has to know of a server."""

    takes_copy: bool
    """PostgreSQL compiled to WebAssembly ends the session at the first COPY."""
    marks_dirty: bool
    """Native partitions: the sums by minute, hour and day are kept by us, so we must know where rows came in."""


class PooledConnection(psycopg.Connection[TupleRow]):
    """One that knows what its server can do."""

    abilities: Abilities | None = None


def abilities(connection: Connection) -> Abilities:
    """Known for a pool's connections; any other is asked, once for each call."""
    known = connection.abilities if isinstance(connection, PooledConnection) else None
    return known or _ask(connection) or Abilities(takes_copy=False, marks_dirty=False)


def takes_copy(connection: Connection) -> bool:
    """False for PostgreSQL compiled to WebAssembly."""
    row = connection.execute("SELECT version()").fetchone()
    return row is not None and "Emscripten" not in str(row[0])


def _ask(connection: Connection) -> Abilities | None:
    """None as long as there are no tables."""
    row = connection.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('reading')").fetchone()
    return None if row is None else Abilities(takes_copy(connection), bool(row[0]))


def _teach() -> Callable[[Connection], None]:
    """Tell each new connection of one pool what the first of them found out."""
    known: list[Abilities] = []

    def teach(connection: Connection) -> None:
        if not known:
            found = _ask(connection)
            connection.commit()
            if found is None:
                return
            known.append(found)
        if isinstance(connection, PooledConnection):
            connection.abilities = known[0]

    return teach


def open_pool(dsn: str, *, connections_max: int = 12) -> Pool:
    """A pool that checks each connection before it is lent: after a restart of the server nobody gets a dead one.

    Every session speaks UTC and gives up a lock after 30 s and a statement after 60 s: a forgotten psql must not stop
    the ingest for ever. No statement is compiled (jit) or done by several processes: pages ask short questions that the
    planner thinks long; compiling, or starting processes, takes longer than the answer, and they are needed elsewhere.
    """
    pool: Pool = ConnectionPool(
        dsn,
        connection_class=PooledConnection,
        configure=_teach(),
        min_size=min(2, connections_max),
        max_size=connections_max,
        timeout=10.0,
        # The pool stops trying for itself after this time, and begins again when somebody asks for a connection.
        reconnect_timeout=60.0,
        check=ConnectionPool.check_connection,
        kwargs={
            "application_name": "medtap-gateway",
            "options": "-c TimeZone=UTC -c jit=off -c max_parallel_workers_per_gather=0"
            " -c lock_timeout=30s -c statement_timeout=60s",
            "connect_timeout": 5,
        },
        name="gateway",
        open=False,
    )
    pool.open(wait=False)
    return pool
