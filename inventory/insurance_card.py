"""BHYT: the Vietnamese health insurance card, its number and its QR code.

Number: 15 characters, group (2 letters), benefit level 1 to 5, province (2 digits), BHXH number (10 digits). No check
digit is known, and spaces may stand between the parts. Cards since 1 April 2021 show the BHXH number alone, so a QR
code may begin with those ten digits. The texts of Decision 1351/QĐ-BHXH and of the QR layout are not public: only the
number is judged, and the name, written as hexadecimal UTF-8, is read where it can be.
"""

import re
from dataclasses import dataclass
from typing import Final

from inventory.errors import CodeError

_NUMBER: Final = re.compile(r"(?P<group>[A-Z]{2})(?P<level>[1-5])(?P<province>[0-9]{2})(?P<bhxh>[0-9]{10})")
_BHXH: Final = re.compile(r"[0-9]{10}")
_MEANT: Final = re.compile(r"[A-Z][A-Z0-9][0-9]{11,14}")
"""What can only be meant as such a number: said to be wrong rather than unknown."""


@dataclass(frozen=True)
class InsuranceCard:
    """What the card says. Personal data."""

    number: str
    """Fifteen characters; empty where the card shows the BHXH number alone."""
    bhxh_number: str
    """Ten digits: the social insurance number, which stays when the group changes."""
    full_name: str = ""

    @property
    def benefit_level(self) -> int | None:
        """1 to 5: which share the insurance pays; None where the card doesn't say."""
        return int(self.number[2]) if self.number else None


def is_meant_as_number(text: str) -> bool:
    """Whether a code without fields is, rightly or wrongly, such a number."""
    return _MEANT.fullmatch(_compact(text)) is not None


def parse_insurance_number(text: str) -> InsuranceCard:
    """From the number of a card, spaces allowed.

    Raises:
        CodeError: not such a number (`insurance_number`).
    """
    number = _compact(text)
    found = _NUMBER.fullmatch(number)
    if found is None:
        # Reasons are stored and shown: unlike other values, a person's number does not stand in them.
        expected = "two letters, benefit level 1 to 5, two digits of province, ten digits"
        raise CodeError("insurance_number", f"insurance number of {len(number)} characters: expected {expected}")
    return InsuranceCard(number, found["bhxh"])


def parse_insurance_qr(text: str) -> InsuranceCard:
    """From the QR code of a card, fields separated by `|`.

    Raises:
        CodeError: the first field is neither a card number nor a BHXH number (`insurance_number`).
    """
    fields = text.split("|")
    name = _read_name(fields[1]) if len(fields) > 1 else ""
    number = _compact(fields[0])
    if _BHXH.fullmatch(number) is not None:
        return InsuranceCard("", number, name)
    card = parse_insurance_number(fields[0])
    return InsuranceCard(card.number, card.bhxh_number, name)


def _read_name(text: str) -> str:
    try:
        return bytes.fromhex(text).decode("utf-8")
    except ValueError:
        return text


def _compact(text: str) -> str:
    return text.replace(" ", "").upper()
