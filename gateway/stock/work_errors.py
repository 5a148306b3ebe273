"""What work at the counter refuses: a stable code and its values for translations, and the same in English."""

from typing import Final

from gateway.stock.errors import WarehouseError


class WorkRefusedError(WarehouseError):
    """An act that can't be done as it was asked for; nothing was changed."""

    def __init__(self, code: str, message: str, **values: object) -> None:
        """`code` names the reason for machines and translations, `message` says it with what mends it."""
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message
        self.values: Final = {name: str(value) for name, value in values.items()}


class WorkNotFoundError(WorkRefusedError):
    """What the act is about does not exist."""


class WorkConflictError(WorkRefusedError):
    """The same id came with other content."""
