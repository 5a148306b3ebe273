"""One door for whatever a scanner, a camera, an NFC or an RFID reader delivers: `parse_scan`.

It never raises: what cannot be read comes back as `valid` False, with the reason. It never asks a clock: the century of
a two-digit year is decided by the day that the caller gives.

>>> parse_scan("]d201089352345678951726123110A1\\x1d21S1", date(2026, 1, 1)).lot
'A1'
"""

import re
from dataclasses import replace
from datetime import date
from typing import Final

from inventory import ndef
from inventory.citizen_card import CitizenCard, normalise_number, parse_citizen_qr
from inventory.digital_link import looks_like_uri, split_digital_link
from inventory.element import Element
from inventory.element_string import GS, Split, split, split_bracketed
from inventory.epc import Epc, decode_epc, parse_epc_uri
from inventory.errors import CodeError, NdefError
from inventory.gtin import LENGTHS, Gtin
from inventory.insurance_card import is_meant_as_number, parse_insurance_number, parse_insurance_qr
from inventory.interpretation import interpret
from inventory.parsed_scan import Kind, ParsedScan
from inventory.problem import Problem
from inventory.separator_check import find_lost_separator
from inventory.sscc import LENGTH as SSCC_LENGTH
from inventory.sscc import Sscc
from inventory.symbology import EAN_DIGITS, Symbol, take_prefix

__all__ = ["ParsedScan", "parse_scan"]

INPUT_CHARACTERS_MAX: Final = 4096
"""Longest code that is looked at: a QR code holds 4,296 alphanumeric characters, a pack's DataMatrix far fewer."""
EPC_PREFIX: Final = "epc:"
"""In front of hexadecimal digits of EPC memory."""
NDEF_PREFIX: Final = "ndef:"
"""In front of hexadecimal digits of an NDEF message."""
_COMPOSITE: Final = "|]e0"
"""Between a linear symbol and the composite component on top of it, as a scanner transmits them (ISO/IEC 24723)."""
_UPC_DIGITS: Final = 12


def parse_scan(text: str, today: date, *, separator: str = GS, complete: bool = False) -> ParsedScan:
    """Read a code as delivered, AIM prefix and GS included, line ending removed.

    `separator` is the character that this scanner sends in place of GS, if it is set to. `complete` says that the pack
    carries no other symbol; else required elements may stand in one that `join_scans` adds. `epc:` stands before the
    hexadecimal digits of an RFID tag, `ndef:` before those of an NFC message.
    """
    if len(text) > INPUT_CHARACTERS_MAX:
        return _refuse(text, "unknown", "length", f"code of {len(text)} characters: at most {INPUT_CHARACTERS_MAX}")
    if text[:4].lower() == EPC_PREFIX:
        return _read_epc(text, today)
    if text[:5].lower() == NDEF_PREFIX:
        return _read_ndef(text, today, separator=separator, complete=complete)
    symbol, data = take_prefix(text)
    if symbol is None:
        return _refuse(text, "unknown", "symbology", f"{text[:3]!r} is no AIM prefix of a symbol that is used here")
    if not data.strip():
        return _refuse(text, "unknown", "empty", "the code is empty")
    if symbol.carries == "element-string":
        return _from_elements(text, "gs1-element-string", split(data, separator), today, complete=complete, raw=data)
    if symbol.carries == "ean":
        return _read_ean(text, symbol, data, today, complete=complete)
    return _read_plain(text, data, today, separator=separator, complete=complete)


def _read_plain(text: str, data: str, today: date, *, separator: str, complete: bool) -> ParsedScan:
    """Without a prefix that says what the symbol carries, the content must say it itself."""
    if looks_like_uri(data):
        return _from_elements(text, "gs1-digital-link", split_digital_link(data), today, complete=complete)
    if data.startswith("urn:epc:"):
        return _read_epc_uri(text, data, today)
    if data.startswith("("):
        return _from_elements(text, "gs1-element-string", split_bracketed(data), today, complete=complete)
    if "|" in data and separator != "|":
        return _read_person(text, data)
    if is_meant_as_number(data):
        return _read_insurance(text, data)
    if re.fullmatch(r"[0-9]+", data):
        return _read_digits(text, data, today, complete=complete)
    number = normalise_number(data)
    if number is not None:
        return ParsedScan(text, "cccd", citizen_card=CitizenCard(number))
    found = split(data, separator)
    if found.problems and not found.elements and separator not in data:
        return _refuse(text, "unknown", "unknown", f"{data[:80]!r} is no code that is known here")
    return _from_elements(text, "gs1-element-string", found, today, complete=complete, raw=data)


def _read_digits(text: str, data: str, today: date, *, complete: bool) -> ParsedScan:
    """Digits alone: a GTIN if the check digit says so; else elements, an SSCC, or the number of a citizen."""
    if len(data) in LENGTHS:
        gtin = _read_gtin(text, data, today)
        if gtin.valid:
            return gtin
        elements = _from_elements(text, "gs1-element-string", split(data), today, complete=complete, raw=data)
        if elements.valid:
            return elements
        if len(data) == _UPC_DIGITS and data.startswith("0"):
            warning = Problem("ambiguous", "twelve bare digits without the check digit of a GTIN: a citizen number")
            return ParsedScan(text, "cccd", warnings=(warning,), citizen_card=CitizenCard(data))
        return gtin
    elements = _from_elements(text, "gs1-element-string", split(data), today, complete=complete, raw=data)
    if elements.valid or len(data) != SSCC_LENGTH:
        return elements
    try:
        element = Element("00", Sscc(data).value)
    except CodeError as error:
        return _refuse(text, "gs1-element-string", error.code, error.message)
    return _from_elements(text, "gs1-element-string", Split((element,)), today, complete=complete)


def _read_gtin(text: str, digits: str, today: date) -> ParsedScan:
    try:
        gtin = Gtin.parse(digits)
    except CodeError as error:
        return _refuse(text, "gtin", error.code, error.message)
    scan = _from_elements(text, "gtin", Split((Element("01", gtin.value),)), today, complete=True)
    if len(digits) == _UPC_DIGITS and digits.startswith("0"):
        warning = Problem("ambiguous", "twelve bare digits that begin with 0 may also be the number of a citizen")
        return replace(scan, warnings=(*scan.warnings, warning))
    return scan


def _read_ean(text: str, symbol: Symbol, data: str, today: date, *, complete: bool) -> ParsedScan:
    linear, composite, rest = data.partition(_COMPOSITE)
    digits = EAN_DIGITS.get(symbol.name)
    if digits is not None and len(linear) > digits:
        expected = f"{symbol.name} {linear!r}: expected {digits} digits, got {len(linear)} characters"
        return _refuse(text, "gtin", "length", expected)
    # The add-on of two or five digits behind an EAN-13 is a price or an issue number: no part of the GTIN.
    gtin = _read_gtin(text, linear[:13] if symbol.name == "EAN-13 with add-on" else linear, today)
    gtin = replace(gtin, warnings=tuple(problem for problem in gtin.warnings if problem.code != "ambiguous"))
    if not composite or not gtin.valid:
        return gtin
    found = split(rest)
    return _from_elements(
        text,
        "gs1-element-string",
        Split((*gtin.elements, *found.elements), found.problems),
        today,
        complete=complete,
        raw=rest,
    )


def _read_person(text: str, data: str) -> ParsedScan:
    first = data.partition("|")[0].replace(" ", "")
    if re.fullmatch(r"[0-9]{10}", first) or is_meant_as_number(first):
        return _read_insurance(text, data)
    try:
        card, warnings = parse_citizen_qr(data)
    except CodeError as error:
        kind: Kind = "cccd" if re.fullmatch(r"[0-9]+", first) else "unknown"
        return _refuse(text, kind, error.code, error.message)
    return ParsedScan(text, "cccd", warnings=tuple(warnings), citizen_card=card)


def _read_insurance(text: str, data: str) -> ParsedScan:
    try:
        card = parse_insurance_qr(data) if "|" in data else parse_insurance_number(data)
    except CodeError as error:
        return _refuse(text, "bhyt", error.code, error.message)
    return ParsedScan(text, "bhyt", insurance_card=card)


def _read_epc(text: str, today: date) -> ParsedScan:
    try:
        return _from_epc(text, decode_epc(text[len(EPC_PREFIX) :].strip()), today)
    except CodeError as error:
        return _refuse(text, "epc", error.code, error.message)


def _read_epc_uri(text: str, uri: str, today: date) -> ParsedScan:
    try:
        epc = parse_epc_uri(uri)
    except CodeError as error:
        return _refuse(text, "epc", error.code, error.message)
    scan = _from_epc(text, epc, today)
    return scan if uri.startswith("urn:epc:tag:") else replace(scan, epc_tag_uri=None)


def _from_epc(text: str, epc: Epc, today: date) -> ParsedScan:
    scan = _from_elements(text, "epc", Split(epc.elements), today, complete=True)
    warnings = scan.warnings
    if epc.has_more_data:
        warnings += (Problem("more_data", "the tag holds further elements behind its EPC, which are not read"),)
    return replace(scan, warnings=warnings, epc_uri=epc.epc_uri, epc_tag_uri=epc.epc_tag_uri)


def _read_ndef(text: str, today: date, *, separator: str, complete: bool) -> ParsedScan:
    try:
        records = ndef.decode_message(bytes.fromhex(text[len(NDEF_PREFIX) :]))
    except NdefError as error:
        return _refuse(text, "unknown", error.code, error.message)
    except ValueError:
        return _refuse(text, "unknown", "character", f"{NDEF_PREFIX} expects pairs of hexadecimal digits")
    contents = [record.text for record in records if record.text and not record.text.lower().startswith(NDEF_PREFIX)]
    scans = [parse_scan(content, today, separator=separator, complete=complete) for content in contents]
    best = next((scan for scan in scans if scan.valid), scans[0] if scans else None)
    if best is None:
        return _refuse(text, "unknown", "unknown", "the NFC tag holds no web address and no text")
    return replace(best, input=text)


def _from_elements(
    text: str,
    kind: Kind,
    found: Split,
    today: date,
    *,
    complete: bool,
    raw: str = "",
) -> ParsedScan:
    """Judge elements; `raw` is what a scanner sent, where a lost separator must be looked for."""
    judged = interpret(found.elements, today, complete=complete)
    errors, warnings = (*found.problems, *judged.errors), judged.warnings
    if raw and not errors and GS not in raw.removeprefix(GS):
        lost = find_lost_separator(found.elements, today)
        warnings += (lost,) if lost is not None else ()
    return ParsedScan(text, kind, errors, warnings, found.elements, **judged.values)


def _refuse(text: str, kind: Kind, code: str, message: str) -> ParsedScan:
    return ParsedScan(text, kind, errors=(Problem(code, message),))
