"""Visits in the JSON API: somebody comes without a card, joins a queue, the insurance is asked again."""

import uuid
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gateway.api.v1 import PREFIX
from gateway.api.visits_kit import (
    VISIT_PROBLEMS,
    ActGiven,
    Caller,
    Clerk,
    EntryAnswer,
    HintAnswer,
    SlugId,
    acting_of,
    entry_answer,
    hint_answers,
    told_pages,
)
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, refusals, zone_of
from gateway.services.live_events import publish
from gateway.visits.insurance_codes import verdict_of
from gateway.visits.insurance_desk import ask_again
from gateway.visits.opening import IdentifiedBy, open_visit
from gateway.visits.priority import Priority
from gateway.visits.queues import join_queue
from gateway.visits.reads import InsuranceNow, QueueLine, VisitNow, visit_now

router: Final = APIRouter(prefix=f"{PREFIX}/visits", tags=["desk"], responses=VISIT_PROBLEMS)


class WalkIn(ActGiven):
    """Somebody who shows no card."""

    patient_id: uuid.UUID
    identified_by: IdentifiedBy = Field(description="How the clerk knows who it is; it stays with the visit")
    place_id: SlugId | None = Field(default=None, description="The desk")
    clinic_id: SlugId | None = Field(default=None, description="Whose queue; by appointment or desk, if left out")
    priority: Priority | None = Field(default=None, description="By age and appointment, if left out")


class JoinGiven(ActGiven):
    """A visit joins a queue."""

    clinic_id: SlugId
    priority: Priority | None = Field(default=None, description="By age and appointment, if left out")


class OpenedAnswer(BaseModel):
    """What came of opening a visit."""

    visit_id: uuid.UUID
    is_new: bool
    hints: list[HintAnswer]


class InsuranceAsked(BaseModel):
    """The question that waits."""

    check_id: uuid.UUID


class InsuranceAnswer(BaseModel):
    """What the insurance said, or why it has not yet."""

    state: str
    verdict: str | None
    result_code: str | None
    valid_from: date | None
    valid_until: date | None
    attempts: int
    last_error: str
    next_attempt_at: datetime | None


class LineAnswer(BaseModel):
    """One place in a queue."""

    entry_id: uuid.UUID
    clinic_id: str
    ticket: str
    state: str
    priority: str
    arrived_at: datetime
    room_id: str | None


class StepAnswer(BaseModel):
    """One event of the history."""

    event_id: uuid.UUID
    entry_id: uuid.UUID | None
    kind: str
    occurred_at: datetime
    username: str | None
    facts: dict[str, Any]
    undone: bool


class VisitAnswer(BaseModel):
    """A visit by pseudonym."""

    visit_id: uuid.UUID
    patient_id: uuid.UUID
    visit_date: date
    desk_number: int
    checked_in_at: datetime
    source: str
    identified_by: str
    queues: list[LineAnswer]
    history: list[StepAnswer]
    hints: list[HintAnswer]
    insurance: InsuranceAnswer | None


def line_answer(line: QueueLine) -> LineAnswer:
    """For programs."""
    return LineAnswer(
        entry_id=line.entry_id,
        clinic_id=line.clinic_id,
        ticket=line.ticket,
        state=line.state,
        priority=line.priority,
        arrived_at=line.arrived_at,
        room_id=line.room_id,
    )


@router.post("", summary="Open a visit without a card", status_code=HTTPStatus.CREATED)
def walk_in(request: Request, response: Response, person: Clerk, given: WalkIn) -> OpenedAnswer:
    """One visit a person and day: who is here already keeps their visit (status 200)."""
    acting = acting_of(request, person, given)
    with web_of(request).services.pool.connection() as connection, refusals():
        opened = open_visit(
            connection,
            given.patient_id,
            acting.at,
            given.place_id,
            zone_of(request),
            source="guardian" if given.identified_by == "guardian" else "walk_in",
            clinic_id=given.clinic_id,
            priority=given.priority,
            identified_by=given.identified_by,
            by=person.username,
            received_at=now_of(request),
        )
        publish(connection, opened.events)
    if not opened.is_new:
        response.status_code = HTTPStatus.OK
    return OpenedAnswer(visit_id=opened.visit_id, is_new=opened.is_new, hints=hint_answers(opened.hints))


@router.get("/{visit_id}", summary="A visit with its queues, history and hints, without the name")
def visit(request: Request, person: Caller, visit_id: uuid.UUID) -> VisitAnswer:
    """By pseudonym."""
    del person
    with web_of(request).services.pool.connection() as connection, refusals():
        return visit_answer(visit_now(connection, visit_id))


@router.post("/{visit_id}/queue", summary="Give a visit the next number of a clinic", status_code=HTTPStatus.CREATED)
def join(request: Request, person: Clerk, visit_id: uuid.UUID, given: JoinGiven) -> EntryAnswer:
    """Refused while the patient waits elsewhere: transfer them instead."""
    acting = acting_of(request, person, given)
    with web_of(request).services.pool.connection() as connection, refusals():
        change = join_queue(connection, visit_id, given.clinic_id, acting, priority=given.priority)
        return entry_answer(told_pages(connection, change))


@router.post("/{visit_id}/insurance-check", summary="Ask the insurance again", status_code=HTTPStatus.ACCEPTED)
def check_insurance(request: Request, person: Clerk, visit_id: uuid.UUID) -> InsuranceAsked:
    """It is asked as soon as its service answers; what comes of it stands in the visit."""
    with web_of(request).services.pool.connection() as connection, refusals():
        check_id = ask_again(connection, visit_id, person.username, now_of(request))
    return InsuranceAsked(check_id=check_id)


def visit_answer(now: VisitNow) -> VisitAnswer:
    """For programs."""
    return VisitAnswer(
        visit_id=now.visit_id,
        patient_id=now.patient_id,
        visit_date=now.visit_date,
        desk_number=now.queue_number,
        checked_in_at=now.checked_in_at,
        source=now.source,
        identified_by=now.identified_by,
        queues=[line_answer(line) for line in now.entries],
        history=[
            StepAnswer(
                event_id=step.event_id,
                entry_id=step.entry_id,
                kind=step.kind,
                occurred_at=step.at,
                username=step.by,
                facts=step.facts,
                undone=step.undone,
            )
            for step in now.steps
        ],
        hints=hint_answers(now.hints),
        insurance=_insurance(now.insurance),
    )


def _insurance(now: InsuranceNow | None) -> InsuranceAnswer | None:
    if now is None:
        return None
    return InsuranceAnswer(
        state=now.state,
        verdict=verdict_of(now.result_code) if now.result_code else None,
        result_code=now.result_code,
        valid_from=now.valid_from,
        valid_until=now.valid_until,
        attempts=now.attempts,
        last_error=now.last_error,
        next_attempt_at=now.next_attempt_at if now.state == "waiting" else None,
    )
