"""Taps of NTAG 424 cards at the gateway: each address counts once, however late and by whichever desk it comes."""

import random
import threading
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from cards.ntag424.desk_keys import DeskKeys
from cards.ntag424.keys import KeyMasters
from cards.ntag424.ndef_address import read_address
from cards.ntag424.personalisation import personalise, wipe
from edge.contracts.observations import AddressEvidence, CardPresented, StatusListUsed
from firmware_sim.ntag424_card import Ntag424Card
from gateway.ingest.decoder import decode
from gateway.services.site_file import import_site, parse_site
from gateway.taps.card_states import set_card_state
from tests.cards.simulated_reader import SimulatedReader
from tests.gateway.ingest_kit import NOW, Database, Node
from tests.gateway.people_kit import people_of

pytestmark = pytest.mark.integration

BASE = "https://the.hospital.example/t"
MASTERS = KeyMasters({1: bytes(range(16))}, current=1)
ROTATED = KeyMasters({1: bytes(range(16)), 2: bytes(range(16, 32))}, current=2)
MINUTE = timedelta(minutes=1)


class Tag:
    """A patient's card."""

    def __init__(self, database: Database, number: int = 1) -> None:
        self.uid = bytes((4, 1, 2, 3, 4, 5, number))
        self.card_id = self.uid.hex()
        self.patient_id = uuid.UUID(int=number)
        self.chip = Ntag424Card(self.uid, random.Random(number))  # noqa: S311 - a seeded chip
        personalise(SimulatedReader(self.chip), MASTERS, BASE)
        self.database = database
        database.address_keys = DeskKeys.of(ROTATED)
        patient = {
            "patient_id": str(self.patient_id),
            "patient_number": f"BN{number:08}",
            "full_name": "Trần Thị Bưởi",
            "birth_date": "2020-02-29",
            "sex": "female",
        }
        cards = [{"card_id": self.card_id, "patient_id": str(self.patient_id)}]
        with database.pool.connection() as connection:
            import_site(connection, parse_site({"patients": [patient], "cards": cards}), people_of())

    def address(self) -> str:
        """What the chip shows at its next reading."""
        return read_address(SimulatedReader(self.chip))

    def presented(self, *, at: datetime = NOW, address: str | None = None, **changes: Any) -> CardPresented:  # noqa: ANN401 - model fields
        """What an edge node without keys reports of a tap."""
        fields: dict[str, Any] = {
            "device_id": "card-reader",
            "occurred_at": at,
            "monotonic_ns": 1,
            "transport": "nfc",
            "uid": self.card_id,
            "profile": "ntag424",
            "verdict": "unverified",
            "reason": "no_keys: to be judged by the gateway",
            "evidence": AddressEvidence(address=address or self.address()),
        }
        return CardPresented(**(fields | changes))


def tap(tag: Tag, *taps: CardPresented, node: Node | None = None) -> list[tuple[str, str]]:
    """Report taps; outcome and code of what came of each, of this edge node and of all before, in order of telling."""
    newest = max(NOW, *(each.occurred_at for each in taps), NOW)
    tag.database.take((node or Node()).events(*taps, at=newest))
    rows = tag.database.rows("SELECT outcome, split_part(reason, ':', 1) FROM tap ORDER BY epoch_key, seq")
    return [(outcome, code) for outcome, code in rows]


def test_a_tag_checks_its_patient_in_once_a_day_and_shows_each_address_once(database: Database) -> None:
    tag, node = Tag(database), Node()
    first = tag.presented()
    assert tap(tag, first, tag.presented(at=NOW + MINUTE), node=node) == [
        ("checked_in", ""),
        ("already_checked_in", ""),
    ]
    found = tap(tag, first.model_copy(update={"occurred_at": NOW + 2 * MINUTE}), node=node)
    assert found[-1] == ("replayed", "replayed")
    by_telephone = tag.presented(at=NOW + 3 * MINUTE, uid="08112233")
    assert tap(tag, by_telephone, node=node)[-1] == ("not_genuine", "uid_mismatch")
    assert database.column("SELECT DISTINCT card_id FROM tap") == [tag.card_id]
    token = database.value("SELECT presence FROM visit")
    presence = database.tokens.verify(token, NOW + MINUTE, "desk")
    assert (presence.card_id, presence.patient_id, presence.place_id) == (tag.card_id, tag.patient_id, "desk")
    # Wiped and issued again under the next version, it counts from the beginning and goes on.
    wipe(SimulatedReader(tag.chip), MASTERS)
    personalise(SimulatedReader(tag.chip), ROTATED, BASE)
    assert tap(tag, tag.presented(at=NOW + 4 * MINUTE), node=node)[-1] == ("already_checked_in", "")


def test_an_address_read_off_before_a_tap_is_a_replay_at_the_same_desk_a_second_after_it(database: Database) -> None:
    tag, node = Tag(database), Node()
    copied, own = tag.address(), tag.address()
    later = tag.presented(at=NOW + timedelta(seconds=1), address=copied)
    assert tap(tag, tag.presented(address=own), later, node=node) == [("checked_in", ""), ("replayed", "replayed")]
    assert tap(tag, tag.presented(at=NOW + timedelta(seconds=2)), node=node)[-1] == ("already_checked_in", "")


def test_without_keys_here_a_tag_is_not_judged_and_a_strangers_is_foreign(database: Database) -> None:
    tag, node = Tag(database), Node()
    stranger = Ntag424Card(tag.uid, random.Random(9))  # noqa: S311 - a seeded chip
    personalise(SimulatedReader(stranger), KeyMasters({1: bytes(16 * [7])}, current=1), BASE)
    foreign = tag.presented(address=read_address(SimulatedReader(stranger)))
    assert tap(tag, foreign, node=node) == [("foreign_card", "not_ours")]
    database.address_keys = DeskKeys({})
    assert tap(tag, tag.presented(), node=node)[-1] == ("unverified", "no_keys")
    assert database.rows("SELECT * FROM visit") == []


def test_a_tap_told_late_by_a_desk_that_was_cut_off_is_told_from_a_replay_by_its_time(database: Database) -> None:
    tag = Tag(database)
    addresses = [tag.address() for _ in range(8)]
    here, cut_off, forger, slow = (Node(edge_node=f"desk-{n}", epoch=f"{n:016x}") for n in range(4))

    def at(minutes: float, number: int) -> CardPresented:
        return tag.presented(at=NOW + minutes * MINUTE, address=addresses[number])

    assert tap(tag, at(30, 3), at(60, 6), node=here) == [("checked_in", ""), ("already_checked_in", "")]
    # Told an hour late, made before and between the others: each in its place.
    late = tap(tag, at(10, 1), at(45, 4), node=cut_off)
    assert late[-2:] == [("already_checked_in", ""), ("already_checked_in", "")]
    # Read off the card earlier, kept, and shown now: lower than a number that was shown before this time.
    replays = tap(tag, at(61.5, 2), at(62, 5), node=forger)
    assert replays[-2:] == [("replayed", "replayed"), ("replayed", "replayed")]
    assert database.value("SELECT reason FROM tap WHERE outcome = 'replayed' LIMIT 1").startswith(
        "replayed: this address is older than one that the card showed before"
    )
    # The replay has used nothing up: the real late tap of that number still counts, and only once.
    assert tap(tag, at(50, 5), at(51, 5), node=cut_off)[-4:-2] == [("already_checked_in", ""), ("replayed", "replayed")]
    # By its own clock a desk met the card half a minute after its next tap: as far as two clocks may differ.
    tap(tag, at(30.5, 2), node=slow)
    assert database.column("SELECT outcome FROM tap WHERE occurred_at = %s", NOW + 30.5 * MINUTE) == [
        "already_checked_in"
    ]
    assert database.value("SELECT count(*) FROM sun_use") == 6


def test_the_same_address_at_six_desks_at_once_counts_at_one(database: Database) -> None:
    tag = Tag(database)
    address = tag.address()
    messages = [
        Node(edge_node=f"desk-{number}", epoch=f"{number:016x}").events(tag.presented(address=address))
        for number in range(6)
    ]
    threads = [
        threading.Thread(target=lambda one=message: database.another_committer().commit([decode(one)]))
        for message in messages
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(database.column("SELECT outcome FROM tap")) == ["checked_in"] + ["replayed"] * 5
    # The broker delivers it again: told twice is one tap.
    for message in messages:
        database.take(message)
    assert database.value("SELECT count(*) FROM tap") == 6


def test_what_the_desk_was_told_meanwhile_is_kept_where_the_gateway_says_otherwise(database: Database) -> None:
    tag, node = Tag(database), Node()
    used = StatusListUsed(number=7, issued_at=NOW - 60 * MINUTE, age_s=3600.0, stale=False)
    there: dict[str, Any] = {"card_id": tag.card_id, "verdict": "genuine", "reason": "", "status_list": used}
    with database.pool.connection() as connection:
        set_card_state(connection, tag.card_id, "lost", "clerk", "reported by telephone", at=NOW - 5 * MINUTE)
    tap(tag, tag.presented(**there, card_state="in_order"), tag.presented(**there, card_state="lost"), node=node)
    with database.pool.connection() as connection:
        set_card_state(connection, tag.card_id, "found", "clerk", "", at=NOW)
        set_card_state(connection, tag.card_id, "active", "clerk", "", at=NOW)
    tap(tag, tag.presented(**there, card_state="lost"), tag.presented(), node=node)
    kept = database.rows(
        "SELECT outcome, edge_verdict, edge_card_state, edge_list_number, edge_list_age_s, difference FROM tap"
        " ORDER BY seq"
    )
    assert kept == [
        ("lost_card", "genuine", "in_order", 7, 3600.0, "accepted_there"),
        ("lost_card", "genuine", "lost", 7, 3600.0, ""),
        ("checked_in", "genuine", "lost", 7, 3600.0, "refused_there"),
        ("already_checked_in", "unverified", "unknown", None, None, ""),
    ]
