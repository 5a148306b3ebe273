"""Dates of a table: as Viet Nam writes them, as ISO 8601 does, as a spreadsheet keeps them.

`mm/yyyy` means the last day of the month, as on a pack that prints no day (GS1 General Specifications 7.12 says the
same of day 00).
"""

import calendar
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from inventory.table_cell import Cell, CellError, Hint, Read, clean, refuse_no_value

YEAR_MIN, YEAR_MAX = 2000, 2099
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})(?: 0{1,2}:00(?::00)?)?")
_YEAR_FIRST: Final = re.compile(r"([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})(?:[ T]00:00(?::00(?:\.0+)?)?)?")
_MONTH: Final = re.compile(r"([0-9]{1,2})[/.-]([0-9]{4})")
_MONTH_YEAR_FIRST: Final = re.compile(r"([0-9]{4})[/.-]([0-9]{1,2})")
_SHORT_YEAR: Final = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}|[0-9]{1,2}[/.-][0-9]{2}")
_SERIAL_ZERO: Final = date(1899, 12, 30)
"""Day 0 of a workbook's dates from 1 March 1900 on (ECMA-376 part 1, 18.17.4.1: 1900 is counted as a leap year)."""
_SERIAL: Final = range((date(YEAR_MIN, 1, 1) - _SERIAL_ZERO).days, (date(YEAR_MAX, 12, 31) - _SERIAL_ZERO).days + 1)


def read_date(cell: Cell) -> Read[date]:
    """A day from 2000 to 2099.

    Raises:
        CellError: `date_format`, `date_short_year`, `date_impossible`, `date_range`, or no value.
    """
    refuse_no_value(cell)
    if isinstance(cell, datetime):
        return Read(_in_range(cell.date()))
    if isinstance(cell, date):
        return Read(_in_range(cell))
    text = clean(cell) if isinstance(cell, str) else ""
    serial = _serial(cell, text)
    if serial is not None:
        return Read(serial, Hint("date_serial", {"date": f"{serial:%d/%m/%Y}"}))
    if _SHORT_YEAR.fullmatch(text):
        raise CellError("date_short_year")
    return Read(_in_range(_written(text)))


def _serial(cell: Cell, text: str) -> date | None:
    """A number where a date should be is the spreadsheet's own count of days, shown without its format."""
    number = cell if isinstance(cell, (int, float)) and not isinstance(cell, bool) else None
    if number is None and re.fullmatch("[0-9]{5}", text):
        number = int(text)
    if number is None or number != number or int(number) not in _SERIAL:  # noqa: PLR0124 - NaN
        return None
    return _SERIAL_ZERO + timedelta(days=int(number))


def _written(text: str) -> date:
    if found := _DAY_FIRST.fullmatch(text):
        day, month, year = map(int, found.groups())
    elif found := _YEAR_FIRST.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _MONTH.fullmatch(text):
        (month, year), day = map(int, found.groups()), 0
    elif found := _MONTH_YEAR_FIRST.fullmatch(text):
        (year, month), day = map(int, found.groups()), 0
    else:
        raise CellError("date_format")
    if not (1 <= month <= 12 and year >= 1):  # noqa: PLR2004 - months of a year
        raise CellError("date_impossible")
    last = calendar.monthrange(year, month)[1]
    if day > last or (day == 0 and found.re in {_DAY_FIRST, _YEAR_FIRST}):
        raise CellError("date_impossible")
    return date(year, month, day or last)


def _in_range(value: date) -> date:
    if not YEAR_MIN <= value.year <= YEAR_MAX:
        raise CellError("date_range", low=YEAR_MIN, high=YEAR_MAX)
    return value


def are_swapped(cells: Iterable[Cell]) -> bool:
    """Whether a spreadsheet with American settings has read `05/06/2027` as 6 May and left `25/06/2027` a text.

    The trace: real dates, none with a day above 12, beside texts that begin with a day above 12. Every one of those
    dates would be wrong, and each looks right.
    """
    real = 0
    texts = False
    for cell in cells:
        if isinstance(cell, date):
            if cell.day > 12:  # noqa: PLR2004 - the largest month
                return False
            real += 1
        elif isinstance(cell, str) and (found := _DAY_FIRST.fullmatch(clean(cell))):
            texts = texts or int(found[1]) > 12  # noqa: PLR2004 - the largest month
    return real > 0 and texts
