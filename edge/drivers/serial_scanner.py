"""Barcode scanner on a serial line (RS-232, or USB in COM-port mode), read with pyserial."""

import errno
from pathlib import Path
from typing import Final

import serial

from edge.drivers.abort_handle import AbortHandle
from edge.drivers.driver import DeviceLostError, DeviceSession
from edge.drivers.line_assembler import Line, LineAssembler
from edge.drivers.scans import code_scanned, report_refused

WATCHDOG_S: Final = 5.0
"""A read returns at least every `_READ_TIMEOUT_S`."""

_READ_TIMEOUT_S = 0.1
_MENDS = {
    errno.ENOENT: "plug the scanner in",
    errno.EACCES: "add the agent's user to the group dialout",
    errno.EPERM: "add the agent's user to the group dialout",
    errno.EBUSY: "another program has it open; end that",
}


class SerialScannerDriver:
    """One scanner; each line is a code."""

    kind = "serial_scanner"

    def __init__(self, *, device_id: str, path: Path, baud_rate: int, terminator: str, idle_timeout_s: float) -> None:
        """`idle_timeout_s`: seconds of silence that give half a code up."""
        self.device_id = device_id
        self.watchdog_s = WATCHDOG_S
        self._path = path
        self._baud_rate = baud_rate
        self._terminator = terminator.encode("ascii")
        self._idle_timeout_ns = round(idle_timeout_s * 1_000_000_000)
        self._open = AbortHandle()

    def run(self, session: DeviceSession) -> None:
        """Read until the session stops.

        Raises:
            DeviceLostError: the line can't be opened or broke (unplugged).
        """
        port = self._open_port()
        with self._open.closing(port.close):
            session.up()
            lines = LineAssembler(self._terminator, self._idle_timeout_ns)
            try:
                while not session.stopping:
                    session.alive()
                    # Silence counts to here: an empty read after it shows that nothing waited, however late we are.
                    waiting_since_ns = session.stamp().monotonic_ns
                    if data := self._read(port):
                        self._take(session, lines, data)
                    elif (half := lines.idle(waiting_since_ns)) is not None:
                        report_refused(session, half)
            except (serial.SerialException, OSError) as error:
                if (half := lines.give_up()) is not None:
                    report_refused(session, half)
                raise DeviceLostError(f"{self._path} broke ({error}): plug the scanner in") from None

    def abort(self) -> None:
        """Close the line under a hung run."""
        self._open.abort()

    def _open_port(self) -> serial.Serial:
        try:
            return serial.Serial(
                str(self._path), self._baud_rate, timeout=_READ_TIMEOUT_S, write_timeout=_READ_TIMEOUT_S, exclusive=True
            )
        except (serial.SerialException, OSError) as error:
            mend = _MENDS.get(error.errno or 0, "check path and the scanner's cable")
            raise DeviceLostError(f"{self._path} cannot be opened ({error}): {mend}") from None

    @staticmethod
    def _read(port: serial.Serial) -> bytes:
        """What is there, as soon as there is something; empty after `_READ_TIMEOUT_S`."""
        try:
            first: bytes = port.read(1)
            return first + port.read(port.in_waiting) if first else b""
        except TypeError:
            # pyserial, closed by `abort` between two calls, trips over its own missing descriptor.
            raise serial.SerialException("closed while reading") from None

    def _take(self, session: DeviceSession, lines: LineAssembler, data: bytes) -> None:
        now = session.stamp()
        for done in lines.feed(data, now.monotonic_ns):
            if isinstance(done, Line):
                session.emit(code_scanned(self.device_id, done.data, now))
            else:
                report_refused(session, done)
