"""A day as people type it: day, month, year. A browser's own date field shows them in the order of its language."""

import re
from datetime import date
from typing import Final

_TYPED: Final = re.compile(r"([0-9]{1,2})[/. -]?([0-9]{1,2})[/. -]?([0-9]{4})")


def typed_day(text: str) -> date | None:
    """Of `31/12/2027`, `31.12.2027`, `31122027`, and of ISO 8601; None if it is no day."""
    found = _TYPED.fullmatch(text.strip())
    try:
        if found is None:
            return date.fromisoformat(text.strip())
        day, month, year = (int(part) for part in found.groups())
        return date(year, month, day)
    except ValueError:
        return None
