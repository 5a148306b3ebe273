"""Cards of the simulated silicon for driver tests: a CA, its trust anchors, and a good card."""

import random
from datetime import UTC, datetime, timedelta

from cards.trust import TrustAnchors
from firmware_sim.card_ca import CardCa
from firmware_sim.piv_card import PivCard, personalise


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
