"""Pages of work that brings goods in and moves them: each shown, and taken from a browser without scripts."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from gateway.api import stock_work_in as api
from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.stock_work_in import Asked
from gateway.api.web import web_of
from gateway.api.work_kit import Act, DoneAnswer, Worker, refusals
from gateway.pages import work_in_pages as pages
from gateway.pages.translations import N_
from gateway.pages.work_in_lines import lines_on_the_way, product_line
from gateway.pages.work_kit import WORK_ROLES, WorkPage, reasons_for, show_work
from gateway.pages.work_plain import PlainForm, Posted, again_in, take_plainly
from gateway.stock import document_reads, order_reads, transfers
from gateway.stock.acts import ReasonFor

router: Final = APIRouter(prefix="/work", include_in_schema=False)
_WORKERS: Final = [Depends(RolesRequired(WORK_ROLES))]
_LISTED: Final = 50
_A = TypeVar("_A", bound=Act)


@dataclass(frozen=True)
class _Kind:
    """A page, what its reasons are for, and the API's act that takes it."""

    page: WorkPage
    act: Callable[[Asked, dict[str, Any]], DoneAnswer]
    reasons: ReasonFor | None = None


def _kind(
    page: WorkPage,
    take: Callable[[Asked, _A], DoneAnswer],
    given: type[_A],
    reasons: ReasonFor | None = None,
) -> _Kind:
    return _Kind(page, lambda asked, values: take(asked, given.model_validate(values)), reasons)


_KINDS: Final = (
    _kind(pages.PUT_AWAY, api.put_goods_away, api.PutAwayGiven, "storage"),
    _kind(pages.SEND, api.send, api.TransferGiven),
    _kind(pages.WARD_RETURN, api.return_from_ward, api.WardReturnGiven, "return"),
    _kind(pages.SUPPLIER_RETURN, api.return_to_supplier, api.SupplierReturnGiven, "return"),
    _kind(pages.ADJUST, api.adjust, api.AdjustmentGiven, "adjustment"),
    _kind(pages.REPACK, api.repack, api.RepackingGiven),
)


def _show(request: Request, kind: _Kind, problem: str = "", form: Posted | None = None) -> HTMLResponse:
    """A page with what its fields offer; what was posted without scripts stands in it again."""
    page = kind.page
    values: dict[str, Any] = {"to_supplier": page is pages.SUPPLIER_RETURN, "suppliers": [], "transfers": []}
    with web_of(request).services.pool.connection() as connection:
        values["reasons"] = reasons_for(connection, kind.reasons) if kind.reasons else []
        if page is pages.SUPPLIER_RETURN:
            values["suppliers"] = order_reads.suppliers_like(connection, limit=500)
        if page is pages.SEND:
            values["transfers"] = document_reads.transfers_on_the_way(connection, _LISTED)
    return show_work(request, page, {**values, **again_in(form)}, problem=problem)


def _add(kind: _Kind) -> None:
    """The page's two routes."""

    def show(request: Request) -> HTMLResponse:
        return _show(request, kind)

    def take(request: Request, person: Worker, form: PlainForm) -> Response:
        return take_plainly(
            request,
            form,
            kind.page,
            lambda values, response: kind.act(Asked(request, response, person), values),
            lambda problem: _show(request, kind, problem, form),
        )

    path = kind.page.path.removeprefix("/work")
    router.add_api_route(path, show, methods=["GET"], dependencies=_WORKERS)
    router.add_api_route(path, take, methods=["POST"])


for _each in _KINDS:
    _add(_each)


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
        lambda values, response: api.receive(Asked(request, response, person), api.ReceiptGiven.model_validate(values)),
        lambda problem: _receive_page(request, uuid.UUID(order_id) if order_id else None, problem, form),
    )


def _receive_page(
    request: Request, order_id: uuid.UUID | None, problem: str = "", form: Posted | None = None
) -> HTMLResponse:
    values: dict[str, Any] = {"order": None, "order_lines": [], "orders": [], "suppliers": []}
    expected = []
    with refusals(), web_of(request).services.pool.connection() as connection:
        if order_id is None:
            values["orders"] = order_reads.list_orders(connection)
            values["suppliers"] = order_reads.suppliers_like(connection, limit=500)
        else:
            speech = web_of(request).speech(request)
            values["order"] = order_reads.read_order(connection, order_id)
            values["order_lines"] = lines = order_reads.order_lines(connection, order_id)
            expected = [product_line(line, speech, line.outstanding) for line in lines if line.outstanding]
    draft = str(order_id or "")
    values |= again_in(form)
    return show_work(request, pages.RECEIVE, values, draft=draft, problem=problem, expected=expected)


@router.get("/arrivals/{transfer_id}", dependencies=_WORKERS)
def arrival_page(request: Request, transfer_id: uuid.UUID) -> HTMLResponse:
    """Receive a transfer, whole or in parts."""
    return _arrival_page(request, transfer_id)


@router.post("/arrivals/{transfer_id}")
def arrive_plainly(request: Request, person: Worker, transfer_id: uuid.UUID, form: PlainForm) -> Response:
    """From a browser without scripts."""
    return take_plainly(
        request,
        form,
        pages.ARRIVE,
        lambda values, response: api.arrive(
            Asked(request, response, person), transfer_id, api.ArrivalGiven.model_validate(values)
        ),
        lambda problem: _arrival_page(request, transfer_id, problem, form),
    )


def _arrival_page(
    request: Request, transfer_id: uuid.UUID, problem: str = "", form: Posted | None = None
) -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        transfer = document_reads.document_head(connection, transfer_id)
        if transfer is None or transfer.kind != "transfer" or transfer.about_document_id is not None:
            raise not_found(N_("There is no such transfer. Choose one from the list."))
        way = transfers.on_the_way(connection, transfer_id)
        expected = lines_on_the_way(connection, way, web_of(request).speech(request))
    path = f"{pages.ARRIVE.path}/{transfer_id}"
    page = replace(pages.ARRIVE, path=path, post=pages.ARRIVE.post.format(transfer_id=transfer_id))
    values = {"transfer": transfer, **again_in(form)}
    return show_work(request, page, values, draft=str(transfer_id), problem=problem, expected=expected)
