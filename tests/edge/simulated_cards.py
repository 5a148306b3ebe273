"""Cards of the simulated silicon for driver tests: a CA, its trust anchors, and a good card."""

import random
from datetime import UTC, datetime, timedelta

from cards.ntag424.desk_keys import DeskKeys
from cards.ntag424.keys import KeyMasters
from cards.ntag424.personalisation import personalise as personalise_tag
from cards.trust import TrustAnchors
from edge.card_trust import CardTrust
from firmware_sim.card_ca import CardCa
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.piv_card import PivCard, personalise
from tests.cards.simulated_reader import SimulatedReader

UID = bytes.fromhex("04a1b2c3d4e580")
MASTERS = KeyMasters({1: bytes(range(16))}, current=1)


class SimulatedCards:
    """One hospital's card CA. Certificates are valid around the real now: drivers stamp taps with it."""

    def __init__(self, seed: int = 1, name: str = "Card CA of the simulated hospital") -> None:
        """Draw everything from `seed`."""
        self.rng = random.Random(seed)  # noqa: S311 - a simulation, to be repeated
        self._now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        self.ca = CardCa(self.rng, valid_from=self._now, valid_until=self._now + timedelta(days=3650), common_name=name)

    @property
    def anchors(self) -> TrustAnchors:
        """What an edge node of this hospital trusts."""
        return TrustAnchors.from_pem(self.ca.certificate_pem)

    def card(self) -> PivCard:
        """A fresh, good card."""
        return personalise(self.ca, self.rng, now=self._now)


def issued_tag(uid: bytes = UID, masters: KeyMasters = MASTERS) -> Ntag424Card:
    """An NTAG 424 DNA of this hospital."""
    card = Ntag424Card(uid, random.Random(7))  # noqa: S311 - a seeded chip
    personalise_tag(SimulatedReader(card), masters, "https://the.hospital.example/t")
    card.reset()
    return card


def at_the_desk() -> CardTrust:
    """What a desk with all keys judges by."""
    return CardTrust(SimulatedCards().anchors, DeskKeys.of(MASTERS))
