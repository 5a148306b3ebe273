"""What people do to incidents: acknowledge, shelve, put out of service; always with a reason, never for ever.

Every channel comes this way (page, API, SMS, chat), so no channel can leave the comment out (open-mSupply #2704). The
caller publishes the live event that it is given.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from gateway.alarms import incident_life
from gateway.alarms.alarm_lock import enter
from gateway.alarms.errors import IncidentRefusedError
from gateway.alarms.limits import load_limits
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent

COMMENT_LENGTH_MAX: Final = 1000
"""Characters."""
State = Literal[
    "active_unacknowledged",
    "active_acknowledged",
    "returned_unacknowledged",
    "shelved",
    "out_of_service",
    "over",
]
"""ISA-18.2 figure 3, with both silences by name; `over` is its normal."""


@dataclass(frozen=True)
class Answered:
    """What came of what somebody did."""

    incident_id: uuid.UUID
    incident_number: int
    is_first: bool
    """False: somebody had acknowledged before; the comment is kept all the same."""
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    state: State
    live: tuple[NewLiveEvent, ...]


def state_of(*, is_returned: bool, is_acknowledged: bool, silence_kind: str | None, is_closed: bool) -> State:
    """The one state of an incident."""
    if is_closed:
        return "over"
    if silence_kind is not None:
        return "shelved" if silence_kind == "shelved" else "out_of_service"
    if is_returned:
        return "over" if is_acknowledged else "returned_unacknowledged"
    return "active_acknowledged" if is_acknowledged else "active_unacknowledged"


def acknowledge(
    connection: Connection, which: int | uuid.UUID, who: str, comment: str, *, channel: str, now: datetime
) -> Answered:
    """Somebody takes it on. The first who does so stays; a later one's comment goes to the journal.

    An incident that is acknowledged and still active is paged again after a while: any answer begins that while anew.

    Raises:
        IncidentRefusedError: without a comment, of no open incident, or of one that is not there.
    """
    said = _said(comment)
    enter(connection)
    incident_id, is_closed = _find(connection, which)
    row = connection.execute(
        "UPDATE incident SET acknowledged_at = %s, acknowledged_by = %s, acknowledged_channel = %s,"
        " acknowledge_comment = %s WHERE incident_id = %s AND acknowledged_at IS NULL AND closed_at IS NULL"
        " RETURNING 1",
        (now, who, channel, said, incident_id),
    ).fetchone()
    is_first = row is not None
    what = "acknowledged" if is_first else "commented"
    incident_life.write(connection, incident_id, now, what, by=who, channel=channel, comment=said)
    if is_first:
        connection.execute(
            "UPDATE alarm SET acknowledged_at = %s, acknowledged_by = %s, acknowledge_comment = %s"
            " WHERE incident_id = %s AND acknowledged_at IS NULL",
            (now, who, said, incident_id),
        )
    if not is_closed and not incident_life.close_if_over(connection, incident_id, now):
        _again_later(connection, incident_id, now)
    return _answered(connection, incident_id, "acknowledged", is_first=is_first)


def shelve(
    connection: Connection,
    which: int | uuid.UUID,
    who: str,
    reason: str,
    *,
    channel: str,
    until: datetime,
    now: datetime,
) -> Answered:
    """Nothing more is paged about it until then, unless it becomes worse. It ends by itself, always.

    Raises:
        IncidentRefusedError: without a reason, over, already past, or longer than the hospital allows.
    """
    said = _said(reason)
    enter(connection)
    incident_id, is_closed = _find(connection, which)
    if is_closed:
        raise IncidentRefusedError("incident_over", which=str(which))
    most_s = incident_life.figure(connection, incident_id, "shelve_most_s", load_limits(connection))
    _check_end(until, now, most_s)
    connection.execute(
        "UPDATE incident SET silenced_until = %s, silence_kind = 'shelved', silenced_by = %s, silence_reason = %s"
        " WHERE incident_id = %s",
        (until, who, said, incident_id),
    )
    incident_life.write(
        *(connection, incident_id, now, "shelved"),
        by=who,
        channel=channel,
        comment=said,
        facts={"until": until.isoformat()},
    )
    return _answered(connection, incident_id, "shelved", is_first=False)


def unshelve(connection: Connection, which: int | uuid.UUID, who: str, *, channel: str, now: datetime) -> Answered:
    """Take the silence away before its time. What is still active is paged again.

    Raises:
        IncidentRefusedError: it is not there, or over.
    """
    enter(connection)
    incident_id, is_closed = _find(connection, which)
    if is_closed:
        raise IncidentRefusedError("incident_over", which=str(which))
    row = connection.execute(
        "SELECT silence_kind FROM incident WHERE incident_id = %s AND silence_kind IS NOT NULL", (incident_id,)
    ).fetchone()
    if row is not None:
        incident_life.unsilence(connection, incident_id, now, "ended_by_hand", by=f"{who} ({channel})")
        incident_life.speak_up(connection, incident_id, now)
    return _answered(connection, incident_id, "updated", is_first=False)


def take_out_of_service(
    connection: Connection, subject: str, who: str, reason: str, *, until: datetime, now: datetime
) -> tuple[NewLiveEvent, ...]:
    """Work on a place ('place:fridge-1') or a device ('device:12'): nothing about it is paged until then.

    What happens is recorded all the same, and paged if it is still so at the end.

    Raises:
        IncidentRefusedError: without a reason, already past, or longer than the hospital allows.
    """
    said = _said(reason)
    enter(connection)
    place_id, device_key = _parts(subject)
    limits = load_limits(connection)
    _check_end(until, now, limits.of("out_of_service", "most_s", place_id=place_id, device_key=device_key))
    connection.execute(
        "INSERT INTO out_of_service (out_of_service_id, subject, since, until, by_whom, reason)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (uuid.uuid4(), subject, now, until, who, said),
    )
    rows = connection.execute(
        "UPDATE incident i SET silenced_until = %(until)s, silence_kind = 'out_of_service', silenced_by = %(who)s,"
        " silence_reason = %(why)s WHERE closed_at IS NULL AND (i.place_id = %(place)s AND %(place)s IS NOT NULL"
        " OR i.scope = %(subject)s) RETURNING incident_id",
        {"until": until, "who": who, "why": said, "place": place_id, "subject": subject},
    ).fetchall()
    for (incident_id,) in rows:
        facts = {"until": until.isoformat()}
        incident_life.write(connection, incident_id, now, "out_of_service", by=who, comment=said, facts=facts)
    return tuple(_changed(incident_id, "shelved") for (incident_id,) in rows)


def back_in_service(connection: Connection, subject: str, who: str, now: datetime) -> tuple[NewLiveEvent, ...]:
    """The work is done before its time: what is still active is paged."""
    enter(connection)
    connection.execute(
        "UPDATE out_of_service SET ended_at = %s, ended_by = %s WHERE subject = %s AND ended_at IS NULL",
        (now, who, subject),
    )
    place_id, _ = _parts(subject)
    rows = connection.execute(
        "SELECT incident_id FROM incident WHERE closed_at IS NULL AND silence_kind = 'out_of_service'"
        " AND (place_id = %s OR scope = %s)",
        (place_id, subject),
    ).fetchall()
    for (incident_id,) in rows:
        incident_life.unsilence(connection, incident_id, now, "back_in_service", by=who)
        incident_life.speak_up(connection, incident_id, now)
    return tuple(_changed(incident_id, "updated") for (incident_id,) in rows)


def _parts(subject: str) -> tuple[str | None, int | None]:
    what, _, name = subject.partition(":")
    if what == "place" and name:
        return name, None
    if what == "device" and name.isdigit():
        return None, int(name)
    raise IncidentRefusedError("not_a_subject", subject=subject)


def _said(comment: str) -> str:
    said = comment.strip()
    if not said:
        raise IncidentRefusedError("comment_missing")
    return said[:COMMENT_LENGTH_MAX]


def _check_end(until: datetime, now: datetime, most_s: float) -> None:
    if until <= now:
        raise IncidentRefusedError("end_is_past", until=until.isoformat())
    if until > now + timedelta(seconds=most_s):
        raise IncidentRefusedError("silenced_too_long", hours=f"{most_s / 3600:g}")


def _find(connection: Connection, which: int | uuid.UUID) -> tuple[uuid.UUID, bool]:
    """A number means the open incident that has it."""
    if isinstance(which, int):
        query = "SELECT incident_id, false FROM incident WHERE incident_number = %s AND closed_at IS NULL"
    else:
        query = "SELECT incident_id, closed_at IS NOT NULL FROM incident WHERE incident_id = %s"
    row = connection.execute(query.encode(), (which,)).fetchone()
    if row is None:
        raise IncidentRefusedError("incident_not_found", which=str(which))
    return row[0], bool(row[1])


def _again_later(connection: Connection, incident_id: uuid.UUID, now: datetime) -> None:
    wait_s = incident_life.figure(connection, incident_id, "still_out_s", load_limits(connection))
    connection.execute(
        "UPDATE incident SET next_page_at = %s WHERE incident_id = %s AND returned_at IS NULL",
        (now + timedelta(seconds=wait_s), incident_id),
    )


def _answered(connection: Connection, incident_id: uuid.UUID, change: str, *, is_first: bool) -> Answered:
    row = connection.execute(
        "SELECT incident_number, acknowledged_by, acknowledged_at, returned_at IS NOT NULL, silence_kind,"
        " closed_at IS NOT NULL FROM incident WHERE incident_id = %s",
        (incident_id,),
    ).fetchone()
    if row is None:
        raise IncidentRefusedError("incident_not_found", which=str(incident_id))
    number, by, at, is_returned, silence_kind, is_closed = row
    state = state_of(
        is_returned=is_returned, is_acknowledged=at is not None, silence_kind=silence_kind, is_closed=is_closed
    )
    return Answered(incident_id, number, is_first, by, at, state, (_changed(incident_id, change),))


def _changed(incident_id: uuid.UUID, change: str) -> NewLiveEvent:
    return NewLiveEvent("on_call", "alarm", {"incident_id": str(incident_id), "change": change})
