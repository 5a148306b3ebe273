"""A tap becomes at most one visit a day, and only of a card that proves itself. Real PostgreSQL, real signatures."""

import random
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cards.trust import TrustAnchors
from edge.contracts.observations import CardEvidence, CardPresented, CardRemoved
from firmware_sim.card_ca import CardCa, draw_key
from gateway.ingest.decoder import decode
from gateway.services.site_file import import_site, parse_site
from tests.gateway.ingest_kit import NOW, Database, Node
from tests.gateway.people_kit import people_of

pytestmark = pytest.mark.integration

VALID = (NOW - timedelta(days=365), NOW + timedelta(days=365))


@dataclass
class Card:
    """A simulated card's secrets, as far as a tap needs them."""

    guid: uuid.UUID
    key: ec.EllipticCurvePrivateKey
    certificate_der: bytes


class Desk:
    """A registration desk with cards of one CA."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._random = random.Random(7)  # noqa: S311 - a seeded world
        self.ca = CardCa(self._random, valid_from=VALID[0], valid_until=VALID[1])
        database.anchors = TrustAnchors.from_pem(self.ca.certificate_pem)
        self.node = Node()

    def card(self, *, ca: CardCa | None = None, valid: tuple[datetime, datetime] = VALID) -> Card:
        """A new card."""
        guid, key = uuid.UUID(int=self._random.getrandbits(128)), draw_key(self._random)
        certificate = (ca or self.ca).issue(guid, key.public_key(), valid_from=valid[0], valid_until=valid[1])
        return Card(guid, key, certificate)

    def patient(self, card: Card, state: str = "active") -> uuid.UUID:
        """Register someone with this card."""
        patient_id = uuid.UUID(int=self._random.getrandbits(128))
        patient = {
            "patient_id": str(patient_id),
            "patient_number": f"BN{patient_id.int % 10**8:08}",
            "full_name": "Trần Thị Bưởi",
            "birth_date": "2020-02-29",
            "sex": "female",
        }
        cards = [{"card_id": card.guid.hex, "patient_id": str(patient_id), "state": state}]
        with self.database.pool.connection() as connection:
            import_site(connection, parse_site({"patients": [patient], "cards": cards}), people_of())
        return patient_id

    def presented(self, card: Card, *, at: datetime = NOW, **changes: Any) -> CardPresented:  # noqa: ANN401 - model fields
        """What the edge node reports of a tap."""
        challenge = self._random.randbytes(32)
        evidence = CardEvidence(
            certificate_der=card.certificate_der.hex(),
            challenge=challenge.hex(),
            signature=card.key.sign(challenge, ec.ECDSA(hashes.SHA256())).hex(),
        )
        fields: dict[str, Any] = {
            "device_id": "card-reader",
            "occurred_at": at,
            "monotonic_ns": 1,
            "transport": "nfc",
            "uid": "04a1b2c3",
            "profile": "piv",
            "card_id": card.guid.hex,
            "verdict": "genuine",
            "evidence": evidence,
        }
        return CardPresented(**(fields | changes))

    def tap(self, *taps: CardPresented) -> list[str]:
        """Report taps; the outcomes of all so far."""
        self.database.take(self.node.events(*taps, at=max(NOW, *(tap.occurred_at for tap in taps), NOW)))
        return self.database.column("SELECT outcome FROM tap ORDER BY epoch_key, seq")


@pytest.fixture
def desk(database: Database) -> Desk:
    """A desk on a fresh database."""
    return Desk(database)


def test_a_tapped_card_checks_its_patient_in(desk: Desk) -> None:
    card = desk.card()
    patient_id = desk.patient(card)
    assert desk.tap(desk.presented(card)) == ["checked_in"]
    visit = desk.database.rows("SELECT patient_id, visit_date, queue_number, checked_in_at, place_id FROM visit")
    assert visit == [(patient_id, date(2026, 11, 22), 1, NOW, "desk")]
    shown = desk.database.rows("SELECT audience, payload FROM live_event WHERE kind = 'tap'")
    assert shown[0][0] == "desk"
    assert shown[0][1]["outcome"] == "checked_in"
    assert shown[0][1]["card_id"] == card.guid.hex


def test_a_second_tap_the_same_day_is_the_same_visit(desk: Desk) -> None:
    card = desk.card()
    desk.patient(card)
    later = NOW + timedelta(hours=3)
    assert desk.tap(desk.presented(card)) == ["checked_in"]
    assert desk.tap(desk.presented(card, at=later)) == ["checked_in", "already_checked_in"]
    assert desk.database.value("SELECT count(*) FROM visit") == 1
    assert desk.database.value("SELECT count(DISTINCT visit_id) FROM tap") == 1


def test_the_day_is_the_hospitals_own(desk: Desk) -> None:
    """23:30 and 00:30 in Ho Chi Minh City are one day in UTC and two at the desk."""
    card = desk.card()
    desk.patient(card)
    desk.tap(
        desk.presented(card, at=datetime(2026, 11, 21, 16, 30, tzinfo=UTC)),
        desk.presented(card, at=datetime(2026, 11, 21, 17, 30, tzinfo=UTC)),
    )
    days = desk.database.rows("SELECT visit_date, queue_number FROM visit ORDER BY 1")
    assert days == [(date(2026, 11, 21), 1), (date(2026, 11, 22), 1)]


@pytest.mark.parametrize(
    ("state", "outcome"), [("lost", "lost_card"), ("revoked", "revoked_card"), ("expired", "expired_card")]
)
def test_a_genuine_card_that_is_no_longer_good_checks_nobody_in(desk: Desk, state: str, outcome: str) -> None:
    card = desk.card()
    desk.patient(card, state)
    assert desk.tap(desk.presented(card)) == [outcome]
    assert desk.database.rows("SELECT * FROM visit") == []


def test_a_genuine_card_of_nobody_is_unknown(desk: Desk) -> None:
    assert desk.tap(desk.presented(desk.card())) == ["unknown_card"]


def test_a_clone_without_the_key_is_not_genuine_whatever_the_edge_node_says(desk: Desk) -> None:
    card, forger = desk.card(), desk.card()
    desk.patient(card)
    clone = Card(card.guid, forger.key, card.certificate_der)
    assert desk.tap(desk.presented(clone)) == ["not_genuine"]
    row = desk.database.rows("SELECT edge_verdict, gateway_verdict, reason FROM tap")[0]
    assert row[:2] == ("genuine", "not_genuine")
    assert row[2].startswith("wrong_key: ")


def test_a_certificate_shown_under_another_cards_number_is_not_genuine(desk: Desk) -> None:
    card, other = desk.card(), desk.card()
    desk.patient(other)
    assert desk.tap(desk.presented(card, card_id=other.guid.hex)) == ["not_genuine"]
    assert desk.database.rows("SELECT * FROM visit") == []


def test_a_proof_that_was_shown_before_is_a_replay(desk: Desk) -> None:
    card = desk.card()
    desk.patient(card)
    recorded = desk.presented(card)
    tomorrow = recorded.model_copy(update={"occurred_at": NOW + timedelta(days=1)})
    assert desk.tap(recorded) == ["checked_in"]
    assert desk.tap(tomorrow) == ["checked_in", "replayed"]
    assert desk.database.value("SELECT count(*) FROM visit") == 1


def test_a_nonce_too_short_to_be_one_proves_nothing(desk: Desk) -> None:
    card = desk.card()
    desk.patient(card)
    evidence = CardEvidence(
        certificate_der=card.certificate_der.hex(),
        challenge="00" * 8,
        signature=card.key.sign(bytes(8), ec.ECDSA(hashes.SHA256())).hex(),
    )
    assert desk.tap(desk.presented(card, evidence=evidence)) == ["not_genuine"]


def test_a_claim_without_evidence_is_unverified(desk: Desk) -> None:
    card = desk.card()
    desk.patient(card)
    assert desk.tap(desk.presented(card, evidence=None)) == ["unverified"]


def test_a_card_of_another_ca_is_foreign(desk: Desk) -> None:
    other_hospital = CardCa(
        random.Random(8),  # noqa: S311 - a seeded world
        valid_from=VALID[0],
        valid_until=VALID[1],
        common_name="Card CA of another hospital",
    )
    assert desk.tap(desk.presented(desk.card(ca=other_hospital))) == ["foreign_card"]


def test_a_bus_ticket_is_a_foreign_card(desk: Desk) -> None:
    ticket = desk.presented(
        desk.card(), profile="unknown", card_id="", verdict="unverified", reason="other_card: no PIV", evidence=None
    )
    assert desk.tap(ticket) == ["foreign_card"]
    assert desk.database.column("SELECT card_id FROM tap") == [None]


def test_a_card_whose_certificate_ran_out_is_expired(desk: Desk) -> None:
    card = desk.card(valid=(NOW - timedelta(days=300), NOW - timedelta(days=1)))
    desk.patient(card)
    assert desk.tap(desk.presented(card)) == ["expired_card"]


@pytest.mark.parametrize("card_id", ["", "00", "zz" * 16])
def test_evidence_under_an_impossible_card_number_does_not_stop_the_stream(desk: Desk, card_id: str) -> None:
    card = desk.card()
    desk.patient(card)
    odd = desk.presented(card).model_copy(update={"card_id": card_id})
    desk.tap(odd, desk.presented(card))
    assert desk.database.value("SELECT count(*) FROM visit") == 1
    assert desk.database.column("SELECT mark FROM ingest_mark") == [2]


def test_the_queue_has_no_hole_when_desks_work_at_once(desk: Desk) -> None:
    desks = 4
    frames = []
    for number in range(desks):
        node = Node(edge_node=f"desk-{number}", epoch=f"{number:016x}")
        taps = []
        for _ in range(10):
            card = desk.card()
            desk.patient(card)
            taps.append(desk.presented(card))
        frames.append([node.events(tap) for tap in taps])

    def work(messages: list[Any]) -> None:
        committer = desk.database.another_committer()
        for message in messages:
            committer.commit([decode(message)])

    threads = [threading.Thread(target=work, args=(messages,)) for messages in frames]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.database.column("SELECT queue_number FROM visit ORDER BY 1") == list(range(1, desks * 10 + 1))


def test_one_patient_at_two_desks_at_once_is_one_visit(desk: Desk) -> None:
    card = desk.card()
    desk.patient(card)
    messages = [
        Node(edge_node=f"desk-{number}", epoch=f"{number:016x}").events(desk.presented(card)) for number in range(6)
    ]
    threads = [
        threading.Thread(target=lambda one=message: desk.database.another_committer().commit([decode(one)]))
        for message in messages
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.database.value("SELECT count(*) FROM visit") == 1
    outcomes = sorted(desk.database.column("SELECT outcome FROM tap"))
    assert outcomes == ["already_checked_in"] * 5 + ["checked_in"]


def test_a_card_taken_away_clears_the_desk(desk: Desk) -> None:
    removed = CardRemoved(device_id="card-reader", occurred_at=NOW, monotonic_ns=1)
    desk.database.take(desk.node.events(removed))
    assert desk.database.column("SELECT audience FROM live_event WHERE kind = 'card_removed'") == ["desk"]
