"""Registration numbers of medicines in Viet Nam: text, several over a product's life, never a number to count with.

Old numbers look like `VD-4878-14` (domestic) or `VN-20541-17` (imported), with many other letters in use; new ones are
12 digits. A renewal is written `new (old)`. What the 12 digits mean is not published in a source that we could read, so
the forms are hints and never a reason to refuse.
"""

import re
from typing import Final

from inventory.errors import CodeError

LENGTH_MAX: Final = 60
"""Characters of one number: far longer than any in use, short enough to notice a sentence in the wrong column."""
_OLD: Final = re.compile(r"[A-ZĐ]{1,5}[0-9]?-[A-Z]?[0-9]{1,6}-[0-9]{2}")
_NEW: Final = re.compile(r"[0-9]{12}")
_BETWEEN: Final = re.compile(r"[;,|\n]|\s\(|\(|\)")


def split_numbers(text: str) -> tuple[str, ...]:
    """Each number once, in its order: they stand between `;`, `,`, `|` or line ends, or as `new (old)`.

    Raises:
        CodeError: one of them is longer than 60 characters (`length`).
    """
    found = [" ".join(part.split()) for part in _BETWEEN.split(text)]
    numbers = tuple(dict.fromkeys(part for part in found if part))
    for number in numbers:
        if len(number) > LENGTH_MAX:
            raise CodeError("length", f"registration number {number!r}: expected at most {LENGTH_MAX} characters")
    return numbers


def is_known_form(number: str) -> bool:
    """Whether it looks like the numbers of the published lists; others exist."""
    return bool(_OLD.fullmatch(number.upper()) or _NEW.fullmatch(number))
