"""The rules of a place, as its limits say them."""

from dataclasses import asdict
from typing import Any

from inventory.cold_chain.rule import Rule

HIGH = "temperature_high"
LOW = "temperature_low"


def place_rules(low_celsius: float | None, high_celsius: float | None, alarm_after_s: float) -> tuple[Rule, ...]:
    """Strictly outside a limit for so long, without a reading inside: a single event, as loggers judge it.

    Raises:
        ColdChainError: limits that are no temperatures.
    """
    minutes = alarm_after_s / 60
    rules = []
    if high_celsius is not None:
        rules.append(Rule(HIGH, "high", high_celsius, False, "consecutive", minutes, source="limits of the place"))  # noqa: FBT003 - strict
    if low_celsius is not None:
        rules.append(Rule(LOW, "low", low_celsius, False, "consecutive", minutes, source="limits of the place"))  # noqa: FBT003 - strict
    return tuple(rules)


def rule_json(rule: Rule) -> dict[str, Any]:
    """The whole rule, as what JSON can say."""
    return asdict(rule)
