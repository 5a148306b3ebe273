"""Exceptions of the card library; each is a decision."""


class CardError(Exception):
    """Root of all of them."""


class CardGoneError(CardError):
    """The card left the reader, or the reader went away: nothing can be said of the card; ask for it again."""


class CardAnswerError(CardError):
    """The card answered a status word other than success. `cards.status_words` has a subclass for each decision."""

    def __init__(self, sw: int, what: str, meaning: str = "") -> None:
        """`sw` is SW1 SW2 as a number; `what` names the command; `meaning` is what the standard says of `sw`."""
        super().__init__(f"{what}: the card answered SW={sw:04X}" + (f" ({meaning})" if meaning else ""))
        self.sw = sw


class CardDataError(CardError):
    """What the card holds or says can't be read (bad TLV, missing member, not a certificate, too much of it)."""
