"""Status words (SW1 SW2) of ISO/IEC 7816-4:2020, tables 6 and 7, as meanings and as typed errors."""

from typing import Final

from cards.errors import CardAnswerError

SUCCESS: Final = 0x9000
"""Normal processing, no further qualification."""

SW1_VALUES: Final = frozenset((*range(0x61, 0x70), *range(0x90, 0xA0)))
"""First bytes that a status word can have (7816-4, 5.6): 60 belongs to the transmission protocol."""
SW1_MORE_DATA: Final = 0x61
"""SW2 bytes (0: 256 or more) wait for GET RESPONSE."""
SW1_WRONG_LE: Final = 0x6C
"""Le was wrong; SW2 is the right one (0: 256)."""
_WRONG_PIN: Final = 0x63C
"""63Cx: x tries left."""


class NotFoundError(CardAnswerError):
    """No such application, file, record or data object on this card."""


class SecurityStatusError(CardAnswerError):
    """A PIN or key that was not presented is needed first."""


class AuthenticationBlockedError(CardAnswerError):
    """No tries are left: the PIN or key must be unblocked by the issuer."""


class WrongPinError(CardAnswerError):
    """The PIN was wrong (63Cx); `tries_left` more until it is blocked."""

    @property
    def tries_left(self) -> int:
        """0 to 15."""
        return self.sw & 0x0F


class ConditionsError(CardAnswerError):
    """The command does not fit the card's present state."""


class WrongDataError(CardAnswerError):
    """The data field or the parameters are not what the card takes (an absent key is reported so, too)."""


class WrongLengthError(CardAnswerError):
    """Lc or Le is not what the card takes."""


class NotSupportedError(CardAnswerError):
    """The card does not know the command, the class byte, chaining or secure messaging."""


_MEANINGS: Final[dict[int, str]] = {
    0x6200: "warning, nothing changed",
    0x6281: "part of the returned data may be corrupted",
    0x6282: "end of file before Le bytes were read",
    0x6283: "selected file deactivated",
    0x6285: "selected file in termination state",
    0x6300: "no information given, or authentication failed",
    0x6400: "execution error, nothing changed",
    0x6500: "execution error, memory changed",
    0x6581: "memory failure",
    0x6700: "wrong length",
    0x6881: "logical channel not supported",
    0x6882: "secure messaging not supported",
    0x6883: "last command of a chain expected",
    0x6884: "command chaining not supported",
    0x6981: "command incompatible with file structure",
    0x6982: "security status not satisfied",
    0x6983: "authentication method blocked",
    0x6984: "reference data not usable",
    0x6985: "conditions of use not satisfied",
    0x6986: "command not allowed, no current file",
    0x6987: "secure messaging objects missing",
    0x6988: "secure messaging objects incorrect",
    0x6A80: "incorrect parameters in the data field",
    0x6A81: "function not supported",
    0x6A82: "file or application not found",
    0x6A83: "record not found",
    0x6A84: "not enough memory",
    0x6A86: "incorrect parameters P1-P2",
    0x6A87: "Lc inconsistent with parameters P1-P2",
    0x6A88: "referenced data not found",
    0x6B00: "wrong parameters P1-P2",
    0x6D00: "instruction not supported",
    0x6E00: "class not supported",
    0x6F00: "no precise diagnosis",
    0x9000: "success",
}

_ERRORS: Final[dict[int, type[CardAnswerError]]] = {
    0x6700: WrongLengthError,
    0x6881: NotSupportedError,
    0x6882: NotSupportedError,
    0x6884: NotSupportedError,
    0x6981: ConditionsError,
    0x6982: SecurityStatusError,
    0x6983: AuthenticationBlockedError,
    0x6985: ConditionsError,
    0x6986: ConditionsError,
    0x6A80: WrongDataError,
    0x6A81: NotSupportedError,
    0x6A82: NotFoundError,
    0x6A83: NotFoundError,
    0x6A86: WrongDataError,
    0x6A87: WrongDataError,
    0x6A88: NotFoundError,
    0x6B00: WrongDataError,
    0x6D00: NotSupportedError,
    0x6E00: NotSupportedError,
}


def meaning(sw: int) -> str:
    """What the standard says of a status word, in a few words; empty where it says nothing."""
    if sw >> 8 == SW1_MORE_DATA:
        return f"{sw & 0xFF or 256} bytes available"
    if sw >> 8 == SW1_WRONG_LE:
        return f"wrong Le, expected {sw & 0xFF or 256}"
    if sw >> 4 == _WRONG_PIN:
        return f"verification failed, {sw & 0x0F} tries left"
    return _MEANINGS.get(sw, "")


def refusal(sw: int, what: str) -> CardAnswerError:
    """The typed error for a status word other than success. `what` names the command in the message."""
    kind = WrongPinError if sw >> 4 == _WRONG_PIN else _ERRORS.get(sw, CardAnswerError)
    return kind(sw, what, meaning(sw))
