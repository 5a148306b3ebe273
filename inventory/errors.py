"""What the stock domain refuses, and why.

InventoryError           `code` names the reason for machines and translations, `values` are its facts
├── CodeError            a code, key or tag that says something impossible
│   ├── EpcError         RFID tag content that no scheme explains
│   └── NdefError        NFC content that is not an NDEF message
└── LedgerError          a movement that the books cannot take
    ├── InsufficientStockError
    ├── StockHeldError
    ├── TwoPeopleNeededError
    ├── PackElsewhereError
    └── MovementConflictError
"""

from collections.abc import Mapping
from typing import ClassVar


class InventoryError(ValueError):
    """Root of all that this package refuses; nothing in it is worth a retry with the same input."""

    usual_code: ClassVar[str] = "refused"
    values: Mapping[str, object]

    def __init__(self, message: str, *, code: str = "", **values: object) -> None:
        """`message` says in English what, which value and what is right; `code` and `values` are for translations."""
        super().__init__(message)
        self.code = code or self.usual_code
        self.message = message
        self.values = values


class CodeError(InventoryError):
    """A code that cannot be what it claims to be."""

    def __init__(self, code: str, message: str) -> None:
        """`code` is a stable word for machines and translations, `message` says what, which value and what is right."""
        super().__init__(message, code=code)


class EpcError(CodeError):
    """An EPC that no scheme explains: keep its hexadecimal digits, it may belong to someone else."""


class NdefError(CodeError):
    """Bytes that are not an NDEF message."""


class LedgerError(InventoryError):
    """A movement that the books cannot take."""


class InsufficientStockError(LedgerError):
    """A guarded account would go below zero."""

    usual_code = "too_little"


class StockHeldError(LedgerError):
    """The stock may not be given out: held, or expired. The message says which, since when and by whom."""

    usual_code = "not_given_out"


class TwoPeopleNeededError(LedgerError):
    """Stock under special control that one person alone would give out. The message says which."""

    usual_code = "two_people"


class PackElsewhereError(LedgerError):
    """A serialised pack is not where the movement takes it from, or is of another lot. The message says where it is."""

    usual_code = "pack_elsewhere"


class MovementConflictError(LedgerError):
    """The same movement id came again with other content."""

    usual_code = "id_conflict"
