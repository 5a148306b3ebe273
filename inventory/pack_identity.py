"""What a hospital writes on a pack, or into its tag: GTIN, expiry, lot and serial number as checked GS1 elements.

For a product without GTIN: the hospital's own article code in elements for internal use, read in this house only.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from inventory.content_checks import CSET82
from inventory.content_rules import find_problems
from inventory.digital_link import CANONICAL_STEM, write_digital_link
from inventory.element import Element
from inventory.element_string import check_format, needs_separator
from inventory.errors import CodeError
from inventory.gtin import Gtin

FNC1: Final = "\x1d"
"""How FNC1 behind a value is transmitted: ASCII 29, GS (GS1 General Specifications 7.8.3)."""

INTERNAL_PRODUCT: Final = "91"
INTERNAL_LOT: Final = "92"
INTERNAL_EXPIRY: Final = "93"
INTERNAL_SERIAL: Final = "94"
"""Elements of our own labels: (91) to (99) are company internal information (GS1 General Specifications, section 3)."""

_INTERNAL_MAX: Final = 30
"""Characters: far below the 90 that (91) to (99) may have, so that a label has room."""


class _Symbol:
    """What both identities say, each by its elements."""

    @property
    def elements(self) -> tuple[Element, ...]:
        """In the order in which they are written."""
        return ()

    @property
    def readable(self) -> tuple[str, ...]:
        """Human-readable interpretation, one text an element: AI in brackets (GS1 General Specifications 4.14)."""
        return tuple(str(element) for element in self.elements)

    @property
    def message(self) -> str:
        """The data of a GS1 symbol, FNC1 behind each value without predefined length unless it is the last."""
        parts: list[str] = []
        for place, element in enumerate(self.elements, 1):
            separated = needs_separator(element.ai) and place < len(self.elements)
            parts.append(f"{element.ai}{element.value}{FNC1 if separated else ''}")
        return "".join(parts)


@dataclass(frozen=True)
class PackIdentity(_Symbol):
    """Valid if it exists: a label or a tag can be made of it as it stands."""

    gtin: str
    """8, 12, 13 or 14 digits; kept as 14."""
    lot: str = ""
    """1 to 20 characters of the GS1 set 82; empty if the pack names none."""
    expiry_date: date | None = None
    serial_number: str = ""
    """1 to 20 characters of the GS1 set 82; empty if the pack has none of its own."""

    def __post_init__(self) -> None:
        """Refuse what no GS1 code can hold.

        Raises:
            CodeError: naming the element, its value and what was expected.
        """
        object.__setattr__(self, "gtin", Gtin.parse(self.gtin).value)
        _require_set82((("lot", self.lot), ("serial number", self.serial_number)))
        for element in self.elements:
            problem = check_format(element)
            today = self.expiry_date or date(2000, 1, 1)
            for found in (problem,) if problem else find_problems(element, today):
                raise CodeError(found.code, found.message)

    @property
    def elements(self) -> tuple[Element, ...]:
        """(01)(17)(10)(21): elements of predefined length first, so that one separator fewer is needed."""
        expiry = self.expiry_date.strftime("%y%m%d") if self.expiry_date else ""
        found = (("01", self.gtin), ("17", expiry), ("10", self.lot), ("21", self.serial_number))
        return tuple(Element(ai, value) for ai, value in found if value)

    def digital_link(self, stem: str = CANONICAL_STEM) -> str:
        """GS1 Digital Link of it, for QR codes and NFC tags; `stem` is scheme and host, perhaps with a path."""
        return write_digital_link(self.elements, stem)


@dataclass(frozen=True)
class InternalIdentity(_Symbol):
    """A pack of a product without GTIN. Valid if it exists.

    (91) to (94) are for a company's own use (GS1 General Specifications 3.11): they mean what is said here in this
    hospital and nothing anywhere else. (10), (17) and (21) may not stand without a GTIN.
    """

    product_id: str
    """The hospital's code of the product, in (91)."""
    lot: str = ""
    """(92)."""
    expiry_date: date | None = None
    """(93), YYMMDD."""
    serial_number: str = ""
    """(94)."""

    def __post_init__(self) -> None:
        """Refuse what no GS1 code can hold.

        Raises:
            CodeError: naming the value and what was expected.
        """
        named = (("product code", self.product_id), ("lot", self.lot), ("serial number", self.serial_number))
        _require_set82(named)
        for name, text in named:
            if len(text) > _INTERNAL_MAX or (name == "product code" and not text):
                raise CodeError("length", f"{name} {text!r}: expected 1 to {_INTERNAL_MAX} characters")

    @property
    def elements(self) -> tuple[Element, ...]:
        """(91)(92)(93)(94)."""
        expiry = self.expiry_date.strftime("%y%m%d") if self.expiry_date else ""
        found = (
            (INTERNAL_PRODUCT, self.product_id),
            (INTERNAL_LOT, self.lot),
            (INTERNAL_EXPIRY, expiry),
            (INTERNAL_SERIAL, self.serial_number),
        )
        return tuple(Element(ai, value) for ai, value in found if value)


def _require_set82(named: tuple[tuple[str, str], ...]) -> None:
    for name, text in named:
        wrong = next((character for character in text if character not in CSET82), None)
        if wrong is not None:
            raise CodeError("character", f"{name} {text!r}: {wrong!r} is not a character of the GS1 set 82")
