"""Native commands of NTAG 424 DNA, wrapped in ISO 7816-4 (NT4H2421Gx, 8.4), and their status words as typed errors."""

from typing import Final

from cards.apdu import SHORT_LE_MAX, CommandApdu
from cards.errors import CardAnswerError
from cards.processors import Processor
from cards.status_words import (
    ConditionsError,
    NotFoundError,
    NotSupportedError,
    SecurityStatusError,
    WrongDataError,
    WrongLengthError,
)

CLA: Final = 0x90
OK: Final = 0x9100
MORE: Final = 0x91AF
INS_CONTINUE: Final = 0xAF


class AuthenticationError(SecurityStatusError):
    """The key is not the card's, or nobody has authenticated."""


class AuthenticationDelayError(ConditionsError):
    """After many wrong keys the card makes one wait: try again."""


class IntegrityError(WrongDataError):
    """The card found a wrong MAC, checksum or padding in what it got: the session is not the same on both sides."""


_REFUSALS: Final[dict[int, tuple[type[CardAnswerError], str]]] = {
    0x911C: (NotSupportedError, "illegal command code"),
    0x911E: (IntegrityError, "integrity error"),
    0x9140: (NotFoundError, "no such key"),
    0x917E: (WrongLengthError, "length error"),
    0x919D: (SecurityStatusError, "permission denied"),
    0x919E: (WrongDataError, "parameter error"),
    0x91AD: (AuthenticationDelayError, "authentication delay"),
    0x91AE: (AuthenticationError, "authentication error"),
    0x91BE: (WrongDataError, "boundary error"),
    0x91CA: (ConditionsError, "previous command not completed"),
    0x91EE: (CardAnswerError, "memory error"),
    0x91F0: (NotFoundError, "no such file"),
}
"""NT4H2421Gx, table 23."""


def refusal(sw: int, what: str) -> CardAnswerError:
    """The typed error for a status word other than 9100. `what` names the command in the message."""
    kind, meaning = _REFUSALS.get(sw, (CardAnswerError, ""))
    return kind(sw, what, meaning)


def exchange(processor: Processor, ins: int, data: bytes, what: str, *, expected: int = OK) -> bytes:
    """One native command; the answer's data.

    Raises:
        CardGoneError: the card left.
        CardAnswerError: another status than `expected`.
        CardDataError: what came back is no answer.
    """
    response = processor.transmit(CommandApdu(CLA, ins, 0, 0, data, SHORT_LE_MAX))
    if response.sw != expected:
        raise refusal(response.sw, what)
    return response.data
