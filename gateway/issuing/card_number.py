"""The number that is printed on a card: eight drawn digits and two check digits (ISO/IEC 7064, MOD 97-10).

It says nothing of the patient and nothing of when the card was made. MOD 97-10, which bank accounts have, finds every
wrong digit and every two digits that changed places.
"""

import re
import secrets
from collections.abc import Callable
from typing import Final

_DRAWN: Final = 10**8
_MODULUS: Final = 97
_NUMBER: Final = re.compile(r"[0-9]{10}", re.ASCII)


def draw_card_number(below: Callable[[int], int] = secrets.randbelow) -> str:
    """A new one. That nobody has it already is for the database to say."""
    drawn = below(_DRAWN)
    return f"{drawn:08d}{_MODULUS + 1 - drawn * 100 % _MODULUS:02d}"


def read_card_number(text: str) -> str | None:
    """Ten digits as they are kept, from what a person typed or a code said; None: it is no card number."""
    digits = re.sub(r"[\s.-]", "", text.rpartition("/")[2])
    return digits if _NUMBER.fullmatch(digits) and int(digits) % _MODULUS == 1 else None


def spaced(card_number: str) -> str:
    """As it is printed: `1234 5678 90`."""
    return f"{card_number[:4]} {card_number[4:8]} {card_number[8:]}"
