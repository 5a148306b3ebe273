"""What the pages of work that gives out share: one page, what it refuses said on it, and codes from its fields.

Plain forms without scripts: each scan ends with Enter, which posts it; the answer is the page with its field in focus.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.problems import Problem, detail_of
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, problem_of, zone_of
from gateway.db.pool import Connection
from gateway.pages import work_out_words
from gateway.pages.pharmacy_view import EXPIRES_SOON
from gateway.pages.speech import Speech
from gateway.pages.work_kit import WORK_NAVIGATION, reasons_for
from gateway.pages.work_plain import Posted
from gateway.stock.catalogue import PlaceLine, place_tree
from gateway.stock.errors import WarehouseError, WorkRefusedError
from gateway.stock.outgoing import AskedLine
from gateway.stock.scanned_goods import ScannedGoods, read_goods
from inventory.errors import InventoryError

_NUMBER: Final = re.compile(r"[0-9]{1,9}")


def show(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    problem: str = "",
    reasons: str = "",
) -> HTMLResponse:
    """The page; with a problem, and what mends it, on top."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        places = [place for place in place_tree(connection) if place.kind in {"store", "fridge", "shelf", "ward"}]
        reason_list = reasons_for(connection, reasons) if reasons else []
    common = {
        **out_values(request, places),
        "work_navigation": WORK_NAVIGATION,
        "places": places,
        "reasons": reason_list,
        "problem": problem,
        "today": now_of(request).astimezone(zone_of(request)).date(),
        "soon": EXPIRES_SOON,
        "new_id": uuid.uuid4(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return web.page(request, template, {**common, **values}, status=status)


def out_values(request: Request, places: Sequence[PlaceLine] = ()) -> dict[str, Any]:
    """What every template of work that gives out reads."""
    return {
        "words": work_out_words,
        "outside": work_out_words.OUTSIDE,
        "place_names": {f"place:{place.place_id}": place for place in places},
        "facts_said": facts_said,
        "people": {},
        "done": work_out_words.DONE.get(request.query_params.get("done", "")),
    }


def attempt(request: Request, act: Callable[[Connection], str], again: Callable[[str], HTMLResponse]) -> Response:
    """Do it and go to the address that it answers; refused: the page again, with the reason and what mends it."""
    web = web_of(request)
    try:
        with web.services.pool.connection() as connection:
            address = act(connection)
    except (WarehouseError, InventoryError) as error:
        return again(said(request, problem_of(error)))
    except Problem as problem:
        return again(said(request, problem))
    except ValueError:
        return again(web.speech(request).text(work_out_words.UNREADABLE_FORM))
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def said(request: Request, problem: Problem) -> str:
    """A refusal in the reader's language."""
    return detail_of(request, problem)


def facts_said(
    facts: Mapping[str, str],
    speech: Speech,
    now: datetime,
    places: Mapping[str, PlaceLine],
    people: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """The facts of why a lot is not offered, as the reader's language writes times, days and places."""
    found = {"since": "", "by": "", "reason": "", **facts}
    for name in ("until", "expiry_date"):
        if name in found:
            found[name] = speech.day(date.fromisoformat(found[name]))
    if found["since"]:
        found["since"] = speech.since(datetime.fromisoformat(found["since"]), now)
    if found["by"]:
        name, comma, rest = found["by"].partition(", ")
        found["by"] = f"{people.get(name, name)}{comma}{rest}"
    place = places.get(found.get("account_id", ""))
    if place is not None:
        found["account_id"] = speech.named(place.name_vi, place.name_en)
    elif found.get("account_id") in work_out_words.OUTSIDE:
        found["account_id"] = speech.text(work_out_words.OUTSIDE[found["account_id"]])
    return found


def units_in(text: str) -> int:
    """A number of base units that somebody typed.

    Raises:
        WorkRefusedError: it is none.
    """
    plain = text.strip().replace(".", "").replace(",", "")
    if not _NUMBER.fullmatch(plain):
        raise WorkRefusedError("number", f"{text!r} is no number of base units", text=text.strip()[:40])
    return int(plain)


def asked_lines(connection: Connection, form: Posted, today: date) -> tuple[AskedLine, ...]:
    """One product a line: a scanned or typed code, then how many base units; without a number one pack.

    Raises:
        WorkRefusedError: a code is not understood.
    """
    wanted: dict[str, int] = {}
    for line in form.codes:
        code, _, number = line.strip().replace("\t", " ").rpartition(" ")
        if not code or not _NUMBER.fullmatch(number):
            code, number = line.strip(), ""
        goods = read_goods(connection, code, today)
        wanted[goods.product_id] = wanted.get(goods.product_id, 0) + (int(number) if number else goods.units or 1)
    return tuple(AskedLine(product_id, quantity) for product_id, quantity in wanted.items())


def goods_in(connection: Connection, form: Posted, today: date) -> ScannedGoods:
    """What the field `code` names.

    Raises:
        WorkRefusedError: nothing, or nothing known.
    """
    code = form.fields.get("code", "")
    if not code:
        raise WorkRefusedError("no_lines", "no code: scan a pack, or type the product's code")
    return read_goods(connection, code, today)


def today_in(zone: ZoneInfo, request: Request) -> date:
    """The hospital's day."""
    return now_of(request).astimezone(zone).date()


def id_in(form: Posted, name: str = "document_id") -> uuid.UUID:
    """The id that the form carries.

    Raises:
        ValueError: none.
    """
    return uuid.UUID(form.fields.get(name, ""))
