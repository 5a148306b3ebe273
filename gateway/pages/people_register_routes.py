"""Pages that register: by papers, by a scanned card, a newborn under its mother's name."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.people_kit import reader_of
from gateway.api.web import web_of
from gateway.db.pool import Connection
from gateway.pages.people_kit import Fields, attempt, birth_date, new_patient, record_path, sex, show
from gateway.pages.people_routes import Form, Registrar, problem_text
from gateway.people.person import NewGuardian
from gateway.people.registration import Newborn, read_person_card, register_newborn
from gateway.stock.errors import WorkRefusedError

router: Final = APIRouter(prefix="/patients", include_in_schema=False)


@router.get("/new")
def new_page(request: Request, person: Registrar) -> HTMLResponse:
    """An empty form."""
    del person
    return _form(request, {})


@router.post("/new/from-card")
def from_card(request: Request, person: Registrar, form: Form) -> HTMLResponse:
    """The form filled in with what the card says."""
    del person
    try:
        card = read_person_card(form.get("text", ""))
    except WorkRefusedError as error:
        return _form(request, {}, problem_text(request, error))
    fields = {
        "full_name": card.full_name,
        "birth_date": f"{card.birth_date:%d/%m/%Y}" if card.birth_date else "",
        "sex": card.sex,
        "citizen_id": card.citizen_id,
        "insurance_number": card.insurance_number,
        "address": card.address,
        "identity_confidence": "documented",
    }
    return _form(request, fields, hints=bool(card.hints))


@router.post("/new")
def register(request: Request, person: Registrar, form: Form) -> Response:
    """Then the record, where possible duplicates are shown."""
    del person
    people = web_of(request).services.people

    def act(connection: Connection) -> str:
        return record_path(people.register(connection, new_patient(form), reader_of(request, "desk")))

    return attempt(request, act, lambda problem: _form(request, form, problem))


@router.get("/newborn")
def newborn_page(request: Request, person: Registrar) -> HTMLResponse:
    """What is known of a child that has just been born."""
    del person
    return show(request, "people_newborn.html", {"fields": {}})


@router.post("/newborn")
def newborn(request: Request, person: Registrar, form: Form) -> Response:
    """Under the mother's name; her citizen card may be scanned into the field of her name."""
    del person
    people = web_of(request).services.people

    def act(connection: Connection) -> str:
        name, citizen_id = form.get("mother_name", ""), form.get("mother_citizen_id")
        if "|" in name:
            card = read_person_card(name)
            name, citizen_id = card.full_name, card.citizen_id
        mother = NewGuardian(name, "mother", form.get("mother_phone"), citizen_id)
        born = birth_date(form.get("birth_date", ""))
        if born is None:
            raise WorkRefusedError("person_date", "birth date: expected day, month, year")
        twin = form.get("twin", "")
        number = int(twin) if twin.isdecimal() and len(twin) == 1 else None
        child = Newborn(mother, born, sex(form.get("sex", "unknown")), number)
        return record_path(register_newborn(connection, people, child, reader_of(request, "desk")))

    return attempt(
        request, act, lambda problem: show(request, "people_newborn.html", {"fields": form}, problem=problem)
    )


def _form(request: Request, fields: Fields, problem: str = "", *, hints: bool = False) -> HTMLResponse:
    values = {"patient": None, "fields": fields, "action": "/patients/new", "hints": hints}
    return show(request, "people_form.html", values, problem=problem)
