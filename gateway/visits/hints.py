"""What the clerk should know about a visit: it came on the wrong day or to the wrong clinic, late, or twice."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from gateway.db.pool import Connection
from gateway.visits.entries import ticket_of
from gateway.visits.states import OPEN_PHASES

LATE_AFTER: Final = timedelta(minutes=15)
"""A tap that the gateway hears of later than this came through an edge node's outbox."""
_OTHER_DAYS: Final = timedelta(days=31)
"""How far from today an appointment of another day is worth a word."""


@dataclass(frozen=True)
class Hint:
    """One thing to know; it stops nothing."""

    code: str
    """A key of `gateway.pages.visit_words.HINTS`."""
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class _Visit:
    patient_id: uuid.UUID
    day: date
    checked_in_at: datetime
    recorded_at: datetime


def hints_of(connection: Connection, visit_id: uuid.UUID) -> tuple[Hint, ...]:
    """Of this visit, as things are now; the weightiest first."""
    row = connection.execute(
        "SELECT patient_id, visit_date, checked_in_at, recorded_at FROM visit WHERE visit_id = %s", (visit_id,)
    ).fetchone()
    if row is None:
        return ()
    visit = _Visit(*row)
    queue, clinics = _queue_hints(connection, visit_id)
    return (*queue, *_appointment_hints(connection, visit, clinics), *_late(visit))


def _queue_hints(connection: Connection, visit_id: uuid.UUID) -> tuple[list[Hint], set[str]]:
    """And in whose queues the patient is or was."""
    rows = connection.execute(
        "SELECT state, code, queue_number, clinic_id FROM queue_entry JOIN clinic USING (clinic_id)"
        " WHERE visit_id = %s AND state <> 'withdrawn' ORDER BY arrived_at, entry_id",
        (visit_id,),
    ).fetchall()
    clinics = {clinic_id for *_, clinic_id in rows}
    for state, code, number, clinic_id in rows:
        if state == "absent":
            return [Hint("missed_call", {"ticket": ticket_of(code, number), "clinic_id": clinic_id})], clinics
    if rows and not any(state in OPEN_PHASES for state, *_ in rows):
        return [Hint("visit_over", {"ticket": ticket_of(*rows[-1][1:3])})], clinics
    return [], clinics


def _appointment_hints(connection: Connection, visit: _Visit, clinics: set[str]) -> list[Hint]:
    rows = connection.execute(
        "SELECT clinic_id, due_on, due_at FROM appointment WHERE state <> 'cancelled' AND patient_id IN"
        " (SELECT a FROM canonical_patient(%s) c, patient_aliases(c) a) AND due_on BETWEEN %s AND %s"
        " ORDER BY due_on, due_at NULLS FIRST, clinic_id",
        (visit.patient_id, visit.day - _OTHER_DAYS, visit.day + _OTHER_DAYS),
    ).fetchall()
    today = [(clinic_id, due_at) for clinic_id, due_on, due_at in rows if due_on == visit.day]
    if not today:
        others = sorted(rows, key=lambda one: (one[1] < visit.day, abs(one[1] - visit.day)))
        return [Hint("appointment_other_day", {"clinic_id": one[0], "date": one[1]}) for one in others[:1]]
    found = []
    for clinic_id, due_at in today:
        if clinics and clinic_id not in clinics:
            found.append(Hint("appointment_other_clinic", {"clinic_id": clinic_id, "due_at": due_at}))
        else:
            found.append(Hint("appointment_today", {"clinic_id": clinic_id, "due_at": due_at}))
    return found


def _late(visit: _Visit) -> list[Hint]:
    if visit.recorded_at - visit.checked_in_at <= LATE_AFTER:
        return []
    return [Hint("told_late", {"came_at": visit.checked_in_at, "told_at": visit.recorded_at})]
