"""Transfers between places: sent goods are in transit until they arrive, whole or in parts, and nothing arrives twice.

What is on its way is derived: what the transfer's document sent, less what its arrivals brought, both without what was
taken back. An arrival is a document of its own about the transfer. Whoever receives says when nothing more will come;
what is missing then is unexplained, with a discrepancy case for each lot or pack. More than was sent is there all the
same: it comes from the unexplained too, with a case.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from gateway.cold_chain.following import follow_arrival
from gateway.db.pool import Connection
from gateway.stock import acts, books, cases, documents
from gateway.stock.acts import ActLine, Actor, Done, Notice
from gateway.stock.controlled_rules import controlled_among
from gateway.stock.documents import Document, NewDocument, line_id
from gateway.stock.errors import DocumentStateError, SecondPersonError, WorkRefusedError
from gateway.stock.lines import Goods, Line
from inventory.movement import MovementKind


@dataclass(frozen=True)
class Sending:
    """What leaves a place for another."""

    document_id: uuid.UUID
    from_place_id: str
    to_place_id: str
    lines: tuple[ActLine, ...]
    note: str = ""


@dataclass(frozen=True)
class Arrival:
    """What arrived of a transfer."""

    document_id: uuid.UUID
    """The arrival's own."""
    transfer_id: uuid.UUID
    lines: tuple[ActLine, ...]
    is_complete: bool = False
    """Nothing more will come; with no lines: nothing came at all."""
    note: str = ""


class TransferKey(NamedTuple):
    """What is followed on its way: a pack, or the unserialised goods of a lot."""

    product_id: str
    lot: str
    gtin: str | None
    """Only with a serial number: loose goods may arrive in other packs than they left in."""
    serial_number: str | None


@dataclass(frozen=True)
class OnTheWay:
    """What of a transfer has not arrived."""

    product_id: str
    lot: str
    expiry_date: date | None
    gtin: str | None
    serial_number: str | None
    quantity: int
    """Base units."""

    @property
    def key(self) -> TransferKey:
        """What it is followed by."""
        return TransferKey(self.product_id, self.lot, self.gtin, self.serial_number)


_ON_THE_WAY = (
    "SELECT m.product_id, m.lot, min(l.expiry_date), CASE WHEN m.serial_number IS NULL THEN NULL ELSE m.gtin END AS g,"
    " m.serial_number, sum(CASE WHEN m.to_account_id = 'in_transit' THEN m.quantity ELSE -m.quantity END)::bigint"
    " FROM movement m JOIN lot l USING (product_id, lot) WHERE 'in_transit' IN (m.from_account_id, m.to_account_id)"
    " AND m.document_id IN (SELECT %(id)s::uuid UNION ALL SELECT d.document_id FROM stock_document d"
    " WHERE d.body ? 'about_document_id' AND d.body ->> 'about_document_id' = %(id)s::text UNION ALL"
    " SELECT r.document_id FROM stock_document d JOIN stock_document r ON r.body ? 'about_document_id'"
    " AND r.body ->> 'about_document_id' = d.document_id::text WHERE d.body ? 'about_document_id'"
    " AND d.body ->> 'about_document_id' = %(id)s::text)"
    " GROUP BY m.product_id, m.lot, g, m.serial_number"
    " HAVING sum(CASE WHEN m.to_account_id = 'in_transit' THEN m.quantity ELSE -m.quantity END) <> 0"
    " ORDER BY 1, 2, 4, 5"
)
"""Of the transfer, its arrivals, what took the transfer back, and what took its arrivals back."""


def send(connection: Connection, act: Sending, actor: Actor) -> Done:
    """Book it in the caller's transaction; a repetition changes nothing.

    Raises:
        WorkRefusedError: `place_unknown`, `same_place`, and what `acts.refuse_no_lines` says.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`: too little there, or held.
    """
    acts.refuse_no_lines(act.lines)
    acts.refuse_same_place(act.from_place_id, act.to_place_id)
    source = acts.account_of(connection, act.from_place_id)
    acts.account_of(connection, act.to_place_id)
    document = NewDocument(
        document_id=act.document_id,
        kind="transfer",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        state="in_transit",
        from_place_id=act.from_place_id,
        to_place_id=act.to_place_id,
        note=act.note,
        zone=actor.zone,
        body=acts.body_of(act.lines),
    )
    lines = acts.numbered(act.document_id, "transfer_out", act.lines, source, "in_transit")
    return acts.write_act(connection, document, lines, actor)


def on_the_way(connection: Connection, transfer_id: uuid.UUID) -> list[OnTheWay]:
    """What of it has not arrived."""
    return [OnTheWay(*row) for row in connection.execute(_ON_THE_WAY, {"id": str(transfer_id)}) if row[5] > 0]


def arrive(connection: Connection, act: Arrival, actor: Actor) -> Done:
    """Book what arrived in the caller's transaction; a repetition changes nothing.

    Two people who receive the same transfer at once wait for each other: what one has received is on its way no more.

    Drugs under special control are received by somebody else than who sent them.

    Raises:
        SecondPersonError: it is who sent them.
        WorkRefusedError: `transfer_unknown`, `nothing_on_the_way`, `not_in_transfer`, and what `acts.refuse_no_lines`
            says.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`.
    """
    transfer = _locked(connection, act.transfer_id)
    if act.lines or not act.is_complete:
        acts.refuse_no_lines(act.lines)
    document = NewDocument(
        document_id=act.document_id,
        kind="transfer",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        from_place_id=transfer.from_place_id,
        to_place_id=transfer.to_place_id,
        note=act.note,
        zone=actor.zone,
        body=acts.body_of(act.lines, about_document_id=str(act.transfer_id), is_complete=act.is_complete),
    )
    outcome = documents.open_document(connection, document)
    if outcome == "exists":
        return acts.done(connection, act.document_id, outcome)
    way = on_the_way(connection, act.transfer_id)
    if not way:
        raise WorkRefusedError(
            "nothing_on_the_way", f"nothing of {transfer.number} is on its way any more", number=transfer.number
        )
    target = acts.account_of(connection, transfer.to_place_id)
    arrived, over, left = _matched(transfer, act.lines, way)
    missing = left if act.is_complete else []
    lines = _numbered(
        act.document_id,
        [("transfer_in", goods, "in_transit", target) for goods in arrived],
        [("adjust_in", goods, "unexplained", target) for goods in over],
        [("adjust_out", goods, "in_transit", "unexplained") for goods in missing],
    )
    doing = acts.doing_of(actor, act.document_id, note=act.note)
    if controlled_among(connection, {line.goods.product_id for line in lines}):
        doing = replace(doing, second_person=_sender(transfer, actor))
    books.book(connection, doing, lines)
    follow_arrival(connection, act.transfer_id, act.document_id, transfer.number, actor.received_at)
    notices = _open_cases(connection, transfer, lines, actor)
    if act.is_complete or not left:
        documents.change_state(connection, act.transfer_id, "posted", actor.received_at)
    return acts.done(connection, act.document_id, outcome, notices)


def _sender(transfer: Document, actor: Actor) -> str:
    """Who sent drugs under special control does not receive them too."""
    if transfer.created_by == actor.person:
        message = f"{transfer.number} was sent by {actor.person!r}: somebody else has to receive controlled drugs"
        raise SecondPersonError("second_person", message, number=transfer.number)
    return transfer.created_by


def _locked(connection: Connection, transfer_id: uuid.UUID) -> Document:
    try:
        document = documents.read_document(connection, transfer_id, lock=True)
    except DocumentStateError:
        document = None
    if document is None or document.kind != "transfer" or "about_document_id" in document.body:
        raise WorkRefusedError("transfer_unknown", f"no transfer {transfer_id}: choose one from the list")
    return document


def _matched(
    transfer: Document, lines: Sequence[ActLine], way: Sequence[OnTheWay]
) -> tuple[list[Goods], list[Goods], list[Goods]]:
    """What of the lines was on its way, what is more than was, and what of it did not come.

    Raises:
        WorkRefusedError: `not_in_transfer`: a serialised pack that was not sent with it.
    """
    left = Counter({each.key: each.quantity for each in way})
    dates = {each.key: each.expiry_date for each in way}
    arrived, over = [], []
    for line in lines:
        is_pack = line.serial_number is not None
        key = TransferKey(line.product_id, line.lot, line.gtin if is_pack else None, line.serial_number)
        if is_pack and left[key] < line.quantity:
            raise WorkRefusedError(
                "not_in_transfer",
                f"pack {line.serial_number!r} of {line.gtin} was not sent with {transfer.number}: put it aside and find"
                " out where it comes from",
                pack=line.serial_number,
                number=transfer.number,
            )
        came = min(line.quantity, max(left[key], 0))
        left[key] -= came
        if came:
            arrived.append(replace(line.goods, quantity=came))
        if line.quantity > came:
            over.append(replace(line.goods, quantity=line.quantity - came))
    missing = [
        Goods(key.product_id, key.lot, dates.get(key), quantity, key.gtin, key.serial_number)
        for key, quantity in left.items()
        if quantity > 0
    ]
    return arrived, over, missing


_Booking = tuple[MovementKind, Goods, str, str]


def _numbered(document_id: uuid.UUID, *groups: list[_Booking]) -> list[Line]:
    together = [booking for group in groups for booking in group]
    return [Line(line_id(document_id, place), *booking) for place, booking in enumerate(together, 1)]


def _open_cases(connection: Connection, transfer: Document, lines: Sequence[Line], actor: Actor) -> tuple[Notice, ...]:
    """One for each lot or pack that did not arrive, or arrived without having been sent."""
    notices = []
    for line in lines:
        if line.kind == "transfer_in":
            continue
        goods = line.goods
        is_over = line.kind == "adjust_in"
        code = "transfer_over" if is_over else "transfer_short"
        what = "arrived and was not sent" if is_over else "was sent and did not arrive"
        pack = f", pack {goods.serial_number}" if goods.serial_number else ""
        detail = f"{transfer.number}: {goods.quantity} of {goods.product_id}, lot {goods.lot!r}{pack} {what}"
        cases.open_case(connection, actor.occurred_at, code, detail, movement_id=line.movement_id)
        values = {"product": goods.product_id, "lot": goods.lot or "-", "quantity": goods.quantity}
        notices.append(Notice(code, values))
    return tuple(notices)
