"""AIM symbology identifiers: the prefix `]cm` by which a scanner says which kind of symbol it read (ISO/IEC 15424)."""

import re
from dataclasses import dataclass
from typing import Literal

Carries = Literal["element-string", "ean", "plain"]
"""`element-string`: GS1 data with FNC1; `ean`: digits of a GTIN; `plain`: anything (a web address, a card, text)."""

_PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_EXACT: dict[str, tuple[Carries, str]] = {
    "]C1": ("element-string", "GS1-128"),
    "]d2": ("element-string", "GS1 DataMatrix"),
    "]e0": ("element-string", "GS1 DataBar"),
    "]e1": ("element-string", "GS1 Composite"),
    "]e2": ("element-string", "GS1 Composite"),
    "]J1": ("element-string", "GS1 DotCode"),
    "]Q3": ("element-string", "GS1 QR Code"),
    "]E0": ("ean", "EAN-13"),
    "]E3": ("ean", "EAN-13 with add-on"),
    "]E4": ("ean", "EAN-8"),
    "]I1": ("ean", "ITF-14"),
}
# Symbologies that carry plain data whatever their modifier (ISO/IEC 15424, table of code characters).
_PLAIN = {
    "A": "Code 39",
    "C": "Code 128",
    "d": "Data Matrix",
    "E": "EAN/UPC",
    "F": "Codabar",
    "G": "Code 93",
    "I": "Interleaved 2 of 5",
    "J": "DotCode",
    "L": "PDF417",
    "Q": "QR Code",
    "z": "Aztec Code",
}
EAN_DIGITS = {"EAN-13": 13, "EAN-8": 8, "ITF-14": 14}
"""How many digits a symbol of this name delivers."""


@dataclass(frozen=True)
class Symbol:
    """What a scanner said about the symbol it read."""

    prefix: str
    """As delivered, such as `]d2`; empty if the scanner does not send it."""
    carries: Carries
    name: str
    """Empty if unknown."""


def take_prefix(text: str) -> tuple[Symbol | None, str]:
    """Split off the prefix. The symbol is None if there is a prefix of no symbology we know of."""
    found = _PREFIX.match(text)
    if found is None:
        return Symbol("", "plain", ""), text
    prefix, data = found[0], text[found.end() :]
    if prefix in _EXACT:
        carries, name = _EXACT[prefix]
        return Symbol(prefix, carries, name), data
    if prefix[1] in _PLAIN and prefix[2] in "0123456789ABCDEFabcdef":
        return Symbol(prefix, "plain", _PLAIN[prefix[1]]), data
    return None, data
