"""Undo: a reversing document takes a document's movements back, with a reason, while its goods have not moved on."""

import uuid
from dataclasses import dataclass, replace
from typing import Final

from gateway.db.pool import Connection
from gateway.stock import acts, books, documents, holds, locks
from gateway.stock.acts import Actor, Done, Notice
from gateway.stock.controlled_rules import controlled_among
from gateway.stock.documents import Document, NewDocument
from gateway.stock.errors import DocumentStateError, WorkRefusedError
from gateway.stock.lines import Doing

UNDOABLE: Final = frozenset(
    {"receipt", "put_away", "transfer", "issue", "dispensing", "return", "adjustment", "repack", "count"}
)
"""What was destroyed is gone; a reversal is followed by the act done anew."""


@dataclass(frozen=True)
class Undoing:
    """What is taken back and why."""

    document_id: uuid.UUID
    """The reversal's own."""
    about_document_id: uuid.UUID
    reason_code: str
    note: str = ""


def undo(connection: Connection, act: Undoing, actor: Actor) -> Done:
    """Book it in the caller's transaction; a repetition changes nothing. The goods go back the way they came.

    Raises:
        WorkRefusedError: `document_unknown`, `not_undoable`, `undone_already`, `arrived_already`, `reason_missing`.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`: the goods have moved on, or are reserved.
    """
    acts.refuse_unknown_reason(connection, act.reason_code, "reversal")
    original = _locked(connection, act.about_document_id)
    document = NewDocument(
        document_id=act.document_id,
        kind="reversal",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        from_place_id=original.to_place_id,
        to_place_id=original.from_place_id,
        supplier_name=original.supplier_name,
        order_id=original.order_id,
        patient_id=original.patient_id,
        reason_code=act.reason_code,
        note=act.note,
        zone=actor.zone,
        body={"about_document_id": str(act.about_document_id)},
    )
    waits = _needs_two(connection, original)
    outcome = documents.open_document(connection, replace(document, state="waiting_second" if waits else "posted"))
    notices: tuple[Notice, ...] = ()
    if outcome == "created":
        _refuse_gone(connection, original)
        if waits:
            notices = (Notice("waits_second"),)
        else:
            doing = acts.doing_of(actor, act.document_id, act.reason_code, act.note)
            _take_back(connection, original, doing)
    return acts.done(connection, act.document_id, outcome, notices)


def post(connection: Connection, reversal: Document, doing: Doing) -> None:
    """Book a reversal that waited for its second person.

    Raises:
        WorkRefusedError: `undone_already`, `arrived_already`: things have changed since it was written.
        LedgerError: as `books.book`.
    """
    original = _locked(connection, uuid.UUID(reversal.body["about_document_id"]))
    _refuse_gone(connection, original)
    _take_back(connection, original, doing)


def _needs_two(connection: Connection, original: Document) -> bool:
    """What two people did with drugs under special control is not taken back by one."""
    products = connection.execute("SELECT product_id FROM movement WHERE document_id = %s", (original.document_id,))
    return bool(controlled_among(connection, {str(row[0]) for row in products}))


def _refuse_gone(connection: Connection, original: Document) -> None:
    if original.kind == "transfer":
        _refuse_arrived(connection, original)
    _movements(connection, original)


def _take_back(connection: Connection, original: Document, doing: Doing) -> None:
    # Each movement is taken back by itself, the last first: that takes the books alone (see `locks`).
    locks.enter_alone(connection)
    reversal = documents.read_document(connection, doing.document_id or uuid.UUID(int=0))
    for movement_id in _movements(connection, original):
        books.reverse(connection, doing, movement_id, uuid.uuid5(reversal.document_id, str(movement_id)))
    holds.end_holds_of(
        connection, original.document_id, person=doing.person or "", by=reversal.number, now=doing.received_at
    )
    if original.state == "in_transit":
        documents.change_state(connection, original.document_id, "posted", doing.received_at)


def _locked(connection: Connection, document_id: uuid.UUID) -> Document:
    try:
        document = documents.read_document(connection, document_id, lock=True)
    except DocumentStateError:
        raise WorkRefusedError("document_unknown", f"no stock document {document_id}") from None
    if document.kind not in UNDOABLE or document.state not in {"posted", "in_transit"}:
        raise WorkRefusedError(
            "not_undoable",
            f"{document.number} is a {document.kind} and {document.state}: it can't be taken back",
            number=document.number,
        )
    return document


def _refuse_arrived(connection: Connection, transfer: Document) -> None:
    """What was sent can be taken back while nothing of it has arrived; an arrival by itself."""
    row = connection.execute(
        "SELECT d.number FROM stock_document d JOIN movement m USING (document_id)"
        " WHERE d.body ? 'about_document_id' AND d.body ->> 'about_document_id' = %s AND d.kind = 'transfer'"
        " AND NOT EXISTS (SELECT FROM movement r WHERE r.reverses_movement_id = m.movement_id) LIMIT 1",
        (str(transfer.document_id),),
    ).fetchone()
    if row is not None:
        raise WorkRefusedError(
            "arrived_already",
            f"of {transfer.number} something has arrived with {row[0]}: take that back first",
            number=transfer.number,
            arrival=row[0],
        )


def _movements(connection: Connection, original: Document) -> list[uuid.UUID]:
    rows = connection.execute(
        "SELECT m.movement_id, EXISTS (SELECT FROM movement r WHERE r.reverses_movement_id = m.movement_id)"
        " FROM movement m WHERE m.document_id = %s ORDER BY m.kind IN ('repack_in', 'adjust_in') DESC, m.movement_id",
        (original.document_id,),
    ).fetchall()
    left = [row[0] for row in rows if not row[1]]
    if not left:
        raise WorkRefusedError(
            "undone_already", f"{original.number} was taken back already, or moved nothing", number=original.number
        )
    return left
