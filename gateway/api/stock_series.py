"""Stock over time in the JSON API: past moments, day by day, consumption, days of stock, expiry risk, slow movers."""

from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.stock_catalogue import today_of
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.pages.translations import N_
from gateway.services.app_services import DbConnection
from gateway.services.roles import STOCK_ROLES
from gateway.stock.consumption import RATE_WEEKS, SLOW_DAYS, Consumed, Period, Supply, consumption, slow_movers, supply
from gateway.stock.expiry_risk import HORIZON_DAYS, RiskLine, expiry_risk
from gateway.stock.series import DayChange, Scope, StockThen, scope_of, stock_at, stock_by_day
from gateway.stock.store_card import LINES_MAX, CardLine, store_card_lines

router: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], dependencies=[Depends(RolesRequired(STOCK_ROLES))])
SPAN_DAYS_MAX: Final = 3660
ProductId = Annotated[str, Query(min_length=1, max_length=64)]
PlaceId = Annotated[
    str | None, Query(max_length=63, description="With all that stands within it; without one: every place but wards")
]
Day = Annotated[date | None, Query(description="The hospital's day")]
RateWeeks = Annotated[int, Query(ge=1, le=104, description="Whole weeks that the present rate is taken from")]


class SeriesAnswer(BaseModel):
    """A product in some places, day by day."""

    first_day: date
    last_day: date
    opening: int = Field(description="Base units at the first day's begin")
    closing: int
    changes: list[DayChange] = Field(description="Only days on which something came or went")


class CardAnswer(BaseModel):
    """A store card's lines."""

    first_day: date
    last_day: date
    opening: int
    lines: list[CardLine]
    complete: bool = Field(description="False: there are more lines; ask for a shorter period")


class RiskAnswer(BaseModel):
    """What won't be used before it expires."""

    units: int
    value_vnd: Decimal
    without_cost: int = Field(description="Lines whose cost is not known: not in the value")
    held_units: int = Field(description="Base units that may not be given out; they are not in what is at risk")
    held_value_vnd: Decimal
    lines: list[RiskLine]


def known_scope(connection: DbConnection, place_id: str | None) -> Scope:
    """The places that are meant.

    Raises:
        Problem: 404, there is no such place.
    """
    if place_id and connection.execute("SELECT FROM place WHERE place_id = %s", (place_id,)).fetchone() is None:
        raise not_found(N_("There is no such place."))
    return scope_of(connection, place_id or None)


def span_of(first: date | None, last: date | None, today: date, days: int) -> tuple[date, date]:
    """The days that are meant: the last so many if nothing is said; never backwards or longer than ten years."""
    end = min(last or today, date(9000, 1, 1))
    begin = max(first or end - timedelta(days=days - 1), end - timedelta(days=SPAN_DAYS_MAX))
    return min(begin, end), end


@router.get("/at", summary="Stock at a past moment")
def at(
    request: Request,
    moment: Annotated[AwareDatetime, Query(description="With offset")],
    product_id: Annotated[str | None, Query(max_length=64)] = None,
    lot: Annotated[str | None, Query(max_length=64)] = None,
    place_id: PlaceId = None,
) -> list[StockThen]:
    """By account, product and lot; at most 5000 lines. What was entered late counts where it happened."""
    with web_of(request).services.pool.connection() as connection:
        accounts = known_scope(connection, place_id).inside
        return stock_at(connection, moment, accounts=accounts, product_id=product_id, lot=lot)


@router.get("/series", summary="Stock of a product day by day")
def series(
    request: Request, product_id: ProductId, place_id: PlaceId = None, first: Day = None, last: Day = None
) -> SeriesAnswer:
    """The last 365 days if no days are given."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        days = span_of(first, last, today_of(services), 365)
        found = stock_by_day(connection, known_scope(connection, place_id), product_id, *days)
    return SeriesAnswer(
        first_day=days[0],
        last_day=days[1],
        opening=found.opening,
        closing=found.closing,
        changes=list(found.changes),
    )


@router.get("/card", summary="Lines of a store card")
def card(
    request: Request, product_id: ProductId, place_id: PlaceId = None, first: Day = None, last: Day = None
) -> CardAnswer:
    """A line is all that one document did on one day with one lot; at most 2000."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        days = span_of(first, last, today_of(services), 90)
        found = store_card_lines(connection, known_scope(connection, place_id), product_id, days, limit=LINES_MAX)
    return CardAnswer(**asdict(found) | {"lines": list(found.lines)})


@router.get("/consumption", summary="Consumption of a product by day, week or month")
def consumed(
    *,
    request: Request,
    product_id: ProductId,
    period: Period = "month",
    place_id: PlaceId = None,
    first: Day = None,
    last: Day = None,
) -> list[Consumed]:
    """To wards and to patients, less what came back; the last 365 days if no days are given."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        days = span_of(first, last, today_of(services), 365)
        return consumption(connection, known_scope(connection, place_id), product_id, period, days=days)


@router.get("/supply", summary="How long each product lasts")
def supplies(request: Request, place_id: PlaceId = None, rate_weeks: RateWeeks = RATE_WEEKS) -> list[Supply]:
    """Everything that lies in the places, with its rate and the days that it lasts."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        scope = known_scope(connection, place_id)
        return supply(connection, scope, today_of(services), rate_weeks=rate_weeks)


@router.get("/expiry-risk", summary="What won't be used before it expires")
def risk(
    request: Request,
    place_id: PlaceId = None,
    horizon_days: Annotated[int, Query(ge=1, le=3660)] = HORIZON_DAYS,
    rate_weeks: RateWeeks = RATE_WEEKS,
) -> RiskAnswer:
    """At the present rate, first expired first out; what is worth most first."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = expiry_risk(
            connection,
            known_scope(connection, place_id),
            today_of(services),
            horizon_days=horizon_days,
            rate_weeks=rate_weeks,
        )
    return RiskAnswer(
        units=found.units,
        value_vnd=found.value_vnd,
        without_cost=found.without_cost,
        held_units=found.held_units,
        held_value_vnd=found.held_value_vnd,
        lines=list(found.lines),
    )


@router.get("/slow-movers", summary="What lies there and is not used")
def slow(
    request: Request, place_id: PlaceId = None, days: Annotated[int, Query(ge=7, le=730)] = SLOW_DAYS
) -> list[Supply]:
    """Not used in so many days; what is worth most first."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        return slow_movers(connection, known_scope(connection, place_id), today_of(services), days)
