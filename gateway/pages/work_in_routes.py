"""Pages of work that brings goods in and moves them."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from gateway.api import stock_work_in
from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.web import web_of
from gateway.api.work_kit import DoneAnswer, Worker, refusals
from gateway.db.pool import Connection
from gateway.pages import work_in_pages as pages
from gateway.pages.translations import N_
from gateway.pages.work_kit import WORK_ROLES, WorkPage, reasons_for, show_work
from gateway.pages.work_plain import PlainForm, Posted, take_plainly
from gateway.services.reads_rows import Row, all_rows
from gateway.stock import document_reads, orders, transfers

router: Final = APIRouter(prefix="/work", include_in_schema=False)
_WORKERS: Final = [Depends(RolesRequired(WORK_ROLES))]
_LISTED: Final = 50
_REASONS_OF: Final = {
    "put_away": "storage",
    "ward_return": "return",
    "supplier_return": "return",
    "adjustment": "adjustment",
}
Taking = Callable[[dict[str, Any], Response], DoneAnswer]


class _Names(Row):
    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str


def _show(request: Request, page: WorkPage, problem: str = "") -> HTMLResponse:
    """A page with what its fields offer."""
    web = web_of(request)
    values: dict[str, Any] = {"to_supplier": page is pages.SUPPLIER_RETURN, "suppliers": [], "transfers": []}
    with web.services.pool.connection() as connection:
        applies_to = _REASONS_OF.get(page.act)
        values["reasons"] = reasons_for(connection, applies_to) if applies_to else []
        if page is pages.SUPPLIER_RETURN:
            values["suppliers"] = orders.suppliers_like(connection, limit=500)
        if page is pages.SEND:
            values["transfers"] = document_reads.transfers_on_the_way(connection, _LISTED)
    return show_work(request, page, values, problem=problem)


def _plainly(request: Request, form: Posted, page: WorkPage, taking: Taking) -> Response:
    return take_plainly(request, form, page, taking, lambda problem: _show(request, page, problem))


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
        pages.RECEIVE,
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
    return show_work(request, pages.RECEIVE, values, draft=str(order_id or ""), problem=problem)


@router.get("/put-away", dependencies=_WORKERS)
def put_away_page(request: Request) -> HTMLResponse:
    """Onto a shelf, into a fridge."""
    return _show(request, pages.PUT_AWAY)


@router.post("/put-away")
def put_away_plainly(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts."""

    def taking(values: dict[str, Any], response: Response) -> DoneAnswer:
        body = stock_work_in.PutAwayGiven.model_validate(values)
        return stock_work_in.put_goods_away(request, response, person, body)

    return _plainly(request, form, pages.PUT_AWAY, taking)


@router.get("/transfer", dependencies=_WORKERS)
def transfer_page(request: Request) -> HTMLResponse:
    """Send; what is on its way stands beside it."""
    return _show(request, pages.SEND)


@router.post("/transfer")
def transfer_plainly(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts."""

    def taking(values: dict[str, Any], response: Response) -> DoneAnswer:
        body = stock_work_in.TransferGiven.model_validate(values)
        return stock_work_in.send(request, response, person, body)

    return _plainly(request, form, pages.SEND, taking)


@router.get("/arrivals/{transfer_id}", dependencies=_WORKERS)
def arrival_page(request: Request, transfer_id: uuid.UUID) -> HTMLResponse:
    """Receive a transfer, whole or in parts."""
    return _arrival_page(request, transfer_id)


@router.post("/arrivals/{transfer_id}")
def arrive_plainly(request: Request, person: Worker, transfer_id: uuid.UUID, form: PlainForm) -> Response:
    """From a browser without scripts."""

    def taking(values: dict[str, Any], response: Response) -> DoneAnswer:
        body = stock_work_in.ArrivalGiven.model_validate(values)
        return stock_work_in.arrive(
            request=request, response=response, person=person, transfer_id=transfer_id, body=body
        )

    return take_plainly(
        request, form, pages.ARRIVE, taking, lambda problem: _arrival_page(request, transfer_id, problem)
    )


def _arrival_page(request: Request, transfer_id: uuid.UUID, problem: str = "") -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        transfer = document_reads.document_head(connection, transfer_id)
        if transfer is None or transfer.kind != "transfer" or transfer.about_document_id is not None:
            raise not_found(N_("There is no such transfer. Choose one from the list."))
        expected = _expected(request, connection, transfers.on_the_way(connection, transfer_id))
    path = f"{pages.ARRIVE.path}/{transfer_id}"
    page = replace(pages.ARRIVE, path=path, post=pages.ARRIVE.post.format(transfer_id=transfer_id))
    values = {"transfer": transfer}
    return show_work(request, page, values, draft=str(transfer_id), problem=problem, expected=expected)


def _expected(request: Request, connection: Connection, way: list[transfers.OnTheWay]) -> list[dict[str, Any]]:
    """Lines as a scan would make them."""
    speech = web_of(request).speech(request)
    rows = all_rows(
        connection,
        _Names,
        "SELECT product_id, name_vi, name_en, base_unit_vi, base_unit_en FROM product WHERE product_id = ANY(%(ids)s)",
        {"ids": [each.product_id for each in way]},
    )
    names = {row.product_id: row for row in rows}
    return [
        {
            **vars(each),
            "expiry_date": each.expiry_date.isoformat() if each.expiry_date else None,
            "name": speech.named(names[each.product_id].name_vi, names[each.product_id].name_en),
            "unit": speech.named(names[each.product_id].base_unit_vi, names[each.product_id].base_unit_en),
            "units": each.quantity if each.serial_number else 1,
            "lots": [],
            "scan_text": None,
        }
        for each in way
    ]


@router.get("/return", dependencies=_WORKERS)
def ward_return_page(request: Request) -> HTMLResponse:
    """What a ward gives back."""
    return _show(request, pages.WARD_RETURN)


@router.post("/return")
def ward_return_plainly(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts."""

    def taking(values: dict[str, Any], response: Response) -> DoneAnswer:
        body = stock_work_in.WardReturnGiven.model_validate(values)
        return stock_work_in.return_from_ward(request, response, person, body)

    return _plainly(request, form, pages.WARD_RETURN, taking)


@router.get("/return-to-supplier", dependencies=_WORKERS)
def supplier_return_page(request: Request) -> HTMLResponse:
    """What goes back to a supplier."""
    return _show(request, pages.SUPPLIER_RETURN)


@router.post("/return-to-supplier")
def supplier_return_plainly(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts."""

    def taking(values: dict[str, Any], response: Response) -> DoneAnswer:
        body = stock_work_in.SupplierReturnGiven.model_validate(values)
        return stock_work_in.return_to_supplier(request=request, response=response, person=person, body=body)

    return _plainly(request, form, pages.SUPPLIER_RETURN, taking)


@router.get("/adjust", dependencies=_WORKERS)
def adjust_page(request: Request) -> HTMLResponse:
    """Where the books and the shelf differ."""
    return _show(request, pages.ADJUST)


@router.post("/adjust")
def adjust_plainly(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts."""

    def taking(values: dict[str, Any], response: Response) -> DoneAnswer:
        body = stock_work_in.AdjustmentGiven.model_validate(values)
        return stock_work_in.adjust(request, response, person, body)

    return _plainly(request, form, pages.ADJUST, taking)


@router.get("/repack", dependencies=_WORKERS)
def repack_page(request: Request) -> HTMLResponse:
    """Break packs, make new ones. It has two lists of lines: without scripts there is the API."""
    return _show(request, pages.REPACK)
