r"""One door for whatever a scanner, a camera, an NFC or an RFID reader delivers: `parse_scan`.

It never raises: what cannot be read comes back as `valid` False, with the reason. It never asks a clock: the century of
a two-digit year is decided by the day that the caller gives.

>>> parse_scan("]d201089352345678951726123110A1\x1d21S1", date(2026, 1, 1)).lot
'A1'
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Final

from inventory import ndef
from inventory.citizen_card import normalise_number
from inventory.digital_link import looks_like_uri, split_digital_link
from inventory.element_string import GS, split, split_bracketed
from inventory.errors import NdefError
from inventory.gs1_codes import may_be_citizen_number, read_digits, read_ean, read_elements
from inventory.insurance_card import is_meant_as_number
from inventory.parsed_scan import ParsedScan
from inventory.person_codes import looks_like_card_fields, read_card_fields, read_citizen_number, read_insurance
from inventory.scan_request import ScanRequest
from inventory.symbology import take_prefix
from inventory.tag_codes import read_epc, read_epc_uri

__all__ = ["ParsedScan", "parse_scan"]

INPUT_CHARACTERS_MAX: Final = 4096
"""Longest code that is looked at: a QR code holds 4,296 alphanumeric characters, a pack's DataMatrix far fewer."""
EPC_PREFIX: Final = "epc:"
"""In front of the hexadecimal digits of EPC memory."""
NDEF_PREFIX: Final = "ndef:"
"""In front of the hexadecimal digits of an NDEF message."""

_Reader = Callable[[ScanRequest, str], ParsedScan]


def parse_scan(text: str, today: date, *, separator: str = GS, complete: bool = False) -> ParsedScan:
    """Read a code as delivered, AIM prefix and GS included, line ending removed.

    `separator` is the character that this scanner sends in place of GS, if it is set to. `complete` says that the pack
    carries no other symbol; else required elements may stand in one that `join_scans` adds. `epc:` stands before the
    hexadecimal digits of an RFID tag, `ndef:` before those of an NFC message.
    """
    request = ScanRequest(text, today, separator, complete)
    if len(text) > INPUT_CHARACTERS_MAX:
        return request.refuse("unknown", "length", f"code of {len(text)} characters: at most {INPUT_CHARACTERS_MAX}")
    for prefix, reader in ((EPC_PREFIX, read_epc), (NDEF_PREFIX, _read_ndef)):
        if text[: len(prefix)].lower() == prefix:
            return reader(request, text[len(prefix) :].strip())
    return _read_symbol(request)


def _read_symbol(request: ScanRequest) -> ParsedScan:
    symbol, data = take_prefix(request.text)
    if symbol is None:
        text = f"{request.text[:3]!r} is no AIM prefix of a symbol that is used here"
        return request.refuse("unknown", "symbology", text)
    if not data.strip(" "):
        return request.refuse("unknown", "empty", "the code is empty")
    if symbol.carries == "element-string":
        return read_elements(request, data)
    if symbol.carries == "ean":
        return read_ean(request, symbol, data)
    return next(reader for is_meant, reader in _plain_readers(request) if is_meant(data))(request, data)


def _plain_readers(request: ScanRequest) -> tuple[tuple[Callable[[str], bool], _Reader], ...]:
    """Without a prefix that says what the symbol carries, the content must say it: the first that recognises it."""
    return (
        (looks_like_uri, lambda it, data: it.judge("gs1-digital-link", split_digital_link(data))),
        (lambda data: data.startswith("urn:epc:"), read_epc_uri),
        (lambda data: data.startswith("("), lambda it, data: it.judge("gs1-element-string", split_bracketed(data))),
        (lambda data: request.separator != "|" and looks_like_card_fields(data), read_card_fields),
        (is_meant_as_number, read_insurance),
        (lambda data: re.fullmatch(r"[0-9]+", data) is not None, _read_bare_digits),
        (lambda data: normalise_number(data) is not None, _read_grouped_number),
        (lambda _data: True, _read_other),
    )


def _read_bare_digits(request: ScanRequest, digits: str) -> ParsedScan:
    scan = read_digits(request, digits)
    if not scan.valid and may_be_citizen_number(digits):
        return read_citizen_number(request, digits, bare=True)
    return scan


def _read_grouped_number(request: ScanRequest, data: str) -> ParsedScan:
    return read_citizen_number(request, normalise_number(data) or data, bare=False)


def _read_other(request: ScanRequest, data: str) -> ParsedScan:
    found = split(data, request.separator)
    if found.problems and not found.elements and request.separator not in data:
        return request.refuse("unknown", "unknown", f"{data[:80]!r} is no code that is known here")
    return read_elements(request, data)


def _read_ndef(request: ScanRequest, hexadecimal: str) -> ParsedScan:
    try:
        records = ndef.decode_message(bytes.fromhex(hexadecimal))
    except NdefError as error:
        return request.refuse("unknown", error.code, error.message)
    except ValueError:
        return request.refuse("unknown", "character", f"{NDEF_PREFIX} expects pairs of hexadecimal digits")
    # A tag whose text is a message again would lead from one into the other without end.
    contents = [record.text for record in records if record.text and not record.text.lower().startswith(NDEF_PREFIX)]
    scans = [
        parse_scan(text, request.today, separator=request.separator, complete=request.complete) for text in contents
    ]
    if not scans:
        return request.refuse("unknown", "unknown", "the NFC tag holds no web address and no text")
    return replace(next((scan for scan in scans if scan.valid), scans[0]), input=request.text)
