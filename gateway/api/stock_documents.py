"""Stock documents in the JSON API: lists, and one whole."""

import uuid
from datetime import date
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from gateway.api.problems import not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import READERS, WORK_PROBLEMS
from gateway.pages.translations import N_
from gateway.stock.document_reads import (
    DocumentHead,
    MovementLine,
    document_head,
    documents_about,
    list_documents,
    movement_lines,
)
from gateway.stock.documents import DocumentKind, DocumentState
from gateway.stock.two_people import WaitingLine, waiting_lines

router: Final = APIRouter(prefix=f"{PREFIX}/stock/documents", tags=["stock"], responses=WORK_PROBLEMS)


class DocumentWhole(BaseModel):
    """A document, what was booked for it, and what is about it."""

    document: DocumentHead
    lines: list[MovementLine]
    about_it: list[DocumentHead]
    waiting: list[WaitingLine] = Field(description="What somebody else has to confirm; empty if nothing waits here")


@router.get("", summary="Stock documents, the newest first", dependencies=READERS)
def documents(
    *,
    request: Request,
    kind: Annotated[DocumentKind | None, Query()] = None,
    state: Annotated[DocumentState | None, Query()] = None,
    place_id: Annotated[str | None, Query(max_length=64, description="From there or to there")] = None,
    first_day: Annotated[date | None, Query(description="The hospital's days, by when it was entered")] = None,
    last_day: Annotated[date | None, Query()] = None,
    number: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> list[DocumentHead]:
    """Receipts, transfers, issues, and all others."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        return list_documents(
            connection,
            ZoneInfo(services.config.time_zone),
            kind=kind,
            state=state,
            place_id=place_id,
            first_day=first_day,
            last_day=last_day,
            number=number,
            limit=limit,
            offset=offset,
        )


@router.get("/{document_id}", summary="One stock document whole", dependencies=READERS)
def document(request: Request, document_id: uuid.UUID) -> DocumentWhole:
    """With its movements; `about_it` are its arrivals and reversals."""
    with web_of(request).services.pool.connection() as connection:
        head = document_head(connection, document_id)
        if head is None:
            raise not_found(N_("There is no such stock document."))
        lines = list(movement_lines(connection, document_id))
        waiting = waiting_lines(connection, document_id)
        about_it = documents_about(connection, document_id)
        return DocumentWhole(document=head, lines=lines, about_it=about_it, waiting=waiting)
