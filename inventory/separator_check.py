"""A lost FNC1: the code still "parses", with the next elements inside the lot or serial number."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from inventory.content_rules import find_problems
from inventory.element import Element
from inventory.element_string import SEPARATOR_HINT, needs_separator, split
from inventory.problem import Problem

_DATES: Final = ("17", "11", "15", "13")
_SWALLOWED: Final = (*_DATES, "01", "21", "10", "240", "712", "714", "715")
"""What is printed beside a lot or a serial number on a medicine pack, and so is found inside one."""
_SERIAL_MIN: Final = 6
"""A tail of lot or serial number shorter than this is likelier a coincidence (a lot with a 21 in it)."""
_HEAD_MIN: Final = 3
"""What is left of the swallowing element is at least so long, for the same reason."""
_WRITTEN_OUT: Final = re.compile(r"<(?:GS|FNC1|F1|0?x?1D)>|\((?:GS|FNC1|F1)\)|%1D", re.IGNORECASE)
"""How scanners spell the separator for the eye. All of its characters are allowed in a lot, so only this finds it."""


def find_written_separator(elements: Sequence[Element]) -> Problem | None:
    """A warning if a value holds the separator spelt out, such as `<GS>`: the next elements stand in it too."""
    for element in elements:
        found = _WRITTEN_OUT.search(element.value)
        if found is not None and needs_separator(element.ai):
            text = f"({element.ai}){element.value} holds {found[0]!r} in place of FNC1: {SEPARATOR_HINT}"
            return Problem("separator_lost", text)
    return None


def find_lost_separator(elements: Sequence[Element], today: date) -> Problem | None:
    """A warning if the last element looks as if it had swallowed others.

    To be asked only where not one separator was seen: a scanner that sends some sends all. It stays a warning, since a
    lot number may look like anything; nobody should book such a lot without looking at the pack.
    """
    if not elements or not needs_separator(elements[-1].ai):
        return None
    last, known = elements[-1], {element.ai for element in elements}
    for length in range(1, len(last.value)):
        head, tail = last.value[:length], last.value[length:]
        swallowed = _as_elements(tail, known, today, head_length=length)
        if swallowed:
            inside = "".join(str(element) for element in swallowed)
            text = f"({last.ai}){last.value} may be ({last.ai}){head} and {inside}: FNC1 was lost; {SEPARATOR_HINT}"
            return Problem("separator_lost", text)
    return None


def _as_elements(tail: str, known: set[str], today: date, *, head_length: int) -> tuple[Element, ...]:
    """The elements that `tail` is made of, or none if that is not convincing."""
    if not tail.startswith(_SWALLOWED):
        return ()
    found = split(tail)
    if found.problems:
        return ()
    ais = [element.ai for element in found.elements]
    if any(ai in known or ai not in _SWALLOWED for ai in ais) or len(set(ais)) < len(ais):
        return ()
    if any(True for element in found.elements for _ in find_problems(element, today)):
        return ()
    if ais[0] in _DATES or ais[0] == "01":
        return found.elements  # a true date or check digit at this place is hardly a coincidence
    long_enough = len(found.elements[-1].value) >= _SERIAL_MIN and head_length >= _HEAD_MIN
    return found.elements if long_enough else ()
