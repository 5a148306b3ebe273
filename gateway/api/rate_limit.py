"""A limit on how often a public page is asked for: by each address, and by all together.

Kept in memory, bounded: the address that was silent for longest is forgotten first.
"""

import threading
from collections import OrderedDict
from datetime import datetime
from typing import Final

_KEPT_MAX: Final = 10_000


class RateLimit:
    """Token buckets; thread-safe."""

    def __init__(self, *, each_per_s: float, each_at_once: int, all_per_s: float, all_at_once: int) -> None:
        """`..._per_s`: how often in the long run; `..._at_once`: how many after a silence."""
        self._each = (each_per_s, float(each_at_once))
        self._all = (all_per_s, float(all_at_once))
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._together: tuple[float, float] | None = None
        self._lock = threading.Lock()

    def allows(self, address: str, now: datetime) -> bool:
        """Whether this request may be answered; if so, it is counted."""
        at_s = now.timestamp()
        with self._lock:
            own = _filled(self._kept.pop(address, None), self._each, at_s)
            together = _filled(self._together, self._all, at_s)
            allowed = own >= 1.0 and together >= 1.0
            self._kept[address] = (own - allowed, at_s)
            self._together = (together - allowed, at_s)
            if len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)
            return allowed


def _filled(before: tuple[float, float] | None, limit: tuple[float, float], at_s: float) -> float:
    per_s, at_once = limit
    if before is None:
        return at_once
    left, then_s = before
    return min(at_once, left + max(0.0, at_s - then_s) * per_s)
