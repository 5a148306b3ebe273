"""A card desk without a network: simulated chips on a station, keys in a file, patients in the database."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cards.emergency.sealing import TerminalKeys
from cards.errors import CardGoneError
from cards.issuing.key_file import IssuingKeys, write_key_file
from cards.trust import TrustAnchors
from firmware_sim.apdu_server import ApduCard
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.piv_card import PivCard
from gateway.db.pool import Pool
from gateway.issuing.config import IssuingConfig
from gateway.issuing.doer import Doer
from gateway.issuing.hub import StationHub
from gateway.issuing.parts import Around, Issuing, assemble
from gateway.issuing.relay import AnswerWord, CardOnStation, CardWord, GoneWord, NoCardWord, Relay
from gateway.issuing.requests import CardRequest, NewRequest, create_request, read_request
from gateway.issuing.stations import enrol, make_station, read_station, set_task
from gateway.issuing.workbench import Workbench
from gateway.people.people import People
from gateway.people.person import NewPatient, Reader
from tests.gateway.people_kit import KEYS as PEOPLE_KEYS

BEGIN = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
PASSPHRASE = "bốn từ không ai nói cùng"  # noqa: S105 - of keys that are made anew in each run
KEYS = IssuingKeys.create("Test card CA", valid_from=BEGIN - timedelta(days=1), valid_until=BEGIN + timedelta(3650))
BASE_URL = "https://medtap.test"


class Chips:
    """Chips as they are delivered, each with its own UID."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - seeded chips

    def piv(self) -> PivCard:
        """A blank one."""
        return PivCard.blank(self._uid(), self._rng)

    def tag(self) -> Ntag424Card:
        """A blank one."""
        return Ntag424Card(self._uid(), self._rng)

    def _uid(self) -> bytes:
        return b"\x04" + self._rng.randbytes(6)


@dataclass
class FakeStation:
    """A reader whose APDUs need no network; a hand takes the card away at any command."""

    hub: StationHub
    station_id: uuid.UUID
    tells_uid: bool = True
    said: list[dict[str, Any]] = field(default_factory=list)
    gone_at: int = 1_000_000
    carried_out: bool = False
    commands: int = 0
    _card: ApduCard | None = None
    _presence: int = 0

    def __post_init__(self) -> None:
        """Connect."""
        self.relay = Relay(self._send)
        self.hub.attach(self.station_id, self.relay)

    def put(self, card: ApduCard) -> None:
        """Lay a card on it, and wait until all is done with it."""
        self._card, self.commands = card, 0
        self._presence += 1
        card.reset()
        uid = getattr(card, "uid", b"").hex() if self.tells_uid else ""
        self.hub.heard(self.station_id, self.relay, CardWord(type="card", presence=self._presence, uid=uid))
        self.settle()

    def take(self) -> None:
        """Take it away."""
        self._card = None
        self.hub.heard(self.station_id, self.relay, NoCardWord(type="no_card"))
        self.settle()

    def settle(self) -> None:
        """Until the worker has nothing left to do."""
        done: list[bool] = []
        worker = self.hub._worker(self.station_id)  # noqa: SLF001 - a test waits for the line
        assert worker is not None
        future = worker.do(lambda _card: done.append(True))
        future.exception(60)

    @property
    def outcomes(self) -> list[str]:
        """Codes of what came of the cards."""
        return [one["code"] for one in self.said if one.get("what") == "outcome"]

    def _send(self, message: Any) -> None:  # noqa: ANN401 - as on the wire
        if message["type"] == "say":
            self.said.append(dict(message))
            return
        number, self.commands = self.commands, self.commands + 1
        answer = None
        if self._card is not None and message["presence"] == self._presence:
            if number < self.gone_at or (number == self.gone_at and self.carried_out):
                answer = self._card.apdu(bytes.fromhex(message["apdu"]))
            if number >= self.gone_at:
                self._card.reset()
                answer = None
        if answer is None:
            self.relay.heard(GoneWord(type="gone", id=message["id"], why="pulled away"))
        else:
            self.relay.heard(AnswerWord(type="answer", id=message["id"], apdu=answer.hex()))


@dataclass
class CardDeskWorld:
    """The desk with its database, clock and keys."""

    pool: Pool
    issuing: Issuing
    people: People
    directory: Path
    now: datetime = BEGIN

    def doer(self, username: str = "lan") -> Doer:
        """Somebody, now."""
        return Doer(username, self.now)

    def patient(self, name: str = "Nguyễn Văn An", born: date = date(2019, 5, 4), **more: Any) -> uuid.UUID:  # noqa: ANN401
        """Register one."""
        with self.pool.connection() as connection:
            return self.people.register(connection, NewPatient(name, born, "male", **more), Reader("lan", "desk"))

    def request(self, patient_id: uuid.UUID | None = None, profile: Any = "piv", reason: Any = "first") -> CardRequest:  # noqa: ANN401
        """Ask for a card."""
        new = NewRequest(uuid.uuid4(), patient_id or self.patient(), profile, reason)
        with self.pool.connection() as connection:
            return create_request(connection, new, self.doer())

    def again(self, request: CardRequest) -> CardRequest:
        """The request as it stands."""
        with self.pool.connection() as connection:
            return read_request(connection, request.request_id)

    def station(self, name: str = "Bàn thẻ 1", **more: Any) -> FakeStation:  # noqa: ANN401
        """An enrolled, connected one."""
        with self.pool.connection() as connection:
            station_id, link = make_station(connection, name, None, BASE_URL, self.doer("admin"))
            enrol(connection, link.partition("#")[2], self.now)
        return FakeStation(self.issuing.hub, station_id, **more)

    def task(self, station: FakeStation, **what: uuid.UUID) -> None:
        """What the station is to do."""
        with self.pool.connection() as connection:
            set_task(connection, station.station_id, "lan", **what)

    def showing(self, station: FakeStation) -> dict[str, Any]:
        """What its screen shows."""
        with self.pool.connection() as connection:
            return dict(read_station(connection, station.station_id).showing)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self.pool.connection() as connection:
            return connection.execute(query.encode(), values).fetchall()

    @property
    def anchors(self) -> TrustAnchors:
        """Of the card CA."""
        return TrustAnchors((KEYS.certificate,))

    @property
    def terminal(self) -> TerminalKeys:
        """Of a terminal that may read emergency records and logs."""
        return TerminalKeys.of(KEYS.terminal_keys)


def keys_in(directory: Path, keys: IssuingKeys = KEYS) -> IssuingConfig:
    """The sealed file and its passphrase."""
    write_key_file(directory / "issuing.json", keys, PASSPHRASE, replacing=True)
    (directory / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    return IssuingConfig(key_file=directory / "issuing.json", passphrase_file=directory / "passphrase")


def make_world(pool: Pool, directory: Path) -> CardDeskWorld:
    """Everything but the network."""
    config = keys_in(directory)
    worlds: list[CardDeskWorld] = []

    def clock() -> datetime:
        return worlds[0].now if worlds else BEGIN

    people = People(PEOPLE_KEYS, clock)
    issuing = assemble(Around(pool, people, BASE_URL, ZoneInfo("Asia/Ho_Chi_Minh"), clock), config)
    worlds.append(CardDeskWorld(pool, issuing, people, directory))
    return worlds[0]


def on_bench(world: CardDeskWorld, station_id: uuid.UUID, card: ApduCard, *, gone_at: int, carried_out: bool) -> int:
    """A card on a station without threads, pulled away at a command; how many commands there were."""
    count = 0

    class Pulled(CardOnStation):
        def transmit(self, command: bytes) -> bytes:
            nonlocal count
            number, count = count, count + 1
            answer = card.apdu(command) if number < gone_at or (number == gone_at and carried_out) else None
            if answer is None or number >= gone_at:
                card.reset()
                raise CardGoneError("pulled away")
            return answer

    card.reset()
    relay = Relay(lambda _message: None)
    making = world.issuing.making
    bench = Workbench(world.pool, making.clock, world.issuing.keyring, making)
    bench.card_came(station_id, Pulled(relay, 1, getattr(card, "uid", b"").hex()), relay)
    return count
