"""RFID counts in the JSON API: begun, passes taken, compared with the books, decided upon by people, closed."""

import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from gateway.api.access import RolesRequired
from gateway.api.stock_counts import COUNT_PROBLEMS, COUNTING_ROLES, Taken
from gateway.api.web import web_of
from gateway.api.work_kit import refusals
from gateway.pages.count_kit import announce
from gateway.services.roles import STOCK_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock import tag_count_decisions, tag_count_passes, tag_counts
from gateway.stock.tag_count_decisions import Confirmation, Decision, DecisionMade
from gateway.stock.tag_count_passes import EPCS_MAX, UploadedPass
from gateway.stock.tag_count_reads import findings, head, one_finding
from gateway.stock.tag_counts import NewTagCount

router: Final = APIRouter(prefix="/api/v1/tag-counts", tags=["stock"], responses=COUNT_PROBLEMS)
Counter = Annotated[SignedIn, Depends(RolesRequired(COUNTING_ROLES))]
_READERS: Final = [Depends(RolesRequired(STOCK_ROLES))]
_Name = Annotated[str, Field(min_length=1, max_length=64)]


class TagCountStart(BaseModel):
    """Which places shall be counted."""

    tag_count_id: uuid.UUID = Field(description="Made by the client: told again, it answers with what there is")
    place_ids: Annotated[list[_Name], Field(min_length=1, max_length=1000)]
    places_below: bool = Field(default=True, description="Also the shelves and fridges inside them")
    company_prefixes: Annotated[list[Annotated[str, Field(pattern=r"^[0-9]{6,12}$")]], Field(max_length=20)] = []
    note: Annotated[str, Field(max_length=1000)] = ""


class TagPass(BaseModel):
    """What a hand-held reader read in one look at one place."""

    request_id: uuid.UUID = Field(description="Made by the client: told again, it changes nothing")
    place_id: _Name
    epcs: Annotated[list[Annotated[str, Field(max_length=160)]], Field(max_length=EPCS_MAX)]


class ReaderLook(BaseModel):
    """That the fixed readers' tags are to be taken as a pass now."""

    request_id: uuid.UUID = Field(description="Made by the client: told again, it changes nothing")


class TakenPass(BaseModel):
    """A pass of fixed readers."""

    account_id: str
    number: int
    tags: int
    from_at: datetime
    until_at: datetime


class TagCount(BaseModel):
    """An RFID count; `summary` once it was compared: numbers, estimates by place, tallies by lot."""

    tag_count_id: uuid.UUID
    state: Literal["reading", "reconciled", "closed"]
    frozen_at: datetime
    started_by: str
    expected: int = Field(description="Tags that the books have in these places")
    passes: int
    reconciled_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None
    note: str
    summary: dict[str, Any] | None


class Finding(BaseModel):
    """A tag that is not simply seen where the books have it."""

    epc: str
    outcome: Literal["not_seen", "seen_elsewhere", "unknown", "foreign"]
    proposal: str
    confidence: Literal["high", "low", "none"]
    account_id: str | None = Field(description="Where the books have it")
    product_id: str | None
    lot: str | None
    units: int | None
    gtin: str | None
    serial_number: str | None
    seen_at: list[str]
    passes_seen: int
    passes_made: int
    decision: str | None
    decided_by: str | None
    confirmed_by: str | None


class DecisionBody(BaseModel):
    """What a person makes of it."""

    decision: Decision


class Closed(BaseModel):
    """How many cases were opened."""

    cases: int


@router.post("", summary="Freeze which tags the books have and begin to read")
def begin(request: Request, response: Response, person: Counter, body: TagCountStart) -> TagCount:
    """201 begun, 200 known already."""
    services = web_of(request).services
    new = NewTagCount(
        tag_count_id=body.tag_count_id,
        place_ids=tuple(body.place_ids),
        started_by=person.username,
        places_below=body.places_below,
        company_prefixes=tuple(body.company_prefixes),
        note=body.note,
    )
    with refusals(), services.pool.connection() as connection:
        outcome = tag_counts.start(connection, new, services.clock())
        found = TagCount.model_validate(vars(head(connection, body.tag_count_id)))
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    return found


@router.get("/{tag_count_id}", summary="An RFID count", dependencies=_READERS)
def one_tag_count(request: Request, tag_count_id: uuid.UUID) -> TagCount:
    """As it is now."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return TagCount.model_validate(vars(head(connection, tag_count_id)))


@router.post("/{tag_count_id}/passes", summary="Send what a hand-held reader read")
def send_pass(request: Request, response: Response, tag_count_id: uuid.UUID, person: Counter, body: TagPass) -> Taken:
    """201 taken, 200 taken already."""
    services = web_of(request).services
    given = UploadedPass(body.request_id, tag_count_id, body.place_id, frozenset(body.epcs), person.username)
    with refusals(), services.pool.connection() as connection:
        outcome = tag_count_passes.add_uploaded(connection, given, services.clock())
        announce(connection, tag_count_id)
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    return Taken(outcome=outcome)


@router.post("/{tag_count_id}/reader-passes", summary="Take what the fixed readers see as a pass of each place")
def look(request: Request, tag_count_id: uuid.UUID, person: Counter, body: ReaderLook) -> list[TakenPass]:
    """Told again, it answers as before."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        taken = tag_count_passes.take_from_readers(
            connection, tag_count_id, body.request_id, person.username, services.clock()
        )
        announce(connection, tag_count_id)
    return [TakenPass.model_validate(vars(one)) for one in taken]


@router.post("/{tag_count_id}/reconcile", summary="Compare all passes with the books")
def reconcile(request: Request, tag_count_id: uuid.UUID, person: Counter) -> TagCount:
    """Nothing is booked by it."""
    del person  # any pharmacist may
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        tag_counts.reconcile_count(connection, tag_count_id, services.clock())
        announce(connection, tag_count_id)
        return TagCount.model_validate(vars(head(connection, tag_count_id)))


@router.get("/{tag_count_id}/findings", summary="What was found", dependencies=_READERS)
def list_findings(
    request: Request,
    tag_count_id: uuid.UUID,
    outcome: Annotated[Literal["not_seen", "seen_elsewhere", "unknown", "foreign"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[Finding]:
    """Tags that are seen where the books have them are not in it."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        head(connection, tag_count_id)
        return [Finding.model_validate(one) for one in findings(connection, tag_count_id, outcome, limit)]


@router.post(
    "/{tag_count_id}/findings/{epc}/decision",
    summary="Say what is to be done about a tag",
)
def decide(request: Request, tag_count_id: uuid.UUID, epc: str, person: Counter, body: DecisionBody) -> Finding:
    """A missing pack then waits for a second person."""
    services = web_of(request).services
    made = DecisionMade(tag_count_id, epc.upper(), body.decision, person.username)
    with refusals(), services.pool.connection() as connection:
        tag_count_decisions.decide(connection, made, services.clock(), ZoneInfo(services.config.time_zone))
        announce(connection, tag_count_id)
        return Finding.model_validate(one_finding(connection, tag_count_id, made.epc))


@router.post(
    "/{tag_count_id}/findings/{epc}/confirm-missing",
    summary="A second person's word that a pack is missing",
)
def confirm(request: Request, tag_count_id: uuid.UUID, epc: str, person: Counter) -> Finding:
    """The pack goes to `unexplained`."""
    services = web_of(request).services
    given = Confirmation(tag_count_id, epc.upper(), person.username)
    with refusals(), services.pool.connection() as connection:
        tag_count_decisions.confirm_missing(connection, given, services.clock(), ZoneInfo(services.config.time_zone))
        announce(connection, tag_count_id)
        return Finding.model_validate(one_finding(connection, tag_count_id, given.epc))


@router.post("/{tag_count_id}/close", summary="End it; what nobody decided becomes a case")
def close(request: Request, tag_count_id: uuid.UUID, person: Counter) -> Closed:
    """Nothing is zeroed."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        cases = tag_count_decisions.close(connection, tag_count_id, person.username, services.clock())
        announce(connection, tag_count_id)
    return Closed(cases=cases)
