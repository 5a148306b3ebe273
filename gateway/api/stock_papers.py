"""Papers to print, in the JSON API: the note of an issue, the sheet and the minutes of a stocktake; in Vietnamese."""

import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from gateway.api.access import RolesRequired
from gateway.api.people_kit import reading_of
from gateway.api.problems import not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import letterhead, pdf, refusals, zone_of
from gateway.pages.translations import N_
from gateway.reports.goods_documents import issue_note_pdf
from gateway.reports.stocktake_documents import stocktake_minutes_pdf, stocktake_sheet_pdf
from gateway.services.roles import Role
from gateway.services.sessions import SignedIn
from gateway.stock import papers

router: Final = APIRouter(prefix=PREFIX, tags=["stock"])
Pharmacist = Annotated[SignedIn, Depends(RolesRequired(frozenset({Role.PHARMACIST})))]
"""A note may name a patient's number."""


@router.get("/stock/documents/{document_id}/issue-note.pdf", summary="The note of an issue", response_class=Response)
def print_issue_note(request: Request, person: Pharmacist, document_id: uuid.UUID) -> Response:
    """Phiếu xuất kho: of what left a place."""
    with web_of(request).services.pool.connection() as connection:
        note = papers.issue_note(connection, document_id, zone_of(request), reading_of(request, "dispense"))
        if note is None:
            raise not_found(N_("There is no such issue, or nothing has left for it yet."))
        return pdf(issue_note_pdf(note, letterhead(connection, request, person)), note.number)


@router.get("/stocktakes/{stocktake_id}/sheet.pdf", summary="The sheet to count with", response_class=Response)
def print_sheet(request: Request, person: Pharmacist, stocktake_id: uuid.UUID) -> Response:
    """Phiếu kiểm kê: blind."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        sheet = papers.stocktake_sheet(connection, stocktake_id)
        return pdf(stocktake_sheet_pdf(sheet, letterhead(connection, request, person)), sheet.number)


@router.get("/stocktakes/{stocktake_id}/minutes.pdf", summary="The minutes of a stocktake", response_class=Response)
def print_minutes(request: Request, person: Pharmacist, stocktake_id: uuid.UUID) -> Response:
    """Biên bản kiểm kê: not while people count."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        minutes = papers.stocktake_minutes(connection, stocktake_id, zone_of(request))
        return pdf(stocktake_minutes_pdf(minutes, letterhead(connection, request, person)), minutes.number)
