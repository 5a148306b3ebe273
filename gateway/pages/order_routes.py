"""Pages of orders: the list, one whole, the page to write one or change it, and what a place should order."""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from gateway.api import stock_orders
from gateway.api.access import RolesRequired
from gateway.api.problems import Problem, detail_of
from gateway.api.stock_catalogue import today_of
from gateway.api.stock_work_scan import pack_sizes
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, refusals
from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.pages import order_words
from gateway.pages.stock_overview_files import csv_download
from gateway.pages.translations import N_
from gateway.pages.work_in_lines import product_line
from gateway.pages.work_kit import WORK_NAVIGATION, WORK_ROLES, show_work
from gateway.pages.work_plain import PlainForm, Posted, again_in, take_plainly
from gateway.services.roles import STOCK_ROLES
from gateway.stock import order_reads
from gateway.stock.catalogue import below_reorder_point
from gateway.stock.order_proposal import Proposal, propose
from gateway.stock.order_reads import OPEN_STATES, Order, OrderLine, OrderState

router: Final = APIRouter(prefix="/work/orders", include_in_schema=False)
_READERS: Final = [Depends(RolesRequired(STOCK_ROLES))]
_WORKERS: Final = [Depends(RolesRequired(WORK_ROLES))]
_ORDERS_A_PAGE: Final = 100
_NEVER_ORDERED: Final = "-"
"""In an address, for products that were never ordered: a supplier's name is no single dash."""


def _values() -> dict[str, Any]:
    return {
        "work_navigation": WORK_NAVIGATION,
        "workers": WORK_ROLES,
        "states": order_words.ORDER_STATES,
        "steps": order_words.ORDER_STEPS,
    }


@router.get("", dependencies=_READERS)
def orders_page(
    request: Request,
    state: Annotated[str, Query(max_length=10)] = "expected",
    supplier: Annotated[str, Query(max_length=200)] = "",
    number: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """Those that something may still come of; straight to the one whose number was scanned or typed."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        found = order_reads.list_orders(
            connection,
            frozenset() if number.strip() else _states(state),
            supplier=supplier,
            number=number,
            limit=_ORDERS_A_PAGE + 1,
            offset=(page - 1) * _ORDERS_A_PAGE,
        )
    if number.strip() and len(found) == 1:
        return RedirectResponse(f"/work/orders/{found[0].order_id}", HTTPStatus.SEE_OTHER)
    values = {
        "orders": found[:_ORDERS_A_PAGE],
        "more": len(found) > _ORDERS_A_PAGE,
        "page": page,
        "chosen": {"state": state, "supplier": supplier},
        "searched": number,
        "today": today_of(web.services),
    }
    return web.page(request, "order_list.html", {**_values(), **values})


def _states(text: str) -> frozenset[OrderState]:
    """Of the page's filter; what it does not know is every state."""
    if text == "expected":
        return OPEN_STATES
    return frozenset(state for state in order_words.ORDER_STATES if state == text)


@router.get("/new", dependencies=_WORKERS)
def write_page(
    request: Request,
    place_id: Annotated[str, Query(max_length=64)] = "",
    supplier: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Write an order; for a place with what runs short there, if wished only what one supplier delivered before."""
    return _write_page(request, place_id, supplier)


@router.post("/new")
def write_plainly(request: Request, person: Worker, form: PlainForm) -> Response:
    """From a browser without scripts."""
    return take_plainly(
        request,
        form,
        order_words.WRITE,
        lambda values, response: stock_orders.place_order(
            request, response, person, stock_orders.OrderGiven.model_validate(_by_product(values))
        ),
        lambda problem: _write_page(request, form.fields.get("place_id", ""), "", problem, form),
    )


def _by_product(values: dict[str, Any]) -> dict[str, Any]:
    """An order has no lots: a product's codes add up."""
    totals: Counter[str] = Counter()
    for line in values["lines"]:
        totals[line["product_id"]] += line["quantity"]
    return {**values, "lines": [{"product_id": one, "quantity": quantity} for one, quantity in totals.items()]}


def _write_page(
    request: Request, place_id: str, supplier: str, problem: str = "", form: Posted | None = None
) -> HTMLResponse:
    web = web_of(request)
    today = today_of(web.services)
    with web.services.pool.connection() as connection:
        proposals = propose(connection, storable(place_id), today) if place_id else []
        chosen = [each for each in proposals if not supplier or (each.last_supplier or _NEVER_ORDERED) == supplier]
        values = {
            "order": None,
            "place_id": place_id,
            "supplier": "" if supplier == _NEVER_ORDERED else supplier,
            "chosen_supplier": supplier,
            "counts_packs": True,
            "suppliers": order_reads.suppliers_like(connection, limit=500),
            "proposals": chosen,
            "by_supplier": Counter(each.last_supplier or _NEVER_ORDERED for each in proposals).most_common(),
            "never_ordered": _NEVER_ORDERED,
            "codes": _as_codes(chosen),
            "short": _short_places(connection, request),
            **again_in(form),
        }
        expected = _lines_to_write(connection, request, chosen)
    return show_work(request, order_words.WRITE, values, problem=problem, expected=expected)


def _short_places(connection: Connection, request: Request) -> list[tuple[str, str, int]]:
    """(id, name, products that run short) of the places that are short of something."""
    speech = web_of(request).speech(request)
    found = below_reorder_point(connection, today_of(web_of(request).services))
    names = {level.place_id: speech.named(level.place_name_vi, level.place_name_en) for level in found}
    counts = Counter(level.place_id for level in found)
    return [(place_id, names[place_id], number) for place_id, number in counts.most_common()]


def _as_codes(wanted: Sequence[Proposal | OrderLine]) -> str:
    """For a browser without scripts, as it would be typed."""
    return "\n".join(f"{each.product_id} ; ={each.quantity}" for each in wanted)


def _lines_to_write(
    connection: Connection, request: Request, wanted: Sequence[Proposal | OrderLine]
) -> list[Mapping[str, Any]]:
    """Lines as the page's script keeps them."""
    speech = web_of(request).speech(request)
    packs = pack_sizes(connection, [each.product_id for each in wanted])
    return [
        product_line(
            each,
            speech,
            each.quantity,
            units=each.pack_units,
            pack_units=each.pack_units,
            packs=[size.model_dump() for size in packs.get(each.product_id, [])],
        )
        for each in wanted
    ]


@router.get("/{order_id}/change", dependencies=_WORKERS)
def change_page(request: Request, order_id: uuid.UUID) -> HTMLResponse:
    """What is ordered, to be changed."""
    return _change_page(request, order_id)


@router.post("/{order_id}/change")
def change_plainly(request: Request, person: Worker, order_id: uuid.UUID, form: PlainForm) -> Response:
    """From a browser without scripts."""

    def act(values: dict[str, Any], response: Response) -> stock_orders.OrderDone:
        body = stock_orders.OrderChangeGiven.model_validate(_by_product(values))
        return stock_orders.change_order(
            request=request, response=response, person=person, order_id=order_id, body=body
        )

    return take_plainly(
        request, form, order_words.CHANGE, act, lambda problem: _change_page(request, order_id, problem, form)
    )


def _change_page(request: Request, order_id: uuid.UUID, problem: str = "", form: Posted | None = None) -> HTMLResponse:
    with refusals(), web_of(request).services.pool.connection() as connection:
        order = order_reads.read_order(connection, order_id)
        lines = order_reads.order_lines(connection, order_id)
        expected = _lines_to_write(connection, request, lines)
        values = {
            "order": order,
            "place_id": order.place_id,
            "supplier": order.supplier_name,
            "counts_packs": True,
            "suppliers": order_reads.suppliers_like(connection, limit=500),
            "fill": True,
            "codes": _as_codes(lines),
            **again_in(form),
        }
    page = replace(
        order_words.CHANGE,
        path=order_words.CHANGE.path.format(order_id=order_id),
        post=order_words.CHANGE.post.format(order_id=order_id),
    )
    draft = f"{order_id}:{order.revision}"
    return show_work(request, page, values, draft=draft, problem=problem, expected=expected)


@router.get("/{order_id}", dependencies=_READERS)
def order_page(request: Request, order_id: uuid.UUID, saved: Annotated[str, Query(max_length=10)] = "") -> HTMLResponse:
    """One order with what came of it."""
    return _order_page(request, order_id, saved=bool(saved))


def _order_page(request: Request, order_id: uuid.UUID, *, saved: bool = False, problem: str = "") -> HTMLResponse:
    web = web_of(request)
    whole = stock_orders.read_order(request, order_id)
    values = {**vars(whole), "saved": saved, "problem": problem, "today": today_of(web.services)}
    return web.page(request, "order_one.html", {**_values(), **values})


@router.post("/{order_id}/close")
def close_from_page(request: Request, person: Worker, order_id: uuid.UUID) -> Response:
    """Cancel it, or expect no more of it; the page then offers to take that back."""
    return _stepped(request, order_id, lambda: stock_orders.close_order(request, person, order_id).order)


@router.post("/{order_id}/reopen")
def reopen_from_page(request: Request, person: Worker, order_id: uuid.UUID) -> Response:
    """Expect it after all."""
    return _stepped(request, order_id, lambda: stock_orders.reopen_order(request, person, order_id).order)


def _stepped(request: Request, order_id: uuid.UUID, step: Callable[[], Order]) -> Response:
    try:
        step()
    except Problem as problem:
        page = _order_page(request, order_id, problem=detail_of(request, problem))
        page.status_code = int(problem.status)
        return page
    return RedirectResponse(f"/work/orders/{order_id}", HTTPStatus.SEE_OTHER)


@router.get("/{order_id}/lines.csv", dependencies=_READERS)
def order_csv(request: Request, order_id: uuid.UUID) -> Response:
    """What was ordered and what came."""
    whole = stock_orders.read_order(request, order_id)
    speech = web_of(request).speech(request)
    texts = (N_("Number"), N_("Supplier"), N_("Code"), N_("Product"), N_("Base unit"))
    numbers = (N_("Ordered"), N_("Units in a pack"), N_("Received"), N_("Outstanding"))
    rows = [
        (
            *(whole.order.number, whole.order.supplier_name, line.product_id),
            *(speech.named(line.name_vi, line.name_en), speech.named(line.base_unit_vi, line.base_unit_en)),
            *(line.quantity, line.pack_units, line.received, line.outstanding),
        )
        for line in whole.lines
    ]
    return csv_download(f"{whole.order.number}.csv", speech, texts, numbers, rows)
