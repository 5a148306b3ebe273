"""Routes of queues and rooms: the lists, a clinic's live queue, a room's page to call from, and their forms."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from gateway.api.problems import not_found
from gateway.api.visits_kit import ActGiven, Caller, acting_of, births_of, queue_reading, today_in, told_pages
from gateway.api.web import web_of
from gateway.api.work_kit import now_of
from gateway.db.pool import Connection
from gateway.pages.live import LiveStream
from gateway.pages.queue_view import clinic_view, room_view
from gateway.pages.translations import N_
from gateway.pages.view import Scene, View
from gateway.pages.visit_kit import PostedVisit, show_visit_page, take_step
from gateway.pages.work_out_kit import attempt
from gateway.services.sessions import SignedIn
from gateway.visits.calling import call_next
from gateway.visits.clinics import read_clinics
from gateway.visits.reads import clinic_counts

router: Final = APIRouter(include_in_schema=False)
EventId = Annotated[int | None, Query(ge=0)]
LastEventId = Annotated[str | None, Header(alias="last-event-id")]


@router.get("/queues")
def queues_page(request: Request, person: Caller) -> HTMLResponse:
    """Every clinic with how many wait."""
    return _overview(request, person, "queue_list.html")


@router.get("/rooms")
def rooms_page(request: Request, person: Caller) -> HTMLResponse:
    """Every door: choose the one where you work."""
    return _overview(request, person, "queue_rooms.html")


def _overview(request: Request, person: SignedIn, template: str) -> HTMLResponse:
    del person
    with web_of(request).services.pool.connection() as connection:
        values = {"clinics": read_clinics(connection), "counts": clinic_counts(connection, today_in(request))}
    return show_visit_page(request, template, values)


def _show_live(request: Request, person: SignedIn, view: View, place_id: str, problem: str = "") -> HTMLResponse:
    web = web_of(request)
    with web.services.pool.connection() as connection:
        # The id first, the content after: what happens in between is sent again rather than missed.
        row = connection.execute("SELECT coalesce(max(live_event_id), 0) FROM live_event").fetchone()
        scene = Scene(web, connection, person, web.speech(request), now_of(request), place_id)
        fragments = view.render_all(scene)
    values: dict[str, Any] = {
        "fragments": fragments,
        "view": view,
        "stream": f"{view.path}/live",
        "after_id": row[0] if row else 0,
    }
    return show_visit_page(request, view.template, values, problem=problem)


def _stream(request: Request, view: View, place_id: str, after: int | None, last_event_id: str | None) -> Response:
    web = web_of(request)
    live = LiveStream(web, view, request.cookies[web.session_cookie], place_id)
    resumed = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else after
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(live.messages(resumed), media_type="text/event-stream", headers=headers)


def _clinic(request: Request, clinic_id: str) -> View:
    with web_of(request).services.pool.connection() as connection:
        row = connection.execute("SELECT FROM clinic WHERE clinic_id = %s", (clinic_id,)).fetchone()
    if row is None:
        raise not_found(N_("There is no such clinic."))
    return clinic_view(clinic_id)


def _room(request: Request, room_id: str) -> View:
    with web_of(request).services.pool.connection() as connection:
        row = connection.execute("SELECT clinic_id FROM room WHERE room_id = %s AND active", (room_id,)).fetchone()
    if row is None:
        raise not_found(N_("There is no such door, or it is closed."))
    return room_view(room_id, row[0])


def _add_live(path: str, view_of: Callable[[Request, str], View]) -> None:
    """The live page of a clinic's queue or of a room, its events, and the form of every step."""

    def page(request: Request, person: Caller, place_id: str) -> HTMLResponse:
        return _show_live(request, person, view_of(request, place_id), place_id)

    def stream(
        request: Request, person: Caller, place_id: str, after: EventId = None, last_event_id: LastEventId = None
    ) -> Response:
        del person
        return _stream(request, view_of(request, place_id), place_id, after, last_event_id)

    def step(request: Request, person: Caller, place_id: str, form: PostedVisit) -> Response:
        view = view_of(request, place_id)

        def act(connection: Connection) -> str:
            take_step(request, connection, person, form.entry_id(), form)
            return view.path

        return attempt(request, act, lambda problem: _show_live(request, person, view, place_id, problem))

    router.add_api_route(path, page, methods=["GET"], response_model=None)
    router.add_api_route(f"{path}/live", stream, methods=["GET"], response_model=None)
    router.add_api_route(f"{path}/act", step, methods=["POST"], response_model=None)


_add_live("/queues/{place_id}", _clinic)
_add_live("/rooms/{place_id}", _room)


@router.post("/rooms/{room_id}/call-next")
def room_call(request: Request, person: Caller, room_id: str, form: PostedVisit) -> Response:
    """Call the next one; whoever is in may be done by it."""
    view = _room(request, room_id)

    def act(connection: Connection) -> str:
        acting = acting_of(request, person, ActGiven(event_id=form.event_id()))
        births = births_of(queue_reading(request))
        done = form.fields.get("finish_current") == "yes"
        told_pages(connection, call_next(connection, room_id, today_in(request), acting, births, finish_current=done))
        return view.path

    return attempt(request, act, lambda problem: _show_live(request, person, view, room_id, problem))
