"""What the figures say should become of goods after an excursion; two people decide, and are shown this first."""

from dataclasses import dataclass
from typing import Literal

from inventory.cold_chain.exposure import Budget, Exposure

Advice = Literal["release", "destroy", "ask_maker"]
Ground = Literal["nothing_outside", "within_budget", "over_budget", "too_warm", "frozen", "not_all_known", "no_budget"]
FREEZING_CELSIUS = -0.5
"""WHO PQS freeze alarm: at or below it goods that must not freeze are taken for frozen."""


@dataclass(frozen=True)
class Stability:
    """What its maker lets a product go through in its whole life."""

    minutes_above: float | None
    """Above its class's upper limit; None: the maker said nothing."""
    warmest_celsius: float | None
    """Never warmer than that; None: nothing said."""
    source: str = ""

    def remaining(self, exposure: Exposure) -> float | None:
        """Minutes left; below 0: overdrawn. Time that nobody measured is taken off."""
        if self.minutes_above is None:
            return None
        return Budget(self.minutes_above, self.source).remaining(exposure)


@dataclass(frozen=True)
class Recommendation:
    """An advice with its ground."""

    advice: Advice
    ground: Ground


def recommend(exposure: Exposure, stability: Stability, *, may_freeze: bool) -> Recommendation:
    """From the figures alone; `may_freeze`: goods of a freezer."""
    lowest, highest, warmest = exposure.lowest_celsius, exposure.highest_celsius, stability.warmest_celsius
    if not may_freeze and lowest is not None and lowest <= FREEZING_CELSIUS:
        return Recommendation("destroy", "frozen")
    if warmest is not None and highest is not None and highest > warmest:
        return Recommendation("destroy", "too_warm")
    if not exposure.is_harmed_or_unknown:
        return Recommendation("release", "nothing_outside")
    return _by_budget(exposure, stability.remaining(exposure))


def _by_budget(exposure: Exposure, remaining: float | None) -> Recommendation:
    if remaining is None:
        was_outside = exposure.minutes_above > 0 or exposure.minutes_below > 0
        return Recommendation("ask_maker", "no_budget" if was_outside else "not_all_known")
    if remaining >= 0:
        return Recommendation("release", "within_budget")
    # Overdrawn only because of time that nobody measured: that is for a person to find out.
    if remaining + exposure.minutes_unknown >= 0:
        return Recommendation("ask_maker", "not_all_known")
    return Recommendation("destroy", "over_budget")
