"""What an administrator sees of the audit: who read whom, when, why, from where. Pseudonyms only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, LiteralString
from uuid import UUID

from gateway.db.pool import Connection
from gateway.people.audit import TABLE
from gateway.people.keys import PeopleKeys
from gateway.people.sealing import unseal
from gateway.stock.errors import WorkConflictError, WorkNotFoundError

Finding = Literal["justified", "not_justified"]


@dataclass(frozen=True)
class AuditFilter:
    """What is asked for; None: whatever it is."""

    username: str | None = None
    patient_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    only_break_glass: bool = False
    only_unreviewed: bool = False


@dataclass(frozen=True)
class AuditEntry:
    """One row."""

    audit_id: int
    at: datetime
    username: str
    purpose: str
    act: str
    patient_ids: tuple[UUID, ...]
    source: str
    break_glass: bool
    reason: str
    """In the reader's words; empty where none was needed."""
    reviewed_by: str | None
    finding: Finding | None


_ROWS: Final[LiteralString] = (
    "SELECT a.audit_id, a.at, a.username, a.purpose, a.act, a.patient_ids, a.source, a.break_glass, a.reason_id,"
    " a.reason_sealed, r.reviewed_by, r.finding FROM people_audit a LEFT JOIN people_audit_review r USING (audit_id)"
    " WHERE (%(username)s::text IS NULL OR a.username = %(username)s)"
    " AND (%(patient)s::uuid IS NULL OR a.patient_ids && ARRAY(SELECT x FROM canonical_patient(%(patient)s) c,"
    " patient_aliases(c) x)) AND (%(since)s::timestamptz IS NULL OR a.at >= %(since)s)"
    " AND (%(until)s::timestamptz IS NULL OR a.at < %(until)s) AND (NOT %(glass)s OR a.break_glass)"
    " AND (NOT %(open)s OR (a.break_glass AND r.audit_id IS NULL)) AND a.audit_id < %(before)s"
    " ORDER BY a.audit_id DESC LIMIT %(limit)s"
)
_BEFORE_ALL: Final = 2**62


def entries(
    connection: Connection, keys: PeopleKeys, wanted: AuditFilter, *, limit: int = 100, before: int | None = None
) -> list[AuditEntry]:
    """The newest first; `before`: only those with a smaller id, for the next page."""
    rows = connection.execute(
        _ROWS,
        {
            "username": wanted.username,
            "patient": wanted.patient_id,
            "since": wanted.since,
            "until": wanted.until,
            "glass": wanted.only_break_glass,
            "open": wanted.only_unreviewed,
            "before": _BEFORE_ALL if before is None else before,
            "limit": limit,
        },
        prepare=False,
    )
    found = []
    for row in rows:
        reason = "" if row[8] is None else unseal(keys, TABLE, "reason", row[8], bytes(row[9])).decode()
        names = ("audit_id", "at", "username", "purpose", "act", "patient_ids", "source", "break_glass")
        told = dict(zip(names, (*row[:5], tuple(row[5]), *row[6:8]), strict=True))
        found.append(AuditEntry(**told, reason=reason, reviewed_by=row[10], finding=row[11]))
    return found


def all_entries(connection: Connection, keys: PeopleKeys, wanted: AuditFilter) -> Iterator[AuditEntry]:
    """All of them, the newest first, read by thousands: for a file."""
    before: int | None = None
    while some := entries(connection, keys, wanted, limit=1000, before=before):
        yield from some
        before = some[-1].audit_id


def review(connection: Connection, audit_id: int, finding: Finding, by: str, at: datetime) -> None:
    """Somebody has looked at a break-glass read.

    Raises:
        WorkNotFoundError: it is none.
        WorkConflictError: it was reviewed already.
    """
    row = connection.execute("SELECT break_glass FROM people_audit WHERE audit_id = %s", (audit_id,)).fetchone()
    if row is None or not row[0]:
        raise WorkNotFoundError("audit_unknown", f"audit row {audit_id} is no read that has to be reviewed")
    made = connection.execute(
        "INSERT INTO people_audit_review VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", (audit_id, at, by, finding)
    )
    if made.rowcount == 0:
        raise WorkConflictError("audit_reviewed", f"audit row {audit_id} was reviewed already")


def unreviewed(connection: Connection) -> int:
    """How many break-glass reads wait to be looked at."""
    row = connection.execute(
        "SELECT count(*) FROM people_audit a WHERE break_glass AND NOT EXISTS"
        " (SELECT FROM people_audit_review r WHERE r.audit_id = a.audit_id)"
    ).fetchone()
    return 0 if row is None else int(row[0])
