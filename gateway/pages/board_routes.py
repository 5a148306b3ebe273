"""The board of a waiting room: numbers and doors on a large screen, live, by a link without an account."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from gateway.api.access import PUBLIC
from gateway.api.clinics import BoardKeeper
from gateway.api.problems import Problem
from gateway.api.web import Web, web_of
from gateway.api.work_kit import now_of, refusals
from gateway.pages.live import LiveStream, SignedOutError
from gateway.pages.queue_view import touched_by
from gateway.pages.speech import Speech
from gateway.pages.translations import N_
from gateway.pages.view import BANNER, Scene, View
from gateway.pages.visit_kit import PostedVisit, show_visit_page
from gateway.services.app_services import DbConnection
from gateway.services.sessions import SignedIn
from gateway.visits.boards import Board, board_of, boards, make_board, revoke_board
from gateway.visits.clinics import read_clinics
from gateway.visits.reads import board_now

router: Final = APIRouter(include_in_schema=False)
_NAME_MAX: Final = 120
_PUBLIC: Final = [Depends(PUBLIC)]


def _no_fragment(_scene: Scene, _argument: str) -> Mapping[str, Any]:
    return {}


_VIEW: Final = View(
    audience="queue",
    path="/board",
    template="board.html",
    roles=frozenset(),
    fragments=MappingProxyType({BANNER: _no_fragment, "board": _no_fragment}),
    touched=touched_by("", "board"),
)


@dataclass(frozen=True)
class BoardStream(LiveStream):
    """A board's stream: its link is looked up at every message, so that one taken back goes dark at once."""

    def _draw(self, names: Sequence[str]) -> str:
        del names
        now = self.web.services.clock()
        with self.web.services.pool.connection() as connection:
            board = board_of(connection, self.token, now)
            if board is None:
                raise SignedOutError
            return draw_board(self.web, connection, board, now)


def draw_board(web: Web, connection: DbConnection, board: Board, now: datetime) -> Markup:
    """The one fragment."""
    speech = web.speech_in(board.language)
    today = speech.local(now).date()
    shown = board_now(connection, board.clinic_ids, today, now)
    calls = [(call, spoken(speech, call.ticket, speech.named(call.door_vi, call.door_en))) for call in shown.calls]
    values = {"board": board, "shown": shown, "calls": calls, "now": now}
    # The template engine has escaped every value already.
    return Markup(web.render("fragments/board.html", speech, values))  # noqa: S704 - see above


def spoken(speech: Speech, ticket: str, door: str) -> str:
    """As it is called out: letters one by one, the number as a number."""
    letters, _, number = ticket.partition("-")
    said = f"{' '.join(letters)} {int(number)}"
    return speech.text(N_("Number %(ticket)s, please come to %(door)s"), ticket=said, door=door)


def _board(request: Request, connection: DbConnection, token: str) -> Board:
    board = board_of(connection, token, now_of(request))
    if board is None:
        raise Problem(
            HTTPStatus.GONE,
            "board_gone",
            N_("This board's link is no longer valid"),
            N_("Ask the registration desk for a new link."),
        )
    return board


@router.get("/board/{token}", dependencies=_PUBLIC)
def board_page(request: Request, token: str) -> HTMLResponse:
    """For the screen: nothing but numbers and doors.

    Raises:
        Problem: 410, there is no such link, or it was taken back.
    """
    web, now = web_of(request), now_of(request)
    with web.services.pool.connection() as connection:
        board = _board(request, connection, token)
        row = connection.execute("SELECT coalesce(max(live_event_id), 0) FROM live_event").fetchone()
        fragment = draw_board(web, connection, board, now)
    values = {"board": board, "fragment": fragment, "stream": f"/board/{token}/live", "after_id": row[0] if row else 0}
    html = web.render(
        "board.html", web.speech_in(board.language), {**values, "now": now, "person": None, "path": "/board"}
    )
    return HTMLResponse(html, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


@router.get("/board/{token}/live", dependencies=_PUBLIC)
def board_stream(request: Request, token: str, after: Annotated[int | None, Query(ge=0)] = None) -> Response:
    """Its events.

    Raises:
        Problem: 410, as the page.
    """
    web = web_of(request)
    with web.services.pool.connection() as connection:
        _board(request, connection, token)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = BoardStream(web, _VIEW, token, None)
    return StreamingResponse(stream.messages(after), media_type="text/event-stream", headers=headers)


def _show_boards(request: Request, link: str = "", problem: str = "") -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        values = {"boards": boards(connection), "clinics": read_clinics(connection), "link": link}
    return show_visit_page(request, "visit_boards.html", values, problem=problem)


@router.get("/desk/boards")
def boards_page(request: Request, person: BoardKeeper) -> HTMLResponse:
    """Which screens there are."""
    del person
    return _show_boards(request)


@router.post("/desk/boards")
async def make_from_page(request: Request, person: BoardKeeper) -> HTMLResponse:
    """A new link; shown once."""
    form = await request.form()
    name = str(form.get("name", "")).strip()[:_NAME_MAX] or "-"
    clinic_ids = [str(one) for one in form.getlist("clinic_id")]
    language = "en" if form.get("language") == "en" else "vi"
    return await run_in_threadpool(_make, request, person, name, clinic_ids, language)


def _make(request: Request, person: SignedIn, name: str, clinic_ids: list[str], language: str) -> HTMLResponse:
    web = web_of(request)
    with web.services.pool.connection() as connection:
        known = {one.clinic_id for one in read_clinics(connection)}
        chosen = [one for one in clinic_ids if one in known]
        _, token = make_board(connection, name, chosen, language=language, by=person.username, now=web.services.clock())
    return _show_boards(request, f"{web.services.config.base_url}/board/{token}")


@router.post("/desk/boards/{board_id}/revoke")
def revoke_from_page(request: Request, person: BoardKeeper, board_id: uuid.UUID, form: PostedVisit) -> Response:
    """The screen goes dark."""
    del form
    with web_of(request).services.pool.connection() as connection, refusals():
        revoke_board(connection, board_id, person.username, now_of(request))
    return RedirectResponse("/desk/boards", HTTPStatus.SEE_OTHER)
