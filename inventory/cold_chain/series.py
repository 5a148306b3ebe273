"""The readings of one sensor in canonical order: the same however late, doubled, shuffled or in blocks they came.

Two readings of one instant with different values are both kept, the lower for what is too cold and the higher for what
is too warm: neither verdict may depend on which of them arrived last.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median_low

from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.instant import to_us

GAP_INTERVALS = 3
"""A time without readings longer than so many intervals is a gap: two lost readings are not one yet. Our choice."""
_REGULAR_SHARE = 0.5
_REGULAR_TOLERANCE = 0.1
"""Readings come regularly if half the steps are within 10 % of the median; only then is the last one's time known."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value with the time of the device."""

    occurred_at: datetime
    value: float

    def __post_init__(self) -> None:
        """Refuse what can't be judged.

        Raises:
            ColdChainError: a time without zone, or a value that is no number.
        """
        if self.occurred_at.tzinfo is None:
            raise ColdChainError(f"reading at {self.occurred_at.isoformat()!r}: expected a time zone or an offset")
        if not math.isfinite(self.value):
            raise ColdChainError(f"reading {self.value!r} at {self.occurred_at.isoformat()}: expected a finite number")


@dataclass(frozen=True)
class Series:
    """Instants in rising order with the lowest and the highest value of each; equal lengths, made by `of`."""

    at_us: tuple[int, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    interval_us: int
    """The declared interval, or the median step; 0 with fewer than two instants."""
    is_regular: bool
    gap_us: int
    """A longer step than this is a gap."""
    n: int
    """Readings that were given, repetitions included once."""

    @staticmethod
    def of(
        readings: Iterable[Reading],
        interval_s: float | None = None,
        gap_intervals: float = GAP_INTERVALS,
    ) -> "Series":
        """The series of these readings; `interval_s` is the sensor's own, or the median step if absent.

        Raises:
            ColdChainError: an interval or a number of intervals that is not above 0.
        """
        if (interval_s is not None and not 0 < interval_s < math.inf) or not 1 <= gap_intervals < math.inf:
            raise ColdChainError(f"interval {interval_s!r} s, gap after {gap_intervals!r}: expected above 0 and from 1")
        pairs = sorted({(to_us(reading.occurred_at), reading.value) for reading in readings})
        at_us: list[int] = []
        lowest: list[float] = []
        highest: list[float] = []
        for at, value in pairs:
            if at_us and at_us[-1] == at:
                highest[-1] = value  # sorted: the later of a pair is the higher
            else:
                at_us.append(at)
                lowest.append(value)
                highest.append(value)
        steps = [later - earlier for earlier, later in pairwise(at_us)]
        interval_us = round(interval_s * 1e6) if interval_s is not None else (median_low(steps) if steps else 0)
        near = sum(abs(step - interval_us) <= _REGULAR_TOLERANCE * interval_us for step in steps)
        return Series(
            tuple(at_us),
            tuple(lowest),
            tuple(highest),
            interval_us,
            interval_s is not None or (bool(steps) and near >= _REGULAR_SHARE * len(steps)),
            round(interval_us * gap_intervals),
            len(pairs),
        )

    def gaps_us(self) -> tuple[tuple[int, int], ...]:
        """From the last reading before each gap to the first one after it."""
        return tuple((earlier, later) for earlier, later in pairwise(self.at_us) if later - earlier > self.gap_us)

    def weights_us(self) -> tuple[int, ...]:
        """How long each instant's value stands: until the next one.

        Before a gap and at the end it is one interval where the readings come regularly, and nothing where no interval
        is known.
        """
        nominal = self.interval_us if self.is_regular else 0
        steps = (later - earlier for earlier, later in pairwise(self.at_us))
        return (*(step if step <= self.gap_us else nominal for step in steps), nominal)[: len(self.at_us)]
