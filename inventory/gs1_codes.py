"""Reading codes that are GS1 data: element strings, bare digits, EAN and UPC symbols."""

from dataclasses import replace
from typing import Final

from inventory.element import Element
from inventory.element_string import Split, split
from inventory.errors import CodeError
from inventory.gtin import LENGTHS, Gtin
from inventory.parsed_scan import ParsedScan
from inventory.problem import Problem
from inventory.scan_request import ScanRequest
from inventory.sscc import LENGTH as SSCC_LENGTH
from inventory.sscc import Sscc
from inventory.symbology import EAN_DIGITS, Symbol

_COMPOSITE: Final = "|]e0"
"""Between a linear symbol and the composite component on top of it, as a scanner transmits them (ISO/IEC 24723)."""
_UPC_DIGITS: Final = 12
_ADD_ON: Final = "EAN-13 with add-on"


def read_elements(request: ScanRequest, data: str) -> ParsedScan:
    """A GS1 element string, AIM prefix removed."""
    return request.judge("gs1-element-string", split(data, request.separator), raw=data)


def read_digits(request: ScanRequest, digits: str) -> ParsedScan:
    """Digits alone: a GTIN if length and check digit say so, else elements, else an SSCC.

    A wrong GTIN is said to be one, unless its digits make sense as elements (`17261231` has eight digits too).
    """
    elements = read_elements(request, digits)
    if len(digits) in LENGTHS:
        gtin = read_gtin(request, digits)
        return gtin if gtin.valid or not elements.valid else elements
    names_a_key = elements.valid and not elements.has("key_missing")
    if names_a_key or len(digits) != SSCC_LENGTH:
        return elements
    try:
        found = Split((Element("00", Sscc(digits).value),))
    except CodeError as error:
        wrong = request.refuse("gs1-element-string", error.code, error.message)
        return elements if elements.valid else wrong
    return request.judge("gs1-element-string", found)


def read_gtin(request: ScanRequest, digits: str) -> ParsedScan:
    """A GTIN of 8, 12, 13 or 14 digits."""
    try:
        found = Split((Element("01", Gtin.parse(digits).value),))
    except CodeError as error:
        return request.refuse("gtin", error.code, error.message)
    scan = request.judge("gtin", found, complete=True)
    if not may_be_citizen_number(digits):
        return scan
    text = "twelve bare digits that begin with 0: a GTIN-12 by its check digit, but may be the number of a citizen"
    return replace(scan, warnings=(*scan.warnings, Problem("ambiguous", text)))


def may_be_citizen_number(digits: str) -> bool:
    """Twelve bare digits: GTIN-12 or the number of a citizen; all of those issued so far begin with 0."""
    return len(digits) == _UPC_DIGITS and digits.startswith("0")


def read_ean(request: ScanRequest, symbol: Symbol, data: str) -> ParsedScan:
    """An EAN or UPC symbol, perhaps with a composite component on top of it."""
    linear, composite, component = data.partition(_COMPOSITE)
    expected = EAN_DIGITS.get(symbol.name)
    if expected is not None and len(linear) > expected:
        text = f"{symbol.name} {linear!r}: expected {expected} digits, got {len(linear)} characters"
        return request.refuse("gtin", "length", text)
    # The add-on of two or five digits behind an EAN-13 is a price or an issue number: no part of the GTIN.
    gtin = read_gtin(request, linear[: EAN_DIGITS["EAN-13"]] if symbol.name == _ADD_ON else linear)
    gtin = replace(gtin, warnings=tuple(problem for problem in gtin.warnings if problem.code != "ambiguous"))
    if not composite or not gtin.valid:
        return gtin
    found = split(component, request.separator)
    both = Split((*gtin.elements, *found.elements), found.problems)
    return request.judge("gs1-element-string", both, raw=component)
