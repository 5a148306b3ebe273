"""The journal of changed records: who, what, why, and what stood there before (21 CFR 11.10(e))."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows


class Change(Row):
    """One line."""

    changed_at: datetime
    changed_by: str
    what: str
    act: str
    reason: str
    before: dict[str, Any]


def note(
    connection: Connection,
    by: str,
    what: str,
    subject: object,
    act: str,
    *,
    reason: str = "",
    before: Mapping[str, object] | None = None,
) -> None:
    """Write a line, in the transaction of the change."""
    plain = {name: _plain(value) for name, value in (before or {}).items()}
    connection.execute(
        "INSERT INTO record_change (changed_by, what, subject, act, reason, before) VALUES (%s, %s, %s, %s, %s, %s)",
        (by, what, str(subject), act, reason, Jsonb(plain)),
    )


def changes_of(connection: Connection, what: str, subject: object) -> list[Change]:
    """Oldest first."""
    return all_rows(
        connection,
        Change,
        "SELECT changed_at, changed_by, what, act, reason, before FROM record_change"
        " WHERE what = %(what)s AND subject = %(subject)s ORDER BY record_change_id",
        {"what": what, "subject": str(subject)},
    )


_WORDS: Final = (date, UUID)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, _WORDS) else value
