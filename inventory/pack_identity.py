"""What a hospital writes on a pack, or into its tag: GTIN, expiry, lot and serial number as checked GS1 elements."""

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


@dataclass(frozen=True)
class PackIdentity:
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
        for name, text in (("lot", self.lot), ("serial number", self.serial_number)):
            wrong = next((character for character in text if character not in CSET82), None)
            if wrong is not None:
                raise CodeError("character", f"{name} {text!r}: {wrong!r} is not a character of the GS1 set 82")
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

    def digital_link(self, stem: str = CANONICAL_STEM) -> str:
        """GS1 Digital Link of it, for QR codes and NFC tags; `stem` is scheme and host, perhaps with a path."""
        return write_digital_link(self.elements, stem)
