"""The card desk over HTTP and WebSocket: a real server, and stations as they run at a desk, with simulated chips."""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from cards.errors import CardGoneError
from firmware_sim.apdu_server import ApduCard
from gateway.api.app import create_app
from gateway.services.accounts import create_account, sign_in_link
from gateway.services.app_services import AppServices
from gateway.services.live_feed import LiveFeed
from medtap.card_station.enrolment import Enrolment, enrol
from medtap.card_station.readers import Presence, StationReader
from medtap.card_station.station import Station
from tests.gateway.card_kit import CardDeskWorld

DEADLINE_S = 60.0


def until(found: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 - whatever it finds
    """Ask again and again until it is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (value := found()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)
    return value


class HandReader:
    """A station's reader on which a test lays simulated chips."""

    def __init__(self) -> None:
        self._doing: queue.SimpleQueue[ApduCard | None] = queue.SimpleQueue()
        self._silent = False
        self.gone_at = 1_000_000
        self._count = 0

    def put(self, card: ApduCard) -> None:
        """Lay it there."""
        self._count = 0
        card.reset()
        self._doing.put(card)

    def take(self) -> None:
        """Take away what lies there."""
        self._doing.put(None)

    def watch(self, presence: Presence, stop: threading.Event) -> None:
        """As `StationReader`."""
        while not stop.is_set():
            try:
                card = self._doing.get(timeout=0.05)
            except queue.Empty:
                continue
            presence.went()
            if card is not None:
                presence.came(getattr(card, "uid", b""), _Wire(self, card))

    def fell_silent(self) -> None:
        """As `StationReader`."""
        self._doing.put(None)

    def pulled(self) -> bool:
        """Whether the card is pulled away at this command."""
        self._count += 1
        return self._count > self.gone_at


@dataclass
class _Wire:
    reader: HandReader
    card: ApduCard

    def transmit(self, command: bytes) -> bytes:
        """As `cards.connection.CardConnection`."""
        answer = None if self.reader.pulled() else self.card.apdu(command)
        if answer is None:
            self.card.reset()
            raise CardGoneError("pulled away")
        return answer


@dataclass
class RunningStation:
    """A station as `medtap card station run` has it, in threads of the test."""

    enrolment: Enrolment
    reader: StationReader
    said: list[dict[str, Any]] = field(default_factory=list)

    def start(self) -> None:
        """Connect."""
        self._stop = threading.Event()
        self._failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="station under test")
        self._thread.start()

    def stop(self) -> None:
        """Leave, as with Ctrl-C."""
        self._stop.set()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def outcome(self, number: int) -> str:
        """Code of the so manieth outcome, from 0; waits for it."""
        return str(until(lambda: [one["code"] for one in self.said if one["what"] == "outcome"][number:], "outcome")[0])

    @property
    def ended_with(self) -> str:
        """Why it does not run any more; waits for it."""
        until(lambda: self._failure, "the station ends")
        return str(self._failure[0])

    def _run(self) -> None:
        try:
            Station(self.enrolment, self.reader, self.said.append).run(self._stop)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self._failure.append(error)


@dataclass
class CardServer:
    """The web application over a card desk."""

    world: CardDeskWorld
    address: str
    directory: Path
    browsers: list[httpx.Client] = field(default_factory=list)
    stations: list[RunningStation] = field(default_factory=list)

    def signed_in(self, *roles: str) -> "Person":
        """Somebody with these roles, in a browser."""
        username = f"p{uuid.uuid4().hex[:8]}"
        browser = httpx.Client(base_url=self.address, timeout=60, trust_env=False)
        self.browsers.append(browser)
        with self.world.pool.connection() as connection:
            create_account(connection, username, username.title(), None, roles)
            link = sign_in_link(connection, username, self.address, self.world.now)
        assert browser.post("/enter", data={"token": link.partition("token=")[2]}).status_code == 303
        return Person(browser, browser.get("/api/v1/session").json()["csrf_token"], username)

    def station(self, person: "Person", name: str = "Bàn thẻ", reader: StationReader | None = None) -> RunningStation:
        """A new one: made on the page, enrolled by its link, running."""
        link = person.act("new-station", name=name)["link"]
        enrolment = enrol(self.address, link, self.directory / f"{name}.json")
        running = self.running(enrolment, reader)
        until(lambda: [one for one in running.said if one["what"] == "connected"], "connected")
        return running

    def running(self, enrolment: Enrolment, reader: StationReader | None = None) -> RunningStation:
        """A station that is enrolled already."""
        running = RunningStation(enrolment, reader or HandReader())
        self.stations.append(running)
        running.start()
        return running


@dataclass(frozen=True)
class Person:
    """Somebody at the desk, by API and by pages."""

    browser: httpx.Client
    token: str
    username: str

    def act(self, name: str, /, **body: Any) -> dict[str, Any]:  # noqa: ANN401 - members of the act
        """An act that is done."""
        answer = self.browser.post(f"/api/v1/cards/acts/{name}", json=body, headers={"x-csrf-token": self.token})
        assert answer.status_code == 200, answer.text
        done: dict[str, Any] = answer.json()
        return done

    def refused(self, name: str, /, **body: Any) -> tuple[int, str]:  # noqa: ANN401 - as above
        """Status and code of an act that is refused."""
        answer = self.browser.post(f"/api/v1/cards/acts/{name}", json=body, headers={"x-csrf-token": self.token})
        return answer.status_code, answer.json()["code"]

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """What the API says."""
        answer = self.browser.get(f"/api/v1/cards{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, path: str) -> str:
        """A page."""
        answer = self.browser.get(path, headers={"accept": "text/html"}, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.text)
        return answer.text

    def form(self, name: str, /, **fields: str) -> httpx.Response:
        """An act by a page's form."""
        return self.browser.post(
            f"/cards/do/{name}", data={"csrf_token": self.token, **fields}, headers={"accept": "text/html"}
        )


@dataclass(frozen=True)
class _Settings:
    base_url: str = "http://testserver"
    time_zone: str = "Asia/Ho_Chi_Minh"


@contextmanager
def card_server(world: CardDeskWorld, directory: Path) -> Iterator[CardServer]:
    """The application over this desk, served on a port of its own."""
    live = LiveFeed(str(world.pool.conninfo), world.pool)
    services = AppServices(
        pool=world.pool,
        config=_Settings(),
        clock=world.issuing.making.clock,
        live=live,
        people=world.people,
        issuing=world.issuing,
    )
    config = uvicorn.Config(
        create_app(services),
        port=0,
        log_level="error",
        ws="websockets-sansio",
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    live.start()
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started or not thread.is_alive(), "the server is up")
    port = server.servers[0].sockets[0].getsockname()[1]
    made = CardServer(world, f"http://127.0.0.1:{port}", directory)
    try:
        yield made
    finally:
        for station in made.stations:
            station.stop()
        for browser in made.browsers:
            browser.close()
        live.close()
        server.should_exit = True
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
