"""Pages of people: find somebody, see the record, break the glass, correct, guardians and their other children."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.access import RolesRequired
from gateway.api.people import changed_at
from gateway.api.people_kit import open_patient, reader_of, search_people
from gateway.api.problems import detail_of
from gateway.api.web import web_of
from gateway.api.work_kit import problem_of
from gateway.db.pool import Connection
from gateway.pages.people_kit import (
    Fields,
    attempt,
    fields_of,
    new_guardian,
    new_patient,
    posted,
    record_path,
    show,
    today,
)
from gateway.people.merging import merges
from gateway.people.person import RELATIONS, needs_guardian
from gateway.people.registration import read_person_card
from gateway.services.roles import EMERGENCY_ROLES, PEOPLE_ROLES, RECORD_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError

router: Final = APIRouter(prefix="/patients", include_in_schema=False)
Registrar = Annotated[SignedIn, Depends(RolesRequired(PEOPLE_ROLES))]
RecordReader = Annotated[SignedIn, Depends(RolesRequired(RECORD_ROLES))]
EmergencyReader = Annotated[SignedIn, Depends(RolesRequired(EMERGENCY_ROLES))]
Form = Annotated[Fields, Depends(posted)]
_SHOWN: Final = 30


@router.get("")
def find_page(request: Request, person: RecordReader) -> HTMLResponse:
    """One field for everything: a card's code, a number, a name."""
    return _find_page(request, person, "", None)


@router.post("/search")
def search(request: Request, person: RecordReader, form: Form) -> HTMLResponse:
    """What was looked for comes by POST: addresses are kept in histories and logs."""
    text = form.get("text", "")
    if not text:
        return _find_page(request, person, "", None)
    with web_of(request).services.pool.connection() as connection:
        found = search_people(connection, request, text, _SHOWN)
    return _find_page(request, person, text, found)


@router.get("/{patient_id}")
def record(request: Request, person: RecordReader, patient_id: UUID) -> Response:
    """The whole record, or the question why it must be seen."""
    return _record_page(request, person, patient_id)


@router.post("/{patient_id}/open")
def break_glass(request: Request, person: EmergencyReader, patient_id: UUID, form: Form) -> Response:
    """Written down with the reason; then the record can be seen for a while."""
    emergency = f"{record_path(patient_id)}/emergency"
    reason = "; ".join(one for one in (form.get("reason", ""), form.get("own_words", "")) if one)

    def act(connection: Connection) -> str:
        if not reason:
            raise WorkRefusedError("glass_reason", "a reason is needed")
        open_patient(connection, request, patient_id, reason)
        only_emergency = form.get("back") == emergency or not person.may(*RECORD_ROLES)
        return emergency if only_emergency else record_path(patient_id)

    return attempt(request, act, lambda problem: glass_page(request, patient_id, problem=problem))


@router.get("/{patient_id}/edit")
def edit_page(request: Request, person: Registrar, patient_id: UUID) -> Response:
    """The form with what stands there."""
    try:
        return _edit_page(request, person, patient_id)
    except WorkRefusedError as error:
        return _closed(request, patient_id, error)


@router.post("/{patient_id}/edit")
def correct(request: Request, person: Registrar, patient_id: UUID, form: Form) -> Response:
    """All values; whoever was faster is not overwritten."""
    people = web_of(request).services.people

    def act(connection: Connection) -> str:
        by = reader_of(request, "record")
        before = people.read_one(connection, patient_id, by)
        seen = datetime.fromisoformat(form["seen"]) if form.get("seen") else None
        people.correct(connection, patient_id, new_patient(form, before), by, seen=seen)
        return record_path(patient_id)

    return attempt(request, act, lambda problem: _edit_page(request, person, patient_id, form, problem))


@router.post("/{patient_id}/guardians")
def enter_guardian(request: Request, person: Registrar, patient_id: UUID, form: Form) -> Response:
    """By what is typed, or by the guardian's citizen card scanned into the field of the name."""
    people = web_of(request).services.people

    def act(connection: Connection) -> str:
        fields = dict(form)
        if "|" in fields.get("full_name", ""):
            card = read_person_card(fields["full_name"])
            fields |= {"full_name": card.full_name, "citizen_id": card.citizen_id}
        people.enter_guardian(connection, patient_id, new_guardian(fields), reader_of(request, "desk"))
        return f"{record_path(patient_id)}#guardians"

    return attempt(request, act, lambda problem: _record_page(request, person, patient_id, problem))


@router.post("/{patient_id}/guardians/{guardian_id}")
def change_guardian(request: Request, person: Registrar, patient_id: UUID, guardian_id: UUID, form: Form) -> Response:
    """Add a guardian who is known already, or take one away."""
    people = web_of(request).services.people

    def act(connection: Connection) -> str:
        by = reader_of(request, "desk")
        if "remove" in form:
            people.remove_guardian(connection, patient_id, guardian_id, by)
        else:
            relation = form.get("relation", "")
            if relation not in RELATIONS:
                raise WorkRefusedError("person_choice", "relation: expected one of the form's")
            people.add_guardian(connection, patient_id, guardian_id, relation, by)
        return f"{record_path(patient_id)}#guardians"

    return attempt(request, act, lambda problem: _record_page(request, person, patient_id, problem))


def glass_page(request: Request, patient_id: UUID, *, back: str = "", problem: str = "") -> HTMLResponse:
    """Ask why the record must be seen. It says nothing of the patient."""
    values = {"patient_id": patient_id, "back": back}
    return show(request, "people_open.html", values, problem=problem, status=HTTPStatus.FORBIDDEN)


def _closed(request: Request, patient_id: UUID, error: WorkRefusedError, back: str = "") -> HTMLResponse:
    if error.code != "glass_closed":
        raise problem_of(error) from None
    return glass_page(request, patient_id, back=back)


def _find_page(request: Request, person: SignedIn, text: str, found: Any) -> HTMLResponse:  # noqa: ANN401 - patients, or None
    is_card = "|" in text
    values = {
        "text": text,
        "found": found,
        "is_card": is_card,
        "may_register": person.may(*PEOPLE_ROLES),
        "shown": _SHOWN,
    }
    return show(request, "people_find.html", values)


def _record_page(request: Request, person: SignedIn, patient_id: UUID, problem: str = "") -> HTMLResponse:
    services = web_of(request).services
    people = services.people
    try:
        with services.pool.connection() as connection:
            open_patient(connection, request, patient_id)
            reader = reader_of(request, "record")
            patient = people.read_one(connection, patient_id, reader)
            around = people.around(connection, patient, reader, alike=person.may(*PEOPLE_ROLES))
            values = {
                "patient": patient,
                "guardians": around.guardians,
                "siblings": around.siblings,
                "alike": around.alike,
                "merges": [one for one in merges(connection, patient_id=patient.patient_id) if one.undone_at is None],
                "lacks_guardian": needs_guardian(patient.birth_date, today(request)) and not around.guardians,
                "may_change": person.may(*PEOPLE_ROLES),
                "may_see_emergency": person.may(*EMERGENCY_ROLES),
                "fields": {},
            }
    except WorkNotFoundError as error:
        raise problem_of(error) from None
    except WorkRefusedError as error:
        return _closed(request, patient_id, error)
    return show(request, "people_record.html", values, problem=problem)


def _edit_page(
    request: Request, person: SignedIn, patient_id: UUID, fields: Fields | None = None, problem: str = ""
) -> HTMLResponse:
    del person
    services = web_of(request).services
    with services.pool.connection() as connection:
        open_patient(connection, request, patient_id)
        patient = services.people.read_one(connection, patient_id, reader_of(request, "record"))
        seen = changed_at(connection, patient.patient_id)
    given = fields if fields is not None else {**fields_of(patient), "seen": seen.isoformat() if seen else ""}
    values = {"patient": patient, "fields": given, "action": f"{record_path(patient_id)}/edit", "hints": False}
    return show(request, "people_form.html", values, problem=problem)


def problem_text(request: Request, error: WorkRefusedError) -> str:
    """A refusal in the reader's language."""
    return detail_of(request, problem_of(error))
