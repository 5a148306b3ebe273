"""The kinds of conditions that can alarm: what each is about, how grave it is unless told, which incident it joins."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Severity = Literal["warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("warning", "critical")
"""From the mildest to the worst."""
Family = Literal["place", "device", "node", "system"]
"""What an incident of the kind is about: a fridge or room, one instrument's upkeep, an edge node, our own machinery."""


@dataclass(frozen=True)
class Kind:
    """One kind of condition."""

    name: str
    family: Family
    severity: Severity
    """Unless whoever raises it knows better (a rule says its own)."""
    needs_hands_now: bool = True
    """False: it can wait for the morning, whatever the hour it is found at."""


_ALL: Final = (
    Kind("temperature_high", "place", "critical"),
    Kind("temperature_low", "place", "critical"),
    Kind("freeze", "place", "critical"),
    Kind("rate_of_rise", "place", "warning"),
    Kind("door_open", "place", "warning"),
    Kind("power_cut", "place", "critical"),
    Kind("sensor_silent", "place", "critical"),
    Kind("sensor_implausible", "place", "warning"),
    Kind("battery_low", "device", "warning", needs_hands_now=False),
    Kind("calibration_due", "device", "warning", needs_hands_now=False),
    Kind("clock_off", "node", "warning", needs_hands_now=False),
    Kind("agent_silent", "node", "critical"),
    Kind("broker_silent", "system", "critical"),
    Kind("dead_letters", "system", "warning", needs_hands_now=False),
    Kind("pager_channel_dead", "system", "critical"),
    Kind("schedule_hole", "system", "warning"),
    Kind("heartbeat_missing", "system", "critical"),
    Kind("external", "system", "warning"),
    Kind("drill", "system", "critical"),
    Kind("drill_failed", "system", "critical"),
)
KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _ALL})
FALLING: Final = frozenset({"temperature_low", "freeze"})
"""Kinds whose worst value is the lowest."""
TEMPERATURE_KINDS: Final = frozenset({"temperature_high", "temperature_low", "freeze"})


def kind_of(name: str) -> Kind:
    """The kind of this name.

    Raises:
        ValueError: there is none; names those that there are.
    """
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"condition kind {name!r}: expected one of {', '.join(KINDS)}")
    return kind


def is_worse(one: str, other: str) -> bool:
    """Whether the first severity is graver than the second."""
    return one == "critical" and other == "warning"


def worst(one: Severity, other: Severity) -> Severity:
    """The graver of two severities."""
    return one if is_worse(one, other) else other
