"""Counting with a scanner in the JSON API: each scan kept, handed in together, reasons, what is due, many tags at once.

As the pages of counting do it: no answer to somebody who counts says what the books have.
"""

import uuid
from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from gateway.api.stock_catalogue import today_of
from gateway.api.stock_counts import COUNT_PROBLEMS, Counter, Taken
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, problem_of, refusals, zone_of
from gateway.pages.count_kit import announce
from gateway.pages.work_out_kit import said
from gateway.stock import cycle_counts, stocktake_scanning
from gateway.stock.count_scope import accounts_of
from gateway.stock.stocktake_draft import Draft, DraftLine
from gateway.stock.stocktake_lines import LineKey
from gateway.stock.stocktake_review import ReasonGiven, give_reasons
from gateway.stock.stocktake_scanning import ScanGiven
from gateway.stock.tag_count_bulk import AT_ONCE_MAX, ManyDecisions, ManyDone, confirm_many, decide_many
from gateway.stock.tag_count_decisions import Decision

router: Final = APIRouter(prefix=PREFIX, tags=["stock"], responses=COUNT_PROBLEMS)
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Note = Annotated[str, Field(max_length=500)]
_Epcs = Annotated[list[Annotated[str, Field(max_length=160)]], Field(min_length=1, max_length=AT_ONCE_MAX)]


class ScanBody(BaseModel):
    """What was scanned or typed while counting."""

    scan_id: uuid.UUID = Field(description="Made by the client: told again, it changes nothing")
    text: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        description="A code; *3: three of the last; =120: so many base units of it; #LOT: its lot; MT-UNDO: take back"
    )
    place_id: Annotated[str, Field(max_length=64)] = Field(default="", description="Where the person counts")
    waited_s: Annotated[float, Field(ge=0, le=7 * 86400)] = Field(default=0, description="How long ago it was scanned")
    separator: Annotated[str, Field(min_length=1, max_length=1)] = "\x1d"


class CountedSoFar(BaseModel):
    """A line of what a person has scanned and not handed in."""

    account_id: str
    product_id: str
    lot: str
    quantity: int = Field(description="Base units")
    scans: int


class ScanRead(BaseModel):
    """What became of a scan."""

    outcome: Literal["created", "exists"]
    verdict: str
    by_another: bool = Field(description="Somebody else has counted this line: it is a second count")
    lots: list[str] = Field(description="To choose from, where the code names no lot")
    line: CountedSoFar | None = Field(description="The line that was scanned last")


class DraftRead(BaseModel):
    """What the person who asks has scanned and not handed in."""

    lines: list[CountedSoFar]
    without_lot: int
    kept: int = Field(description="Scans that are in no line")


class HandingDraftIn(BaseModel):
    """That what was scanned is to be counted."""

    request_id: uuid.UUID = Field(description="Made by the client: told again, it changes nothing")


class LineReason(BaseModel):
    """Why a line differs."""

    account_id: _Name
    product_id: _Name
    lot: Annotated[str, Field(max_length=64)] = ""
    reason_code: Annotated[str, Field(max_length=64)] = Field(description="Of the reasons of counts; empty: none")
    note: _Note = ""


class Reasons(BaseModel):
    """Of several lines."""

    reasons: Annotated[list[LineReason], Field(min_length=1, max_length=10_000)]


class Changed(BaseModel):
    """How many lines have another reason now."""

    changed: int


class DueProduct(BaseModel):
    """A product to be counted next."""

    product_id: str
    count_class: Literal["controlled", "A", "B", "C"]
    counted_on: date | None
    urgency: float = Field(description="Times of its interval; from 1 on it is due")
    lots: int
    open_cases: int


class TagDecisions(BaseModel):
    """The same decision about many tags."""

    epcs: _Epcs
    decision: Decision
    reason_code: Annotated[str, Field(max_length=64)] = Field(default="", description="Needed for `missing`")
    note: _Note = ""


class TagConfirmations(BaseModel):
    """That these packs are missing."""

    epcs: _Epcs


class TagRefused(BaseModel):
    """One that could not be done."""

    epc: str
    code: str
    detail: str


class TagsDone(BaseModel):
    """What became of each."""

    done: int
    refused: list[TagRefused]


@router.post("/stocktakes/{stocktake_id}/scans", summary="Keep one scan of somebody who counts")
def scan(request: Request, response: Response, stocktake_id: uuid.UUID, person: Counter, body: ScanBody) -> ScanRead:
    """201 kept, 200 kept already."""
    services = web_of(request).services
    at = now_of(request) - timedelta(seconds=body.waited_s)
    given = ScanGiven(body.scan_id, stocktake_id, person.username, body.place_id, body.text, at, body.separator)
    with refusals(), services.pool.connection() as connection:
        taken = stocktake_scanning.take_scan(connection, given, today_of(services), now_of(request))
        missing = taken.scan.verdict == "lot_missing"
        lots = stocktake_scanning.lots_offered(connection, stocktake_id, taken.scan) if missing else []
    response.status_code = HTTPStatus.CREATED if taken.outcome == "created" else HTTPStatus.OK
    line = taken.draft.lines[0] if taken.draft.lines else None
    return ScanRead(
        outcome=taken.outcome,
        verdict=taken.scan.verdict,
        by_another=taken.by_another,
        lots=lots,
        line=None if line is None else _line(line),
    )


@router.get("/stocktakes/{stocktake_id}/draft", summary="What I have scanned and not handed in")
def draft(request: Request, stocktake_id: uuid.UUID, person: Counter) -> DraftRead:
    """The line that was scanned last comes first."""
    with web_of(request).services.pool.connection() as connection:
        found: Draft = stocktake_scanning.draft_of(connection, stocktake_id, person.username)
    return DraftRead(
        lines=[_line(line) for line in found.lines], without_lot=len(found.waiting_for_lot), kept=len(found.kept)
    )


@router.post("/stocktakes/{stocktake_id}/draft/hand-in", summary="Count what I have scanned")
def hand_in_draft(
    request: Request, response: Response, stocktake_id: uuid.UUID, person: Counter, body: HandingDraftIn
) -> Taken:
    """201 taken, 200 taken already."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        outcome = stocktake_scanning.hand_in_draft(
            connection, stocktake_id, body.request_id, person.username, now_of(request)
        )
    response.status_code = HTTPStatus.CREATED if outcome == "created" else HTTPStatus.OK
    return Taken(outcome=outcome)


@router.post("/stocktakes/{stocktake_id}/reasons", summary="Say why lines differ")
def reasons(request: Request, stocktake_id: uuid.UUID, person: Counter, body: Reasons) -> Changed:
    """Until the differences are booked."""
    given = [
        ReasonGiven(LineKey(one.account_id, one.product_id, one.lot), one.reason_code, one.note) for one in body.reasons
    ]
    with refusals(), web_of(request).services.pool.connection() as connection:
        return Changed(changed=give_reasons(connection, stocktake_id, given, person.username, now_of(request)))


@router.get("/cycle-counts", summary="What is due to be counted")
def due(
    *,
    request: Request,
    person: Counter,
    place_id: Annotated[str, Query(min_length=1, max_length=64)],
    places_below: bool = True,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[DueProduct]:
    """The most urgent first; what an open stocktake counts is not among it."""
    del person  # any pharmacist may
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        accounts = accounts_of(connection, [place_id], below=places_below)
        found = cycle_counts.propose(connection, accounts, today_of(services), zone_of(request).key, limit)
    return [
        DueProduct(
            product_id=one.stock.product_id,
            count_class=one.count_class,
            counted_on=one.stock.counted_on,
            urgency=round(one.urgency, 2),
            lots=one.stock.lots,
            open_cases=one.stock.open_cases,
        )
        for one in found
    ]


@router.post("/tag-counts/{tag_count_id}/decisions", summary="Decide about many tags")
def decide(request: Request, tag_count_id: uuid.UUID, person: Counter, body: TagDecisions) -> TagsDone:
    """Each is an act of its own; told again, it changes nothing."""
    epcs = tuple(epc.upper() for epc in body.epcs)
    many = ManyDecisions(tag_count_id, epcs, body.decision, person.username, body.reason_code, body.note)
    with refusals(), web_of(request).services.pool.connection() as connection:
        done = decide_many(connection, many, now_of(request), zone_of(request))
        announce(connection, tag_count_id)
        return _done(request, done)


@router.post("/tag-counts/{tag_count_id}/confirmations", summary="Confirm that many packs are missing")
def confirm(request: Request, tag_count_id: uuid.UUID, person: Counter, body: TagConfirmations) -> TagsDone:
    """By somebody else than who called them missing."""
    epcs, zone = [epc.upper() for epc in body.epcs], zone_of(request)
    with refusals(), web_of(request).services.pool.connection() as connection:
        many = confirm_many(connection, tag_count_id, epcs, person.username, now_of(request), zone=zone)
        announce(connection, tag_count_id)
        return _done(request, many)


def _done(request: Request, many: ManyDone) -> TagsDone:
    refused = [(epc, problem_of(error)) for epc, error in many.refused]
    return TagsDone(
        done=many.done,
        refused=[TagRefused(epc=epc, code=each.code, detail=said(request, each)) for epc, each in refused],
    )


def _line(line: DraftLine) -> CountedSoFar:
    return CountedSoFar(**line.key._asdict(), quantity=line.quantity, scans=line.scans)
