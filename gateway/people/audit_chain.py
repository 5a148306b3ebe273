"""The audit's seals: each covers the rows since the seal before it, and that seal, by HMAC with a key of the key file.

Whoever changes, deletes or adds a row under a seal, or drops seals from the middle, is found by `verify_audit`; for
that they would need the key file besides the database. Rows younger than the last seal (a minute, usually) and seals
cut off at the end together with their rows are not protected: keep exports and backups.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import psycopg

from gateway.db.pool import Connection
from gateway.people.keys import PeopleKeys

_ROWS: Final[LiteralString] = (
    "SELECT audit_id, at, username, purpose, act, patient_ids, source, break_glass, reason_id FROM people_audit"
    " WHERE audit_id > %s AND audit_id <= %s ORDER BY audit_id"
)
_WAIT: Final = b"SET LOCAL lock_timeout = '300ms'"
"""A reader waits behind us so long at most; else the next round does it."""


@dataclass(frozen=True)
class Broken:
    """The first seal that does not fit its rows."""

    first_audit_id: int
    last_audit_id: int


@dataclass(frozen=True)
class AuditState:
    """What the seals say of the audit."""

    sealed_rows: int
    last_sealed_id: int
    last_sealed_at: datetime | None
    broken: Broken | None


def seal_audit(connection: Connection, keys: PeopleKeys, now: datetime) -> int:
    """Seal the rows since the last seal; how many. In a transaction of its own: it keeps writers out for a moment."""
    connection.execute(_WAIT)
    try:
        # In this mode nobody has a row with a smaller id that is not committed yet.
        connection.execute("LOCK TABLE people_audit IN SHARE MODE")
    except psycopg.errors.LockNotAvailable:
        connection.rollback()
        return 0
    last, before = _last_seal(connection)
    row = connection.execute("SELECT coalesce(max(audit_id), 0) FROM people_audit").fetchone()
    newest = 0 if row is None else int(row[0])
    if newest <= last:
        return 0
    seal, count = _seal(connection, keys, before, last, newest)
    connection.execute("INSERT INTO people_audit_seal VALUES (%s, %s, %s, %s)", (newest, count, seal, now))
    return count


def verify_audit(connection: Connection, keys: PeopleKeys) -> AuditState:
    """Compare every seal with its rows."""
    last, before, rows = 0, b"", 0
    at = None
    seals = connection.execute(
        "SELECT last_audit_id, rows, seal, sealed_at FROM people_audit_seal ORDER BY last_audit_id"
    ).fetchall()
    for last_audit_id, told, seal, sealed_at in seals:
        made, count = _seal(connection, keys, before, last, last_audit_id)
        if count != told or not hmac.compare_digest(made, bytes(seal)):
            return AuditState(rows, last, at, Broken(last + 1, last_audit_id))
        last, before, rows, at = last_audit_id, made, rows + count, sealed_at
    return AuditState(rows, last, at, None)


def _last_seal(connection: Connection) -> tuple[int, bytes]:
    row = connection.execute(
        "SELECT last_audit_id, seal FROM people_audit_seal ORDER BY last_audit_id DESC LIMIT 1"
    ).fetchone()
    return (0, b"") if row is None else (int(row[0]), bytes(row[1]))


def _seal(connection: Connection, keys: PeopleKeys, before: bytes, after: int, until: int) -> tuple[bytes, int]:
    key = hmac.digest(keys.index_key, b"medtap people audit", hashlib.sha256)
    mac = hmac.new(key, before, hashlib.sha256)
    count = 0
    for row in connection.execute(_ROWS, (after, until)):
        mac.update(_written(row))
        count += 1
    mac.update(f"{count} rows to {until}".encode())
    return mac.digest(), count


def _written(row: tuple[Any, ...]) -> bytes:
    """One form for one row; members can't run into each other."""
    audit_id, at, username, purpose, act, patient_ids, source, break_glass, reason_id = row
    members = (audit_id, at.timestamp(), username, purpose, act, *patient_ids, source, break_glass, reason_id)
    return b"".join(len(one).to_bytes(4, "big") + one for one in (str(member).encode() for member in members)) + b"\n"
