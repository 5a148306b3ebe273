"""`medtap bench query --stock`: every page and API read of the warehouse on two years of a hospital's books.

The books are filled once (`stock_years`), then the work in hand (`stock_work`), and proven; then each read is asked of
the application itself (`stock_asking`), for other products, lots, packs and days each time.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from gateway.collector import calm_collector
from gateway.db.migrator import migrate
from gateway.stock.series import verify_day_sums
from gateway.stock.verify import verify_books
from medtap.bench.stock_asking import DatabaseCpu, ask_everything
from medtap.bench.stock_plan import Size
from medtap.bench.stock_work import add_work
from medtap.bench.stock_world import World
from medtap.bench.stock_years import fill_warehouse
from medtap.services.errors import ServiceError
from medtap.services.postgres import EmbeddedPostgres

_SERVER: Final = {"shared_buffers": "512MB", "maintenance_work_mem": "1GB", "max_wal_size": "8GB", "work_mem": "16MB"}
LIMIT_MS: Final = 300
"""What a read may take, p95."""


@dataclass(frozen=True)
class StockOptions:
    """What is measured."""

    movements: int = 5_000_000
    runs: int = 40
    """How often each read is asked for, and each act done."""
    seed: int = 1
    dsn: str | None = None
    """A database to use: empty, or filled by an earlier run of this size."""
    keep: Path | None = None
    """Keep the embedded server's data here; a later run begins with it."""
    only: str = ""
    """Time only reads whose name holds this text: no proof, no act."""

    @property
    def size(self) -> Size:
        """The whole warehouse, or a smaller one of the same proportions."""
        full = Size()
        share = self.movements / full.movements
        if share >= 1:
            return Size(movements=self.movements)
        return Size(
            products=max(8, round(full.products * share)),
            lots=max(16, round(full.lots * share)),
            packs=round(full.packs * share),
            movements=self.movements,
        )


def measure_stock(options: StockOptions, say: Callable[[str], None]) -> Mapping[str, Any]:
    """Fill (or take up) the books, prove them, then time every read and what a pharmacist waits for.

    Returns:
        `rows` (movements and postings), `movements`, `database_mb`, `fill_s`, `verify_s`, `day_sums_s`; `reads`,
        `acts` and `refused` as `Asked` has them, and `over_limit`: names of reads whose p95 is over `limit_ms`.

    Raises:
        ServiceError: the server did not come up, the database holds something else, or a page could not be shown.
    """
    server = None if options.dsn else EmbeddedPostgres(durable=False, settings=_SERVER, keep=options.keep)
    try:
        if server is not None:
            server.start()
        dsn = options.dsn or ""
        if server is not None:
            dsn = server.create_database() if options.keep is None else server.dsn()
        migrate(dsn)
        began = time.monotonic()
        until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        until = fill_warehouse(dsn, options.size, until=until, seed=options.seed, say=say)
        with psycopg.connect(dsn, autocommit=True) as connection:
            add_work(connection, until, say)
        figures: dict[str, Any] = {"fill_s": round(time.monotonic() - began, 1)}
        if not options.only:
            say("proof of the books")
            figures |= _prove(dsn)
        say("reads")
        database = DatabaseCpu(server.pid if server is not None else None)
        with psycopg.connect(dsn, autocommit=True) as connection:
            world = World(connection, until, options.seed)
            asking = ask_everything(dsn, world, options.runs, database=database, say=say, only=options.only)
            with calm_collector():
                asked = asyncio.run(asking)
    finally:
        if server is not None:
            server.stop()
    over = [read["name"] for read in asked.reads if read["p95_ms"] > LIMIT_MS]
    return {**figures, "limit_ms": LIMIT_MS, "over_limit": over, **vars(asked)}


def _prove(dsn: str) -> dict[str, Any]:
    with psycopg.connect(dsn) as connection:
        began = time.monotonic()
        books = verify_books(connection)
        proven = time.monotonic()
        sums = verify_day_sums(connection)
        summed = time.monotonic()
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    if not books.ok or not sums.ok:
        raise ServiceError(f"the books are not right: {books.examples[:3]!r}, {sums!r}")
    return {
        "rows": books.movements + sums.postings,
        "movements": books.movements,
        "postings": sums.postings,
        "day_sums": sums.day_sums,
        "database_mb": round((size[0] if size else 0) / 1e6),
        "verify_s": round(proven - began, 1),
        "day_sums_s": round(summed - proven, 1),
    }
