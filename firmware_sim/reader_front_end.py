"""A contactless PC/SC reader's own half: it answers class FF itself and passes the rest to the card (PC/SC part 3)."""

from typing import Protocol

from firmware_sim.apdu_server import (
    SW_OK,
    SW_WRONG_LENGTH,
    ApduCard,
    ApduFormatError,
    CommandApdu,
    contactless_atr,
)
from firmware_sim.type2_tag import PAGE_BYTES, Type2Tag

_PSEUDO_CLASS = 0xFF
_GET_DATA, _READ_BINARY, _UPDATE_BINARY = 0xCA, 0xB0, 0xD6
_SW_NOT_SUPPORTED = 0x6A81
_SW_FAILED = 0x6300
_WRITE_TAG, _READ_TAG = 0xA2, 0x30
_ACK = b"\x0a"


class FrontEnd(Protocol):
    """A reader with something on it: what a vpcd slot plays."""

    @property
    def atr(self) -> bytes:
        """What the reader reports."""
        ...

    @property
    def latency_s(self) -> float:
        """Seconds per command."""
        ...

    def reset(self) -> None:
        """Power off and on."""
        ...

    def apdu(self, command: bytes) -> bytes | None:
        """One command; None is silence."""
        ...


def front_end(thing: ApduCard | Type2Tag) -> FrontEnd:
    """The reader with this card or tag on it."""
    return StorageFrontEnd(thing) if isinstance(thing, Type2Tag) else IsoDepFrontEnd(thing)


class IsoDepFrontEnd:
    """With an ISO/IEC 14443-4 card: commands go to the card, class FF stays with the reader."""

    def __init__(self, card: ApduCard) -> None:
        """Put `card` on the reader."""
        self._card = card

    @property
    def atr(self) -> bytes:
        """Made of the card's historical bytes."""
        return self._card.atr

    @property
    def latency_s(self) -> float:
        """The card's, in seconds."""
        return self._card.latency_s

    def reset(self) -> None:
        """Reset the card."""
        self._card.reset()

    def apdu(self, command: bytes) -> bytes | None:
        """One command."""
        if command[:1] != bytes([_PSEUDO_CLASS]):
            return self._card.apdu(command)
        return _response(*_get_data(command, self._card.uid, self._card.atr[4:-1]))


class StorageFrontEnd:
    """With a Type 2 tag, which knows no APDU: FF CA gives the UID, FF B0 and FF D6 read and write pages."""

    # Section 3.1.3.2.3.2: RID of the PC/SC workgroup, standard 03 (ISO 14443 A part 3), card name 0003 (Ultralight).
    _HISTORICAL_BYTES = bytes.fromhex("804f0ca000000306030003") + bytes(4)
    atr = contactless_atr(_HISTORICAL_BYTES)
    latency_s = 0.0

    def __init__(self, tag: Type2Tag) -> None:
        """Put `tag` on the reader."""
        self._tag = tag

    def reset(self) -> None:
        """Power off, on, and select."""
        self._tag.power_off()
        self._tag.select()

    def apdu(self, command: bytes) -> bytes:
        """One command."""
        if command[:1] != bytes([_PSEUDO_CLASS]):
            return _response(b"", _SW_FAILED)
        try:
            parsed = CommandApdu.parse(command)
        except ApduFormatError:
            return _response(b"", SW_WRONG_LENGTH)
        page = parsed.p1 << 8 | parsed.p2
        if parsed.ins == _READ_BINARY:
            return self._read(page, parsed.le or 0)
        if parsed.ins == _UPDATE_BINARY:
            return self._write(page, parsed.data)
        return _response(*_get_data(command, self._tag.uid, self._HISTORICAL_BYTES))

    def _read(self, page: int, length: int) -> bytes:
        answer = self._tag.exchange(bytes([_READ_TAG, page & 0xFF])) if page <= 0xFF else None  # noqa: PLR2004 - one byte
        if answer is None or answer.is_nibble:
            self._tag.select()  # the tag fell back to IDLE; the reader finds it again by itself
            return _response(b"", _SW_FAILED)
        return _response(answer.data[:length], SW_OK)

    def _write(self, page: int, data: bytes) -> bytes:
        if len(data) != PAGE_BYTES or page > 0xFF:  # noqa: PLR2004 - one byte
            return _response(b"", SW_WRONG_LENGTH)
        answer = self._tag.exchange(bytes([_WRITE_TAG, page]) + data)
        if answer is None or answer.data != _ACK:
            self._tag.select()
            return _response(b"", _SW_FAILED)
        return _response(b"", SW_OK)


def _get_data(command: bytes, uid: bytes, historical_bytes: bytes) -> tuple[bytes, int]:
    """FF CA 00 00: UID; FF CA 01 00: historical bytes (section 3.2.2.1.3)."""
    if command[1:2] == bytes([_GET_DATA]) and command[3:4] == b"\x00":
        if command[2] == 0:
            return uid, SW_OK
        if command[2] == 1:
            return historical_bytes, SW_OK
    return b"", _SW_NOT_SUPPORTED


def _response(data: bytes, sw: int) -> bytes:
    return data + sw.to_bytes(2, "big")
