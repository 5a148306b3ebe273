"""The rules of each place: shipped rules of its class, changed rules of the class, its limits, its own rules.

Later ones replace earlier ones of the same name; one that is off takes the name away. Beside them stand the holding
rules of goods of another class that are there now (guests), which hold only goods of that class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from gateway.db.pool import Connection
from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.storage_class import CLASSES, rules_of_limits

INTERVAL_S: Final = 300.0
"""Where neither a person nor the readings say how often a thermometer measures: the slowest usual logging interval."""


@dataclass(frozen=True)
class RuleWatch:
    """A rule that watches a device at a place."""

    device_key: int
    place_id: str
    rule: Rule
    placed_at: datetime | None
    """Readings from before belong to another place, or to a time when no such goods were there."""
    interval_s: float = INTERVAL_S
    """Between two readings of this thermometer; three of them without one are a gap."""
    storage_class: str | None = None
    """Only goods of this class are meant: they are guests there. None: all that stand there."""


@dataclass(frozen=True)
class Override:
    """What was changed of one rule of a class or a place."""

    rule_name: str
    rule: Rule | None
    """None: it is off."""


@dataclass(frozen=True)
class RuleBook:
    """All that was changed; small, read anew each time."""

    of_class: Mapping[str, tuple[Override, ...]]
    of_place: Mapping[str, tuple[Override, ...]]

    @staticmethod
    def read(connection: Connection) -> "RuleBook":
        """As it is now."""
        of_class: dict[str, tuple[Override, ...]] = {}
        of_place: dict[str, tuple[Override, ...]] = {}
        rows = connection.execute("SELECT storage_class, place_id, rule_name, rule FROM cold_rule ORDER BY rule_name")
        for storage_class, place_id, rule_name, rule in rows:
            override = Override(rule_name, None if rule is None else rule_of(rule))
            if place_id is None:
                of_class[storage_class] = (*of_class.get(storage_class, ()), override)
            else:
                of_place[place_id] = (*of_place.get(place_id, ()), override)
        return RuleBook(of_class, of_place)

    def class_rules(self, storage_class: str | None) -> tuple[Rule, ...]:
        """Of a class as it is judged here; none if there is no such class."""
        shipped = CLASSES.get(storage_class or "")
        if shipped is None:
            return ()
        return _overlaid(shipped.rules, self.of_class.get(shipped.name, ()))

    def place_rules(
        self,
        place_id: str,
        storage_class: str | None,
        low_celsius: float | None,
        high_celsius: float | None,
        alarm_after_s: float,
    ) -> tuple[Rule, ...]:
        """Of a place for all that stands in it."""
        limits = rules_of_limits(low_celsius, high_celsius, alarm_after_s, storage_class)
        with_limits = _overlaid(self.class_rules(storage_class), [Override(rule.name, rule) for rule in limits])
        return _overlaid(with_limits, self.of_place.get(place_id, ()))

    def guest_rules(self, storage_class: str) -> tuple[Rule, ...]:
        """Of goods of a class that stand where another class belongs; their names say of which class."""
        return tuple(
            replace(rule, name=f"{storage_class}: {rule.name}")
            for rule in self.class_rules(storage_class)
            if rule.holds_stock
        )


def _overlaid(rules: Sequence[Rule], overrides: Sequence[Override]) -> tuple[Rule, ...]:
    found = {rule.name: rule for rule in rules}
    for override in overrides:
        if override.rule is None:
            found.pop(override.rule_name, None)
        else:
            found[override.rule_name] = override.rule
    return tuple(found.values())


def rule_json(rule: Rule) -> dict[str, Any]:
    """The whole rule, as what JSON can say."""
    return asdict(rule)


def rule_of(value: Mapping[str, Any]) -> Rule:
    """The rule that JSON says; what an older program did not know has its default.

    Raises:
        ColdChainError: it is none.
    """
    try:
        return Rule(**value)
    except TypeError as error:
        raise ColdChainError(f"rule {value!r:.200}: {error}") from error


def _covers(own: Rule, other: Rule) -> bool:
    """Whether whatever the other rule holds, the place's own holds already."""
    if (own.side, own.mode, own.holds_stock) != (other.side, other.mode, True) or own.minutes > other.minutes:
        return False
    if own.threshold == other.threshold:
        return own.inclusive or not other.inclusive
    return own.threshold < other.threshold if own.side == "high" else own.threshold > other.threshold


_DEVICES: Final = (
    "SELECT d.device_key, p.place_id, d.placed_at, p.storage_class, p.temperature_low_celsius,"
    " p.temperature_high_celsius, p.alarm_after_s,"
    " coalesce((SELECT s.interval_s FROM sensor_connection c JOIN sensor s USING (sensor_id)"
    " WHERE c.device_key = d.device_key AND c.disconnected_at IS NULL), o.interval_s) AS interval_s"
    " FROM device d JOIN place p USING (place_id) LEFT JOIN sensor_interval o USING (device_key)"
)
_GUESTS: Final = "SELECT place_id, storage_class, since FROM guest_class"


def watches(connection: Connection, device_keys: Sequence[int] | None = None) -> list[RuleWatch]:
    """Every rule that watches these devices (None: all), by device."""
    book = RuleBook.read(connection)
    query = _DEVICES if device_keys is None else _DEVICES + " WHERE d.device_key = ANY(%s)"
    devices = connection.execute(
        (query + " ORDER BY device_key").encode(), None if device_keys is None else (list(device_keys),)
    ).fetchall()
    guests: dict[str, list[tuple[str, datetime]]] = {}
    for place_id, storage_class, since in connection.execute(_GUESTS):
        guests.setdefault(place_id, []).append((storage_class, since))
    found: list[RuleWatch] = []
    for device_key, place_id, placed_at, storage_class, low, high, after_s, interval_s in devices:
        interval = interval_s or INTERVAL_S
        found += [
            RuleWatch(device_key, place_id, rule, placed_at, interval)
            for rule in book.place_rules(place_id, storage_class, low, high, after_s)
        ]
        for guest, since in guests.get(place_id, ()):
            begun = since if placed_at is None else max(since, placed_at)
            found += [RuleWatch(device_key, place_id, rule, begun, interval, guest) for rule in book.guest_rules(guest)]
    return [watch for watch in found if watch.rule.quantity == "temperature_celsius"]
