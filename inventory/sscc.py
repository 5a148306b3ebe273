"""SSCC: the Serial Shipping Container Code of a logistic unit (GS1 General Specifications 3.3.1)."""

from dataclasses import dataclass

from inventory import check_digit
from inventory.errors import CodeError

LENGTH = 18


@dataclass(frozen=True)
class Sscc:
    """An SSCC that is valid if it exists."""

    value: str
    """Eighteen digits."""

    def __post_init__(self) -> None:
        """Refuse what is not an SSCC.

        Raises:
            CodeError: wrong length (`length`), character (`character`) or check digit (`check_digit`).
        """
        if len(self.value) != LENGTH:
            raise CodeError("length", f"SSCC {self.value!r}: expected 18 digits, got {len(self.value)} characters")
        check_digit.verify(self.value, "SSCC")
