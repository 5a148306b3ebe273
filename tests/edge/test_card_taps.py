"""What a reader makes of each kind of card, without a reader: PIV, NTAG 424 DNA, copies, other tags, listed cards."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cards.ntag424.address import judge_address
from cards.ntag424.keys import KeyMasters
from edge.card_trust import CardTrust
from edge.clock import Stamp
from edge.contracts.observations import AddressEvidence, CardPresented, CardStateThere, StatusListUsed
from edge.drivers.card_taps import CardTaps
from firmware_sim.apdu_server import ApduCard
from firmware_sim.ndef_application import NdefApplication
from firmware_sim.ntag424_faults import replaying_tag
from tests.cards.simulated_reader import SimulatedReader
from tests.edge.simulated_cards import MASTERS, UID, SimulatedCards, at_the_desk, issued_tag

CARDS = SimulatedCards()
STRANGERS = KeyMasters({1: bytes(range(16, 32))}, current=1)
AT = Stamp(datetime.now(UTC), 5)
USED = StatusListUsed(number=7, issued_at=AT.occurred_at, age_s=0.0, stale=False)


class Refused:
    """A status list with one card on it."""

    def __init__(self, card_id: str, state: CardStateThere) -> None:
        self.card_id = card_id
        self.state: CardStateThere = state

    def judge(self, card_id: str, _now: datetime) -> tuple[CardStateThere, StatusListUsed]:
        if not card_id:
            return "unknown", USED
        return (self.state if card_id == self.card_id else "in_order"), USED


def tap(card: ApduCard, trust: CardTrust, uid: bytes = UID) -> CardPresented:
    taps = CardTaps("desk-1", "pcsc", trust)
    return taps.presented(AT, uid, taps.read(SimulatedReader(card), AT))


def test_a_piv_card_costs_no_command_more_for_there_being_other_cards() -> None:
    reader = SimulatedReader(CARDS.card())
    CardTaps("desk-1", "pcsc", at_the_desk()).read(reader, AT)
    assert [command[:2].hex() for command in reader.commands if command[1] != 0xC0] == ["00a4", "00cb", "00cb", "0087"]


def test_a_tag_is_judged_at_a_desk_with_keys_and_counts_once() -> None:
    card, trust = issued_tag(), at_the_desk()
    first, second = tap(card, trust), tap(card, trust)
    assert (first.profile, first.card_id, first.verdict, first.reason) == ("ntag424", UID.hex(), "genuine", "")
    assert second.verdict == "genuine"


def test_a_tag_that_says_again_what_it_said_once_is_a_replay() -> None:
    card, trust = issued_tag(), at_the_desk()
    copy = replaying_tag(card)
    assert tap(copy, trust).verdict == "genuine"
    shown_again = tap(copy, trust)
    assert (shown_again.verdict, shown_again.card_id) == ("not_genuine", UID.hex())
    assert shown_again.reason.startswith("replayed: ")


def test_an_address_shown_by_another_chip_is_a_copy_and_burns_no_tap() -> None:
    card, trust = issued_tag(), at_the_desk()
    copy = replaying_tag(card)
    by_telephone = tap(copy, trust, uid=bytes.fromhex("08112233"))
    assert (by_telephone.verdict, by_telephone.reason.partition(":")[0]) == ("not_genuine", "uid_mismatch")
    assert tap(copy, trust, uid=b"").verdict == "genuine"  # a reader that gives no UID


def test_a_tag_without_keys_here_is_left_to_the_gateway_with_its_address() -> None:
    told = tap(issued_tag(), CardTrust(CARDS.anchors))
    assert (told.profile, told.card_id, told.verdict) == ("ntag424", "", "unverified")
    assert told.reason.startswith("no_keys: ")
    assert isinstance(told.evidence, AddressEvidence)
    assert judge_address(told.evidence.address, MASTERS).card_uid == UID.hex()


def test_a_tag_of_another_hospital_is_not_ours() -> None:
    told = tap(issued_tag(masters=STRANGERS), at_the_desk())
    assert (told.verdict, told.card_id, told.reason.partition(":")[0]) == ("not_genuine", "", "not_ours")


def test_another_tag_with_an_address_is_no_health_card() -> None:
    other = NdefApplication(UID, bytes.fromhex("d1010c5504") + b"example.com")
    told = tap(other, at_the_desk())
    assert (told.profile, told.verdict, told.reason.partition(":")[0]) == ("unknown", "unverified", "other_card")


@pytest.mark.parametrize("state", ["lost", "stolen", "revoked", "expired", "replaced"])
def test_a_card_on_the_list_is_genuine_and_said_to_be_refused(state: CardStateThere) -> None:
    card = CARDS.card()
    listed = replace(at_the_desk(), statuses=Refused(card.guid.hex, state))
    told = tap(card, listed)
    assert (told.verdict, told.card_state, told.status_list) == ("genuine", state, USED)
    assert tap(CARDS.card(), listed).card_state == "in_order"
    listed = replace(at_the_desk(), statuses=Refused(UID.hex(), state))
    assert tap(issued_tag(), listed).card_state == state
    assert tap(issued_tag(), replace(listed, desk_keys=None)).card_state == "unknown"
