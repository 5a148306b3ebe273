"""How wide a text becomes on a label, and what to do where it is too wide: shorten it visibly, break it, or refuse.

The printer's font can't be asked, so widths are estimated on the safe side: in hundredths of the letter height, no
narrower than Roboto and Swiss 721 draw them.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

ELLIPSIS: Final = "..."
"""Three full stops: the character of that name is missing in many printers' fonts."""
_NARROW: Final = frozenset("iIl.,:;'|!jftr()[]/\\- ")
_WIDE: Final = frozenset("MWmw@%ƠƯƢĐ—…")
_NARROW_CENTIEM, _LOWER_CENTIEM, _DIGIT_CENTIEM, _UPPER_CENTIEM, _WIDE_CENTIEM = 38, 58, 58, 70, 92
_PERCENT: Final = 100


def text_width(text: str, height: int) -> int:
    """Dots, at most; `height` of the letters in dots."""
    total = sum(_character_centiem(character) for character in unicodedata.normalize("NFC", text))
    return -(-total * height // _PERCENT)


def _character_centiem(character: str) -> int:
    base = unicodedata.normalize("NFD", character)[0]
    if character in _WIDE or base in _WIDE:
        return _WIDE_CENTIEM
    if base in _NARROW:
        return _NARROW_CENTIEM
    if base.isdigit():
        return _DIGIT_CENTIEM
    if base.islower():
        return _LOWER_CENTIEM
    if base.isascii():
        return _UPPER_CENTIEM
    return _PERCENT


def shorten(text: str, height: int, width: int) -> str:
    """The text if it fits, else its beginning and three full stops; empty if not even those fit."""
    if text_width(text, height) <= width:
        return text
    for length in range(len(text) - 1, -1, -1):
        candidate = text[:length].rstrip() + ELLIPSIS
        if text_width(candidate, height) <= width:
            return candidate
    return ""


def break_lines(text: str, height: int, width: int) -> tuple[str, ...]:
    """Broken between words; a word that is wider than a line is broken inside."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        rest = word
        candidate = f"{line} {rest}" if line else rest
        if text_width(candidate, height) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        while text_width(rest, height) > width and len(rest) > 1:
            length = max(n for n in range(1, len(rest)) if n == 1 or text_width(rest[:n], height) <= width)
            lines.append(rest[:length])
            rest = rest[length:]
        line = rest
    return (*lines, line) if line else tuple(lines)


def shorten_to_lines(text: str, height: int, width: int, lines_max: int) -> tuple[str, ...]:
    """At most so many lines; if that is too few, the last one ends in three full stops."""
    lines = break_lines(text, height, width)
    if len(lines) <= lines_max:
        return lines
    kept = lines[: lines_max - 1]
    return (*kept, _cut(" ".join(lines[lines_max - 1 :]), height, width)) if lines_max else ()


def _cut(text: str, height: int, width: int) -> str:
    """Shortened for certain: what a line is cut to says that more follows."""
    short = shorten(text, height, width)
    return short if short != text else shorten(text + ELLIPSIS, height, width)


def pack_words(words: Sequence[str], height: int, width: int) -> tuple[str, ...] | None:
    """Lines of whole words, two spaces between them; None if one word alone is too wide."""
    lines: list[str] = []
    for word in words:
        if text_width(word, height) > width:
            return None
        if lines and text_width(f"{lines[-1]}  {word}", height) <= width:
            lines[-1] += f"  {word}"
        else:
            lines.append(word)
    return tuple(lines)
