"""The gateway's connection pool."""

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

Connection = psycopg.Connection[TupleRow]
"""A connection whose rows are tuples, as the pool lends it."""
Pool = ConnectionPool[Connection]


def open_pool(dsn: str, *, connections_max: int = 12) -> Pool:
    """A pool that checks each connection before it is lent: after a restart of the server nobody gets a dead one.

    Every session speaks UTC and gives up a lock after 30 s and a statement after 60 s: a forgotten psql must not stop
    the ingest for ever.
    """
    pool: Pool = ConnectionPool(
        dsn,
        min_size=2,
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
