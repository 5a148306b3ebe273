"""Pages of one visit: its follow-up at the desk, its number as a paper, every step with its undoing."""

import uuid
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.people_kit import reading_of
from gateway.api.visits_kit import ActGiven, Caller, Clerk, acting_of, presence_facts, told_pages
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, pdf, refusals, zone_of
from gateway.db.pool import Connection
from gateway.pages import visit_words as words
from gateway.pages.visit_kit import PostedVisit, VisitForm, show_visit_page, take_step
from gateway.pages.visit_panel import panel_of
from gateway.pages.visit_telling import read_names
from gateway.pages.work_out_kit import attempt
from gateway.reports.queue_ticket import QueueTicket, queue_ticket_pdf
from gateway.services.hospital import read_hospital
from gateway.visits.calling import calling_line
from gateway.visits.errors import VisitNotFoundError, VisitRefusedError
from gateway.visits.insurance_desk import ask_again
from gateway.visits.queues import join_queue
from gateway.visits.reads import visit_now

router: Final = APIRouter(prefix="/desk/visits", include_in_schema=False)


def show_visit(request: Request, visit_id: uuid.UUID, problem: str = "") -> HTMLResponse:
    """The visit's page.

    Raises:
        Problem: there is no such visit.
    """
    web = web_of(request)
    speech = web.speech(request)
    with web.services.pool.connection() as connection, refusals():
        panel = panel_of(connection, speech, visit_id)
        patient = reading_of(request, "visit").one(connection, panel.visit.patient_id)
        rooms = [room for clinic in panel.clinics for room in clinic.rooms]
    values: dict[str, Any] = {"panel": panel, "patient": patient, "rooms": rooms, "new_act": uuid.uuid4()}
    return show_visit_page(request, "visit_one.html", values, problem=problem)


@router.get("/{visit_id}")
def visit_page(request: Request, person: Caller, visit_id: uuid.UUID) -> HTMLResponse:
    """Everything about it, with the name."""
    del person
    return show_visit(request, visit_id)


@router.post("/{visit_id}/queue")
def queue_from_page(request: Request, person: Clerk, visit_id: uuid.UUID, form: PostedVisit) -> Response:
    """Give the next number of the clinic; the card's proof, or which papers were seen, goes along."""

    def act(connection: Connection) -> str:
        clinic_id = form.fields.get("clinic_id", "")
        if not clinic_id:
            raise VisitRefusedError("clinic_missing", "no clinic: choose one")
        acting = acting_of(request, person, ActGiven(event_id=form.event_id()))
        facts = _identity(request, connection, visit_id, form)
        priority = form.fields.get("priority")
        change = join_queue(connection, visit_id, clinic_id, acting, priority=priority, facts=facts)
        told_pages(connection, change)
        return f"/desk/visits/{visit_id}"

    return attempt(request, act, lambda problem: show_visit(request, visit_id, problem))


def _identity(request: Request, connection: Connection, visit_id: uuid.UUID, form: VisitForm) -> dict[str, Any]:
    token = form.fields.get("presence", "")
    if token:
        return presence_facts(request, connection, visit_id, token, form.fields.get("place", ""))
    seen = form.fields.get("identified_by", "")
    if seen in words.BY_PAPERS:
        return {"identified_by": seen}
    if visit_now(connection, visit_id).identified_by == "card":
        raise VisitRefusedError("identity_missing", "no proof of presence, and no papers named: name one of them")
    return {}


@router.post("/{visit_id}/act")
def step_from_page(request: Request, person: Caller, visit_id: uuid.UUID, form: PostedVisit) -> Response:
    """One step of the patient in the queue where they are, or its undoing."""

    def act(connection: Connection) -> str:
        visit = visit_now(connection, visit_id)
        if visit.latest is None:
            raise VisitNotFoundError("queue_place_unknown", f"visit {visit_id} has no place in a queue")
        take_step(request, connection, person, visit.latest.entry_id, form)
        return f"/desk/visits/{visit_id}"

    return attempt(request, act, lambda problem: show_visit(request, visit_id, problem))


@router.post("/{visit_id}/insurance-check")
def insurance_from_page(request: Request, person: Clerk, visit_id: uuid.UUID) -> Response:
    """Ask the insurance again."""

    def act(connection: Connection) -> str:
        ask_again(connection, visit_id, person.username, now_of(request))
        return f"/desk/visits/{visit_id}"

    return attempt(request, act, lambda problem: show_visit(request, visit_id, problem))


@router.get("/{visit_id}/ticket.pdf")
def ticket(request: Request, person: Caller, visit_id: uuid.UUID) -> Response:
    """The number to take along: no name, no code that could be read.

    Raises:
        Problem: 404, the visit has no number.
    """
    del person
    web = web_of(request)
    now = now_of(request).astimezone(zone_of(request))
    with web.services.pool.connection() as connection, refusals():
        visit = visit_now(connection, visit_id)
        line = visit.latest
        if line is None:
            raise VisitNotFoundError("queue_place_unknown", f"visit {visit_id} has no place in a queue")
        order = [one.entry_id for one in calling_line(connection, line.clinic_id, visit.visit_date, now)]
        clinic = read_names(connection).clinics[line.clinic_id]
        paper = QueueTicket(
            hospital=read_hospital(connection).name or "",
            clinic_vi=clinic[0],
            clinic_en=clinic[1],
            ticket=line.ticket,
            given_at=line.arrived_at.astimezone(zone_of(request)),
            ahead=order.index(line.entry_id) if line.entry_id in order else None,
            printed_at=now,
        )
    return pdf(queue_ticket_pdf(paper), line.ticket)
