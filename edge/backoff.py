"""How long to wait before a failed device is tried again: doubling, bounded, with jitter from a seed."""

import random

_JITTER = 0.25
"""Part of a delay that is left to chance, so that devices which failed together do not return in step."""


class Backoff:
    """Delays in seconds: from `min_s`, doubling, never above `max_s`; each shortened by up to a quarter."""

    def __init__(self, min_s: float, max_s: float, chance: random.Random) -> None:
        """`chance` gives the jitter: seeded, the delays are the same in every run."""
        self._min_s = min_s
        self._max_s = max_s
        self._chance = chance
        self._next_s = min_s

    def next_delay_s(self) -> float:
        """The delay before the next try; the one after that is twice as long."""
        delay_s = self._next_s
        self._next_s = min(delay_s * 2, self._max_s)
        return delay_s * (1 - _JITTER * self._chance.random())

    def reset(self) -> None:
        """The device was well for a while: begin at the shortest delay again."""
        self._next_s = self._min_s
