"""The page of loggers' reports: bring a file, see what it is worth, and what the logger itself said."""

import uuid
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.cold_chain import Viewer, bring_report
from gateway.api.problems import Problem, detail_of, not_found
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_ROLES, Worker
from gateway.cold_chain import logger_import
from gateway.pages import cold_chain_words as words
from gateway.pages.document_words import DOCUMENT_KINDS
from gateway.pages.translations import N_
from gateway.services.roles import STOCK_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock.catalogue import place_tree
from gateway.stock.names import names_of

router: Final = APIRouter(prefix="/on-call/loggers", include_in_schema=False)


@router.get("")
def logger_page(request: Request, person: Viewer) -> HTMLResponse:
    """All of them, the newest first."""
    return _page(request, person)


@router.post("")
def bring(
    request: Request,
    person: Worker,
    file: UploadFile,
    document_id: Annotated[str, Form(max_length=40)] = "",
    place_id: Annotated[str, Form(max_length=63)] = "",
) -> Response:
    """Take a file in."""
    try:
        document = uuid.UUID(document_id) if document_id else None
        found = bring_report(request, person, file, document, place_id or None)
    except Problem as problem:
        return _page(request, person, detail_of(request, problem))
    except ValueError:
        return _page(request, person, web_of(request).speech(request).text(N_("A value is missing or wrong.")))
    return RedirectResponse(f"/on-call/loggers/{found.report_id}", HTTPStatus.SEE_OTHER)


@router.get("/{report_id}")
def one_report(request: Request, person: Viewer, report_id: uuid.UUID) -> HTMLResponse:
    """With the logger's own words and the signature block."""
    del person
    web = web_of(request)
    with web.services.pool.connection() as connection:
        one = logger_import.read_one(connection, report_id)
        if one is None:
            raise not_found(N_("There is no such report."))
        people = names_of(connection, (), (), {one.uploaded_by}).people
    return web.page(
        request, "logger_report.html", {"one": one, "people": people, "words": words, "stock_roles": STOCK_ROLES}
    )


def _page(request: Request, person: SignedIn, problem: str = "") -> HTMLResponse:
    web = web_of(request)
    with web.services.pool.connection() as connection:
        values: dict[str, Any] = {
            "lines": logger_import.reports(connection),
            "documents": logger_import.attachable(connection),
            "places": [place for place in place_tree(connection) if place.kind != "site"],
            "kinds": DOCUMENT_KINDS,
            "words": words,
            "problem": problem,
            "may_bring": person.may(*WORK_ROLES),
        }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return web.page(request, "logger_list.html", values, status=status)
