"""Cells of a table that people keep in a spreadsheet: what a cell says, and how spreadsheets spoil it.

A reader takes one cell and gives its value, perhaps with a hint, or raises `CellError`. A cell comes as text from a CSV
file, and as text, number, date or truth value from a workbook.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Generic, Literal, TypeVar

from inventory.errors import InventoryError

T = TypeVar("T")
EXACT_DIGITS: Final = 15
"""Digits that a spreadsheet keeps of a number; the rest becomes zeros (IEEE 754 double, as Excel shows it)."""
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_EXPONENT: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")


@dataclass(frozen=True)
class NoValue:
    """A cell that should have a value and has none."""

    why: Literal["formula", "error"]
    """A formula whose result was never saved, or whose result is an error."""
    text: str
    """The formula, or the error such as `#N/A`."""


Cell = str | int | float | bool | datetime | date | NoValue | None
"""None: the cell is empty."""


@dataclass(frozen=True)
class Hint:
    """Worth a look, no reason to refuse."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Read(Generic[T]):
    """What a cell says."""

    value: T
    hint: Hint | None = None


class CellError(InventoryError):
    """A cell that can't be what its column is. `code` and `values` are for the words of a page."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(f"{code}: {values}" if values else code, code=code)
        self.values: Mapping[str, str] = MappingProxyType({name: str(value) for name, value in values.items()})


def clean(text: str) -> str:
    """Composed letters (NFC), one ordinary space for every run of space of any kind, nothing invisible.

    Vietnamese comes decomposed from macOS and from Windows-1258, and non-breaking spaces come from web pages.
    """
    return " ".join(unicodedata.normalize("NFC", text.translate(_INVISIBLE)).split())


def is_empty(cell: Cell) -> bool:
    """Whether nothing stands in it."""
    return cell is None or (isinstance(cell, str) and not clean(cell))


def shown(cell: Cell) -> str:
    """The cell as the person sees it, cut where it is long."""
    if isinstance(cell, NoValue):
        return cell.text[:120]
    if isinstance(cell, datetime):
        return f"{cell:%d/%m/%Y}" if cell.time() == datetime.min.time() else f"{cell:%d/%m/%Y %H:%M:%S}"
    if isinstance(cell, date):
        return f"{cell:%d/%m/%Y}"
    return "" if cell is None else str(cell)[:120]


def refuse_no_value(cell: Cell) -> None:
    """Refuse a formula without a saved result, and the result `#N/A`.

    Raises:
        CellError: `formula_without_value`, `excel_error`.
    """
    if isinstance(cell, NoValue):
        raise CellError("formula_without_value" if cell.why == "formula" else "excel_error")


def as_text(cell: Cell, length_max: int = 300) -> str:
    """A text; a whole number is taken as its digits.

    Raises:
        CellError: `text_is_date`, `text_is_number`, `character`, `too_long`, or no value.
    """
    refuse_no_value(cell)
    if isinstance(cell, (datetime, date)):
        raise CellError("text_is_date")
    text = clean(cell) if isinstance(cell, str) else whole_digits(cell)
    if text is None:
        raise CellError("text_is_number")
    wrong = next((each for each in text if unicodedata.category(each) in {"Cc", "Cs", "Co", "Cn"}), None)
    if wrong is not None or "\N{REPLACEMENT CHARACTER}" in text:
        raise CellError("character", character=f"U+{ord(wrong or chr(0xFFFD)):04X}")
    if len(text) > length_max:
        raise CellError("too_long", limit=length_max, length=len(text))
    return text


def whole_digits(cell: Cell) -> str | None:
    """The digits of a whole number that is exact; None for any other cell."""
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return None
    if isinstance(cell, float) and not cell.is_integer():
        return None
    digits = str(int(cell))
    return digits if len(digits.lstrip("-")) <= EXACT_DIGITS else None


def has_lost_digits(text: str) -> bool:
    """`8.93501E+12`: a spreadsheet has shortened a long number and written what it showed."""
    return _EXPONENT.fullmatch(text) is not None


def read_identifier(cell: Cell, length_max: int) -> Read[str]:
    """A code that someone gave: text. A number may have lost zeros at its beginning, which is said.

    Raises:
        CellError: as `as_text`, and `digits_lost`.
    """
    text = as_text(cell, length_max)
    if isinstance(cell, str):
        if has_lost_digits(text):
            raise CellError("digits_lost")
        return Read(text)
    return Read(text, Hint("number_cell"))


def read_whole(cell: Cell, low: int, high: int) -> Read[int]:
    """A whole number from `low` to `high`.

    Raises:
        CellError: `number_format`, `number_ambiguous`, `number_not_whole`, `number_range`, or no value.
    """
    value = _number(cell)
    if value != value.to_integral_value():
        raise CellError("number_not_whole")
    if not low <= value <= high:
        raise CellError("number_range", low=low, high=high)
    return Read(int(value))


_MONEY_MAX: Final = Decimal(10) ** 13
"""VND for one base unit: numeric(18, 4) holds ten times as much."""


def read_money(cell: Cell) -> Read[Decimal]:
    """An amount of VND, rounded to four decimals: what the database keeps.

    Raises:
        CellError: `number_format`, `number_ambiguous`, `number_range`, or no value.
    """
    stripped = re.sub(r"(?i)\s*(?:vnđ|vnd|đ|₫)\s*$", "", clean(cell)) if isinstance(cell, str) else cell
    value = _number(stripped)
    if not 0 <= value <= _MONEY_MAX:
        raise CellError("number_range", low=0, high=_MONEY_MAX)
    return Read(value.quantize(Decimal("0.0001")))


_PLAIN: Final = re.compile(r"[+-]?[0-9]+")
_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:([.,])[0-9]{3})(?:\1[0-9]{3})+")
_ONE_SIGN: Final = re.compile(r"[+-]?[0-9]+[.,][0-9]+")
_BOTH_SIGNS: Final = re.compile(r"[0-9]{1,3}(?:([.,])[0-9]{3})+(?!\1)[.,][0-9]+")


def _number(cell: Cell) -> Decimal:
    """`1.000` is a thousand in Viet Nam and one elsewhere: what can be read two ways is refused."""
    refuse_no_value(cell)
    if isinstance(cell, bool) or cell is None or isinstance(cell, (datetime, date, NoValue)):
        raise CellError("number_format")
    if isinstance(cell, (int, float)):
        if cell != cell or abs(cell) >= 10**EXACT_DIGITS:  # noqa: PLR0124 - not a number is not equal to itself
            raise CellError("number_format")
        return Decimal(str(cell))
    return _written_number(clean(cell).replace(" ", ""))


def _written_number(text: str) -> Decimal:
    if len(text) > EXACT_DIGITS * 2:
        raise CellError("number_format")
    if has_lost_digits(text):
        raise CellError("digits_lost")
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if _THOUSANDS.fullmatch(text):
        return Decimal(re.sub("[.,]", "", text))
    if _BOTH_SIGNS.fullmatch(text):
        whole, fraction = re.split(r"[.,](?=[0-9]+$)", text)
        return Decimal(re.sub("[.,]", "", whole) + "." + fraction)
    if _ONE_SIGN.fullmatch(text):
        whole, fraction = re.split("[.,]", text)
        if len(fraction) == 3 and whole.lstrip("+-0"):  # noqa: PLR2004 - a group of thousands
            other = f"{whole},{fraction.rstrip('0') or '0'}"
            raise CellError("number_ambiguous", one=f"{whole}{fraction}", other=other)
        return Decimal(f"{whole}.{fraction}")
    raise CellError("number_format")
