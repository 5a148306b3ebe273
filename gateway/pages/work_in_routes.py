"""Pages of work that brings goods in and moves them."""

import uuid
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from gateway.api import stock_work_in
from gateway.api.access import RolesRequired
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, refusals
from gateway.pages.translations import N_
from gateway.pages.work_kit import WORK_ROLES, WorkPage, show_work
from gateway.pages.work_plain import PlainForm, take_plainly
from gateway.stock import orders

router: Final = APIRouter(prefix="/work", include_in_schema=False)
_WORKERS: Final = [Depends(RolesRequired(WORK_ROLES))]

RECEIVE: Final = WorkPage(
    act="receipt",
    path="/work/receive",
    title=N_("Receive"),
    explain=N_("Goods from a supplier. Choose the place, then scan packs or cases."),
    post="/api/v1/stock/receipts",
    template="work_in_receive.html",
)


@router.get("/receive", dependencies=_WORKERS)
def receive_page(request: Request, order_id: uuid.UUID | None = None) -> HTMLResponse:
    """Blind, or against an order."""
    return _receive_page(request, order_id)


@router.post("/receive")
def receive_plainly(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts."""
    order_id = form.fields.get("order_id") or None
    return take_plainly(
        request,
        form,
        RECEIVE,
        lambda values, response: stock_work_in.receive(
            request, response, person, stock_work_in.ReceiptGiven.model_validate(values)
        ),
        lambda problem: _receive_page(request, uuid.UUID(order_id) if order_id else None, problem),
    )


def _receive_page(request: Request, order_id: uuid.UUID | None, problem: str = "") -> HTMLResponse:
    values: dict[str, Any] = {"order": None, "order_lines": [], "orders": [], "suppliers": []}
    with refusals(), web_of(request).services.pool.connection() as connection:
        if order_id is None:
            values |= {
                "orders": orders.list_orders(connection),
                "suppliers": orders.suppliers_like(connection, limit=500),
            }
        else:
            values["order"] = orders.read_order(connection, order_id)
            values["order_lines"] = orders.order_lines(connection, order_id)
    return show_work(request, RECEIVE, values, draft=str(order_id or ""), problem=problem)
