"""Pages of holds, quarantine and recalls: place one by a scan, walk to what is held, release by two people."""

import uuid
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api import stock_holds
from gateway.api.people_kit import reading_of
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, problem_of, zone_of
from gateway.db.pool import Connection
from gateway.pages import work_out_pages as pages
from gateway.pages.work_kit import show_work
from gateway.pages.work_out_kit import attempt, goods_in, id_in, out_values, said, show, today_in
from gateway.pages.work_plain import PlainForm, Posted, plain_lines
from gateway.services.sessions import SignedIn
from gateway.stock import quarantine, recall
from gateway.stock.catalogue import place_tree
from gateway.stock.errors import WorkRefusedError
from gateway.stock.names import names_of
from gateway.stock.recall import NewRecall, Subject
from gateway.stock.scanned_goods import ScannedGoods

router: Final = APIRouter(prefix="/work", include_in_schema=False)


@router.get("/holds")
def holds_page(request: Request, person: Worker) -> HTMLResponse:
    """Open holds, what waits for a second person first, and the list to walk by."""
    return _holds_page(request, person)


@router.post("/holds")
def place_hold(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts: the packs, their lots, or the whole products."""

    def act(connection: Connection) -> str:
        del connection  # the API takes one of its own
        lines = plain_lines(request, form, pages.HOLDS)
        body = stock_holds.HoldsGiven.model_validate({**form.fields, "lines": lines})
        stock_holds.place_holds(request, Response(), person, body)
        return "/work/holds?done=held"

    return attempt(request, act, lambda problem: _holds_page(request, person, problem, form))


@router.post("/holds/{hold_id}/{what}")
def act_on_hold(request: Request, person: Worker, hold_id: uuid.UUID, what: str, form: PlainForm) -> Response:
    """Ask for the release, or confirm it."""

    def act(connection: Connection) -> str:
        if what == "ask":
            reason = form.fields.get("reason", "")
            if not reason:
                raise WorkRefusedError("no_reason", "a release needs a reason")
            quarantine.ask_release(connection, hold_id, person.username, reason, now_of(request))
            return "/work/holds?done=release_asked"
        if what == "confirm":
            quarantine.confirm_release(connection, hold_id, person.username, now_of(request))
        return "/work/holds?done=released"

    return attempt(request, act, lambda problem: _holds_page(request, person, problem))


@router.get("/recall")
def recall_page(request: Request, person: Worker, code: str = "", lot: str = "") -> HTMLResponse:
    """Trace a lot or a pack by a scan; and all recalls."""
    form = Posted({"code": code, "lot": lot}, ())
    problem, trace, subject = "", None, None
    if code.strip():
        try:
            with web_of(request).services.pool.connection() as connection:
                subject = _subject(connection, request, form)
                trace = recall.trace(connection, subject, reading_of(request, "recall"))
        except WorkRefusedError as error:
            problem = said(request, problem_of(error))
    values = {"code": code, "lot": lot, "trace": trace, "subject": subject}
    return _recall_page(request, person, values, problem)


@router.post("/recall")
def open_recall(request: Request, person: Worker, form: PlainForm) -> Response:
    """All of it is held, in one action."""
    fields = form.fields

    def act(connection: Connection) -> str:
        new = NewRecall(
            recall_id=id_in(form, "recall_id"),
            subject=_subject(connection, request, form),
            reason=fields.get("reason", ""),
            opened_by=person.username,
            source=fields.get("source", ""),
            level=fields.get("level", ""),
            zone=zone_of(request),
        )
        recall.open_recall(connection, new, now_of(request))
        return f"/work/recall/{new.recall_id}?done=recalled"

    values = {"code": fields.get("code", ""), "lot": fields.get("lot", "")}
    return attempt(request, act, lambda problem: _recall_page(request, person, values, problem))


@router.get("/recall/{recall_id}")
def one_recall(request: Request, person: Worker, recall_id: uuid.UUID) -> HTMLResponse:
    """Everything that became of it, and where to walk to."""
    return _one_recall(request, person, recall_id)


@router.post("/recall/{recall_id}/{what}")
def act_on_recall(request: Request, person: Worker, recall_id: uuid.UUID, what: str, form: PlainForm) -> Response:
    """Ask to end it, or confirm that."""

    def act(connection: Connection) -> str:
        if what == "ask":
            reason = form.fields.get("reason", "")
            if not reason:
                raise WorkRefusedError("no_reason", "ending a recall needs a reason")
            recall.ask_end(connection, recall_id, person.username, reason, now_of(request))
            return f"/work/recall/{recall_id}?done=end_asked"
        if what == "confirm":
            recall.confirm_end(connection, recall_id, person.username, now_of(request))
        return f"/work/recall/{recall_id}?done=recall_ended"

    return attempt(request, act, lambda problem: _one_recall(request, person, recall_id, problem))


def _holds_page(request: Request, person: SignedIn, problem: str = "", form: Posted | None = None) -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        held, walk = quarantine.open_now(connection), quarantine.walk(connection)
        people = {name for hold in held for name in (hold.placed_by, hold.released_by) if name}
        names = names_of(connection, (), (), people)
        places = place_tree(connection)
    values = {
        **out_values(request, places),
        "holds": held,
        "walk": walk,
        "username": person.username,
        "people": names.people,
        "fields": form.fields if form else {},
        "codes": "\n".join(form.codes) if form else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return show_work(request, pages.HOLDS, values, problem=problem, status=status)


def _recall_page(request: Request, person: SignedIn, values: dict[str, Any], problem: str = "") -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        recalls = recall.recalls(connection)
        people = {name for one in recalls for name in (one.opened_by, one.release_asked_by) if name}
        trace = values.get("trace")
        people |= {
            name for one in (trace.movements if trace else ()) for name in (one.person, one.second_person) if name
        }
        names = names_of(connection, (), (), people)
    common: dict[str, Any] = {
        "trace": None,
        "subject": None,
        "head": None,
        "walk": [],
        "recalls": recalls,
        "username": person.username,
    }
    common["people"] = names.people
    return show(request, "work_out_recall.html", {**common, **values}, problem=problem)


def _one_recall(request: Request, person: SignedIn, recall_id: uuid.UUID, problem: str = "") -> HTMLResponse:
    try:
        with web_of(request).services.pool.connection() as connection:
            head = recall.read_recall(connection, recall_id)
            try:
                trace = recall.trace(connection, recall.subject_of(head), reading_of(request, "recall"))
            except WorkRefusedError:
                trace = None  # it has not come yet: it is held the day it comes
            walk = quarantine.walk(connection, recall_id=recall_id)
    except WorkRefusedError as error:
        raise problem_of(error) from None
    values = {"code": "", "lot": "", "head": head, "trace": trace, "walk": walk}
    return _recall_page(request, person, values, problem)


def _subject(connection: Connection, request: Request, form: Posted) -> Subject:
    """The pack that was scanned if only it is meant, else its lot."""
    goods = goods_in(connection, form, today_in(zone_of(request), request))
    if form.fields.get("scope") == "pack" and goods.serial_number is not None:
        return Subject(goods.product_id, gtin=goods.gtin, serial_number=goods.serial_number)
    return Subject(goods.product_id, _lot(goods, form))


def _lot(goods: ScannedGoods, form: Posted) -> str:
    lot = form.fields.get("lot") or goods.lot
    if lot is None:
        raise WorkRefusedError("no_subject", "name the lot, or scan a pack that says it")
    return lot
