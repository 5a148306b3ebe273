"""A small hospital in a real database, and a browser's view of the web application over it."""

import asyncio
import re
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from playwright.sync_api import Browser
from starlette.types import ASGIApp, Receive, Scope, Send

from cards.ntag424.desk_keys import DeskKeys
from cards.ntag424.keys import KeyMasters
from gateway.api.app import create_app
from gateway.api.web import make_web
from gateway.db.migrator import migrate
from gateway.db.partitions import make_partitions
from gateway.db.pool import Pool, open_pool
from gateway.people.people import People
from gateway.services.accounts import create_account, sign_in_link
from gateway.services.app_services import AppServices
from gateway.services.sessions import SessionPolicy
from gateway.taps.presence_token import PresenceTokens
from gateway.taps.tap_services import TapServices
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.fresh_rows import fresh_rows, keep_seed
from tests.gateway.people_kit import KEYS
from tests.gateway.web import browser_kit
from tests.gateway.web.hospital import seed_hospital

TOKENS = PresenceTokens(ec.generate_private_key(ec.SECP256R1()))
"""Proofs of presence at the small hospital's desks."""
TAG_MASTERS = KeyMasters({1: bytes(range(16))}, current=1)
"""Of its NTAG 424 cards."""


@dataclass
class MovableClock:
    """A clock that a test moves."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 2, 30, tzinfo=UTC))

    def __call__(self) -> datetime:
        """Now."""
        return self.now

    def forward(self, **length: float) -> None:
        """Let time pass."""
        self.now += timedelta(**length)


@dataclass(frozen=True)
class FakeLiveEvent:
    """As the feed hands it out."""

    live_event_id: int
    audience: str
    kind: str
    payload: Mapping[str, Any]


class FakeSubscription:
    """Hands out what the test puts in; ends when the test says so."""

    def __init__(self) -> None:
        self.queue: deque[FakeLiveEvent | None] = deque()
        self.news = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.closed = False

    def wake(self) -> None:
        """Something new is in the queue: from the test's thread, as the real feed's thread does."""
        self.loop.call_soon_threadsafe(self.news.set)

    def __aiter__(self) -> AsyncIterator[FakeLiveEvent]:
        """Itself."""
        return self

    async def __anext__(self) -> FakeLiveEvent:
        """The next one; None in the queue is the end."""
        while not self.queue:
            self.news.clear()
            await self.news.wait()
        event = self.queue.popleft()
        if event is None:
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        """Note it."""
        self.closed = True


@dataclass
class FakeFeed:
    """A feed without a database."""

    subscriptions: list[FakeSubscription] = field(default_factory=list)
    asked: list[tuple[int | None, frozenset[str]]] = field(default_factory=list)
    ready: list[FakeLiveEvent] = field(default_factory=list)
    ends: bool = False
    """Each subscription ends after what was ready."""

    def subscribe(self, after_id: int | None, audiences: Collection[str]) -> FakeSubscription:
        """A new one, with what is ready."""
        self.asked.append((after_id, frozenset(audiences)))
        subscription = FakeSubscription()
        subscription.queue.extend(event for event in self.ready if event.audience in audiences)
        if self.ends:
            subscription.queue.append(None)
        self.subscriptions.append(subscription)
        return subscription


@dataclass(frozen=True)
class WebSettings:
    """The part of the configuration that the pages read."""

    base_url: str = "http://testserver"
    time_zone: str = "Asia/Ho_Chi_Minh"


@dataclass
class WebWorld:
    """The application, its database, its clock and its feed."""

    app: FastAPI
    pool: Pool
    clock: MovableClock
    feed: FakeFeed
    address: str
    """Where the application is served."""
    browsers: list[httpx.Client] = field(default_factory=list)

    def browser(self) -> httpx.Client:
        """A browser that nobody is signed in with; problems come as JSON unless asked for as a page."""
        browser = httpx.Client(base_url=self.address, timeout=60, trust_env=False)
        self.browsers.append(browser)
        return browser

    def account(self, username: str, *roles: str, password: str | None = None) -> None:
        """Make an account."""
        with self.pool.connection() as connection:
            create_account(connection, username, username.title(), password, roles)

    def signed_in(self, *roles: str) -> httpx.Client:
        """A browser in which a new person with these roles has just signed in."""
        username = f"person-{uuid.uuid4().hex[:8]}"
        self.account(username, *roles)
        browser = self.browser()
        with self.pool.connection() as connection:
            link = sign_in_link(connection, username, "http://testserver", self.clock())
        answer = browser.post("/enter", data={"token": link.partition("token=")[2]})
        assert answer.status_code == 303, answer.text
        return browser

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with psycopg.connect(str(self.pool.conninfo)) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def execute(self, query: str, *values: object) -> None:
        """Change something behind the application's back."""
        with psycopg.connect(str(self.pool.conninfo)) as connection:
            connection.execute(query.encode(), values)


@pytest.fixture(scope="session")
def web_database(postgres_server: EmbeddedPostgres) -> str:
    """One database with the schema for all these tests; each begins with the small hospital as it is seeded."""
    dsn = postgres_server.create_database()
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        make_partitions(connection, MovableClock()())
    keep_seed(dsn)
    return dsn


def _seed_anew(dsn: str, now: datetime) -> None:
    """Forget what the test before has done."""
    with psycopg.connect(dsn) as connection:
        fresh_rows(connection)
        seed_hospital(connection, now)


class WebServer:
    """One real HTTP server for all tests, in a thread; it serves whichever application the test has just made."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self._kept: tuple[FastAPI | None, int] = (None, 0)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self._serve, log_level="error", timeout_graceful_shutdown=5, ws="none", lifespan="off", interface="asgi3"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended while starting"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.005)

    def application(self, services: AppServices, policy: SessionPolicy, heartbeat_s: float) -> FastAPI:
        """Serve these services. Routes take a third of a second to build: built once, unless a test added some."""
        is_usual = services.config.base_url == WebSettings.base_url
        kept, count = self._kept
        if not is_usual or kept is None or len(kept.routes) != count:
            app = create_app(services, policy, heartbeat_s=heartbeat_s)
            if is_usual:
                self._kept = (app, len(app.routes))
        else:
            app = kept
            app.state.web = make_web(services, policy, heartbeat_s=heartbeat_s)
        self.app = app
        return app

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "no application yet"
        await self.app(scope, receive, send)

    def stop(self) -> None:
        """End it and wait for it."""
        self._server.should_exit = True
        self._thread.join(60)
        self._socket.close()
        assert not self._thread.is_alive(), "the server did not end in time"


@pytest.fixture(scope="session")
def web_server() -> Iterator[WebServer]:
    """The HTTP server of the whole run."""
    server = WebServer()
    yield server
    server.stop()


@pytest.fixture
def make_world(web_database: str, web_server: WebServer) -> Iterator[Callable[..., WebWorld]]:
    """Build and serve the application over a database of its own."""
    worlds: list[WebWorld] = []

    def make(
        *, base_url: str = "http://testserver", policy: SessionPolicy | None = None, heartbeat_s: float = 15.0
    ) -> WebWorld:
        clock, feed = MovableClock(), FakeFeed()
        _seed_anew(web_database, clock())
        pool = open_pool(web_database)
        services = AppServices(
            pool=pool,
            config=WebSettings(base_url),
            clock=clock,
            live=feed,
            people=People(KEYS, clock),
            taps=TapServices(TOKENS, lambda: DeskKeys.of(TAG_MASTERS), "028 3829 5723"),
        )
        app = web_server.application(services, policy or SessionPolicy(), heartbeat_s)
        worlds.append(WebWorld(app, pool, clock, feed, web_server.address))
        return worlds[-1]

    yield make
    for made in worlds:
        made.app.state.web.stop_live()
        for browser in made.browsers:
            browser.close()
        made.pool.close()


@pytest.fixture
def world(make_world: Callable[..., WebWorld]) -> WebWorld:
    """The application over the small hospital."""
    return make_world()


def csrf_token(browser: httpx.Client) -> str:
    """The session's token, as a page has it."""
    token: str = browser.get("/api/v1/session").json()["csrf_token"]
    return token


def text_of(html: str) -> str:
    """What a person reads of a page: no tags, one space between words."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


@pytest.fixture(name="csrf_token")
def csrf_token_fixture() -> Callable[[httpx.Client], str]:
    """`csrf_token` for tests (test modules can't import each other)."""
    return csrf_token


@pytest.fixture(name="text_of")
def text_of_fixture() -> Callable[[str], str]:
    """`text_of` for tests."""
    return text_of


@pytest.fixture(scope="module", name="chromium")
def chromium_fixture() -> Iterator[Browser]:
    """One for the tests of a module."""
    with browser_kit.chromium() as browser:
        yield browser
