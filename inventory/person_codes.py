"""Reading codes that name a person: the QR codes and numbers of citizen cards (CCCD) and insurance cards (BHYT)."""

import re
from typing import Final

from inventory.citizen_card import CitizenCard, parse_citizen_qr
from inventory.errors import CodeError
from inventory.insurance_card import is_meant_as_number, parse_insurance_number, parse_insurance_qr
from inventory.parsed_scan import ParsedScan
from inventory.problem import Problem
from inventory.scan_request import ScanRequest

_CARD_SEPARATORS_MIN: Final = 4
"""A citizen card has six separators, an insurance card more."""


def looks_like_card_fields(data: str) -> bool:
    """Fields of a card: a number in front, or so many fields that it is a card even if damaged.

    In doubt it is personal data: such a text is not repeated in a reason.
    """
    return data.count("|") >= _CARD_SEPARATORS_MIN or re.match(r"[0-9A-Z ]{9,20}\|", data) is not None


def read_card_fields(request: ScanRequest, data: str) -> ParsedScan:
    """Fields between `|`: the first one tells which card it is."""
    first = data.partition("|")[0].replace(" ", "")
    if re.fullmatch(r"[0-9]{10}", first) or is_meant_as_number(first):
        return read_insurance(request, data)
    try:
        card, warnings = parse_citizen_qr(data)
    except CodeError as error:
        return request.refuse("cccd", error.code, error.message)
    return ParsedScan(request.text, "cccd", warnings=tuple(warnings), citizen_card=card)


def read_insurance(request: ScanRequest, data: str) -> ParsedScan:
    """An insurance card, its QR code or its number alone."""
    try:
        card = parse_insurance_qr(data) if "|" in data else parse_insurance_number(data)
    except CodeError as error:
        return request.refuse("bhyt", error.code, error.message)
    return ParsedScan(request.text, "bhyt", insurance_card=card)


def read_citizen_number(request: ScanRequest, number: str, *, bare: bool) -> ParsedScan:
    """Twelve digits; `bare` says that nothing but the missing check digit of a GTIN told them from one."""
    text = "twelve bare digits without the check digit of a GTIN-12: read as the number of a citizen"
    warnings = (Problem("ambiguous", text),) if bare else ()
    return ParsedScan(request.text, "cccd", warnings=warnings, citizen_card=CitizenCard(number))
