"""Why a scan was refused and what mends it, in the reader's language: one sentence for each code of the parser.

The parser is pure, so the code is read again here: its findings carry stable words, which translate; the English
sentence that was stored stays visible as a technical detail.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from gateway.pages.translations import N_
from gateway.services.reads_pharmacy import Scan
from gateway.services.scanning_device import read_code
from inventory.element_string import GS

PERSONAL_KINDS: Final = frozenset({"cccd", "bhyt"})
"""Codes of people, not of packs: what they say is never shown in the pharmacy."""


@dataclass(frozen=True)
class Mend:
    """One thing wrong with a scan. Texts are msgids."""

    what: str
    mend: str
    technical: str = ""
    """In English, as the parser or the stock service said it."""
    field: str = ""
    """The field of the code that is wrong, as people call it (msgid); empty if it has no such name."""
    value: str = ""
    """What stands in that field, behind its number in brackets; empty if it is not about one field."""


_BY_HAND: Final = N_(
    "Compare with what is printed on the pack; if it repeats, show the pack to the pharmacist in charge."
)
_RESCAN: Final = N_("Clean the code and scan it once more.")
_WEB_ADDRESS: Final = Mend(N_("The web address has a field that must not stand there."), _BY_HAND)
_TAG: Final = Mend(N_("What the tag says can't be understood."), N_("Scan the square code on the pack itself."))
_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "00": N_("Shipping unit (SSCC)"),
        "01": N_("Product code (GTIN)"),
        "10": N_("Lot"),
        "11": N_("Date of manufacture"),
        "17": N_("Expiry"),
        "21": N_("Serial number"),
    }
)
_FIELD: Final = re.compile(r"\(([0-9]{2,4})\)([^\s:]*)")
"""How a finding about one field begins (see `inventory.content_rules`)."""

MENDS: Final[Mapping[str, Mend]] = MappingProxyType(
    {
        "separator_lost": Mend(
            N_("The scanner loses the separator between the fields, so that lot and serial number run together."),
            N_(
                "Set the scanner to send GS1 with the separator (GS, 0x1D); the scanner's manual names the setting."
                " If it can only send another character, enter that as separator of this scanner in the site file."
            ),
        ),
        "check_digit": Mend(N_("A check digit is wrong: the code was misread or is damaged."), _RESCAN),
        "date": Mend(N_("The date in the code does not exist."), _BY_HAND),
        "character": Mend(N_("The code has a character that must not stand there."), _RESCAN),
        "length": Mend(N_("A field of the code is too long or too short."), _RESCAN),
        "content": Mend(N_("A field of the code has an impossible value."), _BY_HAND),
        "repeated": Mend(N_("The same field stands twice with different values."), _BY_HAND),
        "excluded": Mend(N_("Two fields contradict each other."), _BY_HAND),
        "required": Mend(N_("A field that belongs to it is missing."), _BY_HAND),
        "key_missing": Mend(N_("The code names no product (no GTIN)."), N_("Scan the square code on the pack itself.")),
        "unknown_ai": Mend(N_("A part of the code is no known field."), _RESCAN),
        "not_digital_link": Mend(
            N_("This web address is no product code."), N_("Scan the square code on the pack itself.")
        ),
        "separator_repeated": Mend(N_("A field of the code is empty."), _RESCAN),
        "time": Mend(N_("The time in the code does not exist."), _BY_HAND),
        "bracket": Mend(N_("The brackets of a typed code are wrong."), N_("Scan the code instead of typing it.")),
        "qualifier": _WEB_ADDRESS,
        "attribute": _WEB_ADDRESS,
        "scheme": _TAG,
        "partition": _TAG,
        "range": _TAG,
        "uri": _TAG,
        "ndef": _TAG,
        "empty": Mend(N_("The code is empty."), _RESCAN),
        "symbology": Mend(
            N_("This kind of barcode is not used on packs."), N_("Scan the square code on the pack itself.")
        ),
    }
)
UNKNOWN_CODE: Final = Mend(N_("This is no code of a medicine pack."), N_("Scan the square code on the pack itself."))
PERSONAL_CODE: Final = Mend(
    N_("This is a person's card, not a pack."), N_("Use it at the registration desk. Its content is not shown here.")
)
UNKNOWN_PRODUCT: Final = Mend(
    N_("The product is not in the catalogue."), N_("Have it added to the catalogue, then scan the pack again.")
)
OTHER: Final = Mend(N_("The pack could not be booked."), N_("Put it aside and show it to the pharmacist in charge."))

CASES: Final[Mapping[str, Mend]] = MappingProxyType(
    {
        "unknown_product": UNKNOWN_PRODUCT,
        "device_without_place": Mend(
            N_("This scanner has no place, so nobody knows where the pack is."),
            N_("Have the administrator give the scanner its place, then scan again."),
        ),
        "lot_mismatch": Mend(
            N_("The lot on the pack is not the lot in the books."), N_("Compare the pack with the delivery note.")
        ),
        "expired_pack": Mend(N_("The pack has expired."), N_("Put it aside: it must not be used.")),
        "booked_elsewhere": Mend(
            N_("The books had this pack in another place."), N_("Ask there how the pack came here.")
        ),
        "out_of_order": Mend(
            N_("This scan came after a later one of the same pack."), N_("Check where the pack is now.")
        ),
        "not_in_books": Mend(
            N_("This pack was never received."), N_("Find its delivery note and receive it afterwards.")
        ),
        "transfer_short": Mend(
            N_("Goods that were sent did not arrive."),
            N_("Ask whoever sent and carried them, then adjust with a reason."),
        ),
        "transfer_over": Mend(
            N_("More arrived than was sent."),
            N_("Compare with the place that sent it, then adjust there with a reason."),
        ),
        "held_stock_issued": Mend(
            N_("This pack is held or recalled, and was issued all the same."),
            N_("Fetch it back before it is used, and tell whoever placed the hold."),
        ),
        "held_stock_received": Mend(
            N_("This pack is recalled or damaged, and was received all the same."),
            N_("Put it aside and give it back to the supplier."),
        ),
        "nfc_tag_other": Mend(
            N_("Another NFC tag says now that it is this pack."),
            N_("Look at the pack: was its tag replaced, or was it copied onto another one?"),
        ),
        "controlled_received_alone": Mend(
            N_("This drug is under special control, and was received by one person alone."),
            N_("Let a second person count it, then confirm it in the case that was opened."),
        ),
        "controlled_alone": Mend(
            N_("This drug is under special control, and was issued by one person alone."),
            N_("Let a second person confirm it in the case that was opened."),
        ),
        "reserved_stock_issued": Mend(
            N_("This pack was promised to somebody else, and was issued all the same."),
            N_("Look for other stock for the promise, or fetch the pack back."),
        ),
        "doubtful_code": MENDS["separator_lost"],
        "second_code_missing": Mend(
            N_("Only one of the pack's codes was scanned, so product and lot are not both known. Nothing was booked."),
            N_("Scan all codes of the pack again, one right after the other."),
        ),
    }
)
OTHER_CASE: Final = Mend(N_("What happened does not fit the books."), N_("Check where the pack is now."))


def readable(text: str) -> str:
    """A scanned code on a screen: the separator and other unprintable characters as visible signs."""
    pictures = (chr(0x2400 + ord(each)) if ord(each) < 0x20 else each for each in text)  # noqa: PLR2004 - C0 controls
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in pictures)


def _about_field(known: Mend, message: str) -> Mend:
    """With the field and the value that the finding begins with."""
    field = _FIELD.match(message)
    if field is None:
        return replace(known, technical=message)
    return replace(known, technical=message, field=_FIELDS.get(field[1], ""), value=f"({field[1]}) {field[2]}".strip())


def mends_of(scan: Scan) -> list[Mend]:
    """What was wrong with a refused or contradicting scan, each thing once; empty for any other scan."""
    if scan.outcome == "discrepancy":
        known = CASES.get(scan.case_code or "", OTHER_CASE)
        return [Mend(known.what, known.mend, scan.reason)]
    if scan.outcome != "refused":
        return []
    if scan.kind in PERSONAL_KINDS:
        return [PERSONAL_CODE]
    parsed = read_code(scan.text, scan.occurred_at.date(), scan.device_separator or GS)
    found: dict[str, Mend] = {}
    # A lost separator is a warning of the parser; it makes lot and serial number doubtful, so stock refuses it.
    doubts = [problem for problem in parsed.warnings if problem.code == "separator_lost"]
    for problem in (*parsed.errors, *doubts):
        known = MENDS.get(problem.code, UNKNOWN_CODE if parsed.gtin is None else OTHER)
        found.setdefault(known.what, _about_field(known, problem.message))
    if found:
        return list(found.values())
    known = UNKNOWN_CODE if scan.gtin is None else UNKNOWN_PRODUCT if scan.product_name_vi is None else OTHER
    return [Mend(known.what, known.mend, scan.reason)]
