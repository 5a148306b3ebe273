"""Orders at suppliers and the list of reasons, in the JSON API."""

import uuid
from datetime import date
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from gateway.api.stock_catalogue import today_of
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import (
    READERS,
    WORK_PROBLEMS,
    IdempotencyKey,
    Name,
    Note,
    Quantity,
    Worker,
    actor_of,
    id_of,
    refusals,
)
from gateway.db.storable import storable
from gateway.stock import orders
from gateway.stock.acts import ReasonFor

router: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], responses=WORK_PROBLEMS)


class OrderedGiven(BaseModel):
    """So much of a product."""

    product_id: Name
    quantity: Quantity


class OrderGiven(BaseModel):
    """What is ordered."""

    order_id: uuid.UUID | None = Field(default=None, description="Made by the client: told again, it is the same order")
    supplier_name: Annotated[str, Field(min_length=1, max_length=200)]
    place_id: Name = Field(description="Where it is to be delivered")
    lines: Annotated[list[OrderedGiven], Field(min_length=1, max_length=2000)]
    expected_on: date | None = None
    note: Note = ""


class OrderWhole(BaseModel):
    """An order with what came of it."""

    outcome: Literal["created", "exists"] | None = None
    order: orders.Order
    lines: list[orders.OrderLine]


class ProposalAnswer(BaseModel):
    """What a place should order, in base units."""

    place_id: str
    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    on_hand: int
    ordered: int
    to_order: int


class ReasonAnswer(BaseModel):
    """A reason to choose."""

    reason_code: str
    applies_to: str
    name_vi: str
    name_en: str


@router.post("/orders", summary="Order at a supplier", status_code=201)
def place_order(
    request: Request, response: Response, person: Worker, body: OrderGiven, idempotency_key: IdempotencyKey = None
) -> OrderWhole:
    """Each product once."""
    wanted = orders.NewOrder(
        order_id=id_of(person, body.order_id, idempotency_key),
        supplier_name=body.supplier_name,
        place_id=body.place_id,
        lines=tuple(orders.OrderedGoods(line.product_id, line.quantity) for line in body.lines),
        expected_on=body.expected_on,
        note=body.note,
    )
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome, order = orders.place_order(connection, wanted, actor_of(request, person))
        lines = orders.order_lines(connection, order.order_id)
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    return OrderWhole(outcome=outcome, order=order, lines=lines)


@router.get("/orders", summary="Orders, the newest first", dependencies=READERS)
def list_orders(
    request: Request,
    open_only: Annotated[bool, Query(description="Only those of which something may still come")] = True,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[orders.Order]:
    """Without their lines."""
    with web_of(request).services.pool.connection() as connection:
        return orders.list_orders(connection, open_only=open_only, limit=limit)


@router.get("/orders/{order_id}", summary="One order with what came of it", dependencies=READERS)
def read_order(request: Request, order_id: uuid.UUID) -> OrderWhole:
    """Received counts what was not taken back."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        order = orders.read_order(connection, order_id)
        return OrderWhole(order=order, lines=orders.order_lines(connection, order_id))


@router.post("/orders/{order_id}/close", summary="Nothing more is expected of an order")
def close_order(request: Request, person: Worker, order_id: uuid.UUID) -> OrderWhole:
    """A second time changes nothing."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        order = orders.close_order(connection, order_id, actor_of(request, person))
        return OrderWhole(order=order, lines=orders.order_lines(connection, order_id))


@router.get("/order-proposals", summary="What a place should order", dependencies=READERS)
def proposals(request: Request, place_id: Annotated[str, Query(max_length=64)]) -> list[ProposalAnswer]:
    """What runs short there, less what is on order already."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = orders.propose(connection, storable(place_id), today_of(services))
    return [ProposalAnswer(**vars(each)) for each in found]


@router.get("/reasons", summary="Reasons to choose from", dependencies=READERS)
def reasons(request: Request, applies_to: Annotated[ReasonFor | None, Query()] = None) -> list[ReasonAnswer]:
    """For adjustments, returns, reversals and so on."""
    with web_of(request).services.pool.connection() as connection:
        rows = connection.execute(
            "SELECT reason_code, applies_to, name_vi, name_en FROM reason"
            " WHERE %(for)s::text IS NULL OR applies_to = %(for)s ORDER BY applies_to, reason_code",
            {"for": applies_to},
        ).fetchall()
    names = ("reason_code", "applies_to", "name_vi", "name_en")
    return [ReasonAnswer(**dict(zip(names, row, strict=True))) for row in rows]
