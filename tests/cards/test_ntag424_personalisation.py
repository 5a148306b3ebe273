"""An NTAG 424 DNA becomes ours or blank, wherever it is pulled away, and only then does its address prove anything."""

import random
from collections.abc import Callable

import pytest

from cards.card_state import CardState, ForeignCardError, NotIssuedError
from cards.errors import CardDataError, CardGoneError
from cards.ntag424.address import AddressTemplate, judge_address
from cards.ntag424.counters import RememberedCounters
from cards.ntag424.keys import KeyMasters
from cards.ntag424.ndef_address import read_address
from cards.ntag424.personalisation import IssuedTag, personalise, tag_state, wipe
from firmware_sim.card_faults import UidOnlyCard, WrongAnswers
from firmware_sim.ndef_application import NdefApplication
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.ntag424_faults import replaying_tag
from tests.cards.simulated_reader import SimulatedReader

BASE = "https://the.hospital.example/t"
UID = bytes.fromhex("04A1B2C3D4E580")
MASTERS = KeyMasters({1: bytes(range(16))}, current=1)
ROTATED = KeyMasters({1: bytes(range(16)), 2: bytes(range(16, 32))}, current=2)


def blank(seed: int = 7) -> Ntag424Card:
    return Ntag424Card(UID, random.Random(seed))  # noqa: S311 - a seeded chip


def issued(masters: KeyMasters = MASTERS) -> Ntag424Card:
    card = blank()
    personalise(SimulatedReader(card), masters, BASE)
    return card


def tapped(card: Ntag424Card | NdefApplication) -> str:
    return read_address(SimulatedReader(card))


def is_factory(card: Ntag424Card) -> bool:
    fresh = blank()
    return (card.keys, card.key_versions, card.files[2].settings(), card.files[2].content) == (
        fresh.keys,
        fresh.key_versions,
        fresh.files[2].settings(),
        fresh.files[2].content,
    )


def test_a_blank_card_becomes_one_whose_every_tap_is_another_valid_address() -> None:
    card = blank()
    assert tag_state(SimulatedReader(card), MASTERS, BASE) is CardState.BLANK
    steps: list[str] = []
    assert personalise(SimulatedReader(card), MASTERS, BASE, progress=steps.append) == IssuedTag(UID, 1, 1)
    assert steps == ["look", "key 4", "key 3", "key 2", "key 1", "key 0", "write", "finish", "prove"]
    assert tag_state(SimulatedReader(card), MASTERS, BASE) is CardState.ISSUED
    counters = RememberedCounters()
    urls = [tapped(card) for _ in range(3)]
    assert len(set(urls)) == 3
    found = [judge_address(url, MASTERS, counters) for url in urls]
    assert [(each.card_uid, each.sun.counter, each.key_version) for each in found] == [
        (UID.hex(), number, 1) for number in (2, 3, 4)
    ]


def test_an_issued_card_is_left_as_it_is() -> None:
    card = issued()
    reader = SimulatedReader(card)
    assert personalise(reader, MASTERS, BASE).counter == 2
    assert not [command for command in reader.commands if command[1] in (0xC4, 0x5F, 0x8D)]


def test_nothing_of_the_card_or_of_a_person_stands_in_its_address() -> None:
    url = tapped(issued())
    assert UID.hex().upper() not in url.upper()
    assert url.startswith(BASE + "?v=01&p=")


def _commands_of(work: Callable[[SimulatedReader], object], card: Callable[[], Ntag424Card]) -> int:
    whole = SimulatedReader(card())
    work(whole)
    return len(whole.commands)


@pytest.mark.parametrize("carried_out", [False, True])
def test_pulled_away_at_any_command_it_proves_nothing_until_it_is_gone_on_with(*, carried_out: bool) -> None:
    total = _commands_of(lambda reader: personalise(reader, MASTERS, BASE), blank)
    assert total > 25
    for number in range(total):
        card = blank(number)
        cut = SimulatedReader(card, gone_at=number, carried_out=carried_out)
        with pytest.raises(CardGoneError):
            personalise(cut, MASTERS, BASE)
        state = tag_state(SimulatedReader(card), MASTERS, BASE)
        assert _proves_itself(card) == (state is CardState.ISSUED), number
        personalise(SimulatedReader(card), MASTERS, BASE)
        assert tag_state(SimulatedReader(card), MASTERS, BASE) is CardState.ISSUED
        assert judge_address(tapped(card), MASTERS).sun.valid


@pytest.mark.parametrize("carried_out", [False, True])
def test_pulled_away_at_any_command_it_can_be_wiped_as_well(*, carried_out: bool) -> None:
    total = _commands_of(lambda reader: personalise(reader, MASTERS, BASE), blank)
    for number in range(0, total, 2):
        card = blank(number)
        with pytest.raises(CardGoneError):
            personalise(SimulatedReader(card, gone_at=number, carried_out=carried_out), MASTERS, BASE)
        wipe(SimulatedReader(card), MASTERS)
        assert is_factory(card), number


@pytest.mark.parametrize("carried_out", [False, True])
def test_wiping_that_is_interrupted_goes_on_and_proves_nothing_meanwhile(*, carried_out: bool) -> None:
    total = _commands_of(lambda reader: wipe(reader, MASTERS), issued)
    for number in range(total):
        card = issued()
        with pytest.raises(CardGoneError):
            wipe(SimulatedReader(card, gone_at=number, carried_out=carried_out), MASTERS)
        assert _proves_itself(card) == (tag_state(SimulatedReader(card), MASTERS, BASE) is CardState.ISSUED)
        wipe(SimulatedReader(card), MASTERS)
        assert is_factory(card), number


def _proves_itself(card: Ntag424Card) -> bool:
    try:
        return judge_address(tapped(card), MASTERS).sun.valid
    except CardDataError:
        return False  # no address on it yet


def test_keys_are_rotated_in_the_card_and_its_older_taps_stay_behind_it() -> None:
    card, counters = issued(), RememberedCounters()
    kept = [tapped(card), tapped(card)]
    assert judge_address(kept[0], ROTATED, counters).sun.valid
    assert tag_state(SimulatedReader(card), ROTATED, BASE) is CardState.UNFINISHED
    again = personalise(SimulatedReader(card), ROTATED, BASE)
    assert again.key_version == 2
    fresh = judge_address(tapped(card), ROTATED, counters)
    assert (fresh.sun.valid, fresh.key_version) == (True, 2)
    assert judge_address(kept[1], ROTATED, counters).sun.code == "replayed"
    assert judge_address(kept[1], KeyMasters({2: bytes(range(16, 32))}, 2)).sun.code == "not_ours"


def test_a_copy_of_an_address_counts_once_and_a_copied_uid_never() -> None:
    card, counters = issued(), RememberedCounters()
    copy = replaying_tag(card)
    assert copy.uid == card.uid
    assert judge_address(tapped(copy), MASTERS, counters).sun.valid
    assert judge_address(tapped(copy), MASTERS, counters).sun.code == "replayed"
    assert judge_address(tapped(card), MASTERS, counters).sun.valid
    with pytest.raises(CardDataError, match="no NDEF application"):
        read_address(SimulatedReader(UidOnlyCard(card.uid)))


def test_a_cards_address_is_of_its_own_key_only() -> None:
    """Two cards share the key that opens the UID, not the one that proves it."""
    card, other = issued(), Ntag424Card(UID[::-1], random.Random(3))  # noqa: S311 - a seeded chip
    personalise(SimulatedReader(other), MASTERS, BASE)
    mac_of = tapped(other).rpartition("&c=")[2]
    assert judge_address(tapped(card).rpartition("=")[0] + "=" + mac_of, MASTERS).sun.code == "wrong_mac"


@pytest.mark.parametrize(
    "card",
    [
        UidOnlyCard(UID),
        NdefApplication(UID, b""),
        WrongAnswers(blank(), {0x60: b"\x04\x04\x02\x01\x00\x11\x05\x91\xaf"}),
    ],
)
def test_another_kind_of_card_is_not_written(card: UidOnlyCard | NdefApplication | WrongAnswers) -> None:
    with pytest.raises(ForeignCardError, match="not an NTAG 424 DNA"):
        personalise(SimulatedReader(card), MASTERS, BASE)


def test_a_card_with_someone_elses_keys_is_not_written() -> None:
    card = blank()
    card.keys[0] = b"\x55" * 16
    with pytest.raises(ForeignCardError, match="key 0 is not ours"):
        personalise(SimulatedReader(card), MASTERS, BASE)
    card.key_versions[0] = 9
    with pytest.raises(ForeignCardError, match="version 9, of which we have no master key"):
        wipe(SimulatedReader(card), MASTERS)


def test_a_card_that_takes_everything_and_proves_nothing_is_put_aside() -> None:
    card = blank()
    reader = SimulatedReader(card)
    personalise(reader, MASTERS, BASE)
    card.keys[1] = b"\x66" * 16  # a fault of the chip: another key than it confirmed
    with pytest.raises(NotIssuedError, match="wrong_mac"):
        personalise(SimulatedReader(card), MASTERS, BASE)


@pytest.mark.parametrize("base", ["http://x/t", "https://x/t?a=b", "https://", "https://" + "x" * 129, "https://x/ t"])
def test_an_address_that_does_not_fit_is_refused_before_any_card(base: str) -> None:
    with pytest.raises(ValueError, match="base address"):
        AddressTemplate(base, 1)


def test_keys_never_cross_the_air_in_clear() -> None:
    card = blank()
    reader = SimulatedReader(card)
    personalise(reader, MASTERS, BASE)
    crossed = b"".join(reader.commands)
    assert not [number for number in range(5) if card.keys[number] in crossed]
