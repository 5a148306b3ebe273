"""What a visit or a queue refuses: of the family of `gateway.stock.errors`, told in each language by the same kit."""

from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError


class VisitRefusedError(WorkRefusedError):
    """A step that can't be done as it was asked for."""


class VisitNotFoundError(WorkNotFoundError):
    """There is no such visit, place in a queue, clinic, door, appointment or board."""


class VisitConflictError(WorkConflictError):
    """The same id came for something else, or somebody else was first."""
