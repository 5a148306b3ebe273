"""The page of one stocktake: blind counting with a scanner, handing in, review, verification, booking.

Each scan is sent as it comes and kept by the server, with or without scripts; nothing here says what the books have
until the counting is over.
"""

import uuid
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from gateway.api.problems import not_found
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, zone_of
from gateway.db.pool import Connection
from gateway.pages import count_scans
from gateway.pages.count_kit import Looker, attempt, places_said, show
from gateway.pages.count_review_pages import review_page
from gateway.pages.translations import N_
from gateway.pages.work_out_kit import id_in
from gateway.pages.work_plain import PlainForm
from gateway.services.sessions import SignedIn
from gateway.stock import stocktake_scanning, stocktakes
from gateway.stock.errors import WorkRefusedError
from gateway.stock.stocktake_lines import LineKey
from gateway.stock.stocktake_overview import (
    LineToCount,
    StocktakeProgress,
    lines_to_count,
    lines_to_count_again,
    open_drafts,
    progress_of,
)
from gateway.stock.stocktake_posting import post
from gateway.stock.stocktake_scanning import BLIND_STATES

router: Final = APIRouter(prefix="/count/stocktakes", include_in_schema=False)
_LINES_A_PAGE: Final = 50
HAND_IN: Final = "MT-OK"
"""Scanned or typed in place of a code: hand in what was counted."""
PlaceId = Annotated[str, Query(max_length=64)]
PageNumber = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/{stocktake_id}")
def stocktake_page(
    *,
    request: Request,
    person: Looker,
    stocktake_id: uuid.UUID,
    place_id: PlaceId = "",
    page: PageNumber = 1,
    whole: bool = False,
) -> HTMLResponse:
    """Where it is: to be counted, or counted and to be looked at."""
    return _page(request, person, stocktake_id, place_id=place_id, page=page, whole=whole)


def _page(
    request: Request,
    person: SignedIn,
    stocktake_id: uuid.UUID,
    problem: str = "",
    *,
    place_id: str = "",
    page: int = 1,
    whole: bool = False,
) -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        head = progress_of(connection, stocktake_id)
        if head is None:
            raise not_found(N_("There is no such stocktake. Choose one from the list."))
        if head.state not in BLIND_STATES:
            return review_page(request, person, connection, head, problem=problem, page=page, whole=whole)
        values = _counting(request, connection, person, head, place_id=place_id, page=page)
    return show(request, person, "count_stocktake.html", values, problem=problem)


def _counting(
    request: Request, connection: Connection, person: SignedIn, head: StocktakeProgress, *, place_id: str, page: int
) -> dict[str, Any]:
    names = places_said(request, connection, head.accounts)
    place = count_scans.place_chosen(connection, head, person.username, place_id)
    drafts = open_drafts(connection, head.stocktake_id)
    return {
        "head": head,
        "place_said": names,
        "place": place,
        "lines": _to_count(connection, person, head, f"place:{place}" if place_id else "", page),
        "number": page,
        "a_page": _LINES_A_PAGE,
        "of_place": bool(place_id),
        "new_scan_id": uuid.uuid4,
        "drafts": [one for one in drafts if one.person != person.username],
        **count_scans.draft_values(request, connection, person, head),
    }


def _to_count(
    connection: Connection, person: SignedIn, head: StocktakeProgress, account_id: str, page: int
) -> list[LineToCount]:
    """One more than a page shows, if there are more."""
    offset = (page - 1) * _LINES_A_PAGE
    if head.state == "recounting":
        again = lines_to_count_again(connection, head.stocktake_id, person.username)
        return [one for one in again if account_id in {"", one.account_id}][offset : offset + _LINES_A_PAGE + 1]
    limit = _LINES_A_PAGE + 1
    return lines_to_count(connection, head.stocktake_id, account_id=account_id, limit=limit, offset=offset)


class ScanSent(BaseModel):
    """A scan from the page's script."""

    scan_id: uuid.UUID
    text: Annotated[str, Field(min_length=1, max_length=4096)]
    place_id: Annotated[str, Field(max_length=64)] = ""
    waited_s: Annotated[float, Field(ge=0, le=7 * 86400)] = 0
    """How long ago it was scanned: it may have waited for the server."""
    separator: Annotated[str | None, Field(min_length=1, max_length=1)] = None


@router.post("/{stocktake_id}/scans")
def take(request: Request, person: Worker, stocktake_id: uuid.UUID, sent: ScanSent) -> count_scans.ScanAnswer:
    """Keep it, and say what it was, with the list as it is now."""
    at = now_of(request) - timedelta(seconds=sent.waited_s)
    return count_scans.take(
        request=request,
        person=person,
        stocktake_id=stocktake_id,
        scan_id=sent.scan_id,
        text=sent.text,
        place_id=sent.place_id,
        at=at,
        separator=sent.separator,
    )


@router.post("/{stocktake_id}/scan")
def take_plainly(request: Request, person: Worker, stocktake_id: uuid.UUID, form: PlainForm) -> Response:
    """From a browser without scripts: the page again, with the field in focus."""
    text, place_id = form.fields.get("code", ""), form.fields.get("place_id", "")
    back = f"/count/stocktakes/{stocktake_id}"

    def act(connection: Connection) -> str:
        if text.upper() == HAND_IN:
            return _hand_in(request, connection, person, stocktake_id, id_in(form, "request_id"))
        chosen = count_scans.place_named(connection, stocktake_id, text)
        if chosen is None:
            scan_id = id_in(form, "scan_id")
            given = count_scans.given(request, person, stocktake_id, scan_id=scan_id, text=text, place_id=place_id)
            stocktake_scanning.take_scan(connection, given, count_scans.today(request), now_of(request))
        return f"{back}?place_id={chosen or place_id}"

    return attempt(request, act, lambda problem: _page(request, person, stocktake_id, problem, place_id=place_id))


@router.post("/{stocktake_id}/none")
def nothing_there(request: Request, person: Worker, stocktake_id: uuid.UUID, form: PlainForm) -> Response:
    """A person has looked: so many of this line stand there, usually nothing."""
    fields = form.fields
    key = LineKey(fields.get("account_id", ""), fields.get("product_id", ""), fields.get("lot", ""))
    place_id = key.account_id.removeprefix("place:")

    def act(connection: Connection) -> str:
        quantity = int(fields.get("quantity", "0"))
        scan_id, text = id_in(form, "scan_id"), f"={quantity}"
        given = count_scans.given(request, person, stocktake_id, scan_id=scan_id, text=text, place_id=place_id)
        stocktake_scanning.count_line(connection, given, key, quantity, now_of(request))
        return f"/count/stocktakes/{stocktake_id}?place_id={place_id}"

    return attempt(request, act, lambda problem: _page(request, person, stocktake_id, problem, place_id=place_id))


def _hand_in(
    request: Request, connection: Connection, person: SignedIn, stocktake_id: uuid.UUID, request_id: uuid.UUID
) -> str:
    stocktake_scanning.hand_in_draft(connection, stocktake_id, request_id, person.username, now_of(request))
    return f"/count/stocktakes/{stocktake_id}"


@router.post("/{stocktake_id}/{what}")
def act_on(request: Request, person: Worker, stocktake_id: uuid.UUID, what: str, form: PlainForm) -> Response:
    """Hand in, finish the counting, verify, take the verification back, book, cancel."""
    now, who = now_of(request), person.username

    def act(connection: Connection) -> str:
        if what == "hand-in":
            return _hand_in(request, connection, person, stocktake_id, id_in(form, "request_id"))
        if what == "submit":
            _refuse_own_draft(connection, stocktake_id, who)
            leave = form.fields.get("leave_uncounted") == "yes"
            stocktakes.submit(connection, stocktake_id, who, now, leave_uncounted=leave)
        elif what == "verify":
            stocktakes.verify(connection, stocktake_id, who, now)
        elif what == "reopen":
            stocktakes.reopen(connection, stocktake_id)
        elif what == "post":
            post(connection, stocktake_id, who, now, zone_of(request))
        elif what == "cancel":
            stocktakes.cancel(connection, stocktake_id, who, now)
        return f"/count/stocktakes/{stocktake_id}"

    return attempt(request, act, lambda problem: _page(request, person, stocktake_id, problem))


def _refuse_own_draft(connection: Connection, stocktake_id: uuid.UUID, person: str) -> None:
    """Whoever finishes has handed in first what they counted."""
    draft = stocktake_scanning.draft_of(connection, stocktake_id, person)
    waiting = len(draft.lines) + len(draft.waiting_for_lot)
    if waiting:
        raise WorkRefusedError("draft_not_handed_in", f"{waiting} lines are not handed in: hand them in", count=waiting)
