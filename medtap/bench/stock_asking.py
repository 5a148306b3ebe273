"""Asks the application for every read of the warehouse, and does what a pharmacist waits for, as somebody signed in.

In this process: routing, access, queries, templates are in the times; what a network and a browser add is not.
"""

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from gateway.api.app import create_app
from gateway.db.pool import open_pool
from gateway.services.accounts import sign_in_link
from gateway.services.app_services import AppServices, LiveSubscriptionLike
from gateway.stock.lines import HOSPITAL_ZONE
from medtap.bench.people_keys import bench_people
from medtap.bench.percentiles import percentile
from medtap.bench.stock_routes import read_routes
from medtap.bench.stock_work import FIRST
from medtap.bench.stock_world import World
from medtap.services.errors import ServiceError

_BASE_URL: Final = "http://bench"
_TIMEOUT_S: Final = 120
_TICK_MS: Final = 10.0
"""Of processor time in /proc (USER_HZ is 100 on Linux)."""


@dataclass(frozen=True)
class Settings:
    """Of the application, as far as it asks."""

    base_url: str = _BASE_URL
    time_zone: str = HOSPITAL_ZONE.key


class NoFeed:
    """Pages are asked for, not followed."""

    def subscribe(self, after_id: int | None, audiences: Collection[str]) -> LiveSubscriptionLike:
        """Never called by a page.

        Raises:
            ServiceError: it was.
        """
        raise ServiceError(f"the benchmark follows no live page ({sorted(audiences)} after {after_id})")


@dataclass(frozen=True)
class DatabaseCpu:
    """Processor time of a server on this machine; of any other it is not known."""

    pid: int | None

    def used_ms(self) -> float:
        """Of the server and all its processes, those that ended too."""
        if self.pid is None:
            return 0.0
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
            return _ticks(self.pid, ended=True) + sum(_ticks(int(child)) for child in children)
        except OSError:  # no Linux, or a process has just ended
            return 0.0


def _ticks(pid: int, *, ended: bool = False) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return _TICK_MS * sum(map(int, fields[11:15] if ended else fields[11:13]))


class RefusedError(ServiceError):
    """A page or API read answered that this can't be asked: its cases in `stock_routes` say too little."""


@dataclass
class _Timer:
    database: DatabaseCpu
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    database_from_ms: float = 0.0

    def __post_init__(self) -> None:
        self.database_from_ms = self.database.used_ms()

    def figures(self, name: str) -> dict[str, Any]:
        """Percentiles over all that was timed."""
        told = {
            "name": name,
            "p50_ms": round(percentile(self.wall_s, 0.5) * 1000, 2),
            "p95_ms": round(percentile(self.wall_s, 0.95) * 1000, 2),
            "cpu_ms": round(percentile(self.cpu_s, 0.5) * 1000, 2),
        }
        if self.database.pid is not None:
            used_ms = self.database.used_ms() - self.database_from_ms
            told["database_cpu_ms"] = round(used_ms / len(self.wall_s), 1)
        return told


@dataclass
class Asked:
    """Figures of reads and of acts.

    Each has `name`, `p50_ms`, `p95_ms`, `cpu_ms` (processor time of this process, middle) and, where the server is on
    this machine, `database_cpu_ms` (of the server's processes, mean).
    """

    reads: list[dict[str, Any]] = field(default_factory=list)
    acts: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Reads that could not be asked so, and what was answered."""


@dataclass
class _Person:
    """At a browser, signed in."""

    browser: httpx.AsyncClient
    token: str = ""

    async def ask(self, timer: _Timer, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
        began, used = time.perf_counter(), time.process_time()
        answer = await self.browser.request(method, path, json=body, headers={"x-csrf-token": self.token})
        timer.wall_s.append(time.perf_counter() - began)
        timer.cpu_s.append(time.process_time() - used)
        if answer.is_error:
            message = f"{method} {path} answered {answer.status_code}: {answer.text[:200]}"
            raise (RefusedError if answer.is_client_error and method == "GET" else ServiceError)(message)
        return answer.json() if answer.headers.get("content-type", "").startswith("application/json") else None


async def ask_everything(
    dsn: str, world: World, runs: int, *, database: DatabaseCpu, say: Callable[[str], None], only: str = ""
) -> Asked:
    """Every read, then every act, so often; each time for other goods and days.

    Args:
        dsn: the database.
        world: what is asked for.
        runs: how often each is asked for.
        database: whose processor time is told too.
        say: takes one line for each read.
        only: reads whose name holds this text, and no act; empty: all.

    Raises:
        ServiceError: an act was refused, or something could not be shown.
    """
    pool = open_pool(dsn)
    try:
        services = AppServices(
            pool=pool, config=Settings(), clock=lambda: world.now, live=NoFeed(), people=bench_people(world.now)
        )
        app = create_app(services)
        with pool.connection() as connection:
            link = sign_in_link(connection, FIRST, _BASE_URL, world.now)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=_BASE_URL, timeout=_TIMEOUT_S) as browser:
            entered = await browser.post("/enter", data={"token": link.partition("token=")[2]})
            if entered.is_error:
                raise ServiceError(f"nobody could sign in: {entered.status_code}")
            person = _Person(browser, (await browser.get("/api/v1/session")).json()["csrf_token"])
            found = Asked()
            for route in read_routes(app):
                for case, told in route.cases.items():
                    if only in route.name(case):
                        timer = _Timer(database)
                        try:
                            for _ in range(runs):
                                await person.ask(timer, "GET", route.address(world, told))
                        except RefusedError as error:
                            found.refused[route.name(case)] = str(error)
                            say(f"  refused  {route.name(case)}: {error}")
                            continue
                        found.reads.append(timer.figures(route.name(case)))
                        say(f"{found.reads[-1]['p95_ms']:9.1f} ms  {route.name(case)}")
            if not only:
                found.acts += await _act(person, world, runs)
            return found
    finally:
        pool.close()


async def _act(person: _Person, world: World, runs: int) -> list[dict[str, Any]]:
    """A scan that is looked up, and a pack that goes to a ward: asked for, picked by its code, handed over."""
    acts = {
        name: _Timer(DatabaseCpu(None))
        for name in ("scan looked up", "issue asked for", "pack picked", "issue handed over")
    }
    for _ in range(runs):
        scan = {"texts": [world.draw("code")], "act": "issue", "from_place_id": "bench-main"}
        await person.ask(acts["scan looked up"], "POST", "/api/v1/work/scans", scan)
    for product_id, code in _packs(world, runs):
        document_id = uuid.uuid4()
        asked = {
            "document_id": str(document_id),
            "from_place_id": "bench-main",
            "to_place_id": "bench-ward-1",
            "lines": [{"product_id": product_id, "quantity": 30}],
        }
        await person.ask(acts["issue asked for"], "POST", "/api/v1/stock/issues", asked)
        there = f"/api/v1/stock/outgoing/{document_id}"
        await person.ask(acts["pack picked"], "POST", f"{there}/picks", {"pick_id": str(uuid.uuid4()), "code": code})
        await person.ask(acts["issue handed over"], "POST", f"{there}/hand-over", {})
    return [timer.figures(f"act: {name}") for name, timer in acts.items() if timer.wall_s]


def _packs(world: World, runs: int) -> Iterable[tuple[str, str]]:
    """Packs on the shelves that may be given out, of different lots."""
    return world.connection.execute(
        "SELECT DISTINCT ON (k.product_id, k.lot) k.product_id, '01' || k.gtin || '17'"
        " || to_char(k.expiry_date, 'YYMMDD') || '10' || k.lot || chr(29) || '21' || k.serial_number"
        " FROM pack k JOIN lot l USING (product_id, lot) JOIN product p USING (product_id)"
        " WHERE k.account_id LIKE 'place:bench-shelf-%%'"
        " AND k.units = 30 AND p.control_class = 'none' AND l.expiry_date > %(now)s::date + 60 AND NOT EXISTS"
        " (SELECT FROM stock_hold h WHERE h.product_id = k.product_id AND coalesce(h.lot, k.lot) = k.lot"
        " AND h.released_at IS NULL) AND NOT EXISTS (SELECT FROM stock_reservation r"
        " WHERE (r.product_id, r.lot) = (k.product_id, k.lot) AND r.state = 'pending')"
        " LIMIT %(runs)s",
        {"now": world.now, "runs": runs},
    ).fetchall()
