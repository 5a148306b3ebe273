"""Watches one thermometer's own readings, in event time: does it rise faster than it ever does, can it be true at all?

Pure. The memory is a few numbers that JSON can say, so that it survives a restart. A reading that is not newer than the
last one says nothing here (it is judged by the rules, in its place): these conditions are about now.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

_POINT_EVERY_S: Final = 30.0
"""Of the window only so many points are remembered: a slope needs no more."""
_POINTS_LEAST: Final = 4
_HOUR_S: Final = 3600
_HOURS_KEPT: Final = 24
_HOURS_LEAST: Final = 6
"""Fewer hours known than this, and nobody knows yet how warm it usually gets: the rules alone judge."""
_UNUSUAL_CELSIUS: Final = 0.3
"""Warmer than the warmest hour of the last day by more than a probe's noise."""
_POWER_ON_CELSIUS: Final = 85.0
"""What a DS18B20 says before its first conversion (data sheet, table 1); its driver refuses it, others may not."""


@dataclass(frozen=True)
class SensorLimits:
    """The figures by which one thermometer is judged."""

    high_celsius: float | None
    """Upper threshold of its place; None: nothing is predicted."""
    window_s: float
    rise_celsius: float
    within_s: float
    stuck_s: float
    jump_celsius: float
    jump_within_s: float
    calm_s: float
    range_low_celsius: float
    range_high_celsius: float


@dataclass
class Memory:
    """What is remembered of a thermometer between two batches; times in seconds since 1970."""

    at_s: float | None = None
    celsius: float = 0.0
    points: list[tuple[float, float]] = field(default_factory=list)
    """Of the window of the slope, oldest first."""
    warmest: dict[int, float] = field(default_factory=dict)
    """The warmest reading of each hour of the last day, by hours since 1970."""
    same_since_s: float | None = None
    same_count: int = 0
    rising_since_s: float | None = None
    rising_from_celsius: float = 0.0
    doubt: str = ""
    """Why it can't be true; empty: it can."""
    doubt_since_s: float = 0.0
    doubt_last_s: float = 0.0
    doubt_celsius: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """As what JSON can say."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "points": [[round(at_s, 1), celsius] for at_s, celsius in self.points],
            "warmest": {str(hour): celsius for hour, celsius in self.warmest.items()},
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Memory":
        """What `as_json` gave; of anything else an empty memory: it is learned anew within the window."""
        try:
            memory = cls(**{name: value[name] for name in _PLAIN})
            memory.points = [(float(at_s), float(celsius)) for at_s, celsius in value["points"]]
            memory.warmest = {int(hour): float(celsius) for hour, celsius in value["warmest"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()
        return memory


_PLAIN: Final = (
    "at_s",
    "celsius",
    "same_since_s",
    "same_count",
    "rising_since_s",
    "rising_from_celsius",
    "doubt",
    "doubt_since_s",
    "doubt_last_s",
    "doubt_celsius",
)


@dataclass(frozen=True)
class Found:
    """What holds after the newest reading."""

    rising_since_s: float | None
    """It rises towards the limit faster than it ever does; None: it does not."""
    celsius_per_hour: float
    reaches_in_s: float | None
    """Until the limit, if it goes on so."""
    doubt: str
    """`stuck`, `power_on_value`, `jump`, `out_of_range`; empty: the readings can be true."""
    doubt_since_s: float
    doubt_celsius: float


def watch(memory: Memory, readings: Iterable[tuple[float, float]], limits: SensorLimits) -> Found:
    """Take in readings (seconds since 1970, degrees Celsius) in order of time; changes the memory."""
    slope = 0.0
    for at_s, celsius in readings:
        if memory.at_s is not None and at_s <= memory.at_s:
            continue
        _doubt(memory, at_s, celsius, limits)
        memory.at_s, memory.celsius = at_s, celsius
        if memory.doubt not in {"power_on_value", "out_of_range"}:
            _remember(memory, at_s, celsius, limits.window_s)
            slope = _rise(memory, limits)
    reaches = None
    if memory.rising_since_s is not None and limits.high_celsius is not None and slope > 0:
        reaches = max(0.0, (limits.high_celsius - memory.celsius) / slope)
    return Found(
        *(memory.rising_since_s, slope * _HOUR_S, reaches),
        *(memory.doubt, memory.doubt_since_s, memory.doubt_celsius),
    )


def _remember(memory: Memory, at_s: float, celsius: float, window_s: float) -> None:
    if not memory.points or at_s - memory.points[-1][0] >= _POINT_EVERY_S:
        memory.points.append((at_s, celsius))
    while memory.points and memory.points[0][0] < at_s - window_s - _POINT_EVERY_S:
        del memory.points[0]
    hour = math.floor(at_s / _HOUR_S)
    memory.warmest[hour] = max(celsius, memory.warmest.get(hour, celsius))
    for old in [each for each in memory.warmest if each <= hour - _HOURS_KEPT]:
        del memory.warmest[old]


def _rise(memory: Memory, limits: SensorLimits) -> float:
    """Degrees a second over the window; notes since when it rises beyond what it usually does."""
    celsius, points = memory.celsius, memory.points
    if len(points) < _POINTS_LEAST or points[-1][0] - points[0][0] < limits.window_s / 2:
        return 0.0
    if any(later - earlier > limits.window_s / 2 for (earlier, _), (later, _) in pairwise(points)):
        return 0.0  # a gap: nobody knows what it did meanwhile
    slope = _slope(points)
    if memory.rising_since_s is not None:
        # Over when it falls, or is back where it began.
        if slope <= 0 or celsius <= memory.rising_from_celsius:
            memory.rising_since_s = None
        return slope
    high = limits.high_celsius
    if high is None or celsius > high or slope <= 0:
        return slope
    rise = celsius - points[0][1]
    earlier = [warmest for hour, warmest in memory.warmest.items() if (hour + 1) * _HOUR_S <= points[0][0]]
    if len(earlier) < _HOURS_LEAST or celsius <= max(earlier) + _UNUSUAL_CELSIUS:
        return slope
    if rise >= limits.rise_celsius and (high - celsius) / slope <= limits.within_s:
        memory.rising_since_s, memory.rising_from_celsius = points[0][0], points[0][1]
    return slope


def _slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line nearest to the points (least squares)."""
    count = len(points)
    mean_at = sum(at for at, _ in points) / count
    mean = sum(celsius for _, celsius in points) / count
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    return sum((at - mean_at) * (celsius - mean) for at, celsius in points) / spread if spread else 0.0


def _doubt(memory: Memory, at_s: float, celsius: float, limits: SensorLimits) -> None:
    """Whether this reading can be true after the last one."""
    same = memory.at_s is not None and celsius == memory.celsius
    if not same or memory.same_since_s is None:
        memory.same_since_s, memory.same_count = at_s, 0
    memory.same_count += 1
    why = _why(memory, at_s, celsius, limits)
    if why:
        if memory.doubt != why:
            memory.doubt, memory.doubt_since_s, memory.doubt_celsius = why, at_s, celsius
        memory.doubt_last_s = at_s
    elif memory.doubt and (memory.doubt == "stuck" or at_s - memory.doubt_last_s >= limits.calm_s):
        memory.doubt = ""


def _why(memory: Memory, at_s: float, celsius: float, limits: SensorLimits) -> str:
    if not limits.range_low_celsius <= celsius <= limits.range_high_celsius:
        return "out_of_range"
    step = abs(celsius - memory.celsius) if memory.at_s is not None else 0.0
    if celsius == _POWER_ON_CELSIUS and (memory.at_s is None or step > limits.jump_celsius):
        return "power_on_value"
    if memory.at_s is not None and step > limits.jump_celsius and at_s - memory.at_s <= limits.jump_within_s:
        return "jump"
    if memory.same_since_s is not None and at_s - memory.same_since_s >= limits.stuck_s and memory.same_count > 1:
        return "stuck"
    return ""
