"""What the simulated silicon has delivered so far: the truth that a test compares the database with."""

import threading
from collections import Counter


class Counts:
    """Named counters. Thread-safe."""

    def __init__(self, *names: str) -> None:
        """Start every name of `names` at zero, so that it is in the answer before the first delivery."""
        self._counter: Counter[str] = Counter(dict.fromkeys(names, 0))
        self._lock = threading.Lock()

    def add(self, name: str, number: int = 1) -> None:
        """Add `number` to the counter called `name`."""
        with self._lock:
            self._counter[name] += number

    def as_dict(self) -> dict[str, int]:
        """A copy, sorted by name."""
        with self._lock:
            return dict(sorted(self._counter.items()))
