"""Clinics and their doors: written by a site file and by the administrator's page, never deleted, only closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import psycopg
from pydantic import BaseModel, ConfigDict, StringConstraints

from gateway.db.pool import Connection
from gateway.visits.errors import VisitRefusedError

Id = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\z")]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=r"\A[^\x00-\x1f]+\z", strip_whitespace=True)
]


class RoomItem(BaseModel):
    """A door that patients are called to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room_id: Id
    clinic_id: Id
    door_vi: Name
    """As the door says it: `Phòng 12`."""
    door_en: Name
    active: bool = True


class ClinicItem(BaseModel):
    """A clinic with a queue of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clinic_id: Id
    code: Annotated[str, StringConstraints(pattern=r"\A[A-Z]{1,3}\z")]
    """Before its queue numbers."""
    name_vi: Name
    name_en: Name
    place_id: Id | None = None
    """The desk whose check-ins join this queue by themselves."""
    active: bool = True


@dataclass(frozen=True)
class Clinic:
    """With its doors."""

    clinic_id: str
    code: str
    name_vi: str
    name_en: str
    place_id: str | None
    active: bool
    rooms: tuple[RoomItem, ...]


def write_clinic(connection: Connection, clinic: ClinicItem) -> None:
    """Make it, or change it.

    Raises:
        VisitRefusedError: the code or the desk is another clinic's, or there is no such desk.
    """
    try:
        with connection.transaction():
            connection.execute(
                "INSERT INTO clinic (clinic_id, code, name_vi, name_en, place_id, active) VALUES (%s, %s, %s, %s, %s,"
                " %s) ON CONFLICT (clinic_id) DO UPDATE SET code = excluded.code, name_vi = excluded.name_vi,"
                " name_en = excluded.name_en, place_id = excluded.place_id, active = excluded.active",
                (clinic.clinic_id, clinic.code, clinic.name_vi, clinic.name_en, clinic.place_id, clinic.active),
            )
    except psycopg.errors.UniqueViolation as error:
        if "code" in (error.diag.constraint_name or ""):
            raise VisitRefusedError(
                "clinic_code_taken", f"code {clinic.code!r} is another clinic's: choose another", text=clinic.code
            ) from None
        raise VisitRefusedError(
            "clinic_desk_taken", f"desk {clinic.place_id!r} is another clinic's: choose another", place=clinic.place_id
        ) from None
    except psycopg.errors.ForeignKeyViolation:
        raise VisitRefusedError(
            "place_unknown", f"no place has the id {clinic.place_id!r}", place=clinic.place_id
        ) from None


def write_room(connection: Connection, room: RoomItem) -> None:
    """Make it, or change it.

    Raises:
        VisitRefusedError: no such clinic, or patients of the door's clinic are called to it now.
    """
    moved = connection.execute(
        "SELECT EXISTS (SELECT FROM room JOIN queue_entry q USING (room_id) WHERE room_id = %s AND"
        " room.clinic_id <> %s AND q.state IN ('called', 'in_room'))",
        (room.room_id, room.clinic_id),
    ).fetchone()
    if moved is not None and moved[0]:
        raise VisitRefusedError("room_in_use", f"room {room.room_id!r} has a patient now: wait until it is empty")
    try:
        with connection.transaction():
            connection.execute(
                "INSERT INTO room (room_id, clinic_id, door_vi, door_en, active) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (room_id) DO UPDATE SET clinic_id = excluded.clinic_id, door_vi = excluded.door_vi,"
                " door_en = excluded.door_en, active = excluded.active",
                (room.room_id, room.clinic_id, room.door_vi, room.door_en, room.active),
            )
    except psycopg.errors.ForeignKeyViolation:
        raise VisitRefusedError("clinic_unknown", f"no clinic has the id {room.clinic_id!r}") from None


def read_clinics(connection: Connection, *, closed: bool = False) -> list[Clinic]:
    """By name; those in use, or all."""
    rooms: dict[str, list[RoomItem]] = {}
    for row in connection.execute(
        "SELECT room_id, clinic_id, door_vi, door_en, active FROM room WHERE active OR %s ORDER BY room_id", (closed,)
    ):
        values = dict(zip(("room_id", "clinic_id", "door_vi", "door_en", "active"), row, strict=True))
        rooms.setdefault(row[1], []).append(RoomItem.model_construct(**values))
    rows = connection.execute(
        "SELECT clinic_id, code, name_vi, name_en, place_id, active FROM clinic WHERE active OR %s"
        " ORDER BY name_vi, clinic_id",
        (closed,),
    )
    return [Clinic(*row, rooms=tuple(rooms.get(row[0], ()))) for row in rows]  # type: ignore[misc]  # the row has no rooms


def import_clinics(connection: Connection, clinics: Sequence[ClinicItem], rooms: Sequence[RoomItem]) -> None:
    """Of a site file: clinics first."""
    for clinic in clinics:
        write_clinic(connection, clinic)
    for room in rooms:
        write_room(connection, room)
