"""Pages of stock documents: the list, and one whole, which every work page leads to."""

import uuid
from http import HTTPStatus
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from gateway.api import stock_work_in
from gateway.api.access import RolesRequired
from gateway.api.problems import Problem, not_found
from gateway.api.stock_catalogue import today_of
from gateway.api.web import person_of, web_of
from gateway.api.work_kit import PRINTABLE, Worker, pdf
from gateway.pages.document_papers import papers_of
from gateway.pages.document_words import ACCOUNTS, DOCUMENT_KINDS, DOCUMENT_STATES, STATE_MOODS
from gateway.pages.goods_receipt_paper import goods_receipt_paper
from gateway.pages.pharmacy_view import EXPIRES_SOON
from gateway.pages.translations import N_
from gateway.pages.typed_day import typed_day
from gateway.pages.work_kit import WORK_NAVIGATION, WORK_ROLES, reasons_for
from gateway.pages.work_plain import PlainForm
from gateway.services.roles import STOCK_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock import document_reads, transfers, two_people, undoing
from gateway.stock.catalogue import place_tree

router: Final = APIRouter(prefix="/work", include_in_schema=False)
_READERS: Final = [Depends(RolesRequired(STOCK_ROLES))]
_DOCUMENTS_A_PAGE: Final = 100
_WAITING_SHOWN: Final = 20


def document_values(request: Request) -> dict[str, Any]:
    """What the templates of documents need besides the documents."""
    return {
        "work_navigation": WORK_NAVIGATION,
        "workers": WORK_ROLES,
        "kinds": DOCUMENT_KINDS,
        "states": DOCUMENT_STATES,
        "moods": STATE_MOODS,
        "accounts": ACCOUNTS,
        "today": today_of(web_of(request).services),
        "soon": EXPIRES_SOON,
    }


@router.get("", dependencies=_READERS)
def documents_page(
    *,
    request: Request,
    kind: Annotated[str, Query(max_length=20)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    place_id: Annotated[str, Query(max_length=64)] = "",
    first_day: Annotated[str, Query(max_length=10)] = "",
    last_day: Annotated[str, Query(max_length=10)] = "",
    number: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """The newest first; an empty filter filters nothing. A number that is scanned or typed leads to its document."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        found = document_reads.list_documents(
            connection,
            ZoneInfo(web.services.config.time_zone),
            kind=kind or None,
            state=state or None,
            place_id=place_id or None,
            first_day=typed_day(first_day),
            last_day=typed_day(last_day),
            number=number.strip() or None,
            limit=_DOCUMENTS_A_PAGE + 1,
            offset=(page - 1) * _DOCUMENTS_A_PAGE,
        )
        waiting = document_reads.waiting_for_second(connection, _WAITING_SHOWN)
        places = place_tree(connection)
    if number.strip() and len(found) == 1:
        return RedirectResponse(f"/work/documents/{found[0].document_id}", HTTPStatus.SEE_OTHER)
    chosen = {"kind": kind, "state": state, "place_id": place_id, "first_day": first_day, "last_day": last_day}
    values = {
        "documents": found[:_DOCUMENTS_A_PAGE],
        "waiting": [] if any((kind, state, place_id, first_day, last_day, number)) or page > 1 else waiting,
        "more": len(found) > _DOCUMENTS_A_PAGE,
        "number": page,
        "searched": number,
        "chosen": chosen,
        "places": places,
    }
    return web.page(request, "work_documents.html", {**document_values(request), **values})


@router.get("/documents/{document_id}", dependencies=_READERS)
def document_page(request: Request, document_id: uuid.UUID) -> HTMLResponse:
    """One document with what was booked for it."""
    return show_document(request, document_id)


def show_document(request: Request, document_id: uuid.UUID, problem: str = "") -> HTMLResponse:
    """The page of a document; `problem` says why an act on it was refused."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        head = document_reads.document_head(connection, document_id)
        if head is None:
            raise not_found(N_("There is no such stock document."))
        lines = document_reads.movement_lines(connection, document_id)
        waiting = two_people.waiting_lines(connection, document_id)
        values = {
            "document": head,
            "lines": lines,
            "about_it": document_reads.documents_about(connection, document_id),
            "waiting": waiting,
            "to_count": {line.product_id: line for line in waiting if line.quantity is None}.values(),
            "papers": papers_of(connection, head, lines, person_of(request)),
            "way": head.kind == "transfer" and bool(transfers.on_the_way(connection, document_id)),
            "undoable": undoing.UNDOABLE,
            "undo_id": uuid.uuid4(),
            "reasons": reasons_for(connection, "reversal"),
            "place_names": {f"place:{place.place_id}": place for place in place_tree(connection)},
            "problem": problem,
        }
    return web.page(request, "work_document.html", {**document_values(request), **values})


@router.post("/documents/{document_id}/undo")
def undo_from_page(
    request: Request,
    person: Worker,
    document_id: uuid.UUID,
    reason_code: Annotated[str, Form(min_length=1, max_length=64, pattern=PRINTABLE)],
    own_id: Annotated[uuid.UUID, Form(alias="document_id")],
) -> Response:
    """Take it back, then show the reversal; a second press finds the same reversal."""
    try:
        body = stock_work_in.UndoingGiven(document_id=own_id, reason_code=reason_code)
        done = stock_work_in.undo(stock_work_in.Asked(request, Response(), person), document_id, body)
    except Problem as problem:
        return _refused(request, document_id, problem)
    return RedirectResponse(f"/work/documents/{done.document_id}", HTTPStatus.SEE_OTHER)


@router.post("/documents/{document_id}/confirm")
def confirm_from_page(request: Request, person: Worker, document_id: uuid.UUID, form: PlainForm) -> Response:
    """The second person's half, with what they counted."""
    counts = {name.removeprefix("count:"): text for name, text in form.fields.items() if name.startswith("count:")}
    try:
        body = stock_work_in.Confirming.model_validate({"counted": counts})
        stock_work_in.confirm(stock_work_in.Asked(request, Response(), person), document_id, body)
    except ValidationError:
        page = show_document(
            request, document_id, web_of(request).speech(request).text(N_("A value is missing or wrong."))
        )
        page.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return page
    except Problem as problem:
        return _refused(request, document_id, problem)
    return RedirectResponse(f"/work/documents/{document_id}", HTTPStatus.SEE_OTHER)


@router.post("/documents/{document_id}/cancel")
def cancel_from_page(request: Request, person: Worker, document_id: uuid.UUID) -> Response:
    """What waits is not booked."""
    try:
        stock_work_in.cancel(stock_work_in.Asked(request, Response(), person), document_id)
    except Problem as problem:
        return _refused(request, document_id, problem)
    return RedirectResponse(f"/work/documents/{document_id}", HTTPStatus.SEE_OTHER)


@router.get("/documents/{document_id}/goods-receipt.pdf")
def goods_receipt_pdf(
    request: Request, document_id: uuid.UUID, person: Annotated[SignedIn, Depends(RolesRequired(STOCK_ROLES))]
) -> Response:
    """Phiếu nhập kho."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        found = goods_receipt_paper(
            connection, document_id, person.display_name, web.services.clock(), ZoneInfo(web.services.config.time_zone)
        )
    if found is None:
        raise not_found(N_("There is no such stock document."))
    number, paper = found
    return pdf(paper, number)


def _refused(request: Request, document_id: uuid.UUID, problem: Problem) -> HTMLResponse:
    page = show_document(request, document_id, web_of(request).speech(request).text(problem.detail, **problem.values))
    page.status_code = int(problem.status)
    return page
