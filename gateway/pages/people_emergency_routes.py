"""The page of a patient's emergency data: read with audit, written by whoever may."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cards.emergency.record import BLOOD_GROUPS, CODE_SYSTEMS, ENTRIES_MAX
from gateway.api.people_kit import reader_of
from gateway.api.web import web_of
from gateway.api.work_kit import problem_of
from gateway.db.pool import Connection
from gateway.pages.people_kit import Fields, attempt, record_path, show
from gateway.pages.people_routes import EmergencyReader, Form, RecordReader, glass_page
from gateway.people.emergency import EmergencyData
from gateway.services.roles import RECORD_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError

router: Final = APIRouter(prefix="/patients", include_in_schema=False)
_KINDS: Final = ("allergies", "conditions", "medication")
_ENTRY: Final = ("text", "system", "code", "severity")
_CONTACT: Final = ("name", "relation", "phone")
_EMPTY_ROWS: Final = 3


@router.get("/{patient_id}/emergency")
def emergency_page(request: Request, person: EmergencyReader, patient_id: UUID) -> Response:
    """What must be known, or the question why it must be seen."""
    return _page(request, person, patient_id)


@router.post("/{patient_id}/emergency")
def write(request: Request, person: RecordReader, patient_id: UUID, form: Form) -> Response:
    """In place of what there was; whoever may not see it may not write it."""
    people = web_of(request).services.people

    def act(connection: Connection) -> str:
        by = reader_of(request, "emergency")
        people.emergency(connection, patient_id, by)
        people.set_emergency(connection, patient_id, EmergencyData.from_plain(plain_of(form)), by)
        return f"{record_path(patient_id)}/emergency?done=yes"

    return attempt(request, act, lambda problem: _page(request, person, patient_id, form, problem))


def plain_of(form: Fields) -> dict[str, Any]:
    """The form's rows; a row without a text is none."""
    plain: dict[str, Any] = {"blood_group": form.get("blood_group", "")}
    for kind in _KINDS:
        rows = [_row(form, kind, number, _ENTRY) for number in range(ENTRIES_MAX)]
        plain[kind] = [{**row, "severity": row["severity"] or "unknown"} for row in rows if row["text"]]
    contacts = [_row(form, "contacts", number, _CONTACT) for number in range(ENTRIES_MAX)]
    guardian = _row(form, "guardian", 0, _CONTACT)
    plain["contacts"] = [row for row in contacts if any(row.values())]
    plain["guardian"] = guardian if any(guardian.values()) else None
    return plain


def _row(form: Fields, kind: str, number: int, names: tuple[str, ...]) -> dict[str, str]:
    return {name: form.get(f"{kind}_{number}_{name}", "") for name in names}


def _page(
    request: Request, person: SignedIn, patient_id: UUID, form: Fields | None = None, problem: str = ""
) -> HTMLResponse:
    services = web_of(request).services
    try:
        with services.pool.connection() as connection:
            found = services.people.emergency(connection, patient_id, reader_of(request, "emergency"))
            patient = services.people.read_one(connection, patient_id, reader_of(request, "emergency"))
    except WorkNotFoundError as error:
        raise problem_of(error) from None
    except WorkRefusedError as error:
        if error.code != "glass_closed":
            raise problem_of(error) from None
        return glass_page(request, patient_id, back=f"{record_path(patient_id)}/emergency", problem=problem)
    data = plain_of(form) if form is not None else (found or EmergencyData()).to_plain()
    values = {
        "patient": patient,
        "data": data,
        "rows": {kind: _rows(data[kind], _ENTRY) for kind in _KINDS} | {"contacts": _rows(data["contacts"], _CONTACT)},
        "guardian": data["guardian"] or dict.fromkeys(_CONTACT, ""),
        "blood_groups": BLOOD_GROUPS,
        "systems": CODE_SYSTEMS,
        "entered": found is not None,
        "done": request.query_params.get("done") == "yes",
        "may_change": person.may(*RECORD_ROLES),
        "may_see_name": person.may(*RECORD_ROLES),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return show(request, "people_emergency.html", values, problem=problem, status=status)


def _rows(filled: list[dict[str, str]], names: tuple[str, ...]) -> list[dict[str, str]]:
    """What there is, and some empty ones."""
    empty = min(_EMPTY_ROWS, ENTRIES_MAX - len(filled))
    return [*filled, *(dict.fromkeys(names, "") for _ in range(empty))]
