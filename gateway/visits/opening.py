"""Opening a visit: one for each patient and local day, however many taps and however late they arrive."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.visits.day_lock import lock_day

_NAMESPACE: Final = uuid.UUID("5f6d6b0e-6d65-5474-8170-000000000002")

Source = Literal["tap", "walk_in", "guardian", "api"]


@dataclass(frozen=True)
class Hint:
    """Something that the clerk should know about a visit; it did not stop the check-in."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class OpenedVisit:
    """The visit, and what came of opening it."""

    visit_id: uuid.UUID
    is_new: bool
    hints: tuple[Hint, ...] = ()
    events: tuple[NewLiveEvent, ...] = ()
    """What pages are to be told: publish them late in the same transaction."""


def open_visit(
    connection: Connection,
    patient_id: uuid.UUID,
    at: datetime,
    place_id: str | None,
    zone: ZoneInfo,
    *,
    source: Source = "tap",
    presence: str | None = None,
    clinic_id: str | None = None,
    priority: str | None = None,
) -> OpenedVisit:
    """The patient's visit of that local day, made if there is none, in the caller's transaction.

    Numbers are given under a lock of the day, held to the commit: none is skipped, none comes twice.

    Args:
        connection: in a transaction.
        patient_id: the pseudonym.
        at: when the patient came, however late it is told.
        place_id: the desk.
        zone: of the hospital: a visit's day is the local one.
        source: how the patient was known.
        presence: proof of presence that the check-in carries, if a card gave one.
        clinic_id: whose queue to join; None: by appointment, by the desk, or chosen later.
        priority: a reason of `gateway.visits.priority`; None: by age and appointment.
    """
    del source, presence, clinic_id, priority
    day = at.astimezone(zone).date()
    visit_id = uuid.uuid5(_NAMESPACE, f"{patient_id}/{day.isoformat()}")
    lock_day(connection, day)
    made = connection.execute(
        "INSERT INTO visit (visit_id, patient_id, visit_date, queue_number, checked_in_at, place_id)"
        " SELECT %(visit)s, %(patient)s, %(day)s,"
        " (SELECT coalesce(max(queue_number), 0) + 1 FROM visit WHERE visit_date = %(day)s), %(at)s, %(place)s"
        " WHERE NOT EXISTS (SELECT FROM visit WHERE patient_id = %(patient)s AND visit_date = %(day)s)",
        {"visit": visit_id, "patient": patient_id, "day": day, "at": at, "place": place_id},
    )
    if made.rowcount == 1:
        return OpenedVisit(visit_id, is_new=True)
    return OpenedVisit(_existing_visit(connection, patient_id, day), is_new=False)


def _existing_visit(connection: Connection, patient_id: uuid.UUID, day: date) -> uuid.UUID:
    row = connection.execute(
        "SELECT visit_id FROM visit WHERE patient_id = %s AND visit_date = %s", (patient_id, day)
    ).fetchone()
    if row is None:
        raise RuntimeError(f"visit of {day} vanished under the lock of its day")
    return uuid.UUID(str(row[0]))
