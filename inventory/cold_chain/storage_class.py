"""Storage classes: the range that goods of a class are kept in, and the rules by which they and places are judged.

Shipped; a hospital changes a rule of a class or of one place by its name (`gateway.cold_chain.rule_book`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from inventory.cold_chain.profiles import profile
from inventory.cold_chain.rule import Rule, Severity, Side

StorageClassName = Literal["room", "cool", "refrigerator", "freezer", "ultra_cold"]

HIGH: Final = "temperature_high"
LOW: Final = "temperature_low"
"""The rules that call someone early. A place with limits of its own has its own rules of these names."""

_CHOICE: Final = "this product's choice"
_FREEZING: Final = "WHO PQS E006/TR06 as its makers state it: what is frozen for an hour is judged, whatever its class"


@dataclass(frozen=True)
class StorageClass:
    """One class."""

    name: StorageClassName
    low_celsius: float
    high_celsius: float
    """Strictly outside of these is time above and time below."""
    source: str
    rules: tuple[Rule, ...]

    @property
    def holding_rules(self) -> tuple[Rule, ...]:
        """Those that hold goods: they go with goods of the class wherever these stand."""
        return tuple(rule for rule in self.rules if rule.holds_stock)


def _early(side: Side, threshold: float, minutes: float, severity: Severity) -> Rule:
    """Calls someone before anything is harmed; holds nothing."""
    name = HIGH if side == "high" else LOW
    return Rule(
        name,
        side,
        threshold,
        inclusive=False,
        mode="consecutive",
        minutes=minutes,
        severity=severity,
        source=_CHOICE,
        holds_stock=False,
    )


def _holding(name: str, side: Side, threshold: float, minutes: float, source: str, *, inclusive: bool = False) -> Rule:
    return Rule(name, side, threshold, inclusive=inclusive, mode="consecutive", minutes=minutes, source=source)


_FROZEN: Final = _holding("<= -0.5 C 1 h", "low", -0.5, 60, _FREEZING, inclusive=True)

CLASSES: Final[Mapping[str, StorageClass]] = MappingProxyType(
    {
        each.name: each
        for each in (
            StorageClass(
                *("refrigerator", 2.0, 8.0, "WHO vaccine range; 12/VBHN-BYT"),
                (
                    _early("high", 8.0, 30, "critical"),
                    _early("low", 2.0, 30, "warning"),
                    *profile("refrigerator").rules,
                ),
            ),
            StorageClass(
                *("freezer", -25.0, -15.0, "WHO vaccine freezer range"),
                (
                    _early("high", -15.0, 30, "critical"),
                    profile("freezer").rules[0],
                    replace(profile("freezer").rules[1], name=LOW, severity="warning", holds_stock=False),
                ),
            ),
            StorageClass(
                *("cool", 8.0, 15.0, "Vietnamese Pharmacopoeia V; 12/VBHN-BYT"),
                (
                    _early("high", 15.0, 60, "critical"),
                    _early("low", 8.0, 60, "warning"),
                    _holding("> 15 C 10 h", "high", 15.0, 600, f"time as for a refrigerator: {_CHOICE}"),
                    _FROZEN,
                ),
            ),
            StorageClass(
                *("room", 15.0, 30.0, "Vietnamese Pharmacopoeia V; 12/VBHN-BYT"),
                (
                    _early("high", 30.0, 60, "warning"),
                    _early("low", 15.0, 60, "warning"),
                    _holding("> 40 C 1 h", "high", 40.0, 60, f"USP <659>: spikes up to 40 C; time: {_CHOICE}"),
                    _FROZEN,
                ),
            ),
            StorageClass(
                *("ultra_cold", -90.0, -60.0, "usual range of ultra-low freezers for vaccines"),
                (
                    _early("high", -60.0, 30, "critical"),
                    _early("low", -90.0, 60, "warning"),
                    _holding("> -60 C 1 h", "high", -60.0, 60, _CHOICE),
                ),
            ),
        )
    }
)


def rules_of_limits(
    low_celsius: float | None, high_celsius: float | None, alarm_after_s: float, storage_class: str | None
) -> tuple[Rule, ...]:
    """The rules that a place's own limits make: strictly outside for so long, without a reading inside.

    In a place of class `room` they warn and hold nothing: 30.1 degrees harms no tablet in an hour. Elsewhere, and where
    nobody said what a place is fit for, they are critical and hold.

    Raises:
        ColdChainError: limits that are no temperatures.
    """
    is_room = storage_class == "room"
    severity: Severity = "warning" if is_room else "critical"
    sides: tuple[tuple[str, Side, float | None], ...] = ((HIGH, "high", high_celsius), (LOW, "low", low_celsius))
    return tuple(
        Rule(
            name,
            side,
            threshold,
            inclusive=False,
            mode="consecutive",
            minutes=alarm_after_s / 60,
            severity=severity,
            source="limits of the place",
            holds_stock=not is_room,
        )
        for name, side, threshold in sides
        if threshold is not None
    )
