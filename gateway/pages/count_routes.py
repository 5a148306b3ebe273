"""Pages of counting: what is being counted and how far it is, and the beginning of a stocktake."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, zone_of
from gateway.db.pool import Connection
from gateway.pages import count_words
from gateway.pages.catalogue_words import STORAGE
from gateway.pages.count_kit import Looker, attempt, places_said, show
from gateway.pages.work_out_kit import today_in
from gateway.pages.work_plain import PlainForm, Posted
from gateway.services.sessions import SignedIn
from gateway.stock import cycle_counts, stocktakes
from gateway.stock.count_scope import accounts_of
from gateway.stock.errors import WorkRefusedError
from gateway.stock.scanned_goods import read_goods
from gateway.stock.stocktake_overview import stocktakes_by_progress
from gateway.stock.stocktakes import NewStocktake
from gateway.stock.tag_count_overview import tag_counts_by_progress
from inventory.stocktake import Rules

router: Final = APIRouter(prefix="/count", include_in_schema=False)
_A_PAGE: Final = 30
_PROPOSED: Final = 30


@router.get("")
def counts_page(request: Request, person: Looker, page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> HTMLResponse:
    """What is open first, with how far it is."""
    with web_of(request).services.pool.connection() as connection:
        offset = (page - 1) * _A_PAGE
        stock = stocktakes_by_progress(connection, _A_PAGE + 1, offset)
        tags = tag_counts_by_progress(connection, _A_PAGE + 1, offset)
        accounts = {one for each in stock for one in each.accounts} | {one for each in tags for one in each.accounts}
        names = places_said(request, connection, sorted(accounts))
    values = {
        "stocktakes": stock[:_A_PAGE],
        "tag_counts": tags[:_A_PAGE],
        "more": max(len(stock), len(tags)) > _A_PAGE,
        "number": page,
        "place_said": names,
        "tag_states": count_words.TAG_STATES,
    }
    return show(request, person, "count_home.html", values)


@dataclass(frozen=True)
class _Asked:
    """What somebody wants to count, as the page's address or form says it."""

    place_id: str = ""
    below: bool = True
    scope: str = "all"
    storage_class: str = ""
    codes: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str], codes: str) -> "_Asked":
        """From a form."""
        scope = fields.get("scope", "all")
        known = scope if scope in {code for code, _ in count_words.SCOPES} else "all"
        below = fields.get("below") == "true"
        return cls(fields.get("place_id", ""), below, known, fields.get("storage_class", ""), codes)


@router.get("/stocktakes/new")
def new_stocktake_page(
    *,
    request: Request,
    person: Worker,
    place_id: Annotated[str, Query(max_length=64)] = "",
    below: Annotated[str, Query(max_length=5)] = "true",
    scope: Annotated[str, Query(max_length=10)] = "all",
    storage_class: Annotated[str, Query(max_length=20)] = "",
    product_id: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Choose the place and what of it; the second half of the page says what that is."""
    fields = {"place_id": place_id, "below": below, "storage_class": storage_class}
    return _new_page(request, person, _Asked.of({**fields, "scope": "products" if product_id else scope}, product_id))


@router.post("/stocktakes/new")
def begin(request: Request, person: Worker, form: PlainForm) -> Response:
    """Freeze what the books have, and begin to count."""
    asked = _Asked.of(form.fields, "\n".join(form.codes))

    def act(connection: Connection) -> str:
        new = NewStocktake(
            stocktake_id=uuid.UUID(form.fields.get("stocktake_id", "")),
            place_ids=(asked.place_id,) if asked.place_id else (),
            started_by=person.username,
            product_ids=_products(connection, request, asked, form),
            places_below=asked.below,
            rules=_rules(form),
            note=form.fields.get("note", "")[:1000],
        )
        stocktakes.start(connection, new, now_of(request), zone_of(request))
        return f"/count/stocktakes/{new.stocktake_id}"

    return attempt(request, act, lambda problem: _new_page(request, person, asked, problem))


def _rules(form: Posted) -> Rules:
    units, permille = (int(form.fields.get(name, "0")) for name in ("tolerance_units", "tolerance_permille"))
    return Rules(units, permille)


def _products(connection: Connection, request: Request, asked: _Asked, form: Posted) -> tuple[str, ...] | None:
    """Which products are counted; None: whatever stands there."""
    if asked.scope == "storage":
        found = cycle_counts.products_of_class(connection, asked.storage_class)
        if not found:
            raise WorkRefusedError("product_missing", f"no product is stored as {asked.storage_class!r}")
        return tuple(found)
    if asked.scope not in {"products", "proposal"}:
        return None
    today = today_in(zone_of(request), request)
    named = dict.fromkeys(read_goods(connection, code.strip(), today).product_id for code in form.codes)
    ticked = dict.fromkeys(name[5:] for name in form.fields if name.startswith("tick:"))
    return tuple({**named, **ticked})


def _new_page(request: Request, person: SignedIn, asked: _Asked, problem: str = "") -> HTMLResponse:
    proposed: list[cycle_counts.Proposed] = []
    zone, today = zone_of(request), today_in(zone_of(request), request)
    if asked.scope == "proposal" and asked.place_id:
        try:
            with web_of(request).services.pool.connection() as connection:
                accounts = accounts_of(connection, [asked.place_id], below=asked.below)
                proposed = cycle_counts.propose(connection, accounts, today, zone.key, _PROPOSED)
        except WorkRefusedError:
            asked = _Asked()  # a place that is not there any more: choose anew
    values: dict[str, Any] = {"asked": asked, "proposed": proposed, "storage": STORAGE, "stocktake_id": uuid.uuid4()}
    return show(request, person, "count_new.html", values, problem=problem)
