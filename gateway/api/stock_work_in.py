"""Work that brings goods in and moves them, in the JSON API: each act one document, told again without harm.

What a request says of an act has the names that the act's service has: it is handed over as it is.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from fastapi import APIRouter, Depends, Request, Response
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
from gateway.services.sessions import SignedIn
from gateway.stock import adjustments, put_away, receiving, repacking, returns, transfers, two_people, undoing
from gateway.stock.acts import Actor, Done

_A = TypeVar("_A")
_Reason = Annotated[
    str, Field(min_length=1, max_length=64, pattern=PRINTABLE, description="A code of GET /api/v1/stock/reasons")
]
_Supplier = Annotated[str, Field(min_length=1, max_length=200)]
_OF_THE_REQUEST: Final = frozenset({"document_id", "occurred_at"})
router: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], responses=WORK_PROBLEMS)


@dataclass(frozen=True)
class Asked:
    """Who asks for an act, and by which request."""

    request: Request
    response: Response
    person: SignedIn
    key: str | None = None

    def do(
        self, service: Callable[[Connection, _A, Actor], Done], kind: Callable[..., _A], body: Act, **more: object
    ) -> DoneAnswer:
        """The act that the body tells, in one transaction; `more` is what the address says of it."""
        given: dict[str, Any] = {
            name: act_lines(value) if isinstance(value, list) else value
            for name, value in ((name, getattr(body, name)) for name in type(body).model_fields)
            if name not in _OF_THE_REQUEST
        }
        act = kind(document_id=id_of(self.person, body.document_id, self.key), **given, **more)
        return self.book(lambda connection, actor: service(connection, act, actor), body.occurred_at)

    def book(self, step: Callable[[Connection, Actor], Done], occurred_at: datetime | None = None) -> DoneAnswer:
        """One step in one transaction."""
        with refusals(), web_of(self.request).services.pool.connection() as connection:
            done = step(connection, actor_of(self.request, self.person, occurred_at))
        return answer_of(self.request, self.response, done)


def _asked(request: Request, response: Response, person: Worker, idempotency_key: IdempotencyKey = None) -> Asked:
    return Asked(request, response, person, idempotency_key)


Asking = Annotated[Asked, Depends(_asked)]


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
def receive(asked: Asking, body: ReceiptGiven) -> DoneAnswer:
    """Too much, an unknown lot, a short shelf life are told as notices; what must not be taken in is refused."""
    return asked.do(receiving.receive, receiving.Receipt, body)


class PutAwayGiven(Act):
    """What goes to which shelf or fridge."""

    from_place_id: Name
    to_place_id: Name
    lines: Goods
    override_reason: _Reason | None = Field(
        default=None, description="Why it stands in a place of another storage class"
    )


@router.post("/put-aways", summary="Put goods away", status_code=201)
def put_goods_away(asked: Asking, body: PutAwayGiven) -> DoneAnswer:
    """Refused where the storage class of the place is not the product's, unless a reason says why."""
    return asked.do(put_away.put_away, put_away.PutAway, body)


class TransferGiven(Act):
    """What leaves a place for another."""

    from_place_id: Name
    to_place_id: Name
    lines: Goods


@router.post("/transfers", summary="Send goods to another place", status_code=201)
def send(asked: Asking, body: TransferGiven) -> DoneAnswer:
    """They are in transit until they arrive."""
    return asked.do(transfers.send, transfers.Sending, body)


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
def arrive(asked: Asking, transfer_id: uuid.UUID, body: ArrivalGiven) -> DoneAnswer:
    """Whole or in parts; nothing arrives twice."""
    return asked.do(transfers.arrive, transfers.Arrival, body, transfer_id=transfer_id)


class WardReturnGiven(Act):
    """What a ward gives back."""

    from_place_id: Name
    to_place_id: Name
    lines: Goods
    reason_code: _Reason
    from_dispensed: bool = Field(default=False, description="The ward keeps no stock: it had been handed out")
    into_quarantine: bool = Field(default=False, description="Nobody knows how it was kept: hold it")


@router.post("/returns-from-wards", summary="Take goods back from a ward", status_code=201)
def return_from_ward(asked: Asking, body: WardReturnGiven) -> DoneAnswer:
    """Into the store, or into quarantine."""
    return asked.do(returns.return_from_ward, returns.WardReturn, body)


class SupplierReturnGiven(Act):
    """What goes back to a supplier."""

    from_place_id: Name
    supplier_name: _Supplier
    lines: Goods
    reason_code: _Reason


@router.post("/returns-to-suppliers", summary="Give goods back to a supplier", status_code=201)
def return_to_supplier(asked: Asking, body: SupplierReturnGiven) -> DoneAnswer:
    """Held and expired goods too."""
    return asked.do(returns.return_to_supplier, returns.SupplierReturn, body)


class AdjustmentGiven(Act):
    """What is there and not in the books, or the other way round."""

    place_id: Name
    direction: Literal["more", "less"] = Field(description="more: more is there than the books have")
    lines: Goods
    reason_code: _Reason


@router.post("/adjustments", summary="Correct the books with a reason", status_code=201)
def adjust(asked: Asking, body: AdjustmentGiven) -> DoneAnswer:
    """With a controlled medicine it waits for a second person."""
    return asked.do(adjustments.adjust, adjustments.Adjustment, body)


class Confirming(BaseModel):
    """The second person's half."""

    counted: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default={},
        description="Of a receipt or a return: of each drug under special control how many base units there are,"
        " counted blind",
    )


@router.post("/documents/{document_id}/confirm", summary="The second person's half of what waits for one")
def confirm(asked: Asking, document_id: uuid.UUID, body: Confirming | None = None) -> DoneAnswer:
    """A receipt, a return, an adjustment or a reversal. Somebody else than who made it; now it is booked."""
    counted = body.counted if body is not None else {}
    return asked.book(lambda connection, actor: two_people.confirm(connection, document_id, actor, counted))


@router.post("/documents/{document_id}/cancel", summary="Cancel what waits for a second person")
def cancel(asked: Asking, document_id: uuid.UUID) -> DoneAnswer:
    """Nothing is booked."""
    return asked.book(lambda connection, actor: two_people.cancel(connection, document_id, actor))


class RepackingGiven(Act):
    """What was taken apart and what was made of it."""

    place_id: Name
    sources: Goods
    targets: Goods


@router.post("/repackings", summary="Break packs, or make new ones", status_code=201)
def repack(asked: Asking, body: RepackingGiven) -> DoneAnswer:
    """Base units, lots and expiry dates are conserved."""
    return asked.do(repacking.repack, repacking.Repacking, body)


class UndoingGiven(Act):
    """Why a document is taken back."""

    reason_code: _Reason


@router.post("/documents/{document_id}/undo", summary="Take a document back", status_code=201)
def undo(asked: Asking, document_id: uuid.UUID, body: UndoingGiven) -> DoneAnswer:
    """By a reversing document, while its goods have not moved on. `document_id` in the body is the reversal's own."""
    return asked.do(undoing.undo, undoing.Undoing, body, about_document_id=document_id)
