"""PIN and PUK of a PIV card: verify, tries left, change, unblock (NIST SP 800-73-5 part 2, 3.2.1 to 3.2.3).

Wrong ones raise `WrongPinError` with the tries left, and `AuthenticationBlockedError` once there are none
(`cards.status_words`). Their data reach no log (`cards.traffic`).
"""

import re
from typing import Final

from cards.apdu import CommandApdu
from cards.processors import Processor
from cards.status_words import SUCCESS, AuthenticationBlockedError, WrongPinError, refusal

_INS_VERIFY: Final = 0x20
_INS_CHANGE: Final = 0x24
_INS_UNBLOCK: Final = 0x2C
_PIN: Final = 0x80
_PUK: Final = 0x81
"""Key references (part 1, table 4a)."""
_BYTES: Final = 8
_PIN_TEXT: Final = re.compile(r"[0-9]{6,8}", re.ASCII)
"""Part 2, 2.4.3."""


def check_pin(pin: str) -> str:
    """The PIN, if a card takes it.

    Raises:
        ValueError: not six to eight digits. The message does not repeat it.
    """
    if not _PIN_TEXT.fullmatch(pin):
        raise ValueError(f"PIN of {len(pin)} characters: expected six to eight digits")
    return pin


def check_puk(puk: bytes) -> bytes:
    """The PUK, if a card takes it.

    Raises:
        ValueError: not eight bytes. The message does not repeat it.
    """
    if len(puk) != _BYTES:
        raise ValueError(f"PUK of {len(puk)} bytes: expected {_BYTES}")
    return puk


def verify(processor: Processor, pin: str) -> None:
    """Open what the PIN protects, until the card is reset.

    Raises:
        WrongPinError: with the tries left.
        AuthenticationBlockedError: none are left.
    """
    _send(processor, _INS_VERIFY, _PIN, _padded(pin), "VERIFY PIN")


def tries_left(processor: Processor) -> int | None:
    """How often the PIN may still be wrong; None if it is verified already. Costs none.

    Raises:
        CardAnswerError: the card does not say.
    """
    response = processor.transmit(CommandApdu(0x00, _INS_VERIFY, 0x00, _PIN))
    if response.sw == SUCCESS:
        return None
    error = refusal(response.sw, "VERIFY without data")
    if isinstance(error, AuthenticationBlockedError):
        return 0
    if isinstance(error, WrongPinError):
        return error.tries_left
    raise error


def change(processor: Processor, old: str, new: str) -> None:
    """CHANGE REFERENCE DATA: a new PIN for who knows the old one.

    Raises:
        As `verify`.
    """
    _send(processor, _INS_CHANGE, _PIN, _padded(old) + _padded(new), "CHANGE REFERENCE DATA, PIN")


def change_puk(processor: Processor, old: bytes, new: bytes) -> None:
    """CHANGE REFERENCE DATA: a new PUK for who knows the old one.

    Raises:
        As `verify`, of the PUK.
    """
    _send(processor, _INS_CHANGE, _PUK, check_puk(old) + check_puk(new), "CHANGE REFERENCE DATA, PUK")


def unblock(processor: Processor, puk: bytes, new: str) -> None:
    """RESET RETRY COUNTER: a new PIN with all its tries, for who knows the PUK.

    Raises:
        As `verify`, of the PUK.
    """
    _send(processor, _INS_UNBLOCK, _PIN, check_puk(puk) + _padded(new), "RESET RETRY COUNTER")


def _padded(pin: str) -> bytes:
    return check_pin(pin).encode("ascii").ljust(_BYTES, b"\xff")


def _send(processor: Processor, ins: int, reference: int, data: bytes, what: str) -> None:
    processor.transmit(CommandApdu(0x00, ins, 0x00, reference, data)).expect_success(what)
