"""An NTAG 424 DNA at APDU level: ISO and native commands, EV2 secure messaging, keys, SUN (NT4H2421Gx, rev. 3.0)."""

import random
from typing import NamedTuple

from firmware_sim import ntag424_crypto as crypto
from firmware_sim.apdu_server import (
    SW_CLA_NOT_SUPPORTED,
    SW_CONDITIONS_OF_USE,
    SW_INS_NOT_SUPPORTED,
    SW_NO_CURRENT_FILE,
    SW_NOT_FOUND,
    SW_OK,
    SW_SECURITY_STATUS,
    SW_WRONG_LENGTH,
    SW_WRONG_OFFSET,
    SW_WRONG_P1_P2,
    ApduServer,
    CommandApdu,
    contactless_atr,
)
from firmware_sim.ntag424_files import FREE, FULL, MACED, PLAIN, StandardFile, factory_files

# Status words of native commands (section 10.3, table 23)
OK, ILLEGAL_COMMAND, INTEGRITY_ERROR, NO_SUCH_KEY = 0x9100, 0x911C, 0x911E, 0x9140
LENGTH_ERROR, PERMISSION_DENIED, PARAMETER_ERROR = 0x917E, 0x919D, 0x919E
AUTHENTICATION_DELAY, AUTHENTICATION_ERROR, MORE, BOUNDARY_ERROR = 0x91AD, 0x91AE, 0x91AF, 0x91BE
COMMAND_ABORTED, FILE_NOT_FOUND = 0x91CA, 0x91F0

_AID = bytes.fromhex("d2760000850101")
_NAMES = (_AID, bytes.fromhex("d2760000850100"))  # application and PICC level (8.2.2)
_SELECT, _READ_BINARY, _UPDATE_BINARY = 0xA4, 0xB0, 0xD6
_FIRST, _NON_FIRST, _CONTINUE = 0x71, 0x77, 0xAF
_GET_VERSION, _GET_CARD_UID, _GET_KEY_VERSION, _READ_SIGNATURE = 0x60, 0x51, 0x64, 0x3C
_CHANGE_KEY, _GET_FILE_SETTINGS, _CHANGE_FILE_SETTINGS, _GET_FILE_COUNTERS = 0xC4, 0xF5, 0x5F, 0xF6
_READ_DATA, _WRITE_DATA = 0xAD, 0x8D
_KEYS = 5
_WRONG_TRIES_BEFORE_DELAY = 50  # SeqFailCtr (9.1.5)


class _Refusal(Exception):  # noqa: N818 - not an error of this program: the chip says no
    """Ends a command with this status word; an authentication is lost with it."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


class _Pending(NamedTuple):
    """What the next command with INS AF goes on with."""

    ins: int
    key_number: int = 0
    challenge: bytes = b""
    frame: int = 0


class Ntag424Card:
    """One card. Fresh from the factory: zero keys, empty NDEF file, SDM off.

    Not simulated: LRP mode, random UID, SetConfiguration, the originality keys (Read_Sig gives what was handed in).
    """

    atr = contactless_atr(bytes.fromhex("8002"))
    latency_s = 0.0

    def __init__(self, uid: bytes, rng: random.Random, *, originality_signature: bytes = bytes(56)) -> None:
        """`uid`: 7 bytes; `rng`: where the chip's random numbers come from."""
        self.uid = uid
        self._random = rng.randbytes
        self._signature = originality_signature
        self.keys = [bytes(16)] * _KEYS
        self.key_versions = [0] * _KEYS
        self.files = factory_files()
        self._wrong_tries = 0
        self._server = ApduServer(self._handle)
        self.reset()

    def reset(self) -> None:
        """Power gone and back."""
        self._server.reset()
        self._forget(selected=False)

    def _forget(self, *, selected: bool) -> None:
        self._selected = selected
        self._file: StandardFile | None = None
        self._session: crypto.Session | None = None
        self._pending: _Pending | None = None
        for file in self.files.values():
            file.forget_reading()

    def apdu(self, command: bytes) -> bytes:
        """One command."""
        return self._server.answer(command)

    def _handle(self, command: CommandApdu) -> tuple[bytes, int]:
        try:
            if command.cla == 0x00:
                return self._iso(command)
            if command.cla != 0x90:  # noqa: PLR2004 - native commands wrapped (8.4)
                return b"", SW_CLA_NOT_SUPPORTED
            return self._native(command.ins, command.data)
        except _Refusal as refusal:
            self._session = self._pending = None
            return b"", refusal.sw

    # ISO/IEC 7816-4 commands (10.9)

    def _iso(self, command: CommandApdu) -> tuple[bytes, int]:
        self._pending = None
        if command.ins == _SELECT:
            return self._iso_select(command)
        if command.ins not in (_READ_BINARY, _UPDATE_BINARY):
            return b"", SW_INS_NOT_SUPPORTED
        if self._file is None or not self._selected:
            return b"", SW_NO_CURRENT_FILE
        if command.p1 & 0x80:
            return b"", SW_WRONG_P1_P2
        offset = command.p1 << 8 | command.p2
        if command.ins == _READ_BINARY:
            return self._iso_read(self._file, offset, command.le or 0)
        return self._iso_update(self._file, offset, command.data)

    def _iso_update(self, file: StandardFile, offset: int, data: bytes) -> tuple[bytes, int]:
        if FREE not in (file.write, file.read_write) or self._session:
            raise _Refusal(SW_SECURITY_STATUS)
        if not data or offset + len(data) > len(file.content):
            return b"", SW_WRONG_LENGTH
        file.content[offset : offset + len(data)] = data
        return b"", SW_OK

    def _iso_select(self, command: CommandApdu) -> tuple[bytes, int]:
        if command.p1 == 0x04:  # noqa: PLR2004 - by name
            if command.data not in _NAMES:
                return b"", SW_NOT_FOUND
            self._forget(selected=command.data == _AID)
            return b"", SW_OK
        found = [each for each in self.files.values() if each.identifier == int.from_bytes(command.data, "big")]
        if command.p1 not in (0x00, 0x02):
            return b"", SW_WRONG_P1_P2
        if not found or not self._selected:
            return b"", SW_NOT_FOUND
        self._file = found[0]
        self._file.forget_reading()
        return b"", SW_OK

    def _iso_read(self, file: StandardFile, offset: int, length: int) -> tuple[bytes, int]:
        if FREE not in (file.read, file.read_write):
            raise _Refusal(SW_SECURITY_STATUS)
        shown = bytes(file.content) if self._session else file.seen(self.uid, self.keys, self._random)
        if shown is None:
            raise _Refusal(SW_CONDITIONS_OF_USE)
        if offset >= len(shown):
            return b"", SW_WRONG_OFFSET
        return shown[offset : offset + length], SW_OK

    # native commands (10.4 to 10.8)

    def _native(self, ins: int, data: bytes) -> tuple[bytes, int]:
        pending, self._pending = self._pending, None
        if not self._selected:
            raise _Refusal(ILLEGAL_COMMAND)
        if ins == _CONTINUE:
            if pending is None:
                raise _Refusal(COMMAND_ABORTED)
            return self._version(pending.frame) if pending.ins == _GET_VERSION else self._authenticated(pending, data)
        if ins in (_FIRST, _NON_FIRST):
            return self._authenticate(ins, data)
        if ins == _GET_VERSION:
            return self._version(0)
        handlers = {
            _GET_CARD_UID: (self._get_card_uid, FULL, 0),
            _GET_KEY_VERSION: (self._get_key_version, MACED, 1),
            _READ_SIGNATURE: (self._read_signature, MACED, 1),
            _CHANGE_KEY: (self._change_key, FULL, 1),
            _GET_FILE_SETTINGS: (self._get_file_settings, MACED, 1),
            _CHANGE_FILE_SETTINGS: (self._change_file_settings, FULL, 1),
            _GET_FILE_COUNTERS: (self._get_file_counters, FULL, 1),
        }
        if ins in (_READ_DATA, _WRITE_DATA):
            return self._data_command(ins, data)
        if ins not in handlers:
            raise _Refusal(ILLEGAL_COMMAND)
        handler, mode, header_bytes = handlers[ins]
        header, body = self._unwrapped(ins, data, mode, header_bytes)
        return self._wrapped(handler(header, body), mode)

    def _authenticate(self, ins: int, data: bytes) -> tuple[bytes, int]:
        """AuthenticateEV2First and NonFirst, first part (10.4.1, 10.4.2)."""
        if ins == _NON_FIRST and self._session is None:
            raise _Refusal(PERMISSION_DENIED)
        if len(data) < 1 or (ins == _FIRST and (len(data) < 2 or len(data) != 2 + data[1])):  # noqa: PLR2004
            raise _Refusal(LENGTH_ERROR)
        if data[0] >= _KEYS:
            raise _Refusal(NO_SUCH_KEY)
        if self._wrong_tries >= _WRONG_TRIES_BEFORE_DELAY:
            self._wrong_tries -= 1
            raise _Refusal(AUTHENTICATION_DELAY)
        challenge = self._random(16)
        self._pending = _Pending(ins, data[0], challenge)
        return crypto.cipher(self.keys[data[0]], challenge), MORE

    def _authenticated(self, pending: _Pending, data: bytes) -> tuple[bytes, int]:
        """Second part."""
        if len(data) != 32:  # noqa: PLR2004 - RndA and RndB'
            raise _Refusal(LENGTH_ERROR)
        key = self.keys[pending.key_number]
        plain = crypto.cipher(key, data, decrypt=True)
        theirs, ours = plain[:16], plain[16:]
        if ours != crypto.rotated(pending.challenge):
            self._wrong_tries += 1
            raise _Refusal(AUTHENTICATION_ERROR)
        self._wrong_tries = 0
        first = pending.ins == _FIRST or self._session is None
        identifier = self._random(4) if first or self._session is None else self._session.identifier
        counter = 0 if first or self._session is None else self._session.counter
        self._session = crypto.Session.between(pending.key_number, key, identifier, theirs, pending.challenge)
        self._session.counter = counter
        answer = crypto.rotated(theirs)
        return crypto.cipher(key, identifier + answer + bytes(12) if first else answer), OK

    def _version(self, frame: int) -> tuple[bytes, int]:
        """GetVersion in three frames (10.5.2): hardware, software, production."""
        frames = (
            bytes.fromhex("04040230001105"),
            bytes.fromhex("04040201021105"),
            self.uid + bytes.fromhex("cf5d440450") + bytes.fromhex("0121"),
        )
        if frame == len(frames) - 1:
            return self._wrapped(frames[frame], PLAIN)
        self._pending = _Pending(_GET_VERSION, frame=frame + 1)
        return frames[frame], MORE

    def _unwrapped(self, ins: int, data: bytes, mode: int, header_bytes: int) -> tuple[bytes, bytes]:
        """Header and plain data of a command; without authentication only what needs none goes through, in plain."""
        session = self._session
        if session is None or mode == PLAIN:
            if mode == FULL and session is None:
                raise _Refusal(PERMISSION_DENIED if ins == _CHANGE_FILE_SETTINGS else AUTHENTICATION_ERROR)
            if len(data) < header_bytes:
                raise _Refusal(LENGTH_ERROR)
            return data[:header_bytes], data[header_bytes:]
        if len(data) < header_bytes + 8:
            raise _Refusal(LENGTH_ERROR)
        body, proof = data[:-8], data[-8:]
        if session.mac_of(ins, body, session.counter) != proof:
            raise _Refusal(INTEGRITY_ERROR)
        header, rest = body[:header_bytes], body[header_bytes:]
        if mode == MACED or not rest:
            return header, rest
        opened = session.opened(rest)
        if opened is None:
            raise _Refusal(INTEGRITY_ERROR)
        return header, opened

    def _wrapped(self, answer: bytes, mode: int) -> tuple[bytes, int]:
        session = self._session
        if session is None:
            return answer, OK
        if mode == FULL and answer:
            answer = session.sealed(answer)
        session.counter += 1
        return (answer if mode == PLAIN else answer + session.mac_of(0x00, answer, session.counter)), OK

    def _get_card_uid(self, _header: bytes, _body: bytes) -> bytes:
        return self.uid

    def _read_signature(self, _header: bytes, _body: bytes) -> bytes:
        return self._signature

    def _get_key_version(self, header: bytes, _body: bytes) -> bytes:
        if header[0] >= _KEYS:
            raise _Refusal(NO_SUCH_KEY)
        return bytes([self.key_versions[header[0]]])

    def _change_key(self, header: bytes, body: bytes) -> bytes:
        """10.6.1: only with key 0; another key's old value is proven by the checksum over the new one."""
        number, session = header[0], self._session
        if session is None or session.key_number != 0:
            raise _Refusal(AUTHENTICATION_ERROR)
        if number >= _KEYS:
            raise _Refusal(NO_SUCH_KEY)
        if len(body) != (17 if number == 0 else 21):
            raise _Refusal(LENGTH_ERROR)
        new = body[:16] if number == 0 else bytes(a ^ b for a, b in zip(body, self.keys[number], strict=False))
        if number and crypto.crc32(new) != body[17:]:
            raise _Refusal(INTEGRITY_ERROR)
        self.keys[number], self.key_versions[number] = new, body[16]
        if number == 0:
            self._session = None  # its own key is gone: the answer has no MAC
        return b""

    def _number(self, header: bytes) -> StandardFile:
        if header[0] not in self.files:
            raise _Refusal(FILE_NOT_FOUND)
        return self.files[header[0]]

    def _get_file_settings(self, header: bytes, _body: bytes) -> bytes:
        return self._number(header).settings()

    def _change_file_settings(self, header: bytes, body: bytes) -> bytes:
        file = self._number(header)
        if self._session is None or self._session.key_number != file.change:
            raise _Refusal(PERMISSION_DENIED)
        if not file.change_settings(body):
            raise _Refusal(PARAMETER_ERROR)
        return b""

    def _get_file_counters(self, header: bytes, _body: bytes) -> bytes:
        file = self._number(header)
        if file.mirroring is None or self._session is None:
            raise _Refusal(PERMISSION_DENIED)
        if file.mirroring.counter_access not in (FREE, self._session.key_number):
            raise _Refusal(PERMISSION_DENIED)
        return file.counter.to_bytes(3, "little") + bytes(2)

    def _data_command(self, ins: int, data: bytes) -> tuple[bytes, int]:
        """ReadData and WriteData (10.8): in the file's mode, or in plain where access is free."""
        if not data:
            raise _Refusal(LENGTH_ERROR)
        file = self._number(data)
        rights = (file.read_write, file.read if ins == _READ_DATA else file.write)
        held = self._session is not None and self._session.key_number in rights
        if not held and FREE not in rights:
            raise _Refusal(PERMISSION_DENIED if self._session else AUTHENTICATION_ERROR)
        mode = file.communication if held else PLAIN
        header, body = self._unwrapped(ins, data, mode, 7)
        offset, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:7], "little")
        if ins == _READ_DATA:
            shown = bytes(file.content) if self._session else file.seen(self.uid, self.keys, self._random)
            if shown is None:
                raise _Refusal(PERMISSION_DENIED)
            if offset >= len(shown) or offset + length > len(shown):
                raise _Refusal(BOUNDARY_ERROR)
            return self._wrapped(shown[offset : offset + length if length else None], mode)
        if length != len(body) or not length:
            raise _Refusal(LENGTH_ERROR)
        if offset + length > len(file.content):
            raise _Refusal(BOUNDARY_ERROR)
        file.content[offset : offset + length] = body
        return self._wrapped(b"", mode)
