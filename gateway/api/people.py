"""People in the JSON API: find, register, correct, guardians, emergency data, merges. Each read is written down."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from gateway.api.access import RolesRequired
from gateway.api.people_kit import open_patient, reader_of, search_people
from gateway.api.people_models import (
    AlikeAnswer,
    CardAnswer,
    CardGiven,
    EmergencyGiven,
    GuardianAnswer,
    GuardianGiven,
    MergeGiven,
    NewbornGiven,
    PatientAnswer,
    PatientCorrected,
    PatientGiven,
    ReasonGiven,
    SearchGiven,
)
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_PROBLEMS, refusals
from gateway.db.pool import Connection
from gateway.people.merging import Merge, merges
from gateway.people.person import NewGuardian, needs_guardian
from gateway.people.registration import Newborn, read_person_card, register_newborn
from gateway.services.roles import EMERGENCY_ROLES, PEOPLE_ROLES, RECORD_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WorkRefusedError

router: Final = APIRouter(prefix=f"{PREFIX}/people", tags=["people"], responses=WORK_PROBLEMS)
Registrar = Annotated[SignedIn, Depends(RolesRequired(PEOPLE_ROLES))]
Reading = Annotated[SignedIn, Depends(RolesRequired(RECORD_ROLES))]
EmergencyReader = Annotated[SignedIn, Depends(RolesRequired(EMERGENCY_ROLES))]


@router.post("/search", summary="Find people by number, card or name")
def search(request: Request, person: Reading, body: SearchGiven) -> list[PatientAnswer]:
    """Exact numbers first, then names without accents."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        found = search_people(connection, request, body.text, body.limit)
        return [PatientAnswer.of(one) for one in found]


@router.post("/read-card", summary="What a citizen or insurance card says, and whose it is here")
def read_card(request: Request, person: Registrar, body: CardGiven) -> CardAnswer:
    """For a form to be filled in."""
    del person
    people = web_of(request).services.people
    with refusals(), web_of(request).services.pool.connection() as connection:
        card = read_person_card(body.text)
        if card.kind == "citizen":
            found = people.find_exact(connection, "citizen_id", card.citizen_id)
        else:
            found = people.find_exact(connection, "insurance_number", card.insurance_number)
        return CardAnswer.of(card, found)


@router.post("", summary="Register a patient", status_code=HTTPStatus.CREATED)
def register(request: Request, person: Registrar, body: PatientGiven) -> PatientAnswer:
    """Without a number the hospital's next one is given."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "desk")
    with refusals(), web_of(request).services.pool.connection() as connection:
        return _answer(connection, request, people.register(connection, body.new(), by))


@router.post("/newborns", summary="Register a newborn under its mother's name", status_code=HTTPStatus.CREATED)
def newborn(request: Request, person: Registrar, body: NewbornGiven) -> PatientAnswer:
    """The number stays when the child gets its own name."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "desk")
    with refusals(), web_of(request).services.pool.connection() as connection:
        mother = NewGuardian(body.mother_name, "mother", body.mother_phone, body.mother_citizen_id)
        child = Newborn(mother, body.birth_date, body.sex, body.twin)
        return _answer(connection, request, register_newborn(connection, people, child, by))


@router.get("/merges", summary="Merges, the newest first")
def list_merges(request: Request, person: Registrar, patient_id: UUID | None = None) -> list[Merge]:
    """Of one patient, or all; those that were undone too."""
    del person
    with web_of(request).services.pool.connection() as connection:
        return merges(connection, patient_id=patient_id)


@router.post("/merges", summary="Make two records one", status_code=HTTPStatus.CREATED)
def merge(request: Request, person: Registrar, body: MergeGiven) -> Merge:
    """Visits, cards and dispensings of the second are the first's from now on."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "desk")
    with refusals(), web_of(request).services.pool.connection() as connection:
        merge_id = people.merge(connection, body.survivor_id, body.merged_id, body.chosen, by)
        return merges(connection, merge_id=merge_id)[0]


@router.post("/merges/{merge_id}/undo", summary="Part two records again")
def undo_merge(request: Request, person: Registrar, merge_id: UUID) -> Merge:
    """Each is as it was; what was corrected by hand since then stays."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "desk")
    with refusals(), web_of(request).services.pool.connection() as connection:
        return people.undo_merge(connection, merge_id, by)


@router.get("/{patient_id}", summary="A patient's record")
def one(request: Request, person: Reading, patient_id: UUID) -> PatientAnswer:
    """Refused (`glass_closed`) if the patient is not here now as far as we know: open it with a reason first."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        open_patient(connection, request, patient_id)
        return _answer(connection, request, patient_id)


@router.post("/{patient_id}/open", summary="Break the glass: open a record outside one's duty")
def break_glass(request: Request, person: Reading, patient_id: UUID, body: ReasonGiven) -> PatientAnswer:
    """Written down with the reason, and reviewed by somebody."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        if not body.reason.strip():
            raise WorkRefusedError("glass_reason", "a reason is needed")
        open_patient(connection, request, patient_id, body.reason)
        return _answer(connection, request, patient_id)


@router.put("/{patient_id}", summary="Correct a patient's record")
def correct(request: Request, person: Registrar, patient_id: UUID, body: PatientCorrected) -> PatientAnswer:
    """All values; what is left out is gone, except the patient number."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "desk")
    with refusals(), web_of(request).services.pool.connection() as connection:
        given = PatientGiven(**body.model_dump(exclude={"seen"}))
        open_patient(connection, request, patient_id)
        people.correct(connection, patient_id, given.new(), by, seen=body.seen)
        return _answer(connection, request, patient_id)


@router.get("/{patient_id}/alike", summary="Who may be the same person")
def alike(request: Request, person: Registrar, patient_id: UUID) -> list[AlikeAnswer]:
    """Suggested, with the reasons; the likeliest first."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "record")
    with refusals(), web_of(request).services.pool.connection() as connection:
        open_patient(connection, request, patient_id)
        return [AlikeAnswer.of(found) for found in people.alike(connection, patient_id, by)]


@router.get("/{patient_id}/guardians", summary="Who answers for a child")
def guardians(request: Request, person: Reading, patient_id: UUID) -> list[GuardianAnswer]:
    """With the brothers and sisters: the other children of the same guardian."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        open_patient(connection, request, patient_id)
        return _guardians(connection, request, patient_id)


@router.post("/{patient_id}/guardians", summary="Enter who answers for a child", status_code=HTTPStatus.CREATED)
def enter_guardian(request: Request, person: Registrar, patient_id: UUID, body: GuardianGiven) -> list[GuardianAnswer]:
    """Somebody known by citizen number, or by name and telephone, is the same person: so siblings have one."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "desk")
    with refusals(), web_of(request).services.pool.connection() as connection:
        people.enter_guardian(connection, patient_id, body.new(), by)
        return _guardians(connection, request, patient_id)


@router.delete("/{patient_id}/guardians/{guardian_id}", summary="They do not answer for the child any more")
def remove_guardian(request: Request, person: Registrar, patient_id: UUID, guardian_id: UUID) -> list[GuardianAnswer]:
    """Of this child alone."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "desk")
    with refusals(), web_of(request).services.pool.connection() as connection:
        people.remove_guardian(connection, patient_id, guardian_id, by)
        return _guardians(connection, request, patient_id)


@router.get("/{patient_id}/emergency", summary="What must be known in an emergency")
def emergency(request: Request, person: EmergencyReader, patient_id: UUID) -> EmergencyGiven | None:
    """Null: nobody has entered any. Refused (`glass_closed`) as the record is."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "emergency")
    with refusals(), web_of(request).services.pool.connection() as connection:
        found = people.emergency(connection, patient_id, by)
        return None if found is None else EmergencyGiven.of(found)


@router.post("/{patient_id}/emergency/open", summary="Break the glass: emergency data outside one's duty")
def break_glass_emergency(
    request: Request, person: EmergencyReader, patient_id: UUID, body: ReasonGiven
) -> EmergencyGiven | None:
    """Written down with the reason, and reviewed by somebody."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "emergency", body.reason)
    with refusals(), web_of(request).services.pool.connection() as connection:
        if not by.break_glass_reason:
            raise WorkRefusedError("glass_reason", "a reason is needed")
        found = people.emergency(connection, patient_id, by)
        return None if found is None else EmergencyGiven.of(found)


@router.put("/{patient_id}/emergency", summary="Write emergency data", status_code=HTTPStatus.NO_CONTENT)
def set_emergency(request: Request, person: Reading, patient_id: UUID, body: EmergencyGiven) -> Response:
    """In place of what there was."""
    del person
    people, by = web_of(request).services.people, reader_of(request, "emergency")
    with refusals(), web_of(request).services.pool.connection() as connection:
        people.emergency(connection, patient_id, by)  # who may not see it may not write it either
        people.set_emergency(connection, patient_id, body.data(), by)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _answer(connection: Connection, request: Request, patient_id: UUID) -> PatientAnswer:
    services = web_of(request).services
    patient = services.people.read_one(connection, patient_id, reader_of(request, "record"))
    today = services.clock().date()
    more: dict[str, Any] = {
        "changed_at": changed_at(connection, patient.patient_id),
        "needs_guardian": needs_guardian(patient.birth_date, today) and not patient.guardian_ids,
    }
    return PatientAnswer.of(patient, **more)


def changed_at(connection: Connection, patient_id: UUID) -> datetime | None:
    """When the record was last changed: who corrects it must have seen that."""
    row = connection.execute("SELECT changed_at FROM patient WHERE patient_id = %s", (patient_id,)).fetchone()
    return None if row is None else row[0]


def _guardians(connection: Connection, request: Request, patient_id: UUID) -> list[GuardianAnswer]:
    people = web_of(request).services.people
    found = people.guardians_of(connection, patient_id, reader_of(request, "record"))
    return [GuardianAnswer.of(one, people.children_of(connection, one.guardian_id)) for one in found]
