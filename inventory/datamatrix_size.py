"""How large a Data Matrix becomes, so that a label can leave room for it (ISO/IEC 16022, ECC 200)."""

import re
from dataclasses import dataclass
from typing import Final

QUIET_ZONE_MODULES: Final = 1
"""Free on all four sides (ISO/IEC 16022, 7.1)."""
_SQUARES: Final = (
    (10, 3),
    (12, 5),
    (14, 8),
    (16, 12),
    (18, 18),
    (20, 22),
    (22, 30),
    (24, 36),
    (26, 44),
    (32, 62),
    (36, 86),
    (40, 114),
    (44, 144),
    (48, 174),
)
"""Modules a side, and data codewords in them (ISO/IEC 16022 table 7); up to 48, the largest that ^BX can be told."""


@dataclass(frozen=True)
class DataMatrixSize:
    """Of one square symbol."""

    side_modules: int
    codewords: int
    """What the data need, of what fits."""


def datamatrix_size(message: str, *, fnc1_first: bool) -> DataMatrixSize | None:
    """The square symbol for an ASCII message in ASCII encodation; None if it is too long for the largest.

    Any other encodation an encoder may find needs no more codewords than this one. GS counts as FNC1: one codeword.
    """
    pairs = sum(len(run) // 2 for run in re.findall(r"[0-9]+", message))
    codewords = len(message) - pairs + fnc1_first
    return next((DataMatrixSize(side, codewords) for side, room in _SQUARES if codewords <= room), None)
