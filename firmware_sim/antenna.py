"""A hand that lays cards and tags on one NFC reader, one after the other, and takes them away again."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_sim.clock import Clock
from firmware_sim.field import Field, Tag

UNTIL_READ_S = 5.0
"""A person holds a card until the reader beeps, but gives up after this long."""
_AFTER_READ_S = 0.3
"""Time to take it away after the beep."""
_POLL_S = 0.005
_CLOSING_POLL_S = 0.1
_BETWEEN_S = 0.25
"""Until the next one lies there: longer than a reader needs to see the field empty."""


@dataclass
class Presentation:
    """One time that something lies on the reader."""

    tag: Tag
    hold_s: float | None
    """None: until it is read."""
    was_read: Callable[[], bool]
    """Whether the reader has got what it wanted."""
    arrived: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    removed: threading.Event = field(default_factory=threading.Event)
    arrived_monotonic_s: float = 0.0
    answered_monotonic_s: float | None = None
    """When the reader first found it."""
    read: bool = False
    """Whether the reader got what it wanted before it was taken away."""


class Antenna:
    """The hand of one reader, in a thread of its own."""

    def __init__(self, name: str, rf_field: Field, clock: Clock) -> None:
        """Nothing lies there."""
        self._field = rf_field
        self._clock = clock
        self._queue: queue.SimpleQueue[Presentation | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self.last: Presentation | None = None
        """The latest one that was asked for."""
        self._thread = threading.Thread(target=self._run, name=f"antenna-{name}", daemon=True)
        self._thread.start()

    def present(self, presentation: Presentation, timeout_s: float = 30.0) -> bool:
        """Queue up; True as soon as it lies on the reader.

        False if the ones before it took longer than `timeout_s` seconds, or the hand was told to end.
        """
        self.last = presentation
        self._queue.put(presentation)
        waited_s = 0.0
        while not presentation.arrived.wait(_CLOSING_POLL_S):
            waited_s += _CLOSING_POLL_S
            if waited_s >= timeout_s or self._closing.is_set():
                return False
        return True

    @property
    def occupied(self) -> bool:
        """Whether something lies there."""
        return self._field.tag is not None

    def close(self) -> None:
        """Take away what lies there and end."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (presentation := self._queue.get()) is not None and not self._closing.is_set():
            self._play(presentation)
            self._closing.wait(_BETWEEN_S)

    def _play(self, presentation: Presentation) -> None:
        before = self._field.selections
        self._field.put(presentation.tag)
        presentation.arrived_monotonic_s = self._clock.monotonic_s()
        presentation.arrived.set()
        hold_s = UNTIL_READ_S if presentation.hold_s is None else presentation.hold_s
        waited_s = 0.0
        while waited_s < hold_s and not self._closing.is_set():
            if not presentation.answered.is_set():
                if self._field.wait_for_selection(_POLL_S, after=before):
                    presentation.answered_monotonic_s = self._clock.monotonic_s()
                    presentation.answered.set()
            else:
                self._closing.wait(_POLL_S)
            waited_s += _POLL_S
            presentation.read = presentation.was_read()
            if presentation.read and presentation.hold_s is None:
                self._closing.wait(_AFTER_READ_S)
                break
        presentation.read = presentation.was_read()
        self._field.take()
        presentation.removed.set()
