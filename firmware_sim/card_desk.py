"""The health cards of all patients, and the hand that lays them on the reader of the registration desk."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from firmware_sim.antenna import Antenna, Presentation
from firmware_sim.card_ca import CardCa
from firmware_sim.card_faults import UidOnlyCard, clone
from firmware_sim.chips import Chip, was_read
from firmware_sim.clock import Clock
from firmware_sim.counts import Counts
from firmware_sim.field import Field
from firmware_sim.hospital import Hospital
from firmware_sim.ndef_application import NdefApplication
from firmware_sim.piv_card import PivCard, personalise
from firmware_sim.pn532 import Pn532
from firmware_sim.type4 import IsoDepTag

_CA_YEARS = 10
_CARD_YEARS = 3
_YEAR = timedelta(days=365)
_ISSUED_BEFORE = timedelta(days=1)


class CardDesk:
    """Cards, their CA, and the PN532 of the desk."""

    def __init__(self, hospital: Hospital, path: Path, *, clock: Clock, counts: Counts) -> None:
        """Issue a card to every patient and plug the reader in at `path`."""
        self._counts = counts
        self._rng = random.Random(f"{hospital.seed}/cards")  # noqa: S311 - a simulation must be repeatable
        issued_at = _midnight(clock.now()) - _ISSUED_BEFORE
        self.ca = CardCa(self._rng, valid_from=issued_at, valid_until=issued_at + _CA_YEARS * _YEAR)
        self.cards = tuple(
            personalise(self.ca, self._rng, now=issued_at, valid_for=_CARD_YEARS * _YEAR) for _ in hospital.patients
        )
        self._field = Field()
        self.reader = Pn532(self._field, path)
        self._hand = Antenna("desk", self._field, clock)

    @property
    def card_ids(self) -> tuple[str, ...]:
        """GUID of each patient's card, 32 hexadecimal digits."""
        return tuple(card.guid.hex for card in self.cards)

    @property
    def last(self) -> Presentation | None:
        """The latest tap."""
        return self._hand.last

    @property
    def occupied(self) -> bool:
        """Whether a card lies on the reader."""
        return self._hand.occupied

    def tap(self, index: int, hold_s: float | None) -> Presentation:
        """Lay a patient's card on the reader; returns when it lies there.

        `hold_s` None: until it was read. Raises TimeoutError when the cards before it were not taken away.
        """
        return self._present(self.cards[index], hold_s, "taps")

    def tap_clone(self, index: int, hold_s: float | None) -> Presentation:
        """Lay a forger's copy of a patient's card on the reader: all public data, another key."""
        return self._present(clone(self.cards[index], self._rng), hold_s, "clone_taps")

    def tap_uid_only(self, index: int, hold_s: float | None) -> Presentation:
        """Lay something on the reader that copies the card's UID and has no application."""
        hold_s = 1.0 if hold_s is None else hold_s
        return self._show(IsoDepTag(UidOnlyCard(self.cards[index].uid)), hold_s, lambda: False, "uid_only_taps")

    def tap_chip(self, chip: Chip | NdefApplication, hold_s: float | None, counter: str) -> Presentation:
        """Lay a chip of the issuing desk, or a forger's copy of one, on the reader."""
        if hold_s is None and isinstance(chip, NdefApplication):
            hold_s = 1.0
        return self._show(IsoDepTag(chip), hold_s, was_read(chip), counter)

    def close(self) -> None:
        """Take the card away, unplug the reader."""
        self._hand.close()
        self.reader.close()

    def _present(self, card: PivCard, hold_s: float | None, counter: str) -> Presentation:
        before = card.signatures

        def proved() -> bool:
            return card.signatures > before

        return self._show(IsoDepTag(card), hold_s, proved, counter)

    def _show(self, tag: IsoDepTag, hold_s: float | None, was_read: Callable[[], bool], counter: str) -> Presentation:
        presentation = Presentation(tag, hold_s, was_read)
        if not self._hand.present(presentation):
            raise TimeoutError("the card reader of the desk was not free for 30 s")
        self._counts.add(counter)
        return presentation


def _midnight(now: datetime) -> datetime:
    """Certificates then depend on the seed and the day only."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
