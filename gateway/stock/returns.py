"""Returns: from a ward back to the store, and from a place back to the supplier."""

import uuid
from dataclasses import dataclass

from gateway.db.pool import Connection
from gateway.stock import acts, books, documents, holds, locks
from gateway.stock.acts import ActLine, Actor, Done, Notice
from gateway.stock.documents import NewDocument
from gateway.stock.holds import NewHold
from gateway.stock.work_errors import WorkRefusedError


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
    """Nobody knows how it was kept: the packs, or the lot where it now stands, are held until two decide."""
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
    ward = acts.account_of(connection, act.from_place_id)
    source = "dispensed" if act.from_dispensed else ward
    target = acts.account_of(connection, act.to_place_id)
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
    outcome = documents.open_document(connection, document)
    if outcome == "exists":
        return acts.done(connection, act.document_id, outcome)
    if act.into_quarantine:
        locks.enter_alone(connection)  # a hold is placed too
    lines = acts.numbered(act.document_id, "return_in", act.lines, source, target)
    books.book(connection, acts.doing_of(actor, act.document_id, act.reason_code, act.note), lines)
    notices = _hold_all(connection, act, target, actor) if act.into_quarantine else ()
    return acts.done(connection, act.document_id, outcome, notices)


def _hold_all(connection: Connection, act: WardReturn, account_id: str, actor: Actor) -> tuple[Notice, ...]:
    """Each serialised pack by itself; of other goods the lot where it now stands, as nobody can tell them apart."""
    notices = []
    for scope in dict.fromkeys((line.product_id, line.lot, line.gtin, line.serial_number) for line in act.lines):
        product_id, lot, gtin, serial_number = scope
        is_pack = serial_number is not None
        hold = NewHold(
            hold_id=uuid.uuid5(act.document_id, f"hold {product_id} {lot} {serial_number or ''}"),
            kind="quarantine",
            product_id=product_id,
            lot=lot,
            account_id=None if is_pack else account_id,
            gtin=gtin if is_pack else None,
            serial_number=serial_number,
            reason="returned by a ward: nobody knows how it was kept",
            reason_code="hold_quality",
            placed_by=actor.person,
            placed_at=actor.occurred_at,
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
    source = acts.account_of(connection, act.from_place_id)
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
    lines = acts.numbered(act.document_id, "return_out", act.lines, source, "returned")
    return acts.write_act(connection, document, lines, actor)
