"""Several symbols of one pack, read one after the other, judged together.

GS1 judges over all symbols that mark an item: a linear code with the GTIN and a DataMatrix with lot and expiry are one
statement. A scan never blanks what is known, and two that contradict each other are an error, not a choice.
"""

from collections.abc import Sequence
from datetime import date

from inventory.element_string import Split
from inventory.errors import InventoryError
from inventory.parsed_scan import Kind, ParsedScan
from inventory.problem import Problem
from inventory.scan_request import ScanRequest

_OF_A_PACK = frozenset({"gs1-element-string", "gs1-digital-link", "epc", "gtin"})
_JUDGED_ANEW = frozenset({"required", "excluded", "repeated", "key_missing", "day_unknown"})
"""Findings that depend on all symbols, or that judging all elements finds again."""


def join_scans(scans: Sequence[ParsedScan], today: date, *, complete: bool = True) -> ParsedScan:
    """What all symbols of one pack say together; its `input` is theirs, line by line.

    `complete` says that the pack carries no other symbol; else a missing key is only a warning, as in `parse_scan`.

    Raises:
        InventoryError: there is none, or one that does not mark a pack.
    """
    strangers = [scan for scan in scans if scan.kind not in _OF_A_PACK]
    if not scans or strangers:
        what = f"a code of kind {strangers[0].kind!r}" if strangers else "no scan"
        raise InventoryError(f"{what} cannot be joined: expected the GS1 codes of one pack")
    request = ScanRequest("\n".join(scan.input for scan in scans), today, complete=complete)
    elements = tuple(dict.fromkeys(element for scan in scans for element in scan.elements))
    judged = request.judge(_kind(scans), Split(elements))
    errors = _merge(judged.errors, *(_kept(scan.errors) for scan in scans))
    warnings = _merge(judged.warnings, *(_kept(scan.warnings) for scan in scans))
    return ParsedScan(
        input=request.text,
        kind=judged.kind,
        errors=errors,
        warnings=warnings,
        elements=elements,
        gtin=judged.gtin,
        lot=judged.lot,
        expiry_date=judged.expiry_date,
        production_date=judged.production_date,
        serial_number=judged.serial_number,
        sscc=judged.sscc,
        epc_uri=next((scan.epc_uri for scan in scans if scan.epc_uri), None),
        epc_tag_uri=next((scan.epc_tag_uri for scan in scans if scan.epc_tag_uri), None),
    )


def _kind(scans: Sequence[ParsedScan]) -> Kind:
    """Of one kind, that one; of several, what all of them are in the end: elements."""
    kinds = {scan.kind for scan in scans}
    return kinds.pop() if len(kinds) == 1 else "gs1-element-string"


def _kept(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(problem for problem in problems if problem.code not in _JUDGED_ANEW)


def _merge(*groups: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problem for group in groups for problem in group))
