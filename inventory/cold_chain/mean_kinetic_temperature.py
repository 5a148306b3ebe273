"""Mean kinetic temperature: the one temperature that would have aged a product as much as the readings did.

USP <1160>: T_K = (dH/R) / -ln( sum(t_i * exp(-dH / (R * T_i))) / sum(t_i) ), temperatures in kelvin. With the usual
dH = 83.144 kJ/mol and R = 8.3144e-3 kJ/(mol K), dH/R is 10,000 K. USP <1079.2>: weighted by time, no reading left out,
not for frozen products, and over a window that ends with the excursion: 30 days for controlled room temperature, 24 h
for controlled cold.
"""

import math
from dataclasses import dataclass

from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.instant import MINUTE_US
from inventory.cold_chain.series import Series

ACTIVATION_ENERGY_KJ = 83.144
"""USP <1160>, kJ/mol; some loggers take 83.0."""
GAS_CONSTANT_KJ = 8.3144e-3
"""USP <1160>, kJ/(mol K); the exact constant changes results by less than 0.0001 degrees."""
ZERO_CELSIUS_KELVIN = 273.15


@dataclass(frozen=True)
class MeanKineticTemperature:
    """The figure with what it stands on."""

    celsius: float
    n: int
    minutes: float
    """Time that the readings stand for, gaps left out."""


@dataclass(frozen=True)
class Window:
    """Over how long a mean kinetic temperature is taken."""

    name: str
    hours: int
    source: str


WINDOWS: tuple[Window, ...] = (
    Window("controlled-room-temperature", 720, "USP <1079.2>, official 1 August 2025: 30 days"),
    Window("controlled-cold", 24, "USP <1079.2>, official 1 August 2025: 24 hours"),
)


def mean_kinetic_temperature(
    series: Series,
    activation_energy_kj: float = ACTIVATION_ENERGY_KJ,
) -> MeanKineticTemperature | None:
    """That of a whole series; None if there is no reading.

    Raises:
        ColdChainError: an activation energy not above 0, or a temperature not above absolute zero.
    """
    if not 0 < activation_energy_kj < math.inf:
        raise ColdChainError(f"activation energy {activation_energy_kj!r} kJ/mol: expected above 0")
    if not series.at_us:
        return None
    weights = series.weights_us()
    total = sum(weights)
    even = [1] * len(weights)
    celsius = weighted_celsius(series.highest, weights if total else even, activation_energy_kj)
    return MeanKineticTemperature(celsius, series.n, round(total / MINUTE_US, 3))


def weighted_celsius(
    values_celsius: tuple[float, ...],
    weights: tuple[int, ...] | list[int],
    activation_energy_kj: float = ACTIVATION_ENERGY_KJ,
) -> float:
    """The mean kinetic temperature of values with weights, of which at least one is above 0.

    Raises:
        ColdChainError: a temperature not above absolute zero.
    """
    ratio_kelvin = activation_energy_kj / GAS_CONSTANT_KJ
    weighed = [(value + ZERO_CELSIUS_KELVIN, weight) for value, weight in zip(values_celsius, weights, strict=True)]
    coldest = min(kelvin for kelvin, _ in weighed)
    if coldest <= 0:
        raise ColdChainError(f"temperature {coldest - ZERO_CELSIUS_KELVIN!r} degrees Celsius: below absolute zero")
    # Relative to the warmest, so that no term overflows and the greatest one is exactly 1.
    warmest = max(kelvin for kelvin, weight in weighed if weight)
    sums = math.fsum(weight * math.exp(ratio_kelvin / warmest - ratio_kelvin / kelvin) for kelvin, weight in weighed)
    mean = sums / math.fsum(weight for _, weight in weighed)
    return ratio_kelvin / (ratio_kelvin / warmest - math.log(mean)) - ZERO_CELSIUS_KELVIN


def worst_celsius(
    series: Series,
    window: Window,
    activation_energy_kj: float = ACTIVATION_ENERGY_KJ,
) -> tuple[float, int] | None:
    """The greatest mean kinetic temperature of any whole window that ends with a reading, and that reading's instant.

    Of readings that span less than the window, that of all of them. None if the readings stand for no time.

    Raises:
        ColdChainError: a temperature not above absolute zero.
    """
    weights = series.weights_us()
    if not sum(weights):
        return None
    ratio_kelvin = activation_energy_kj / GAS_CONSTANT_KJ
    warmest = max(series.highest) + ZERO_CELSIUS_KELVIN
    if min(series.highest) <= -ZERO_CELSIUS_KELVIN:
        raise ColdChainError(f"temperature {min(series.highest)!r} degrees Celsius: below absolute zero")
    terms = [
        weight * math.exp(ratio_kelvin / warmest - ratio_kelvin / (value + ZERO_CELSIUS_KELVIN))
        for value, weight in zip(series.highest, weights, strict=True)
    ]
    span_us = window.hours * 60 * MINUTE_US
    best: tuple[float, int] | None = None
    first, sum_terms, sum_weights = 0, 0.0, 0
    for last, at_us in enumerate(series.at_us):
        sum_terms += terms[last]
        sum_weights += weights[last]
        while series.at_us[first] < at_us + weights[last] - span_us and first < last:
            sum_terms -= terms[first]
            sum_weights -= weights[first]
            first += 1
        is_whole = at_us + weights[last] - series.at_us[0] >= span_us or last == len(terms) - 1
        if is_whole and sum_weights and sum_terms > 0 and (best is None or sum_terms / sum_weights > best[0]):
            best = (sum_terms / sum_weights, at_us)
    if best is None:
        return None
    return ratio_kelvin / (ratio_kelvin / warmest - math.log(best[0])) - ZERO_CELSIUS_KELVIN, best[1]
