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
    """Counters in this process's memory: for a reader that is asked again by who remembers longer, and for tests."""

    def __init__(self, cards_max: int = 20_000) -> None:
        """None seen. Of more than `cards_max` cards, the one that was not seen for longest is forgotten."""
        self._highest: dict[bytes, int] = {}
        self._cards_max = cards_max
        self._lock = threading.Lock()

    def rises(self, uid: bytes, counter: int) -> bool:
        """As `TapCounters`."""
        with self._lock:
            highest = self._highest.pop(uid, -1)
            self._highest[uid] = max(highest, counter)
            if len(self._highest) > self._cards_max:
                del self._highest[next(iter(self._highest))]
            return counter > highest
