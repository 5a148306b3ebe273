"""The NDEF application of a Type 4 tag: an APDU card that holds one NDEF file (NFC Forum Type 4 Tag 2.0)."""

from firmware_sim.apdu_server import (
    SW_INS_NOT_SUPPORTED,
    SW_NO_CURRENT_FILE,
    SW_NOT_FOUND,
    SW_OK,
    SW_WRONG_LENGTH,
    SW_WRONG_OFFSET,
    ApduServer,
    CommandApdu,
    contactless_atr,
)

_AID = bytes.fromhex("d2760000850101")  # section 5.5.2
_CAPABILITY_FILE, _NDEF_FILE = 0xE103, 0xE104
_FILE_BYTES = 2048
_SELECT, _READ_BINARY, _UPDATE_BINARY = 0xA4, 0xB0, 0xD6


class NdefApplication:
    """A card with nothing but a readable and writable NDEF file of 2 kB."""

    latency_s = 0.0
    atr = contactless_atr(bytes.fromhex("4e444546"))

    def __init__(self, uid: bytes, ndef_message: bytes = b"") -> None:
        """A card with this message.

        Raises:
            ValueError: the message does not fit.
        """
        if len(ndef_message) > _FILE_BYTES - 2:
            raise ValueError(f"NDEF message: got {len(ndef_message)} bytes, expected at most {_FILE_BYTES - 2}")
        self.uid = uid
        content = len(ndef_message).to_bytes(2, "big") + ndef_message
        # Section 5.1: length, version 2.0, MLe 255, MLc 255, NDEF file control TLV: file, size, open to read and write.
        capability = bytes.fromhex("000f2000ff00ff0406e104") + _FILE_BYTES.to_bytes(2, "big") + bytes(2)
        self._files = {
            _CAPABILITY_FILE: bytearray(capability),
            _NDEF_FILE: bytearray(content.ljust(_FILE_BYTES, b"\0")),
        }
        self._server = ApduServer(self._handle)
        self.reset()

    def reset(self) -> None:
        """Nothing selected."""
        self._server.reset()
        self._application_selected = False
        self._file: int | None = None

    def apdu(self, command: bytes) -> bytes:
        """One command."""
        return self._server.answer(command)

    def _handle(self, command: CommandApdu) -> tuple[bytes, int]:
        if command.ins == _SELECT and command.p1 == 0x04:  # noqa: PLR2004 - by application identifier
            self._application_selected = command.data == _AID
            self._file = None
            return b"", SW_OK if self._application_selected else SW_NOT_FOUND
        if not self._application_selected:
            return b"", SW_INS_NOT_SUPPORTED
        if command.ins == _SELECT:
            file = int.from_bytes(command.data, "big")
            if file not in self._files:
                return b"", SW_NOT_FOUND
            self._file = file
            return b"", SW_OK
        if command.ins in (_READ_BINARY, _UPDATE_BINARY):
            return self._binary(command)
        return b"", SW_INS_NOT_SUPPORTED

    def _binary(self, command: CommandApdu) -> tuple[bytes, int]:
        if self._file is None:
            return b"", SW_NO_CURRENT_FILE
        content = self._files[self._file]
        offset = command.p1 << 8 | command.p2
        if command.ins == _READ_BINARY:
            if offset >= len(content):
                return b"", SW_WRONG_OFFSET
            return bytes(content[offset : offset + (command.le or 0)]), SW_OK
        if self._file == _CAPABILITY_FILE or offset + len(command.data) > len(content):
            return b"", SW_WRONG_LENGTH
        content[offset : offset + len(command.data)] = command.data
        return b"", SW_OK
