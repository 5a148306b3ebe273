"""Work that brings goods in and moves them, in the JSON API: each act one document, told again without harm."""

import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Final, Literal, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import (
    PRINTABLE,
    READERS,
    WORK_PROBLEMS,
    Act,
    DoneAnswer,
    Goods,
    GoodsGiven,
    IdempotencyKey,
    Name,
    Worker,
    act_lines,
    actor_of,
    answer_of,
    id_of,
    refusals,
)
from gateway.db.pool import Connection
from gateway.stock import adjustments, put_away, receiving, repacking, returns, transfers, two_people, undoing
from gateway.stock.acts import Actor, Done

_Act = TypeVar("_Act")
_Reason = Annotated[
    str, Field(min_length=1, max_length=64, pattern=PRINTABLE, description="A code of GET /api/v1/stock/reasons")
]
router: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], responses=WORK_PROBLEMS)


class ReceiptGiven(Act):
    """What came in, against an order or without one."""

    place_id: Name
    lines: Goods
    supplier_name: Annotated[str, Field(max_length=200)] = ""
    supplier_document: Annotated[str, Field(max_length=100, description="Number of the delivery note")] = ""
    order_id: uuid.UUID | None = None
    into_quarantine: bool = Field(
        default=False, description="Take in what has expired or is recalled too, and hold it until two people decide"
    )


@router.post("/receipts", summary="Receive goods", status_code=201)
def receive(
    request: Request, response: Response, person: Worker, body: ReceiptGiven, idempotency_key: IdempotencyKey = None
) -> DoneAnswer:
    """Too much, an unknown lot, a short shelf life are told as notices; what must not be taken in is refused."""
    receipt = receiving.Receipt(
        document_id=id_of(person, body.document_id, idempotency_key),
        place_id=body.place_id,
        lines=act_lines(body.lines),
        supplier_name=body.supplier_name,
        supplier_document=body.supplier_document,
        order_id=body.order_id,
        into_quarantine=body.into_quarantine,
        note=body.note,
    )
    return _do(request, response, person, receiving.receive, receipt, at=body.occurred_at)


def _do(
    request: Request,
    response: Response,
    person: Worker,
    service: Callable[[Connection, _Act, Actor], Done],
    act: _Act,
    *,
    at: datetime | None = None,
) -> DoneAnswer:
    """One act in one transaction."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        done = service(connection, act, actor_of(request, person, at))
    return answer_of(request, response, done)


class PutAwayGiven(Act):
    """What goes to which shelf or fridge."""

    from_place_id: Name
    to_place_id: Name
    lines: Goods
    override_reason: _Reason | None = Field(
        default=None, description="Why it stands in a place of another storage class"
    )


@router.post("/put-aways", summary="Put goods away", status_code=201)
def put_goods_away(
    request: Request, response: Response, person: Worker, body: PutAwayGiven, idempotency_key: IdempotencyKey = None
) -> DoneAnswer:
    """Refused where the storage class of the place is not the product's, unless a reason says why."""
    act = put_away.PutAway(
        document_id=id_of(person, body.document_id, idempotency_key),
        from_place_id=body.from_place_id,
        to_place_id=body.to_place_id,
        lines=act_lines(body.lines),
        override_reason=body.override_reason,
        note=body.note,
    )
    return _do(request, response, person, put_away.put_away, act, at=body.occurred_at)


class TransferGiven(Act):
    """What leaves a place for another."""

    from_place_id: Name
    to_place_id: Name
    lines: Goods


@router.post("/transfers", summary="Send goods to another place", status_code=201)
def send(
    request: Request, response: Response, person: Worker, body: TransferGiven, idempotency_key: IdempotencyKey = None
) -> DoneAnswer:
    """They are in transit until they arrive."""
    act = transfers.Sending(
        document_id=id_of(person, body.document_id, idempotency_key),
        from_place_id=body.from_place_id,
        to_place_id=body.to_place_id,
        lines=act_lines(body.lines),
        note=body.note,
    )
    return _do(request, response, person, transfers.send, act, at=body.occurred_at)


class OnTheWay(BaseModel):
    """What of a transfer has not arrived."""

    product_id: str
    lot: str
    expiry_date: date | None
    gtin: str | None
    serial_number: str | None
    quantity: int


@router.get("/transfers/{transfer_id}/on-the-way", summary="What has not arrived", dependencies=READERS)
def on_the_way(request: Request, transfer_id: uuid.UUID) -> list[OnTheWay]:
    """Empty if all of it has, or if there is no such transfer."""
    with web_of(request).services.pool.connection() as connection:
        return [OnTheWay(**vars(each)) for each in transfers.on_the_way(connection, transfer_id)]


class ArrivalGiven(Act):
    """What arrived of a transfer."""

    lines: Annotated[list[GoodsGiven], Field(max_length=2000, default_factory=list)]
    is_complete: bool = Field(
        default=False, description="Nothing more will come: what is missing becomes a discrepancy case"
    )


@router.post("/transfers/{transfer_id}/arrivals", summary="Receive a transfer", status_code=201)
def arrive(
    *,
    request: Request,
    response: Response,
    person: Worker,
    transfer_id: uuid.UUID,
    body: ArrivalGiven,
    idempotency_key: IdempotencyKey = None,
) -> DoneAnswer:
    """Whole or in parts; nothing arrives twice."""
    act = transfers.Arrival(
        document_id=id_of(person, body.document_id, idempotency_key),
        transfer_id=transfer_id,
        lines=act_lines(body.lines),
        is_complete=body.is_complete,
        note=body.note,
    )
    return _do(request, response, person, transfers.arrive, act, at=body.occurred_at)


class WardReturnGiven(Act):
    """What a ward gives back."""

    from_place_id: Name
    to_place_id: Name
    lines: Goods
    reason_code: _Reason
    from_dispensed: bool = Field(default=False, description="The ward keeps no stock: it had been handed out")
    into_quarantine: bool = Field(default=False, description="Nobody knows how it was kept: hold it")


@router.post("/returns-from-wards", summary="Take goods back from a ward", status_code=201)
def return_from_ward(
    request: Request, response: Response, person: Worker, body: WardReturnGiven, idempotency_key: IdempotencyKey = None
) -> DoneAnswer:
    """Into the store, or into quarantine."""
    act = returns.WardReturn(
        document_id=id_of(person, body.document_id, idempotency_key),
        from_place_id=body.from_place_id,
        to_place_id=body.to_place_id,
        lines=act_lines(body.lines),
        reason_code=body.reason_code,
        from_dispensed=body.from_dispensed,
        into_quarantine=body.into_quarantine,
        note=body.note,
    )
    return _do(request, response, person, returns.return_from_ward, act, at=body.occurred_at)


class SupplierReturnGiven(Act):
    """What goes back to a supplier."""

    from_place_id: Name
    supplier_name: Annotated[str, Field(min_length=1, max_length=200)]
    lines: Goods
    reason_code: _Reason


@router.post("/returns-to-suppliers", summary="Give goods back to a supplier", status_code=201)
def return_to_supplier(
    *,
    request: Request,
    response: Response,
    person: Worker,
    body: SupplierReturnGiven,
    idempotency_key: IdempotencyKey = None,
) -> DoneAnswer:
    """Held and expired goods too."""
    act = returns.SupplierReturn(
        document_id=id_of(person, body.document_id, idempotency_key),
        from_place_id=body.from_place_id,
        supplier_name=body.supplier_name,
        lines=act_lines(body.lines),
        reason_code=body.reason_code,
        note=body.note,
    )
    return _do(request, response, person, returns.return_to_supplier, act, at=body.occurred_at)


class AdjustmentGiven(Act):
    """What is there and not in the books, or the other way round."""

    place_id: Name
    direction: Literal["more", "less"] = Field(description="more: more is there than the books have")
    lines: Goods
    reason_code: _Reason


@router.post("/adjustments", summary="Correct the books with a reason", status_code=201)
def adjust(
    request: Request, response: Response, person: Worker, body: AdjustmentGiven, idempotency_key: IdempotencyKey = None
) -> DoneAnswer:
    """With a controlled medicine it waits for a second person."""
    act = adjustments.Adjustment(
        document_id=id_of(person, body.document_id, idempotency_key),
        place_id=body.place_id,
        direction=body.direction,
        lines=act_lines(body.lines),
        reason_code=body.reason_code,
        note=body.note,
    )
    return _do(request, response, person, adjustments.adjust, act, at=body.occurred_at)


class Confirming(BaseModel):
    """The second person's half."""

    counted: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default={},
        description="Of a receipt or a return: of each drug under special control how many base units there are,"
        " counted blind",
    )


@router.post("/documents/{document_id}/confirm", summary="The second person's half of what waits for one")
def confirm(
    request: Request, response: Response, person: Worker, document_id: uuid.UUID, body: Confirming | None = None
) -> DoneAnswer:
    """A receipt, a return, an adjustment or a reversal. Somebody else than who made it; now it is booked."""
    counted = body.counted if body is not None else {}

    def service(connection: Connection, act: uuid.UUID, actor: Actor) -> Done:
        return two_people.confirm(connection, act, actor, counted)

    return _do(request, response, person, service, document_id)


@router.post("/documents/{document_id}/cancel", summary="Cancel what waits for a second person")
def cancel(request: Request, response: Response, person: Worker, document_id: uuid.UUID) -> DoneAnswer:
    """Nothing is booked."""
    return _do(request, response, person, two_people.cancel, document_id)


class RepackingGiven(Act):
    """What was taken apart and what was made of it."""

    place_id: Name
    sources: Goods
    targets: Goods


@router.post("/repackings", summary="Break packs, or make new ones", status_code=201)
def repack(
    request: Request, response: Response, person: Worker, body: RepackingGiven, idempotency_key: IdempotencyKey = None
) -> DoneAnswer:
    """Base units, lots and expiry dates are conserved."""
    act = repacking.Repacking(
        document_id=id_of(person, body.document_id, idempotency_key),
        place_id=body.place_id,
        sources=act_lines(body.sources),
        targets=act_lines(body.targets),
        note=body.note,
    )
    return _do(request, response, person, repacking.repack, act, at=body.occurred_at)


class UndoingGiven(Act):
    """Why a document is taken back."""

    reason_code: _Reason


@router.post("/documents/{document_id}/undo", summary="Take a document back", status_code=201)
def undo(
    *,
    request: Request,
    response: Response,
    person: Worker,
    document_id: uuid.UUID,
    body: UndoingGiven,
    idempotency_key: IdempotencyKey = None,
) -> DoneAnswer:
    """By a reversing document, while its goods have not moved on. `document_id` in the body is the reversal's own."""
    act = undoing.Undoing(
        document_id=id_of(person, body.document_id, idempotency_key),
        about_document_id=document_id,
        reason_code=body.reason_code,
        note=body.note,
    )
    return _do(request, response, person, undoing.undo, act, at=body.occurred_at)
