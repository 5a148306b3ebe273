"""Drills: an excursion that never was goes the whole way to a person and back, and each step's time is written down.

Its readings are made as an edge node makes them, read as the ingest reads them and judged by the same engine; what
follows is a real incident, marked as a drill everywhere. No reading, no place and no excursion is stored, so it is in
no record and holds no stock; and it never joins a real incident.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from edge.contracts import topics
from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.observations import OBSERVATION, TemperatureMeasured
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from gateway.alarms.conditions import Condition, clear_condition, raise_condition
from gateway.alarms.incidents import acknowledge
from gateway.db.pool import Connection
from gateway.ingest.decoder import FrameReceived, decode
from gateway.ingest.fast_frame import ReadingsFrame
from gateway.ingest.message import ReceivedMessage
from gateway.pager.errors import PagerError
from gateway.services.live_events import NewLiveEvent, publish
from inventory.cold_chain.instant import from_us, to_us
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.rule_run import RuleRun

SCHEDULE: Final = "schedule"
"""Who starts the weekly drill."""
STEPS: Final = ("injected", "decoded", "judged", "paged", "handed", "arrived", "acknowledged")
"""In their order: readings made, read, judged and an incident made, a person's page written, taken by a channel, said
to have arrived (as far as the channel says), acknowledged."""
_OBLIGATORY: Final = ("judged", "paged", "handed", "acknowledged")
_FAILED: Final = "drill_failed"
_SUBJECT: Final = "pager"
_LIMIT_CELSIUS: Final = 8.0
_INJECTED_CELSIUS: Final = 12.0
_READINGS: Final = 13
_EVERY: Final = timedelta(seconds=10)
_LATE_MAX: Final = timedelta(hours=6)
"""A weekly drill that could not begin in so long was missed: it does not begin in the night instead."""


@dataclass(frozen=True)
class Drill:
    """One drill."""

    drill_id: UUID
    started_at: datetime
    started_by: str
    state: str
    incident_id: UUID | None
    steps: Mapping[str, str]
    """When each step was reached, ISO 8601, as far as it was."""
    finished_at: datetime | None
    why: str
    """Of a failed one, the first step that was not reached, or `missed`."""

    def seconds(self) -> dict[str, float | None]:
        """From the injection to each step."""
        return {
            step: (datetime.fromisoformat(self.steps[step]) - self.started_at).total_seconds()
            if step in self.steps
            else None
            for step in STEPS
        }


_SELECT: Final = "SELECT drill_id, started_at, started_by, state, incident_id, steps, finished_at, why FROM pager_drill"


def drills(connection: Connection, limit: int = 20) -> list[Drill]:
    """The latest, newest first."""
    rows = connection.execute(f"{_SELECT} ORDER BY started_at DESC LIMIT %s".encode(), (limit,))
    return [Drill(*row) for row in rows.fetchall()]


def drill_of(connection: Connection, drill_id: UUID) -> Drill | None:
    """One; None: there is none."""
    row = connection.execute(f"{_SELECT} WHERE drill_id = %s".encode(), (drill_id,)).fetchone()
    return None if row is None else Drill(*row)


def start_drill(connection: Connection, by: str, now: datetime) -> UUID:
    """Inject it, in the caller's transaction; the pager does the rest.

    Raises:
        PagerError: one is running already (`drill_running`).
    """
    row = connection.execute(
        "INSERT INTO pager_drill (drill_id, started_at, started_by) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING drill_id",
        (uuid.uuid4(), now, by),
    ).fetchone()
    if row is None:
        raise PagerError("drill_running", "a drill is running already: wait for its end")
    drill_id: UUID = row[0]
    steps = {"injected": now.isoformat()}
    readings = _through_the_wire(drill_id, now)
    steps["decoded"] = now.isoformat()
    started_at, matured_at = _judge(readings)
    facts = {
        "limit_celsius": _LIMIT_CELSIUS,
        "value_celsius": _INJECTED_CELSIUS,
        "peak_celsius": _INJECTED_CELSIUS,
        "measured_at": now.isoformat(),
    }
    subject = f"drill:{drill_id}"
    condition = Condition(
        "temperature_high", subject, None, None, "critical", started_at, matured_at, facts, is_drill=True
    )
    live = raise_condition(connection, condition, now)
    steps["judged"] = now.isoformat()
    connection.execute(
        "UPDATE pager_drill SET steps = %s, incident_id = (SELECT incident_id FROM alarm WHERE subject = %s"
        " AND condition = 'temperature_high' LIMIT 1) WHERE drill_id = %s",
        (Jsonb(steps), subject, drill_id),
    )
    publish(connection, [*live, NewLiveEvent("on_call", "pager", {"drill": str(drill_id), "state": "running"})])
    return drill_id


def follow(connection: Connection, answer_within_s: float, now: datetime) -> Drill | None:
    """Write down how far the running drill has come; end it when it is answered or its time is over."""
    row = connection.execute(f"{_SELECT} WHERE state = 'running' FOR UPDATE SKIP LOCKED".encode()).fetchone()
    if row is None:
        return None
    drill = Drill(*row)
    steps = {**drill.steps, **_reached(connection, drill.incident_id)}
    if "acknowledged" in steps:
        return _finish(connection, drill, steps, "", now)
    if now - drill.started_at >= timedelta(seconds=answer_within_s):
        missing = next(step for step in _OBLIGATORY if step not in steps)
        return _finish(connection, drill, steps, missing, now)
    if steps != drill.steps:
        connection.execute("UPDATE pager_drill SET steps = %s WHERE drill_id = %s", (Jsonb(steps), drill.drill_id))
    return None


def _finish(connection: Connection, drill: Drill, steps: Mapping[str, str], why: str, now: datetime) -> Drill:
    state = "failed" if why else "passed"
    live: tuple[NewLiveEvent, ...] = ()
    if drill.incident_id is not None:
        live += clear_condition(
            connection, "temperature_high", f"drill:{drill.drill_id}", now, now=now, end_reason="drill_over"
        )
        if why:
            said = "Diễn tập: không có người trả lời đúng hạn."
            live += acknowledge(connection, drill.incident_id, SCHEDULE, said, channel="drill", now=now).live
    live += _tell_failure(connection, drill.drill_id, why, now)
    connection.execute(
        "UPDATE pager_drill SET state = %s, steps = %s, finished_at = %s, why = %s WHERE drill_id = %s",
        (state, Jsonb(dict(steps)), now, why, drill.drill_id),
    )
    publish(connection, [*live, NewLiveEvent("on_call", "pager", {"drill": str(drill.drill_id), "state": state})])
    return Drill(*(drill.drill_id, drill.started_at, drill.started_by, state, drill.incident_id, steps, now, why))


def _tell_failure(connection: Connection, drill_id: UUID, why: str, now: datetime) -> tuple[NewLiveEvent, ...]:
    """A drill that fails is an incident until one passes."""
    if not why:
        return clear_condition(connection, _FAILED, _SUBJECT, now, now=now)
    facts: dict[str, Any] = {"drill": str(drill_id), "why": why}
    return raise_condition(connection, Condition(_FAILED, _SUBJECT, None, None, "critical", now, now, facts), now)


def _reached(connection: Connection, incident_id: UUID | None) -> dict[str, str]:
    row = connection.execute(
        "SELECT (SELECT min(created_at) FROM page WHERE incident_id = %(id)s AND username IS NOT NULL),"
        " (SELECT min(delivered_at) FROM page WHERE incident_id = %(id)s AND username IS NOT NULL),"
        " (SELECT min(least(receipt_at, read_at)) FROM page WHERE incident_id = %(id)s AND username IS NOT NULL),"
        " (SELECT acknowledged_at FROM incident WHERE incident_id = %(id)s)",
        {"id": incident_id},
    ).fetchone()
    times = row if row is not None else ()
    return {step: at.isoformat() for step, at in zip(STEPS[3:], times, strict=False) if at is not None}


def _through_the_wire(drill_id: UUID, now: datetime) -> ReadingsFrame:
    """Readings as an edge node would send them, read by the ingest's own decoder.

    Raises:
        PagerError: what was encoded can't be decoded: the ingest is broken (`drill_decoding`).
    """
    sender = Sender("drill", "drill")
    rows = [
        OBSERVATION.dump_json(
            TemperatureMeasured(
                device_id="drill",
                occurred_at=now - _EVERY * (_READINGS - 1 - index),
                monotonic_ns=index + 1,
                temperature_celsius=_INJECTED_CELSIUS,
            )
        )
        for index in range(_READINGS)
    ]
    header = FrameHeader(
        site=sender.site,
        edge_node=sender.edge_node,
        stream=Stream.TELEMETRY,
        epoch=drill_id.hex[:16],
        boot_id=drill_id.hex[:16],
        first_seq=1,
        sent_at=now,
    )
    topic = topics.up(sender, Stream.TELEMETRY)
    decoded = decode(ReceivedMessage.of(topic, encode_frame(header, rows), now))
    if not isinstance(decoded, FrameReceived) or not isinstance(decoded.frame, ReadingsFrame):
        raise PagerError("drill_decoding", f"the drill's readings were refused by the decoder: {decoded!r:.200}")
    return decoded.frame


def _judge(frame: ReadingsFrame) -> tuple[datetime, datetime]:
    """Since when it is outside, and when that was long enough.

    Raises:
        PagerError: the engine did not find it (`drill_judging`).
    """
    rule = Rule(name="drill", side="high", threshold=_LIMIT_CELSIUS, inclusive=False, mode="consecutive", minutes=1.0)
    run = RuleRun(rule, to_us(frame.newest_occurred_at) - to_us(frame.oldest_occurred_at))
    for reading in frame.readings:
        run.advance(to_us(reading.occurred_at), reading.temperature_celsius)
    found = run.excursion()
    if found is None or found.triggered_us is None:
        raise PagerError("drill_judging", "the judge did not find the drill's excursion")
    return from_us(found.started_us), from_us(found.triggered_us)


@dataclass(frozen=True)
class WeeklyDrill:
    """When the gateway drills by itself."""

    weekday: int
    """ISO: 1 is Monday."""
    at_time: time
    since: datetime
    changed_by: str

    def due_at(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The latest time at which it was due, up to now."""
        local = now.astimezone(zone)
        day = local.date() - timedelta(days=(local.isoweekday() - self.weekday) % 7)
        due = datetime.combine(day, self.at_time, tzinfo=zone)
        return due if due <= now else datetime.combine(day - timedelta(days=7), self.at_time, tzinfo=zone)


def weekly_drill(connection: Connection) -> WeeklyDrill | None:
    """The schedule; None: none is wanted."""
    row = connection.execute("SELECT weekday, at_time, since, changed_by FROM pager_drill_schedule").fetchone()
    return None if row is None else WeeklyDrill(*row)


def schedule_weekly(connection: Connection, when: tuple[int, time] | None, by: str, now: datetime) -> None:
    """Drill each week from now on; None: no more."""
    connection.execute("DELETE FROM pager_drill_schedule")
    if when is not None:
        connection.execute(
            "INSERT INTO pager_drill_schedule (weekday, at_time, since, changed_by) VALUES (%s, %s, %s, %s)",
            (*when, now, by),
        )


def run_schedule(connection: Connection, zone: ZoneInfo, now: datetime) -> UUID | None:
    """Begin the weekly drill if it is due; one that was missed is an incident. The drill's id, if one was written."""
    weekly = weekly_drill(connection)
    if weekly is None:
        return None
    due = weekly.due_at(now, zone)
    row = connection.execute("SELECT max(started_at), bool_or(state = 'running') FROM pager_drill").fetchone()
    last, running = row if row is not None else (None, False)
    if due <= weekly.since or running or (last is not None and last >= due):
        return None
    if now - due <= _LATE_MAX:
        return start_drill(connection, SCHEDULE, now)
    drill_id = uuid.uuid4()
    connection.execute(
        "INSERT INTO pager_drill (drill_id, started_at, started_by, state, finished_at, why)"
        " VALUES (%s, %s, %s, 'failed', %s, 'missed')",
        (drill_id, now, SCHEDULE, now),
    )
    publish(connection, _tell_failure(connection, drill_id, "missed", now))
    return drill_id
