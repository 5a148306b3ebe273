"""From elements to what they mean for stock: key, lot, dates, serial number, and what is wrong with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from inventory.association import judge
from inventory.content_rules import find_problems
from inventory.element import Element
from inventory.errors import CodeError
from inventory.gs1_date import parse_local_datetime, parse_yymmdd
from inventory.problem import Problem

_GTIN_AIS: Final = ("01", "03")
"""(02) is not among them: it names what is inside a logistic unit, not what carries the code."""
_DAY_MATTERS: Final = frozenset({"11", "12", "13", "15", "16", "17"})


@dataclass(frozen=True)
class Interpretation:
    """The findings, and the values that are sound."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    values: dict[str, Any]
    """Fields of `ParsedScan` that the elements fill."""


def interpret(elements: Sequence[Element], today: date, *, complete: bool) -> Interpretation:
    """Judge elements one by one and together; `complete` says that no other symbol of the pack is to come."""
    errors: list[Problem] = []
    sound: dict[str, str] = {}
    for element in elements:
        problems = list(find_problems(element, today))
        errors += [problem for problem in problems if problem not in errors]
        if not problems:
            sound.setdefault(element.ai, element.value)
    together, warnings = judge(elements, complete=complete)
    for problem in _ambiguous(together):
        sound.pop(problem, None)
    warnings += _unknown_days(sound, today)
    return Interpretation((*errors, *together), tuple(warnings), _values(sound, today))


def _ambiguous(problems: Sequence[Problem]) -> list[str]:
    """AIs that stand with two values: neither may be used."""
    return [problem.message[1:].partition(")")[0] for problem in problems if problem.code == "repeated"]


def _unknown_days(sound: dict[str, str], today: date) -> list[Problem]:
    warnings = []
    for ai in sorted(_DAY_MATTERS & sound.keys()):
        read = parse_yymmdd(sound[ai], today, day_zero_allowed=True)
        if read.day_unknown:
            text = f"({ai}){sound[ai]} names no day: read as the last of the month, {read.day.isoformat()}"
            warnings.append(Problem("day_unknown", text))
    return warnings


def _values(sound: dict[str, str], today: date) -> dict[str, Any]:
    def day_of(value: str) -> date:
        return parse_yymmdd(value, today, day_zero_allowed=True).day

    return {
        "gtin": next((sound[ai] for ai in _GTIN_AIS if ai in sound), None),
        "lot": sound.get("10"),
        "expiry_date": _expiry(sound, today, day_of),
        "production_date": day_of(sound["11"]) if "11" in sound else None,
        "serial_number": sound.get("21"),
        "sscc": sound.get("00"),
    }


def _expiry(sound: dict[str, str], today: date, day_of: Callable[[str], date]) -> date | None:
    if "17" in sound:
        return day_of(sound["17"])
    if "7003" not in sound:
        return None
    try:
        return parse_local_datetime(sound["7003"], today).date()
    except CodeError:
        return None
