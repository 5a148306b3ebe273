"""CCCD: the Vietnamese citizen identity card, its number and its QR code.

The only rule for a number is twelve digits: Law 26/2023/QH15 article 12 guarantees no more since 1 July 2024. The older
structure (province 3, century and sex 1, birth year 2, random 6; Decree 137/2015 article 13) gives hints, never errors.
The QR code: number|old CMND number|name|birth ddmmyyyy|sex|address|issued ddmmyyyy (no published specification).
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Final

from inventory.errors import CodeError
from inventory.problem import Problem

_GROUPED: Final = re.compile(r"[0-9]{3}([ .-]?)[0-9]{3}\1[0-9]{3}\1[0-9]{3}")
_NAME, _BIRTH, _SEX, _ADDRESS, _ISSUED = 2, 3, 4, 5, 6
_SEXES: Final = {"nam": "male", "nữ": "female"}


@dataclass(frozen=True)
class CitizenCard:
    """What the QR code of a card says, and a bare number the least of it. Personal data."""

    number: str
    """Twelve digits."""
    old_number: str = ""
    """CMND of nine digits, if the card names one."""
    full_name: str = ""
    birth_date: date | None = None
    sex: str = ""
    """`male`, `female`, or empty."""
    address: str = ""
    issued_on: date | None = None

    def __post_init__(self) -> None:
        """Refuse a number that is not twelve digits.

        Raises:
            CodeError: it is not (`citizen_number`).
        """
        if re.fullmatch(r"[0-9]{12}", self.number) is None:
            # Reasons are stored and shown: unlike other values, a person's number does not stand in them.
            raise CodeError("citizen_number", f"citizen number of {len(self.number)} characters: expected 12 digits")


def normalise_number(text: str) -> str | None:
    """Twelve digits from a number that may be written in four groups with one kind of separator; None if it is not."""
    if _GROUPED.fullmatch(text) is None:
        return None
    return re.sub(r"[ .-]", "", text)


def parse_citizen_qr(text: str) -> tuple[CitizenCard, list[Problem]]:
    """The card of a QR code, and what is odd about it.

    Raises:
        CodeError: the first field is not twelve digits (`citizen_number`).
    """
    fields = [part.strip() for part in text.split("|")]
    fields += [""] * (_ISSUED + 1 - len(fields))
    warnings: list[Problem] = []
    card = CitizenCard(
        number=fields[0],
        old_number=fields[1],
        full_name=fields[_NAME],
        birth_date=_parse_date(fields[_BIRTH], "birth date", warnings),
        sex=_SEXES.get(fields[_SEX].lower(), ""),
        address=fields[_ADDRESS],
        issued_on=_parse_date(fields[_ISSUED], "date of issue", warnings),
    )
    if not card.full_name:
        warnings.append(Problem("citizen_card", "the card names no one: compare with the printed name"))
    if card.birth_date is not None and birth_year_hint(card.number) not in {None, card.birth_date.year}:
        text = "the birth year is not the one in the number: compare with the printed card"
        warnings.append(Problem("citizen_card", text))
    return card, warnings


def birth_year_hint(number: str) -> int | None:
    """The birth year that a number of the older structure holds; None where it cannot be of that structure."""
    province, century_and_sex = int(number[:3]), int(number[3])
    if not 1 <= province <= 96:  # noqa: PLR2004 - province codes 001 to 096 (Circular 07/2016)
        return None
    return 1900 + 100 * (century_and_sex // 2) + int(number[4:6])


def _parse_date(text: str, name: str, warnings: list[Problem]) -> date | None:
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{2})/?([0-9]{2})/?([0-9]{4})", text)
    if found is not None:
        with suppress(ValueError):
            return date(int(found[3]), int(found[2]), int(found[1]))
    warnings.append(Problem("citizen_card", f"{name} is not written as ddmmyyyy"))
    return None
