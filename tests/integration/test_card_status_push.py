"""From the state of a card to its refusal at a desk: gateway, broker and edge agent real, silicon simulated."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from edge.agent import Agent
from edge.config import parse
from edge.status import NodeStatus, read_status
from firmware_sim.field import Field
from firmware_sim.piv_card import PivCard
from firmware_sim.pn532 import Pn532
from firmware_sim.type4 import IsoDepTag
from gateway.bootstrap import Gateway
from gateway.config import GatewayConfig, HttpConfig, MqttConfig
from gateway.people.config import PeopleConfig
from gateway.people.keys import read_keys
from gateway.people.people import People
from gateway.services.site_file import import_site, parse_site
from gateway.taps.card_states import set_card_state
from gateway.taps.signing_keys import own_status_key
from medtap.services.broker import EmbeddedBroker
from tests.edge.simulated_cards import SimulatedCards

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

DEADLINE_S = 120.0
"""Far above the five seconds that are promised: a busy machine."""
CARDS = SimulatedCards()


class Morning:
    """A gateway, a broker of its own, and one desk with a reader."""

    def __init__(self, directory: Path, dsn: str, broker: EmbeddedBroker) -> None:
        self.directory = directory
        self.dsn = dsn
        self.broker = broker
        self.site = f"t{secrets.token_hex(4)}"
        self.field = Field()
        self.cards = [CARDS.card() for _ in range(3)]
        (directory / "card-ca.pem").write_bytes(CARDS.ca.certificate_pem)

    @property
    def gateway_config(self) -> GatewayConfig:
        return GatewayConfig(
            dsn=self.dsn,
            mqtt=MqttConfig(host=self.broker.host, port=self.broker.port, client_id=f"gw-{self.site}"),
            http=HttpConfig(port=0),
            people=PeopleConfig(key_file=self.directory / "people-keys.json"),
            trust_anchor_files=(self.directory / "card-ca.pem",),
        )

    def furnish(self) -> None:
        """Patients with their cards; the gateway's own certificate for the desk."""
        where = {"site": self.site, "edge_node": "desk-1", "device_id": "reader", "place_id": "desk-1"}
        patients = [
            {
                "patient_id": f"00000000-0000-0000-0000-{number:012}",
                "patient_number": f"BN{number}",
                "full_name": "Trần Thị Bưởi",
                "birth_date": "2020-02-29",
                "sex": "female",
            }
            for number in range(len(self.cards))
        ]
        owned = zip(self.cards, patients, strict=True)
        site = {
            "places": [{"place_id": "desk-1", "kind": "desk", "name_vi": "Quầy 1", "name_en": "Desk 1"}],
            "devices": [where],
            "patients": patients,
            "cards": [{"card_id": card.guid.hex, "patient_id": one["patient_id"]} for card, one in owned],
        }
        people = People(read_keys(self.directory / "people-keys.json"), lambda: datetime.now(UTC))
        with psycopg.connect(self.dsn) as connection:
            import_site(connection, parse_site(site), people)
            certificate = own_status_key(connection, datetime.now(UTC)).certificate_pem
        (self.directory / "gateway-status.pem").write_bytes(certificate)

    @contextmanager
    def desk(self) -> Iterator[None]:
        """The edge agent, with its reader."""
        with Pn532(self.field, self.directory / "pn532") as reader:
            config = parse(
                f"""
                [node]
                site = "{self.site}"
                edge_node = "desk-1"
                state_dir = "state"
                [broker]
                host = "{self.broker.host}"
                port = {self.broker.port}
                [cards]
                trust_anchor_files = ["card-ca.pem"]
                status_signer_files = ["gateway-status.pem"]
                [[device]]
                device_id = "reader"
                driver = "nfc_pn532"
                path = "{reader.path}"
                poll_interval_s = 0.02
                """,
                self.directory,
            )
            stop = threading.Event()
            thread = threading.Thread(target=Agent(config).run, args=(stop,), name="agent")
            thread.start()
            try:
                yield
            finally:
                stop.set()
                thread.join()

    def status(self) -> NodeStatus | None:
        """What the agent says of itself."""
        try:
            return read_status(self.directory / "state" / "status.json")
        except FileNotFoundError:
            return None

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def say(self, card: PivCard, state: Any) -> None:  # noqa: ANN401 - a card state
        """At the card desk."""
        with psycopg.connect(self.dsn) as connection:
            set_card_state(connection, card.guid.hex, state, "clerk", "reported")

    def tap(self, card: PivCard) -> None:
        """Lay a card on the reader until the gateway has seen it, and take it away until it has seen that."""
        self._seen_changes(lambda: self.field.put(IsoDepTag(card)))
        self._seen_changes(self.field.take)

    def tap_cut_off(self, card: PivCard) -> None:
        """The same, where nobody but the edge node itself can see it."""
        self._kept_there(lambda: self.field.put(IsoDepTag(card)))
        self._kept_there(self.field.take)

    def _kept_there(self, act: Callable[[], object]) -> None:
        asked_at = datetime.now(UTC)
        # What was kept until now stands in a status that is written from now on.
        eventually(lambda: (status := self.status()) is not None and status.written_at > asked_at)
        before = _events(self.status())
        act()
        eventually(lambda: _events(self.status()) > before)

    def _seen_changes(self, act: Callable[[], object]) -> None:
        query = "SELECT count(*) FROM live_event WHERE kind IN ('tap', 'card_removed')"
        before = self.rows(query)[0][0]
        act()
        eventually(lambda: self.rows(query)[0][0] > before)

    def newest_tap(self, count: int) -> tuple[Any, ...]:
        """What became of the tap with this number, once the gateway has it."""
        eventually(lambda: self.rows("SELECT count(*) FROM tap")[0][0] >= count)
        return self.rows("SELECT edge_verdict, edge_card_state, outcome, difference FROM tap ORDER BY epoch_key, seq")[
            count - 1
        ]


def _events(status: NodeStatus | None) -> int:
    return 0 if status is None else status.events_committed


def eventually(condition: Callable[[], object], within_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def morning(tmp_path: Path, postgres_dsn: str) -> Iterator[Morning]:
    broker = EmbeddedBroker()
    broker.start()
    try:
        yield Morning(tmp_path, postgres_dsn, broker)
    finally:
        broker.stop()


def test_a_revoked_card_is_refused_at_a_connected_desk_and_one_lost_during_a_cut_is_found_out_after_it(
    morning: Morning, capsys: pytest.CaptureFixture[str]
) -> None:
    revoked, lost, good = morning.cards
    gateway = Gateway(morning.gateway_config)
    gateway.start()
    try:
        morning.furnish()
        with morning.desk():
            eventually(lambda: (status := morning.status()) is not None and status.card_status is not None)
            morning.tap(revoked)
            assert morning.newest_tap(1) == ("genuine", "in_order", "checked_in", "")

            began = time.monotonic()
            morning.say(revoked, "revoked")
            eventually(lambda: _refused(morning.status()) == 1)
            with capsys.disabled():
                print(f"\nrevoke to list at the desk: {time.monotonic() - began:.2f} s (status.json: once a second)")  # noqa: T201 - a figure
            morning.tap(revoked)
            assert morning.newest_tap(2) == ("genuine", "revoked", "revoked_card", "")

            morning.broker.kill()
            morning.say(lost, "lost")
            morning.tap_cut_off(lost)
            morning.broker.start()
            assert morning.newest_tap(3) == ("genuine", "in_order", "lost_card", "accepted_there")
            # The broker has forgotten what it kept: the list comes again.
            eventually(lambda: _refused(morning.status()) == 2)
            morning.tap(lost)
            morning.tap(good)
            assert morning.newest_tap(4) == ("genuine", "lost", "lost_card", "")
            assert morning.newest_tap(5) == ("genuine", "in_order", "checked_in", "")
    finally:
        gateway.stop()


def _refused(status: NodeStatus | None) -> int:
    return -1 if status is None or status.card_status is None else status.card_status.cards
