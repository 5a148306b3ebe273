"""The page of what a pack or a lot went through: scan it, and its whole thermal history is there."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.cold_chain import Viewer, lot_history, pack_history
from gateway.api.stock_catalogue import today_of
from gateway.api.web import web_of
from gateway.api.work_kit import problem_of, zone_of
from gateway.cold_chain.pack_chart import chart_of
from gateway.cold_chain.thermal_history import ThermalHistory
from gateway.pages import cold_chain_words as words
from gateway.pages.speech import Speech
from gateway.pages.stock_overview_words import ACCOUNTS, KINDS
from gateway.pages.translations import N_
from gateway.pages.work_out_kit import said
from gateway.records.chart_plan import ChartWords
from gateway.stock.errors import WorkRefusedError
from gateway.stock.scanned_goods import read_goods
from inventory.errors import InventoryError

router: Final = APIRouter(prefix="/packs", include_in_schema=False)
_SIZES: Final = ((900.0, 300.0), (360.0, 220.0))
"""For a screen and for a phone."""
SIDES: Final = {"high": N_("Too warm"), "low": N_("Too cold")}


@router.get("")
def search(request: Request, person: Viewer, code: Annotated[str, Query(max_length=4096)] = "") -> Response:
    """The field to scan into; a pack leads to its history, anything less to that of its lot."""
    del person
    problem = ""
    if code.strip():
        try:
            with web_of(request).services.pool.connection() as connection:
                goods = read_goods(connection, code, today_of(web_of(request).services))
            if goods.pack is not None and goods.gtin and goods.serial_number:
                address = f"/packs/{goods.gtin}/{quote(goods.serial_number, safe='')}"
                return RedirectResponse(address, HTTPStatus.SEE_OTHER)
            if goods.lot is not None:
                address = f"/packs/lot?{urlencode({'product_id': goods.product_id, 'lot': goods.lot})}"
                return RedirectResponse(address, HTTPStatus.SEE_OTHER)
            problem = (
                web_of(request).speech(request).text(N_("The code names no lot. Scan a pack, or look for the lot."))
            )
        except (WorkRefusedError, InventoryError) as error:
            problem = said(request, problem_of(error))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return web_of(request).page(request, "pack_search.html", {"code": code, "problem": problem}, status=status)


@router.get("/lot")
def lot_page(
    request: Request,
    person: Viewer,
    product_id: Annotated[str, Query(max_length=64)],
    lot: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Of all units of a lot."""
    del person
    paper = f"/api/v1/cold-chain/lots/history.pdf?{urlencode({'product_id': product_id, 'lot': lot})}"
    return _page(request, lot_history(request, product_id, lot), paper)


@router.get("/{gtin}/{serial_number}")
def pack_page(request: Request, person: Viewer, gtin: str, serial_number: str) -> HTMLResponse:
    """Of one pack."""
    del person
    paper = f"/api/v1/cold-chain/packs/{gtin}/{quote(serial_number, safe='')}/history.pdf"
    return _page(request, pack_history(request, gtin, serial_number), paper)


def _page(request: Request, history: ThermalHistory, paper: str) -> HTMLResponse:
    web = web_of(request)
    with web.services.pool.connection() as connection:
        said_so, zone = chart_words(web.speech(request)), zone_of(request)
        charts = [chart_of(connection, history, said_so, zone, size) for size in _SIZES]
    values: dict[str, Any] = {
        "one": history,
        "charts": charts,
        "paper": paper,
        "words": words,
        "accounts": ACCOUNTS,
        "kinds": KINDS,
        "sides": SIDES,
        "code": "",
        "problem": "",
    }
    return web.page(request, "pack_history.html", values)


def chart_words(speech: Speech) -> ChartWords:
    """How a chart speaks on a page."""
    return ChartWords(
        number=lambda value: speech.decimal(value, 1),
        moment=speech.day_and_clock,
        high_limit=speech.text(N_("Highest")),
        low_limit=speech.text(N_("Lowest")),
        legend={kind: speech.text(word) for kind, word in words.CHART.items()},
    )
