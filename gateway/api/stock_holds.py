"""Holds, quarantine and recalls in the JSON API: placed by one person, released by two."""

import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

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
from gateway.pages.translations import N_
from gateway.reports.recall_notice import (
    RecalledDispensing,
    RecalledStock,
    RecallNotice,
    recall_notice_pdf,
)
from gateway.stock import quarantine, recall
from gateway.stock.errors import WorkRefusedError
from gateway.stock.holds import NewHold
from gateway.stock.recall import NewRecall, RecallHead, Subject, Trace
from inventory.lot_state import HoldKind

router: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], responses=WORK_PROBLEMS)
Reason = Annotated[str, Field(min_length=1, max_length=500)]
Gtin = Annotated[str, Field(pattern=r"\A[0-9]{14}\z")]
Serial = Annotated[str, Field(min_length=1, max_length=20)]
Lot = Annotated[str, Field(max_length=64)]


class HoldGiven(BaseModel):
    """What is to be held. What is left out is not limited."""

    hold_id: uuid.UUID
    kind: HoldKind
    product_id: Name
    reason: Reason
    lot: Lot | None = None
    place_id: Name | None = None
    gtin: Gtin | None = None
    serial_number: Serial | None = None
    reason_code: Annotated[str | None, Field(max_length=64)] = None


class HeldLine(BaseModel):
    """One thing that was scanned to be held."""

    product_id: Name
    lot: Lot = ""
    quantity: Quantity = 1
    gtin: Gtin | None = None
    serial_number: Serial | None = None


class HoldsGiven(BaseModel):
    """Several things for one reason, each a hold of its own."""

    document_id: uuid.UUID = Field(description="Made by the client: told again, nothing is held a second time")
    kind: HoldKind
    scope: Literal["lot", "pack", "units", "product"] = Field(
        default="lot", description="units: so many of the lot, in the one place that is named"
    )
    reason: Reason
    place_id: Name | None = None
    lines: Annotated[list[HeldLine], Field(min_length=1, max_length=500)]


class HeldTogether(BaseModel):
    """What came of it."""

    document_id: uuid.UUID
    number: str = Field(description="How many, in words")
    outcome: Literal["created", "exists"]


class RecallGiven(BaseModel):
    """What is called back: a lot, or one pack."""

    recall_id: uuid.UUID
    product_id: Name
    lot: Lot | None = None
    gtin: Gtin | None = None
    serial_number: Serial | None = None
    reason: Reason
    source: Annotated[str, Field(max_length=500)] = ""
    level: Annotated[str, Field(max_length=100)] = ""


class Said(BaseModel):
    """Why."""

    reason: Reason


@router.get("/holds", summary="Open holds, what waits for a second person first", dependencies=READERS)
def list_holds(request: Request, kind: HoldKind | None = None) -> list[quarantine.OpenHold]:
    """With how much each holds now."""
    with web_of(request).services.pool.connection() as connection:
        return quarantine.open_now(connection, kind=kind)


@router.get("/holds/walk", summary="All that is held, in the order of places", dependencies=READERS)
def walk(request: Request, recall_id: uuid.UUID | None = None) -> list[quarantine.HeldGoods]:
    """The list to walk by."""
    with web_of(request).services.pool.connection() as connection:
        return quarantine.walk(connection, recall_id=recall_id)


@router.post("/holds", summary="Hold a lot, a pack, or a product", status_code=201)
def place_hold(request: Request, response: Response, person: Worker, body: HoldGiven) -> list[quarantine.OpenHold]:
    """From now on nothing of it is given out."""
    fields = body.model_dump(exclude={"place_id"})
    account_id = None if body.place_id is None else f"place:{body.place_id}"
    with refusals(), web_of(request).services.pool.connection() as connection:
        hold = NewHold(**fields, account_id=account_id, placed_by=person.username, placed_at=now_of(request))
        outcome = quarantine.place(connection, hold)
        response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
        return [one for one in quarantine.open_now(connection, limit=10_000) if one.hold_id == body.hold_id]


@router.post("/holds/batches", summary="Hold several things for one reason", status_code=201)
def place_holds(request: Request, response: Response, person: Worker, body: HoldsGiven) -> HeldTogether:
    """All of them, or none."""
    web = web_of(request)
    with refusals(), web.services.pool.connection() as connection, connection.transaction():
        found = {quarantine.place(connection, hold) for hold in _holds_of(body, person.username, now_of(request))}
    outcome: Literal["created", "exists"] = "created" if "created" in found else "exists"
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    number = web.speech(request).text(N_("%(count)s held"), count=len(body.lines))
    return HeldTogether(document_id=body.document_id, number=number, outcome=outcome)


def _holds_of(body: HoldsGiven, person: str, now: datetime) -> list[NewHold]:
    """One for each line."""
    if body.scope == "units" and body.place_id is None:
        raise WorkRefusedError("place_missing", "so many units are held in one place: name it")
    holds = []
    for number, line in enumerate(body.lines, 1):
        if body.scope == "pack" and line.serial_number is None:
            message = f"no single pack of {line.product_id!r} is named: hold its lot, or scan the pack"
            raise WorkRefusedError("no_pack", message, product=line.product_id)
        holds.append(
            NewHold(
                hold_id=uuid.uuid5(body.document_id, f"hold {number}"),
                kind=body.kind,
                product_id=line.product_id,
                lot=None if body.scope == "product" else line.lot,
                account_id=f"place:{body.place_id}" if body.place_id else None,
                gtin=line.gtin if body.scope == "pack" else None,
                serial_number=line.serial_number if body.scope == "pack" else None,
                quantity=line.quantity if body.scope == "units" else None,
                reason=body.reason,
                placed_by=person,
                placed_at=now,
            )
        )
    return holds


@router.post("/holds/{hold_id}/ask-release", summary="The first person asks for a release")
def ask_release(request: Request, person: Worker, hold_id: uuid.UUID, body: Said) -> list[quarantine.OpenHold]:
    """It waits for somebody else."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        quarantine.ask_release(connection, hold_id, person.username, body.reason, now_of(request))
        return quarantine.open_now(connection)


@router.post("/holds/{hold_id}/confirm-release", summary="The second person releases")
def confirm_release(request: Request, person: Worker, hold_id: uuid.UUID) -> list[quarantine.OpenHold]:
    """Never the first."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        quarantine.confirm_release(connection, hold_id, person.username, now_of(request))
        return quarantine.open_now(connection)


@router.get("/trace", summary="Every place, movement and patient of a lot or a pack")
def trace(
    *,
    request: Request,
    person: Worker,
    product_id: Annotated[str, Query(min_length=1, max_length=64)],
    lot: Annotated[str | None, Query(max_length=64)] = None,
    gtin: Annotated[str | None, Query(pattern=r"\A[0-9]{14}\z")] = None,
    serial_number: Annotated[str | None, Query(min_length=1, max_length=20)] = None,
) -> Trace:
    """Patients by number; names are for the registration desk."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        return recall.trace(connection, Subject(product_id, lot, gtin, serial_number), reading_of(request, "recall"))


@router.get("/recalls", summary="Recalls, the newest first", dependencies=READERS)
def list_recalls(request: Request) -> list[RecallHead]:
    """Those that are over too."""
    with web_of(request).services.pool.connection() as connection:
        return recall.recalls(connection)


@router.post("/recalls", summary="Recall a lot or a pack: all of it is held at once", status_code=201)
def open_recall(request: Request, response: Response, person: Worker, body: RecallGiven) -> RecallHead:
    """Wherever it stands, and whatever comes of it yet."""
    subject = Subject(body.product_id, body.lot, body.gtin, body.serial_number)
    new = NewRecall(
        body.recall_id, subject, body.reason, person.username, body.source, body.level, zone=zone_of(request)
    )
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome = recall.open_recall(connection, new, now_of(request))
        response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
        return recall.read_recall(connection, body.recall_id)


@router.post("/recalls/{recall_id}/ask-end", summary="The first person asks to end a recall")
def ask_end(request: Request, person: Worker, recall_id: uuid.UUID, body: Said) -> RecallHead:
    """All its holds wait for somebody else."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        recall.ask_end(connection, recall_id, person.username, body.reason, now_of(request))
        return recall.read_recall(connection, recall_id)


@router.post("/recalls/{recall_id}/confirm-end", summary="The second person ends it")
def confirm_end(request: Request, person: Worker, recall_id: uuid.UUID) -> RecallHead:
    """All its holds are released."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        recall.confirm_end(connection, recall_id, person.username, now_of(request))
        return recall.read_recall(connection, recall_id)


@router.get("/recalls/{recall_id}/notice.pdf", summary="The notice of a recall", response_class=Response)
def print_notice(request: Request, person: Worker, recall_id: uuid.UUID) -> Response:
    """Thông báo thu hồi: places, patients by number, what is not accounted for."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        head = recall.read_recall(connection, recall_id)
        found = recall.trace(connection, recall.subject_of(head), reading_of(request, "recall"))
        row = connection.execute(
            "SELECT min(expiry_date) FROM lot WHERE product_id = %s AND lot = ANY(%s)", (head.product_id, found.lots)
        ).fetchone()
        notice = RecallNotice(
            number=head.number,
            decided_at=head.opened_at.astimezone(zone_of(request)),
            source=head.source,
            level=head.level,
            reason=head.reason,
            product_name=found.product_name_vi,
            registration_number=", ".join(found.registration_numbers),
            lot=head.serial_number or ", ".join(found.lots),
            expiry_date=row[0] if row else None,
            unit=found.base_unit_vi,
            received=found.received,
            stock=tuple(
                RecalledStock(one.place_name_vi or "Đang chuyển", one.quantity, tuple(one.serial_numbers))
                for one in (*found.places, *found.in_transit)
            ),
            dispensed=tuple(
                RecalledDispensing(
                    patient_number=one.patient_number or one.prescription_number or "",
                    patient_name="",
                    day=one.first_at.astimezone(zone_of(request)).date(),
                    quantity=one.quantity,
                    place="",
                    document_number=one.document_number or "",
                )
                for one in found.patients
            ),
            elsewhere=tuple(
                (_OUTSIDE[account], quantity) for account, quantity in found.outside.items() if account in _OUTSIDE
            ),
        )
        return pdf(recall_notice_pdf(notice, letterhead(connection, request, person)), head.number)


_OUTSIDE: Final = {"wasted": "đã hủy", "returned": "đã trả nhà cung cấp", "unexplained": "chưa rõ nguyên nhân"}
"""On the notice, which is a Vietnamese document."""
