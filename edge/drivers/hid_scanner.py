"""Barcode scanner that types like a keyboard, read from its Linux input device with evdev.

The device is grabbed: its keys reach this driver and no text field of the machine.
"""

import errno
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import evdev
from evdev import ecodes

from edge.drivers.abort_handle import AbortHandle
from edge.drivers.driver import DeviceLostError, DeviceMisconfiguredError, DeviceSession
from edge.drivers.line_assembler import Line, Refused
from edge.drivers.scans import code_scanned, report_refused
from edge.drivers.us_keyboard import UsKeyboard

WATCHDOG_S: Final = 5.0
"""A wait for events returns at least every `_WAIT_S`."""
IDLE_TIMEOUT_NS: Final = 1_000_000_000
"""Half a code after which nothing was typed for so long is given up; scanners pause at most 100 ms between keys."""

_WAIT_S = 0.1
_MENDS = {
    errno.ENOENT: "plug the scanner in",
    errno.EACCES: "add the agent's user to the group input",
    errno.EPERM: "add the agent's user to the group input",
    errno.EBUSY: "another program has grabbed it; end that",
}


class HidScannerDriver:
    """One scanner; Enter ends a code."""

    kind = "hid_scanner"

    def __init__(self, *, device_id: str, path: Path) -> None:
        """`path`: the input device, best by its name in /dev/input/by-id."""
        self.device_id = device_id
        self.watchdog_s = WATCHDOG_S
        self._path = path
        self._open = AbortHandle()

    def run(self, session: DeviceSession) -> None:
        """Read until the session stops.

        Raises:
            DeviceLostError: the device can't be opened or grabbed, or was unplugged.
            DeviceMisconfiguredError: it has no keys.
        """
        with self._grabbed() as device:
            session.up(str(device.name))
            keyboard = UsKeyboard()
            last_ns = session.stamp().monotonic_ns
            while not session.stopping:
                session.alive()
                waiting_since_ns = session.stamp().monotonic_ns
                if self._take(session, device, keyboard):
                    last_ns = session.stamp().monotonic_ns
                elif waiting_since_ns - last_ns >= IDLE_TIMEOUT_NS and (half := keyboard.give_up()) is not None:
                    report_refused(session, half)

    def abort(self) -> None:
        """Close the device under a hung run."""
        self._open.abort()

    @contextmanager
    def _grabbed(self) -> Iterator[Any]:
        """The device, open and grabbed; evdev ships no types."""
        try:
            device = evdev.InputDevice(str(self._path))
        except OSError as error:
            raise self._lost("cannot be opened", error) from None
        with self._open.closing(device.close):
            if ecodes.KEY_ENTER not in device.capabilities().get(ecodes.EV_KEY, ()):
                raise DeviceMisconfiguredError(
                    f"{self._path} ({device.name}) has no Enter key: set path to the scanner's keyboard, one of "
                    "/dev/input/by-id/*-event-kbd"
                )
            try:
                device.grab()
            except OSError as error:
                raise self._lost("cannot be grabbed", error) from None
            yield device

    def _take(self, session: DeviceSession, device: Any, keyboard: UsKeyboard) -> bool:  # noqa: ANN401 - evdev ships no types
        """Take in what was typed, waiting a little for it; return whether there was anything."""
        try:
            readable, _, _ = select.select([device.fd], [], [], _WAIT_S)
            events = list(device.read()) if readable else []
        except (OSError, ValueError) as error:
            # ValueError: `abort` closed it, and select() got the descriptor -1.
            if (half := keyboard.give_up()) is not None:
                report_refused(session, half)
            raise self._lost("broke", error) from None
        for event in events:
            if event.type == ecodes.EV_KEY:
                self._key(session, keyboard, event.code, event.value)
            elif event.type == ecodes.EV_SYN and event.code == ecodes.SYN_DROPPED:
                keyboard.lost()
        return bool(events)

    def _key(self, session: DeviceSession, keyboard: UsKeyboard, code: int, value: int) -> None:
        done = keyboard.key(code, value)
        if isinstance(done, Line):
            session.emit(code_scanned(self.device_id, done.data, session.stamp()))
        elif isinstance(done, Refused):
            report_refused(session, done)
        elif done is not None:
            session.fault(done.code, done.detail, done.data)

    def _lost(self, what: str, error: Exception) -> DeviceLostError:
        number = error.errno if isinstance(error, OSError) else None
        mend = _MENDS.get(number or 0, "plug the scanner in")
        return DeviceLostError(f"{self._path} {what} ({error}): {mend}")
