"""The commands of one NTAG 424 DNA that issuing needs (NXP NT4H2421Gx, rev. 3.0, whose sections are named here)."""

import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cards.aes import check_key, xor
from cards.apdu import SHORT_LE_MAX, CommandApdu
from cards.errors import CardDataError
from cards.ntag424 import native
from cards.ntag424.file_settings import FileSettings, settings_bytes
from cards.ntag424.keys import MASTER_KEY
from cards.ntag424.session import SecureSession
from cards.ntag424.sun_url import UID_BYTES
from cards.processors import Processor
from cards.type4_ndef import NDEF_AID

NDEF_FILE: Final = 2
NDEF_FILE_BYTES: Final = 256
"""8.2.3.2."""
WRITE_BYTES_MAX: Final = 240
"""In one WriteData: with header, padding and MAC it stays a short APDU (10.8.2)."""

_INS_GET_VERSION: Final = 0x60
_INS_GET_CARD_UID: Final = 0x51
_INS_GET_KEY_VERSION: Final = 0x64
_INS_READ_SIGNATURE: Final = 0x3C
_INS_CHANGE_KEY: Final = 0xC4
_INS_GET_FILE_SETTINGS: Final = 0xF5
_INS_CHANGE_FILE_SETTINGS: Final = 0x5F
_INS_WRITE_DATA: Final = 0x8D
_INS_READ_DATA: Final = 0xAD
_FRAME_BYTES: Final = 7
_NTAG_424: Final = (0x04, 0x04, 0x30)
"""Vendor NXP, type NTAG, major version of the hardware (10.5.2, table 55)."""
_CRC_COMPLEMENT: Final = 0xFFFFFFFF


@dataclass(frozen=True)
class ChipVersion:
    """What GetVersion says."""

    hardware: bytes
    software: bytes
    uid: bytes

    @property
    def is_ntag424(self) -> bool:
        """Whether it calls itself an NTAG 424 DNA. It may lie."""
        return (self.hardware[0], self.hardware[1], self.hardware[3]) == _NTAG_424


class Ntag424Chip:
    """The selected NDEF application of one chip.

    Every method raises CardGoneError (away), CardAnswerError (refused) or CardDataError (not the card's answer).
    """

    def __init__(self, processor: Processor, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        """`processor` leads to the card; see `select`."""
        self._processor = processor
        self._random = random
        self._session: SecureSession | None = None

    @classmethod
    def select(cls, processor: Processor, random: Callable[[int], bytes] = secrets.token_bytes) -> "Ntag424Chip":
        """ISOSelectFile by name (10.9.1). Ends any session.

        Raises:
            NotFoundError (cards.status_words): this card has no such application.
        """
        command = CommandApdu(0x00, 0xA4, 0x04, 0x00, NDEF_AID, SHORT_LE_MAX)
        processor.transmit(command).expect_success("SELECT NDEF application")
        return cls(processor, random)

    def authenticate(self, key_number: int, key: bytes) -> None:
        """Open a session (10.4.1); whatever session was there ends."""
        self._session = None
        self._session = SecureSession.authenticate(self._processor, key_number, key, self._random)

    def version(self) -> ChipVersion:
        """GetVersion (10.5.2), without a session.

        Raises:
            CardDataError: frames of other lengths.
        """
        what = "GetVersion"
        hardware = native.exchange(self._processor, _INS_GET_VERSION, b"", what, expected=native.MORE)
        software = native.exchange(self._processor, native.INS_CONTINUE, b"", what, expected=native.MORE)
        production = native.exchange(self._processor, native.INS_CONTINUE, b"", what)
        if len(hardware) != _FRAME_BYTES or len(software) != _FRAME_BYTES or len(production) < UID_BYTES:
            raise CardDataError(
                f"{what}: frames of {len(hardware)}, {len(software)} and {len(production)} bytes, "
                f"expected {_FRAME_BYTES}, {_FRAME_BYTES} and at least {UID_BYTES}"
            )
        return ChipVersion(hardware, software, production[:UID_BYTES])

    def card_uid(self) -> bytes:
        """GetCardUID (10.5.3): the true UID, in a session.

        Raises:
            CardDataError: not 7 bytes.
        """
        uid = self._open_session().full(_INS_GET_CARD_UID, b"", "GetCardUID")
        if len(uid) != UID_BYTES:
            raise CardDataError(f"GetCardUID: {len(uid)} bytes, expected {UID_BYTES}")
        return uid

    def key_version(self, number: int) -> int:
        """GetKeyVersion (10.6.2), with a session or without.

        Raises:
            CardDataError: not one byte.
        """
        what = f"GetKeyVersion of key {number}"
        header = bytes((number,))
        if self._session is None:
            answer = native.exchange(self._processor, _INS_GET_KEY_VERSION, header, what)
        else:
            answer = self._session.maced(_INS_GET_KEY_VERSION, header, what)
        if len(answer) != 1:
            raise CardDataError(f"{what}: {len(answer)} bytes, expected 1")
        return answer[0]

    def originality_signature(self) -> bytes:
        """Read_Sig (10.10), without a session."""
        return native.exchange(self._processor, _INS_READ_SIGNATURE, b"\x00", "Read_Sig")

    def change_key(self, number: int, old: bytes, new: bytes, version: int) -> None:
        """ChangeKey (10.6.1), in a session with key 0. Changing key 0 ends the session."""
        what = f"ChangeKey {number}"
        check_key(new, "new key")
        session, header = self._open_session(), bytes((number,))
        if number == MASTER_KEY:
            self._session = None
            session.ending(_INS_CHANGE_KEY, header, what, new + bytes((version,)))
            return
        # CRC-32 of IEEE 802.3 without its final complement, as AN12196's example shows (5.16.1, step 7)
        checksum = (binascii.crc32(new) ^ _CRC_COMPLEMENT).to_bytes(4, "little")
        session.full(_INS_CHANGE_KEY, header, what, xor(new, check_key(old, "old key")) + bytes((version,)) + checksum)

    def file_settings(self, file: int) -> bytes:
        """GetFileSettings (10.7.2), in a session, in the form of `FileSettings.encode`."""
        answer = self._open_session().maced(_INS_GET_FILE_SETTINGS, bytes((file,)), f"GetFileSettings of file {file}")
        return settings_bytes(answer)

    def change_file_settings(self, file: int, settings: FileSettings) -> None:
        """ChangeFileSettings (10.7.1), in a session with the key that may."""
        what = f"ChangeFileSettings of file {file}"
        self._open_session().full(_INS_CHANGE_FILE_SETTINGS, bytes((file,)), what, settings.encode())

    def write(self, file: int, offset: int, data: bytes) -> None:
        """WriteData in plain (10.8.2), in a session, into a file whose communication mode is plain.

        Raises:
            ValueError: nothing to write, or more than fits one command.
        """
        if not 1 <= len(data) <= WRITE_BYTES_MAX:
            raise ValueError(f"{len(data)} bytes to write: expected 1 to {WRITE_BYTES_MAX}")
        what = f"WriteData to file {file} at {offset}"
        self._open_session().plain(_INS_WRITE_DATA, _range(file, offset, len(data)) + data, what)

    def read(self, file: int, offset: int, length: int) -> bytes:
        """ReadData in plain (10.8.1), in a session: what is stored, nothing mirrored.

        Raises:
            CardDataError: another length than asked for.
        """
        what = f"ReadData of file {file} at {offset}"
        data = self._open_session().plain(_INS_READ_DATA, _range(file, offset, length), what)
        if len(data) != length:
            raise CardDataError(f"{what}: {len(data)} bytes, expected {length}")
        return data

    def _open_session(self) -> SecureSession:
        if self._session is None:
            raise RuntimeError("this command needs a session: authenticate first")
        return self._session


def _range(file: int, offset: int, length: int) -> bytes:
    return bytes((file,)) + offset.to_bytes(3, "little") + length.to_bytes(3, "little")
