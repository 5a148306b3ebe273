"""A barcode scanner in keyboard mode: what it reads is typed as key events on a simulated /dev/input/eventN.

The driver's process is started with the input shim preloaded (see `firmware_sim.shims`), which opens this socket in
place of the device node. Source: linux/input.h (struct input_event, 64-bit), Documentation/input/event-codes.rst.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_sim.clock import Clock, SystemClock
from firmware_sim.counts import Counts
from firmware_sim.us_keyboard import KEY_ENTER, KEY_F8, KEY_LEFTCTRL, KEY_RIGHTBRACE, KeyStroke, strokes_of

_EVENT = struct.Struct("qqHHi")
_EV_SYN, _EV_KEY = 0, 1
_PRESSED, _RELEASED = 1, 0


class GroupSeparatorKey(Enum):
    """What the scanner is set up to type where the symbol has FNC1: a keyboard has no key for it."""

    F8 = KeyStroke(KEY_F8)
    CTRL_RIGHT_BRACKET = KeyStroke(KEY_RIGHTBRACE, KEY_LEFTCTRL)
    """Control and ], the terminal's way to say 0x1D."""
    CARET = strokes_of("^", KeyStroke(KEY_F8))[0]
    """A substitute character that GS1 data cannot contain (not in CSET 82)."""


class HidScanner:
    """One scanner behind `input_directory`/eventN. One driver at a time, as with a grabbed device."""

    def __init__(
        self,
        input_directory: Path,
        *,
        event_number: int = 0,
        group_separator: GroupSeparatorKey = GroupSeparatorKey.CARET,
        key_interval_s: float = 0.002,
        clock: Clock | None = None,
        counts: Counts | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Plug in. `key_interval_s` is the time from one key to the next."""
        self.path = input_directory / f"event{event_number}"
        self._group_separator = group_separator
        self._key_interval_s = key_interval_s
        self._clock = clock if clock is not None else SystemClock()
        self._counts = counts if counts is not None else Counts()
        self._sleep = sleep
        self._listener: socket.socket | None = None
        self._driver: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self._lock = threading.Lock()
        self.plug()

    @property
    def listening(self) -> bool:
        """Whether a driver has the device open."""
        with self._lock:
            return self._driver is not None and not _hung_up(self._driver)

    def scan(self, text: str) -> bool:
        """Type one code and Enter; False if nobody has the device open."""
        strokes = strokes_of(text, self._group_separator.value)
        heard = self._type([*strokes, KeyStroke(KEY_ENTER)])
        self._counts.add("scans" if heard else "scans_unheard")
        return heard

    def half_scan(self, text: str) -> bool:
        """Type the first half of a code and stop; False if nobody has the device open."""
        heard = self._type(strokes_of(text[: max(1, len(text) // 2)], self._group_separator.value))
        self._counts.add("half_scans")
        return heard

    def plug(self) -> None:
        """Plug in. Nothing happens if it is in already."""
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(self.path))
        listener.listen(1)
        self._listener = listener
        self._accepting = threading.Thread(target=self._accept, args=(listener,), name="hid-scanner", daemon=True)
        self._accepting.start()

    def unplug(self) -> None:
        """Pull the plug: the node goes away, an open driver reads ENODEV. Nothing happens if it is out already."""
        if self._listener is None:
            return
        self.path.unlink(missing_ok=True)
        # Shutting a listening socket down wakes the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._accepting is not None:
            self._accepting.join()
        self._listener.close()
        self._listener = None
        with self._lock:
            if self._driver is not None:
                self._driver.close()
                self._driver = None

    def close(self) -> None:
        """The same as `unplug`."""
        self.unplug()

    def __enter__(self) -> Self:
        """Return itself; `close` on leaving."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                driver, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                if self._driver is not None:
                    self._driver.close()
                self._driver = driver

    def _type(self, strokes: list[KeyStroke]) -> bool:
        for place, stroke in enumerate(strokes):
            if place:
                self._sleep(self._key_interval_s)
            if stroke.modifier is not None and not self._key(stroke.modifier, _PRESSED):
                return False
            if not (self._key(stroke.code, _PRESSED) and self._key(stroke.code, _RELEASED)):
                return False
            if stroke.modifier is not None and not self._key(stroke.modifier, _RELEASED):
                return False
        return True

    def _key(self, code: int, value: int) -> bool:
        """One report: the key and its SYN, each in a packet of its own."""
        with self._lock:
            if self._driver is None or _hung_up(self._driver):
                return False
            seconds, fraction = divmod(self._clock.now().timestamp(), 1)
            stamp = (int(seconds), int(fraction * 1_000_000))
            try:
                self._driver.send(_EVENT.pack(*stamp, _EV_KEY, code, value))
                self._driver.send(_EVENT.pack(*stamp, _EV_SYN, 0, 0))
            except OSError:
                return False
        return True


def _hung_up(connection: socket.socket) -> bool:
    """Whether the other end is closed: it never sends, so that anything readable is its end."""
    try:
        connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
