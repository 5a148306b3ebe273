"""The stock pages: overview by place, a product over time, expiry risk, what is not used."""

from datetime import date, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.stock_catalogue import today_of
from gateway.api.stock_series import known_scope, span_of
from gateway.api.web import web_of
from gateway.db.pool import Connection
from gateway.pages import stock_overview_words as words
from gateway.pages.pharmacy_view import EXPIRES_SOON
from gateway.pages.stock_overview_chart import draw_steps
from gateway.pages.translations import N_
from gateway.services.roles import STOCK_ROLES
from gateway.stock.catalogue import below_reorder_point, place_tree
from gateway.stock.consumption import RATE_WEEKS, SLOW_DAYS, Period, Supply, consumption, slow_movers, supply
from gateway.stock.expiry_risk import HORIZON_DAYS, expiry_risk
from gateway.stock.series import Scope, stock_by_day
from gateway.stock.store_card import store_card_lines
from inventory.folding import folded

router: Final = APIRouter(prefix="/stock", include_in_schema=False, dependencies=[Depends(RolesRequired(STOCK_ROLES))])
_LINES_A_PAGE: Final = 100
_CARD_LINES_SHOWN: Final = 100
_SPANS: Final = (30, 90, 365, 730)
"""Days to choose from."""
_HORIZONS: Final = (30, 90, 180, 365)
PlaceId = Annotated[str, Query(max_length=63)]
PageNumber = Annotated[int, Query(ge=1, le=10_000)]


def _page(request: Request, template: str, values: dict[str, Any]) -> HTMLResponse:
    web = web_of(request)
    common = {
        "today": today_of(web.services),
        "soon": EXPIRES_SOON,
        "states": words.STATES,
        "kinds": words.KINDS,
        "accounts": words.ACCOUNTS,
        "q": "",
    }
    return web.page(request, template, common | values)


def stated(
    connection: Connection, scope: Scope, today: date, q: str = "", state: str = ""
) -> list[tuple[Supply, tuple[str, ...]]]:
    """Products that lie in the places, each with what is to be said of it; only those with all the words of `q`."""
    held = {
        row[0] for row in connection.execute("SELECT DISTINCT product_id FROM stock_hold WHERE released_at IS NULL")
    }
    short = {one.product_id for one in below_reorder_point(connection, today, limit=5000) if _of(one.place_id, scope)}
    wanted = folded(q).split()
    lines = []
    for one in supply(connection, scope, today):
        text = folded(f"{one.name_vi} {one.name_en} {one.product_id}") if wanted else ""
        states = words.states_of(one, today, held=held, short=short)
        if all(word in text for word in wanted) and (not state or state in states):
            lines.append((one, states))
    return lines


def _of(place_id: str, scope: Scope) -> bool:
    """A rule of a place within these."""
    return f"place:{place_id}" in scope.inside


@router.get("")
def overview(
    request: Request,
    place: PlaceId = "",
    q: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    page: PageNumber = 1,
) -> HTMLResponse:
    """The places, and what lies in the one that is chosen."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        scope = known_scope(connection, place)
        lines = stated(connection, scope, today_of(services), q, state if state in words.STATES else "")
        places = place_tree(connection)
    shown = lines[(page - 1) * _LINES_A_PAGE : page * _LINES_A_PAGE]
    values = {
        "place": place,
        "places": places,
        "q": q,
        "state": state,
        "number": page,
        "lines": shown,
        "more": page * _LINES_A_PAGE < len(lines),
        "total": len(lines),
        "value_vnd": sum(one.value_vnd for one, _states in lines),
    }
    return _page(request, "stock_overview_list.html", values)


@router.get("/products/{product_id:path}")
def product(
    request: Request,
    product_id: str,
    place: PlaceId = "",
    days: Annotated[int, Query(ge=7, le=3660)] = 365,
    period: Period = "month",
) -> HTMLResponse:
    """One product over time: the line, consumption, the newest lines of its card."""
    services = web_of(request).services
    today = today_of(services)
    with services.pool.connection() as connection:
        row = connection.execute(
            "SELECT name_vi, name_en, base_unit_vi, base_unit_en FROM product WHERE product_id = %s", (product_id,)
        ).fetchone()
        if row is None:
            raise not_found(N_("There is no such product in the catalogue."))
        scope = known_scope(connection, place)
        span = span_of(None, None, today, days)
        series = stock_by_day(connection, scope, product_id, *span)
        used = consumption(connection, scope, product_id, period, days=span)
        lately = (max(span[0], today - timedelta(days=29)), today)
        card = store_card_lines(connection, scope, product_id, lately, limit=_CARD_LINES_SHOWN)
        places = place_tree(connection)
    values = {
        "product_id": product_id,
        "names": row[:2],
        "units": row[2:],
        "place": place,
        "places": places,
        "days": days,
        "spans": _SPANS,
        "period": period,
        "periods": words.PERIODS,
        "series": series,
        "chart": draw_steps(series),
        "used": used,
        "most_used": max((one.units for one in used), default=0),
        "card": card,
    }
    return _page(request, "stock_overview_product.html", values)


@router.get("/expiry-risk")
def risk(
    request: Request,
    place: PlaceId = "",
    days: Annotated[int, Query(ge=1, le=3660)] = HORIZON_DAYS,
    page: PageNumber = 1,
) -> HTMLResponse:
    """Lots that won't be used in time."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = expiry_risk(connection, known_scope(connection, place), today_of(services), horizon_days=days)
        places = place_tree(connection)
    values = {
        "place": place,
        "places": places,
        "days": days,
        "horizons": _HORIZONS,
        "risk": found,
        "lines": found.lines[(page - 1) * _LINES_A_PAGE : page * _LINES_A_PAGE],
        "number": page,
        "more": page * _LINES_A_PAGE < len(found.lines),
        "rate_weeks": RATE_WEEKS,
    }
    return _page(request, "stock_overview_risk.html", values)


@router.get("/slow-movers")
def slow(
    request: Request,
    place: PlaceId = "",
    days: Annotated[int, Query(ge=7, le=730)] = SLOW_DAYS,
    page: PageNumber = 1,
) -> HTMLResponse:
    """What lies there and is not used."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = slow_movers(connection, known_scope(connection, place), today_of(services), days)
        places = place_tree(connection)
    values = {
        "place": place,
        "places": places,
        "days": days,
        "spans": _SPANS,
        "found": len(found),
        "value_vnd": sum(one.value_vnd for one in found),
        "lines": found[(page - 1) * _LINES_A_PAGE : page * _LINES_A_PAGE],
        "number": page,
        "more": page * _LINES_A_PAGE < len(found),
    }
    return _page(request, "stock_overview_slow.html", values)
