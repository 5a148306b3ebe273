"""What the records refuse, each with a code, its facts, and a message that says what mends it."""

from typing import Final

from gateway.errors import GatewayError


class RecordError(GatewayError):
    """A record that can't be made or changed as it was asked for; nothing was changed."""

    def __init__(self, code: str, message: str, **values: object) -> None:
        """`code` names the reason for programs and for the pages' words, `values` are its facts."""
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message
        self.values: Final = values


class RecordNotFoundError(RecordError):
    """What it is about does not exist."""
