"""Exceptions of the card library; each is a decision."""


class CardError(Exception):
    """Root of all of them."""


class CardGoneError(CardError):
    """The card left the reader, or the reader went away: nothing can be said of the card; ask for it again."""


class CardAnswerError(CardError):
    """The card answered a status word other than success."""

    def __init__(self, sw: int, what: str) -> None:
        """`sw` is SW1 SW2 as a number; `what` names the command."""
        super().__init__(f"{what}: the card answered SW={sw:04X}")
        self.sw = sw


class CardDataError(CardError):
    """What the card holds can't be read (bad TLV, missing member, not a certificate)."""
