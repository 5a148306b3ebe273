"""What the rules found, as conditions: too warm, too cold, freezing; told from one rule of one thermometer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.alarms.conditions import Condition, clear_condition, note_value, raise_condition
from gateway.alarms.kinds import TEMPERATURE_KINDS
from gateway.cold_chain.rule_book import RuleWatch
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from inventory.cold_chain.instant import from_us
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.rule_run import Excursion
from inventory.cold_chain.series import Reading

_FREEZING: Final = (-5.0, 0.5)
"""A lower threshold within these degrees Celsius is there because goods must not freeze (WHO: freeze alarm at -0.5);
one far below is a freezer's."""


@dataclass(frozen=True)
class ActiveAlarm:
    """The active alarm of a rule at a thermometer."""

    kind: str
    limit_celsius: float | None
    measured_at: datetime


def kind_of_rule(rule: Rule) -> str:
    """Which kind of condition it is to be outside this rule."""
    if rule.side == "high":
        return "temperature_high"
    return "freeze" if _FREEZING[0] <= rule.threshold <= _FREEZING[1] else "temperature_low"


def subject_of(device_key: int, rule_name: str) -> str:
    """What the condition is true of."""
    return f"device:{device_key}/{rule_name}"


def active(connection: Connection, watch: RuleWatch) -> ActiveAlarm | None:
    """What the books say of this rule at this thermometer; None: no active alarm."""
    row = connection.execute(
        "SELECT condition, limit_celsius, last_at FROM alarm WHERE subject = %s AND condition = ANY(%s)"
        " AND returned_at IS NULL ORDER BY (condition = %s) DESC LIMIT 1",
        (subject_of(watch.device_key, watch.rule.name), sorted(TEMPERATURE_KINDS), kind_of_rule(watch.rule)),
    ).fetchone()
    return None if row is None else ActiveAlarm(*row)


def open_alarm(
    connection: Connection, watch: RuleWatch, excursion: Excursion, last: Reading, now: datetime
) -> tuple[NewLiveEvent, ...]:
    """Outside for long enough."""
    goes_on = excursion.ended_us is None
    triggered_us = excursion.triggered_us if excursion.triggered_us is not None else excursion.started_us
    raised_at = from_us(triggered_us)
    rule = watch.rule
    facts: dict[str, Any] = {
        "rule": rule.name,
        "minutes": rule.minutes,
        "source": rule.source,
        "holds_stock": rule.holds_stock,
        "limit_celsius": rule.threshold,
        "peak_celsius": excursion.peak,
        "value_celsius": last.value if goes_on else excursion.peak,
        "measured_at": (last.occurred_at if goes_on else raised_at).isoformat(),
    }
    condition = Condition(
        kind=kind_of_rule(rule),
        subject=subject_of(watch.device_key, rule.name),
        place_id=watch.place_id,
        device_key=watch.device_key,
        severity=rule.severity,
        started_at=from_us(excursion.started_us),
        raised_at=raised_at,
        facts=facts,
    )
    return (*_end_other_kinds(connection, watch, raised_at, now), *raise_condition(connection, condition, now))


def _end_other_kinds(connection: Connection, watch: RuleWatch, at: datetime, now: datetime) -> tuple[NewLiveEvent, ...]:
    """The rule was edited to mean something else: what it was before has ended."""
    before = active(connection, watch)
    if before is None or before.kind == kind_of_rule(watch.rule):
        return ()
    subject = subject_of(watch.device_key, watch.rule.name)
    return clear_condition(connection, before.kind, subject, at, now=now, end_reason="rule_changed")


def close(
    connection: Connection, watch: RuleWatch, last: Reading, at: datetime, now: datetime
) -> tuple[NewLiveEvent, ...]:
    """Back inside, or inside by what the rule says now."""
    before = active(connection, watch)
    if before is None:
        return ()
    subject = subject_of(watch.device_key, watch.rule.name)
    note_value(connection, before.kind, subject, last.value, last.occurred_at)
    reason = "rule_changed" if before.limit_celsius != watch.rule.threshold else ""
    return clear_condition(connection, before.kind, subject, at, now=now, end_reason=reason)


def note(connection: Connection, watch: RuleWatch, last: Reading) -> tuple[NewLiveEvent, ...]:
    """Its latest value."""
    before = active(connection, watch)
    if before is None:
        return ()
    subject = subject_of(watch.device_key, watch.rule.name)
    return note_value(connection, before.kind, subject, last.value, last.occurred_at)


def end_unwatched(
    connection: Connection, device_key: int, rule_name: str, at: datetime, now: datetime
) -> tuple[NewLiveEvent, ...]:
    """A rule that watches no more: switched off, renamed, or its goods have left."""
    live: list[NewLiveEvent] = []
    subject = subject_of(device_key, rule_name)
    for kind in sorted(TEMPERATURE_KINDS):
        live += clear_condition(connection, kind, subject, at, now=now, end_reason="rule_changed")
    return tuple(live)
