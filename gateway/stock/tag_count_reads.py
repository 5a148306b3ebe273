"""Reading RFID counts and what they found."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import dict_row

from gateway.db.pool import Connection
from gateway.stock.errors import WorkNotFoundError


@dataclass(frozen=True)
class TagCountHead:
    """A count without its findings."""

    tag_count_id: uuid.UUID
    state: str
    frozen_at: datetime
    started_by: str
    expected: int
    passes: int
    reconciled_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None
    note: str
    summary: dict[str, Any] | None


_HEAD: Final = (
    "SELECT tag_count_id, state, frozen_at, started_by,"
    " (SELECT count(*) FROM tag_count_expected e WHERE e.tag_count_id = c.tag_count_id),"
    " (SELECT count(*) FROM tag_count_pass p WHERE p.tag_count_id = c.tag_count_id),"
    " reconciled_at, closed_by, closed_at, note, summary FROM tag_count c WHERE tag_count_id = %s"
)


def head(connection: Connection, tag_count_id: uuid.UUID) -> TagCountHead:
    """One count.

    Raises:
        WorkNotFoundError: no such count.
    """
    row = connection.execute(_HEAD, (tag_count_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("tag_count_unknown", f"no RFID count {tag_count_id}")
    return TagCountHead(*row)


_FINDINGS: Final = (
    "SELECT epc, outcome, proposal, confidence, account_id, product_id, lot, units, gtin, serial_number, seen_at,"
    " passes_seen, passes_made, decision, decided_by, confirmed_by FROM tag_count_finding WHERE tag_count_id = %s"
)


def findings(connection: Connection, tag_count_id: uuid.UUID, outcome: str | None, limit: int) -> list[dict[str, Any]]:
    """By outcome and EPC; of one outcome, or of all."""
    query = f"{_FINDINGS} AND (%s::text IS NULL OR outcome = %s) ORDER BY outcome, epc LIMIT %s"
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, (tag_count_id, outcome, outcome, limit)).fetchall()


def one_finding(connection: Connection, tag_count_id: uuid.UUID, epc: str) -> dict[str, Any]:
    """What was found of one tag.

    Raises:
        WorkNotFoundError: nothing was.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(f"{_FINDINGS} AND epc = %s", (tag_count_id, epc)).fetchone()
    if row is None:
        message = f"RFID count {tag_count_id} has found nothing about tag {epc}"
        raise WorkNotFoundError("tag_unknown", message, epc=epc)
    return row
