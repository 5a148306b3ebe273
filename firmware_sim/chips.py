"""Chips that a hospital bought blank: put on a reader, issued, tapped, copied by a forger. Keys are in them alone."""

import random
from collections.abc import Callable
from typing import Final

from firmware_sim.card_ca import draw_key
from firmware_sim.ndef_application import NdefApplication
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.ntag424_faults import replaying_tag
from firmware_sim.piv_card import PivCard

Chip = PivCard | Ntag424Card
PROFILES: Final = ("piv", "ntag424")
_MAKER: Final = {"piv": b"\x08", "ntag424": b"\x04"}
"""First byte of the UID: ISO/IEC 7816-6's number of the chip maker, 04 being NXP."""
_CARD_AUTHENTICATION: Final = 0x9E


class Chips:
    """All chips so far, numbered from 0."""

    def __init__(self, seed: int) -> None:
        """None yet."""
        self._rng = random.Random(f"{seed}/chips")  # noqa: S311 - a simulation must be repeatable
        self._chips: list[Chip] = []

    def new(self, profile: str) -> int:
        """A blank one of `profile`, as delivered; its number.

        Raises:
            ValueError: another profile than "piv" or "ntag424".
        """
        if profile not in PROFILES:
            raise ValueError(f"profile is {profile!r}: expected one of {', '.join(PROFILES)}")
        uid = _MAKER[profile] + self._rng.randbytes(6)
        rng = random.Random(self._rng.getrandbits(64))  # noqa: S311
        self._chips.append(PivCard.blank(uid, rng) if profile == "piv" else Ntag424Card(uid, rng))
        return len(self._chips) - 1

    def chip(self, number: int) -> Chip:
        """One of them.

        Raises:
            ValueError: there is none of this number.
        """
        if not 0 <= number < len(self._chips):
            raise ValueError(f"chip is {number}: expected 0 to {len(self._chips) - 1}")
        return self._chips[number]

    def forged(self, number: int) -> Chip | NdefApplication:
        """What a forger makes of one: all public data and another key, or the message that it shows at one reading."""
        chip = self.chip(number)
        if isinstance(chip, Ntag424Card):
            return replaying_tag(chip)
        copy = PivCard.blank(chip.uid, random.Random(self._rng.getrandbits(64)))  # noqa: S311
        for tag, held in chip.objects.items():
            copy.store(tag, held.value, held.access)
        copy.hold_key(_CARD_AUTHENTICATION, draw_key(self._rng))
        return copy


def was_read(chip: Chip | NdefApplication) -> Callable[[], bool]:
    """Whether a reader has got from it, since now, what it wanted."""
    if isinstance(chip, PivCard):
        signed = chip.signatures
        return lambda: chip.signatures > signed
    if isinstance(chip, Ntag424Card):
        readings = _readings(chip)
        return lambda: _readings(chip) > readings
    return lambda: False


def _readings(chip: Ntag424Card) -> int:
    return sum(file.counter for file in chip.files.values())
