"""What is known of an incident, for pages, messages and programs: read in one go, changed nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.alarms.kinds import FALLING, KINDS, TEMPERATURE_KINDS, Severity, is_worse
from gateway.db.pool import Connection


@dataclass(frozen=True)
class AlarmFacts:
    """One condition of an incident."""

    alarm_id: UUID
    kind: str
    subject: str
    severity: Severity
    device_key: int | None
    device: str
    """`site/edge_node/device_id`; empty if it is about no device."""
    started_at: datetime
    raised_at: datetime
    returned_at: datetime | None
    end_reason: str
    limit_celsius: float | None
    peak_celsius: float | None
    value_celsius: float | None
    measured_at: datetime
    times_raised: int
    facts: Mapping[str, Any]

    @property
    def is_active(self) -> bool:
        """Whether it is true now."""
        return self.returned_at is None


@dataclass(frozen=True)
class IncidentFacts:
    """One incident with its conditions."""

    incident_id: UUID
    incident_number: int
    scope: str
    place_id: str | None
    place_names_vi: tuple[str, ...]
    """From the place itself up to the site; empty if it is about no place."""
    place_names_en: tuple[str, ...]
    severity: Severity
    is_drill: bool
    cause: str | None
    started_at: datetime
    opened_at: datetime
    returned_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledge_comment: str | None
    silenced_until: datetime | None
    silence_kind: str | None
    silence_reason: str | None
    closed_at: datetime | None
    times_raised: int
    alarms: tuple[AlarmFacts, ...]
    """The leading one first: active before returned, worse before milder, temperatures before others, oldest first."""

    @property
    def leading(self) -> AlarmFacts:
        """What the incident is told by. Every incident has at least one condition."""
        return self.alarms[0]

    @property
    def needs_hands_now(self) -> bool:
        """False: only upkeep, it can wait for the morning."""
        return self.severity == "critical" or any(KINDS[alarm.kind].needs_hands_now for alarm in self.alarms)

    @property
    def state(self) -> str:
        """As messages name it."""
        if self.returned_at is not None:
            acknowledged = self.acknowledged_at is not None
            return "returned_to_normal_acknowledged" if acknowledged else "returned_to_normal_unacknowledged"
        if self.silence_kind is not None:
            return self.silence_kind
        return "active_acknowledged" if self.acknowledged_at is not None else "active_unacknowledged"


_INCIDENT = (
    "SELECT incident_id, incident_number, scope, place_id, severity, is_drill, cause, started_at, opened_at,"
    " returned_at, acknowledged_at, acknowledged_by, acknowledge_comment, silenced_until, silence_kind, silence_reason,"
    " closed_at, times_raised FROM incident WHERE incident_id = %s"
)
_ALARMS = (
    "SELECT a.alarm_id, a.condition, a.subject, a.severity, a.device_key,"
    " coalesce(d.site || '/' || d.edge_node || '/' || d.device_id, ''), a.started_at, a.raised_at, a.returned_at,"
    " a.end_reason, a.limit_celsius, a.peak_celsius, a.last_celsius, a.last_at, a.times_raised, a.facts FROM alarm a"
    " LEFT JOIN device d USING (device_key) WHERE a.incident_id = %s ORDER BY a.raised_at, a.alarm_id"
)
_PLACES_ABOVE = (
    "WITH RECURSIVE above AS (SELECT place_id, parent_place_id, name_vi, name_en, 1 AS depth FROM place"
    " WHERE place_id = %s UNION ALL SELECT p.place_id, p.parent_place_id, p.name_vi, p.name_en, depth + 1"
    " FROM place p JOIN above ON p.place_id = above.parent_place_id WHERE depth < 20)"
    " SELECT name_vi, name_en FROM above ORDER BY depth"
)


def incident_facts(connection: Connection, incident_id: UUID) -> IncidentFacts | None:
    """All that is known of it now; None if there is no such incident."""
    row = connection.execute(_INCIDENT, (incident_id,)).fetchone()
    if row is None:
        return None
    alarms = [AlarmFacts(*each) for each in connection.execute(_ALARMS, (incident_id,)).fetchall()]
    names = connection.execute(_PLACES_ABOVE, (row[3],)).fetchall() if row[3] is not None else []
    above = tuple(name[0] for name in names), tuple(name[1] for name in names)
    return IncidentFacts(*(*row[:4], *above, *row[4:], tuple(sorted(alarms, key=_weight))))


def _weight(alarm: AlarmFacts) -> tuple[bool, bool, bool, datetime]:
    """Sorts the leading alarm first."""
    return (
        not alarm.is_active,
        not is_worse(alarm.severity, "warning"),
        alarm.kind not in TEMPERATURE_KINDS,
        alarm.started_at,
    )


def beyond(alarm: AlarmFacts) -> str:
    """On which side of its limit a temperature is: 'above' or 'below'."""
    return "below" if alarm.kind in FALLING else "above"
