"""What the warehouse's services refuse besides what the books refuse (`inventory.errors.LedgerError` and below)."""

from gateway.errors import GatewayError


class WarehouseError(GatewayError):
    """Root of them. The message names the value and the mend."""


class DocumentConflictError(WarehouseError):
    """A document of this id exists with other content: a client made one id for two acts."""


class DocumentStateError(WarehouseError):
    """There is no such document, or it is not in the state that the act needs."""


class SecondPersonError(WarehouseError):
    """An act of two people was to be done by one."""


class ReservationConflictError(WarehouseError):
    """A reservation of this id exists with other content."""


class ReservationStateError(WarehouseError):
    """There is no such reservation, or it is not pending any more, or something else was reserved."""


class HoldConflictError(WarehouseError):
    """A hold of this id exists with other content."""


class HoldStateError(WarehouseError):
    """There is no such hold, or it is not in the state that the act needs."""


class OperatorError(WarehouseError):
    """Nobody of this name can work at this device."""
