"""For whom is dispensed: by the card that was just put on a reader of the pharmacy, live, or by a number.

Names of patients stay at the registration desk: here stand number, queue number and whether there is an allergy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gateway.api.people_kit import reading_of
from gateway.api.problems import detail_of
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_ROLES, Worker, now_of, problem_of
from gateway.db.pool import Connection
from gateway.pages.banner import banner_of
from gateway.pages.live_routes import add_stream
from gateway.pages.view import BANNER, Scene, View
from gateway.pages.work_plain import PlainForm
from gateway.services.app_services import DbConnection, LiveEventLike
from gateway.services.reads_operations import DESK_DRIVERS
from gateway.services.reads_rows import Row, all_rows
from gateway.stock import dispensing
from gateway.stock.dispensing import PatientChosen
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError

PATIENT: Final = "patient_at_reader"
_READERS: Final = (
    "SELECT DISTINCT p.place_id, p.name_vi, p.name_en FROM device d JOIN place p USING (place_id)"
    " LEFT JOIN place above ON above.place_id = p.parent_place_id"
    " WHERE d.driver = ANY(%(drivers)s) AND (p.kind <> 'desk' OR above.kind = 'store') ORDER BY 1"
)


class ReaderPlace(Row):
    """A place of the pharmacy with a card reader."""

    place_id: str
    name_vi: str
    name_en: str


@dataclass(frozen=True)
class Whom:
    """For whom it is, as far as it is known."""

    readers: Sequence[ReaderPlace]
    reader_place_id: str = ""
    chosen: PatientChosen | None = None
    prescription_number: str = ""
    problem: str = ""
    """Why nobody could be chosen, said to the reader."""


def card_readers(connection: Connection | DbConnection) -> list[ReaderPlace]:
    """Where a patient can put a card down: the desks of registration are not among them."""
    return all_rows(connection, ReaderPlace, _READERS, {"drivers": list(DESK_DRIVERS)})


def whom_of(request: Request, fields: Mapping[str, str] | None = None) -> Whom:
    """By what the address or the form says: a patient's number, a prescription, or a place where a card was shown."""
    asked = {name: value.strip() for name, value in (fields or request.query_params).items() if value.strip()}
    if fields is None:
        asked.pop("patient_number", None)  # who a patient is stands in no address
    now, reading = now_of(request), reading_of(request, "dispense")
    with web_of(request).services.pool.connection() as connection:
        readers = card_readers(connection)
        place_id = asked.get("place_id", readers[0].place_id if len(readers) == 1 else "")
        whom = Whom(readers, place_id, None, asked.get("prescription_number", ""))
        found: PatientChosen | None
        try:
            if "patient_number" in asked:
                return replace(
                    whom, chosen=dispensing.patient_by_number(connection, asked["patient_number"], now, reading)
                )
            if "patient_id" in asked:
                return replace(whom, chosen=dispensing.patient_by_id(connection, asked["patient_id"], now, reading))
            if "prescription_number" in asked:
                found = dispensing.patient_by_prescription(connection, asked["prescription_number"], now, reading)
                return replace(whom, chosen=found)
            if "place_id" in asked:
                return replace(
                    whom, chosen=dispensing.patient_by_card(connection, now, reading, place_id=asked["place_id"])
                )
        except WorkRefusedError as error:
            return replace(whom, problem=detail_of(request, problem_of(error)))
    return whom


def _at_reader(scene: Scene, _argument: str) -> Mapping[str, Any]:
    """The card that lies on the reader there, or was shown lately; a refused one says so."""
    if scene.place_id is None:
        return {"chosen": None, "refused": None}
    try:
        found = dispensing.patient_by_card(
            scene.connection, scene.now, scene.reading("dispense"), place_id=scene.place_id
        )
    except WorkNotFoundError as error:
        return {"chosen": None, "refused": error.code if error.code != "no_card" else None}
    return {"chosen": found, "refused": None}


def _touched(event: LiveEventLike) -> Sequence[str]:
    return (PATIENT,) if event.kind == "tap" else ()


DISPENSE_VIEW: Final = View(
    audience="desk",
    path="/work/dispense",
    template="work_out_dispense.html",
    roles=WORK_ROLES,
    fragments=MappingProxyType({BANNER: banner_of(DESK_DRIVERS), PATIENT: _at_reader}),
    touched=_touched,
)
"""Taps are told to the desk; a pharmacist's stream draws of them the pseudonym's number alone."""
router: Final = APIRouter(include_in_schema=False)
add_stream(router, DISPENSE_VIEW, "/live/dispensing", "dispensing_stream")


@router.post("/work/dispense/patient")
def patient_part(request: Request, person: Worker, form: PlainForm) -> HTMLResponse:
    """The panel of one patient, for a page that is open already. By POST: a number stands in no address.

    Raises:
        Problem: nobody has this number.
    """
    del person
    whom = whom_of(request, form.fields)
    return web_of(request).page(request, "work_out_patient.html", {"whom": whom})
