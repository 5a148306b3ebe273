"""EPC binary schemes of TDS 1.x that hold a GS1 company prefix, as data (GS1 EPC Tag Data Standard, section 14).

header(8) filter(3) partition(3) company prefix, reference, then the tail. The partition says how many digits the
company prefix has; prefix and reference have a fixed number of digits together.
"""

from dataclasses import dataclass
from typing import Final, Literal

PREFIX_BITS: Final = (40, 37, 34, 30, 27, 24, 20)
"""Bits of the company prefix of 12, 11, ... 6 digits: index is the partition value (TDS table 14-2 and its like)."""
PREFIX_DIGITS_MAX: Final = 12

TailKind = Literal["number", "string", "digits", "two_digits", "zeros"]


@dataclass(frozen=True)
class Tail:
    """What stands behind prefix and reference."""

    kind: TailKind
    """`number` without leading zeros; `string` of 7-bit characters; `digits` with leading zeros kept by a 1 in front;
    `two_digits`; `zeros` that mean nothing."""
    bits: int
    digits_max: int = 0


@dataclass(frozen=True)
class Scheme:
    """One binary encoding."""

    name: str
    """As in a tag URI, such as `sgtin-96`."""
    header: int
    identity: str
    """As in a pure identity URI, such as `sgtin`."""
    reference_bits: tuple[int, ...]
    """Bits of the reference for each partition value."""
    digits: int
    """Digits of prefix and reference together; 0 if the reference is no fixed number of digits."""
    tails: tuple[Tail, ...] = ()
    reference_is_string: bool = False
    """GIAI-202: the reference is a string of 7-bit characters."""

    @property
    def field_count(self) -> int:
        """Fields of the URI, filter not counted."""
        return 2 + sum(tail.kind != "zeros" for tail in self.tails)

    def reference_digits(self, partition: int) -> int:
        """Digits of the reference, 0 to 12."""
        return self.digits - (PREFIX_DIGITS_MAX - partition)


_SGTIN: Final = (4, 7, 10, 14, 17, 20, 24)
_SSCC: Final = (18, 21, 24, 28, 31, 34, 38)
_SGLN: Final = (1, 4, 7, 11, 14, 17, 21)
_PIECES: Final = (Tail("two_digits", 7), Tail("two_digits", 7))
_SCHEMES: Final = (
    Scheme("sgtin-96", 0x30, "sgtin", _SGTIN, 13, (Tail("number", 38),)),
    Scheme("sgtin-198", 0x36, "sgtin", _SGTIN, 13, (Tail("string", 140),)),
    Scheme("sscc-96", 0x31, "sscc", _SSCC, 17, (Tail("zeros", 24),)),
    Scheme("sgln-96", 0x32, "sgln", _SGLN, 12, (Tail("number", 41),)),
    Scheme("sgln-195", 0x39, "sgln", _SGLN, 12, (Tail("string", 140),)),
    Scheme("grai-96", 0x33, "grai", _SGTIN, 12, (Tail("number", 38),)),
    Scheme("grai-170", 0x37, "grai", _SGTIN, 12, (Tail("string", 112),)),
    Scheme("giai-96", 0x34, "giai", (42, 45, 48, 52, 55, 58, 62), 0),
    Scheme("giai-202", 0x38, "giai", (148, 151, 154, 158, 161, 164, 168), 0, (), reference_is_string=True),
    Scheme("gsrn-96", 0x2D, "gsrn", _SSCC, 17, (Tail("zeros", 24),)),
    Scheme("gsrnp-96", 0x2E, "gsrnp", _SSCC, 17, (Tail("zeros", 24),)),
    Scheme("gdti-96", 0x2C, "gdti", _SGLN, 12, (Tail("number", 41),)),
    Scheme("gdti-174", 0x3E, "gdti", _SGLN, 12, (Tail("string", 119),)),
    Scheme("sgcn-96", 0x3F, "sgcn", _SGLN, 12, (Tail("digits", 41, digits_max=12),)),
    Scheme("itip-110", 0x40, "itip", _SGTIN, 13, (*_PIECES, Tail("number", 38))),
    Scheme("itip-212", 0x41, "itip", _SGTIN, 13, (*_PIECES, Tail("string", 140))),
)
BY_HEADER: Final = {scheme.header: scheme for scheme in _SCHEMES}
BY_NAME: Final = {scheme.name: scheme for scheme in _SCHEMES}
BY_IDENTITY: Final = {
    identity: tuple(scheme for scheme in _SCHEMES if scheme.identity == identity)
    for identity in dict.fromkeys(scheme.identity for scheme in _SCHEMES)
}
"""The encodings of each identity, smallest first."""

GIAI_DIGITS_MAX: Final = (13, 14, 15, 16, 17, 18, 19)
"""Most digits of an individual asset reference in GIAI-96, for each partition (TDS table 14-13)."""
GIAI_CHARACTERS_MAX: Final = (18, 19, 20, 21, 22, 23, 24)
"""Most characters of one in GIAI-202 (TDS table 14-15): 30 with the company prefix."""

RECOGNISED: Final = {
    0x2F: "USDOD-96",
    0x35: "GID-96",
    0x3B: "ADI-var",
    0x3C: "CPI-96",
    0x3D: "CPI-var",
    0xE6: "CPI++",
    0xE7: "GSRN++",
    0xE8: "GSRNP++",
    0xE9: "SGLN++",
    0xEA: "GDTI++",
    0xEB: "GRAI++",
    0xEC: "SGCN++",
    0xED: "ITIP++",
    0xEE: "GIAI++",
    0xEF: "SSCC++",
    0xF0: "CPI+",
    0xF8: "SGCN+",
    0xFC: "DSGTIN++",
    0xFD: "SGTIN++",
    0xE2: "a chip's own TID, not an EPC",
}
"""Headers known by name and not read: parts of machines, US defence, and host names (TDS 2.3). None is on medicine."""
