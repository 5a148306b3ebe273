"""A code to be read, with all that reading it depends on."""

from dataclasses import dataclass
from datetime import date

from inventory.element_string import GS, Split
from inventory.interpretation import interpret
from inventory.parsed_scan import Kind, ParsedScan
from inventory.problem import Problem
from inventory.separator_check import find_lost_separator, find_written_separator


@dataclass(frozen=True)
class ScanRequest:
    """One call of `scan.parse_scan`."""

    text: str
    """The code as delivered."""
    today: date
    """Decides the century of two-digit years."""
    separator: str = GS
    """What this scanner sends for FNC1."""
    complete: bool = False
    """The pack carries no other symbol."""

    def refuse(self, kind: Kind, code: str, message: str) -> ParsedScan:
        """The code is not what it should be."""
        return ParsedScan(self.text, kind, errors=(Problem(code, message),))

    def judge(self, kind: Kind, found: Split, *, raw: str = "", complete: bool | None = None) -> ParsedScan:
        """Judge elements; `raw` is what a scanner sent, where a lost separator must be looked for."""
        judged = interpret(found.elements, self.today, complete=self.complete if complete is None else complete)
        errors, warnings = (*found.problems, *judged.errors), judged.warnings
        if raw and not errors and self.separator not in raw.removeprefix(self.separator):
            lost = find_written_separator(found.elements) or find_lost_separator(found.elements, self.today)
            warnings += (lost,) if lost is not None else ()
        return ParsedScan(self.text, kind, errors, warnings, found.elements, **judged.values)
