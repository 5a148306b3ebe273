"""What happens to an incident by itself: conditions join, return and come back, silence ends, it is paged again, over.

An incident groups the conditions of one fridge, one outage, one instrument's upkeep (ISA-18.2 states; what people do to
it is in `incidents`). All of it runs under the lock of alarms, in the transaction that makes the condition true.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from gateway.alarms.kinds import Severity, is_worse, kind_of, worst
from gateway.alarms.limits import Limits, load_limits
from gateway.db.pool import Connection
from gateway.pager.outbox import page_incident

Occasion = Literal["raised", "again", "worse", "still_out", "returned", "drill"]


@dataclass(frozen=True)
class Joining:
    """A condition as its incident sees it."""

    kind: str
    subject: str
    severity: Severity
    started_at: datetime
    place_id: str | None
    device_key: int | None


@dataclass(frozen=True)
class Open:
    """An open incident's state."""

    incident_id: uuid.UUID
    severity: Severity
    returned_at: datetime | None
    acknowledged_at: datetime | None
    silence_kind: str | None
    last_paged_at: datetime | None
    is_drill: bool


_OPEN: Final = (
    "SELECT incident_id, severity, returned_at, acknowledged_at, silence_kind, last_paged_at, is_drill FROM incident"
)


def join(
    connection: Connection,
    scope: str,
    joining: Joining,
    now: datetime,
    *,
    is_drill: bool = False,
) -> tuple[uuid.UUID, Occasion | None]:
    """The open incident of this scope, or a new one; and on what occasion it is to be paged, if at all."""
    row = connection.execute(f"{_OPEN} WHERE scope = %s AND closed_at IS NULL", (scope,)).fetchone()
    if row is not None:
        found = Open(*row)
        return found.incident_id, _take_in(connection, found, joining, now)
    incident_id = uuid.uuid4()
    silence = out_of_service_of(connection, joining.place_id, joining.device_key, now)
    connection.execute(
        "INSERT INTO incident (incident_id, incident_number, scope, place_id, severity, is_drill, started_at,"
        " opened_at, silenced_until, silence_kind, silenced_by, silence_reason)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(incident_id, _free_number(connection), scope, joining.place_id, joining.severity, is_drill),
            *(joining.started_at, now, *(silence or (None, None, None, None))),
        ),
    )
    write(connection, incident_id, now, "raised", facts=_facts(joining))
    if silence is not None:
        write(connection, incident_id, now, "out_of_service", by=silence[2], comment=silence[3])
        return incident_id, None
    return incident_id, "drill" if is_drill else "raised"


def rejoin(connection: Connection, incident_id: uuid.UUID, joining: Joining, now: datetime) -> None:
    """A condition of this incident came back, or became worse."""
    row = connection.execute(f"{_OPEN} WHERE incident_id = %s", (incident_id,)).fetchone()
    if row is None:
        return
    tell = _take_in(connection, Open(*row), joining, now)
    if tell is not None:
        page(connection, incident_id, tell, now)


def _take_in(connection: Connection, found: Open, joining: Joining, now: datetime) -> Occasion | None:
    is_new = not _is_known(connection, found.incident_id, joining)
    worse = is_worse(joining.severity, found.severity)
    back = found.returned_at is not None
    connection.execute(
        "UPDATE incident SET returned_at = NULL, severity = %s, started_at = least(started_at, %s),"
        " times_raised = times_raised + %s, next_page_at = coalesce(next_page_at, %s) WHERE incident_id = %s",
        (worst(joining.severity, found.severity), joining.started_at, int(back), now, found.incident_id),
    )
    what = "worse" if worse else "again" if back else "condition_added" if is_new else "condition_back"
    write(connection, found.incident_id, now, what, facts=_facts(joining))
    if found.silence_kind == "out_of_service" or (found.silence_kind == "shelved" and not worse):
        return None
    occasion = _occasion(found, worse=worse, back=back, is_new=is_new)
    if occasion is None:
        return None
    if found.silence_kind is not None:
        unsilence(connection, found.incident_id, now, "worse")
    if found.acknowledged_at is not None:
        lapse(connection, found.incident_id, now, occasion)
    if occasion == "again" and found.last_paged_at is not None:
        fold = timedelta(seconds=_figure(connection, found.incident_id, "fold_s"))
        if now < found.last_paged_at + fold:
            _page_at(connection, found.incident_id, found.last_paged_at + fold)
            return None
    return "drill" if found.is_drill else occasion


def _occasion(found: Open, *, worse: bool, back: bool, is_new: bool) -> Occasion | None:
    if worse:
        return "worse"
    if back:
        return "again"
    # Who has acknowledged one thing has not seen another.
    return "again" if is_new and found.acknowledged_at is not None else None


def condition_ended(connection: Connection, incident_id: uuid.UUID, ended: Mapping[str, Any], now: datetime) -> None:
    """One of its conditions is over; with the last of them the incident has returned."""
    write(connection, incident_id, now, "condition_ended", facts=ended)
    row = connection.execute(
        "UPDATE incident SET returned_at = (SELECT max(returned_at) FROM alarm WHERE incident_id = %(id)s),"
        " next_page_at = NULL WHERE incident_id = %(id)s AND returned_at IS NULL AND NOT EXISTS (SELECT FROM alarm"
        " WHERE incident_id = %(id)s AND returned_at IS NULL) RETURNING last_paged_at, severity",
        {"id": incident_id},
    ).fetchone()
    if row is None:
        return
    last_paged_at, severity = row
    write(connection, incident_id, now, "returned")
    close_if_over(connection, incident_id, now)
    if last_paged_at is not None:
        page_incident(connection, incident_id, "returned", severity)


def close_if_over(connection: Connection, incident_id: uuid.UUID, now: datetime) -> bool:
    """Returned, acknowledged and not silenced: over. What is silenced stays open, so that it stays silenced."""
    row = connection.execute(
        "UPDATE incident SET closed_at = %s, next_page_at = NULL WHERE incident_id = %s AND closed_at IS NULL"
        " AND returned_at IS NOT NULL AND acknowledged_at IS NOT NULL AND silenced_until IS NULL RETURNING 1",
        (now, incident_id),
    ).fetchone()
    if row is None:
        return False
    write(connection, incident_id, now, "closed")
    return True


def page(connection: Connection, incident_id: uuid.UUID, occasion: Occasion, now: datetime) -> None:
    """Hand it to the pager, and note when it is due again."""
    row = connection.execute(
        "UPDATE incident SET last_paged_at = %s WHERE incident_id = %s RETURNING severity, acknowledged_at IS NOT NULL",
        (now, incident_id),
    ).fetchone()
    if row is None:
        return
    severity, is_acknowledged = row
    wait_s = _figure(connection, incident_id, "still_out_s" if is_acknowledged else "unanswered_s")
    _page_at(connection, incident_id, now + timedelta(seconds=wait_s))
    write(connection, incident_id, now, "paged", facts={"occasion": occasion, "severity": severity})
    page_incident(connection, incident_id, occasion, severity)


def unsilence(connection: Connection, incident_id: uuid.UUID, now: datetime, why: str, by: str | None = None) -> None:
    """It is silenced no more: its time is over, it became worse, or somebody ended it."""
    connection.execute(
        "UPDATE incident SET silenced_until = NULL, silence_kind = NULL, silenced_by = NULL, silence_reason = NULL"
        " WHERE incident_id = %s",
        (incident_id,),
    )
    write(connection, incident_id, now, "unsilenced", by=by, facts={"why": why})


def speak_up(connection: Connection, incident_id: uuid.UUID, now: datetime) -> None:
    """Its silence has ended: paged if it is active, acknowledged or not; over if nothing is left."""
    if close_if_over(connection, incident_id, now):
        return
    row = connection.execute(
        "SELECT returned_at IS NULL, acknowledged_at IS NOT NULL FROM incident WHERE incident_id = %s", (incident_id,)
    ).fetchone()
    if row is None or not row[0]:
        return
    if row[1]:
        lapse(connection, incident_id, now, "silence_ended")
    page(connection, incident_id, "again", now)


def lapse(connection: Connection, incident_id: uuid.UUID, now: datetime, why: str) -> None:
    """The acknowledgement counts no more: what it was about has changed, or nobody is heard of."""
    connection.execute(
        "UPDATE incident SET acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_channel = NULL,"
        " acknowledge_comment = NULL WHERE incident_id = %s",
        (incident_id,),
    )
    write(connection, incident_id, now, "acknowledgement_lapsed", facts={"why": why})


def write(
    connection: Connection,
    incident_id: uuid.UUID,
    at: datetime,
    what: str,
    *,
    by: str | None = None,
    channel: str | None = None,
    comment: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """One line of the journal."""
    connection.execute(
        "INSERT INTO incident_journal (incident_id, at, what, by_whom, channel, comment, facts)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (incident_id, at, what, by, channel, comment, Jsonb(dict(facts or {}))),
    )


def out_of_service_of(
    connection: Connection, place_id: str | None, device_key: int | None, now: datetime
) -> tuple[datetime, str, str, str] | None:
    """Until when, 'out_of_service', by whom and why nothing about this place or device is paged."""
    row = connection.execute(
        "SELECT until, 'out_of_service', by_whom, reason FROM out_of_service WHERE ended_at IS NULL AND until > %s"
        " AND since <= %s AND subject = ANY(%s) ORDER BY until DESC LIMIT 1",
        (now, now, [f"place:{place_id}", f"device:{device_key}"]),
    ).fetchone()
    return None if row is None else (row[0], str(row[1]), str(row[2]), str(row[3]))


def figures_kind(severity: str, kinds: list[str]) -> str:
    """Which repeat figures an incident of these kinds goes by."""
    if severity == "critical":
        return "again_critical"
    return "again_warning" if any(kind_of(kind).needs_hands_now for kind in kinds) else "again_upkeep"


def figure(connection: Connection, incident_id: uuid.UUID, name: str, limits: Limits) -> float:
    """One repeat figure of this incident."""
    row = connection.execute(
        "SELECT severity, place_id, ARRAY(SELECT DISTINCT condition FROM alarm WHERE incident_id = i.incident_id)"
        " FROM incident i WHERE incident_id = %s",
        (incident_id,),
    ).fetchone()
    severity, place_id, kinds = row if row is not None else ("critical", None, [])
    return limits.of(figures_kind(severity, kinds), name, place_id=place_id)


def _figure(connection: Connection, incident_id: uuid.UUID, name: str) -> float:
    return figure(connection, incident_id, name, load_limits(connection))


def _page_at(connection: Connection, incident_id: uuid.UUID, at: datetime) -> None:
    connection.execute("UPDATE incident SET next_page_at = %s WHERE incident_id = %s", (at, incident_id))


def _is_known(connection: Connection, incident_id: uuid.UUID, joining: Joining) -> bool:
    """Whether the incident has told of it: of a fridge each kind is told, of an instrument each stage."""
    by_subject = kind_of(joining.kind).family == "device"
    row = connection.execute(
        "SELECT FROM alarm WHERE incident_id = %s AND condition = %s AND (subject = %s OR NOT %s) LIMIT 1",
        (incident_id, joining.kind, joining.subject, by_subject),
    ).fetchone()
    return row is not None


def _free_number(connection: Connection) -> int:
    """The next of 1000 to 9999 that no open incident has."""
    row = connection.execute(
        "WITH RECURSIVE tried AS (SELECT nextval('incident_number')::int AS number, 1 AS turn"
        " UNION ALL SELECT nextval('incident_number')::int, turn + 1 FROM tried WHERE turn < 9000 AND EXISTS"
        " (SELECT FROM incident i WHERE i.incident_number = tried.number AND i.closed_at IS NULL))"
        " SELECT number FROM tried ORDER BY turn DESC LIMIT 1"
    ).fetchone()
    if row is None:  # a sequence always gives a number
        raise RuntimeError("the sequence incident_number gave no number")
    return int(row[0])


def _facts(joining: Joining) -> dict[str, Any]:
    return {
        "kind": joining.kind,
        "subject": joining.subject,
        "severity": joining.severity,
        "started_at": joining.started_at.isoformat(),
    }
