"""What a scanner sends in place of GS: which texts may stand for it, and which one a code was made with.

A substitute must not be mistaken for data, so it holds a character outside the GS1 set 82 (GS1 General Specifications,
figure 7.11-1), or spells FNC1 out.
"""

import re
from datetime import date
from typing import Final

from inventory.element_string import GS
from inventory.scan import parse_scan

SUBSTITUTE_CHARACTERS_MAX: Final = 8
_NO_DATA: Final = "\t\x1c\x1d\x1e\x1f#$@[\\]^`{|}~"
"""Printable ASCII outside the set 82, and the control characters that scanners send."""
_ALLOWED: Final = re.compile(r"[\t\x1c-\x1f!-~]+")
_WRITTEN_OUT: Final = re.compile(r"<(?:GS|FNC1|F1|0?x?1D)>|\((?:GS|FNC1|F1)\)|\{(?:GS|FNC1|F1)\}|%1D", re.IGNORECASE)


def may_be_separator(text: str) -> bool:
    """Whether a scanner may be set to send `text` in place of GS."""
    if not 1 <= len(text) <= SUBSTITUTE_CHARACTERS_MAX or _ALLOWED.fullmatch(text) is None:
        return False
    return any(character in _NO_DATA for character in text) or _WRITTEN_OUT.fullmatch(text) is not None


def guess_separator(text: str, today: date) -> str | None:
    """What stands for GS in a code that makes no sense, or is in doubt, as it is; None if nothing makes sense of it."""
    if GS in text:
        return None
    data = text[3:] if text.startswith("]") else text
    written = dict.fromkeys(found[0] for found in _WRITTEN_OUT.finditer(data))
    for candidate in (*written, *dict.fromkeys(character for character in data if character in _NO_DATA)):
        scan = parse_scan(text, today, separator=candidate)
        if scan.kind == "gs1-element-string" and scan.valid and scan.elements and not scan.has("separator_lost"):
            return candidate
    return None
