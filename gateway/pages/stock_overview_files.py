"""Files of the stock pages: the store card as PDF, and each list as CSV that Excel opens right."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from gateway.api.access import RolesRequired
from gateway.api.problems import Problem, not_found
from gateway.api.stock_catalogue import today_of
from gateway.api.stock_series import ProductId, known_scope, span_of
from gateway.api.web import web_of
from gateway.db.pool import Connection
from gateway.pages import stock_overview_words as words
from gateway.pages.speech import Speech
from gateway.pages.stock_overview_routes import PlaceId, stated
from gateway.pages.translations import N_
from gateway.reports.csv_export import Cell, CsvColumn, write_csv
from gateway.reports.store_card import StoreCard, StoreCardLine, store_card_pdf
from gateway.services.roles import STOCK_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock.consumption import SLOW_DAYS, Period, consumption, slow_movers
from gateway.stock.expiry_risk import HORIZON_DAYS, expiry_risk
from gateway.stock.letterhead import letterhead_of
from gateway.stock.store_card import Card, CardLine, store_card_lines

router: Final = APIRouter(prefix="/stock/files", include_in_schema=False)
Reader = Annotated[SignedIn, Depends(RolesRequired(STOCK_ROLES))]
Day = Annotated[date | None, Query()]
_CSV_LINES_MAX: Final = 100_000


def _download(name: str, data: bytes, media_type: str) -> Response:
    """RFC 6266: the name for every browser, and with its letters."""
    ascii_name = name.encode("ascii", "ignore").decode()
    headers = {
        "Content-Disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "no-store",
    }
    return Response(data, media_type=media_type, headers=headers)


def _csv(name: str, columns: Sequence[CsvColumn], rows: Iterable[Sequence[Cell]]) -> Response:
    return _download(name, write_csv(columns, rows), "text/csv; charset=utf-8")


def csv_download(
    name: str, speech: Speech, texts: Sequence[str], values: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> Response:
    """A table for a spreadsheet: columns of texts, then of numbers and days, titled in the reader's language."""
    return _csv(name, _columns(speech, texts, values), rows)


def _columns(speech: Speech, texts: Sequence[str], values: Sequence[str]) -> list[CsvColumn]:
    """Titles in the reader's language: texts that stay as they are, then numbers and days."""
    return [CsvColumn(speech.text(title)) for title in texts] + [
        CsvColumn(speech.text(title), "VALUE") for title in values
    ]


def _vnd(value: Decimal | None) -> int | None:
    return None if value is None else round(value)


def _product(connection: Connection, product_id: str) -> tuple[str, str, str, str, str]:
    row = connection.execute(
        "SELECT name_vi, name_en, base_unit_vi, base_unit_en, coalesce((SELECT string_agg(registration_number, ', '"
        " ORDER BY registration_number) FROM product_registration r WHERE r.product_id = p.product_id), '')"
        " FROM product p WHERE product_id = %s",
        (product_id,),
    ).fetchone()
    if row is None:
        raise not_found(N_("There is no such product in the catalogue."))
    return (str(row[0]), str(row[1]), str(row[2]), str(row[3]), str(row[4]))


def _place_name(connection: Connection, place_id: str) -> str:
    """In Vietnamese; empty for no place."""
    row = connection.execute("SELECT name_vi FROM place WHERE place_id = %s", (place_id,)).fetchone()
    return str(row[0]) if row else ""


def describe(line: CardLine, speech: Speech) -> str:
    """What a line was, and the other side of it."""
    kind = speech.text(words.KINDS.get(line.kind, words.KINDS["reverse"]))
    if line.other_name_vi is not None:
        other = speech.named(line.other_name_vi, line.other_name_en or "")
    else:
        known = words.ACCOUNTS.get(line.other_account_id)
        other = speech.text(known) if known else line.other_account_id
    return f"{kind}: {other}"


@router.get("/store-card.pdf")
def card_pdf(
    *, request: Request, person: Reader, product_id: ProductId, place: PlaceId = "", first: Day = None, last: Day = None
) -> Response:
    """Thẻ kho of a product in a place; the last 90 days if none are given. It is a Vietnamese document."""
    web = web_of(request)
    speech = web.speech_in("vi")
    with web.services.pool.connection() as connection:
        name, _en, unit, _unit_en, registrations = _product(connection, product_id)
        scope = known_scope(connection, place)
        place_name = _place_name(connection, place)
        card = store_card_lines(connection, scope, product_id, span_of(first, last, today_of(web.services), 90))
        letterhead = letterhead_of(connection, speech.local(web.services.clock()), person.display_name)
    if not card.complete:
        raise _too_long()
    data = store_card_pdf(
        StoreCard(
            product_id=product_id,
            product_name=name,
            registration_number=registrations,
            unit=unit,
            place=place_name or speech.text(N_("All stores")),
            first_day=card.first_day,
            last_day=card.last_day,
            opening_balance=card.opening,
            lines=tuple(_report_line(line, speech) for line in card.lines),
        ),
        letterhead,
    )
    return _download(f"the-kho-{_safe(product_id)}-{card.last_day:%Y%m%d}.pdf", data, "application/pdf")


def _report_line(line: CardLine, speech: Speech) -> StoreCardLine:
    return StoreCardLine(
        day=line.day,
        document_number=line.document_number or "",
        description=describe(line, speech),
        quantity_in=line.units_in,
        quantity_out=line.units_out,
        lot=line.lot,
        expiry_date=line.expiry_date,
    )


def _too_long() -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "period_too_long",
        N_("Too many lines for one card"),
        N_("Choose a shorter period or one place; or export the lines as CSV."),
    )


def _safe(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in text)


@router.get("/store-card.csv")
def card_csv(
    request: Request, _person: Reader, product_id: ProductId, place: PlaceId = "", first: Day = None, last: Day = None
) -> Response:
    """The same lines, with the balance after each."""
    web = web_of(request)
    speech = web.speech(request)
    with web.services.pool.connection() as connection:
        _product(connection, product_id)
        days = span_of(first, last, today_of(web.services), 90)
        card = store_card_lines(connection, known_scope(connection, place), product_id, days, limit=_CSV_LINES_MAX)
    texts = (N_("Document"), N_("Description"), N_("Lot"))
    values = (N_("Day"), N_("Expiry"), N_("In"), N_("Out"), N_("Balance"))
    name = f"the-kho-{_safe(product_id)}-{card.last_day:%Y%m%d}.csv"
    return _csv(name, _columns(speech, texts, values), _balanced(card, speech))


def _balanced(card: Card, speech: Speech) -> Iterable[Sequence[Cell]]:
    balance = card.opening
    yield ("", speech.text(N_("Opening balance")), "", card.first_day, None, None, None, balance)
    for line in card.lines:
        balance += line.units_in - line.units_out
        yield (
            *(line.document_number or "", describe(line, speech), line.lot),
            *(line.day, line.expiry_date, line.units_in, line.units_out, balance),
        )


@router.get("/overview.csv")
def overview_csv(request: Request, _person: Reader, place: PlaceId = "") -> Response:
    """Every product that lies there."""
    web = web_of(request)
    speech, today = web.speech(request), today_of(web.services)
    with web.services.pool.connection() as connection:
        lines = stated(connection, known_scope(connection, place), today)
    texts = (N_("Code"), N_("Product"), N_("Base unit"), N_("State"))
    values = (
        *(N_("On hand"), N_("Expired units"), N_("First to expire"), N_("A day"), N_("Days of stock")),
        *(N_("Value (VND)"), N_("Units without cost")),
    )
    rows = (
        (
            *(one.product_id, speech.named(one.name_vi, one.name_en), speech.named(one.base_unit_vi, one.base_unit_en)),
            *(", ".join(speech.text(words.STATES[state][1]) for state in states), one.on_hand, one.expired),
            *(one.next_expiry, round(one.daily_rate)),
            *(None if one.days_of_stock is None else round(one.days_of_stock), _vnd(one.value_vnd), one.without_cost),
        )
        for one, states in lines
    )
    return _csv(f"ton-kho-{today:%Y%m%d}.csv", _columns(speech, texts, values), rows)


@router.get("/expiry-risk.csv")
def risk_csv(
    request: Request, _person: Reader, place: PlaceId = "", days: Annotated[int, Query(ge=1, le=3660)] = HORIZON_DAYS
) -> Response:
    """Lots that won't be used in time."""
    web = web_of(request)
    speech, today = web.speech(request), today_of(web.services)
    with web.services.pool.connection() as connection:
        found = expiry_risk(connection, known_scope(connection, place), today, horizon_days=days)
    texts = (N_("Code"), N_("Product"), N_("Base unit"), N_("Lot"))
    values = (
        *(N_("Expiry"), N_("Days left"), N_("On hand"), N_("A day"), N_("At risk"), N_("Unit cost"), N_("Value (VND)")),
        N_("Held"),
    )
    rows = (
        (
            *(one.product_id, speech.named(one.name_vi, one.name_en)),
            *(speech.named(one.base_unit_vi, one.base_unit_en), one.lot, one.expiry_date, one.days_left, one.on_hand),
            *(round(one.daily_rate), one.units_at_risk, _vnd(one.unit_cost_vnd), _vnd(one.value_vnd)),
            one.held,
        )
        for one in found.lines
    )
    return _csv(f"nguy-co-het-han-{today:%Y%m%d}.csv", _columns(speech, texts, values), rows)


@router.get("/slow-movers.csv")
def slow_csv(
    request: Request, _person: Reader, place: PlaceId = "", days: Annotated[int, Query(ge=7, le=730)] = SLOW_DAYS
) -> Response:
    """What lies there and is not used."""
    web = web_of(request)
    speech, today = web.speech(request), today_of(web.services)
    with web.services.pool.connection() as connection:
        found = slow_movers(connection, known_scope(connection, place), today, days)
    texts = (N_("Code"), N_("Product"), N_("Base unit"))
    values = (N_("On hand"), N_("Expired units"), N_("Last used"), N_("First to expire"), N_("Value (VND)"))
    rows = (
        (
            *(one.product_id, speech.named(one.name_vi, one.name_en), speech.named(one.base_unit_vi, one.base_unit_en)),
            *(one.on_hand, one.expired, one.last_consumed_on, one.next_expiry, _vnd(one.value_vnd)),
        )
        for one in found
    )
    return _csv(f"cham-luan-chuyen-{today:%Y%m%d}.csv", _columns(speech, texts, values), rows)


@router.get("/consumption.csv")
def consumption_csv(
    *,
    request: Request,
    _person: Reader,
    product_id: ProductId,
    period: Period = "day",
    place: PlaceId = "",
    first: Day = None,
    last: Day = None,
) -> Response:
    """Consumption of a product; the last 365 days if none are given."""
    web = web_of(request)
    speech, today = web.speech(request), today_of(web.services)
    with web.services.pool.connection() as connection:
        _product(connection, product_id)
        days = span_of(first, last, today, 365)
        used = consumption(connection, known_scope(connection, place), product_id, period, days=days)
    values = (N_("From day"), N_("To wards"), N_("To patients"), N_("Together"))
    rows = ((one.period_begin, one.to_wards, one.to_patients, one.units) for one in used)
    return _csv(f"su-dung-{_safe(product_id)}-{today:%Y%m%d}.csv", _columns(speech, (), values), rows)
