"""Returns: from a ward back to the store, and from a place back to the supplier."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.db.pool import Connection
from gateway.stock import acts, books, documents, holds, locks
from gateway.stock.acts import ActLine, Actor, Done, Notice
from gateway.stock.controlled_rules import controlled_among
from gateway.stock.documents import Document, NewDocument
from gateway.stock.errors import WorkRefusedError
from gateway.stock.holds import NewHold
from gateway.stock.lines import Doing


@dataclass(frozen=True)
class WardReturn:
    """What a ward gives back."""

    document_id: uuid.UUID
    from_place_id: str
    """The ward."""
    to_place_id: str
    lines: tuple[ActLine, ...]
    reason_code: str
    from_dispensed: bool = False
    """The ward keeps no stock in the books: what it gives back was handed out."""
    into_quarantine: bool = False
    """Nobody knows how it was kept: the packs, or so many units of the lot, are held until two decide."""
    note: str = ""


@dataclass(frozen=True)
class SupplierReturn:
    """What goes back to a supplier."""

    document_id: uuid.UUID
    from_place_id: str
    supplier_name: str
    lines: tuple[ActLine, ...]
    reason_code: str
    note: str = ""


def return_from_ward(connection: Connection, act: WardReturn, actor: Actor) -> Done:
    """Book it in the caller's transaction; a repetition changes nothing.

    Raises:
        WorkRefusedError: `reason_missing`, `place_unknown`, `same_place`, and what `acts.refuse_no_lines` says.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`: the ward had not so much of it.
    """
    acts.refuse_no_lines(act.lines)
    acts.refuse_unknown_reason(connection, act.reason_code, "return")
    acts.refuse_same_place(act.from_place_id, act.to_place_id)
    for place_id in (act.from_place_id, act.to_place_id):
        acts.account_of(connection, place_id)
    document = NewDocument(
        document_id=act.document_id,
        kind="return",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        from_place_id=act.from_place_id,
        to_place_id=act.to_place_id,
        reason_code=act.reason_code,
        note=act.note,
        zone=actor.zone,
        body=acts.body_of(act.lines, from_dispensed=act.from_dispensed, into_quarantine=act.into_quarantine),
    )
    return _write(connection, document, actor)


def _write(connection: Connection, document: NewDocument, actor: Actor) -> Done:
    """Book it; with a drug under special control it waits until a second person has counted the goods."""
    products = {str(line["product_id"]) for line in document.body["lines"]}
    waits = bool(controlled_among(connection, products))
    outcome = documents.open_document(connection, replace(document, state="waiting_second" if waits else "posted"))
    notices: tuple[Notice, ...] = ()
    if outcome == "created" and waits:
        notices = (Notice("waits_second"),)
    elif outcome == "created":
        doing = acts.doing_of(actor, document.document_id, document.reason_code, document.note)
        notices = post(connection, documents.read_document(connection, document.document_id), doing)
    return acts.done(connection, document.document_id, outcome, notices)


def post(connection: Connection, document: Document, doing: Doing) -> tuple[Notice, ...]:
    """Book a return as its document has it: from a ward, or without a place to go to, to the supplier.

    Raises:
        LedgerError: as `books.book`.
    """
    lines = [ActLine.from_json(line) for line in document.body["lines"]]
    source = acts.account_of(connection, document.from_place_id)
    if document.to_place_id is None:
        books.book(connection, doing, acts.numbered(document.document_id, "return_out", lines, source, "returned"))
        return ()
    if document.body.get("from_dispensed"):
        source = "dispensed"
    target = acts.account_of(connection, document.to_place_id)
    into_quarantine = bool(document.body.get("into_quarantine"))
    if into_quarantine:
        locks.enter_alone(connection)  # a hold is placed too
    books.book(connection, doing, acts.numbered(document.document_id, "return_in", lines, source, target))
    return _hold_all(connection, lines, target, doing) if into_quarantine else ()


def _hold_all(connection: Connection, lines: Sequence[ActLine], account_id: str, doing: Doing) -> tuple[Notice, ...]:
    """Each serialised pack by itself; of other goods so many units of the lot: what stood there before stays free."""
    units: Counter[tuple[str, str, str | None, str | None]] = Counter()
    for line in lines:
        serial_number = line.serial_number
        units[line.product_id, line.lot, line.gtin if serial_number else None, serial_number] += line.quantity
    document_id = doing.document_id or uuid.UUID(int=0)
    notices = []
    for (product_id, lot, gtin, serial_number), quantity in units.items():
        is_pack = serial_number is not None
        hold = NewHold(
            hold_id=uuid.uuid5(document_id, f"hold {product_id} {lot} {serial_number or ''}"),
            kind="quarantine",
            product_id=product_id,
            lot=lot,
            account_id=None if is_pack else account_id,
            gtin=gtin,
            serial_number=serial_number,
            quantity=None if is_pack else quantity,
            reason="returned by a ward: nobody knows how it was kept",
            reason_code="hold_quality",
            placed_by=doing.person or "",
            placed_at=doing.occurred_at,
            document_id=doing.document_id,
        )
        if holds.place_hold(connection, hold) == "created":
            notices.append(Notice("in_quarantine", {"product": product_id, "lot": lot or "-"}))
    return tuple(notices)


def return_to_supplier(connection: Connection, act: SupplierReturn, actor: Actor) -> Done:
    """Book it in the caller's transaction; a repetition changes nothing. Held and expired goods may go back.

    Raises:
        WorkRefusedError: `reason_missing`, `supplier_missing`, `place_unknown`, and what `acts.refuse_no_lines` says.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`.
    """
    acts.refuse_no_lines(act.lines)
    acts.refuse_unknown_reason(connection, act.reason_code, "return")
    if not act.supplier_name.strip():
        raise WorkRefusedError("supplier_missing", "no supplier: name to whom it goes back")
    acts.account_of(connection, act.from_place_id)
    document = NewDocument(
        document_id=act.document_id,
        kind="return",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        from_place_id=act.from_place_id,
        supplier_name=act.supplier_name.strip(),
        reason_code=act.reason_code,
        note=act.note,
        zone=actor.zone,
        body=acts.body_of(act.lines),
    )
    return _write(connection, document, actor)
