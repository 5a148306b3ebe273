"""Clinics, doors, boards, appointments and load in the JSON API."""

import uuid
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from gateway.api.access import RolesRequired
from gateway.api.v1 import PREFIX
from gateway.api.visits_kit import VISIT_PROBLEMS, Clerk, SlugId, today_in
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, refusals, zone_of
from gateway.services.roles import ADMIN_ROLES, DESK_ROLES, QUEUE_ROLES, Role
from gateway.services.sessions import SignedIn
from gateway.visits.appointments import ROWS_MAX, NewAppointment, import_appointments, read_appointments_csv
from gateway.visits.boards import Board, boards, make_board, revoke_board
from gateway.visits.clinics import Clinic, ClinicItem, RoomItem, read_clinics, write_clinic, write_room
from gateway.visits.load import LoadHour, load_by_hour

router: Final = APIRouter(prefix=PREFIX, tags=["desk"], responses=VISIT_PROBLEMS)
LOAD_ROLES: Final = QUEUE_ROLES | {Role.ADMIN, Role.VIEWER}
"""The series knows no patient."""
SPAN_MAX: Final = timedelta(days=400)
Admin = Annotated[SignedIn, Depends(RolesRequired(ADMIN_ROLES))]
BoardKeeper = Annotated[SignedIn, Depends(RolesRequired(DESK_ROLES | ADMIN_ROLES))]


class AppointmentGiven(BaseModel):
    """As the booking system has it."""

    reference: Annotated[str, Field(min_length=1, max_length=64)]
    patient_number: Annotated[str, Field(min_length=1, max_length=64)]
    clinic_id: SlugId
    due_on: date
    due_at: time | None = Field(default=None, description="Local; any time of the day, if left out")
    cancelled: bool = False


class AppointmentsGiven(BaseModel):
    """Of one booking system."""

    source: Annotated[str, Field(min_length=1, max_length=64)]
    appointments: Annotated[list[AppointmentGiven], Field(max_length=ROWS_MAX)]


class ImportedAnswer(BaseModel):
    """What came of an import."""

    taken: int
    unknown_patients: list[str] = Field(description="References left out: nobody has that patient number")
    unknown_clinics: list[str] = Field(description="References left out: no such clinic")


class BoardGiven(BaseModel):
    """A screen to be."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    clinic_ids: list[SlugId] = []
    language: Literal["vi", "en"] = "vi"


class BoardAnswer(BaseModel):
    """A new board; the link is told now and never again."""

    board_id: uuid.UUID
    link: str


@router.get("/clinics", summary="Clinics and their doors", dependencies=[Depends(RolesRequired(LOAD_ROLES))])
def list_clinics(request: Request, closed: bool = False) -> list[Clinic]:
    """Those in use, or all."""
    with web_of(request).services.pool.connection() as connection:
        return read_clinics(connection, closed=closed)


@router.put("/clinics", summary="Make or change a clinic", status_code=HTTPStatus.NO_CONTENT)
def put_clinic(request: Request, person: Admin, clinic: ClinicItem) -> None:
    """By its id. A clinic is never deleted: set `active` to false."""
    del person
    with web_of(request).services.pool.connection() as connection, refusals():
        write_clinic(connection, clinic)


@router.put("/clinic-rooms", summary="Make or change a door", status_code=HTTPStatus.NO_CONTENT)
def put_room(request: Request, person: Admin, room: RoomItem) -> None:
    """By its id."""
    del person
    with web_of(request).services.pool.connection() as connection, refusals():
        write_room(connection, room)


@router.post("/appointments", summary="Take appointments over from the system that books them")
def post_appointments(request: Request, person: Clerk, given: AppointmentsGiven) -> ImportedAnswer:
    """Told again, an appointment is the same one; one that was kept stays as it is."""
    del person
    rows = [NewAppointment(**one.model_dump()) for one in given.appointments]
    return take_appointments(request, given.source, rows)


@router.post("/appointments.csv", summary="Take appointments over from a CSV file")
async def post_appointments_csv(
    request: Request, person: Clerk, source: Annotated[str, Query(min_length=1, max_length=64)]
) -> ImportedAnswer:
    """The body is the file: reference, patient_number, clinic_id, date, and where known time and state."""
    del person
    content = await request.body()
    return await run_in_threadpool(lambda: take_appointments_file(request, source, content))


def take_appointments_file(request: Request, source: str, content: bytes) -> ImportedAnswer:
    """Of a CSV file.

    Raises:
        Problem: a line is wrong.
    """
    with refusals():
        rows = read_appointments_csv(content)
    return take_appointments(request, source, rows)


def take_appointments(request: Request, source: str, rows: list[NewAppointment]) -> ImportedAnswer:
    """All of them, in one transaction."""
    services = web_of(request).services
    with services.pool.connection() as connection, refusals():
        done = import_appointments(
            connection,
            source,
            rows,
            lambda number: services.people.find_exact(connection, "patient_number", number),
            zone_of(request),
        )
    return ImportedAnswer(
        taken=done.taken, unknown_patients=list(done.unknown_patients), unknown_clinics=list(done.unknown_clinics)
    )


@router.get("/boards", summary="Screens of waiting rooms")
def list_boards(request: Request, person: BoardKeeper) -> list[Board]:
    """Without their links."""
    del person
    with web_of(request).services.pool.connection() as connection:
        return boards(connection)


@router.post("/boards", summary="Make a link for a screen", status_code=HTTPStatus.CREATED)
def post_board(request: Request, person: BoardKeeper, given: BoardGiven) -> BoardAnswer:
    """Open it in the screen's browser; whoever has it sees numbers and doors, nothing else."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        board_id, token = make_board(
            connection,
            given.name,
            given.clinic_ids,
            language=given.language,
            by=person.username,
            now=web.services.clock(),
        )
    return BoardAnswer(board_id=board_id, link=f"{web.services.config.base_url}/board/{token}")


@router.delete("/boards/{board_id}", summary="Take a screen's link back", status_code=HTTPStatus.NO_CONTENT)
def delete_board(request: Request, person: BoardKeeper, board_id: uuid.UUID) -> None:
    """It shows nothing any more from now on."""
    with web_of(request).services.pool.connection() as connection, refusals():
        revoke_board(connection, board_id, person.username, now_of(request))


@router.get("/visit-load", summary="Load and waiting times by hour", dependencies=[Depends(RolesRequired(LOAD_ROLES))])
def visit_load(
    request: Request,
    first: Annotated[date | None, Query(description="Local day; today, if left out")] = None,
    last: Annotated[date | None, Query(description="Local day, with it; as first, if left out")] = None,
    clinic_id: Annotated[str | None, Query(max_length=63)] = None,
) -> list[LoadHour]:
    """No personal data: numbers by clinic, the desk being the clinic without a name."""
    since, until = span_of(request, first, last)
    with web_of(request).services.pool.connection() as connection:
        return load_by_hour(connection, since, until, clinic_id)


def span_of(request: Request, first: date | None, last: date | None) -> tuple[datetime, datetime]:
    """Of whole local days; at most so many, counted from the last."""
    zone = zone_of(request)
    start = first or last or today_in(request)
    end = max(last or start, start)
    since = max(start, end - SPAN_MAX)
    return (
        datetime.combine(since, time(), zone),
        datetime.combine(min(end, date.max - timedelta(days=1)) + timedelta(days=1), time(), zone),
    )
