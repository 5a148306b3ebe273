"""The turn to write: of the lanes of one ingest one at a time writes rows.

So no two transactions of ours wait for each other in a circle. What is locked before the turn (nodes, marks, devices,
boots) is the lane's own, for a sender is in one lane; what anyone may want (stock, alarms) is locked by who has the
turn; and after it nothing is locked but the order of live events, which is everyone's last lock.
"""

import threading
from collections.abc import Callable
from typing import Protocol


class Turn(Protocol):
    """What a transaction asks and says on its way. Each may be called twice."""

    def write(self) -> None:
        """Wait until rows may be written."""
        ...

    def written(self) -> None:
        """Rows are written and judged: nothing is left to do but marks, live events and COMMIT."""
        ...


class Alone:
    """The turn of a transaction that has nobody beside it."""

    def write(self) -> None:
        """See Turn."""

    def written(self) -> None:
        """See Turn."""


class WritingTurn:
    """One lane's, of those that share a lock. Not thread-safe: each lane has one thread."""

    def __init__(self, lock: threading.Lock, over: Callable[[], None]) -> None:
        """`over` is called when nothing is left to write."""
        self._lock = lock
        self._over = over
        self._mine = False

    def write(self) -> None:
        """See Turn."""
        if not self._mine:
            self._lock.acquire()
            self._mine = True

    def written(self) -> None:
        """See Turn."""
        if self._mine:
            self._mine = False
            self._lock.release()
        self._over()
