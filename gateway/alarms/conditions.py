"""A condition becomes true of something, or stops being true: the one way into the books of alarms.

Whoever judges (readings against rules, contacts, silence, the pager's own channels) calls `raise_condition` and
`clear_condition`; both may be called again and again with what is known already. Each returns what the pages are to be
told: publish it last in the transaction (`gateway.services.live_events.publish`).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from gateway.alarms import incident_life
from gateway.alarms.alarm_lock import enter
from gateway.alarms.causes import note_cause
from gateway.alarms.incident_life import Joining
from gateway.alarms.kinds import FALLING, SEVERITIES, Severity, is_worse, kind_of, worst
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent


@dataclass(frozen=True)
class Condition:
    """Something that is true of `subject` and that somebody must know; valid if it exists."""

    kind: str
    """One of `gateway.alarms.kinds`."""
    subject: str
    """What it is true of, unique within its kind: 'device:12/<rule>', 'node:site/name', 'channel:sms', ..."""
    place_id: str | None
    device_key: int | None
    severity: Severity
    started_at: datetime
    """When it began, by event time."""
    raised_at: datetime
    """When it had lasted long enough to alarm, by event time."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What is known of it, as JSON says it: of a temperature `limit_celsius`, `peak_celsius`, `value_celsius`,
    `measured_at` (ISO 8601); of others what their page needs."""
    is_drill: bool = False
    """Injected to try the way: it never joins a real incident."""

    def __post_init__(self) -> None:
        """Refuse what nobody could answer.

        Raises:
            ValueError: an unknown kind or severity, or no subject; says what is expected.
        """
        kind_of(self.kind)
        if not self.subject:
            raise ValueError(f"condition {self.kind!r} without a subject: expected what it is true of")
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity {self.severity!r}: expected one of {', '.join(SEVERITIES)}")


_OPEN: Final = (
    "SELECT alarm_id, incident_id, returned_at, severity, peak_celsius, place_id FROM alarm"
    " WHERE condition = %(kind)s AND subject = %(subject)s AND (returned_at IS NULL"
    " OR (acknowledged_at IS NULL AND place_id IS NOT DISTINCT FROM %(place_id)s))"
    " ORDER BY (returned_at IS NOT NULL), raised_at DESC LIMIT 1 FOR UPDATE"
)


def raise_condition(connection: Connection, condition: Condition, now: datetime) -> tuple[NewLiveEvent, ...]:
    """It is true: a new alarm, the returned one again, or more about the active one. Pages what must be paged."""
    enter(connection)
    asked = {"kind": condition.kind, "subject": condition.subject, "place_id": condition.place_id}
    row = connection.execute(_OPEN, asked).fetchone()
    if row is None:
        return _raise_new(connection, condition, now)
    if row[5] != condition.place_id:
        # The same instrument at another place: what was true there has ended, and this is another alarm.
        ended = clear_condition(
            connection, condition.kind, condition.subject, condition.started_at, now=now, end_reason="moved"
        )
        return (*ended, *raise_condition(connection, condition, now))
    alarm_id, incident_id, returned_at, severity, peak_celsius, _ = row
    facts = condition.facts
    connection.execute(
        "UPDATE alarm SET returned_at = NULL, end_reason = '', severity = %s, facts = %s, limit_celsius = %s,"
        " peak_celsius = %s, last_celsius = %s, last_at = %s, times_raised = times_raised + %s WHERE alarm_id = %s",
        (
            *(worst(condition.severity, severity), Jsonb(dict(facts)), facts.get("limit_celsius")),
            *(_peak(condition, peak_celsius), facts.get("value_celsius"), _measured_at(condition)),
            *(int(returned_at is not None), alarm_id),
        ),
    )
    if returned_at is None and not is_worse(condition.severity, severity):
        return (_changed(alarm_id, incident_id, "updated"),)
    incident_life.rejoin(connection, incident_id, _joining(condition), now)
    return (_changed(alarm_id, incident_id, "raised"),)


def _raise_new(connection: Connection, condition: Condition, now: datetime) -> tuple[NewLiveEvent, ...]:
    alarm_id = uuid.uuid4()
    facts = condition.facts
    scope = scope_of(connection, condition)
    joining = _joining(condition)
    incident_id, tell = incident_life.join(connection, scope, joining, now, is_drill=condition.is_drill)
    connection.execute(
        "INSERT INTO alarm (alarm_id, incident_id, condition, subject, device_key, place_id, severity, started_at,"
        " raised_at, facts, limit_celsius, peak_celsius, last_celsius, last_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(alarm_id, incident_id, condition.kind, condition.subject, condition.device_key, condition.place_id),
            *(condition.severity, condition.started_at, condition.raised_at, Jsonb(dict(facts))),
            *(facts.get("limit_celsius"), _peak(condition, None), facts.get("value_celsius")),
            _measured_at(condition),
        ),
    )
    if kind_of(condition.kind).family == "place":
        note_cause(connection, incident_id, now)
    # Paged when the alarm stands in its table: a page takes its words from there.
    if tell is not None:
        incident_life.page(connection, incident_id, tell, now)
    return (_changed(alarm_id, incident_id, "raised"),)


def clear_condition(
    connection: Connection, kind: str, subject: str, at: datetime, *, now: datetime, end_reason: str = ""
) -> tuple[NewLiveEvent, ...]:
    """It is not true any more, since `at` by event time. Its incident stays until somebody has acknowledged it."""
    enter(connection)
    row = connection.execute(
        "UPDATE alarm SET returned_at = greatest(%s, started_at), end_reason = %s WHERE condition = %s"
        " AND subject = %s AND returned_at IS NULL RETURNING alarm_id, incident_id",
        (at, end_reason, kind, subject),
    ).fetchone()
    if row is None:
        return ()
    alarm_id, incident_id = row
    ended = {"kind": kind, "subject": subject, "at": at.isoformat(), "end_reason": end_reason}
    incident_life.condition_ended(connection, incident_id, ended, now)
    return (_changed(alarm_id, incident_id, "returned"),)


def clear_all_of(
    connection: Connection, device_key: int, at: datetime, now: datetime, end_reason: str
) -> tuple[NewLiveEvent, ...]:
    """Nothing is true of this device any more where it stood: it was moved or taken out."""
    rows = connection.execute(
        "SELECT condition, subject FROM alarm WHERE device_key = %s AND returned_at IS NULL ORDER BY raised_at",
        (device_key,),
    ).fetchall()
    told: list[NewLiveEvent] = []
    for kind, subject in rows:
        told += clear_condition(connection, kind, subject, at, now=now, end_reason=end_reason)
    return tuple(told)


def note_value(
    connection: Connection, kind: str, subject: str, value_celsius: float, at: datetime
) -> tuple[NewLiveEvent, ...]:
    """The latest value of an alarm that is active."""
    enter(connection)
    row = connection.execute(
        "UPDATE alarm SET last_celsius = %s, last_at = %s WHERE condition = %s AND subject = %s"
        " AND returned_at IS NULL RETURNING alarm_id, incident_id",
        (value_celsius, at, kind, subject),
    ).fetchone()
    return () if row is None else (_changed(row[0], row[1], "updated"),)


def is_active(connection: Connection, kind: str, subject: str) -> bool:
    """Whether it is true now, as far as the books say."""
    row = connection.execute(
        "SELECT FROM alarm WHERE condition = %s AND subject = %s AND returned_at IS NULL", (kind, subject)
    ).fetchone()
    return row is not None


def scope_of(connection: Connection, condition: Condition) -> str:
    """Which incident it belongs to: one for a fridge, one for an instrument's upkeep, one for an edge node."""
    if condition.is_drill:
        return f"drill:{condition.subject}"
    family = kind_of(condition.kind).family
    if family == "place" and condition.place_id is not None:
        return f"place:{condition.place_id}"
    if family == "node":
        return _node_scope(connection, condition)
    if condition.device_key is not None:
        return f"device:{condition.device_key}"
    return f"system:{condition.kind}/{condition.subject}"


def _node_scope(connection: Connection, condition: Condition) -> str:
    """Nodes of one site that fall silent together are one outage."""
    if condition.kind != "agent_silent":
        return f"clock:{condition.subject}"
    site = condition.subject.partition("/")[0]
    row = connection.execute(
        "SELECT i.scope FROM incident i JOIN alarm a USING (incident_id) WHERE i.closed_at IS NULL"
        " AND i.returned_at IS NULL AND a.condition = 'agent_silent' AND a.returned_at IS NULL"
        " AND starts_with(a.subject, %s) AND abs(extract(epoch FROM a.started_at - %s)) <= %s"
        " ORDER BY i.opened_at LIMIT 1",
        (f"{site}/", condition.started_at, OUTAGE_WITHIN_S),
    ).fetchone()
    return str(row[0]) if row is not None else condition.subject


OUTAGE_WITHIN_S: Final = 600.0
"""Nodes that were heard for the last time within so many seconds of each other went down together."""


def _joining(condition: Condition) -> Joining:
    return Joining(
        *(condition.kind, condition.subject, condition.severity, condition.started_at, condition.place_id),
        device_key=condition.device_key,
    )


def _peak(condition: Condition, before: float | None) -> float | None:
    peak = condition.facts.get("peak_celsius")
    if peak is None or before is None:
        return before if peak is None else float(peak)
    return min(before, float(peak)) if condition.kind in FALLING else max(before, float(peak))


def _measured_at(condition: Condition) -> datetime:
    measured = condition.facts.get("measured_at")
    return condition.raised_at if measured is None else datetime.fromisoformat(measured)


def _changed(alarm_id: uuid.UUID, incident_id: uuid.UUID, change: str) -> NewLiveEvent:
    payload = {"alarm_id": str(alarm_id), "incident_id": str(incident_id), "change": change}
    return NewLiveEvent("on_call", "alarm", payload)


def open_subjects(connection: Connection, kinds: Sequence[str]) -> dict[tuple[str, str], uuid.UUID]:
    """What is active of these kinds: kind and subject, and the incident."""
    rows = connection.execute(
        "SELECT condition, subject, incident_id FROM alarm WHERE condition = ANY(%s) AND returned_at IS NULL",
        (list(kinds),),
    ).fetchall()
    return {(kind, subject): incident_id for kind, subject, incident_id in rows}
