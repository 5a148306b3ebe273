"""Discrepancy cases and drugs under special control in the JSON API."""

import re
import uuid
from datetime import date
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, Field

from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import READERS, WORK_PROBLEMS, Name, Worker, letterhead, now_of, pdf, refusals, zone_of
from gateway.reports.controlled_book import controlled_book_pdf, controlled_register_pdf
from gateway.stock import controlled_drugs, discrepancies
from gateway.stock.controlled_drugs import Period
from gateway.stock.discrepancies import Case, CaseAct, Resolution, ResolvedAs

router: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], responses=WORK_PROBLEMS)
Reason = Annotated[str, Field(min_length=1, max_length=1000)]


def _day_first(value: object) -> object:
    """A day as people in Vietnam write it, dd/mm/yyyy; anything else is left to be judged."""
    found = _DAY.fullmatch(str(value))
    return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found else value


_DAY: Final = re.compile(r"\s*([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\s*")
Day = Annotated[date, BeforeValidator(_day_first), Query(description="The hospital's day, YYYY-MM-DD or dd/mm/yyyy")]
Place = Annotated[str, Query(min_length=1, max_length=64)]


class CaseWhole(BaseModel):
    """A case, and what people did about it."""

    case: Case
    acts: list[CaseAct]


class ResolutionGiven(BaseModel):
    """How a case is to be settled."""

    document_id: uuid.UUID = Field(description="Made by the client: told again, nothing is booked twice")
    resolve_as: ResolvedAs
    reason: Reason
    place_id: Name | None = None
    to_place_id: Name | None = None
    product_id: Name | None = None
    lot: Annotated[str | None, Field(max_length=64)] = None
    quantity: Annotated[int | None, Field(ge=-(2**31) + 1, le=2**31 - 1)] = None
    gtin: Annotated[str | None, Field(pattern=r"\A[0-9]{14}\z")] = None
    serial_number: Annotated[str | None, Field(min_length=1, max_length=20)] = None
    movement_id: uuid.UUID | None = None


class Said(BaseModel):
    """What somebody says."""

    text: Reason


class BlindCount(BaseModel):
    """Which places are counted."""

    stocktake_id: uuid.UUID
    place_ids: Annotated[list[Name], Field(min_length=1, max_length=100)]


class CountBegun(BaseModel):
    """It is counted through /api/v1/stocktakes."""

    stocktake_id: uuid.UUID
    outcome: str


@router.get("/cases", summary="Cases: drugs under special control first", dependencies=READERS)
def cases(
    request: Request,
    only_controlled: bool = False,
    resolved_too: bool = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[Case]:
    """Then what waits for a second person, then the oldest."""
    with web_of(request).services.pool.connection() as connection:
        return discrepancies.queue(connection, resolved_too=resolved_too, only_controlled=only_controlled, limit=limit)


@router.get("/cases/{discrepancy_id}", summary="One case, with what people did", dependencies=READERS)
def case(request: Request, discrepancy_id: int) -> CaseWhole:
    """Who, when, and why."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        found = discrepancies.read_case(connection, discrepancy_id)
        return CaseWhole(case=found, acts=discrepancies.acts_on(connection, discrepancy_id))


@router.post("/cases/{discrepancy_id}/notes", summary="Something that was found out")
def note(request: Request, person: Worker, discrepancy_id: int, body: Said) -> CaseWhole:
    """Kept for good."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        discrepancies.note(connection, discrepancy_id, person.username, body.text, now_of(request))
    return case(request, discrepancy_id)


@router.post("/cases/{discrepancy_id}/resolve", summary="Settle a case, or propose how")
def resolve(request: Request, person: Worker, discrepancy_id: int, body: ResolutionGiven) -> CaseWhole:
    """Of a drug under special control it waits for a second person."""
    wanted = Resolution(**body.model_dump(), zone=zone_of(request))
    with refusals(), web_of(request).services.pool.connection() as connection:
        discrepancies.resolve(connection, discrepancy_id, wanted, person.username, now_of(request))
    return case(request, discrepancy_id)


@router.post("/cases/{discrepancy_id}/confirm", summary="The second person settles it")
def confirm(request: Request, person: Worker, discrepancy_id: int) -> CaseWhole:
    """What was proposed is booked."""
    now, zone = now_of(request), zone_of(request)
    with refusals(), web_of(request).services.pool.connection() as connection:
        discrepancies.confirm(connection, discrepancy_id, person.username, now, zone)
    return case(request, discrepancy_id)


@router.post("/cases/{discrepancy_id}/withdraw", summary="What was proposed is not to be")
def withdraw(request: Request, person: Worker, discrepancy_id: int, body: Said) -> CaseWhole:
    """The case is open again."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        discrepancies.withdraw(connection, discrepancy_id, person.username, body.text, now_of(request))
    return case(request, discrepancy_id)


@router.get("/controlled", summary="Where drugs under special control stand", dependencies=READERS)
def controlled(request: Request) -> list[controlled_drugs.ControlledStock]:
    """Without quantities: they are counted blind."""
    with web_of(request).services.pool.connection() as connection:
        return controlled_drugs.stock(connection)


@router.post("/controlled/counts", summary="Count all of them in a place, blind", status_code=201)
def begin_count(request: Request, response: Response, person: Worker, body: BlindCount) -> CountBegun:
    """A stocktake without tolerance."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome = controlled_drugs.begin_blind_count(
            *(connection, body.stocktake_id, tuple(body.place_ids), person.username),
            now=now_of(request),
            zone=zone_of(request),
        )
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    return CountBegun(stocktake_id=body.stocktake_id, outcome=outcome)


@router.get("/controlled/register.pdf", summary="The register of a place, to be printed", response_class=Response)
def print_register(request: Request, person: Worker, place_id: Place, first_day: Day, last_day: Day) -> Response:
    """Every act with both people, and the blind count after it."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        found = controlled_drugs.register(connection, place_id, Period(first_day, last_day, zone_of(request)))
        head = letterhead(connection, request, person)
    return pdf(controlled_register_pdf(found, head), f"register-{place_id}-{first_day}-{last_day}")


@router.get("/controlled/book.pdf", summary="The book of one drug, to be printed", response_class=Response)
def print_book(
    *, request: Request, person: Worker, product_id: Place, place_id: Place, first_day: Day, last_day: Day
) -> Response:
    """Sổ theo dõi xuất, nhập, tồn kho."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        period = Period(first_day, last_day, zone_of(request))
        found = controlled_drugs.book(connection, product_id, place_id, period)
        head = letterhead(connection, request, person)
    return pdf(controlled_book_pdf(found, head), f"book-{place_id}-{first_day}-{last_day}")
