"""A barcode scanner on a serial line (or a USB scanner in virtual-COM mode): what it reads goes out as one line."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_sim.counts import Counts
from firmware_sim.pty_link import PtyLink

_BITS_PER_CHARACTER = 10
"""8N1: one start bit, eight data bits, one stop bit."""
_CHUNK_BYTES = 8
"""Written at once before pausing: half a 16-byte UART FIFO (16550 data sheet), as drivers see lines arrive."""


class SerialScanner:
    """One scanner. Thread-safe as far as scans from several threads do not interleave their own characters."""

    def __init__(
        self,
        path: Path,
        *,
        baud_rate: int = 9600,
        terminator: str = "\r",
        counts: Counts | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Plug in at `path`.

        `baud_rate` paces the characters (a pty alone would deliver them at once); `terminator` is what the scanner
        adds after each code, CR as factory setting of most; `sleep` takes seconds.
        """
        self._line = PtyLink(path)
        self._pause_s = _CHUNK_BYTES * _BITS_PER_CHARACTER / baud_rate
        self._terminator = terminator
        self._counts = counts if counts is not None else Counts()
        self._sleep = sleep

    @property
    def path(self) -> Path:
        """What the driver opens."""
        return self._line.path

    @property
    def listening(self) -> bool:
        """Whether a driver has the line open. A scan while nobody listens is lost, as with real hardware."""
        return self._line.listening

    def scan(self, text: str) -> bool:
        """Read one code (UTF-8) and send it with its terminator; False if nobody heard it."""
        heard = self._send((text + self._terminator).encode())
        self._counts.add("scans" if heard else "scans_unheard")
        return heard

    def scan_bytes(self, raw: bytes) -> bool:
        """Send bytes that need not be text, with the terminator; False if nobody heard it."""
        heard = self._send(raw + self._terminator.encode())
        self._counts.add("scans" if heard else "scans_unheard")
        return heard

    def half_scan(self, text: str) -> bool:
        """Send the first half of a code and stop, as when the radio link or the power of a scanner fails."""
        heard = self._send(text[: max(1, len(text) // 2)].encode())
        self._counts.add("half_scans")
        return heard

    def unplug(self) -> None:
        """Pull the USB plug."""
        self._line.unplug()

    def plug(self) -> None:
        """Put the USB plug back."""
        self._line.plug()

    def close(self) -> None:
        """End the scanner; its link is removed."""
        self._line.close()

    def __enter__(self) -> Self:
        """Return itself; `close` on leaving."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _send(self, data: bytes) -> bool:
        for start in range(0, len(data), _CHUNK_BYTES):
            if start:
                self._sleep(self._pause_s)
            if not self._line.write(data[start : start + _CHUNK_BYTES]):
                return False
        return True
