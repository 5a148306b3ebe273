"""A temperature limit of a place, judged in event time: pure, one reading after the other, state handed in and out.

The rule of a "single event" alarm (WHO PQS E006, refrigerator class): the time outside begins at the first reading
strictly outside the limit, and ends with the first reading back inside. It alarms when it has lasted `after_s`.

Decisions:
- Time is the readings' own (`occurred_at`), so a late delivery gives the verdict that a prompt one would have given.
- Readings that are not newer than the last one judged change nothing. One node delivers a device's readings in order,
  so these are repetitions; a disordered stream would need a judgement that can be taken back, and this one cannot.
- A gap longer than `gap_s` is neither exposure nor relief: what was outside before it and is outside after it goes on,
  but the gap's own length does not count. `outside_since` is moved forward by it.
- A limit that is already broken at the first reading ever seen counts from that reading.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from inventory.errors import InventoryError

Condition = Literal["temperature_high", "temperature_low"]
ChangeKind = Literal["raised", "updated", "returned"]


@dataclass(frozen=True)
class TemperatureLimit:
    """What a place must not be for long."""

    condition: Condition
    limit_celsius: float
    """Strictly above (high) or below (low) is outside; the limit itself is inside (2 to 8 includes 2.0 and 8.0)."""
    after_s: float
    """Seconds outside, without a reading inside, after which it alarms; 0: at once."""
    gap_s: float
    """Seconds without a reading from which on nothing is known about the time between."""

    def __post_init__(self) -> None:
        """Refuse what is no limit.

        Raises:
            InventoryError: a number that is not finite, a negative time, or no gap at all.
        """
        if not math.isfinite(self.limit_celsius):
            raise InventoryError(f"limit {self.limit_celsius!r}: expected a finite temperature in degrees Celsius")
        if not 0 <= self.after_s < math.inf or not 0 < self.gap_s < math.inf:
            raise InventoryError(f"after_s {self.after_s!r} and gap_s {self.gap_s!r}: expected 0 or more, and above 0")

    def is_outside(self, temperature_celsius: float) -> bool:
        """Strictly beyond the limit."""
        if self.condition == "temperature_high":
            return temperature_celsius > self.limit_celsius
        return temperature_celsius < self.limit_celsius

    def worse(self, one_celsius: float, other_celsius: float) -> float:
        """Which of two temperatures is further outside."""
        pick = max if self.condition == "temperature_high" else min
        return pick(one_celsius, other_celsius)


@dataclass(frozen=True)
class WatchState:
    """All that is remembered between readings, and so between restarts; belongs to one limit with its times."""

    judged_until: datetime
    """`occurred_at` of the last reading judged."""
    outside_since: datetime | None = None
    """First reading outside, moved forward by gaps; None while inside."""
    peak_celsius: float | None = None
    """Furthest outside since then; None while inside."""


@dataclass(frozen=True)
class Change:
    """What a reading changed in the alarm."""

    kind: ChangeKind
    """`raised`: it has lasted long enough now. `updated`: raised before, and further outside than ever. `returned`:
    raised before, and back inside."""
    outside_since: datetime
    peak_celsius: float


def judge(
    limit: TemperatureLimit,
    state: WatchState | None,
    occurred_at: datetime,
    temperature_celsius: float,
) -> tuple[WatchState, Change | None]:
    """The state after a reading, and what it changed; `state` is None before the first one.

    Raises:
        InventoryError: a time without zone, or a temperature that is no number.
    """
    if occurred_at.tzinfo is None or not math.isfinite(temperature_celsius):
        raise InventoryError(f"reading {temperature_celsius!r} at {occurred_at!r}: expected a number and a time zone")
    if state is None:
        state = WatchState(occurred_at)
    elif occurred_at <= state.judged_until:
        return state, None
    if not limit.is_outside(temperature_celsius):
        back = WatchState(occurred_at)
        if state.outside_since is None or state.peak_celsius is None or not is_raised(limit, state):
            return back, None
        return back, Change("returned", state.outside_since, state.peak_celsius)
    return _judge_outside(limit, state, occurred_at, temperature_celsius)


def _judge_outside(
    limit: TemperatureLimit,
    state: WatchState,
    occurred_at: datetime,
    temperature_celsius: float,
) -> tuple[WatchState, Change | None]:
    if state.outside_since is None or state.peak_celsius is None:
        since, peak, was_raised = occurred_at, temperature_celsius, False
    else:
        since, was_raised = state.outside_since, is_raised(limit, state)
        silence = occurred_at - state.judged_until
        if silence > timedelta(seconds=limit.gap_s):
            since += silence
        peak = limit.worse(state.peak_celsius, temperature_celsius)
    after = replace(state, judged_until=occurred_at, outside_since=since, peak_celsius=peak)
    if not is_raised(limit, after):
        return after, None
    if not was_raised:
        return after, Change("raised", since, peak)
    return after, Change("updated", since, peak) if peak != state.peak_celsius else None


def is_raised(limit: TemperatureLimit, state: WatchState) -> bool:
    """Whether the time outside has lasted long enough by the last reading judged."""
    if state.outside_since is None:
        return False
    return state.judged_until - state.outside_since >= timedelta(seconds=limit.after_s)
