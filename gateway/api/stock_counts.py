"""Stocktakes in the JSON API: begun, counted blind, handed in, verified by somebody else, booked.

Every act carries an id that the client makes, or is the same act however often it is told: a lost answer is asked for
again without harm. While people count, no answer says what the books have.
"""

import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from gateway.api.access import RolesRequired
from gateway.api.problems import PROBLEM_MEDIA_TYPE, ProblemBody
from gateway.api.web import web_of
from gateway.api.work_kit import refusals
from gateway.db.pool import Connection
from gateway.services.roles import STOCK_ROLES, Role
from gateway.services.sessions import SignedIn
from gateway.stock import stocktakes
from gateway.stock.books import place_account
from gateway.stock.stocktake_lines import JudgedLine, StocktakeHead, head, heads, judged_lines
from gateway.stock.stocktake_posting import post
from gateway.stock.stocktake_scans import ScannedPack, lines_of_scans
from gateway.stock.stocktakes import CountedLine, HandIn, NewStocktake
from inventory.stocktake import Rules

COUNT_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ProblemBody, "description": text, "content": {PROBLEM_MEDIA_TYPE: {}}}
    for status, text in (
        (HTTPStatus.UNAUTHORIZED.value, "Nobody is signed in"),
        (HTTPStatus.FORBIDDEN.value, "No role that may do this"),
        (HTTPStatus.NOT_FOUND.value, "No such count"),
        (HTTPStatus.CONFLICT.value, "The id is known with other content, or another count is in the way"),
        (HTTPStatus.UNPROCESSABLE_ENTITY.value, "It can't be done; the detail says why"),
        (HTTPStatus.SERVICE_UNAVAILABLE.value, "The database does not answer"),
    )
}
router: Final = APIRouter(prefix="/api/v1/stocktakes", tags=["stock"], responses=COUNT_PROBLEMS)
COUNTING_ROLES: Final = frozenset({Role.PHARMACIST})
Counter = Annotated[SignedIn, Depends(RolesRequired(COUNTING_ROLES))]
_BLIND: Final = frozenset({"counting", "recounting"})
_READERS: Final = [Depends(RolesRequired(STOCK_ROLES))]
_Name = Annotated[str, Field(min_length=1, max_length=64)]


class StocktakeStart(BaseModel):
    """What shall be counted."""

    stocktake_id: uuid.UUID = Field(description="Made by the client: told again, it answers with what there is")
    place_ids: Annotated[list[_Name], Field(min_length=1, max_length=1000)]
    places_below: bool = Field(default=True, description="Also the shelves and fridges inside them")
    product_ids: Annotated[list[_Name], Field(min_length=1, max_length=10_000)] | None = None
    tolerance_units: Annotated[int, Field(ge=0)] = 0
    tolerance_permille: Annotated[int, Field(ge=0, le=1000)] = 0
    counts_max: Annotated[int, Field(ge=2, le=9)] = 3
    recount_by_another: bool = True
    note: Annotated[str, Field(max_length=1000)] = ""


class LineCounted(BaseModel):
    """What stands there of one lot, in base units."""

    place_id: _Name
    product_id: _Name
    lot: Annotated[str, Field(max_length=64)] = ""
    quantity: Annotated[int, Field(ge=0, le=2**31 - 1)]


class PackScanned(BaseModel):
    """A pack that was scanned."""

    place_id: _Name
    codes: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=8)]
    packs: Annotated[int, Field(ge=1, le=100_000)] = 1


class Counts(BaseModel):
    """What a person counted, by hand or by scanning; all or none of it is kept."""

    request_id: uuid.UUID = Field(description="Made by the client: told again, it changes nothing")
    counted_at: AwareDatetime | None = Field(default=None, description="When it was counted; now, if left out")
    lines: Annotated[list[LineCounted], Field(max_length=10_000)] = []
    scans: Annotated[list[PackScanned], Field(max_length=100_000)] = []


class HandingIn(BaseModel):
    """That the counting is done so far."""

    leave_uncounted: bool = Field(
        default=False, description="Lines that nobody counted become cases; nothing is zeroed"
    )


class CountLine(BaseModel):
    """One count of a line."""

    quantity: int
    counted_by: str
    counted_at: datetime
    expected: int = Field(description="What the books have at the instant of the count")
    variance: int


class StocktakeLine(BaseModel):
    """One lot in one place. While people count, only whether it is to be counted."""

    account_id: str
    product_id: str
    lot: str
    is_controlled: bool
    status: Literal["to_count", "counted", "count_again", "uncounted", "agreed", "recount", "confirmed", "disputed"]
    frozen_quantity: int | None = None
    counts: list[CountLine] | None = None
    variance: int | None = None
    booked_variance: int | None = None
    text: str | None = None


class Stocktake(BaseModel):
    """A stocktake without its lines."""

    stocktake_id: uuid.UUID
    number: str
    state: str
    frozen_at: datetime
    started_by: str
    submitted_by: str | None
    verified_by: str | None
    posted_by: str | None
    posted_at: datetime | None
    note: str
    accounts: list[str]
    lines: int


class StocktakeWithLines(Stocktake):
    """A stocktake with its lines."""

    line_list: list[StocktakeLine]


class Posting(BaseModel):
    """What was booked."""

    movements: int
    cases: int


class Taken(BaseModel):
    """What became of something handed in."""

    outcome: Literal["created", "exists"]


@router.post("", summary="Freeze what the books have and begin to count")
def begin(request: Request, response: Response, person: Counter, body: StocktakeStart) -> Stocktake:
    """201 begun, 200 known already."""
    services = web_of(request).services
    new = NewStocktake(
        stocktake_id=body.stocktake_id,
        place_ids=tuple(body.place_ids),
        started_by=person.username,
        product_ids=None if body.product_ids is None else tuple(body.product_ids),
        places_below=body.places_below,
        rules=Rules(body.tolerance_units, body.tolerance_permille, body.counts_max, body.recount_by_another),
        note=body.note,
    )
    with refusals(), services.pool.connection() as connection:
        outcome = stocktakes.start(connection, new, services.clock(), ZoneInfo(services.config.time_zone))
        found = head(connection, body.stocktake_id)
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    return _shown(found)


@router.get("", summary="Stocktakes, the latest first", dependencies=_READERS)
def list_stocktakes(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[Stocktake]:
    """Without their lines."""
    with web_of(request).services.pool.connection() as connection:
        return [_shown(one) for one in heads(connection, limit)]


@router.get("/{stocktake_id}", summary="A stocktake with its lines", dependencies=_READERS)
def one_stocktake(request: Request, stocktake_id: uuid.UUID) -> StocktakeWithLines:
    """While people count, without anything that the books or others say."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        found = head(connection, stocktake_id)
        lines = judged_lines(connection, stocktake_id)
    return StocktakeWithLines(**_shown(found).model_dump(), line_list=[_line(line, found.state) for line in lines])


@router.post("/{stocktake_id}/counts", summary="Hand in what a person counted")
def hand_in(request: Request, response: Response, stocktake_id: uuid.UUID, person: Counter, body: Counts) -> Taken:
    """201 taken, 200 taken already."""
    services = web_of(request).services
    now = services.clock()
    day = (body.counted_at or now).astimezone(ZoneInfo(services.config.time_zone)).date()
    scans = [ScannedPack(scan.place_id, tuple(scan.codes), scan.packs) for scan in body.scans]
    with refusals(), services.pool.connection() as connection:
        by_hand = [_by_hand(connection, line) for line in body.lines]
        given = HandIn(
            request_id=body.request_id,
            stocktake_id=stocktake_id,
            counted_by=person.username,
            counted_at=body.counted_at or now,
            lines=(*by_hand, *lines_of_scans(connection, scans, day)),
        )
        outcome = stocktakes.hand_in(connection, given, now)
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    return Taken(outcome=outcome)


@router.post("/{stocktake_id}/submit", summary="The counting is done so far")
def submit(request: Request, stocktake_id: uuid.UUID, person: Counter, body: HandingIn) -> Stocktake:
    """Lines that differ are to be counted again, else somebody else verifies."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        stocktakes.submit(
            connection, stocktake_id, person.username, services.clock(), leave_uncounted=body.leave_uncounted
        )
        return _shown(head(connection, stocktake_id))


@router.post("/{stocktake_id}/verify", summary="A second person stands for the differences")
def verify(request: Request, stocktake_id: uuid.UUID, person: Counter) -> Stocktake:
    """Nobody who counted or handed in."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        stocktakes.verify(connection, stocktake_id, person.username, services.clock())
        return _shown(head(connection, stocktake_id))


@router.post("/{stocktake_id}/reopen", summary="Take a verification back")
def reopen(request: Request, stocktake_id: uuid.UUID, person: Counter) -> Stocktake:
    """So that it can be given anew, after movements that were delivered late."""
    del person  # any pharmacist may
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        stocktakes.reopen(connection, stocktake_id)
        return _shown(head(connection, stocktake_id))


@router.post("/{stocktake_id}/post", summary="Book the differences")
def book(request: Request, stocktake_id: uuid.UUID, person: Counter) -> Posting:
    """Told again, it answers with what was booked."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        zone = ZoneInfo(services.config.time_zone)
        posted = post(connection, stocktake_id, person.username, services.clock(), zone)
    return Posting(movements=posted.movements, cases=posted.cases)


@router.post("/{stocktake_id}/cancel", summary="Nothing of it is booked")
def cancel(request: Request, stocktake_id: uuid.UUID, person: Counter) -> Stocktake:
    """As long as it is not booked."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        stocktakes.cancel(connection, stocktake_id, person.username, services.clock())
        return _shown(head(connection, stocktake_id))


def _by_hand(connection: Connection, line: LineCounted) -> CountedLine:
    return CountedLine(place_account(connection, line.place_id), line.product_id, line.lot, line.quantity)


def _shown(found: StocktakeHead) -> Stocktake:
    return Stocktake.model_validate({**vars(found), "accounts": list(found.accounts)})


def _line(line: JudgedLine, state: str) -> StocktakeLine:
    facts: dict[str, Any] = {**line.key._asdict(), "is_controlled": line.is_controlled}
    if state in _BLIND:
        again = state == "recounting" and line.verdict.verdict == "recount"
        status = "count_again" if again else "counted" if line.counts else "to_count"
        return StocktakeLine(**facts, status=status)
    return StocktakeLine(
        **facts,
        status=line.verdict.verdict,
        frozen_quantity=line.frozen_quantity,
        counts=[
            CountLine(
                quantity=count.quantity,
                counted_by=count.counted_by,
                counted_at=count.counted_at,
                expected=count.expected,
                variance=count.variance,
            )
            for count in line.counts
        ],
        variance=line.verdict.variance,
        booked_variance=line.booked_variance,
        text=line.verdict.text,
    )
