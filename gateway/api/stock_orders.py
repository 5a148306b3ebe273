"""Orders at suppliers and the list of reasons, in the JSON API."""

import uuid
from datetime import date
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.stock_catalogue import today_of
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import (
    READERS,
    WORK_PROBLEMS,
    DoneAnswer,
    IdempotencyKey,
    Name,
    Note,
    Quantity,
    Worker,
    actor_of,
    id_of,
    letterhead,
    pdf,
    refusals,
    zone_of,
)
from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.pages.translations import N_
from gateway.pages.typed_day import typed_day
from gateway.reports.purchase_order import order_plan_pdf, purchase_order_pdf
from gateway.services.roles import STOCK_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock import order_paper, order_proposal, order_reads, orders
from gateway.stock.acts import Outcome, ReasonFor
from gateway.stock.order_reads import OPEN_STATES, Order, OrderHistory, OrderLine, OrderReceipt, OrderState

Reader = Annotated[SignedIn, Depends(RolesRequired(STOCK_ROLES))]
router: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], responses=WORK_PROBLEMS)


def _day_given(value: object) -> object:
    """A page's field has it as people type it."""
    return (typed_day(value) or value) if isinstance(value, str) and value else value


class OrderedGiven(BaseModel):
    """So much of a product."""

    product_id: Name
    quantity: Quantity
    pack_units: Annotated[int, Field(ge=1, le=2**31 - 1, description="Base units of the pack it is counted in")] = 1


class OrderContentGiven(BaseModel):
    """What is ordered."""

    supplier_name: Annotated[str, Field(min_length=1, max_length=200)]
    place_id: Name = Field(description="Where it is to be delivered")
    lines: Annotated[list[OrderedGiven], Field(min_length=1, max_length=2000)]
    expected_on: Annotated[date | None, BeforeValidator(_day_given)] = None
    note: Note = ""

    def content(self) -> orders.OrderContent:
        """For the service."""
        lines = tuple(orders.OrderedGoods(**line.model_dump()) for line in self.lines)
        return orders.OrderContent(self.supplier_name, self.place_id, lines, self.expected_on, self.note)


class OrderGiven(OrderContentGiven):
    """An order to be written."""

    order_id: uuid.UUID | None = Field(
        default=None,
        validation_alias=AliasChoices("order_id", "document_id"),
        description="Made by the client: told again, it is the same order",
    )


class OrderChangeGiven(OrderContentGiven):
    """What an order shall be from now on, in place of what it was."""

    change_id: uuid.UUID | None = Field(
        default=None,
        validation_alias=AliasChoices("change_id", "document_id"),
        description="Made by the client: told again, it is the same change",
    )
    revision: Annotated[int, Field(ge=0, description="Of the order that you have before you")]


class OrderWhole(BaseModel):
    """An order with what came of it and what was done to it."""

    order: Order
    lines: list[OrderLine]
    receipts: list[OrderReceipt]
    history: list[OrderHistory]


class OrderDone(DoneAnswer, OrderWhole):
    """An order that was written or changed; `document_id` is the order's id."""


class ReasonAnswer(BaseModel):
    """A reason to choose."""

    reason_code: str
    applies_to: str
    name_vi: str
    name_en: str


def _whole(connection: Connection, order: Order) -> OrderWhole:
    return OrderWhole(
        order=order,
        lines=order_reads.order_lines(connection, order.order_id),
        receipts=order_reads.order_receipts(connection, order.order_id),
        history=order_reads.order_history(connection, order.order_id),
    )


def _done(connection: Connection, response: Response, outcome: Outcome, order: Order) -> OrderDone:
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    response.headers["Location"] = f"{PREFIX}/stock/orders/{order.order_id}"
    whole = vars(_whole(connection, order))
    facts = {"outcome": outcome, "document_id": order.order_id, "number": order.number, "state": order.state}
    return OrderDone(notices=[], **facts, **whole)


@router.post("/orders", summary="Order at a supplier", status_code=201)
def place_order(
    request: Request, response: Response, person: Worker, body: OrderGiven, idempotency_key: IdempotencyKey = None
) -> OrderDone:
    """Each product once, in whole packs or in base units."""
    wanted = orders.NewOrder(id_of(person, body.order_id, idempotency_key), body.content())
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome, order = orders.place_order(connection, wanted, actor_of(request, person))
        return _done(connection, response, outcome, order)


@router.post("/orders/{order_id}/changes", summary="Change an order", status_code=201)
def change_order(
    *,
    request: Request,
    response: Response,
    person: Worker,
    order_id: uuid.UUID,
    body: OrderChangeGiven,
    idempotency_key: IdempotencyKey = None,
) -> OrderDone:
    """Refused if somebody else has changed it since it was read, and below what has come already."""
    change = orders.OrderChange(id_of(person, body.change_id, idempotency_key), order_id, body.revision, body.content())
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome, order = orders.change_order(connection, change, actor_of(request, person))
        return _done(connection, response, outcome, order)


@router.get("/orders", summary="Orders, the newest first", dependencies=READERS)
def list_orders(
    *,
    request: Request,
    open_only: Annotated[bool, Query(description="Only those of which something may still come")] = True,
    state: Annotated[OrderState | None, Query(description="Only those in this state, instead of open ones")] = None,
    supplier: Annotated[str, Query(max_length=200, description="Part of its name")] = "",
    number: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> list[Order]:
    """Without their lines."""
    states = frozenset({state}) if state else OPEN_STATES if open_only else frozenset[OrderState]()
    with web_of(request).services.pool.connection() as connection:
        return order_reads.list_orders(connection, states, supplier=supplier, number=number, limit=limit, offset=offset)


@router.get("/orders/{order_id}", summary="One order with what came of it", dependencies=READERS)
def read_order(request: Request, order_id: uuid.UUID) -> OrderWhole:
    """Received counts what was not taken back."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return _whole(connection, order_reads.read_order(connection, order_id))


@router.post("/orders/{order_id}/close", summary="Cancel an order, or expect no more of it")
def close_order(request: Request, person: Worker, order_id: uuid.UUID) -> OrderWhole:
    """A second time changes nothing; `reopen` takes it back."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return _whole(connection, orders.close_order(connection, order_id, actor_of(request, person)))


@router.post("/orders/{order_id}/reopen", summary="Expect an order after all")
def reopen_order(request: Request, person: Worker, order_id: uuid.UUID) -> OrderWhole:
    """Of one that was cancelled or closed; a second time changes nothing."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return _whole(connection, orders.reopen_order(connection, order_id, actor_of(request, person)))


@router.get("/orders/{order_id}/order.pdf", summary="The order, to be signed and sent", response_class=Response)
def print_order(request: Request, person: Reader, order_id: uuid.UUID) -> Response:
    """Đơn đặt hàng: in packs and base units."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        order = order_reads.read_order(connection, order_id)
        paper = order_paper.order_paper(connection, order, zone_of(request))
        return pdf(purchase_order_pdf(paper, letterhead(connection, request, person)), order.number)


@router.get("/order-proposals", summary="What a place should order", dependencies=READERS)
def proposals(request: Request, place_id: Annotated[str, Query(max_length=64)]) -> list[order_proposal.Proposal]:
    """What runs short there, less what is on order already; `quantity` is in whole packs."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        return order_proposal.propose(connection, storable(place_id), today_of(services))


@router.get("/order-proposals.pdf", summary="What a place should order, to be printed", response_class=Response)
def print_proposals(
    request: Request, person: Reader, place_id: Annotated[str, Query(min_length=1, max_length=64)]
) -> Response:
    """Bảng dự trù mua thuốc."""
    today = today_of(web_of(request).services)
    with web_of(request).services.pool.connection() as connection:
        place = connection.execute("SELECT name_vi FROM place WHERE place_id = %s", (storable(place_id),)).fetchone()
        if place is None:
            raise not_found(N_("There is no such place."))
        lines = order_paper.planned_lines(order_proposal.propose(connection, storable(place_id), today))
        paper = order_plan_pdf(str(place[0]), today, lines, letterhead(connection, request, person))
    return pdf(paper, f"du-tru-{today:%Y%m%d}")


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
