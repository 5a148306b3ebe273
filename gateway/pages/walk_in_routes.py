"""Somebody without a card: a scanned citizen or insurance card, a number or a name; guardians choose among children."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.people_kit import reading_of
from gateway.api.visits_kit import ActGiven, Clerk, acting_of, today_in
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, refusals, zone_of
from gateway.db.pool import Connection
from gateway.pages import visit_words as words
from gateway.pages.visit_kit import PostedVisit, VisitForm, show_visit_page
from gateway.pages.visit_panel import panel_of
from gateway.pages.work_out_kit import attempt
from gateway.people.people import Reading
from gateway.people.person import GUARDIAN_UNDER_YEARS, Guardian, Patient
from gateway.services.live_events import publish
from gateway.services.sessions import SignedIn
from gateway.visits.clinics import read_clinics
from gateway.visits.errors import VisitRefusedError
from gateway.visits.opening import IdentifiedBy, open_visit
from gateway.visits.reads import clinic_counts, open_visits_of

router: Final = APIRouter(prefix="/desk/walk-in", include_in_schema=False)
_TEXT_MAX: Final = 800
_FOUND_MAX: Final = 12
_NOT_DIGITS: Final = re.compile(r"[^0-9A-Z|]")


@dataclass(frozen=True)
class FoundPerson:
    """A patient whom a search found."""

    patient: Patient
    identified_by: IdentifiedBy
    """What the search text proves of them."""
    visit_id: uuid.UUID | None
    """Of today."""
    event_id: uuid.UUID


@dataclass(frozen=True)
class FoundGuardian:
    """A guardian with the children they answer for."""

    guardian: Guardian
    children: list[FoundPerson]
    event_id: uuid.UUID


def known_by(text: str, patient: Patient) -> IdentifiedBy:
    """What a search text has in common with the patient: a number of theirs, or only the name."""
    compact = _NOT_DIGITS.sub("", text.upper())
    if patient.citizen_id and patient.citizen_id in compact.split("|")[0]:
        return "citizen_card"
    if patient.insurance_number and compact.split("|")[0] and compact.split("|")[0] in patient.insurance_number:
        return "insurance_card"
    return "patient_number" if compact == patient.patient_number.upper() else "search"


@router.get("")
def walk_in_page(request: Request, person: Clerk) -> HTMLResponse:
    """Nothing found yet."""
    del person
    return _show(request, "")


@router.post("")
def search_page(request: Request, person: Clerk, form: PostedVisit) -> HTMLResponse:
    """Who it may be. What was looked for stands in no address."""
    del person
    return _show(request, form.fields.get("text", "")[:_TEXT_MAX])


def _show(request: Request, text: str, problem: str = "") -> HTMLResponse:
    web = web_of(request)
    found: list[FoundPerson] = []
    guardians: list[FoundGuardian] = []
    with web.services.pool.connection() as connection, refusals():
        if text:
            reading = reading_of(request, "desk")
            people = reading.people.search(connection, text, reading.reader, _FOUND_MAX)
            found = _found(connection, request, people, text)
            guardians = _guardians(connection, request, reading, text)
        clinics, counts = read_clinics(connection), clinic_counts(connection, today_in(request))
    values: dict[str, Any] = {"text": text, "found": found, "guardians": guardians, "clinics": clinics}
    return show_visit_page(request, "visit_walk_in.html", {**values, "counts": counts}, problem=problem)


def _found(connection: Connection, request: Request, people: list[Patient], text: str) -> list[FoundPerson]:
    here = open_visits_of(connection, [one.patient_id for one in people], today_in(request))
    return [FoundPerson(one, known_by(text, one), here.get(one.patient_id), uuid.uuid4()) for one in people]


def _guardians(connection: Connection, request: Request, reading: Reading, text: str) -> list[FoundGuardian]:
    number = text.partition("|")[0].strip()
    found = []
    for guardian in reading.people.find_guardians(connection, number, reading.reader):
        children = reading.people.children_of(connection, guardian.guardian_id)
        people = _minors(reading.read(connection, children).values(), today_in(request))
        found.append(FoundGuardian(guardian, _found(connection, request, people, ""), uuid.uuid4()))
    return [one for one in found if one.children]


def _minors(children: Iterable[Patient], today: date) -> list[Patient]:
    """Whom a guardian may check in: from 14 years on people have papers of their own."""
    year = today.year - GUARDIAN_UNDER_YEARS
    last = (year, today.month, today.day)
    return [one for one in children if one.birth_date is None or one.birth_date.timetuple()[:3] > last]


@router.post("/check-in")
def check_in(request: Request, person: Clerk, form: PostedVisit) -> Response:
    """Open the visits of whoever is chosen; each joins the clinic named, or where an appointment says."""

    def act(connection: Connection) -> str:
        if not form.patient_ids:
            raise VisitRefusedError("nobody_chosen", "nobody is chosen: tick at least one")
        guardian = form.fields.get("guardian_id", "")
        if guardian:
            reading = reading_of(request, "desk")
            children = reading.read(connection, reading.people.children_of(connection, uuid.UUID(guardian)))
            minors = {one.patient_id for one in _minors(children.values(), today_in(request))}
            if not set(form.patient_ids) <= minors:
                raise VisitRefusedError("guardian_child", "not one of this guardian's children under 14: search again")
        visits = [_open(request, connection, person, form, patient_id) for patient_id in form.patient_ids]
        if len(visits) == 1:
            return f"/desk/visits/{visits[0]}"
        return "/desk/walk-in/done?" + "&".join(f"visit={visit_id}" for visit_id in visits)

    return attempt(request, act, lambda problem: _show(request, "", problem))


def _open(
    request: Request, connection: Connection, person: SignedIn, form: VisitForm, patient_id: uuid.UUID
) -> uuid.UUID:
    seen = form.fields.get("identified_by", "")
    through_guardian = "guardian_id" in form.fields
    if not through_guardian and seen not in words.IDENTIFIED:
        raise VisitRefusedError("identity_missing", "how the patient is known is missing: name it")
    acting = acting_of(request, person, ActGiven(event_id=form.event_id()))
    opened = open_visit(
        connection,
        patient_id,
        acting.at,
        form.fields.get("place"),
        zone_of(request),
        source="guardian" if through_guardian else "walk_in",
        clinic_id=form.fields.get("clinic_id"),
        priority=form.fields.get("priority"),
        identified_by="guardian" if through_guardian else seen,  # type: ignore[arg-type]  # just looked up
        by=person.username,
        received_at=now_of(request),
    )
    publish(connection, opened.events)
    return opened.visit_id


@router.get("/done")
def done_page(request: Request, person: Clerk) -> HTMLResponse:
    """Several children with one guardian: each with their number."""
    del person
    web = web_of(request)
    speech, reading = web.speech(request), reading_of(request, "visit")
    ids = []
    for text in request.query_params.getlist("visit")[:20]:
        try:
            ids.append(uuid.UUID(text))
        except ValueError:
            continue
    with web.services.pool.connection() as connection, refusals():
        panels = [panel_of(connection, speech, visit_id) for visit_id in ids]
        people = reading.read(connection, [panel.visit.patient_id for panel in panels])
    shown = [(panel, people.get(panel.visit.patient_id)) for panel in panels]
    return show_visit_page(request, "visit_done.html", {"shown": shown})
