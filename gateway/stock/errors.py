"""What the warehouse refuses besides what the books refuse (`inventory.errors`), in one family.

Every refusal is a stable `code` with `values`, its facts: programs go by them, and `gateway.pages.refusals` says them
in the reader's language. The message says the same in English, for logs. A subclass is for whoever must act on it
otherwise than by telling a person.
"""

from typing import Final

from gateway.errors import GatewayError


class WarehouseError(GatewayError):
    """Root of them: nothing was changed."""

    def __init__(self, code: str, message: str, **values: object) -> None:
        """`code` names the reason, `message` says it with what mends it, `values` are ids, numbers, days and times."""
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message
        self.values: Final = values


class WorkRefusedError(WarehouseError):
    """An act that can't be done as it was asked for."""


class WorkNotFoundError(WorkRefusedError):
    """What the act is about does not exist."""


class WorkConflictError(WorkRefusedError):
    """The same id came with other content, or somebody else was first."""


class DocumentConflictError(WorkConflictError):
    """A document of this id exists with other content: a client made one id for two acts."""


class DocumentStateError(WorkRefusedError):
    """There is no such document, or it is not in the state that the act needs."""


class SecondPersonError(WorkRefusedError):
    """An act of two people was to be done by one."""


class ReservationConflictError(WorkConflictError):
    """A reservation of this id exists with other content."""


class ReservationStateError(WorkRefusedError):
    """There is no such reservation, or it is not pending any more, or something else was reserved."""


class HoldConflictError(WorkConflictError):
    """A hold of this id exists with other content."""


class HoldStateError(WorkRefusedError):
    """There is no such hold, or it is not in the state that the act needs."""


class OperatorError(WarehouseError):
    """Nobody of this name can work at this device."""
