"""What a pack went through: the readings of each place it stood in, for as long as it stood there.

Exposure follows the pack through every move: time above and below, time that nobody measured, and the mean kinetic
temperature of all that is known. As in a verdict, a reading stands until the next one, a gap is not exposure, and
nothing is known before a place's first reading or after its last.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.instant import minutes
from inventory.cold_chain.mean_kinetic_temperature import ACTIVATION_ENERGY_KJ, weighted_celsius
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.series import Series


@dataclass(frozen=True, slots=True)
class Stay:
    """A pack in a place, from one movement to the next."""

    place_id: str
    from_us: int
    until_us: int

    def __post_init__(self) -> None:
        """Refuse a stay that ends before it begins.

        Raises:
            ColdChainError: it does.
        """
        if self.until_us < self.from_us:
            raise ColdChainError(f"stay at {self.place_id!r}: until {self.until_us} us, from {self.from_us} us")


@dataclass(frozen=True)
class Exposure:
    """What a pack, or one of its stays, went through."""

    minutes_above: float
    minutes_below: float
    minutes_inside: float
    minutes_unknown: float
    """Nobody measured: no sensor there, a gap, before the first reading or after the last."""
    lowest_celsius: float | None
    highest_celsius: float | None
    mkt_celsius: float | None
    """None: nothing is known."""

    @property
    def is_harmed_or_unknown(self) -> bool:
        """Whether someone has to judge it."""
        return self.minutes_above > 0 or self.minutes_below > 0 or self.minutes_unknown > 0


@dataclass(frozen=True)
class Budget:
    """Time outside that a product may have in its whole life, such as 480 minutes above 8 degrees Celsius."""

    minutes_allowed: float
    source: str

    def remaining(self, exposure: Exposure) -> float:
        """Minutes left; below 0: overdrawn. Time that nobody measured is taken off, since it may have been outside."""
        return self.minutes_allowed - exposure.minutes_above - exposure.minutes_unknown


def exposure_of(
    stays: Sequence[Stay],
    series_by_place: Mapping[str, Series],
    high: Rule,
    low: Rule,
    activation_energy_kj: float = ACTIVATION_ENERGY_KJ,
) -> Exposure:
    """The exposure over all stays, against the thresholds of a high and a low rule (their minutes play no part).

    Raises:
        ColdChainError: a high rule that is a low one or the other way round.
    """
    if (high.side, low.side) != ("high", "low"):
        raise ColdChainError(f"rules {high.name!r}, {low.name!r}: expected a high one, then a low one")
    above = below = inside = unknown = 0
    values: list[float] = []
    weights: list[int] = []
    for stay in stays:
        known = 0
        for span_us, lowest, highest in _spans(stay, series_by_place.get(stay.place_id)):
            known += span_us
            values.append(highest)
            weights.append(span_us)
            values.append(lowest)
            weights.append(0)  # counts for the extremes only
            if high.is_outside(highest):
                above += span_us
            elif low.is_outside(lowest):
                below += span_us
            else:
                inside += span_us
        unknown += stay.until_us - stay.from_us - known
    return Exposure(
        minutes(above),
        minutes(below),
        minutes(inside),
        minutes(unknown),
        min(values, default=None),
        max(values, default=None),
        weighted_celsius(tuple(values), weights, activation_energy_kj) if values else None,
    )


def _spans(stay: Stay, series: Series | None) -> Iterator[tuple[int, float, float]]:
    """How long which values stood while the pack was there."""
    if series is None:
        return
    for number in range(max(bisect_right(series.at_us, stay.from_us) - 1, 0), len(series.at_us) - 1):
        at, until = series.at_us[number], series.at_us[number + 1]
        if at >= stay.until_us:
            return
        overlap = min(until, stay.until_us) - max(at, stay.from_us)
        if overlap > 0 and until - at <= series.gap_us:
            yield overlap, series.lowest[number], series.highest[number]
