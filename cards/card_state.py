"""How far a card is on its way from blank to issued, and what ends that way; the same for both profiles."""

from collections.abc import Callable
from enum import Enum

from cards.errors import CardError

Progress = Callable[[str], None]
"""Told the name of each step as it begins: for a screen. What it raises ends the work, which can be gone on with."""


class CardState(Enum):
    """What a card says of itself. There is no half-issued one: unfinished cards prove nothing to any reader."""

    BLANK = "blank"
    """As delivered."""
    UNFINISHED = "unfinished"
    """Something on it is ours, not everything: personalise it again, or wipe it."""
    ISSUED = "issued"
    """It proves itself."""


class ForeignCardError(CardError):
    """Not a card that we can write: another kind of card, or its keys are neither ours nor the maker's."""


class NotIssuedError(CardError):
    """Everything was written, and yet the card does not prove itself, or is not blank after wiping: put it aside."""
