"""The pager's outbox: an incident to be paged is written down here, in the transaction that found it.

`page_incident` writes one row and decides nothing: whom, when and by which way is for `escalation`, which takes the row
up as soon as it is committed. So the transaction that stores a reading never waits for a schedule, nor fails by one.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from gateway.db.pool import Connection

Occasion = Literal["raised", "again", "worse", "still_out", "returned", "drill"]
Severity = Literal["warning", "critical"]
Kind = Literal["alarm", "summary", "returned", "reply", "probe", "test"]
_RANK: Final = {"warning": 0, "critical": 1}


def page_incident(connection: Connection, incident_id: UUID, occasion: Occasion, severity: Severity) -> UUID:
    """Somebody must be told of this incident: a run through the chain begins, or the open one goes on.

    Args:
        connection: the transaction that found the incident: both are kept, or neither.
        incident_id: of table `incident`.
        occasion: `worse` begins the open run's chain anew; `returned` ends it and tells whoever was paged.
        severity: of now. An open run that was a warning and is critical now begins anew.

    Returns:
        The run's id.
    """
    if occasion == "returned":
        untold = connection.execute(
            "SELECT run_id FROM pager_run WHERE incident_id = %s AND ended_at IS NULL AND step = 0"
            " AND occasion_kind <> 'returned'",
            (incident_id,),
        ).fetchone()
        if untold is not None:
            # Nobody has heard of it yet (readings that came late, found and over at once): its first step is taken,
            # and says that it is over.
            return UUID(str(untold[0]))
        connection.execute(
            "UPDATE pager_run SET ended_at = now(), end_reason = 'returned', next_step_at = NULL"
            " WHERE incident_id = %s AND ended_at IS NULL",
            (incident_id,),
        )
        return _begin(connection, incident_id, occasion, severity)
    row = connection.execute(
        "SELECT run_id, severity FROM pager_run WHERE incident_id = %s AND ended_at IS NULL"
        " AND occasion_kind <> 'returned' FOR UPDATE",
        (incident_id,),
    ).fetchone()
    if row is None:
        return _begin(connection, incident_id, occasion, severity)
    run_id: UUID = row[0]
    if occasion != "worse" and _RANK[severity] <= _RANK[str(row[1])]:
        return run_id
    connection.execute(
        "UPDATE pager_run SET ended_at = now(), end_reason = 'worse', next_step_at = NULL WHERE run_id = %s", (run_id,)
    )
    return _begin(connection, incident_id, "worse", severity)


def _begin(connection: Connection, incident_id: UUID, occasion: Occasion, severity: Severity) -> UUID:
    run_id = uuid.uuid4()
    connection.execute(
        "INSERT INTO pager_run (run_id, incident_id, occasion_kind, severity, is_drill, started_at, next_step_at,"
        " acknowledged_before) SELECT %(run)s, %(incident)s, %(occasion)s, %(severity)s,"
        " coalesce(i.is_drill, false) OR %(occasion)s = 'drill', now(), 'epoch', i.acknowledged_at"
        " FROM (SELECT 1) one LEFT JOIN incident i ON i.incident_id = %(incident)s",
        {"run": run_id, "incident": incident_id, "occasion": occasion, "severity": severity},
    )
    return run_id


@dataclass(frozen=True)
class NewPage:
    """One message by one channel, to be written."""

    channel: str
    created_at: datetime
    kind: Kind = "alarm"
    incident_id: UUID | None = None
    run_id: UUID | None = None
    occasion: Occasion = "raised"
    severity: Severity = "critical"
    is_drill: bool = False
    username: str | None = None
    address: str = ""
    reason: str = "house"
    dedupe_key: str | None = None
    not_before: datetime | None = None
    text: str = ""
    """Of replies, probes and tests; what is said of an incident is made when it is sent, for it may have changed."""


def write_page(connection: Connection, page: NewPage) -> UUID | None:
    """Put a message into the outbox; None: it is there already (the same `dedupe_key`)."""
    page_id = uuid.uuid4()
    row = connection.execute(
        "INSERT INTO page (page_id, alarm_id, channel, created_at, message, next_attempt_at, kind, incident_id, run_id,"
        " occasion_kind, severity, is_drill, username, address, reason, dedupe_key, receipt_token) VALUES"
        " (%(page)s, (SELECT alarm_id FROM alarm WHERE incident_id = %(incident)s ORDER BY raised_at LIMIT 1),"
        " %(channel)s, %(at)s, jsonb_build_object('text', %(text)s::text), %(due)s, %(kind)s, %(incident)s, %(run)s,"
        " %(occasion)s, %(severity)s, %(drill)s, %(username)s, %(address)s, %(reason)s, %(key)s, %(token)s)"
        " ON CONFLICT (dedupe_key) DO NOTHING RETURNING page_id",
        {
            "page": page_id,
            "incident": page.incident_id,
            "channel": page.channel,
            "at": page.created_at,
            "text": page.text,
            "due": page.not_before or page.created_at,
            "kind": page.kind,
            "run": page.run_id,
            "occasion": page.occasion,
            "severity": page.severity,
            "drill": page.is_drill,
            "username": page.username,
            "address": page.address,
            "reason": page.reason,
            "key": page.dedupe_key,
            "token": uuid.uuid4().hex,
        },
    ).fetchone()
    return None if row is None else page_id
