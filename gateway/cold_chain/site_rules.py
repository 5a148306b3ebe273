"""Rules in a site file: of a storage class or of a place, one item each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.cold_chain.rule_changes import Scope, import_rules
from gateway.db.pool import Connection
from inventory.cold_chain.rule import Mode, Rule, Severity, Side


class RuleItem(BaseModel):
    """A rule; what a class or a place has under that name is replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    storage_class: Literal["room", "cool", "refrigerator", "freezer", "ultra_cold"] | None = None
    place_id: Annotated[str, StringConstraints(min_length=1, max_length=63)] | None = None
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    side: Side
    threshold_celsius: Annotated[float, Field(ge=-273.15, le=1000)]
    inclusive: bool = False
    mode: Mode = "consecutive"
    minutes: Annotated[float, Field(ge=0, le=525_600)]
    hysteresis_celsius: Annotated[float, Field(ge=0, le=50)] = 0.0
    severity: Severity = "critical"
    holds_stock: bool = True
    source: Annotated[str, StringConstraints(max_length=300)] = ""

    @model_validator(mode="after")
    def _of_one(self) -> "RuleItem":
        if (self.storage_class is None) == (self.place_id is None):
            raise ValueError("a rule is of a storage_class or of a place_id: name one of them")
        self.rule()
        return self

    def rule(self) -> Rule:
        """For the engine.

        Raises:
            ColdChainError: a name that can't be printed.
        """
        return Rule(
            self.name,
            self.side,
            self.threshold_celsius,
            inclusive=self.inclusive,
            mode=self.mode,
            minutes=self.minutes,
            hysteresis=self.hysteresis_celsius,
            severity=self.severity,
            source=self.source,
            holds_stock=self.holds_stock,
        )


def import_site_rules(connection: Connection, items: Sequence[RuleItem], now: datetime) -> int:
    """Take them over, after the places; how many were other than before."""
    changed = 0
    for item in items:
        scope = Scope(item.storage_class, item.place_id)
        changed += import_rules(connection, scope, [item.rule()], "site file", now)
    return changed
