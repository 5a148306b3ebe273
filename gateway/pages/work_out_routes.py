"""Pages of work that gives out: ask for a ward or a patient, pick by scanning, hand over, confirm."""

import uuid
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from gateway.api.people_kit import reading_of
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, problem_of, zone_of
from gateway.db.pool import Connection
from gateway.pages import work_out_pages as pages
from gateway.pages.work_kit import WorkPage, show_work
from gateway.pages.work_out_kit import asked_lines, attempt, id_in, out_values, show, today_in, units_in
from gateway.pages.work_out_patient import Whom, whom_of
from gateway.pages.work_plain import PlainForm, Posted
from gateway.services.sessions import SignedIn
from gateway.stock import dispensing, handing_over, issuing, outgoing, outgoing_reads, picking
from gateway.stock.catalogue import place_tree
from gateway.stock.errors import WorkRefusedError
from gateway.stock.names import names_of
from gateway.stock.outgoing import NewOutgoing, OutgoingKind
from gateway.stock.picking import NewPick

router: Final = APIRouter(prefix="/work", include_in_schema=False)
_HAND_OVER: Final = frozenset({"OK", "MT-OK"})
"""Typed or scanned in place of a code: hand over."""


@router.get("/issue")
def issue_page(request: Request, person: Worker) -> HTMLResponse:
    """Ask for goods for a ward."""
    del person
    return _ask_page(request, pages.ISSUE, "issue")


@router.post("/issue")
def ask_issue(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts; then pick."""

    def act(connection: Connection) -> str:
        new = _new(connection, request, form, person, "issue")
        issuing.begin_issue(connection, new, now_of(request))
        return f"/work/out/{new.document_id}"

    return attempt(request, act, lambda problem: _ask_page(request, pages.ISSUE, "issue", form, problem))


@router.get("/dispense")
def dispense_page(request: Request, person: Worker) -> HTMLResponse:
    """Choose the patient by card, number or prescription."""
    del person
    whom = whom_of(request)
    return _ask_page(request, pages.DISPENSE, "dispensing", None, whom.problem, whom=whom)


@router.post("/dispense")
def ask_dispensing(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts: find the patient, or ask for the goods and then pick."""
    if "find" in form.fields:
        wanted = ("place_id",) if form.fields["find"] == "card" else ("patient_number", "prescription_number")
        whom = whom_of(request, {name: form.fields.get(name, "") for name in wanted})
        return _ask_page(request, pages.DISPENSE, "dispensing", form, whom.problem, whom=whom)

    def act(connection: Connection) -> str:
        new = _new(connection, request, form, person, "dispensing")
        dispensing.begin_dispensing(connection, new, now_of(request))
        return f"/work/out/{new.document_id}"

    return attempt(
        request,
        act,
        lambda problem: _ask_page(
            request, pages.DISPENSE, "dispensing", form, problem, whom=whom_of(request, form.fields)
        ),
    )


@router.get("/out/{document_id}")
def pick_page(request: Request, person: Worker, document_id: uuid.UUID) -> HTMLResponse:
    """What to fetch where, why the rest is not offered, and the field to scan into."""
    return _pick_page(request, person, document_id)


@router.post("/out/{document_id}/scan")
def scan(request: Request, person: Worker, document_id: uuid.UUID, form: PlainForm) -> Response:
    """From a browser without scripts: a pack goes into the basket; the word OK hands over."""
    code = form.fields.get("code", "")

    def act(connection: Connection) -> str:
        zone = zone_of(request)
        if code.upper() in _HAND_OVER:
            handing_over.complete(connection, document_id, person.username, now_of(request), zone=zone)
            return f"/work/out/{document_id}?done=handed_over"
        if not code:
            raise WorkRefusedError("nothing_picked", "no code: scan a pack")
        quantity = units_in(form.fields["quantity"]) if "quantity" in form.fields else None
        pick_id = id_in(form, "pick_id")
        new = NewPick(pick_id, document_id, person.username, code, quantity, form.fields.get("lot"), zone)
        picking.pick(connection, new, now_of(request))
        return f"/work/out/{document_id}?done=picked"

    return attempt(request, act, lambda problem: _pick_page(request, person, document_id, problem))


@router.post("/out/{document_id}/{what}")
def act_on(request: Request, person: Worker, document_id: uuid.UUID, what: str, form: PlainForm) -> Response:
    """Put a pack back, hand over, confirm, cancel."""
    now, zone = now_of(request), zone_of(request)

    def act(connection: Connection) -> str:
        done = ""
        if what == "put-back":
            picking.put_back(connection, document_id, id_in(form, "pick_id"), now)
            done = "put_back"
        elif what == "hand-over":
            proposed = form.fields.get("as_proposed") == "yes"
            handing_over.complete(connection, document_id, person.username, now, as_proposed=proposed, zone=zone)
            done = "handed_over"
        elif what == "confirm":
            counted = {name[6:]: units_in(value) for name, value in form.fields.items() if name.startswith("count:")}
            handing_over.confirm(connection, document_id, person.username, now, counted, zone=zone)
            done = "confirmed"
        elif what == "cancel":
            outgoing.cancel(connection, document_id, now)
            done = "cancelled"
        return f"/work/out/{document_id}?done={done}"

    return attempt(request, act, lambda problem: _pick_page(request, person, document_id, problem))


def _new(connection: Connection, request: Request, form: Posted, person: SignedIn, kind: OutgoingKind) -> NewOutgoing:
    zone, fields = zone_of(request), form.fields
    patient_id = fields.get("patient_id")
    return NewOutgoing(
        document_id=id_in(form),
        kind=kind,
        from_place_id=fields.get("from_place_id", ""),
        lines=asked_lines(connection, form, today_in(zone, request)),
        created_by=person.username,
        to_place_id=fields.get("to_place_id"),
        patient_id=uuid.UUID(patient_id) if patient_id else None,
        prescription_number=fields.get("prescription_number"),
        shelf_life_days=units_in(fields.get("shelf_life_days", "0")),
        note=fields.get("note", ""),
        client="web",
        zone=zone,
    )


def _ask_page(
    request: Request,
    page: WorkPage,
    kind: OutgoingKind,
    form: Posted | None = None,
    problem: str = "",
    *,
    whom: Whom | None = None,
) -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        waiting = outgoing_reads.waiting(connection, kind)
        names = names_of(connection, (), (), {each.created_by for each in waiting})
        stores = [place.place_id for place in place_tree(connection) if place.kind == "store"]
    values: dict[str, Any] = {
        **out_values(request),
        "waiting": waiting,
        "people": names.people,
        "fields": form.fields if form else {},
        "codes": "\n".join(form.codes) if form else "",
        "whom": whom,
        "only_store": stores[0] if len(stores) == 1 else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return show_work(request, page, values, problem=problem, status=status)


def _pick_page(request: Request, person: SignedIn, document_id: uuid.UUID, problem: str = "") -> HTMLResponse:
    try:
        with web_of(request).services.pool.connection() as connection:
            found = outgoing_reads.read_whole(connection, document_id, reading_of(request, "dispense"))
            people = {found.created_by, found.second_person or ""} | {
                one.facts.get("by", "") for one in found.not_offered
            }
            people |= {one.person or "" for short in found.short_at_first for one in short.taken_lately}
            names = names_of(connection, (), (), people)
    except WorkRefusedError as error:
        raise problem_of(error) from None
    # Whoever confirms counts blind: what the books have, and what was proposed from where, is not for their eyes.
    blind = bool(found.to_count) and found.state == "waiting_second"
    values = {
        "doc": found,
        "blind": blind,
        "mine": found.created_by == person.username,
        "by_id": {line.product_id: line for line in found.lines},
        "fetch": _fetch_list(found),
        "people": names.people,
        "asked_at": {"issue": "/work/issue", "dispensing": "/work/dispense"}[found.kind],
    }
    return show(request, "work_out_pick.html", values, problem=problem)


def _fetch_list(found: outgoing_reads.Outgoing) -> list[tuple[outgoing_reads.Proposed, int]]:
    """Each proposal with what of it is in the basket already."""
    left = {(one.account_id, one.product_id, one.lot): 0 for one in found.proposed}
    for pick in found.picks:
        key = (pick.account_id, pick.product_id, pick.lot)
        if key in left:
            left[key] += pick.quantity
    fetched = []
    for one in found.proposed:
        key = (one.account_id, one.product_id, one.lot)
        taken = min(left[key], one.quantity)
        left[key] -= taken
        fetched.append((one, taken))
    return fetched
