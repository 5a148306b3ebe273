"""Time as the simulated world knows it; injected everywhere, so that a test sets it."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the world needs of time."""

    def now(self) -> datetime:
        """UTC wall clock."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never jump; means something within one run only."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """UTC wall clock."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until someone moves it. Thread-safe."""

    def __init__(self, start: datetime = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)) -> None:
        """Stand at `start` (default: eight in the morning in Ho Chi Minh City)."""
        self._start = start
        self._elapsed_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The start plus what was advanced."""
        with self._lock:
            return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        """Seconds advanced so far."""
        with self._lock:
            return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move on.

        Raises:
            ValueError: `seconds` is negative; a monotonic clock does not go back.
        """
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds!r} s: expected zero or more, time does not go back")
        with self._lock:
            self._elapsed_s += seconds
