"""What the stock domain refuses, and why.

InventoryError
├── CodeError            a code, key or tag that says something impossible; `code` names the reason for machines
│   ├── EpcError         RFID tag content that no scheme explains
│   └── NdefError        NFC content that is not an NDEF message
└── LedgerError          a movement that the books cannot take
    ├── InsufficientStockError
    ├── StockHeldError
    ├── TwoPeopleNeededError
    ├── PackElsewhereError
    └── MovementConflictError
"""


class InventoryError(ValueError):
    """Root of all that this package refuses; nothing in it is worth a retry with the same input."""


class CodeError(InventoryError):
    """A code that cannot be what it claims to be."""

    def __init__(self, code: str, message: str) -> None:
        """`code` is a stable word for machines and translations, `message` says what, which value and what is right."""
        super().__init__(message)
        self.code = code
        self.message = message


class EpcError(CodeError):
    """An EPC that no scheme explains: keep its hexadecimal digits, it may belong to someone else."""


class NdefError(CodeError):
    """Bytes that are not an NDEF message."""


class LedgerError(InventoryError):
    """A movement that the books cannot take."""


class InsufficientStockError(LedgerError):
    """A guarded account would go below zero."""


class StockHeldError(LedgerError):
    """The stock may not be given out: held, or expired. The message says which, since when and by whom."""


class TwoPeopleNeededError(LedgerError):
    """Stock under special control that one person alone would give out. The message says which."""


class PackElsewhereError(LedgerError):
    """A serialised pack is not where the movement takes it from, or is of another lot. The message says where it is."""


class MovementConflictError(LedgerError):
    """The same movement id came again with other content."""
