"""A PIV card becomes ours or blank, wherever it is pulled away, and only then does it prove anything."""

import logging
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from cards import piv_pin
from cards.card_state import CardState, ForeignCardError
from cards.errors import CardGoneError
from cards.issuing.key_file import IssuingKeys
from cards.issuing.piv_keys import management_key, puk
from cards.issuing.piv_personalisation import (
    PivIssuer,
    PivRequest,
    personalise_piv,
    piv_state,
    unblock_pin,
    wipe_piv,
    write_emergency_record,
)
from cards.piv import PivCardApplication
from cards.piv_management import ALGORITHM_AES_128, ManagementKey, authenticate
from cards.processors import Processor, processor_for
from cards.reading import CardReading, read_card
from cards.status_words import AuthenticationBlockedError, SecurityStatusError, WrongPinError
from cards.traffic import TRAFFIC
from firmware_sim.card_faults import UidOnlyCard
from firmware_sim.piv_card import PivCard
from firmware_sim.piv_keys import FACTORY_MANAGEMENT_KEY, FACTORY_PIN, FACTORY_PUK, reference
from tests.cards.simulated_reader import SimulatedReader

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
KEYS = IssuingKeys.create("Test card CA", valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=3650))
ROTATED = KEYS.rotated()
ISSUER = PivIssuer(KEYS, KEYS.piv_masters, 1)
NEXT_ISSUER = PivIssuer(ROTATED, ROTATED.piv_masters, 2)
GUID = UUID("00112233-4455-4677-8899-aabbccddeeff").bytes
REQUEST = PivRequest(
    NOW, NOW + timedelta(days=365), "271828", lambda guid: b"record of " + guid, draw_guid=lambda: GUID
)


def blank(seed: int = 3) -> PivCard:
    return PivCard.blank(b"\x04\x11\x22\x33\x44\x55\x66", random.Random(seed))  # noqa: S311 - a seeded chip


def issued() -> PivCard:
    card = blank()
    personalise_piv(SimulatedReader(card), ISSUER, REQUEST, NOW)
    return card


def read(card: PivCard) -> CardReading:
    return read_card(SimulatedReader(card), ISSUER.anchors, bytes(range(32)), NOW)


def selected(card: PivCard) -> Processor:
    processor = processor_for(SimulatedReader(card))
    PivCardApplication.select(processor)
    return processor


def is_factory(card: PivCard) -> bool:
    """Down to the last byte but for the new key pair, which nothing can take out of a card."""
    return (
        card.objects == {}
        and card.management.value == FACTORY_MANAGEMENT_KEY
        and card.pin.value == reference(FACTORY_PIN)
        and card.puk.value == reference(FACTORY_PUK)
        and card.puk.tries == card.puk.tries_max
    )


def test_a_blank_card_becomes_one_that_proves_itself() -> None:
    card, steps = blank(), list[str]()
    assert piv_state(SimulatedReader(card), ISSUER, NOW) is CardState.BLANK
    done = personalise_piv(SimulatedReader(card), ISSUER, REQUEST, NOW, steps.append)
    assert steps == ["look", "number", "keys", "write", "key", "certificate", "prove"]
    assert (done.guid, done.key_version) == (GUID, 1)
    found = read(card)
    assert (found.verdict, found.card_id) == ("genuine", GUID.hex())
    assert found.evidence is not None
    assert found.evidence.certificate_der == done.certificate_der
    assert piv_state(SimulatedReader(card), ISSUER, NOW) is CardState.ISSUED


def test_nobody_but_the_hospital_administers_an_issued_card() -> None:
    processor = selected(issued())
    for version in (1, 2):
        if version == 2:
            with pytest.raises(SecurityStatusError):
                authenticate(processor, management_key(ROTATED.piv_masters, 2, GUID))
        else:
            authenticate(processor, management_key(KEYS.piv_masters, 1, GUID))
    assert management_key(KEYS.piv_masters, 1, GUID).value != management_key(KEYS.piv_masters, 1, bytes(16)).value


def test_an_issued_card_is_left_as_it_is() -> None:
    card = issued()
    reader = SimulatedReader(card)
    before = read(card)
    assert personalise_piv(reader, ISSUER, REQUEST, NOW).guid == GUID
    assert not [command for command in reader.commands if command[1] in (0xDB, 0x47, 0xFF, 0x24, 0x2C)]
    assert read(card).evidence is not None
    assert before.evidence is not None


def _total() -> int:
    reader = SimulatedReader(blank())
    personalise_piv(reader, ISSUER, REQUEST, NOW)
    return len(reader.commands)


@pytest.mark.parametrize("carried_out", [False, True])
def test_pulled_away_at_any_command_it_proves_nothing_until_it_is_gone_on_with(*, carried_out: bool) -> None:
    total = _total()
    assert total > 20
    for number in range(total):
        card = blank(number)
        with pytest.raises(CardGoneError):
            personalise_piv(SimulatedReader(card, number, carried_out), ISSUER, REQUEST, NOW)
        state = piv_state(SimulatedReader(card), ISSUER, NOW)
        assert (read(card).verdict == "genuine") == (state is CardState.ISSUED), number
        assert personalise_piv(SimulatedReader(card), ISSUER, REQUEST, NOW).guid == GUID
        assert read(card).verdict == "genuine"
        piv_pin.verify(selected(card), REQUEST.pin)
        assert card.puk.tries == card.puk.tries_max


@pytest.mark.parametrize("carried_out", [False, True])
def test_pulled_away_at_any_command_it_can_be_wiped_as_well(*, carried_out: bool) -> None:
    for number in range(_total()):
        card = blank(number)
        with pytest.raises(CardGoneError):
            personalise_piv(SimulatedReader(card, number, carried_out), ISSUER, REQUEST, NOW)
        wipe_piv(SimulatedReader(card), ISSUER)
        assert is_factory(card), number


@pytest.mark.parametrize("carried_out", [False, True])
def test_wiping_that_is_interrupted_goes_on_and_proves_nothing_meanwhile(*, carried_out: bool) -> None:
    whole = SimulatedReader(issued())
    wipe_piv(whole, ISSUER)
    for number in range(len(whole.commands)):
        card = issued()
        with pytest.raises(CardGoneError):
            wipe_piv(SimulatedReader(card, number, carried_out), ISSUER)
        assert (read(card).verdict == "genuine") == (
            piv_state(SimulatedReader(card), ISSUER, NOW) is CardState.ISSUED
        ), number
        wipe_piv(SimulatedReader(card), ISSUER)
        assert is_factory(card), number


def test_the_old_key_does_not_survive_wiping() -> None:
    card = issued()
    old = read(card)
    wipe_piv(SimulatedReader(card), ISSUER)
    again = personalise_piv(SimulatedReader(card), ISSUER, REQUEST, NOW)
    assert old.evidence is not None
    assert again.certificate_der != old.evidence.certificate_der


def test_master_keys_are_rotated_in_a_card_that_keeps_its_certificate_and_its_pin() -> None:
    whole = SimulatedReader(issued())
    certificate = personalise_piv(whole, NEXT_ISSUER, REQUEST, NOW).certificate_der
    for number in range(len(whole.commands)):
        card = issued()
        with pytest.raises(CardGoneError):
            personalise_piv(SimulatedReader(card, number, carried_out=True), NEXT_ISSUER, REQUEST, NOW)
        done = personalise_piv(SimulatedReader(card), NEXT_ISSUER, REQUEST, NOW)
        assert done.key_version == 2
        authenticate(selected(card), management_key(ROTATED.piv_masters, 2, GUID))
        piv_pin.verify(selected(card), REQUEST.pin)
    assert certificate


def test_a_pin_that_was_wrong_too_often_is_unblocked_at_the_desk() -> None:
    card = issued()
    processor = selected(card)
    assert piv_pin.tries_left(processor) == 5
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(WrongPinError) as wrong:
            piv_pin.verify(processor, "000000")
        assert wrong.value.tries_left == left
    with pytest.raises(AuthenticationBlockedError):
        piv_pin.verify(processor, REQUEST.pin)
    assert piv_pin.tries_left(processor) == 0
    unblock_pin(SimulatedReader(card), ISSUER, "314159")
    processor = selected(card)
    piv_pin.verify(processor, "314159")
    assert piv_pin.tries_left(processor) is None
    piv_pin.change(processor, "314159", "161803")
    piv_pin.verify(processor, "161803")
    assert read(card).verdict == "genuine"


@pytest.mark.parametrize("wrong", ["12345", "123456789", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16", ""])
def test_a_pin_that_no_card_takes_is_refused_before_any_card(wrong: str) -> None:
    with pytest.raises(ValueError, match="six to eight digits") as refused:
        unblock_pin(SimulatedReader(blank()), ISSUER, wrong)
    assert not wrong or wrong not in str(refused.value)


def test_the_emergency_record_is_replaced_on_an_issued_card_only() -> None:
    card = issued()
    write_emergency_record(SimulatedReader(card), ISSUER, lambda guid: b"newer of " + guid)
    assert PivCardApplication.select(processor_for(SimulatedReader(card))).emergency_record() == b"newer of " + GUID
    write_emergency_record(SimulatedReader(card), ISSUER, lambda _guid: b"")
    assert PivCardApplication.select(processor_for(SimulatedReader(card))).emergency_record() is None
    with pytest.raises(ForeignCardError, match="not issued"):
        write_emergency_record(SimulatedReader(blank()), ISSUER, lambda _guid: b"x")


def test_a_card_whose_puk_is_blocked_says_so_and_proves_nothing() -> None:
    card = blank()
    for _ in range(card.puk.tries_max):
        with pytest.raises(WrongPinError):
            piv_pin.unblock(selected(card), b"00000000", "123456")
    with pytest.raises(AuthenticationBlockedError):
        personalise_piv(SimulatedReader(card), ISSUER, REQUEST, NOW)
    assert read(card).verdict == "unverified"
    assert piv_state(SimulatedReader(card), ISSUER, NOW) is CardState.UNFINISHED


def test_another_kind_of_card_or_another_hospitals_is_not_written() -> None:
    with pytest.raises(ForeignCardError, match="not a PIV card"):
        personalise_piv(SimulatedReader(UidOnlyCard(b"\x04\x01")), ISSUER, REQUEST, NOW)
    stranger = IssuingKeys.create("Another", valid_from=NOW, valid_until=NOW + timedelta(days=400))
    other = PivIssuer(stranger, stranger.piv_masters, 1)
    for work in (personalise_piv(SimulatedReader(blank()), other, REQUEST, NOW),):
        assert work.guid == GUID
    card = blank()
    personalise_piv(SimulatedReader(card), other, REQUEST, NOW)
    with pytest.raises(ForeignCardError, match="management key is not ours"):
        wipe_piv(SimulatedReader(card), ISSUER)
    assert read(card).reason.startswith("foreign_ca")


def test_no_secret_reaches_the_log_not_even_that_of_raw_traffic(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(TRAFFIC, logger="cards"):
        card = issued()
    logged = caplog.text.lower()
    assert "00db3fff" in logged
    for secret in (
        management_key(KEYS.piv_masters, 1, GUID).value,
        puk(KEYS.piv_masters, 1, GUID),
        REQUEST.pin.encode(),
        FACTORY_PUK.encode(),
    ):
        assert secret.hex() not in logged
    assert card.pin.value.startswith(REQUEST.pin.encode())
    assert logging.getLevelName(TRAFFIC)


def test_a_management_key_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="management key of 24 bytes for algorithm 08"):
        ManagementKey(ALGORITHM_AES_128, bytes(24))
    assert "b'" not in repr(ManagementKey(ALGORITHM_AES_128, bytes(16)))
