"""Stock documents as people look for them: lists, and one whole with what was booked for it."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, LiteralString
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock.documents import DocumentKind, DocumentState


class DocumentHead(Row):
    """A document in a list."""

    document_id: uuid.UUID
    number: str
    kind: DocumentKind
    state: DocumentState
    from_place_id: str | None
    from_name_vi: str | None
    from_name_en: str | None
    to_place_id: str | None
    to_name_vi: str | None
    to_name_en: str | None
    supplier_name: str | None
    order_id: uuid.UUID | None
    reason_code: str | None
    reason_vi: str | None
    reason_en: str | None
    note: str
    occurred_at: datetime
    created_at: datetime
    created_by: str
    second_person: str | None
    second_at: datetime | None
    about_document_id: uuid.UUID | None
    """The transfer that this is an arrival of, or the document that it takes back."""
    about_number: str | None


class MovementLine(Row):
    """What was booked for one line."""

    movement_id: uuid.UUID
    kind: str
    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    lot: str
    expiry_date: date | None
    gtin: str | None
    serial_number: str | None
    quantity: int
    """Base units."""
    from_account_id: str
    to_account_id: str
    unit_cost_vnd: Decimal | None
    taken_back: bool


_HEAD: Final[LiteralString] = (
    "SELECT d.document_id, d.number, d.kind, d.state, d.from_place_id, f.name_vi AS from_name_vi,"
    " f.name_en AS from_name_en, d.to_place_id, t.name_vi AS to_name_vi, t.name_en AS to_name_en, d.supplier_name,"
    " d.order_id, d.reason_code, r.name_vi AS reason_vi, r.name_en AS reason_en, d.note, d.occurred_at, d.created_at,"
    " d.created_by, d.second_person, d.second_at, a.document_id AS about_document_id, a.number AS about_number"
    " FROM stock_document d LEFT JOIN place f ON f.place_id = d.from_place_id"
    " LEFT JOIN place t ON t.place_id = d.to_place_id LEFT JOIN reason r ON r.reason_code = d.reason_code"
    " LEFT JOIN stock_document a ON a.document_id = (d.body ->> 'about_document_id')::uuid"
)
_FILTERED: Final[LiteralString] = _HEAD + (
    " WHERE (%(kind)s::text IS NULL OR d.kind = %(kind)s) AND (%(state)s::text IS NULL OR d.state = %(state)s)"
    " AND (%(place)s::text IS NULL OR d.from_place_id = %(place)s OR d.to_place_id = %(place)s)"
    " AND (%(since)s::timestamptz IS NULL OR d.created_at >= %(since)s)"
    " AND (%(until)s::timestamptz IS NULL OR d.created_at < %(until)s)"
    " AND (%(number)s::text IS NULL OR d.number = upper(%(number)s))"
    " ORDER BY d.created_at DESC, d.number DESC LIMIT %(limit)s OFFSET %(offset)s"
)
_LINES: Final = (
    "SELECT m.movement_id, m.kind, m.product_id, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, m.lot,"
    " coalesce(m.expiry_date, l.expiry_date) AS expiry_date, m.gtin, m.serial_number, m.quantity, m.from_account_id,"
    " m.to_account_id, coalesce(l.unit_cost_vnd, p.unit_cost_vnd) AS unit_cost_vnd, EXISTS (SELECT FROM movement r"
    " WHERE r.reverses_movement_id = m.movement_id) AS taken_back FROM movement m JOIN product p USING (product_id)"
    " LEFT JOIN lot l USING (product_id, lot) WHERE m.document_id = %(document)s ORDER BY 4, m.lot, 1"
)


def list_documents(
    connection: Connection,
    zone: ZoneInfo,
    *,
    kind: str | None = None,
    state: str | None = None,
    place_id: str | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    number: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[DocumentHead]:
    """The newest first; days are the hospital's, by when a document was entered."""
    values = {
        "kind": storable(kind),
        "state": storable(state),
        "place": storable(place_id),
        "since": _midnight(first_day, zone),
        "until": _midnight(last_day + timedelta(days=1) if last_day else None, zone),
        "number": storable(number),
        "limit": limit,
        "offset": offset,
    }
    return all_rows(connection, DocumentHead, _FILTERED, values)


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), zone)


def document_head(connection: Connection, document_id: uuid.UUID) -> DocumentHead | None:
    """One; None if there is none of this id."""
    return first_row(connection, DocumentHead, _HEAD + " WHERE d.document_id = %(document)s", {"document": document_id})


def documents_about(connection: Connection, document_id: uuid.UUID) -> list[DocumentHead]:
    """What arrived of a transfer, what takes a document back; the oldest first."""
    return all_rows(
        connection,
        DocumentHead,
        _HEAD + " WHERE d.body ? 'about_document_id' AND d.body ->> 'about_document_id' = %(document)s"
        " ORDER BY d.created_at, d.number",
        {"document": str(document_id)},
    )


def transfers_on_the_way(connection: Connection, limit: int = 50) -> list[DocumentHead]:
    """Sent, and not all of it has arrived; the oldest first: somebody waits for it."""
    return all_rows(
        connection,
        DocumentHead,
        _HEAD + " WHERE d.kind = 'transfer' AND d.state = 'in_transit' ORDER BY d.created_at, d.number LIMIT %(limit)s",
        {"limit": limit},
    )


def waiting_for_second(connection: Connection, limit: int) -> list[DocumentHead]:
    """Receipts, returns, adjustments and reversals that somebody else has to confirm; the oldest first."""
    return all_rows(
        connection,
        DocumentHead,
        _HEAD + " WHERE d.state = 'waiting_second' AND d.kind IN ('receipt', 'return', 'adjustment', 'reversal')"
        " ORDER BY d.created_at, d.number LIMIT %(limit)s",
        {"limit": limit},
    )


def movement_lines(connection: Connection, document_id: uuid.UUID) -> Sequence[MovementLine]:
    """What was booked for it."""
    return all_rows(connection, MovementLine, _LINES, {"document": document_id})
