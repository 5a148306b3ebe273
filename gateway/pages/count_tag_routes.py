"""Pages of RFID counts: begin, live progress, passes, what was found by kind, decisions one by one or many, the end."""

import uuid
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Header, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from gateway.api.problems import not_found
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, zone_of
from gateway.db.pool import Connection
from gateway.pages import count_words
from gateway.pages.count_kit import Looker, announce, attempt, places_said, said_of, show
from gateway.pages.count_tag_view import tag_count_view
from gateway.pages.live import LiveStream
from gateway.pages.translations import N_
from gateway.pages.view import Scene
from gateway.pages.work_out_kit import id_in
from gateway.pages.work_plain import PlainForm, Posted
from gateway.services.sessions import SignedIn
from gateway.stock import tag_count_bulk, tag_count_decisions, tag_count_passes, tag_counts
from gateway.stock.errors import WorkRefusedError
from gateway.stock.tag_count_bulk import ManyDecisions, ManyDone, confirm_many, decide_many
from gateway.stock.tag_count_decisions import Decision
from gateway.stock.tag_count_overview import (
    FindingsPage,
    TagCountOverview,
    by_hand_id,
    count_by_hand,
    findings_of,
    invisible_to_readers,
    places_with_readers,
    tag_count_overview,
)
from gateway.stock.tag_count_passes import UploadedPass
from gateway.stock.tag_counts import NewTagCount

router: Final = APIRouter(include_in_schema=False)
_FINDINGS_A_PAGE: Final = 100
_INVISIBLE_SHOWN: Final = 50
_DECISIONS: Final[tuple[Decision, ...]] = ("seen_by_eye", "move_in_the_books", "missing", "noted")
_TABS: Final = tuple(code for code, _word, _means in count_words.OUTCOMES)
EventId = Annotated[int | None, Query(ge=0)]
Tab = Annotated[str, Query(max_length=20)]
PageNumber = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/count/tags/new")
def new_tag_count_page(
    request: Request, person: Worker, place_id: Annotated[str, Query(max_length=64)] = ""
) -> HTMLResponse:
    """Which places have readers, and what those can and can't see."""
    return _new_page(request, person, place_id)


@router.post("/count/tags/new")
def begin(request: Request, person: Worker, form: PlainForm) -> Response:
    """Freeze which tagged packs the books have there."""
    place_id = form.fields.get("place_id", "")

    def act(connection: Connection) -> str:
        new = NewTagCount(
            tag_count_id=id_in(form, "tag_count_id"),
            place_ids=(place_id,) if place_id else (),
            started_by=person.username,
            places_below=form.fields.get("below", "true") == "true",
            company_prefixes=tuple(form.fields.get("company_prefixes", "").replace(",", " ").split()),
            note=form.fields.get("note", "")[:1000],
        )
        tag_counts.start(connection, new, now_of(request))
        return f"/count/tags/{new.tag_count_id}"

    return attempt(request, act, lambda problem: _new_page(request, person, place_id, problem))


def _new_page(request: Request, person: SignedIn, place_id: str, problem: str = "") -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        there = places_with_readers(connection)
    values = {"there": there, "chosen": place_id, "tag_count_id": uuid.uuid4()}
    return show(request, person, "count_tag_new.html", values, problem=problem)


@router.get("/count/tags/{tag_count_id}")
def tag_count_page(
    request: Request, person: Looker, tag_count_id: uuid.UUID, tab: Tab = "", page: PageNumber = 1
) -> HTMLResponse:
    """How far the readers are, live, and what was found."""
    return _page(request, person, tag_count_id, tab=tab, page=page)


def _page(
    request: Request, person: SignedIn, tag_count_id: uuid.UUID, problem: str = "", *, tab: str = "", page: int = 1
) -> HTMLResponse:
    web = web_of(request)
    with web.services.pool.connection() as connection:
        head = _head(connection, tag_count_id)
        # The id first, the content after: what happens in between is sent again rather than missed.
        row = connection.execute("SELECT coalesce(max(live_event_id), 0) FROM live_event").fetchone()
        view = tag_count_view(tag_count_id)
        scene = Scene(web, connection, person, web.speech(request), now_of(request))
        shown = tab if tab in _TABS else _first_tab(head)
        invisible = invisible_to_readers(connection, head.accounts)
        hand_id = by_hand_id(tag_count_id)
        values: dict[str, Any] = {
            "head": head,
            "tab": shown,
            "tags": _findings(connection, tag_count_id, shown, page),
            "a_page": _FINDINGS_A_PAGE,
            "number": page,
            "place_said": places_said(request, connection, _accounts(head, connection, tag_count_id)),
            "tally_names": _tally_names(connection, head) if shown == "seen" else {},
            "invisible": invisible[:_INVISIBLE_SHOWN],
            "invisible_packs": sum(one.packs for one in invisible),
            "invisible_products": len(invisible),
            "by_hand_id": hand_id if _is_stocktake(connection, hand_id) else None,
            "fragments": view.render_all(scene),
            "view": view,
            "stream": f"/live/tag-count/{tag_count_id}",
            "after_id": row[0] if row else 0,
        }
    return show(request, person, "count_tag.html", values, problem=problem)


def _head(connection: Connection, tag_count_id: uuid.UUID) -> TagCountOverview:
    head = tag_count_overview(connection, tag_count_id)
    if head is None:
        raise not_found(N_("There is no such RFID count. Choose one from the list."))
    return head


def _first_tab(head: TagCountOverview) -> str:
    """The first of which something was found."""
    numbers = (head.summary or {}).get("numbers", {})
    return next((tab for tab in _TABS if numbers.get(tab)), _TABS[0])


def _findings(connection: Connection, tag_count_id: uuid.UUID, tab: str, page: int) -> FindingsPage:
    offset = (page - 1) * _FINDINGS_A_PAGE
    return findings_of(connection, tag_count_id, tab, limit=_FINDINGS_A_PAGE, offset=offset)


def _accounts(head: TagCountOverview, connection: Connection, tag_count_id: uuid.UUID) -> list[str]:
    """Of the count, and those where its tags are by the books or were read."""
    rows = connection.execute(
        "SELECT DISTINCT unnest(seen_at || account_id) FROM tag_count_finding WHERE tag_count_id = %s", (tag_count_id,)
    )
    return sorted({*head.accounts, *(str(row[0]) for row in rows if row[0])})


def _tally_names(connection: Connection, head: TagCountOverview) -> dict[str, tuple[str, str]]:
    """Vietnamese and English names of the products of the tallies."""
    ids = sorted({one["product_id"] for one in (head.summary or {}).get("tallies", [])})
    rows = connection.execute("SELECT product_id, name_vi, name_en FROM product WHERE product_id = ANY(%s)", (ids,))
    return {str(row[0]): (str(row[1]), str(row[2])) for row in rows}


def _is_stocktake(connection: Connection, stocktake_id: uuid.UUID) -> bool:
    row = connection.execute("SELECT FROM stocktake WHERE stocktake_id = %s", (stocktake_id,)).fetchone()
    return row is not None


@router.get("/live/tag-count/{tag_count_id}")
async def stream(
    *,
    request: Request,
    person: Looker,  # noqa: ARG001 - the check is what it is for
    tag_count_id: uuid.UUID,
    after: EventId = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """The page's progress, as the readers see tags."""
    web = web_of(request)
    view = tag_count_view(tag_count_id)
    live = LiveStream(web, view, request.cookies[web.session_cookie], None)
    resumed = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else after
    return StreamingResponse(
        live.messages(resumed),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post("/count/tags/{tag_count_id}/decide")
def decide(request: Request, person: Worker, tag_count_id: uuid.UUID, form: PlainForm) -> Response:
    """The same decision about the ticked tags, or about all of the tab that nobody has decided yet."""
    tab = form.fields.get("tab", "")

    def act(connection: Connection) -> ManyDone:
        asked = form.fields.get("decision")
        decision: Decision | None = next((one for one in _DECISIONS if one == asked), None)
        if decision is None:
            raise WorkRefusedError("decision_missing", "no decision is chosen: choose one")
        many = ManyDecisions(
            tag_count_id=tag_count_id,
            epcs=_ticked(connection, tag_count_id, form, to_confirm=False),
            decision=decision,
            person=person.username,
            reason_code=form.fields.get("reason_code", ""),
            note=form.fields.get("note", ""),
        )
        return decide_many(connection, many, now_of(request), zone_of(request))

    return _many(request, person, tag_count_id, tab, act)


@router.post("/count/tags/{tag_count_id}/confirm")
def confirm(request: Request, person: Worker, tag_count_id: uuid.UUID, form: PlainForm) -> Response:
    """A second person's word that the ticked packs, or all that wait for it, are missing."""

    def act(connection: Connection) -> ManyDone:
        epcs = _ticked(connection, tag_count_id, form, to_confirm=True)
        return confirm_many(connection, tag_count_id, epcs, person.username, now_of(request), zone=zone_of(request))

    return _many(request, person, tag_count_id, form.fields.get("tab", ""), act)


def _ticked(connection: Connection, tag_count_id: uuid.UUID, form: Posted, *, to_confirm: bool) -> tuple[str, ...]:
    if form.fields.get("all") == "yes":
        tab = form.fields.get("tab", "")
        return tuple(tag_count_bulk.tags_waiting(connection, tag_count_id, tab, to_confirm=to_confirm))
    return tuple(name[4:] for name in form.fields if name.startswith("epc:"))


def _many(
    request: Request, person: SignedIn, tag_count_id: uuid.UUID, tab: str, act: Callable[[Connection], ManyDone]
) -> Response:
    """Do them; what was refused is said on the page, the first reason in full."""
    refused = ""

    def done(connection: Connection) -> str:
        nonlocal refused
        many = act(connection)
        announce(connection, tag_count_id)
        if many.refused:
            speech = web_of(request).speech(request)
            reason = said_of(request, many.refused[0][1])
            counts = {"done": speech.whole(many.done), "refused": speech.whole(len(many.refused)), "reason": reason}
            refused = speech.text(N_("%(done)s done, %(refused)s refused. %(reason)s"), **counts)
        return f"/count/tags/{tag_count_id}?tab={tab}"

    answer = attempt(request, done, lambda problem: _page(request, person, tag_count_id, problem, tab=tab))
    if refused and isinstance(answer, RedirectResponse):
        return _page(request, person, tag_count_id, refused, tab=tab)
    return answer


@router.post("/count/tags/{tag_count_id}/upload")
def upload(
    *,
    request: Request,
    person: Worker,
    tag_count_id: uuid.UUID,
    request_id: Annotated[uuid.UUID, Form()],
    codes: Annotated[str, Form(max_length=1_000_000)],
    place_id: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """What a hand-held reader read is a pass of a place; then all passes are compared."""

    def act(connection: Connection) -> str:
        epcs = frozenset(codes.replace(",", " ").replace(";", " ").split())
        given = UploadedPass(request_id, tag_count_id, place_id, epcs, person.username)
        tag_count_passes.add_uploaded(connection, given, now_of(request))
        tag_counts.reconcile_count(connection, tag_count_id, now_of(request))
        announce(connection, tag_count_id)
        return f"/count/tags/{tag_count_id}"

    return attempt(request, act, lambda problem: _page(request, person, tag_count_id, problem))


@router.post("/count/tags/{tag_count_id}/{what}")
def act_on(request: Request, person: Worker, tag_count_id: uuid.UUID, what: str, form: PlainForm) -> Response:
    """Take a pass and compare, compare again, count the rest by hand, close."""
    now, who, back = now_of(request), person.username, f"/count/tags/{tag_count_id}"

    def act(connection: Connection) -> str:
        if what == "look":
            tag_count_passes.take_from_readers(connection, tag_count_id, id_in(form, "request_id"), who, now)
            tag_counts.reconcile_count(connection, tag_count_id, now)
        elif what == "by-hand":
            speech = web_of(request).speech(request)
            day = speech.day_and_clock(_head(connection, tag_count_id).frozen_at)
            note = speech.text(count_words.NOTE_BY_HAND, day=day)
            count_by_hand(connection, tag_count_id, who, now, zone=zone_of(request), note=note)
            return f"/count/stocktakes/{by_hand_id(tag_count_id)}"
        elif what == "close":
            tag_count_decisions.close(connection, tag_count_id, who, now)
        announce(connection, tag_count_id)
        return back

    return attempt(request, act, lambda problem: _page(request, person, tag_count_id, problem))
