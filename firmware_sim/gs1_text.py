"""What is printed on a pack: check digit, GS1 element string, GS1 Digital Link URI.

Sources: GS1 General Specifications 7.9 (check digit), 7.8 (element strings, FNC1), 3.4.2 (dates YYMMDD);
GS1 Digital Link URI Syntax 1.4, 4.3-4.9.
"""

from datetime import date
from urllib.parse import quote

GS = "\x1d"
"""ASCII group separator: how a scanner delivers FNC1 inside a symbol (GenSpecs 7.8.3)."""
AIM_DATAMATRIX = "]d2"
"""AIM symbology identifier of GS1 DataMatrix (ISO/IEC 15424; GenSpecs 5.6)."""
AIM_GS1_128 = "]C1"
"""AIM symbology identifier of GS1-128 (ISO/IEC 15424; GenSpecs 5.4)."""

_LONGEST_X20 = 20


def check_digit(digits: str) -> str:
    """Check digit for the data digits of a GTIN, SSCC or GLN: weights 3, 1, 3, ... from the right.

    Raises:
        ValueError: not digits only, or none.
    """
    if not digits.isascii() or not digits.isdigit():
        raise ValueError(f"cannot compute a check digit of {digits!r}: expected decimal digits only")
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def element_string(gtin: str, expiry_date: date, lot: str, serial_number: str) -> str:
    """(01)(17)(10)(21) as a scanner delivers it, without AIM identifier.

    AIs of predefined length (01, 17) need no separator; the lot (10) ends with GS; nothing follows the serial (21).

    Raises:
        ValueError: a GTIN with a wrong check digit, or a lot or serial number that is empty or too long.
    """
    _require_gtin14(gtin)
    _require_x20("lot", lot)
    _require_x20("serial_number", serial_number)
    return f"01{gtin}17{expiry_date:%y%m%d}10{lot}{GS}21{serial_number}"


def digital_link(gtin: str, expiry_date: date, lot: str, serial_number: str, host: str) -> str:
    """GS1 Digital Link URI of a pack: GTIN, lot and serial number in the path, expiry date as query.

    Raises:
        ValueError: as `element_string`.
    """
    _require_gtin14(gtin)
    _require_x20("lot", lot)
    _require_x20("serial_number", serial_number)
    path = f"/01/{gtin}/10/{quote(lot, safe='')}/21/{quote(serial_number, safe='')}"
    return f"https://{host}{path}?17={expiry_date:%y%m%d}"


def _require_gtin14(gtin: str) -> None:
    if len(gtin) != 14 or check_digit(gtin[:-1]) != gtin[-1]:  # noqa: PLR2004 - a GTIN-14 has 14 digits
        raise ValueError(f"gtin is {gtin!r}: expected 14 digits with a right check digit")


def _require_x20(name: str, value: str) -> None:
    if not 1 <= len(value) <= _LONGEST_X20:
        raise ValueError(f"{name} is {value!r}: expected 1 to {_LONGEST_X20} characters")
