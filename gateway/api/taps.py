"""What a clerk says of a tap: whether the second identifier matched; that a changed verdict was dealt with."""

from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gateway.api.visits_kit import VISIT_PROBLEMS, Clerk
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, refusals
from gateway.services.live_events import NewLiveEvent, publish
from gateway.stock.errors import WorkRefusedError
from gateway.taps.second_identifier import Answer, Question, keep_answer, mark_seen

router: Final = APIRouter(prefix="/api/v1/taps/{epoch_key}/{seq}", responses=VISIT_PROBLEMS, tags=["desk"])


class AnswerGiven(BaseModel):
    """What the clerk found."""

    question: Question
    matched: bool
    presence: str = Field(max_length=1024, description="The tap's proof of presence: good for ten minutes at its desk")


def settle_answer(request: Request, answer: Answer, username: str) -> None:
    """Keep an answer and tell the pages.

    Raises:
        WarehouseError: it is refused.
    """
    services = web_of(request).services
    if services.taps is None:
        raise WorkRefusedError("presence_forged", "no taps are judged here, so nothing proves a presence")
    with services.pool.connection() as connection:
        keep_answer(connection, services.taps.tokens, answer, username, now_of(request))
        publish(connection, [_settled(answer.epoch_key, answer.seq)])


def settle_changed(request: Request, epoch_key: int, seq: int, username: str) -> None:
    """Keep that somebody has dealt with a changed verdict, and tell the pages.

    Raises:
        WarehouseError: there is no such tap.
    """
    with web_of(request).services.pool.connection() as connection:
        mark_seen(connection, epoch_key, seq, username, now_of(request))
        publish(connection, [_settled(epoch_key, seq)])


@router.post("/second-identifier", status_code=204, summary="Whether the second identifier matched")
def second_identifier(request: Request, person: Clerk, epoch_key: int, seq: int, given: AnswerGiven) -> Response:
    """Needs the tap's proof of presence. Said twice, it changes nothing; said otherwise, it is refused."""
    with refusals():
        settle_answer(request, Answer(epoch_key, seq, given.question, given.matched, given.presence), person.username)
    return Response(status_code=204)


@router.post("/seen", status_code=204, summary="A changed verdict was dealt with")
def seen(request: Request, person: Clerk, epoch_key: int, seq: int) -> Response:
    """Of a tap that the desk was told otherwise about while it was cut off."""
    with refusals():
        settle_changed(request, epoch_key, seq, person.username)
    return Response(status_code=204)


def _settled(epoch_key: int, seq: int) -> NewLiveEvent:
    return NewLiveEvent("desk", "tap_settled", {"epoch_key": epoch_key, "seq": seq})
