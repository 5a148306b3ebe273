"""What all routes of visits and queues share: who acts, birth dates, changes told to pages, answers."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from pydantic import AwareDatetime, BaseModel, Field

from gateway.api.access import RolesRequired
from gateway.api.people_kit import reading_of
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_PROBLEMS, actor_of, now_of, zone_of
from gateway.db.pool import Connection
from gateway.people.people import Reading
from gateway.services.live_events import publish
from gateway.services.roles import DESK_ROLES, QUEUE_ROLES
from gateway.services.sessions import SignedIn
from gateway.visits.calling import BirthDates
from gateway.visits.entries import Entry
from gateway.visits.errors import VisitRefusedError
from gateway.visits.hints import Hint
from gateway.visits.priority import Priority
from gateway.visits.steps import Acting, QueueChange

VISIT_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = WORK_PROBLEMS
Clerk = Annotated[SignedIn, Depends(RolesRequired(DESK_ROLES))]
Caller = Annotated[SignedIn, Depends(RolesRequired(QUEUE_ROLES))]
SlugId = Annotated[str, Field(min_length=1, max_length=63, pattern=r"\A[a-z0-9-]+\z")]


class ActGiven(BaseModel):
    """What every act says."""

    event_id: uuid.UUID = Field(description="Made by the client for this act alone: told again, it is the same act")
    occurred_at: AwareDatetime | None = Field(default=None, description="When it happened; now, if left out")


class EntryAnswer(BaseModel):
    """A place in a queue after an act."""

    entry_id: uuid.UUID
    visit_id: uuid.UUID
    clinic_id: str
    ticket: str
    state: str
    priority: Priority
    room_id: str | None
    times_called: int
    arrived_at: datetime
    first_called_at: datetime | None


class HintAnswer(BaseModel):
    """Something to know about a visit."""

    code: str
    values: dict[str, Any]


def acting_of(request: Request, person: SignedIn, given: ActGiven) -> Acting:
    """Who acts; without a time, now.

    Raises:
        Problem: it happened later than now.
    """
    actor = actor_of(request, person, given.occurred_at)
    return Acting(given.event_id, actor.occurred_at, person.username)


def entry_answer(entry: Entry) -> EntryAnswer:
    """For programs."""
    stay = entry.stay
    return EntryAnswer.model_validate(
        {
            "entry_id": entry.entry_id,
            "visit_id": entry.visit_id,
            "clinic_id": entry.clinic_id,
            "ticket": entry.ticket,
            "state": stay.phase,
            "priority": stay.priority,
            "room_id": stay.room_id,
            "times_called": stay.times_called,
            "arrived_at": stay.arrived_at,
            "first_called_at": stay.first_called_at,
        }
    )


def hint_answers(hints: Sequence[Hint]) -> list[HintAnswer]:
    """For programs."""
    return [HintAnswer(code=hint.code, values=dict(hint.values)) for hint in hints]


def told_pages(connection: Connection, change: QueueChange) -> Entry:
    """Tell pages and boards of it; call it last in the transaction."""
    publish(connection, change.events)
    return change.entry


def births_of(reading: Reading) -> BirthDates | None:
    """So that ages give their priority; None while nobody's data can be read."""
    if not reading.people.has_keys:
        return None

    def read(connection: Connection, patient_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, date | None]:
        found = reading.read(connection, patient_ids)
        return {patient_id: patient.birth_date for patient_id, patient in found.items()}

    return read


def queue_reading(request: Request) -> Reading:
    """People, as whoever moves a queue reads them."""
    return reading_of(request, "visit")


def today_in(request: Request) -> date:
    """The hospital's day."""
    return now_of(request).astimezone(zone_of(request)).date()


def names_of_clinics(connection: Connection) -> dict[str, tuple[str, str]]:
    """By id, in both languages."""
    return {row[0]: (row[1], row[2]) for row in connection.execute("SELECT clinic_id, name_vi, name_en FROM clinic")}


def presence_facts(
    request: Request, connection: Connection, visit_id: uuid.UUID, token: str, place_id: str
) -> dict[str, Any]:
    """What a proof of presence says of this visit's patient, for the event.

    Raises:
        PresenceError: expired, of another desk, or none of ours.
        VisitRefusedError: it is of another patient (`presence_other`).
    """
    services = web_of(request).services
    if services.taps is None:
        raise VisitRefusedError("identity_missing", "no taps are judged here: say by which papers the patient is known")
    proof = services.taps.tokens.verify(token, now_of(request), place_id)
    same = connection.execute(
        "SELECT canonical_patient(patient_id) = canonical_patient(%s) FROM visit WHERE visit_id = %s",
        (proof.patient_id, visit_id),
    ).fetchone()
    if same is None or not same[0]:
        raise VisitRefusedError("presence_other", "the proof of presence is of another patient's card")
    return {"identified_by": "card", "tapped_at": proof.tapped_at.isoformat(), "place_id": proof.place_id}
