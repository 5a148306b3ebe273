"""May a message have waited in the broker before it reached us? Answered from how messages come in. Thread-safe."""

import threading
from typing import Final

QUIET_S: Final = 2.0
"""A broker that had something to deliver would not have been quiet so long, in seconds."""


class BacklogWatch:
    """After a connection (or our own jam) every message may have waited, until one is fresh or there is a pause."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._caught_up = False
        self._last_s = 0.0

    def connected(self, now_s: float) -> None:
        """A session began or was resumed at `now_s` (monotonic seconds)."""
        with self._lock:
            self._caught_up = False
            self._last_s = now_s

    def jammed(self) -> None:
        """We stopped taking messages: the broker keeps them from now on."""
        with self._lock:
            self._caught_up = False

    def fresh(self) -> None:
        """A message came that was sent just now: those before it have come too."""
        with self._lock:
            self._caught_up = True

    def message(self, now_s: float) -> bool:
        """A message came at `now_s` (monotonic seconds): True if it may have waited."""
        with self._lock:
            if now_s - self._last_s >= QUIET_S:
                self._caught_up = True
            self._last_s = now_s
            return not self._caught_up
