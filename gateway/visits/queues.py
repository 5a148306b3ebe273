"""What people do with a queue: join, let in, miss, return, finish, leave, transfer, and undo each.

Each act has an id made by the client: told again it answers with what there is. All acts of a day go one after the
other, under the lock under which visits are opened: numbers have no hole, and two rooms never call the same patient.
Calling is in `gateway.visits.calling`.
"""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.visits.calling import as_waiting, refuse_if_calling, refuse_other_rooms, waiting_of
from gateway.visits.day_lock import lock_day
from gateway.visits.entries import NewEvent, keep_event, known_event, project, read_entry, told
from gateway.visits.errors import VisitConflictError, VisitNotFoundError, VisitRefusedError
from gateway.visits.priority import PRIORITIES, has_priority, place_when_back
from gateway.visits.states import OPEN_PHASES, Kind, Step, fold, take, undoable
from gateway.visits.steps import Acting, QueueChange, open_act, take_step

_SIMPLE: Final[frozenset[Kind]] = frozenset({"recalled", "entered", "missed", "finished", "left", "withdrawn"})
"""Steps that say nothing besides themselves."""
_OPEN: Final = list(OPEN_PHASES)


def join_queue(
    connection: Connection,
    visit_id: uuid.UUID,
    clinic_id: str,
    acting: Acting,
    *,
    priority: str | None = None,
    due_at: datetime | None = None,
    arrived_at: datetime | None = None,
    facts: Mapping[str, Any] | None = None,
) -> QueueChange:
    """Give a visit the next number of a clinic.

    Args:
        connection: in a transaction.
        visit_id: whose.
        clinic_id: where.
        acting: who says so.
        priority: as a person says it; None: by appointment, and by age once it is looked at.
        due_at: time of the appointment.
        arrived_at: when the patient came, if that was before now.
        facts: kept with the event, such as how the clerk knew who it is.

    Raises:
        VisitNotFoundError: no such visit or clinic.
        VisitRefusedError: the patient waits already (`waits_already`).
    """
    if priority is not None and priority not in PRIORITIES:
        raise VisitRefusedError("priority_unknown", f"priority {priority!r}: expected one of {', '.join(PRIORITIES)}")
    day = _day_of_visit(connection, visit_id)
    lock_day(connection, day)
    known = known_event(connection, acting.event_id, {"queued"})
    if known is not None:
        return QueueChange(read_entry(connection, known))
    clinic = connection.execute("SELECT active FROM clinic WHERE clinic_id = %s", (clinic_id,)).fetchone()
    if clinic is None or not clinic[0]:
        raise VisitNotFoundError("clinic_unknown", f"no open clinic has the id {clinic_id!r}")
    refuse_if_waiting(connection, visit_id)
    entry_id = uuid.uuid5(acting.event_id, "entry")
    came = arrived_at or acting.at
    first = priority or ("appointment" if due_at is not None else "none")
    connection.execute(
        "INSERT INTO queue_entry (entry_id, visit_id, visit_date, clinic_id, queue_number, state, priority,"
        " priority_settled, due_at, arrived_at, ordered_at) SELECT %(entry)s, %(visit)s, %(day)s, %(clinic)s,"
        " coalesce(max(queue_number), 0) + 1, 'waiting', %(priority)s, %(settled)s, %(due)s, %(came)s, %(came)s"
        " FROM queue_entry WHERE clinic_id = %(clinic)s AND visit_date = %(day)s",
        {
            "entry": entry_id,
            "visit": visit_id,
            "day": day,
            "clinic": clinic_id,
            "priority": first,
            "settled": priority is not None,
            "due": due_at,
            "came": came,
        },
    )
    said = {**(facts or {}), "clinic_id": clinic_id, "priority": first}
    keep_event(connection, NewEvent(acting.event_id, visit_id, "queued", came, acting.by, entry_id, facts=said))
    entry = project(connection, None, entry_id)
    return QueueChange(entry, told(entry, "queued"))


def refuse_if_waiting(connection: Connection, visit_id: uuid.UUID) -> None:
    """A patient is in one queue at a time.

    Raises:
        VisitRefusedError: `waits_already`.
    """
    row = connection.execute(
        "SELECT entry_id FROM queue_entry WHERE visit_id = %s AND state = ANY (%s)", (visit_id, _OPEN)
    ).fetchone()
    if row is not None:
        there = read_entry(connection, row[0])
        raise VisitRefusedError(
            "waits_already",
            f"the patient has {there.ticket} already: transfer them instead",
            ticket=there.ticket,
            clinic_id=there.clinic_id,
        )


def act(
    connection: Connection, entry_id: uuid.UUID, kind: Kind, acting: Acting, *, room_id: str | None = None
) -> QueueChange:
    """One of the steps that say nothing besides themselves; `entered` may name the room.

    Raises:
        VisitNotFoundError: no such place in a queue, no such room there.
        VisitRefusedError: the step can't follow.
    """
    if kind not in _SIMPLE:
        raise VisitRefusedError("visit_step", f"{kind!r} is an act of its own", phase=kind)
    entry, again = open_act(connection, entry_id, kind, acting)
    if again:
        return QueueChange(entry)
    if room_id is not None:
        refuse_other_rooms(connection, entry, room_id)
    elif kind == "entered" and entry.stay.room_id is None:
        raise VisitRefusedError("room_missing", "nobody has called the patient: name the room that lets them in")
    return take_step(connection, entry, Step(acting.event_id, kind, acting.at, room_id), acting)


def prioritise(connection: Connection, entry_id: uuid.UUID, priority: str, acting: Acting) -> QueueChange:
    """A person says which priority it is; no look at the age changes it any more.

    Raises:
        VisitNotFoundError: no such place in a queue.
        VisitRefusedError: no such priority, or the patient does not wait.
    """
    if priority not in PRIORITIES:
        raise VisitRefusedError("priority_unknown", f"priority {priority!r}: expected one of {', '.join(PRIORITIES)}")
    entry, again = open_act(connection, entry_id, "prioritised", acting)
    if again:
        return QueueChange(entry)
    connection.execute("UPDATE queue_entry SET priority_settled = true WHERE entry_id = %s", (entry_id,))
    return take_step(connection, entry, Step(acting.event_id, "prioritised", acting.at, priority=priority), acting)


def bring_back(connection: Connection, entry_id: uuid.UUID, acting: Acting) -> QueueChange:
    """Who missed the call is here again: into line, behind the next few.

    Raises:
        VisitNotFoundError: no such place in a queue.
        VisitRefusedError: they have not missed a call.
    """
    entry, again = open_act(connection, entry_id, "returned", acting)
    if again:
        return QueueChange(entry)
    take(entry.stay, Step(acting.event_id, "returned", acting.at))
    back = as_waiting(entry)
    favoured = has_priority(back, acting.at)
    line = [
        one
        for one in sorted(waiting_of(connection, entry.clinic_id, entry.visit_date), key=lambda one: one.place)
        if has_priority(one, acting.at) == favoured
    ]
    ordered_at = place_when_back(line, acting.at)
    return take_step(connection, entry, Step(acting.event_id, "returned", acting.at, ordered_at=ordered_at), acting)


def transfer(connection: Connection, entry_id: uuid.UUID, to_clinic_id: str, acting: Acting) -> QueueChange:
    """On to another clinic's queue, with a number of its own; the answer is the new place.

    Raises:
        VisitNotFoundError: no such place in a queue or clinic.
        VisitRefusedError: the patient is not here any more, or it is the same clinic (`same_clinic`).
    """
    entry, again = open_act(connection, entry_id, "transferred", acting)
    if again:
        return QueueChange(read_entry(connection, uuid.uuid5(acting.also("queued"), "entry")))
    if to_clinic_id == entry.clinic_id:
        raise VisitRefusedError("same_clinic", f"the patient is in the queue of {to_clinic_id!r} already")
    went = take_step(
        connection, entry, Step(acting.event_id, "transferred", acting.at), acting, facts={"to_clinic_id": to_clinic_id}
    )
    keeps = None if entry.stay.priority in {"appointment", "none"} else entry.stay.priority
    queued = Acting(acting.also("queued"), acting.at, acting.by)
    came = join_queue(connection, entry.visit_id, to_clinic_id, queued, priority=keeps)
    return QueueChange(came.entry, (*went.events, *came.events))


def undo(
    connection: Connection, entry_id: uuid.UUID, acting: Acting, undoes_event_id: uuid.UUID | None = None
) -> QueueChange:
    """Take the latest step back; `undoes_event_id` names the one that the person saw as the latest.

    Raises:
        VisitNotFoundError: no such place in a queue.
        VisitConflictError: somebody did another step meanwhile (`step_since`).
        VisitRefusedError: there is nothing to undo, or something later builds on it.
    """
    entry, again = open_act(connection, entry_id, "undone", acting)
    if again:
        return QueueChange(entry)
    step = undoable(list(entry.steps))
    if step is None:
        raise VisitRefusedError("nothing_to_undo", f"{entry.ticket} has taken no step yet", ticket=entry.ticket)
    if undoes_event_id not in {None, step.event_id}:
        raise VisitConflictError("step_since", f"{entry.ticket} went on meanwhile: look at it", ticket=entry.ticket)
    events: tuple[NewLiveEvent, ...] = ()
    if step.kind == "transferred":
        events = _withdraw_transferred(connection, step, acting)
    if entry.stay.phase not in OPEN_PHASES:
        refuse_if_waiting(connection, entry.visit_id)
    before = fold(entry.steps[:-1])
    if before.phase == "called" and entry.stay.phase != "called" and before.room_id is not None:
        refuse_if_calling(connection, before.room_id, entry.visit_date)
    keep_event(
        connection,
        NewEvent(acting.event_id, entry.visit_id, "undone", acting.at, acting.by, entry_id, undoes=step.event_id),
    )
    back = project(connection, entry.stay, entry_id)
    return QueueChange(back, (*events, *told(back, "undone")))


def _withdraw_transferred(connection: Connection, step: Step, acting: Acting) -> tuple[NewLiveEvent, ...]:
    there = read_entry(connection, uuid.uuid5(uuid.uuid5(step.event_id, "queued"), "entry"))
    if there.stay.phase == "withdrawn":
        return ()
    if there.stay.phase != "waiting":
        raise VisitRefusedError(
            "transfer_went_on", f"{there.ticket} was called there already: undo that first", ticket=there.ticket
        )
    withdrawing = Acting(acting.also("withdrawn"), acting.at, acting.by)
    return act(connection, there.entry_id, "withdrawn", withdrawing).events


def _day_of_visit(connection: Connection, visit_id: uuid.UUID) -> date:
    row = connection.execute("SELECT visit_date FROM visit WHERE visit_id = %s", (visit_id,)).fetchone()
    if row is None:
        raise VisitNotFoundError("visit_unknown", f"no visit has the id {visit_id}")
    day: date = row[0]
    return day
