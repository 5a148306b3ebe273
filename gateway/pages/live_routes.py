"""Routes of the three live pages and their event streams."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from gateway.api.access import RolesRequired
from gateway.api.web import web_of
from gateway.pages.card_view import CARD_VIEW
from gateway.pages.desk_view import DESK_VIEW
from gateway.pages.live import LiveStream
from gateway.pages.on_call_view import ON_CALL_VIEW
from gateway.pages.pharmacy_view import PHARMACY_VIEW
from gateway.pages.view import Scene, View
from gateway.pages.wall_view import WALL_VIEW
from gateway.services.sessions import SignedIn

VIEWS: Final = (PHARMACY_VIEW, DESK_VIEW, ON_CALL_VIEW, WALL_VIEW, CARD_VIEW)
PlaceId = Annotated[str | None, Query(max_length=63, description="Only what happens at this place")]
EventId = Annotated[int | None, Query(ge=0)]


def live_router() -> APIRouter:
    """`/pharmacy`, `/desk`, `/on-call` and `/live/...` for each."""
    router = APIRouter(include_in_schema=False)
    for view in VIEWS:
        _add_page(router, view)
        add_stream(router, view, view.stream, f"{view.name or view.audience}_stream")
    return router


def _add_page(router: APIRouter, view: View) -> None:
    def page(
        request: Request, person: Annotated[SignedIn, Depends(RolesRequired(view.roles))], place: PlaceId = None
    ) -> HTMLResponse:
        web = web_of(request)
        with web.services.pool.connection() as connection:
            # The id first, the content after: what happens in between is sent again rather than missed.
            row = connection.execute("SELECT coalesce(max(live_event_id), 0) FROM live_event").fetchone()
            scene = Scene(web, connection, person, web.speech(request), web.services.clock(), place)
            fragments = view.render_all(scene)
        stream = view.stream + (f"?{request.url.query}" if place else "")
        return web.page(
            request,
            view.template,
            {"fragments": fragments, "view": view, "stream": stream, "after_id": row[0] if row else 0},
        )

    name = f"{view.name or view.audience}_page"
    router.add_api_route(view.path, page, methods=["GET"], name=name, response_class=HTMLResponse)


def add_stream(router: APIRouter, view: View, path: str, name: str) -> None:
    """The event stream of a view."""

    async def stream(
        request: Request,
        person: Annotated[SignedIn, Depends(RolesRequired(view.roles))],  # noqa: ARG001 - the check is what it is for
        place: PlaceId = None,
        after: EventId = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> StreamingResponse:
        web = web_of(request)
        live = LiveStream(web, view, request.cookies[web.session_cookie], place)
        resumed = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else after
        return StreamingResponse(
            live.messages(resumed),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    router.add_api_route(
        path,
        stream,
        methods=["GET"],
        name=name,
        response_class=StreamingResponse,
    )
