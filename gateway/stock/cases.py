"""Discrepancy cases: where what physically happened contradicts the books, until someone resolves it."""

import uuid
from datetime import datetime

from gateway.db.pool import Connection
from gateway.db.storable import storable


def open_case(
    connection: Connection,
    opened_at: datetime,
    code: str,
    detail: str,
    *,
    movement_id: uuid.UUID | None = None,
    epoch_key: int | None = None,
    seq: int | None = None,
    product_id: str | None = None,
    lot: str | None = None,
    document_id: uuid.UUID | None = None,
) -> None:
    """A case for someone to resolve; `epoch_key` and `seq` name the event, `movement_id` what needs explaining.

    `product_id` and `lot` name the goods where neither says it, `document_id` the act that it came of.
    """
    connection.execute(
        "INSERT INTO discrepancy (opened_at, code, detail, epoch_key, seq, movement_id, product_id, lot, document_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (opened_at, code, storable(detail), epoch_key, seq, movement_id, product_id, lot, document_id),
    )


def settle_not_in_books(connection: Connection, movement_id: uuid.UUID, resolution: str, now: datetime) -> bool:
    """Resolve the open case that a `found` movement made; False if there is none."""
    done = connection.execute(
        "UPDATE discrepancy SET resolved_at = %s, resolved_by = 'late scan', resolution = %s"
        " WHERE code = 'not_in_books' AND movement_id = %s AND resolved_at IS NULL",
        (now, resolution, movement_id),
    )
    return done.rowcount > 0
