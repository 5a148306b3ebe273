"""Pages around visits: appointments of a day and their import, load and waiting times, clinics and doors."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ValidationError

from gateway.api.access import RolesRequired
from gateway.api.clinics import (
    LOAD_ROLES,
    Admin,
    ImportedAnswer,
    span_of,
    take_appointments_file,
)
from gateway.api.people_kit import reading_of
from gateway.api.problems import Problem, detail_of
from gateway.api.visits_kit import Clerk, today_in
from gateway.api.web import web_of
from gateway.api.work_kit import zone_of
from gateway.db.pool import Connection
from gateway.pages.stock_overview_files import csv_download
from gateway.pages.translations import N_
from gateway.pages.visit_kit import PostedVisit, show_visit_page
from gateway.pages.visit_load_chart import Hour, draw_load
from gateway.pages.visit_telling import read_names
from gateway.pages.work_out_kit import attempt
from gateway.visits.clinics import ClinicItem, RoomItem, read_clinics, write_clinic, write_room
from gateway.visits.errors import VisitRefusedError
from gateway.visits.load import load_by_hour, load_totals
from gateway.visits.reads import appointments_of

Item = TypeVar("Item", bound=BaseModel)
router: Final = APIRouter(include_in_schema=False)
Day = Annotated[date | None, Query()]
_FILE_MAX: Final = 8 * 1024 * 1024
_READERS: Final = [Depends(RolesRequired(LOAD_ROLES))]
STATES: Final = {"booked": N_("expected"), "kept": N_("came"), "cancelled": N_("cancelled")}


@router.get("/desk/appointments")
def appointments_page(request: Request, person: Clerk, day: Day = None) -> HTMLResponse:
    """Who is expected that day."""
    del person
    return _appointments(request, day or today_in(request))


def _appointments(request: Request, day: date, problem: str = "", done: ImportedAnswer | None = None) -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        found = appointments_of(connection, day)
        people = reading_of(request, "visit").read(connection, [one.patient_id for one in found]) if found else {}
        names = read_names(connection)
    lines = [(one, people.get(one.patient_id)) for one in found]
    values = {"day": day, "lines": lines, "names": names, "done": done, "states": STATES}
    return show_visit_page(request, "visit_appointments.html", values, problem=problem)


@router.post("/desk/appointments")
def import_page(
    request: Request, person: Clerk, file: UploadFile, source: Annotated[str, Form(min_length=1, max_length=64)]
) -> HTMLResponse:
    """Take a file over."""
    del person
    today = today_in(request)
    try:
        done = take_appointments_file(request, source.strip(), file.file.read(_FILE_MAX))
    except Problem as problem:
        return _appointments(request, today, detail_of(request, problem))
    return _appointments(request, today, done=done)


@router.get("/desk/load", dependencies=_READERS)
def load_page(request: Request, first: Day = None, last: Day = None, clinic: str = "") -> HTMLResponse:
    """How many came each hour, and how long they waited."""
    start = first or today_in(request)
    end = max(last or start, start)
    since, until = span_of(request, start, end)
    zone = zone_of(request)
    with web_of(request).services.pool.connection() as connection:
        names, clinics = read_names(connection), read_clinics(connection, closed=True)
        hours = load_by_hour(connection, since, until, clinic)
        totals = load_totals(connection, since, until)
    chart = draw_load(
        [
            Hour(one.bucket.astimezone(zone), one.queued if clinic else one.checked_in, one.wait_p50_minutes)
            for one in hours
        ],
        since,
        until,
    )
    values: dict[str, Any] = {
        "first": start,
        "last": end,
        "clinic": clinic,
        "clinics": clinics,
        "names": names,
        "totals": totals,
        "chart": chart,
        "hours": hours,
        "week_ago": end - timedelta(days=6),
        "came": sum(one.queued if clinic else one.checked_in for one in hours),
    }
    return show_visit_page(request, "visit_load.html", values)


@router.get("/desk/load.csv", dependencies=_READERS)
def load_csv(request: Request, first: Day = None, last: Day = None, clinic: str | None = None) -> Response:
    """The hours as a table, of one clinic or of all."""
    start = first or today_in(request)
    since, until = span_of(request, start, last)
    speech, zone = web_of(request).speech(request), zone_of(request)
    with web_of(request).services.pool.connection() as connection:
        names = read_names(connection)
        hours = load_by_hour(connection, since, until, clinic)
    desk = speech.text(N_("Registration desk"))
    rows = [
        [
            names.clinic(speech, one.clinic_id) if one.clinic_id else desk,
            one.bucket.astimezone(zone).replace(tzinfo=None),
            *(one.checked_in, one.queued, one.called, one.done, one.left_unseen),
            *(one.wait_p50_minutes, one.wait_p90_minutes),
        ]
        for one in hours
    ]
    texts = (N_("Clinic"),)
    numbers = (
        *(N_("Hour"), N_("Checked in"), N_("Got a number"), N_("Called"), N_("Seen"), N_("Left without being seen")),
        *(N_("Half waited at most (min)"), N_("Nine in ten waited at most (min)")),
    )
    return csv_download(f"luot-kham-{start.isoformat()}.csv", speech, texts, numbers, rows)


@router.get("/admin/clinics")
def clinics_page(request: Request, person: Admin) -> HTMLResponse:
    """All of them, closed ones too."""
    del person
    return _clinics(request)


def _clinics(request: Request, problem: str = "") -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        clinics = read_clinics(connection, closed=True)
        desks = connection.execute(
            "SELECT place_id, name_vi, name_en FROM place WHERE kind IN ('desk', 'ward') ORDER BY name_vi"
        ).fetchall()
    return show_visit_page(request, "visit_clinics.html", {"clinics": clinics, "desks": desks}, problem=problem)


@router.post("/admin/clinics")
def clinic_from_page(request: Request, person: Admin, form: PostedVisit) -> Response:
    """Make or change a clinic."""
    del person

    def act(connection: Connection) -> str:
        write_clinic(connection, _item(ClinicItem, form.fields))
        return "/admin/clinics"

    return attempt(request, act, lambda problem: _clinics(request, problem))


@router.post("/admin/clinic-rooms")
def room_from_page(request: Request, person: Admin, form: PostedVisit) -> Response:
    """Make or change a door."""
    del person

    def act(connection: Connection) -> str:
        write_room(connection, _item(RoomItem, form.fields))
        return "/admin/clinics"

    return attempt(request, act, lambda problem: _clinics(request, problem))


def _item(kind: type[Item], fields: Mapping[str, str]) -> Item:
    given = {name: value for name, value in fields.items() if name in kind.model_fields}
    try:
        return kind.model_validate({**given, "active": fields.get("active") == "yes"})
    except ValidationError as error:
        wrong = str(error.errors()[0]["loc"][0]) if error.errors()[0]["loc"] else "?"
        raise VisitRefusedError("clinic_form", f"{wrong}: correct it", text=wrong) from None
