"""The climate at one thermometer, hour by hour, and sums of it: what goods went through is a sum over hours and parts.

An hour's row is made of that hour's readings alone, in their order, so rows made again out of the same readings are
the same to the last bit, however the readings came. Limits play no part in it: an hour that was wholly inside is added
as it stands, any other is looked up reading by reading (`add_series`).
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from inventory.cold_chain.exposure import Exposure
from inventory.cold_chain.instant import MINUTE_US, minutes
from inventory.cold_chain.mean_kinetic_temperature import ACTIVATION_ENERGY_KJ, GAS_CONSTANT_KJ, ZERO_CELSIUS_KELVIN
from inventory.cold_chain.series import Series

HOUR_US = 60 * MINUTE_US
_RATIO_KELVIN = ACTIVATION_ENERGY_KJ / GAS_CONSTANT_KJ
_REFERENCE_KELVIN = 298.15
"""Heat is told in times of that at 25 degrees Celsius, so that it is a number of ordinary size."""


@dataclass(frozen=True, slots=True)
class HourClimate:
    """One whole hour (UTC)."""

    hour_us: int
    known_us: int
    lowest: float
    highest: float
    heat: float
    """Sum of microseconds times exp(dH/R (1/298.15 K - 1/T))."""


def heat_of(celsius: float) -> float:
    """How fast a product ages at that temperature, in times of 25 degrees Celsius (USP <1160>)."""
    return math.exp(_RATIO_KELVIN / _REFERENCE_KELVIN - _RATIO_KELVIN / (celsius + ZERO_CELSIUS_KELVIN))


def hours_of(series: Series, from_us: int, until_us: int) -> Iterator[HourClimate]:
    """The rows of all whole hours in [from, until) of which anything is known; both are whole hours."""
    hour_us = known = 0
    lowest = highest = heat = 0.0
    for begin, end, low, high in spans(series, from_us, until_us):
        rate = heat_of(high)
        at = begin
        while at < end:
            this_hour = at - at % HOUR_US
            stop = min(end, this_hour + HOUR_US)
            if this_hour != hour_us or not known:
                if known:
                    yield HourClimate(hour_us, known, lowest, highest, heat)
                hour_us, known, lowest, highest, heat = this_hour, 0, low, high, 0.0
            known += stop - at
            lowest, highest = min(lowest, low), max(highest, high)
            heat += (stop - at) * rate
            at = stop
    if known:
        yield HourClimate(hour_us, known, lowest, highest, heat)


def spans(series: Series, from_us: int, until_us: int) -> Iterator[tuple[int, int, float, float]]:
    """For how long which lowest and highest value stood between two instants; gaps are left out."""
    first = max(bisect_right(series.at_us, from_us) - 1, 0)
    last = min(bisect_left(series.at_us, until_us), len(series.at_us) - 1)
    for number in range(first, last):
        at, until = series.at_us[number], series.at_us[number + 1]
        if until - at > series.gap_us:
            continue
        begin, end = max(at, from_us), min(until, until_us)
        if end > begin:
            yield begin, end, series.lowest[number], series.highest[number]


@dataclass(slots=True)
class Tally:
    """What goods went through, as it is being added up."""

    above_us: int = 0
    below_us: int = 0
    inside_us: int = 0
    unknown_us: int = 0
    lowest: float = math.inf
    highest: float = -math.inf
    heat: float = 0.0

    @property
    def known_us(self) -> int:
        """Time that readings stand for."""
        return self.above_us + self.below_us + self.inside_us

    @property
    def mkt_celsius(self) -> float | None:
        """Mean kinetic temperature of what is known; None: nothing is."""
        if not self.known_us or self.heat <= 0:
            return None
        return _RATIO_KELVIN / (_RATIO_KELVIN / _REFERENCE_KELVIN - math.log(self.heat / self.known_us)) - (
            ZERO_CELSIUS_KELVIN
        )

    def add_hour(self, hour: HourClimate) -> None:
        """An hour that was wholly inside."""
        self.inside_us += hour.known_us
        self._widen(hour.lowest, hour.highest)
        self.heat += hour.heat

    def add_span(self, span_us: int, lowest: float, highest: float, limits: "Limits") -> None:
        """Some time at one reading."""
        if highest > limits.high_celsius:
            self.above_us += span_us
        elif lowest < limits.low_celsius:
            self.below_us += span_us
        else:
            self.inside_us += span_us
        self._widen(lowest, highest)
        self.heat += span_us * heat_of(highest)

    def add_series(self, series: Series, from_us: int, until_us: int, limits: "Limits") -> None:
        """Reading by reading; what is unknown is not added."""
        for begin, end, lowest, highest in spans(series, from_us, until_us):
            self.add_span(end - begin, lowest, highest, limits)

    def add(self, other: "Tally") -> "Tally":
        """What came after it."""
        self.above_us += other.above_us
        self.below_us += other.below_us
        self.inside_us += other.inside_us
        self.unknown_us += other.unknown_us
        self._widen(other.lowest, other.highest)
        self.heat += other.heat
        return self

    def copy(self) -> "Tally":
        """One of its own."""
        return Tally(
            *(self.above_us, self.below_us, self.inside_us, self.unknown_us, self.lowest, self.highest, self.heat)
        )

    def exposure(self) -> Exposure:
        """As a person reads it."""
        known = self.known_us > 0
        return Exposure(
            minutes(self.above_us),
            minutes(self.below_us),
            minutes(self.inside_us),
            minutes(self.unknown_us),
            self.lowest if known else None,
            self.highest if known else None,
            self.mkt_celsius,
        )

    def _widen(self, lowest: float, highest: float) -> None:
        self.lowest = min(self.lowest, lowest)
        self.highest = max(self.highest, highest)


def worst_thermometer(tallies: Iterable[Tally]) -> Tally:
    """Of several thermometers in one place at the same time; unknown is only what none of them measured."""
    return _worst(list(tallies), min)


def worst_history(tallies: Iterable[Tally]) -> Tally:
    """Of goods that can't be told apart: the worst of each figure, so that none of them went through more."""
    return _worst(list(tallies), max)


def _worst(each: list[Tally], of_unknown: Callable[[Iterable[int]], int]) -> Tally:
    if len(each) == 1:
        return each[0].copy()
    whole = max(tally.known_us + tally.unknown_us for tally in each)
    worst = Tally(
        above_us=max(tally.above_us for tally in each),
        below_us=max(tally.below_us for tally in each),
        unknown_us=of_unknown(tally.unknown_us for tally in each),
        lowest=min(tally.lowest for tally in each),
        highest=max(tally.highest for tally in each),
    )
    worst.inside_us = max(0, whole - worst.above_us - worst.below_us - worst.unknown_us)
    hottest = max(each, key=lambda tally: tally.heat / tally.known_us if tally.known_us else 0.0)
    if hottest.known_us:
        worst.heat = hottest.heat / hottest.known_us * worst.known_us
    return worst


@dataclass(frozen=True, slots=True)
class Limits:
    """Strictly outside of them is time above and time below."""

    low_celsius: float
    high_celsius: float

    def hold(self, hour: HourClimate) -> bool:
        """Whether an hour was wholly inside."""
        return hour.lowest >= self.low_celsius and hour.highest <= self.high_celsius
