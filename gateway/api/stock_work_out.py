"""Work that gives out, in the JSON API: issue, dispense, destroy; every act told again answers as before."""

import uuid
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from gateway.api import stock_cases, stock_holds
from gateway.api.people_kit import reading_of
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import (
    READERS,
    WORK_PROBLEMS,
    Name,
    Quantity,
    Worker,
    letterhead,
    now_of,
    pdf,
    refusals,
    zone_of,
)
from gateway.reports.destruction_minutes import destruction_minutes_pdf
from gateway.services.reads_rows import Row
from gateway.stock import (
    destruction,
    dispensing,
    handing_over,
    issuing,
    outgoing,
    outgoing_reads,
    picking,
)
from gateway.stock.destruction import DestroyLine, NewDestruction
from gateway.stock.documents import Document, DocumentState
from gateway.stock.outgoing import AskedLine, NewOutgoing
from gateway.stock.outgoing_reads import Outgoing
from gateway.stock.picking import NewPick
from inventory.fefo import PackPolicy

_out: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], responses=WORK_PROBLEMS)
router: Final = APIRouter()
Text = Annotated[str, Field(max_length=1000)]


class Asked(BaseModel):
    """So much of a product."""

    product_id: Name
    quantity: Quantity


class AskedOut(BaseModel):
    """What is asked for."""

    document_id: uuid.UUID = Field(description="Made by the client: told again, it answers with what there is")
    from_place_id: Name
    lines: Annotated[list[Asked], Field(min_length=1, max_length=500)]
    shelf_life_days: Annotated[int, Field(ge=0, le=3650, description="Usable so many days after today")] = 0
    pack_policy: PackPolicy = "loose"
    note: Text = ""


class IssueAsked(AskedOut):
    """For a ward."""

    to_place_id: Name


class DispensingAsked(AskedOut):
    """For a patient, by pseudonym; a prescription number alone does too."""

    patient_id: uuid.UUID | None = None
    prescription_number: Annotated[str | None, Field(max_length=64)] = None


class PickGiven(BaseModel):
    """A scanned pack, or a part of it."""

    pick_id: uuid.UUID = Field(description="Made by the client: a scan sent twice is one")
    code: Annotated[str, Field(min_length=1, max_length=4096, description="As scanned, or the product's own code")]
    quantity: Quantity | None = None
    lot: Annotated[str | None, Field(max_length=64, description="Where the code names none")] = None


class HandingOver(BaseModel):
    """What goes out."""

    as_proposed: bool = Field(default=False, description="Of products that nothing was scanned for, what was proposed")


class Confirming(BaseModel):
    """The second person's half."""

    counted: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default={}, description="Of each drug under special control: base units left, counted blind"
    )


class NumberGiven(BaseModel):
    """Of a patient, as it stands on papers."""

    patient_number: Annotated[str, Field(min_length=1, max_length=64)]


class PatientFound(Row):
    """Whom goods are for. No name: pseudonym and number."""

    patient_id: uuid.UUID
    patient_number: str
    allergy_flag: bool
    queue_number: int | None
    chosen_by: dispensing.ChosenBy


class DestroyGiven(BaseModel):
    """One lot, or one pack."""

    product_id: Name
    lot: Annotated[str, Field(max_length=64)] = ""
    quantity: Quantity
    gtin: Annotated[str | None, Field(pattern=r"\A[0-9]{14}\z")] = None
    serial_number: Annotated[str | None, Field(min_length=1, max_length=20)] = None


class DestructionGiven(BaseModel):
    """What the first person writes down."""

    document_id: uuid.UUID
    place_id: Name
    lines: Annotated[list[DestroyGiven], Field(min_length=1, max_length=500)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    method: Text = ""
    decision: Text = ""
    committee: Annotated[list[tuple[str, str]], Field(max_length=20)] = []
    reason_code: Annotated[str | None, Field(max_length=64)] = None


class DocumentAnswer(BaseModel):
    """A document that was written."""

    document_id: uuid.UUID
    number: str
    state: DocumentState
    created_by: str
    second_person: str | None


@_out.post("/issues", summary="Ask for goods for a ward: lots are proposed and promised", status_code=201)
def ask_issue(request: Request, response: Response, person: Worker, body: IssueAsked) -> Outgoing:
    """Every lot that is not offered is explained; what is short is said and stays on the document."""
    new = _new(body, "issue", person.username, request, to_place_id=body.to_place_id)
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome = issuing.begin_issue(connection, new, now_of(request))
        response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
        return outgoing_reads.read_whole(connection, body.document_id, reading_of(request, "dispense"))


@_out.post("/dispensings", summary="Ask for goods for a patient", status_code=201)
def ask_dispensing(request: Request, response: Response, person: Worker, body: DispensingAsked) -> Outgoing:
    """As for a ward."""
    whom = {"patient_id": body.patient_id, "prescription_number": body.prescription_number}
    new = _new(body, "dispensing", person.username, request, **whom)
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome = dispensing.begin_dispensing(connection, new, now_of(request))
        response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
        return outgoing_reads.read_whole(connection, body.document_id, reading_of(request, "dispense"))


@_out.post("/dispensing-patient", summary="The patient by patient number")
def find_patient_by_number(request: Request, person: Worker, body: NumberGiven) -> PatientFound:
    """By POST: a number stands in no address."""
    del person  # any pharmacist may
    now, reading = now_of(request), reading_of(request, "dispense")
    with refusals(), web_of(request).services.pool.connection() as connection:
        found = dispensing.patient_by_number(connection, body.patient_number, now, reading)
    return PatientFound.model_validate(vars(found))


@_out.get("/dispensing-patient", summary="The patient by card or prescription")
def find_patient(
    request: Request,
    person: Worker,
    place_id: Annotated[str | None, Query(max_length=64, description="Of the reader that the card was put on")] = None,
    prescription_number: Annotated[str | None, Query(max_length=64)] = None,
) -> PatientFound | None:
    """Null: this prescription was never dispensed to anybody known here."""
    del person  # any pharmacist may
    now, reading = now_of(request), reading_of(request, "dispense")
    with refusals(), web_of(request).services.pool.connection() as connection:
        found: dispensing.PatientChosen | None
        if prescription_number is not None:
            found = dispensing.patient_by_prescription(connection, prescription_number, now, reading)
        else:
            found = dispensing.patient_by_card(connection, now, reading, place_id=place_id)
    return None if found is None else PatientFound.model_validate(vars(found))


@_out.get("/outgoing", summary="What is being picked, or waits for a second person", dependencies=READERS)
def list_waiting(request: Request) -> list[outgoing_reads.Waiting]:
    """Issues, dispensings and destructions."""
    with web_of(request).services.pool.connection() as connection:
        return outgoing_reads.waiting(connection, "issue", "dispensing", "destruction")


@_out.get("/outgoing/{document_id}", summary="An issue or dispensing, whole")
def one_outgoing(request: Request, document_id: uuid.UUID, person: Worker) -> Outgoing:
    """For people who work with stock: it may name a patient's number."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        return outgoing_reads.read_whole(connection, document_id, reading_of(request, "dispense"))


@_out.post("/outgoing/{document_id}/picks", summary="A scanned pack goes into the basket", status_code=201)
def add_pick(request: Request, response: Response, person: Worker, document_id: uuid.UUID, body: PickGiven) -> Outgoing:
    """Wrong, held, expired, elsewhere, promised to somebody else: refused, with the reason."""
    new = NewPick(body.pick_id, document_id, person.username, body.code, body.quantity, body.lot, zone_of(request))
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome = picking.pick(connection, new, now_of(request))
        response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
        return outgoing_reads.read_whole(connection, document_id, reading_of(request, "dispense"))


@_out.delete("/outgoing/{document_id}/picks/{pick_id}", summary="Take a pack out of the basket")
def remove_pick(request: Request, person: Worker, document_id: uuid.UUID, pick_id: uuid.UUID) -> Outgoing:
    """Gone already: as before."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        picking.put_back(connection, document_id, pick_id, now_of(request))
        return outgoing_reads.read_whole(connection, document_id, reading_of(request, "dispense"))


@_out.post("/outgoing/{document_id}/hand-over", summary="Hand over what was picked")
def hand_over(request: Request, person: Worker, document_id: uuid.UUID, body: HandingOver) -> Outgoing:
    """Booked at once; with drugs under special control it waits for a second person."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        handing_over.complete(
            *(connection, document_id, person.username, now_of(request)),
            as_proposed=body.as_proposed,
            zone=zone_of(request),
        )
        return outgoing_reads.read_whole(connection, document_id, reading_of(request, "dispense"))


@_out.post("/outgoing/{document_id}/confirm", summary="The second person confirms")
def confirm(request: Request, person: Worker, document_id: uuid.UUID, body: Confirming) -> Outgoing:
    """With what is left of each drug under special control, counted blind."""
    now, zone = now_of(request), zone_of(request)
    with refusals(), web_of(request).services.pool.connection() as connection:
        handing_over.confirm(connection, document_id, person.username, now, body.counted, zone=zone)
        return outgoing_reads.read_whole(connection, document_id, reading_of(request, "dispense"))


@_out.post("/outgoing/{document_id}/cancel", summary="Nothing of it goes out")
def cancel(request: Request, person: Worker, document_id: uuid.UUID) -> Outgoing:
    """As long as it is not handed over."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        outgoing.cancel(connection, document_id, now_of(request))
        return outgoing_reads.read_whole(connection, document_id, reading_of(request, "dispense"))


@_out.post("/destructions", summary="Write down what is to be destroyed", status_code=201)
def ask_destruction(request: Request, response: Response, person: Worker, body: DestructionGiven) -> DocumentAnswer:
    """It waits for a second person; the goods are promised to it meanwhile."""
    lines = tuple(DestroyLine(**line.model_dump()) for line in body.lines)
    fields = body.model_dump(exclude={"lines", "committee"})
    new = NewDestruction(
        **fields, lines=lines, committee=tuple(body.committee), created_by=person.username, zone=zone_of(request)
    )
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome = destruction.begin(connection, new, now_of(request))
        response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
        return _answer(destruction.read_destruction(connection, body.document_id))


@_out.post("/destructions/{document_id}/confirm", summary="The second person was there")
def confirm_destruction(request: Request, person: Worker, document_id: uuid.UUID) -> DocumentAnswer:
    """Booked as destroyed."""
    now, zone = now_of(request), zone_of(request)
    with refusals(), web_of(request).services.pool.connection() as connection:
        return _answer(destruction.confirm(connection, document_id, person.username, now, zone=zone))


@_out.post("/destructions/{document_id}/cancel", summary="Nothing is destroyed")
def cancel_destruction(request: Request, person: Worker, document_id: uuid.UUID) -> DocumentAnswer:
    """As long as nobody confirmed it."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        return _answer(destruction.cancel(connection, document_id, now_of(request)))


@_out.get("/destructions/{document_id}/minutes.pdf", summary="The minutes, to be signed", response_class=Response)
def print_minutes(request: Request, person: Worker, document_id: uuid.UUID) -> Response:
    """Biên bản hủy thuốc."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        minutes = destruction.minutes(connection, document_id, zone_of(request))
        head = letterhead(connection, request, person)
    return pdf(destruction_minutes_pdf(minutes, head), minutes.number)


def _new(body: AskedOut, kind: outgoing.OutgoingKind, person: str, request: Request, **more: Any) -> NewOutgoing:  # noqa: ANN401 - where it goes to
    return NewOutgoing(
        document_id=body.document_id,
        kind=kind,
        from_place_id=body.from_place_id,
        lines=tuple(AskedLine(line.product_id, line.quantity) for line in body.lines),
        created_by=person,
        shelf_life_days=body.shelf_life_days,
        pack_policy=body.pack_policy,
        note=body.note,
        zone=zone_of(request),
        **more,
    )


def _answer(document: Document) -> DocumentAnswer:
    return DocumentAnswer.model_validate(document, from_attributes=True)


for _part in (_out, stock_holds.router, stock_cases.router):
    router.include_router(_part)
