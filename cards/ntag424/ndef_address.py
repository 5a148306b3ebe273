"""Reading the address from a card's NDEF file, as any telephone does."""

from typing import Final

from cards.connection import CardConnection
from cards.errors import CardDataError
from cards.processors import processor_for
from cards.type4_ndef import read_ndef_message

_HEAD: Final = b"\xd1\x01"
"""Only record, short, well-known; type of one byte (NFC Forum NDEF, 3.2)."""
_HEAD_BYTES: Final = 5
_PREFIXES: Final = {0x00: "", 0x01: "http://www.", 0x02: "https://www.", 0x03: "http://", 0x04: "https://"}
"""URI identifier codes that an address can have (NFC Forum URI RTD, table 3)."""


def read_address(connection: CardConnection) -> str:
    """The address on the card: of an NTAG 424 DNA with secure messaging, a new one at each call.

    Raises:
        CardGoneError: the card left.
        CardAnswerError: the card refused to be read.
        CardDataError: no NDEF application, or its message is not one short URI record of ASCII.
    """
    message = read_ndef_message(processor_for(connection))
    if message is None:
        raise CardDataError("the card has no NDEF application")
    return address_of(message)


def address_of(message: bytes) -> str:
    """The address in an NDEF message.

    Raises:
        CardDataError: it is not one short URI record of ASCII.
    """
    if message[:2] != _HEAD or message[3:4] != b"U" or len(message) != message[2] + 4 or message[2] < 1:
        raise CardDataError(f"NDEF message {message[:32].hex()!r} of {len(message)} bytes: expected one URI record")
    prefix = _PREFIXES.get(message[4])
    try:
        text = message[_HEAD_BYTES:].decode("ascii")
    except UnicodeDecodeError:
        prefix = None
        text = ""
    if prefix is None:
        raise CardDataError(f"URI record {message[:32].hex()!r}: expected ASCII and an identifier code 00 to 04")
    return prefix + text
