"""The buttons of the registration desk's page: the second identifier, and verdicts that were changed later."""

from http import HTTPStatus
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from gateway.api.taps import settle_answer, settle_changed
from gateway.api.visits_kit import Clerk
from gateway.api.work_kit import refusals
from gateway.taps.second_identifier import Answer, Question

router: Final = APIRouter(prefix="/desk", include_in_schema=False)


class _TapForm(BaseModel):
    epoch_key: int = Field(ge=0)
    seq: int = Field(ge=0)
    place: str = Field("", max_length=63)
    """Which desk the page shows alone."""


class _AnswerForm(_TapForm):
    question: Question
    matched: Literal["yes", "no"]
    presence: str = Field(max_length=1024)


@router.post("/answer")
def answer_from_page(request: Request, person: Clerk, form: Annotated[_AnswerForm, Form()]) -> Response:
    """Keep it, and show the desk again."""
    answer = Answer(form.epoch_key, form.seq, form.question, form.matched == "yes", form.presence)
    with refusals():
        settle_answer(request, answer, person.username)
    return _desk(form.place)


@router.post("/changed")
def changed_from_page(request: Request, person: Clerk, form: Annotated[_TapForm, Form()]) -> Response:
    """Keep that it was dealt with, and show the desk again."""
    with refusals():
        settle_changed(request, form.epoch_key, form.seq, person.username)
    return _desk(form.place)


def _desk(place: str) -> Response:
    where = f"?{urlencode({'place': place})}" if place else ""
    return RedirectResponse(f"/desk{where}", HTTPStatus.SEE_OTHER)
