"""What the pager refuses, in one family: a stable `code` with `values`, said in each language by the pages."""

from typing import Final

from gateway.errors import GatewayError


class PagerError(GatewayError):
    """Root of them: nothing was changed."""

    def __init__(self, code: str, message: str, **values: object) -> None:
        """`code` names the reason, `message` says it with what mends it, `values` fill the sentence in."""
        super().__init__(message)
        self.code: Final = code
        self.values: Final = values


class PagerNotFoundError(PagerError):
    """What the act is about does not exist."""
