"""Receiving: goods from a supplier, against an order or blind, are in the books from the moment they are in the house.

Too much, an unknown lot or a short shelf life is shown, and booked: the goods are here. What has expired or is recalled
is refused, unless a person says that it goes into quarantine until somebody decides.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from gateway.db.pool import Connection
from gateway.stock import acts, books, documents, holds, locks, order_reads, orders
from gateway.stock.acts import ActLine, Actor, Done, Notice
from gateway.stock.controlled_rules import controlled_among
from gateway.stock.documents import Document, DocumentState, NewDocument
from gateway.stock.errors import WorkRefusedError
from gateway.stock.guard import open_holds_of
from gateway.stock.holds import NewHold
from gateway.stock.lines import Doing
from gateway.stock.packs import read_packs
from inventory.lot_state import LotState, holds_on, lot_state

SHORT_SHELF_LIFE: Final = timedelta(days=180)
"""A lot that expires within it is pointed out on receipt: tenders commonly ask for six months. The choice is ours."""
_REFUSED_STATES: Final = frozenset({"expired", "recalled", "damaged"})


@dataclass(frozen=True)
class Receipt:
    """What came in."""

    document_id: uuid.UUID
    place_id: str
    lines: tuple[ActLine, ...]
    supplier_name: str = ""
    """May be left out where there is an order."""
    supplier_document: str = ""
    """Number of the delivery note or invoice."""
    order_id: uuid.UUID | None = None
    into_quarantine: bool = False
    """A person says that what must not be taken in is taken in all the same, and held until two decide."""
    note: str = ""


@dataclass(frozen=True)
class _Lot:
    product_id: str
    lot: str
    expiry_date: date | None
    state: LotState
    is_new: bool
    known_expiry: date | None
    quarantine_on_receipt: bool


def receive(connection: Connection, receipt: Receipt, actor: Actor) -> Done:
    """Book it in the caller's transaction; a repetition changes nothing.

    With a drug under special control all of it waits until a second person has counted what came (`two_people`).

    Raises:
        WorkRefusedError: `no_lines`, `place_unknown`, `supplier_missing`, `order_unknown`, `order_closed`,
            `not_to_be_received`, `pack_known`, and what `acts.refuse_no_lines` says.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`: an unknown product, a pack that the books have already.
    """
    acts.refuse_no_lines(receipt.lines)
    account_id = acts.account_of(connection, receipt.place_id)
    supplier_name, order = receipt.supplier_name.strip(), None
    order_notices: tuple[Notice, ...] = ()
    if receipt.order_id is not None:
        order = orders.locked(connection, receipt.order_id)
        supplier_name = supplier_name or order.supplier_name
    if not supplier_name:
        raise WorkRefusedError("supplier_missing", "no supplier: name who delivered, or choose the order")
    waits = bool(controlled_among(connection, {line.product_id for line in receipt.lines}))
    document = _document(receipt, supplier_name, actor, "waiting_second" if waits else "posted")
    outcome = documents.open_document(connection, document)
    if outcome == "exists":
        return acts.done(connection, receipt.document_id, outcome)
    if order is not None:
        orders.refuse_closed(order)
        order_notices = _against_order(connection, order, receipt.lines)
    doing = acts.doing_of(actor, receipt.document_id, note=receipt.note)
    lots = _judge(connection, receipt, account_id, doing.today)
    notices = (*order_notices, *_about_lots(receipt.lines, lots, doing.today))
    notices += (Notice("waits_second"),) if waits else _book(connection, receipt, lots, account_id, doing)
    return acts.done(connection, receipt.document_id, outcome, notices)


def post_waiting(connection: Connection, document: Document, doing: Doing) -> tuple[Notice, ...]:
    """Book what waited for its second person. It is judged again: a lot may have been recalled since.

    Raises:
        WorkRefusedError: `not_to_be_received`, `pack_known`.
        LedgerError: as `books.book`.
    """
    receipt = Receipt(
        document_id=document.document_id,
        place_id=document.to_place_id or "",
        lines=tuple(ActLine.from_json(line) for line in document.body["lines"]),
        into_quarantine=bool(document.body.get("into_quarantine")),
        note=document.note,
    )
    notices: tuple[Notice, ...] = ()
    if document.order_id is not None:
        notices = _against_order(connection, orders.locked(connection, document.order_id), receipt.lines)
    account_id = acts.account_of(connection, receipt.place_id)
    lots = _judge(connection, receipt, account_id, doing.today)
    return (*notices, *_book(connection, receipt, lots, account_id, doing))


def _judge(connection: Connection, receipt: Receipt, account_id: str, today: date) -> list[_Lot]:
    # A hold may be placed with the booking, which is done alone; and nobody books between judgement and booking.
    locks.enter_alone(connection)
    _refuse_known_packs(connection, receipt.lines)
    lots = judge_lots(connection, receipt.lines, account_id, today)
    refused = [lot for lot in lots if lot.state.name in _REFUSED_STATES]
    if refused and not receipt.into_quarantine:
        _refuse(refused[0])
    return lots


def _book(
    connection: Connection, receipt: Receipt, lots: Sequence[_Lot], account_id: str, doing: Doing
) -> tuple[Notice, ...]:
    lines = acts.numbered(receipt.document_id, "receive", receipt.lines, "supplier", account_id)
    books.book(connection, doing, lines)
    return tuple(_hold(connection, receipt, lot, doing) for lot in lots if _must_be_held(lot, receipt))


def judge_lots(connection: Connection, lines: Sequence[ActLine], account_id: str, today: date) -> list[_Lot]:
    """What is known of each lot that came, and what speaks against it."""
    earliest: dict[tuple[str, str], date | None] = {}
    for line in lines:
        key = (line.product_id, line.lot)
        dates = [one for one in (earliest.get(key), line.expiry_date) if one is not None]
        earliest[key] = min(dates, default=None)
    products = sorted({product_id for product_id, _ in earliest})
    open_holds = open_holds_of(connection, products)
    quarantined = {
        str(row[0])
        for row in connection.execute(
            "SELECT product_id FROM product WHERE product_id = ANY(%s) AND quarantine_on_receipt", (products,)
        )
    }
    known = {
        (row[0], row[1]): row[2]
        for row in connection.execute(
            "SELECT product_id, lot, expiry_date FROM lot WHERE (product_id, lot) IN"
            " (SELECT * FROM unnest(%s::text[], %s::text[]))",
            ([key[0] for key in earliest], [key[1] for key in earliest]),
        )
    }
    judged = []
    for (product_id, lot), expiry in earliest.items():
        dates = [one for one in (expiry, known.get((product_id, lot))) if one is not None]
        state = lot_state(holds_on(open_holds, product_id, lot, account_id), min(dates, default=None), today)
        facts = ((product_id, lot) not in known, known.get((product_id, lot)), product_id in quarantined)
        judged.append(_Lot(product_id, lot, expiry, state, *facts))
    return judged


def _document(receipt: Receipt, supplier_name: str, actor: Actor, state: DocumentState) -> NewDocument:
    return NewDocument(
        document_id=receipt.document_id,
        kind="receipt",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        state=state,
        to_place_id=receipt.place_id,
        supplier_name=supplier_name,
        order_id=receipt.order_id,
        note=receipt.note,
        zone=actor.zone,
        body=acts.body_of(
            receipt.lines, supplier_document=receipt.supplier_document, into_quarantine=receipt.into_quarantine
        ),
    )


def _refuse(lot: _Lot) -> None:
    raise WorkRefusedError(
        "not_to_be_received",
        f"product {lot.product_id}, lot {lot.lot!r} is not taken into stock: {lot.state.text}. Give it back to the"
        " supplier, or receive it into quarantine",
        product=lot.product_id,
        lot=lot.lot,
        why=lot.state.facts(),
    )


def _must_be_held(lot: _Lot, receipt: Receipt) -> bool:
    return lot.quarantine_on_receipt or (receipt.into_quarantine and lot.state.name != "available")


def _refuse_known_packs(connection: Connection, lines: Sequence[ActLine]) -> None:
    """A serialised pack comes from its supplier once; what comes back is a return."""
    keys = [(line.gtin, line.serial_number) for line in lines if line.gtin and line.serial_number]
    for (gtin, serial_number), pack in sorted(read_packs(connection, keys).items()):
        raise WorkRefusedError(
            "pack_known",
            f"pack {serial_number!r} of {gtin} was received already, the books have it at {pack.account_id!r}: leave"
            " it out, or book a return",
            pack=serial_number,
            account=pack.account_id,
        )


def _hold(connection: Connection, receipt: Receipt, lot: _Lot, doing: Doing) -> Notice:
    """Of the lot wherever it stands: put away, it is as unchecked as before."""
    routine = lot.state.name == "available"
    hold = NewHold(
        hold_id=uuid.uuid5(receipt.document_id, f"hold {lot.product_id} {lot.lot}"),
        kind="quarantine",
        product_id=lot.product_id,
        lot=lot.lot,
        reason="waits for the check on receipt" if routine else f"received although it is {lot.state.text}",
        reason_code="hold_receipt" if routine else "hold_quality",
        placed_by=doing.person or "",
        placed_at=doing.occurred_at,
        document_id=receipt.document_id,
    )
    holds.place_hold(connection, hold)
    return Notice("in_quarantine", {"product": lot.product_id, "lot": lot.lot or "-"})


def _against_order(connection: Connection, order: order_reads.Order, lines: Sequence[ActLine]) -> tuple[Notice, ...]:
    """What was not ordered, and what is more than was ordered; the order is locked, so that two deliveries add up."""
    came: Counter[str] = Counter()
    for line in lines:
        came[line.product_id] += line.quantity
    lines_of = {line.product_id: line for line in order_reads.order_lines(connection, order.order_id)}
    notices = []
    for product_id, quantity in came.items():
        ordered = lines_of.get(product_id)
        if ordered is None:
            notices.append(Notice("not_ordered", {"product": product_id}))
        elif ordered.received + quantity > ordered.quantity:
            over = ordered.received + quantity - ordered.quantity
            values = {"product": product_id, "over": over, "ordered": ordered.quantity}
            notices.append(Notice("over_delivered", values))
    return tuple(notices)


def _about_lots(lines: Sequence[ActLine], lots: Sequence[_Lot], today: date) -> list[Notice]:
    found = []
    for lot in lots:
        values: dict[str, object] = {"product": lot.product_id, "lot": lot.lot or "-"}
        place = next(
            index for index, line in enumerate(lines) if (line.product_id, line.lot) == (lot.product_id, lot.lot)
        )
        if lot.is_new:
            found.append(Notice("new_lot", values, place))
        if lot.known_expiry and lot.expiry_date and lot.known_expiry != lot.expiry_date:
            dates = {"date": f"{lot.expiry_date:%d/%m/%Y}", "known": f"{lot.known_expiry:%d/%m/%Y}"}
            found.append(Notice("expiry_differs", {**values, **dates}, place))
        if lot.expiry_date and today <= lot.expiry_date <= today + SHORT_SHELF_LIFE:
            found.append(Notice("short_expiry", {**values, "date": f"{lot.expiry_date:%d/%m/%Y}"}, place))
        if not lot.expiry_date and not lot.known_expiry:
            found.append(Notice("no_expiry", values, place))
    return found
