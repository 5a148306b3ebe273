"""GTIN: the Global Trade Item Number of a product (GS1 General Specifications 3.3.2)."""

from dataclasses import dataclass

from inventory import check_digit
from inventory.errors import CodeError

LENGTHS = (8, 12, 13, 14)
"""GTIN-8, GTIN-12 (UPC-A), GTIN-13 (EAN-13), GTIN-14."""


@dataclass(frozen=True)
class Gtin:
    """A GTIN that is valid if it exists; kept as 14 digits, which is how a catalogue must be asked."""

    value: str
    """Fourteen digits, shorter GTINs filled with zeros on the left."""

    def __post_init__(self) -> None:
        """Refuse what is not a GTIN-14.

        Raises:
            CodeError: wrong length (`length`), character (`character`) or check digit (`check_digit`).
        """
        if len(self.value) != LENGTHS[-1]:
            raise CodeError("length", f"GTIN {self.value!r}: expected 14 digits, got {len(self.value)} characters")
        check_digit.verify(self.value, "GTIN")

    @classmethod
    def parse(cls, text: str) -> "Gtin":
        """From 8, 12, 13 or 14 digits.

        Raises:
            CodeError: wrong length (`length`), character (`character`) or check digit (`check_digit`).
        """
        if len(text) not in LENGTHS:
            raise CodeError("length", f"GTIN {text!r}: expected 8, 12, 13 or 14 digits, got {len(text)} characters")
        check_digit.verify(text, "GTIN")
        return cls(text.zfill(14))
