"""`medtap bench query --stock`: every query and page of the warehouse on two years of a hospital's books.

Queries run one after the other over one connection, as the pages call them. Pages are asked of the application itself,
in this process, by a person who is signed in: routing, access, queries, templates. What a network and a browser add is
not in it. Each is asked for other products, lots, packs and days each time.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from gateway.api.app import create_app
from gateway.db.migrator import migrate
from gateway.db.pool import open_pool
from gateway.services import reads_pharmacy, reads_tags
from gateway.services.accounts import sign_in_link
from gateway.services.app_services import AppServices, LiveSubscriptionLike
from gateway.stock import catalogue, document_reads, recall
from gateway.stock.consumption import consumption, slow_movers, supply
from gateway.stock.expiry_risk import expiry_risk
from gateway.stock.holds import open_holds
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.series import scope_of, stock_at, stock_by_day, verify_day_sums
from gateway.stock.store_card import store_card_lines
from gateway.stock.verify import verify_books
from medtap.bench.percentiles import percentile
from medtap.bench.stock_plan import Size
from medtap.bench.stock_years import fill_warehouse
from medtap.services.errors import ServiceError
from medtap.services.postgres import EmbeddedPostgres

_SERVER: Final = {"shared_buffers": "512MB", "maintenance_work_mem": "1GB", "max_wal_size": "8GB", "work_mem": "16MB"}
_LIMIT: Final = 200
_DRAWN: Final = 200
Connection = psycopg.Connection[Any]
Ask = Callable[[], object]


@dataclass(frozen=True)
class StockOptions:
    """What is measured."""

    movements: int = 5_000_000
    runs: int = 40
    """How often each query and page is asked for."""
    seed: int = 1
    dsn: str | None = None
    """A database to use: empty, or filled by an earlier run of this size."""
    keep: Path | None = None
    """Keep the embedded server's data here; a later run begins with it."""

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


@dataclass(frozen=True)
class _World:
    connection: Connection
    draw: random.Random
    now: datetime
    products: list[str]
    lots: list[tuple[str, str]]
    packs: list[tuple[str, str, str]]

    def product(self) -> str:
        return self.draw.choice(self.products)

    def days(self, length: int) -> tuple[Any, Any]:
        last = self.now.astimezone(HOSPITAL_ZONE).date() - timedelta(days=self.draw.randrange(30))
        return last - timedelta(days=length), last


def measure_stock(options: StockOptions, say: Callable[[str], None]) -> Mapping[str, Any]:
    """Fill (or take up) the books, prove them, then time every query and page.

    Returns:
        `rows` (movements and postings), `movements`, `database_mb`, `fill_s`, `verify_s`, `day_sums_s`, and `queries`:
        `name`, `p50_ms`, `p95_ms`, and of pages `cpu_ms`, the processor time of this process in the middle.

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
        fill_s = time.monotonic() - began
        say("proof of the books")
        figures = {"fill_s": round(fill_s, 1), **_prove(dsn)}
        say("queries")
        with psycopg.connect(dsn, autocommit=True) as connection:
            world = _world(connection, until, options.seed)
            queries = [_timed(name, ask, options.runs) for name, ask in _queries(world).items()]
        say("pages")
        queries += _pages(dsn, world, options.runs)
    finally:
        if server is not None:
            server.stop()
    return {**figures, "queries": queries}


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


def _world(connection: Connection, now: datetime, seed: int) -> _World:
    def some(query: str) -> list[Any]:
        return connection.execute(query.encode(), {"limit": _DRAWN}).fetchall()

    return _World(
        connection,
        random.Random(seed),  # noqa: S311 - which product to ask for is no secret
        now,
        [row[0] for row in some("SELECT product_id FROM product ORDER BY md5(product_id) LIMIT %(limit)s")],
        some("SELECT product_id, lot FROM lot ORDER BY md5(lot) LIMIT %(limit)s"),
        some(
            "SELECT product_id, gtin, serial_number FROM pack TABLESAMPLE SYSTEM (5) ORDER BY md5(serial_number)"
            " LIMIT %(limit)s"
        )
        or some("SELECT product_id, gtin, serial_number FROM pack LIMIT %(limit)s"),
    )


def _queries(world: _World) -> dict[str, Ask]:
    connection, draw = world.connection, world.draw
    today = world.now.astimezone(HOSPITAL_ZONE).date()
    everywhere, dispensary = scope_of(connection), scope_of(connection, "bench-dispensary")
    scopes = (everywhere, dispensary)

    def lot() -> recall.Subject:
        product_id, name = draw.choice(world.lots)
        return recall.Subject(product_id, lot=name)

    def pack() -> recall.Subject:
        product_id, gtin, serial_number = draw.choice(world.packs)
        return recall.Subject(product_id, gtin=gtin, serial_number=serial_number)

    def moment() -> datetime:
        return world.now - timedelta(minutes=draw.randrange(700 * 1440))

    return {
        "pharmacy: newest scans": lambda: reads_pharmacy.latest_scans(connection, _LIMIT),
        "pharmacy: movements": lambda: reads_pharmacy.latest_movements(connection, _LIMIT, moment()),
        "pharmacy: stock on hand": lambda: reads_pharmacy.stock_on_hand(connection, _LIMIT),
        "pharmacy: tags": lambda: reads_tags.present_tags(connection, _LIMIT),
        "discrepancy queue": lambda: reads_pharmacy.open_discrepancies(connection, _LIMIT),
        "search by words": lambda: catalogue.search_products(connection, f"thuoc {draw.randrange(99):02d}", today),
        "search by code": lambda: catalogue.search_products(connection, world.product(), today),
        "product": lambda: catalogue.read_product(connection, world.product(), today),
        "places": lambda: catalogue.place_tree(connection),
        "below reorder point": lambda: catalogue.below_reorder_point(connection, today),
        "overview: supply": lambda: supply(connection, draw.choice(scopes), today),
        "expiry risk": lambda: expiry_risk(connection, draw.choice(scopes), today),
        "slow movers": lambda: slow_movers(connection, draw.choice(scopes), today),
        "series of a year": lambda: stock_by_day(connection, everywhere, world.product(), *world.days(365)),
        "consumption of a year": lambda: consumption(
            connection, everywhere, world.product(), "week", days=world.days(365)
        ),
        "stock of a product then": lambda: stock_at(
            connection, moment(), accounts=everywhere.inside, product_id=world.product()
        ),
        "store card of 90 days": lambda: store_card_lines(connection, everywhere, world.product(), world.days(90)),
        "recall of a lot": lambda: recall.trace(connection, lot()),
        "history of a pack": lambda: recall.trace(connection, pack()),
        "open holds": lambda: open_holds(connection, world.product()),
        "documents": lambda: document_reads.list_documents(connection, HOSPITAL_ZONE, offset=draw.randrange(1000)),
        "documents of a place": lambda: document_reads.list_documents(
            connection, HOSPITAL_ZONE, place_id=f"bench-ward-{draw.randint(1, 20)}", kind="issue"
        ),
    }


def _timed(name: str, ask: Ask, runs: int) -> dict[str, Any]:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return _figures(name, times)


def _figures(name: str, times: list[float], cpu: list[float] | None = None) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "name": name,
        "p50_ms": round(percentile(times, 0.5) * 1000, 2),
        "p95_ms": round(percentile(times, 0.95) * 1000, 2),
    }
    return figures if cpu is None else {**figures, "cpu_ms": round(percentile(cpu, 0.5) * 1000, 2)}


@dataclass(frozen=True)
class _Settings:
    base_url: str = "http://bench"
    time_zone: str = HOSPITAL_ZONE.key


class _NoFeed:
    """Pages are asked for, not followed."""

    def subscribe(self, after_id: int | None, audiences: Collection[str]) -> LiveSubscriptionLike:
        """Never called by a page.

        Raises:
            ServiceError: it was.
        """
        raise ServiceError(f"the benchmark follows no live page ({sorted(audiences)} after {after_id})")


def _page_addresses(world: _World) -> dict[str, Callable[[], str]]:
    draw = world.draw
    return {
        "page: pharmacy": lambda: "/pharmacy",
        "page: documents": lambda: "/work",
        "page: catalogue": lambda: "/catalogue",
        "page: search": lambda: f"/catalogue?q=thuoc%20{draw.randrange(99):02d}",
        "page: product": lambda: f"/catalogue/products/{world.product()}",
        "page: places, what runs short": lambda: "/catalogue/places",
        "page: stock": lambda: f"/stock?page={draw.randint(1, 3)}",
        "page: stock of a place": lambda: "/stock?place=bench-dispensary",
        "page: a product over time": lambda: f"/stock/products/{world.product()}?days=365&period=week",
        "page: expiry risk": lambda: "/stock/expiry-risk",
        "page: not used lately": lambda: "/stock/slow-movers",
        "file: store card of 30 days": lambda: (
            f"/stock/files/store-card.pdf?product_id={world.product()}&place=bench-main&first="
            f"{world.now.astimezone(HOSPITAL_ZONE).date() - timedelta(days=30)}"
        ),
        "file: overview as CSV": lambda: "/stock/files/overview.csv",
    }


def _pages(dsn: str, world: _World, runs: int) -> list[dict[str, Any]]:
    pool = open_pool(dsn)
    try:
        services = AppServices(pool=pool, config=_Settings(), clock=lambda: world.now, live=_NoFeed())
        app = create_app(services)
        with pool.connection() as connection:
            link = sign_in_link(connection, "bench", "http://bench", world.now)

        async def ask_all() -> list[dict[str, Any]]:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://bench", timeout=120) as browser:
                entered = await browser.post("/enter", data={"token": link.partition("token=")[2]})
                if entered.is_error:
                    raise ServiceError(f"nobody could sign in: {entered.status_code}")
                return [
                    await _timed_page(browser, name, address, runs) for name, address in _page_addresses(world).items()
                ]

        return asyncio.run(ask_all())
    finally:
        pool.close()


async def _timed_page(browser: httpx.AsyncClient, name: str, address: Callable[[], str], runs: int) -> dict[str, Any]:
    times, cpu = [], []
    for _ in range(runs):
        path = address()
        began, used = time.perf_counter(), time.process_time()
        answer = await browser.get(path)
        times.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
        if answer.status_code not in {200, 303}:
            raise ServiceError(f"{path} answered {answer.status_code}: {answer.text[:200]}")
    return _figures(name, times, cpu)
