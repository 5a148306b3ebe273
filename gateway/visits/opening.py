"""Opening a visit: one for each person and local day, however many taps and however late they arrive."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.visits.appointments import due_today, keep_appointment
from gateway.visits.day_lock import lock_day
from gateway.visits.entries import NewEvent, add_moments, keep_event
from gateway.visits.errors import VisitNotFoundError
from gateway.visits.hints import Hint, hints_of
from gateway.visits.queues import join_queue
from gateway.visits.steps import Acting

_NAMESPACE: Final = uuid.UUID("5f6d6b0e-6d65-5474-8170-000000000002")
Source = Literal["tap", "walk_in", "guardian", "api"]
IdentifiedBy = Literal[
    "card", "citizen_card", "insurance_card", "patient_number", "search", "guardian", "registered", "program"
]


@dataclass(frozen=True)
class OpenedVisit:
    """The visit, and what came of opening it."""

    visit_id: uuid.UUID
    is_new: bool
    hints: tuple[Hint, ...] = ()
    events: tuple[NewLiveEvent, ...] = ()
    """What pages are to be told: publish them late in the same transaction."""


@dataclass(frozen=True)
class _Coming:
    """Somebody at a desk."""

    ids: list[uuid.UUID]
    """Of one person; the surviving record first."""
    at: datetime
    day: date
    place_id: str | None
    zone: ZoneInfo
    clinic_id: str | None
    priority: str | None
    by: str | None


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
    identified_by: IdentifiedBy = "card",
    by: str | None = None,
    received_at: datetime | None = None,
) -> OpenedVisit:
    """The person's visit of that local day, made if there is none, in the caller's transaction.

    A new visit joins a queue by itself where it is known which: the clinic named, that of today's appointment, or the
    desk's own. Of a day that is over the visit is opened and joins none. Numbers are given under a lock of the day,
    held to the commit: none is skipped, none comes twice.

    Args:
        connection: in a transaction.
        patient_id: the pseudonym; of a merged record the surviving one is meant.
        at: when the patient came, however late it is told.
        place_id: the desk.
        zone: of the hospital: a visit's day is the local one.
        source: how the visit came about.
        presence: proof of presence that the check-in carries, if a card gave one.
        clinic_id: whose queue to join; None: by appointment, by the desk, or chosen later.
        priority: of `gateway.visits.priority.PRIORITIES`; None: by age and appointment.
        identified_by: how the patient was known.
        by: user name of whoever opens it; None: the system.
        received_at: when the gateway hears of it; None: at once.

    Raises:
        VisitNotFoundError: no such patient, or no such clinic.
        VisitRefusedError: no such priority.
    """
    ids, day = _ids_of(connection, patient_id), at.astimezone(zone).date()
    coming = _Coming(ids, at, day, place_id, zone, clinic_id, priority, by)
    visit_id = uuid.uuid5(_NAMESPACE, f"{coming.ids[0]}/{coming.day.isoformat()}")
    heard_at = received_at or at
    lock_day(connection, coming.day)
    before = _visit_of_day(connection, coming.ids, coming.day)
    if before is not None:
        keep_event(connection, NewEvent(uuid.uuid4(), before, "came_again", at, by, facts={"source": source}))
        return OpenedVisit(before, is_new=False, hints=hints_of(connection, before))
    proof = {"source": source, "identified": identified_by, "presence": presence, "heard": heard_at}
    _insert(connection, coming, visit_id, proof)
    facts = {"source": source, "identified_by": identified_by}
    keep_event(connection, NewEvent(uuid.uuid4(), visit_id, "opened", at, by, facts=facts))
    add_moments(connection, [(at, "", "checked_in", 0, 1)])
    events: tuple[NewLiveEvent, ...] = (NewLiveEvent("desk", "visit", {"visit_id": str(visit_id)}),)
    if heard_at.astimezone(zone).date() == coming.day:
        events += _join(connection, coming, visit_id)
    return OpenedVisit(visit_id, is_new=True, hints=hints_of(connection, visit_id), events=events)


def _insert(connection: Connection, coming: _Coming, visit_id: uuid.UUID, proof: Mapping[str, object]) -> None:
    connection.execute(
        "INSERT INTO visit (visit_id, patient_id, visit_date, queue_number, checked_in_at, place_id, source,"
        " identified_by, presence, recorded_at) SELECT %(visit)s, %(patient)s, %(day)s,"
        " coalesce(max(queue_number), 0) + 1, %(at)s, %(place)s, %(source)s, %(identified)s, %(presence)s, %(heard)s"
        " FROM visit WHERE visit_date = %(day)s",
        {
            "visit": visit_id,
            "patient": coming.ids[0],
            "day": coming.day,
            "at": coming.at,
            "place": coming.place_id,
            **proof,
        },
    )


def _join(connection: Connection, coming: _Coming, visit_id: uuid.UUID) -> tuple[NewLiveEvent, ...]:
    """The queue that the visit joins by itself, if any."""
    due = [one for one in due_today(connection, coming.ids, coming.day) if coming.clinic_id in {None, one.clinic_id}]
    where = coming.clinic_id or (due[0].clinic_id if due else _clinic_of_desk(connection, coming.place_id))
    if where is None:
        return ()
    acting = Acting(uuid.uuid5(visit_id, "first queue"), coming.at, coming.by)
    due_at = None
    if due:
        keep_appointment(connection, due[0].appointment_id, visit_id)
        # Any time of the day: from the morning on.
        due_at = due[0].due_at or datetime.combine(coming.day, datetime.min.time(), coming.zone)
    return join_queue(connection, visit_id, where, acting, priority=coming.priority, due_at=due_at).events


def _clinic_of_desk(connection: Connection, place_id: str | None) -> str | None:
    row = connection.execute("SELECT clinic_id FROM clinic WHERE place_id = %s AND active", (place_id,)).fetchone()
    return str(row[0]) if row is not None else None


def _ids_of(connection: Connection, patient_id: uuid.UUID) -> list[uuid.UUID]:
    rows = connection.execute(
        "SELECT a FROM canonical_patient(%s) c, patient_aliases(c) a ORDER BY a <> c, a", (patient_id,)
    ).fetchall()
    if not rows:
        raise VisitNotFoundError("unknown_patient", f"patient {patient_id} is not known here")
    return [row[0] for row in rows]


def _visit_of_day(connection: Connection, ids: Sequence[uuid.UUID], day: date) -> uuid.UUID | None:
    row = connection.execute(
        "SELECT visit_id FROM visit WHERE patient_id = ANY (%s) AND visit_date = %s ORDER BY queue_number LIMIT 1",
        (list(ids), day),
    ).fetchone()
    return uuid.UUID(str(row[0])) if row is not None else None
