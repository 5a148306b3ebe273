"""Calling: who is next in a clinic, and one patient at a time to a door."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.visits.day_lock import lock_day
from gateway.visits.entries import Entry, known_event, read_entry
from gateway.visits.errors import VisitNotFoundError, VisitRefusedError
from gateway.visits.priority import PRIORITY_RUN, Waiting, calling_order, has_priority, priority_by_age, run_of
from gateway.visits.states import Step
from gateway.visits.steps import Acting, QueueChange, open_act, take_step

BirthDates = Callable[[Connection, Sequence[uuid.UUID]], Mapping[uuid.UUID, date | None]]
"""Of patients by pseudonym: whoever asks may read them, and the reading is audited."""


def call_next(
    connection: Connection,
    room_id: str,
    day: date,
    acting: Acting,
    birth_dates: BirthDates | None = None,
    *,
    finish_current: bool = False,
) -> QueueChange:
    """Call whoever is next in the room's clinic by the rule of `gateway.visits.priority`.

    Args:
        connection: in a transaction.
        room_id: which door calls.
        day: the local one.
        acting: who calls.
        birth_dates: so that children and the elderly have their priority before it is decided.
        finish_current: end the visit of whoever is in the room.

    Raises:
        VisitNotFoundError: no such room.
        VisitRefusedError: nobody waits (`queue_empty`), or the door has called somebody already (`room_calling`).
    """
    lock_day(connection, day)
    known = known_event(connection, acting.event_id, {"called"})
    if known is not None:
        return QueueChange(read_entry(connection, known))
    clinic_id = clinic_of_room(connection, room_id)
    refuse_if_calling(connection, room_id, day)
    finished: tuple[NewLiveEvent, ...] = ()
    if finish_current:
        finished = _finish_in(connection, room_id, day, acting)
    if birth_dates is not None:
        settle_priorities(connection, clinic_id, day, birth_dates, acting.at)
    line = calling_line(connection, clinic_id, day, acting.at)
    if not line:
        raise VisitRefusedError("queue_empty", f"nobody waits for clinic {clinic_id!r}", clinic_id=clinic_id)
    change = _call(connection, line[0], room_id, acting, chosen=False)
    return QueueChange(change.entry, (*finished, *change.events))


def call_one(connection: Connection, entry_id: uuid.UUID, room_id: str, acting: Acting) -> QueueChange:
    """Call this patient, out of turn: it is kept that a person chose them.

    Raises:
        VisitNotFoundError: no such place in a queue, no such room there.
        VisitRefusedError: the patient does not wait, or the door has called somebody already.
    """
    entry, again = open_act(connection, entry_id, "called", acting)
    if again:
        return QueueChange(entry)
    refuse_other_rooms(connection, entry, room_id)
    refuse_if_calling(connection, room_id, entry.visit_date)
    return _call(connection, as_waiting(entry), room_id, acting, chosen=True)


def settle_priorities(
    connection: Connection, clinic_id: str, day: date, birth_dates: BirthDates, at: datetime
) -> tuple[NewLiveEvent, ...]:
    """Give whoever waits the priority of their age, if nobody has looked yet; then it takes the day's lock."""
    if not _unsettled(connection, clinic_id, day):
        return ()
    lock_day(connection, day)
    unsettled = _unsettled(connection, clinic_id, day)
    if not unsettled:
        return ()
    born = birth_dates(connection, [patient_id for _, patient_id in unsettled])
    events: list[NewLiveEvent] = []
    for entry_id, patient_id in unsettled:
        priority = priority_by_age(born.get(patient_id), day)
        connection.execute("UPDATE queue_entry SET priority_settled = true WHERE entry_id = %s", (entry_id,))
        if priority != "none":
            acting = Acting(uuid.uuid5(entry_id, "age"), at, None)
            step = Step(acting.event_id, "prioritised", at, priority=priority)
            events += take_step(connection, read_entry(connection, entry_id), step, acting).events
    return tuple(events)


def _unsettled(connection: Connection, clinic_id: str, day: date) -> list[tuple[uuid.UUID, uuid.UUID]]:
    rows = connection.execute(
        "SELECT entry_id, patient_id FROM queue_entry q JOIN visit USING (visit_id) WHERE clinic_id = %s"
        " AND q.visit_date = %s AND state = ANY (%s) AND NOT priority_settled ORDER BY q.queue_number",
        (clinic_id, day, ["waiting", "absent"]),
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


def calling_line(connection: Connection, clinic_id: str, day: date, now: datetime) -> list[Waiting]:
    """Who waits, in the order of calling."""
    recent = connection.execute(
        "SELECT (facts->>'favoured')::boolean FROM visit_event e JOIN queue_entry USING (entry_id) WHERE kind ="
        " 'called' AND clinic_id = %s AND visit_date = %s AND facts->>'favoured' IS NOT NULL AND NOT EXISTS (SELECT"
        " FROM visit_event u WHERE u.undoes_event_id = e.event_id) ORDER BY e.position DESC LIMIT %s",
        (clinic_id, day, PRIORITY_RUN),
    ).fetchall()
    return calling_order(waiting_of(connection, clinic_id, day), run_of([row[0] for row in recent]), now)


def clinic_of_room(connection: Connection, room_id: str) -> str:
    """Whose patients a room calls.

    Raises:
        VisitNotFoundError: no such room in use (`room_unknown`).
    """
    row = connection.execute("SELECT clinic_id FROM room WHERE room_id = %s AND active", (room_id,)).fetchone()
    if row is None:
        raise VisitNotFoundError("room_unknown", f"no room in use has the id {room_id!r}")
    return str(row[0])


def waiting_of(connection: Connection, clinic_id: str, day: date) -> list[Waiting]:
    """Who waits, in no order."""
    rows = connection.execute(
        "SELECT entry_id, priority, ordered_at, queue_number, due_at FROM queue_entry WHERE clinic_id = %s"
        " AND visit_date = %s AND state = 'waiting'",
        (clinic_id, day),
    )
    return [Waiting(*row) for row in rows]


def as_waiting(entry: Entry) -> Waiting:
    """As the rule of calling sees a place in the queue."""
    stay = entry.stay
    return Waiting(entry.entry_id, stay.priority, stay.ordered_at, entry.queue_number, entry.due_at)  # type: ignore[arg-type]  # the table holds no other


def _call(connection: Connection, one: Waiting, room_id: str, acting: Acting, *, chosen: bool) -> QueueChange:
    facts: dict[str, Any] = {"chosen": chosen}
    if one.priority != "emergency" and not chosen:
        facts["favoured"] = has_priority(one, acting.at)
    entry = read_entry(connection, one.entry_id)
    return take_step(connection, entry, Step(acting.event_id, "called", acting.at, room_id), acting, facts=facts)


def _finish_in(connection: Connection, room_id: str, day: date, acting: Acting) -> tuple[NewLiveEvent, ...]:
    rows = connection.execute(
        "SELECT entry_id FROM queue_entry WHERE room_id = %s AND visit_date = %s AND state = 'in_room'"
        " ORDER BY entered_at",
        (room_id, day),
    ).fetchall()
    events: list[NewLiveEvent] = []
    for (entry_id,) in rows:
        finishing = Acting(acting.also(f"finish {entry_id}"), acting.at, acting.by)
        step = Step(finishing.event_id, "finished", acting.at)
        events += take_step(connection, read_entry(connection, entry_id), step, finishing).events
    return tuple(events)


def refuse_other_rooms(connection: Connection, entry: Entry, room_id: str) -> None:
    """A room calls patients of its own clinic.

    Raises:
        VisitRefusedError: `room_of_another`.
    """
    if clinic_of_room(connection, room_id) != entry.clinic_id:
        raise VisitRefusedError(
            "room_of_another",
            f"room {room_id!r} is of another clinic: transfer {entry.ticket} first",
            ticket=entry.ticket,
        )


def refuse_if_calling(connection: Connection, room_id: str, day: date) -> None:
    """A door calls one patient at a time.

    Raises:
        VisitRefusedError: `room_calling`.
    """
    row = connection.execute(
        "SELECT entry_id FROM queue_entry WHERE room_id = %s AND visit_date = %s AND state = 'called'", (room_id, day)
    ).fetchone()
    if row is not None:
        ticket = read_entry(connection, row[0]).ticket
        raise VisitRefusedError(
            "room_calling",
            f"{ticket} is called to {room_id!r}: let them in or say that they are missing",
            ticket=ticket,
        )
