"""What pages and programs read of visits and queues: pseudonyms and numbers; names are read through `People`."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from gateway.db.pool import Connection
from gateway.visits.calling import calling_line
from gateway.visits.entries import ticket_of
from gateway.visits.errors import VisitNotFoundError
from gateway.visits.hints import Hint, hints_of
from gateway.visits.states import OPEN_PHASES

_OPEN: Final = list(OPEN_PHASES)
_BOARD_CALLS: Final = 8
_BOARD_NEXT: Final = 6


@dataclass(frozen=True)
class QueueLine:
    """One place in a queue."""

    entry_id: uuid.UUID
    visit_id: uuid.UUID
    patient_id: uuid.UUID
    clinic_id: str
    ticket: str
    state: str
    priority: str
    due_at: datetime | None
    arrived_at: datetime
    room_id: str | None
    times_called: int
    called_at: datetime | None
    entered_at: datetime | None
    ended_at: datetime | None


_LINES: Final = (
    "SELECT entry_id, q.visit_id, v.patient_id, q.clinic_id, c.code, q.queue_number, state, priority, due_at,"
    " arrived_at, room_id, times_called, called_at, entered_at, ended_at FROM queue_entry q JOIN visit v USING"
    " (visit_id) JOIN clinic c USING (clinic_id) WHERE "
)


def _lines(connection: Connection, where: str, values: Sequence[Any]) -> list[QueueLine]:
    found = []
    for row in connection.execute((_LINES + where).encode(), values):
        line: tuple[Any, ...] = (*row[:4], ticket_of(row[4], row[5]), *row[6:])
        found.append(QueueLine(*line))
    return found


@dataclass(frozen=True)
class QueueNow:
    """A clinic's queue."""

    waiting: list[QueueLine]
    """In the order of calling."""
    called: list[QueueLine]
    in_room: list[QueueLine]
    absent: list[QueueLine]
    ended: list[QueueLine]
    """Done, left, transferred; the latest first."""


def queue_of(connection: Connection, clinic_id: str, day: date, now: datetime) -> QueueNow:
    """Everybody of that day."""
    lines = _lines(
        connection,
        "q.clinic_id = %s AND q.visit_date = %s AND state <> 'withdrawn' ORDER BY coalesce(ended_at, called_at,"
        " arrived_at) DESC",
        (clinic_id, day),
    )
    by_id = {line.entry_id: line for line in lines}
    order = [one.entry_id for one in calling_line(connection, clinic_id, day, now)]
    return QueueNow(
        waiting=[by_id[entry_id] for entry_id in order if entry_id in by_id],
        called=[line for line in lines if line.state == "called"],
        in_room=[line for line in lines if line.state == "in_room"],
        absent=[line for line in lines if line.state == "absent"],
        ended=[line for line in lines if line.state not in OPEN_PHASES],
    )


@dataclass(frozen=True)
class VisitStep:
    """One event of a visit's history."""

    event_id: uuid.UUID
    entry_id: uuid.UUID | None
    kind: str
    at: datetime
    by: str | None
    facts: dict[str, Any]
    undone: bool


@dataclass(frozen=True)
class InsuranceNow:
    """The latest question to the insurance about a visit."""

    state: str
    asked_at: datetime
    attempts: int
    next_attempt_at: datetime
    last_error: str
    answered_at: datetime | None
    result_code: str | None
    valid_from: date | None
    valid_until: date | None


@dataclass(frozen=True)
class VisitNow:
    """A visit with everything about it but the name."""

    visit_id: uuid.UUID
    patient_id: uuid.UUID
    visit_date: date
    queue_number: int
    """Of the desk: how many checked in that day until then."""
    checked_in_at: datetime
    recorded_at: datetime
    place_id: str | None
    source: str
    identified_by: str
    entries: list[QueueLine]
    """In the order of joining."""
    steps: list[VisitStep]
    insurance: InsuranceNow | None
    hints: tuple[Hint, ...]

    @property
    def current(self) -> QueueLine | None:
        """Where the patient is now."""
        return next((one for one in self.entries if one.state in OPEN_PHASES), None)

    @property
    def latest(self) -> QueueLine | None:
        """Where the patient is, or was last."""
        stayed = [one for one in self.entries if one.state != "withdrawn"]
        return self.current or (stayed[-1] if stayed else None)


def visit_now(connection: Connection, visit_id: uuid.UUID) -> VisitNow:
    """All of it.

    Raises:
        VisitNotFoundError: there is none (`visit_unknown`).
    """
    row = connection.execute(
        "SELECT visit_id, patient_id, visit_date, queue_number, checked_in_at, recorded_at, place_id, source,"
        " identified_by FROM visit WHERE visit_id = %s",
        (visit_id,),
    ).fetchone()
    if row is None:
        raise VisitNotFoundError("visit_unknown", f"no visit has the id {visit_id}")
    entries = _lines(connection, "q.visit_id = %s ORDER BY arrived_at, entry_id", (visit_id,))
    rest = (entries, _steps(connection, visit_id), _insurance(connection, visit_id), hints_of(connection, visit_id))
    values: tuple[Any, ...] = (*row, *rest)
    return VisitNow(*values)


def _steps(connection: Connection, visit_id: uuid.UUID) -> list[VisitStep]:
    rows = connection.execute(
        "SELECT e.event_id, e.entry_id, e.kind, e.occurred_at, e.username, e.facts, u.event_id IS NOT NULL"
        " FROM visit_event e LEFT JOIN visit_event u ON u.undoes_event_id = e.event_id WHERE e.visit_id = %s"
        " ORDER BY e.position",
        (visit_id,),
    )
    return [VisitStep(*row) for row in rows]


def _insurance(connection: Connection, visit_id: uuid.UUID) -> InsuranceNow | None:
    row = connection.execute(
        "SELECT state, asked_at, attempts, next_attempt_at, last_error, answered_at, result_code, valid_from,"
        " valid_until FROM insurance_check WHERE visit_id = %s ORDER BY asked_at DESC, check_id LIMIT 1",
        (visit_id,),
    ).fetchone()
    return InsuranceNow(*row) if row is not None else None


def last_step(visit: VisitNow, entry_id: uuid.UUID) -> VisitStep | None:
    """The one that `undo` takes back: the latest that stands, but never the joining."""
    stand = [
        one
        for one in visit.steps
        if one.entry_id == entry_id and one.kind not in {"undone", "queued"} and not one.undone
    ]
    return stand[-1] if stand else None


def open_visits_of(connection: Connection, patient_ids: Sequence[uuid.UUID], day: date) -> dict[uuid.UUID, uuid.UUID]:
    """Visits of that day by patient, for a list of people."""
    rows = connection.execute(
        "SELECT patient_id, visit_id FROM visit WHERE patient_id = ANY (%s) AND visit_date = %s",
        (list(patient_ids), day),
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class ClinicCount:
    """How full a clinic is now."""

    clinic_id: str
    waiting: int
    called: int
    in_room: int
    absent: int
    ended: int
    waits_since: datetime | None
    """Arrival of whoever has waited longest."""


def clinic_counts(connection: Connection, day: date) -> dict[str, ClinicCount]:
    """Of every clinic that had somebody that day."""
    rows = connection.execute(
        "SELECT clinic_id, count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'called'),"
        " count(*) FILTER (WHERE state = 'in_room'), count(*) FILTER (WHERE state = 'absent'),"
        " count(*) FILTER (WHERE state IN ('done', 'left', 'transferred')),"
        " min(arrived_at) FILTER (WHERE state = 'waiting') FROM queue_entry WHERE visit_date = %s GROUP BY 1",
        (day,),
    )
    return {row[0]: ClinicCount(*row) for row in rows}


@dataclass(frozen=True)
class BoardCall:
    """A number and a door."""

    entry_id: uuid.UUID
    ticket: str
    door_vi: str
    door_en: str
    called_at: datetime
    times_called: int


@dataclass(frozen=True)
class BoardClinic:
    """What a waiting room learns of one clinic."""

    clinic_id: str
    name_vi: str
    name_en: str
    waiting: int
    next_tickets: list[str]


@dataclass(frozen=True)
class BoardNow:
    """A board: numbers and doors, no patient."""

    calls: list[BoardCall]
    """The latest first."""
    clinics: list[BoardClinic]


def board_now(connection: Connection, clinic_ids: Sequence[str], day: date, now: datetime) -> BoardNow:
    """Of these clinics; none named: all that are in use."""
    rows = connection.execute(
        "SELECT entry_id, c.code, queue_number, r.door_vi, r.door_en, called_at, times_called FROM queue_entry q"
        " JOIN clinic c USING (clinic_id) JOIN room r USING (room_id) WHERE q.visit_date = %s AND q.state = 'called'"
        " AND (%s OR q.clinic_id = ANY (%s)) ORDER BY called_at DESC, entry_id LIMIT %s",
        (day, not clinic_ids, list(clinic_ids), _BOARD_CALLS),
    ).fetchall()
    calls = [BoardCall(row[0], ticket_of(row[1], row[2]), *row[3:]) for row in rows]
    clinics = []
    named = connection.execute(
        "SELECT clinic_id, code, name_vi, name_en FROM clinic WHERE active AND (%s OR clinic_id = ANY (%s))"
        " ORDER BY name_vi",
        (not clinic_ids, list(clinic_ids)),
    ).fetchall()
    for clinic_id, code, name_vi, name_en in named:
        line = calling_line(connection, clinic_id, day, now)
        tickets = [ticket_of(code, one.queue_number) for one in line[:_BOARD_NEXT]]
        clinics.append(BoardClinic(clinic_id, name_vi, name_en, len(line), tickets))
    return BoardNow(calls, clinics)


@dataclass(frozen=True)
class AppointmentLine:
    """An appointment of a day."""

    appointment_id: uuid.UUID
    patient_id: uuid.UUID
    clinic_id: str
    due_at: datetime | None
    state: str
    visit_id: uuid.UUID | None
    source: str
    reference: str


def appointments_of(connection: Connection, day: date) -> list[AppointmentLine]:
    """Of that day, by clinic and time."""
    rows = connection.execute(
        "SELECT appointment_id, patient_id, clinic_id, due_at, state, visit_id, source, reference FROM appointment"
        " WHERE due_on = %s ORDER BY clinic_id, due_at NULLS FIRST, reference LIMIT 2000",
        (day,),
    )
    return [AppointmentLine(*row) for row in rows]
