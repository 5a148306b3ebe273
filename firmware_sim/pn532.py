"""A PN532 NFC controller on a serial line (NXP UM0701-02 rev. 02, PN532/C1 data sheet rev. 3.6), as initiator, type A.

Not simulated: FeliCa, ISO/IEC 14443 B, Jewel, peer-to-peer, card emulation, the chip's own ISO-DEP (InDataExchange).
Each of them finds no target, or is answered with the syntax error frame as an unknown command is.
"""

import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from firmware_sim.field import Field, RfAnswer, Tag
from firmware_sim.pn532_frame import ACK_BYTES, ERROR_BYTES, TO_HOST, FrameReader, encode
from firmware_sim.uart_line import UartLine

if TYPE_CHECKING:
    from collections.abc import Callable

_DIAGNOSE, _GET_FIRMWARE_VERSION, _GET_GENERAL_STATUS = 0x00, 0x02, 0x04
_READ_REGISTER, _WRITE_REGISTER = 0x06, 0x08
_SET_SERIAL_BAUD_RATE, _SET_PARAMETERS, _SAM_CONFIGURATION, _POWER_DOWN = 0x10, 0x12, 0x14, 0x16
_RF_CONFIGURATION, _IN_COMMUNICATE_THRU, _IN_LIST_PASSIVE_TARGET = 0x32, 0x42, 0x4A
_IN_DESELECT, _IN_RELEASE, _IN_SELECT = 0x44, 0x52, 0x54

_STATUS_OK, _STATUS_TIMEOUT, _STATUS_CRC = b"\x00", b"\x01", b"\x02"  # section 7.1 table 16
_FIRMWARE_VERSION = bytes.fromhex("32010607")  # section 7.2.2: PN532, version 1.6, type A, type B, ISO 18092

# Data sheet section 8.6.23: registers of the contactless interface unit.
_CIU_TX_MODE, _CIU_RX_MODE, _CIU_FIFO_DATA = 0x6302, 0x6303, 0x6339
_CRC_ENABLED = 0x80
_SENS_REQ = 0x26
_CASCADE_TAG = 0x88

_PARTIAL_FRAME_MAX_S = 0.25
"""Half a frame older than this was cut off on the line; a host writes a frame at once."""
_IDLE_POLL_S = 0.5


class Pn532:
    """One chip. The driver opens `path`; what it finds lies in `field`. Runs in a thread of its own until `close`."""

    def __init__(self, field: Field, path: Path) -> None:
        """Plug the chip in as the serial device `path` (a symbolic link to a pseudo-terminal)."""
        self.field = field
        self._line = UartLine(path)
        self._line.plug()
        self._closing = threading.Event()
        self._hung = threading.Event()
        self._corrupt = 0
        self.commands = 0
        """Commands understood so far."""
        self._commands: dict[int, Callable[[bytes], bytes | None]] = {
            _DIAGNOSE: self._diagnose,
            _GET_FIRMWARE_VERSION: lambda _: _FIRMWARE_VERSION,
            _GET_GENERAL_STATUS: self._general_status,
            _READ_REGISTER: self._read_register,
            _WRITE_REGISTER: self._write_register,
            _RF_CONFIGURATION: self._configure_rf,
            _IN_LIST_PASSIVE_TARGET: self._list_passive_target,
            _IN_COMMUNICATE_THRU: self._communicate_thru,
        }
        self._commands |= dict.fromkeys((_SET_SERIAL_BAUD_RATE, _SET_PARAMETERS, _SAM_CONFIGURATION), lambda _: b"")
        self._commands |= dict.fromkeys((_POWER_DOWN, _IN_DESELECT, _IN_RELEASE, _IN_SELECT), lambda _: _STATUS_OK)
        self._power_up()
        self._thread = threading.Thread(target=self._run, name=f"pn532-{path.name}", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        """What a driver opens."""
        return self._line.path

    def __enter__(self) -> Self:
        """Running already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Unplug for good and end the thread. May be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._line.unplug()
        self._thread.join()
        self._line.close()

    def unplug(self) -> None:
        """Pull the USB cable: `path` disappears, an open driver gets I/O errors, the tag in the field loses power."""
        self._line.unplug()
        self.field.switch_off()

    def plug(self) -> None:
        """Put the cable back: a freshly powered chip under the same `path`. A hang is over."""
        self._hung.clear()
        self._power_up()
        self._line.plug()

    def hang(self) -> None:
        """The firmware hangs: bytes are taken, nothing is answered, until `recover` or `plug`."""
        self._hung.set()

    def recover(self) -> None:
        """The firmware goes on with the next command."""
        self._hung.clear()

    def corrupt_answers(self, count: int) -> None:
        """The next `count` answers reach the host with one bit turned."""
        self._corrupt = count

    def emit_noise(self, data: bytes) -> None:
        """Send bytes that no command asked for, as a bad ground or a wrong baud rate does."""
        self._line.write(data)

    def _power_up(self) -> None:
        self._registers: dict[int, int] = {}
        self._listed: tuple[Tag, int] | None = None
        self._rf_timeout_s = 0.0512  # section 7.3.1 item 2: reset value 0x0A

    def _run(self) -> None:
        reader = FrameReader()
        while not self._closing.is_set():
            received = self._line.read(_PARTIAL_FRAME_MAX_S if reader.is_partial else _IDLE_POLL_S)
            if not received:
                reader.drop_partial()
                if not self._line.plugged:
                    self._closing.wait(0.01)
                continue
            frames = reader.feed(received)
            if self._hung.is_set():
                continue
            for frame in frames:
                if not frame.is_ack:  # an ACK aborts a running command, and none is running here
                    self._line.write(ACK_BYTES)
                    self._reply(frame.data[1], frame.data[2:])

    def _reply(self, code: int, parameters: bytes) -> None:
        self.commands += 1
        try:
            answer = self._commands[code](parameters) if code in self._commands else ERROR_BYTES
        except IndexError:  # parameters missing
            answer = ERROR_BYTES
        if answer is None:  # aborted
            return
        frame = answer if answer is ERROR_BYTES else encode(bytes([TO_HOST, code + 1]) + answer)
        if self._corrupt > 0:
            self._corrupt -= 1
            frame = frame[:6] + bytes([frame[6] ^ 0x10]) + frame[7:]
        self._line.write(frame)
        if code == _POWER_DOWN:
            self.field.switch_off()

    def _diagnose(self, p: bytes) -> bytes:
        """Section 7.2.1: test 00 echoes the line, 01 and 02 test ROM and RAM."""
        return p if p[0] == 0 else _STATUS_OK

    def _general_status(self, _: bytes) -> bytes:
        """Section 7.2.3: last error, external field, number of targets, each target, SAM."""
        return bytes([0, 0, 1, 1, 0, 0, 0, 0]) if self._listed else bytes(4)

    def _read_register(self, p: bytes) -> bytes:
        return bytes(self._register(p[i] << 8 | p[i + 1]) for i in range(0, len(p), 2))

    def _write_register(self, p: bytes) -> bytes:
        for i in range(0, len(p), 3):
            self._registers[p[i] << 8 | p[i + 1]] = p[i + 2]
        return b""

    def _register(self, address: int) -> int:
        return self._registers.get(address, 0)

    def _configure_rf(self, p: bytes) -> bytes:
        """Section 7.3.1: item 1 switches the field, item 2 sets how long to wait for a tag."""
        if p[0] == 1 and not p[1] & 1:
            self.field.switch_off()
            self._listed = None
        if p[0] == 2:  # noqa: PLR2004 - third byte n: 100 microseconds times 2 to the n-1; 0 is for ever
            self._rf_timeout_s = 1e-4 * 2 ** (p[3] - 1) if p[3] else 60.0
        return b""

    def _list_passive_target(self, p: bytes) -> bytes:
        """Section 7.3.5: InListPassiveTarget. MaxTg, BrTy (0: 106 kbit/s type A), optionally the UID to look for."""
        uid = _without_cascade_tags(p[2:])
        tag = self.field.select(uid) if p[1] == 0 else None
        if tag is None:
            self._listed = None
            self._registers[_CIU_FIFO_DATA] = _SENS_REQ  # what was sent last is still in the FIFO: nobody answered
            return b"\x00"
        self._listed = (tag, self.field.presence)
        self._registers[_CIU_TX_MODE] = self._registers[_CIU_RX_MODE] = _CRC_ENABLED
        return b"\x01\x01" + tag.atqa.to_bytes(2, "big") + bytes([tag.sak, len(tag.uid)]) + tag.uid

    def _communicate_thru(self, p: bytes) -> bytes | None:
        """Section 7.3.9: InCommunicateThru, raw frames with the CRC as the CIU registers say."""
        if not self._register(_CIU_TX_MODE) & _CRC_ENABLED:
            if len(p) <= 2 or crc_a(p[:-2]) != p[-2:]:  # noqa: PLR2004 - a tag ignores a frame with a wrong CRC
                return self._silence()
            p = p[:-2]
        answer = self.field.exchange(p)
        if answer is None or answer.after_s > self._rf_timeout_s:
            return self._silence()
        if answer.after_s and self._line.interrupted(answer.after_s):
            return None
        if self._listed is None or self._listed[1] != self.field.presence:
            return _STATUS_TIMEOUT
        return self._received(answer)

    def _received(self, answer: RfAnswer) -> bytes:
        checks_crc = self._register(_CIU_RX_MODE) & _CRC_ENABLED
        if answer.is_nibble:
            return _STATUS_CRC if checks_crc else _STATUS_OK + answer.data
        return _STATUS_OK + answer.data + (b"" if checks_crc else crc_a(answer.data))

    def _silence(self) -> bytes | None:
        """The tag says nothing: the chip waits its time, unless the host gives up earlier."""
        return None if self._line.interrupted(self._rf_timeout_s) else _STATUS_TIMEOUT


def _without_cascade_tags(initiator_data: bytes) -> bytes:
    """The UID out of InitiatorData: a cascade tag stands before each group of three but the last (section 7.3.5)."""
    uid = b""
    rest = initiator_data
    while len(rest) > 4 and rest[0] == _CASCADE_TAG:  # noqa: PLR2004 - the last group has four bytes
        uid, rest = uid + rest[1:4], rest[4:]
    return uid + rest


def crc_a(data: bytes) -> bytes:
    """CRC_A, least significant byte first (ISO/IEC 14443-3 annex B)."""
    register = 0x6363
    for byte in data:
        b = byte ^ (register & 0xFF)
        b ^= b << 4 & 0xFF
        register = register >> 8 ^ b << 8 ^ b << 3 ^ b >> 4
        register &= 0xFFFF
    return register.to_bytes(2, "little")
