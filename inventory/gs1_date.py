"""Dates in GS1 codes: two-digit years, and a day 00 (GS1 General Specifications 7.12)."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time

from inventory.check_digit import require_digits
from inventory.errors import CodeError


@dataclass(frozen=True)
class Gs1Date:
    """A date read from YYMMDD."""

    day: date
    day_unknown: bool
    """The code said day 00: the last day of the month is meant. Since 1 January 2025 GS1 forbids it for regulated
    healthcare products (GSCN 21-040), but printed stock remains."""


def full_year(two_digits: int, today: date) -> int:
    """The year meant by `two_digits`: from 49 years before `today`'s year to 50 years after it."""
    century = today.year - today.year % 100
    difference = two_digits - today.year % 100
    if difference >= 51:  # noqa: PLR2004 - the rule's own numbers (GS1 General Specifications 7.12)
        return century - 100 + two_digits
    if difference <= -50:  # noqa: PLR2004 - the same rule
        return century + 100 + two_digits
    return century + two_digits


def parse_yymmdd(text: str, today: date, *, day_zero_allowed: bool) -> Gs1Date:
    """Six digits YYMMDD, and YYMM00 where it is allowed.

    Raises:
        CodeError: wrong length (`length`), character (`character`), or no such day (`date`).
    """
    if len(text) != len("YYMMDD"):
        raise CodeError("length", f"date {text!r}: expected YYMMDD, got {len(text)} characters")
    require_digits(text, "date")
    year, month, day = full_year(int(text[:2]), today), int(text[2:4]), int(text[4:])
    if not 1 <= month <= 12:  # noqa: PLR2004 - months of a year
        raise CodeError("date", f"date {text!r}: month {text[2:4]!r} is not 01 to 12")
    days = calendar.monthrange(year, month)[1]
    if day == 0 and day_zero_allowed:
        return Gs1Date(date(year, month, days), day_unknown=True)
    if not 1 <= day <= days:
        raise CodeError("date", f"date {text!r}: {year}-{month:02} has no day {text[4:]!r}, expected 01 to {days}")
    return Gs1Date(date(year, month, day), day_unknown=False)


def parse_hhmm(text: str) -> time:
    """Four digits HHMM.

    Raises:
        CodeError: wrong length (`length`), character (`character`), or no such time (`time`).
    """
    if len(text) != len("HHMM"):
        raise CodeError("length", f"time {text!r}: expected HHMM, got {len(text)} characters")
    require_digits(text, "time")
    hour, minute = int(text[:2]), int(text[2:])
    if hour > 23 or minute > 59:  # noqa: PLR2004 - hours of a day, minutes of an hour
        raise CodeError("time", f"time {text!r}: expected 0000 to 2359")
    return time(hour, minute)


def parse_local_datetime(text: str, today: date) -> datetime:
    """YYMMDD, then HH, HHMM or HHMMSS (AI 7003, 8008 and their like): local time where the pack was made, so no zone.

    Raises:
        CodeError: wrong length (`length`), character (`character`), no such day (`date`) or time (`time`).
    """
    if len(text) not in {8, 10, 12}:
        raise CodeError("length", f"date and time {text!r}: expected 8, 10 or 12 digits, got {len(text)} characters")
    require_digits(text, "date and time")
    day = parse_yymmdd(text[:6], today, day_zero_allowed=False).day
    clock = parse_hhmm(text[6:10].ljust(4, "0"))
    seconds = int(text[10:12] or "0")
    if seconds > 59:  # noqa: PLR2004 - seconds of a minute
        raise CodeError("time", f"date and time {text!r}: second {text[10:12]!r} is not 00 to 59")
    return datetime.combine(day, clock.replace(second=seconds))
