"""The counter of each card only ever rises: what stops yesterday's address from being used again."""

import threading
from typing import Protocol


class TapCounters(Protocol):
    """Remembers the highest counter seen of each card."""

    def rises(self, uid: bytes, counter: int) -> bool:
        """Whether `counter` is higher than any before it for this card; if so, it is remembered, durably and at once.

        Comparing and remembering are one step: of two taps with the same counter at the same time, one rises.
        Called only with a counter whose MAC was right.
        """
        ...


class RememberedCounters:
    """Counters in this process's memory: for tests, and for a reader that is asked again by who remembers longer."""

    def __init__(self) -> None:
        """None seen."""
        self._highest: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def rises(self, uid: bytes, counter: int) -> bool:
        """As `TapCounters`."""
        with self._lock:
            if counter <= self._highest.get(uid, -1):
                return False
            self._highest[uid] = counter
            return True
