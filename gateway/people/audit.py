"""The audit of people's data: every read is a row, in the transaction that reads."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID, uuid4

from gateway.db.pool import Connection
from gateway.people.keys import PeopleKeys
from gateway.people.person import Reader
from gateway.people.sealing import seal

Act = Literal["read", "search", "emergency", "register", "correct", "merge", "undo_merge"]
LIVE_AGAIN_AFTER: Final = timedelta(hours=1)
"""A page that shows a patient all day writes a row an hour, not one for each time something moves on it."""
TABLE: Final = "people_audit"

_SEEN: Final = (
    "SELECT DISTINCT unnest(patient_ids) FROM people_audit WHERE username = %s AND at > %s AND purpose = %s"
    " AND act = %s AND patient_ids && %s::uuid[]"
)
_INSERT: Final = (
    "INSERT INTO people_audit (at, username, purpose, act, patient_ids, source, break_glass, reason_id, reason_sealed)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def note(
    connection: Connection, keys: PeopleKeys, act: Act, reader: Reader, patient_ids: Collection[UUID], *, now: datetime
) -> None:
    """Write down that `reader` does `act` with these patients: one row, whatever their number.

    It is in the caller's transaction: what could not be written down is not read.
    """
    whom = sorted(set(patient_ids), key=str)
    if reader.live and whom:
        seen = connection.execute(
            _SEEN, (reader.username, now - LIVE_AGAIN_AFTER, reader.purpose, act, whom), prepare=False
        )
        known = {row[0] for row in seen}
        whom = [one for one in whom if one not in known]
    if not whom and act != "search":
        return
    reason_id = uuid4() if reader.break_glass_reason else None
    reason = seal(keys, TABLE, "reason", reason_id, reader.break_glass_reason.encode()) if reason_id else None
    connection.execute(
        _INSERT,
        (now, reader.username, reader.purpose, act, whom, reader.source, reason is not None, reason_id, reason),
    )
