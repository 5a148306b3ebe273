"""A place in a clinic's queue as it stands in the database: read from its events, written as their projection."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.visits.errors import VisitConflictError, VisitNotFoundError
from gateway.visits.states import Stay, Step, fold, standing

_SECONDS_A_MINUTE: Final = 60


@dataclass(frozen=True)
class Entry:
    """One stay in one clinic's queue."""

    entry_id: uuid.UUID
    visit_id: uuid.UUID
    visit_date: date
    clinic_id: str
    clinic_code: str
    queue_number: int
    due_at: datetime | None
    steps: tuple[Step, ...]
    """Those that stand."""
    stay: Stay

    @property
    def ticket(self) -> str:
        """As it is printed, shown and called: `TM-012`."""
        return ticket_of(self.clinic_code, self.queue_number)


def ticket_of(clinic_code: str, queue_number: int) -> str:
    """The clinic's letters and at least three digits: never mistaken for another clinic's number."""
    return f"{clinic_code}-{queue_number:03d}"


@dataclass(frozen=True)
class NewEvent:
    """To be kept of a visit."""

    event_id: uuid.UUID
    visit_id: uuid.UUID
    kind: str
    at: datetime
    by: str | None
    """User name; None: the system."""
    entry_id: uuid.UUID | None = None
    undoes: uuid.UUID | None = None
    facts: Mapping[str, Any] | None = None


def keep_event(connection: Connection, event: NewEvent) -> None:
    """Append it."""
    connection.execute(
        "INSERT INTO visit_event (event_id, visit_id, entry_id, kind, occurred_at, username, undoes_event_id, facts)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(event.event_id, event.visit_id, event.entry_id, event.kind, event.at, event.by, event.undoes),
            Jsonb(event.facts or {}),
        ),
    )


def known_event(connection: Connection, event_id: uuid.UUID, kinds: Iterable[str]) -> uuid.UUID | None:
    """The place in the queue that this event is about, if it was told before.

    Raises:
        VisitConflictError: it was told before as something else.
    """
    row = connection.execute("SELECT kind, entry_id FROM visit_event WHERE event_id = %s", (event_id,)).fetchone()
    if row is None:
        return None
    kind, entry_id = row
    if kind not in kinds or entry_id is None:
        raise VisitConflictError("id_conflict", f"event {event_id} is known as {kind!r}: a new act needs a new id")
    return uuid.UUID(str(entry_id))


def read_entry(connection: Connection, entry_id: uuid.UUID) -> Entry:
    """As its events make it.

    Raises:
        VisitNotFoundError: there is none (`queue_place_unknown`).
    """
    row = connection.execute(
        "SELECT entry_id, visit_id, visit_date, clinic_id, code, queue_number, due_at"
        " FROM queue_entry JOIN clinic USING (clinic_id) WHERE entry_id = %s",
        (entry_id,),
    ).fetchone()
    if row is None:
        raise VisitNotFoundError("queue_place_unknown", f"no place in a queue has the id {entry_id}")
    steps = tuple(_standing_steps(connection, entry_id))
    return Entry(*(*row, steps, fold(steps)))


def _standing_steps(connection: Connection, entry_id: uuid.UUID) -> list[Step]:
    rows = connection.execute(
        "SELECT event_id, kind, occurred_at, facts, undoes_event_id FROM visit_event WHERE entry_id = %s"
        " ORDER BY position",
        (entry_id,),
    ).fetchall()
    undone = frozenset(undoes for *_, undoes in rows if undoes is not None)
    steps = (
        Step(event_id, kind, at, facts.get("room_id"), facts.get("priority"), _time(facts.get("ordered_at")))
        for event_id, kind, at, facts, _ in rows
        if kind != "undone"
    )
    return standing(steps, undone)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def project(connection: Connection, before: Stay | None, entry_id: uuid.UUID) -> Entry:
    """Bring the row, and the series of load and waiting times, to what the events say now."""
    entry = read_entry(connection, entry_id)
    stay = entry.stay
    connection.execute(
        "UPDATE queue_entry SET state = %s, priority = %s, arrived_at = %s, ordered_at = %s, room_id = %s,"
        " times_called = %s, first_called_at = %s, called_at = %s, entered_at = %s, ended_at = %s WHERE entry_id = %s",
        (
            *(stay.phase, stay.priority, stay.arrived_at, stay.ordered_at, stay.room_id, stay.times_called),
            *(stay.first_called_at, stay.called_at, stay.entered_at, stay.ended_at, entry_id),
        ),
    )
    were, are = _moments(before), _moments(stay)
    rows = [(*moment, -1) for moment in sorted(were - are)] + [(*moment, 1) for moment in sorted(are - were)]
    add_moments(connection, [(at, entry.clinic_id, measure, minutes, weight) for at, measure, minutes, weight in rows])
    return entry


def add_moments(connection: Connection, rows: list[tuple[datetime, str, str, int, int]]) -> None:
    """(time, clinic or '', measure, minutes, weight) for the series."""
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO visit_moment (occurred_at, clinic_id, measure, minutes, weight)"
                " VALUES (%s, %s, %s, %s, %s)",
                rows,
            )


def _moments(stay: Stay | None) -> set[tuple[datetime, str, int]]:
    """What a stay counts as: a place that was given by mistake as nothing."""
    if stay is None or stay.phase == "withdrawn":
        return set()
    found = {(stay.arrived_at, "queued", 0)}
    if stay.first_called_at is not None:
        found.add((stay.first_called_at, "called", _minutes(stay.arrived_at, stay.first_called_at)))
    if stay.ended_at is not None and stay.phase in {"done", "left"}:
        began = stay.entered_at if stay.phase == "done" and stay.entered_at else stay.arrived_at
        found.add((stay.ended_at, stay.phase, _minutes(began, stay.ended_at)))
    return found


def _minutes(since: datetime, until: datetime) -> int:
    return max(0, int((until - since).total_seconds()) // _SECONDS_A_MINUTE)


def told(entry: Entry, kind: str) -> tuple[NewLiveEvent, ...]:
    """What pages and boards hear of a step."""
    payload = {
        "clinic_id": entry.clinic_id,
        "entry_id": str(entry.entry_id),
        "visit_id": str(entry.visit_id),
        "room_id": entry.stay.room_id,
        "kind": kind,
    }
    return (NewLiveEvent("queue", "queue", payload), NewLiveEvent("desk", "visit", {"visit_id": str(entry.visit_id)}))
