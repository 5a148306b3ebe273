"""A rule of what a place, a box or a room must not be for long: data, not code.

The model is that of WHO PQS loggers (E006): a side, a threshold that itself counts (inclusive) or not (strict), and a
time that is either one run (`consecutive`, "single event") or a sum (`accumulated`).
"""

import math
from dataclasses import dataclass
from typing import Literal

from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.instant import MINUTE_US

Side = Literal["high", "low"]
Mode = Literal["consecutive", "accumulated"]
Quantity = Literal["temperature_celsius", "relative_humidity_percent"]
Severity = Literal["warning", "critical"]

SIDES: tuple[Side, ...] = ("high", "low")
MODES: tuple[Mode, ...] = ("consecutive", "accumulated")
SEVERITIES: tuple[Severity, ...] = ("warning", "critical")
NAME_LONGEST = 100
MINUTES_MOST = 525_600.0
"""A year: longer is a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit with its time; valid if it exists."""

    name: str
    side: Side
    threshold: float
    """In the unit of `quantity`."""
    inclusive: bool
    """True: the threshold itself counts as outside (LogTag, WHO shipping types). False: it is inside (Berlinger)."""
    mode: Mode
    minutes: float
    """Time outside after which it alarms; 0: with the first reading outside."""
    hysteresis: float = 0.0
    """How far back inside a reading must be to end what is outside; the time between still counts as outside."""
    severity: Severity = "critical"
    source: str = ""
    """Where the figures come from: standard and clause, data sheet, or who decided it."""
    quantity: Quantity = "temperature_celsius"
    holds_stock: bool = True
    """Whether goods that were there may not be given out until two people have judged them."""

    def __post_init__(self) -> None:
        """Refuse what is no rule.

        Raises:
            ColdChainError: which key of which rule, its value, what is expected.
        """
        if not self.name or len(self.name) > NAME_LONGEST or not self.name.isprintable():
            raise ColdChainError(f"rule name {self.name!r}: expected 1 to {NAME_LONGEST} printable characters")
        _one_of(self.name, "side", self.side, SIDES)
        _one_of(self.name, "mode", self.mode, MODES)
        _one_of(self.name, "severity", self.severity, SEVERITIES)
        _between(self.name, "threshold", self.threshold, -273.15, 1000.0)
        _between(self.name, "minutes", self.minutes, 0.0, MINUTES_MOST)
        _between(self.name, "hysteresis", self.hysteresis, 0.0, 50.0)

    @property
    def needed_us(self) -> int:
        """The time outside after which it alarms."""
        return round(self.minutes * MINUTE_US)

    def is_outside(self, value: float) -> bool:
        """Whether a value is beyond the threshold, or on it where the threshold counts."""
        if value == self.threshold:
            return self.inclusive
        return value > self.threshold if self.side == "high" else value < self.threshold

    def is_back(self, value: float) -> bool:
        """Whether a value ends what was outside: inside, and by the hysteresis."""
        if self.is_outside(value):
            return False
        if self.side == "high":
            return value <= self.threshold - self.hysteresis
        return value >= self.threshold + self.hysteresis

    def worse(self, one: float, other: float) -> float:
        """Which of two values is further out."""
        return max(one, other) if self.side == "high" else min(one, other)


def _one_of(name: str, key: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ColdChainError(f"rule {name!r}: {key} {value!r}: expected one of {', '.join(allowed)}")


def _between(name: str, key: str, value: float, least: float, most: float) -> None:
    if not math.isfinite(value) or not least <= value <= most:
        raise ColdChainError(f"rule {name!r}: {key} {value!r}: expected a number from {least:g} to {most:g}")


def check_rules(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules as given, if they can stand together.

    Raises:
        ColdChainError: none, or a name twice (a verdict names its rule).
    """
    if not rules:
        raise ColdChainError("no rule: expected at least one [[rule]]")
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise ColdChainError(f"rule {name!r} is there {names.count(name)} times: expected one name for each rule")
    return rules
