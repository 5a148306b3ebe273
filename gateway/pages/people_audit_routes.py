"""The administrator's page of the audit: who read whom and why, what has to be reviewed, whether the seals hold."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Final, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel

from gateway.api.access import RolesRequired
from gateway.api.problems import detail_of
from gateway.api.web import web_of
from gateway.api.work_kit import problem_of, zone_of
from gateway.pages.people_kit import show
from gateway.pages.people_routes import Form
from gateway.pages.people_words import ACTS, FINDINGS, PURPOSES
from gateway.pages.speech import Speech
from gateway.pages.stock_overview_files import csv_download
from gateway.pages.translations import N_
from gateway.pages.typed_day import typed_day
from gateway.people.audit_chain import verify_audit
from gateway.people.audit_reads import AuditEntry, AuditFilter, Finding, all_entries, entries, review, unreviewed
from gateway.reports.csv_export import Cell
from gateway.services.roles import ADMIN_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WorkRefusedError

router: Final = APIRouter(prefix="/admin/people", include_in_schema=False)
Admin = Annotated[SignedIn, Depends(RolesRequired(ADMIN_ROLES))]
_SHOWN: Final = 100


class AskedFor(BaseModel):
    """The filter as the address says it. A patient is asked for by pseudonym."""

    username: str = ""
    patient: str = ""
    since: str = ""
    until: str = ""
    only: str = ""

    def filter(self, request: Request) -> AuditFilter:
        """What can't be understood is left out."""
        try:
            whom = UUID(self.patient) if self.patient else None
        except ValueError:
            whom = None
        return AuditFilter(
            self.username.strip() or None,
            whom,
            _begin(request, self.since),
            _begin(request, self.until, days=1),
            only_break_glass=self.only == "glass",
            only_unreviewed=self.only == "unreviewed",
        )


class AskedPage(AskedFor):
    """One page of it."""

    before: int | None = None
    """Only rows with a smaller number."""


@router.get("")
def audit_page(request: Request, person: Admin, asked: Annotated[AskedPage, Query()]) -> HTMLResponse:
    """The newest first, with a filter."""
    del person
    return _page(request, asked, asked.before)


@router.get("/audit.csv")
def audit_csv(request: Request, person: Admin, asked: Annotated[AskedFor, Query()]) -> Response:
    """All that the filter finds."""
    del person
    services, speech = web_of(request).services, web_of(request).speech(request)
    texts = (
        *(N_("Number"), N_("Time"), N_("Who read"), N_("Act"), N_("Purpose"), N_("Patients by pseudonym")),
        *(N_("From"), N_("Reason"), N_("Reviewed")),
    )
    with services.pool.connection() as connection:
        rows = _lines(all_entries(connection, services.people.keys, asked.filter(request)), speech)
        return csv_download("people-audit.csv", speech, texts, (), rows)


@router.post("/find-pseudonym")
def find_pseudonym(request: Request, person: Admin, form: Form) -> Response:
    """The audit of the patient with this number. The number is not shown again, and the patient's name never is."""
    del person
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = services.people.find_exact(connection, "patient_number", form.get("number", ""))
    address = f"/admin/people?patient={found}" if found else "/admin/people?only=unknown"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


@router.post("/{audit_id}/review")
def review_read(request: Request, person: Admin, audit_id: int, form: Form) -> Response:
    """Somebody has looked at a break-glass read."""
    services = web_of(request).services
    finding = form.get("finding", "")
    if finding not in FINDINGS:
        raise problem_of(WorkRefusedError("person_choice", "finding: expected one of the form's"))
    try:
        with services.pool.connection() as connection:
            review(connection, audit_id, cast("Finding", finding), person.username, services.clock())
    except WorkRefusedError as error:
        return _page(request, AskedFor(only="unreviewed"), None, detail_of(request, problem_of(error)))
    return RedirectResponse("/admin/people?only=unreviewed", HTTPStatus.SEE_OTHER)


def _page(request: Request, asked: AskedFor, before: int | None, problem: str = "") -> HTMLResponse:
    services = web_of(request).services
    found: list[AuditEntry] = []
    state, waiting = None, 0
    if services.people.has_keys:
        with services.pool.connection() as connection:
            found = entries(connection, services.people.keys, asked.filter(request), limit=_SHOWN, before=before)
            state = verify_audit(connection, services.people.keys)
            waiting = unreviewed(connection)
    values = {
        "entries": found,
        "fields": asked.model_dump(),
        "acts": ACTS,
        "purposes": PURPOSES,
        "findings": FINDINGS,
        "state": state,
        "waiting": waiting,
        "more": found[-1].audit_id if len(found) == _SHOWN else None,
    }
    return show(request, "people_audit.html", values, problem=problem)


def _lines(found: Iterator[AuditEntry], speech: Speech) -> Iterator[Sequence[Cell]]:
    for one in found:
        yield (
            str(one.audit_id),
            speech.day_and_clock(one.at),
            one.username,
            speech.text(ACTS[one.act]),
            speech.text(PURPOSES[one.purpose]) if one.purpose in PURPOSES else one.purpose,
            " ".join(str(whom) for whom in one.patient_ids),
            one.source,
            one.reason,
            speech.text(FINDINGS[one.finding]) if one.finding else "",
        )


def _begin(request: Request, text: str, days: int = 0) -> datetime | None:
    day = typed_day(text) if text.strip() else None
    return None if day is None else datetime.combine(day + timedelta(days=days), time(), zone_of(request))
