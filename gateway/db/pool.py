"""The gateway's connection pool."""

from collections.abc import Callable

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

Connection = psycopg.Connection[TupleRow]
"""A connection whose rows are tuples, as the pool lends it."""
Pool = ConnectionPool[Connection]


class PooledConnection(psycopg.Connection[TupleRow]):
    """One that knows what its server can do."""

    takes_copy: bool | None = None


def takes_copy(connection: Connection) -> bool:
    """True if COPY may be used. PostgreSQL compiled to WebAssembly ends the session at the first COPY.

    Known for a pool's connections; any other is asked, once for each call.
    """
    known = connection.takes_copy if isinstance(connection, PooledConnection) else None
    return _ask(connection) if known is None else known


def _ask(connection: Connection) -> bool:
    row = connection.execute("SELECT version()").fetchone()
    return row is not None and "Emscripten" not in str(row[0])


def _teach() -> Callable[[Connection], None]:
    """Tell each new connection of one pool what the first of them found out."""
    known: list[bool] = []

    def teach(connection: Connection) -> None:
        if not known:
            known.append(_ask(connection))
            connection.commit()
        if isinstance(connection, PooledConnection):
            connection.takes_copy = known[0]

    return teach


def open_pool(dsn: str, *, connections_max: int = 12) -> Pool:
    """A pool that checks each connection before it is lent: after a restart of the server nobody gets a dead one.

    Every session speaks UTC and gives up a lock after 30 s and a statement after 60 s: a forgotten psql must not stop
    the ingest for ever.
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
            "options": "-c TimeZone=UTC -c lock_timeout=30s -c statement_timeout=60s",
            "connect_timeout": 5,
        },
        name="gateway",
        open=False,
    )
    pool.open(wait=False)
    return pool
