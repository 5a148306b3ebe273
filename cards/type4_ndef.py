"""NDEF message of an NFC Forum Type 4 tag, read with APDUs (NFC Forum, Type 4 Tag specification 1.2, clause 5)."""

from dataclasses import dataclass
from typing import Final

from cards.apdu import CommandApdu
from cards.errors import CardDataError
from cards.processors import Processor
from cards.status_words import SUCCESS

NDEF_AID: Final = bytes.fromhex("D2760000850101")
"""NDEF tag application, mapping version 2 and later (clause 5.5.2)."""
CAPABILITY_CONTAINER_FILE: Final = bytes.fromhex("E103")
MESSAGE_BYTES_MAX: Final = 8192
"""Longest message read, in bytes: a label or a card carries some hundred."""

_CAPABILITY_BYTES: Final = 15
"""CCLEN, version, MLe, MLc and the NDEF file control TLV (clause 5.1, table 4)."""
_FILE_CONTROL: Final = b"\x04\x06"
"""Tag and length of the NDEF file control TLV (clause 5.1.2.1)."""
_NLEN_BYTES: Final = 2
_READ_BYTES_MAX: Final = 255
"""Longest short Le that no card takes for "all there is"."""
_MLE_MIN: Final = 15
"""Clause 5.1, table 4: MLe is at least 000Fh."""


@dataclass(frozen=True)
class _NdefFile:
    file_id: bytes
    read_bytes_max: int


def read_ndef_message(processor: Processor) -> bytes | None:
    """The NDEF message, or None where no NDEF application can be selected. An empty file is an empty message.

    Raises:
        CardGoneError: the card left.
        CardAnswerError: the card refused to let it be read.
        CardDataError: the card's files contradict the specification, or each other.
    """
    command = CommandApdu(0x00, 0xA4, 0x04, 0x00, NDEF_AID, 256)
    if processor.transmit(command).sw != SUCCESS:
        return None  # cards that know no SELECT by name refuse it in many ways
    file = _ndef_file(processor)
    _select_file(processor, file.file_id)
    length = int.from_bytes(_read_binary(processor, 0, _NLEN_BYTES), "big")
    if length > MESSAGE_BYTES_MAX:
        raise CardDataError(f"NDEF message of {length} bytes: expected at most {MESSAGE_BYTES_MAX}")
    message = b""
    while len(message) < length:
        wanted = min(length - len(message), file.read_bytes_max)
        message += _read_binary(processor, _NLEN_BYTES + len(message), wanted)
    return message


def _ndef_file(processor: Processor) -> _NdefFile:
    _select_file(processor, CAPABILITY_CONTAINER_FILE)
    container = _read_binary(processor, 0, _CAPABILITY_BYTES)
    if container[7:9] != _FILE_CONTROL or container[2] >> 4 not in (1, 2, 3):
        raise CardDataError(f"capability container {container.hex()!r}: expected version 1.x to 3.x and TLV 04 06")
    if container[13] != 0x00:
        raise CardDataError(f"NDEF file may not be read: read access {container[13]:02X}, expected 00")
    mle = int.from_bytes(container[3:5], "big")
    if mle < _MLE_MIN:
        raise CardDataError(f"MLe {mle}: expected at least {_MLE_MIN}")
    return _NdefFile(container[9:11], min(mle, _READ_BYTES_MAX))


def _select_file(processor: Processor, file_id: bytes) -> None:
    command = CommandApdu(0x00, 0xA4, 0x00, 0x0C, file_id)
    processor.transmit(command).expect_success(f"SELECT file {file_id.hex().upper()}")


def _read_binary(processor: Processor, offset: int, length: int) -> bytes:
    command = CommandApdu(0x00, 0xB0, offset >> 8, offset & 0xFF, le=length)
    data = processor.transmit(command).expect_success(f"READ BINARY at {offset}")
    if len(data) != length:
        raise CardDataError(f"READ BINARY at {offset}: got {len(data)} bytes, expected {length}")
    return data
