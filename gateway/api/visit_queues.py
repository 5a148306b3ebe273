"""Queues in the JSON API: who waits, calling the next, and every step of a patient with its undoing."""

import uuid
from typing import Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gateway.api.v1 import PREFIX
from gateway.api.visits import LineAnswer, line_answer
from gateway.api.visits_kit import (
    VISIT_PROBLEMS,
    ActGiven,
    Caller,
    EntryAnswer,
    SlugId,
    acting_of,
    births_of,
    entry_answer,
    queue_reading,
    today_in,
    told_pages,
)
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, refusals
from gateway.db.pool import Connection
from gateway.visits import queues
from gateway.visits.calling import call_next, call_one
from gateway.visits.errors import VisitRefusedError
from gateway.visits.priority import Priority
from gateway.visits.reads import queue_of
from gateway.visits.steps import Acting, QueueChange

router: Final = APIRouter(prefix=f"{PREFIX}/queues", tags=["desk"], responses=VISIT_PROBLEMS)
Act = Literal[
    "call", "recall", "enter", "miss", "return", "finish", "leave", "transfer", "withdraw", "prioritise", "undo"
]
_STEPS: Final = {
    "recall": "recalled",
    "enter": "entered",
    "miss": "missed",
    "finish": "finished",
    "leave": "left",
    "withdraw": "withdrawn",
}


class QueueAnswer(BaseModel):
    """A clinic's queue of today."""

    clinic_id: str
    waiting: list[LineAnswer] = Field(description="In the order of calling")
    called: list[LineAnswer]
    in_room: list[LineAnswer]
    absent: list[LineAnswer]
    ended: list[LineAnswer]


class CallGiven(ActGiven):
    """A door calls the next patient."""

    finish_current: bool = Field(default=False, description="Whoever is in the room is done")


class StepGiven(ActGiven):
    """A step of one patient."""

    act: Act
    room_id: SlugId | None = Field(default=None, description="For call and enter: the door")
    clinic_id: SlugId | None = Field(default=None, description="For transfer: where to")
    priority: Priority | None = Field(default=None, description="For prioritise")
    undoes_event_id: uuid.UUID | None = Field(
        default=None, description="For undo: the step that was seen as the latest; refused if another came since"
    )


@router.get("/{clinic_id}", summary="A clinic's queue of today, by pseudonym")
def queue(request: Request, person: Caller, clinic_id: SlugId) -> QueueAnswer:
    """Empty where nobody came, whatever the clinic."""
    del person
    with web_of(request).services.pool.connection() as connection:
        now = queue_of(connection, clinic_id, today_in(request), now_of(request))
    lists = {name: [line_answer(one) for one in lines] for name, lines in vars(now).items()}
    return QueueAnswer(clinic_id=clinic_id, **lists)


@router.post("/rooms/{room_id}/call-next", summary="Call whoever is next to a door")
def call(request: Request, person: Caller, room_id: SlugId, given: CallGiven) -> EntryAnswer:
    """By the rule that the README of `gateway.visits` tells; nobody waits for ever."""
    acting = acting_of(request, person, given)
    births = births_of(queue_reading(request))
    with web_of(request).services.pool.connection() as connection, refusals():
        change = call_next(connection, room_id, today_in(request), acting, births, finish_current=given.finish_current)
        return entry_answer(told_pages(connection, change))


@router.post("/entries/{entry_id}", summary="A step of one patient, or its undoing")
def step(request: Request, person: Caller, entry_id: uuid.UUID, given: StepGiven) -> EntryAnswer:
    """The place in the queue after it; of a transfer the new one."""
    acting = acting_of(request, person, given)
    with web_of(request).services.pool.connection() as connection, refusals():
        return entry_answer(told_pages(connection, take(connection, entry_id, acting, given)))


def take(connection: Connection, entry_id: uuid.UUID, acting: Acting, given: StepGiven) -> QueueChange:
    """The act that was asked for.

    Raises:
        VisitNotFoundError: something named is not there.
        VisitRefusedError: it can't be done now, or a member that it needs is missing.
    """
    match given.act:
        case "call":
            return call_one(connection, entry_id, _needed(given.room_id, "room_missing"), acting)
        case "return":
            return queues.bring_back(connection, entry_id, acting)
        case "transfer":
            return queues.transfer(connection, entry_id, _needed(given.clinic_id, "clinic_missing"), acting)
        case "prioritise":
            return queues.prioritise(connection, entry_id, _needed(given.priority, "priority_missing"), acting)
        case "undo":
            return queues.undo(connection, entry_id, acting, given.undoes_event_id)
    return queues.act(connection, entry_id, _STEPS[given.act], acting, room_id=given.room_id)  # type: ignore[arg-type]  # all are kinds


def _needed(value: str | None, code: str) -> str:
    if value is None:
        raise VisitRefusedError(code, f"{code}: name it")
    return value
