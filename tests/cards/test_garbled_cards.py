"""Cards that speak nonsense while they are read or personalised: only errors of ours, and an end, whatever they say."""

import contextlib
import random
from datetime import UTC, datetime, timedelta

import pytest

from cards.errors import CardError
from cards.issuing.key_file import IssuingKeys
from cards.issuing.piv_personalisation import PivIssuer, PivRequest, personalise_piv, piv_state, wipe_piv
from cards.ntag424.keys import KeyMasters
from cards.ntag424.ndef_address import read_address
from cards.ntag424.personalisation import personalise, tag_state, wipe
from cards.reading import read_card
from firmware_sim.apdu_server import ApduCard
from firmware_sim.card_faults import GarbledCard
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.piv_card import PivCard
from tests.cards.simulated_reader import SimulatedReader

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
KEYS = IssuingKeys.create("Test card CA", valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=900))
ISSUER = PivIssuer(KEYS, KEYS.piv_masters, 1)
REQUEST = PivRequest(NOW, NOW + timedelta(days=365), "271828")
MASTERS = KeyMasters({1: bytes(range(16))}, current=1)
BASE = "https://the.hospital.example/t"
COMMANDS_MAX = 400
"""A healthy card needs fewer than 60 for anything."""


class SometimesGarbled(GarbledCard):
    """Garbles one answer in six, so that nonsense comes at every depth."""

    def __init__(self, card: ApduCard, rng: random.Random) -> None:
        """`rng` says which answers, and how."""
        super().__init__(card, rng)
        self._plain, self._draw = card, rng

    def apdu(self, command: bytes) -> bytes | None:
        """As it is, or garbled."""
        return super().apdu(command) if self._draw.randrange(6) == 0 else self._plain.apdu(command)


@pytest.mark.parametrize("seed", range(60))
def test_a_tag_that_garbles_its_answers_ends_in_our_errors(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - seeded on purpose
    card = Ntag424Card(b"\x04\xa1\xb2\xc3\xd4\xe5\x80", rng)
    garbled = SometimesGarbled(card, rng)
    for work in (
        lambda reader: personalise(reader, MASTERS, BASE),
        lambda reader: tag_state(reader, MASTERS, BASE),
        read_address,
        lambda reader: wipe(reader, MASTERS),
    ):
        reader = SimulatedReader(garbled)
        with contextlib.suppress(CardError):
            work(reader)
        assert len(reader.commands) < COMMANDS_MAX


@pytest.mark.filterwarnings("ignore")  # the library warns of odd values in a certificate before it is refused
@pytest.mark.parametrize("seed", range(60))
def test_a_piv_card_that_garbles_its_answers_ends_in_our_errors(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - seeded on purpose
    card = PivCard.blank(b"\x04\x11\x22\x33\x44\x55\x66", rng)
    garbled = SometimesGarbled(card, rng)
    for work in (
        lambda reader: personalise_piv(reader, ISSUER, REQUEST, NOW),
        lambda reader: piv_state(reader, ISSUER, NOW),
        lambda reader: read_card(reader, ISSUER.anchors, bytes(32), NOW),
        lambda reader: wipe_piv(reader, ISSUER),
    ):
        reader = SimulatedReader(garbled)
        with contextlib.suppress(CardError):
            work(reader)
        assert len(reader.commands) < COMMANDS_MAX


@pytest.mark.parametrize("seed", range(20))
def test_a_tag_is_finished_once_it_speaks_clearly_again(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - seeded on purpose
    card = Ntag424Card(b"\x04\xa1\xb2\xc3\xd4\xe5\x80", rng)
    with pytest.raises(CardError):
        personalise(SimulatedReader(GarbledCard(card, rng)), MASTERS, BASE)
    assert personalise(SimulatedReader(card), MASTERS, BASE).key_version == 1
