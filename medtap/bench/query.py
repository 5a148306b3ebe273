"""`medtap bench query`: the pages' queries on a year of five-minute data."""

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from gateway.db.migrator import migrate
from gateway.services import reads_on_call, reads_series
from medtap.bench.percentiles import percentile
from medtap.bench.year_of_readings import fill
from medtap.services.postgres import EmbeddedPostgres

_SERVER: Final = {"shared_buffers": "512MB", "maintenance_work_mem": "1GB", "max_wal_size": "8GB", "work_mem": "64MB"}


def measure_queries(
    *,
    sensors: int,
    days: int,
    runs: int,
    seed: int,
    dsn: str | None,
    say: Callable[[str], None],
    keep: Path | None = None,
) -> Mapping[str, Any]:
    """Fill a database and time each query of the cold-chain pages on it, one after the other, over one connection.

    Args:
        sensors: how many thermometers.
        days: days of five-minute data of each (1,000 sensors and 365 days make 105 million rows).
        runs: how often each query is timed, each time for another sensor and span.
        seed: draws them.
        dsn: a database to use, not an embedded one: an empty one, or one that an earlier run filled to this size.
        say: takes one line of progress.
        keep: a directory for the embedded server's data; filled once, used again by later runs, never deleted.

    Returns:
        `rows`, `sensors`, `days`, `database_mb`, `fill_s`, and `queries`: `name`, `rows`, `p50_ms`, `p95_ms`.

    Raises:
        ServiceError: the server did not come up, or the database holds something else.
    """
    server = None if dsn else EmbeddedPostgres(durable=False, settings=_SERVER, keep=keep)
    try:
        if server is not None:
            server.start()
            dsn = server.create_database() if keep is None else server.dsn()
        migrate(dsn or "")
        began = time.monotonic()
        until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # "now" must have readings
        rows = fill(dsn or "", sensors=sensors, days=days, until=until, say=say)
        fill_s = time.monotonic() - began
        with psycopg.connect(dsn or "", autocommit=True) as connection:
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            queries = _time_all(connection, until=until, days=days, runs=runs, seed=seed)
    finally:
        if server is not None:
            server.stop()
    return {
        "rows": rows,
        "sensors": sensors,
        "days": days,
        "database_mb": round((size[0] if size else 0) / 1e6),
        "fill_s": round(fill_s, 1),
        "queries": queries,
    }


def _time_all(
    connection: psycopg.Connection[Any], *, until: datetime, days: int, runs: int, seed: int
) -> list[dict[str, Any]]:
    draw = random.Random(seed)  # noqa: S311 - which sensor to ask for is no secret
    keys = [row[0] for row in connection.execute("SELECT device_key FROM device WHERE site = 'bench'")]

    def span_of(length_days: int) -> Callable[[], int]:
        def ask() -> int:
            length = min(length_days, days)
            low = until - timedelta(days=draw.randint(length, days))
            return len(reads_series.series(connection, draw.choice(keys), low, low + timedelta(days=length)))

        return ask

    asked: dict[str, Callable[[], int]] = {
        "one sensor, a day": span_of(1),
        "one sensor, a month": span_of(30),
        "one sensor, a year": span_of(365),
        "all sensors now": lambda: len(reads_on_call.watched_places(connection)),
    }
    return [_time_one(name, ask, runs) for name, ask in asked.items()]


def _time_one(name: str, ask: Callable[[], int], runs: int) -> dict[str, Any]:
    times: list[float] = []
    rows = 0
    for _ in range(runs):
        began = time.perf_counter()
        rows = ask()
        times.append(time.perf_counter() - began)
    return {
        "name": name,
        "rows": rows,
        "p50_ms": round(percentile(times, 0.5) * 1000, 2),
        "p95_ms": round(percentile(times, 0.95) * 1000, 2),
    }
