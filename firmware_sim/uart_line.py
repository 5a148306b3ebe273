"""A chip's end of a two-way serial line: a pseudo-terminal with a stable name, whose cable can be pulled."""

import os
import pty
import select
import threading
import tty
from pathlib import Path

_READ_BYTES = 4096


class UartLine:
    """The driver opens `path` like any serial device; no root is needed. One thread reads, any thread may do the rest.

    Unlike `pty_link.PtyLink` it is read from, and it outlives a driver that closes and opens again: a chip keeps its
    state then. The line has no flow control: what a driver doesn't fetch in time is lost when the kernel's buffer is
    full.
    """

    def __init__(self, path: Path) -> None:
        """The port is named `path`: a symbolic link that `plug` makes and `unplug` removes. Not plugged yet."""
        self.path = path
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._wake = os.eventfd(0)
        self._master: int | None = None
        self._slave: int | None = None

    @property
    def plugged(self) -> bool:
        """True while the cable is in."""
        with self._lock:
            return self._master is not None

    def plug(self) -> None:
        """Put the cable in: a new pseudo-terminal under the same name. Does nothing if it is in."""
        with self._lock:
            if self._master is not None:
                return
            # Our end of the slave stays open, so that the line doesn't break whenever a driver closes its end.
            self._master, self._slave = pty.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            fresh = self.path.with_name(self.path.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(os.ttyname(self._slave))
            fresh.replace(self.path)

    def unplug(self) -> None:
        """Pull the cable: the name disappears, and whoever has the port open gets errors from now on."""
        os.eventfd_write(self._wake, 1)
        with self._reading, self._lock:
            os.eventfd_read(self._wake)
            if self._master is None or self._slave is None:
                return
            self.path.unlink(missing_ok=True)
            os.close(self._slave)
            os.close(self._master)
            self._master = self._slave = None

    def close(self) -> None:
        """Unplug for good."""
        self.unplug()
        os.close(self._wake)

    def read(self, timeout_s: float) -> bytes:
        """What the driver sent; b"" after `timeout_s` seconds of silence or when the cable is out."""
        with self._reading:
            if self._master is None:
                return b""
            readable, _, _ = select.select([self._master, self._wake], [], [], timeout_s)
            return os.read(self._master, _READ_BYTES) if self._master in readable else b""

    def interrupted(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` seconds; True as soon as the driver sends something or the cable is pulled."""
        with self._reading:
            if self._master is None:
                return True
            return bool(select.select([self._master, self._wake], [], [], timeout_s)[0])

    def write(self, data: bytes) -> bool:
        """Send to the driver; False when bytes were lost (cable out, or the driver's buffer is full)."""
        with self._lock:
            if self._master is None:
                return False
            try:
                return os.write(self._master, data) == len(data)
            except BlockingIOError:
                return False
