"""Delay after failed sign-ins, for each account and address together: guessing gets slow, nobody is locked out.

A lock would let anyone shut a ward out by typing wrong passwords; here another address is not delayed at all.
Kept in memory: a restart forgives, which an attacker cannot cause.
"""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_FREE_FAILURES: Final = 2
"""Everybody mistypes twice."""
_FIRST_DELAY_S: Final = 1.0
_DELAY_MAX_S: Final = 30.0
FORGET_AFTER: Final = timedelta(minutes=15)
_KEPT_MAX: Final = 10_000
"""Pairs remembered; the longest untouched is forgotten first, so that an attack can't fill the memory."""


@dataclass
class _Failures:
    count: int
    last_at: datetime
    next_at: datetime


class SignInDelay:
    """Counts failures; thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, username: str, address: str, now: datetime) -> int:
        """Whole seconds to wait before the next try of this account from this address; 0: try now.

        The try that is let through pushes the next one back at once, so that parallel tries gain nothing.
        """
        with self._lock:
            failures = self._kept.get((username, address))
            if failures is None or now - failures.last_at > FORGET_AFTER:
                return 0
            if now < failures.next_at:
                return math.ceil((failures.next_at - now).total_seconds())
            failures.next_at = now + self._delay(failures.count + 1)
            return 0

    def failed(self, username: str, address: str, now: datetime) -> None:
        """A wrong name or password."""
        with self._lock:
            failures = self._kept.pop((username, address), None)
            count = 1 if failures is None or now - failures.last_at > FORGET_AFTER else failures.count + 1
            self._kept[(username, address)] = _Failures(count, now, now + self._delay(count))
            while len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)

    def succeeded(self, username: str, address: str) -> None:
        """The right password: all is forgiven."""
        with self._lock:
            self._kept.pop((username, address), None)

    @staticmethod
    def _delay(failures: int) -> timedelta:
        if failures <= _FREE_FAILURES:
            return timedelta(0)
        return timedelta(seconds=min(_DELAY_MAX_S, _FIRST_DELAY_S * 2 ** min(failures - _FREE_FAILURES - 1, 10)))
