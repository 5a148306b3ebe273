"""The page of destruction: one person scans and writes down what is to be destroyed, another who was there confirms."""

import uuid
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api import stock_work_out
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, zone_of
from gateway.db.pool import Connection
from gateway.pages import work_out_pages as pages
from gateway.pages.work_kit import show_work
from gateway.pages.work_out_kit import attempt, out_values
from gateway.pages.work_plain import PlainForm, Posted, take_plainly
from gateway.services.sessions import SignedIn
from gateway.stock import destruction, outgoing_reads
from gateway.stock.names import names_of

router: Final = APIRouter(prefix="/work", include_in_schema=False)


@router.get("/destroy")
def destroy_page(request: Request, person: Worker) -> HTMLResponse:
    """Write down what is to be destroyed, and confirm what somebody else wrote down."""
    return _page(request, person)


@router.post("/destroy")
def ask_destruction(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts; it waits for a second person."""

    def taking(values: dict[str, Any], response: Response) -> stock_work_out.DocumentAnswer:
        body = stock_work_out.DestructionGiven.model_validate(values)
        return stock_work_out.ask_destruction(request, response, person, body)

    return take_plainly(request, form, pages.DESTROY, taking, lambda problem: _page(request, person, problem, form))


@router.post("/destroy/{document_id}/{what}")
def act_on_destruction(request: Request, person: Worker, document_id: uuid.UUID, what: str) -> Response:
    """Confirm as the second person, or cancel."""

    def act(connection: Connection) -> str:
        done = "cancelled"
        if what == "confirm":
            destruction.confirm(connection, document_id, person.username, now_of(request), zone=zone_of(request))
            done = "destroyed"
        elif what == "cancel":
            destruction.cancel(connection, document_id, now_of(request))
        return f"/work/destroy?done={done}"

    return attempt(request, act, lambda problem: _page(request, person, problem))


def _page(request: Request, person: SignedIn, problem: str = "", form: Posted | None = None) -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        waiting = outgoing_reads.waiting(connection, "destruction")
        written = {one.document_id: destruction.read_destruction(connection, one.document_id) for one in waiting}
        done = connection.execute(
            "SELECT document_id, number, created_by, second_person, second_at FROM stock_document"
            " WHERE kind = 'destruction' AND state = 'posted' ORDER BY second_at DESC LIMIT 20"
        ).fetchall()
        products = {line["product_id"] for one in written.values() for line in one.body["lines"]}
        people = {one.created_by for one in waiting} | {name for row in done for name in row[2:4]}
        names = names_of(connection, products, (), people)
    values = {
        **out_values(request),
        "waiting": waiting,
        "written": written,
        "destroyed": done,
        "username": person.username,
        "people": names.people,
        "products": names.products,
        "fields": form.fields if form else {},
        "codes": "\n".join(form.codes) if form else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return show_work(request, pages.DESTROY, values, problem=problem, status=status)
