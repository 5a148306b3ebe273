"""Pages of work that gives out: issue to a ward, dispense to a patient, pick by scanning, destroy by two people."""

import uuid
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, problem_of, zone_of
from gateway.db.pool import Connection
from gateway.pages.work_out_kit import asked_lines, attempt, goods_in, id_in, said, show, today_in, units_in
from gateway.pages.work_plain import PlainForm, Posted
from gateway.services.sessions import SignedIn
from gateway.stock import destruction, dispensing, handing_over, issuing, outgoing, outgoing_reads, picking
from gateway.stock.destruction import DestroyLine, NewDestruction
from gateway.stock.errors import WorkRefusedError
from gateway.stock.outgoing import NewOutgoing, OutgoingKind
from gateway.stock.picking import NewPick

router: Final = APIRouter(prefix="/work", include_in_schema=False)
_HAND_OVER: Final = "OK"
"""Typed or scanned in place of a code: hand over."""


@router.get("/issue")
def issue_page(request: Request, person: Worker) -> HTMLResponse:
    """Ask for goods for a ward."""
    del person
    return _ask_page(request, "issue")


@router.post("/issue")
def ask_issue(request: Request, person: Worker, form: PlainForm) -> Response:
    """Then pick."""

    def act(connection: Connection) -> str:
        new = _new(connection, request, form, person, "issue")
        issuing.begin_issue(connection, new, now_of(request))
        return f"/work/out/{new.document_id}"

    return attempt(request, act, lambda problem: _ask_page(request, "issue", form, problem))


@router.get("/dispense")
def dispense_page(
    request: Request, person: Worker, place_id: str = "", patient_number: str = "", prescription_number: str = ""
) -> HTMLResponse:
    """Choose the patient: by number or prescription if given, else by the card at the reader of a place."""
    del person
    now, asked = now_of(request), any((place_id, patient_number, prescription_number))
    problem, chosen = "", None
    if asked:
        try:
            with web_of(request).services.pool.connection() as connection:
                if patient_number.strip():
                    chosen = dispensing.patient_by_number(connection, patient_number, now)
                elif prescription_number.strip():
                    chosen = dispensing.patient_by_prescription(connection, prescription_number, now)
                else:
                    chosen = dispensing.patient_by_card(connection, now, place_id=place_id)
        except WorkRefusedError as error:
            problem = said(request, problem_of(error))
    return _ask_page(request, "dispensing", None, problem, chosen=chosen, prescription=prescription_number)


@router.post("/dispense")
def ask_dispensing(request: Request, person: Worker, form: PlainForm) -> Response:
    """Then pick."""

    def act(connection: Connection) -> str:
        new = _new(connection, request, form, person, "dispensing")
        dispensing.begin_dispensing(connection, new, now_of(request))
        return f"/work/out/{new.document_id}"

    return attempt(request, act, lambda problem: _ask_page(request, "dispensing", form, problem))


@router.get("/out/{document_id}")
def pick_page(request: Request, person: Worker, document_id: uuid.UUID) -> HTMLResponse:
    """What is proposed and why the rest is not, and the field to scan into."""
    return _pick_page(request, person, document_id)


@router.post("/out/{document_id}/scan")
def scan(request: Request, person: Worker, document_id: uuid.UUID, form: PlainForm) -> Response:
    """A pack goes into the basket; the word OK hands over."""
    code = form.fields.get("code", "")

    def act(connection: Connection) -> str:
        zone = zone_of(request)
        if code.upper() == _HAND_OVER:
            handing_over.complete(connection, document_id, person.username, now_of(request), zone=zone)
        else:
            if not code:
                raise WorkRefusedError("nothing_picked", "no code: scan a pack")
            quantity = units_in(form.fields["quantity"]) if "quantity" in form.fields else None
            pick_id = id_in(form, "pick_id")
            new = NewPick(pick_id, document_id, person.username, code, quantity, form.fields.get("lot"), zone)
            picking.pick(connection, new, now_of(request))
        return f"/work/out/{document_id}"

    return attempt(request, act, lambda problem: _pick_page(request, person, document_id, problem))


@router.post("/out/{document_id}/{what}")
def act_on(request: Request, person: Worker, document_id: uuid.UUID, what: str, form: PlainForm) -> Response:
    """Put a pack back, hand over, confirm, cancel."""
    now, zone = now_of(request), zone_of(request)

    def act(connection: Connection) -> str:
        if what == "put-back":
            picking.put_back(connection, document_id, id_in(form, "pick_id"), now)
        elif what == "hand-over":
            proposed = form.fields.get("as_proposed") == "yes"
            handing_over.complete(connection, document_id, person.username, now, as_proposed=proposed, zone=zone)
        elif what == "confirm":
            counted = {name[6:]: units_in(value) for name, value in form.fields.items() if name.startswith("count:")}
            handing_over.confirm(connection, document_id, person.username, now, counted, zone=zone)
        elif what == "cancel":
            outgoing.cancel(connection, document_id, now)
        return f"/work/out/{document_id}"

    return attempt(request, act, lambda problem: _pick_page(request, person, document_id, problem))


@router.get("/destroy")
def destroy_page(request: Request, person: Worker) -> HTMLResponse:
    """Write down what is to be destroyed, and confirm what somebody else wrote down."""
    return _destroy_page(request, person)


@router.post("/destroy")
def ask_destruction(request: Request, person: Worker, form: PlainForm) -> Response:
    """It waits for a second person."""

    def act(connection: Connection) -> str:
        goods = goods_in(connection, form, today_in(zone_of(request), request))
        quantity = units_in(form.fields["quantity"]) if "quantity" in form.fields else goods.units or 0
        lot = goods.lot if goods.lot is not None else form.fields.get("lot", "")
        line = DestroyLine(
            goods.product_id,
            lot,
            quantity,
            goods.gtin if goods.pack else None,
            goods.serial_number if goods.pack else None,
        )
        new = NewDestruction(
            document_id=id_in(form),
            place_id=form.fields.get("place_id", ""),
            lines=(line,),
            created_by=person.username,
            reason=form.fields.get("reason", ""),
            method=form.fields.get("method", ""),
            decision=form.fields.get("decision", ""),
            client="web",
            zone=zone_of(request),
        )
        destruction.begin(connection, new, now_of(request))
        return "/work/destroy"

    return attempt(request, act, lambda problem: _destroy_page(request, person, problem))


@router.post("/destroy/{document_id}/{what}")
def act_on_destruction(request: Request, person: Worker, document_id: uuid.UUID, what: str) -> Response:
    """Confirm as the second person, or cancel."""

    def act(connection: Connection) -> str:
        if what == "confirm":
            destruction.confirm(connection, document_id, person.username, now_of(request), zone=zone_of(request))
        elif what == "cancel":
            destruction.cancel(connection, document_id, now_of(request))
        return "/work/destroy"

    return attempt(request, act, lambda problem: _destroy_page(request, person, problem))


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
    kind: OutgoingKind,
    form: Posted | None = None,
    problem: str = "",
    **more: Any,  # noqa: ANN401 - whom it is for
) -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        waiting = outgoing_reads.waiting(connection, kind)
    kept = {"fields": form.fields if form else {}, "codes": "\n".join(form.codes) if form else ""}
    values = {"kind": kind, "waiting": waiting, "chosen": None, "prescription": "", **kept, **more}
    return show(request, "work_out_ask.html", values, problem=problem)


def _pick_page(request: Request, person: SignedIn, document_id: uuid.UUID, problem: str = "") -> HTMLResponse:
    try:
        with web_of(request).services.pool.connection() as connection:
            found = outgoing_reads.read_whole(connection, document_id)
    except WorkRefusedError as error:
        raise problem_of(error) from None
    # Whoever confirms counts blind: what the books have, and what was proposed from where, is not for their eyes.
    blind = bool(found.to_count) and found.state == "waiting_second"
    values = {"doc": found, "blind": blind, "mine": found.created_by == person.username}
    return show(request, "work_out_pick.html", values, problem=problem)


def _destroy_page(request: Request, person: SignedIn, problem: str = "") -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        waiting = outgoing_reads.waiting(connection, "destruction")
        lines = {
            one.document_id: destruction.read_destruction(connection, one.document_id).body["lines"] for one in waiting
        }
        done = connection.execute(
            "SELECT document_id, number, created_by, second_person FROM stock_document WHERE kind = 'destruction'"
            " AND state = 'posted' ORDER BY second_at DESC LIMIT 20"
        ).fetchall()
    values = {"waiting": waiting, "lines": lines, "done": done, "username": person.username}
    return show(request, "work_out_destroy.html", values, problem=problem)
