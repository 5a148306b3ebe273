"""One step of a patient in a queue: kept as an event, projected, told to pages; told twice it is one."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.visits.day_lock import lock_day
from gateway.visits.entries import Entry, NewEvent, keep_event, known_event, project, read_entry, told
from gateway.visits.errors import VisitConflictError, VisitNotFoundError
from gateway.visits.states import Step, take


@dataclass(frozen=True)
class Acting:
    """Who does something, when, under which id."""

    event_id: uuid.UUID
    at: datetime
    by: str | None

    def also(self, what: str) -> uuid.UUID:
        """Id of what follows from it."""
        return uuid.uuid5(self.event_id, what)


@dataclass(frozen=True)
class QueueChange:
    """The place in the queue as it is now, and what pages are to be told."""

    entry: Entry
    events: tuple[NewLiveEvent, ...] = ()
    """To be published late in the same transaction; none: it was told before."""


def take_step(
    connection: Connection, entry: Entry, step: Step, acting: Acting, *, facts: Mapping[str, Any] | None = None
) -> QueueChange:
    """Keep the step, if it can follow; `facts` are kept with it.

    Raises:
        VisitRefusedError: it can't follow.
    """
    take(entry.stay, step)
    said = {
        "room_id": step.room_id,
        "priority": step.priority,
        "ordered_at": step.ordered_at.isoformat() if step.ordered_at else None,
    }
    kept = {**{name: value for name, value in said.items() if value is not None}, **(facts or {})}
    event = NewEvent(step.event_id, entry.visit_id, step.kind, step.at, acting.by, entry.entry_id, facts=kept)
    keep_event(connection, event)
    after = project(connection, entry.stay, entry.entry_id)
    return QueueChange(after, told(after, step.kind))


def open_act(connection: Connection, entry_id: uuid.UUID, kind: str, acting: Acting) -> tuple[Entry, bool]:
    """The place under its day's lock, and whether this act was told before."""
    row = connection.execute("SELECT visit_date FROM queue_entry WHERE entry_id = %s", (entry_id,)).fetchone()
    if row is None:
        raise VisitNotFoundError("queue_place_unknown", f"no place in a queue has the id {entry_id}")
    lock_day(connection, row[0])
    known = known_event(connection, acting.event_id, {kind})
    if known not in {None, entry_id}:
        raise VisitConflictError("id_conflict", f"event {acting.event_id} is of another patient: it needs a new id")
    return read_entry(connection, entry_id), known is not None
