"""A hospital with two clinics, three doors and patients that are pseudonyms only, for the tests of visits."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.services.live_events import publish
from gateway.visits import calling, queues
from gateway.visits.clinics import ClinicItem, RoomItem, import_clinics
from gateway.visits.entries import Entry, read_entry
from gateway.visits.opening import OpenedVisit, open_visit
from gateway.visits.states import Kind
from gateway.visits.steps import Acting, QueueChange
from tests.gateway.ingest_kit import Database
from tests.gateway.people_kit import register

ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
HEART, EYES = "heart", "eyes"
DOOR_1, DOOR_2, EYE_DOOR = "room-1", "room-2", "room-9"
CLINICS: Final = (
    ClinicItem(clinic_id=HEART, code="TM", name_vi="Tim mạch", name_en="Cardiology"),
    ClinicItem(clinic_id=EYES, code="M", name_vi="Mắt", name_en="Eyes"),
)
ROOMS: Final = (
    RoomItem(room_id=DOOR_1, clinic_id=HEART, door_vi="Phòng 1", door_en="Room 1"),
    RoomItem(room_id=DOOR_2, clinic_id=HEART, door_vi="Phòng 2", door_en="Room 2"),
    RoomItem(room_id=EYE_DOOR, clinic_id=EYES, door_vi="Phòng 9", door_en="Room 9"),
)


@dataclass
class Desk:
    """A clerk and nurses, whose clock goes on by a minute with each act."""

    database: Database
    now: datetime

    def furnish(self) -> "Desk":
        """Clinics and doors."""
        with self.database.pool.connection() as connection:
            import_clinics(connection, CLINICS, ROOMS)
        return self

    def patient(self) -> uuid.UUID:
        """Somebody, by pseudonym."""
        with self.database.pool.connection() as connection:
            return register(connection, "Nguyễn Thị Ánh")

    def later(self, minutes: float = 1) -> datetime:
        """Time goes on."""
        self.now += timedelta(minutes=minutes)
        return self.now

    def acting(self, event_id: uuid.UUID | None = None) -> Acting:
        """The clerk, a minute later."""
        return Acting(event_id or uuid.uuid4(), self.later(), "lan")

    def open(self, patient_id: uuid.UUID | None = None, **more: Any) -> OpenedVisit:  # noqa: ANN401 - arguments of open_visit
        """A patient comes."""
        with self.database.pool.connection() as connection:
            at = more.pop("at", None) or self.later()
            opened = open_visit(connection, patient_id or self.patient(), at, None, ZONE, source="walk_in", **more)
            publish(connection, opened.events)
            return opened

    def queued(self, clinic_id: str = HEART, priority: str | None = "none") -> Entry:
        """A patient comes and waits for this clinic."""
        opened = self.open(clinic_id=clinic_id, priority=priority)
        return self.entry(self.database.value("SELECT entry_id FROM queue_entry WHERE visit_id = %s", opened.visit_id))

    def entry(self, entry_id: uuid.UUID) -> Entry:
        """As it is now."""
        with self.database.pool.connection() as connection:
            return read_entry(connection, entry_id)

    def do(self, act: Callable[[Connection], QueueChange]) -> Entry:
        """An act, and what pages hear of it."""
        with self.database.pool.connection() as connection:
            change = act(connection)
            publish(connection, change.events)
            return change.entry

    def step(self, entry: Entry, kind: Kind, room_id: str | None = None) -> Entry:
        """One of the simple steps."""
        return self.do(lambda each: queues.act(each, entry.entry_id, kind, self.acting(), room_id=room_id))

    def call(self, room_id: str = DOOR_1, **more: Any) -> Entry:  # noqa: ANN401 - arguments of call_next
        """A door calls the next one."""
        day = self.now.astimezone(ZONE).date()
        return self.do(lambda each: calling.call_next(each, room_id, day, self.acting(), **more))

    def undo(self, entry: Entry) -> Entry:
        """Take the latest step back."""
        return self.do(lambda each: queues.undo(each, entry.entry_id, self.acting()))
