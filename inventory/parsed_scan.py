"""What a scanned code says, whichever way it came: the answer of `scan.parse_scan`."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from inventory.citizen_card import CitizenCard
from inventory.element import Element
from inventory.insurance_card import InsuranceCard
from inventory.problem import Problem

Kind = Literal["gs1-element-string", "gs1-digital-link", "epc", "gtin", "cccd", "bhyt", "unknown"]


@dataclass(frozen=True)
class ParsedScan:
    """What a code says. Values whose own element is wrong are left out; everything else is kept, even if not valid."""

    input: str
    """The code as delivered."""
    kind: Kind
    errors: tuple[Problem, ...] = ()
    """Why it must not be acted upon."""
    warnings: tuple[Problem, ...] = ()
    """What a person should know; `separator_lost` means that the lot or serial number is doubtful."""
    elements: tuple[Element, ...] = ()
    """In the order of the code."""
    gtin: str | None = None
    """Fourteen digits."""
    lot: str | None = None
    expiry_date: date | None = None
    """Last day the product may be used; the last day of the month where the code names no day."""
    production_date: date | None = None
    serial_number: str | None = None
    sscc: str | None = None
    epc_uri: str | None = None
    epc_tag_uri: str | None = None
    citizen_card: CitizenCard | None = field(default=None, repr=False)
    """Personal data: not in the JSON form, and not in logs."""
    insurance_card: InsuranceCard | None = field(default=None, repr=False)
    """Personal data: not in the JSON form, and not in logs."""

    @property
    def valid(self) -> bool:
        """Nothing speaks against acting upon it."""
        return not self.errors

    def has(self, code: str) -> bool:
        """Whether an error or a warning with this code was found."""
        return any(problem.code == code for problem in (*self.errors, *self.warnings))

    def to_json_dict(self) -> dict[str, Any]:
        """For JSON: dates as YYYY-MM-DD, absent values None, the first value of a repeated element."""
        elements: dict[str, str] = {}
        for element in self.elements:
            elements.setdefault(element.ai, element.value)
        return {
            "input": self.input,
            "kind": self.kind,
            "valid": self.valid,
            "errors": [problem.message for problem in self.errors],
            "warnings": [problem.message for problem in self.warnings],
            "elements": elements,
            "gtin": self.gtin,
            "lot": self.lot,
            "expiry_date": self.expiry_date.isoformat() if self.expiry_date else None,
            "production_date": self.production_date.isoformat() if self.production_date else None,
            "serial_number": self.serial_number,
            "sscc": self.sscc,
            "epc_uri": self.epc_uri,
            "epc_tag_uri": self.epc_tag_uri,
        }
