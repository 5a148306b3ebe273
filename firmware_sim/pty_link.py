"""Pseudo-terminals in place of serial lines: one with a stable name, and a pair joined by a byte pump."""

import contextlib
import os
import pty
import select
import threading
import tty
from pathlib import Path


class PtyLink:
    """The simulator's end of one serial line; the driver opens `path`, a symbolic link that keeps its name.

    The simulator does not hold the driver's end open: `listening` therefore tells the truth about who is there, and
    after `unplug` an open driver gets an I/O error, as from a pulled USB plug.
    """

    def __init__(self, path: Path) -> None:
        """Plug the line in at `path` (made or replaced)."""
        self.path = path
        self._master: int | None = None
        self._lock = threading.Lock()
        self.plug()

    @property
    def plugged(self) -> bool:
        """Whether the device is there."""
        return self._master is not None

    @property
    def listening(self) -> bool:
        """Whether someone has the driver's end open."""
        with self._lock:
            if self._master is None:
                return False
            poller = select.poll()
            poller.register(self._master, select.POLLIN)
            # pty(7): the master sees a hang-up for as long as no one has the other end open.
            return not any(event & select.POLLHUP for _, event in poller.poll(0))

    def write(self, data: bytes) -> bool:
        """Send bytes to the driver; False if the line is unplugged, nobody listens, or bytes were lost.

        There is no flow control, as on a three-wire line: what a hung driver does not fetch is lost when the kernel's
        buffer is full.
        """
        if not self.listening:
            return False
        with self._lock:
            return self._master is not None and _write(self._master, data)

    def unplug(self) -> None:
        """Pull the plug: the link goes away, an open driver gets an error. Nothing happens if it is out already."""
        with self._lock:
            if self._master is None:
                return
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
            os.close(self._master)
            self._master = None

    def plug(self) -> None:
        """Plug in again, as a new terminal behind the same link. Nothing happens if it is in already."""
        with self._lock:
            if self._master is not None:
                return
            master, slave = pty.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            _replace_link(self.path, os.ttyname(slave))
            os.close(slave)
            self._master = master

    def close(self) -> None:
        """The same as `unplug`."""
        self.unplug()


class PtyPair:
    """Two serial lines, null-modem style: bytes written to one come out of the other.

    For a simulated device that opens a serial port itself (`device_path`), while the driver opens `path`.
    """

    def __init__(self, path: Path) -> None:
        """Make both ends and start the pump."""
        self.path = path
        device_master, self._device_slave = pty.openpty()
        driver_master, self._driver_slave = pty.openpty()
        for slave in (self._device_slave, self._driver_slave):
            tty.setraw(slave)
        self._masters = (device_master, driver_master)
        for master in self._masters:
            os.set_blocking(master, False)
        self.device_path = os.ttyname(self._device_slave)
        _replace_link(path, os.ttyname(self._driver_slave))
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._pump, name=f"pty-pair-{path.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the pump, take away both ends and the link."""
        os.write(self._wake_write, b"x")
        self._thread.join()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        for descriptor in (*self._masters, self._device_slave, self._driver_slave, self._wake_read, self._wake_write):
            os.close(descriptor)

    def _pump(self) -> None:
        device, driver = self._masters
        other = {device: driver, driver: device}
        while True:
            readable, _, _ = select.select([device, driver, self._wake_read], [], [])
            if self._wake_read in readable:
                return
            for descriptor in readable:
                _write(other[descriptor], os.read(descriptor, 4096))


def _write(descriptor: int, data: bytes) -> bool:
    """Write to a non-blocking master; False if not all of it fitted."""
    try:
        return os.write(descriptor, data) == len(data)
    except BlockingIOError:
        return False


def _replace_link(path: Path, target: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    path.symlink_to(target)
