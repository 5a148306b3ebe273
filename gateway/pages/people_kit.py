"""What the pages of people share: forms as people type them, refusals on the page, one way to show a record."""

from collections.abc import Callable, Mapping
from datetime import date
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.problems import detail_of
from gateway.api.web import web_of
from gateway.api.work_kit import problem_of, zone_of
from gateway.db.pool import Connection
from gateway.pages import people_words
from gateway.pages.people_words import GLASS_REASONS
from gateway.pages.typed_day import typed_day
from gateway.people.person import (
    CONFIDENCES,
    RELATIONS,
    SEXES,
    NewGuardian,
    NewPatient,
    Patient,
    Sex,
)
from gateway.stock.errors import WarehouseError, WorkRefusedError

Fields = Mapping[str, str]
_WORDS: Final = {
    "sexes": people_words.SEXES,
    "confidences": people_words.CONFIDENCE,
    "relations": people_words.RELATIONS,
    "labels": people_words.FIELDS,
    "alike_words": people_words.ALIKE,
    "severities": people_words.SEVERITIES,
    "glass_reasons": GLASS_REASONS,
}


async def posted(request: Request) -> Fields:
    """A form's texts, without the token."""
    form = await request.form()
    return {name: value.strip() for name, value in form.items() if isinstance(value, str) and name != "csrf_token"}


def show(
    request: Request, template: str, values: Mapping[str, Any], *, problem: str = "", status: HTTPStatus | None = None
) -> HTMLResponse:
    """A page; with a problem, and what mends it, on top."""
    given = status or (HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)
    return web_of(request).page(request, template, {**_WORDS, "problem": problem, **values}, status=given)


def attempt(request: Request, act: Callable[[Connection], str], again: Callable[[str], Response]) -> Response:
    """Do it and go to the address that it answers; refused: the page again, with the reason."""
    try:
        with web_of(request).services.pool.connection() as connection:
            address = act(connection)
    except WarehouseError as error:
        return again(detail_of(request, problem_of(error)))
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def new_patient(fields: Fields, before: Patient | None = None) -> NewPatient:
    """What the form says of a patient; `before`: of one who is corrected.

    Raises:
        WorkRefusedError: a value that can't be so.
    """
    confidence = fields.get("identity_confidence", "stated")
    if confidence not in CONFIDENCES or (confidence == "proven" and not _is_proven(before)):
        raise WorkRefusedError("person_choice", f"confidence {confidence!r}: expected one of the form's")
    return NewPatient(
        full_name=fields.get("full_name", ""),
        birth_date=birth_date(fields.get("birth_date", "")),
        sex=sex(fields.get("sex", "unknown")),
        insurance_number=fields.get("insurance_number"),
        citizen_id=fields.get("citizen_id"),
        phone=fields.get("phone"),
        address=fields.get("address"),
        allergy_flag="allergy_flag" in fields,
        identity_confidence=confidence,
        is_newborn="is_newborn" in fields,
    )


def new_guardian(fields: Fields) -> NewGuardian:
    """What the form says of a guardian.

    Raises:
        WorkRefusedError: a value that can't be so.
    """
    relation = fields.get("relation", "")
    if relation not in RELATIONS:
        raise WorkRefusedError("person_choice", f"relation {relation!r}: expected one of the form's")
    return NewGuardian(fields.get("full_name", ""), relation, fields.get("phone"), fields.get("citizen_id"))


def birth_date(text: str) -> date | None:
    """None: nothing was typed.

    Raises:
        WorkRefusedError: it is no day.
    """
    if not text:
        return None
    found = typed_day(text)
    if found is None:
        raise WorkRefusedError("person_date", "birth date: expected day, month, year")
    return found


def sex(text: str) -> Sex:
    """One of the form's.

    Raises:
        WorkRefusedError: it is none.
    """
    if text not in SEXES:
        raise WorkRefusedError("person_choice", f"sex {text!r}: expected one of {', '.join(SEXES)}")
    return text


def fields_of(patient: Patient) -> dict[str, str]:
    """For the form: how the record stands."""
    told = {
        "full_name": patient.full_name,
        "birth_date": f"{patient.birth_date:%d/%m/%Y}" if patient.birth_date else "",
        "sex": patient.sex,
        "citizen_id": patient.citizen_id or "",
        "insurance_number": patient.insurance_number or "",
        "phone": patient.phone or "",
        "address": patient.address or "",
        "identity_confidence": patient.identity_confidence,
    }
    flags = {"allergy_flag": patient.allergy_flag, "is_newborn": patient.is_newborn}
    return told | {name: "yes" for name, is_set in flags.items() if is_set}


def today(request: Request) -> date:
    """The hospital's."""
    return web_of(request).services.clock().astimezone(zone_of(request)).date()


def record_path(patient_id: UUID) -> str:
    """Address of a record: a pseudonym, which says nothing."""
    return f"/patients/{patient_id}"


def _is_proven(before: Patient | None) -> bool:
    return before is not None and before.identity_confidence == "proven"
