"""The page where an excursion's held goods are judged: one proposes for each what becomes of it, another confirms."""

import uuid
from http import HTTPStatus
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.excursions import detail
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, zone_of
from gateway.cold_chain import assessment
from gateway.cold_chain.assessment import Decision
from gateway.db.pool import Connection
from gateway.pages import cold_chain_words as words
from gateway.pages.excursion_routes import SIDE_WORDS
from gateway.pages.stock_overview_words import ACCOUNTS
from gateway.pages.work_out_kit import attempt
from gateway.pages.work_plain import PlainForm, Posted
from gateway.services.sessions import SignedIn
from gateway.stock.names import names_of

router: Final = APIRouter(prefix="/on-call/excursions", include_in_schema=False)


@router.get("/{excursion_id}/assess")
def assess_page(request: Request, person: Worker, excursion_id: uuid.UUID) -> HTMLResponse:
    """What is held, and what waits for a second person."""
    return _page(request, person, excursion_id)


@router.post("/{excursion_id}/assess")
def propose(request: Request, person: Worker, excursion_id: uuid.UUID, form: PlainForm) -> Response:
    """Propose for each line, or for all that have no choice of their own."""

    def act(connection: Connection) -> str:
        assessment.propose(
            connection,
            uuid.UUID(form.fields.get("assessment_id", "")),
            excursion_id,
            _decisions(connection, request, excursion_id, form),
            reason=form.fields.get("reason", ""),
            person=person.username,
            now=now_of(request),
            zone=zone_of(request),
        )
        return f"/on-call/excursions/{excursion_id}/assess"

    return attempt(request, act, lambda problem: _page(request, person, excursion_id, problem, form))


@router.post("/{excursion_id}/assess/{assessment_id}/{what}")
def act_on(request: Request, person: Worker, excursion_id: uuid.UUID, assessment_id: uuid.UUID, what: str) -> Response:
    """Confirm as the second person, or take it back."""

    def act(connection: Connection) -> str:
        if what == "confirm":
            assessment.confirm(connection, assessment_id, person.username, now_of(request), zone_of(request))
        elif what == "cancel":
            assessment.cancel(connection, assessment_id, now_of(request))
        return f"/on-call/excursions/{excursion_id}/assess"

    return attempt(request, act, lambda problem: _page(request, person, excursion_id, problem))


def _decisions(
    connection: Connection, request: Request, excursion_id: uuid.UUID, form: Posted
) -> dict[uuid.UUID, Decision]:
    allowed = get_args(Decision)
    for_all = form.fields.get("all", "")
    found: dict[uuid.UUID, Decision] = {}
    for line in assessment.held_lines(connection, excursion_id, now_of(request)):
        choice = form.fields.get(f"d-{line.hold_id}") or for_all
        if choice in allowed:
            found[line.hold_id] = choice  # type: ignore[assignment] # one of Decision
    return found


def _page(
    request: Request, person: SignedIn, excursion_id: uuid.UUID, problem: str = "", form: Posted | None = None
) -> HTMLResponse:
    web = web_of(request)
    found = detail(request, excursion_id)
    with web.services.pool.connection() as connection:
        lines = assessment.held_lines(connection, excursion_id, now_of(request))
        made = assessment.assessments(connection, excursion_id)
        people = {name for one in made for name in (one.created_by, one.second_person) if name}
        names = names_of(connection, (), (), people).people
    waiting = {line.hold_id for one in made if one.state == "waiting_second" for line in one.lines}
    values: dict[str, Any] = {
        "one": found.excursion,
        "lines": [line for line in lines if line.hold_id not in waiting],
        "made": made,
        "people": names,
        "username": person.username,
        "words": words,
        "accounts": ACCOUNTS,
        "sides": SIDE_WORDS,
        "problem": problem,
        "fields": form.fields if form else {},
        "new_id": uuid.uuid4(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return web.page(request, "assessment.html", values, status=status)
