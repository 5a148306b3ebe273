"""Handing over: what was picked leaves the books of its place; with drugs under special control, by two people.

What is short stays on the document. Every line is booked or none is; the promises of the document are settled with it.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.stock import books, documents, outgoing, reservations
from gateway.stock.controlled_rules import BlindCount, controlled_among, open_count_case
from gateway.stock.documents import Document, line_id
from gateway.stock.errors import DocumentStateError, SecondPersonError, WorkRefusedError
from gateway.stock.lines import HOSPITAL_ZONE, Doing, Goods, Line
from gateway.stock.packs import is_inside, read_packs
from gateway.stock.picking import picks_of
from inventory.ledger import BalanceKey
from inventory.movement import MovementKind

_KIND_OF: Final[Mapping[str, MovementKind]] = {"issue": "issue", "dispensing": "dispense", "destruction": "waste"}


@dataclass(frozen=True)
class Given:
    """What leaves of one lot, or of one pack."""

    account_id: str
    product_id: str
    lot: str
    quantity: int
    gtin: str | None = None
    serial_number: str | None = None
    expiry_date: date | None = None

    def to_json(self) -> dict[str, Any]:
        """As the document keeps it."""
        return {**vars(self), "expiry_date": None if self.expiry_date is None else self.expiry_date.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Given":
        """As the document has it."""
        expiry = value.get("expiry_date")
        return cls(**{**value, "expiry_date": None if expiry is None else date.fromisoformat(expiry)})


def complete(
    connection: Connection,
    document_id: uuid.UUID,
    person: str,
    now: datetime,
    *,
    as_proposed: bool = False,
    zone: ZoneInfo = HOSPITAL_ZONE,
) -> Document:
    """Hand over what was picked: booked at once, or waiting for a second person. Told again, it answers as before.

    With `as_proposed`, of products that nothing was scanned for goes out what was proposed.

    Raises:
        WorkRefusedError: nothing is picked, or somebody else began a document of controlled drugs.
        DocumentStateError: it is cancelled.
        LedgerError: the books refuse a line; nothing is booked then.
    """
    with connection.transaction():
        document = outgoing.read_outgoing(connection, document_id, lock=True)
        if document.state in {"posted", "waiting_second"}:
            return document
        if document.state == "cancelled":
            message = f"{document.number} is cancelled: begin a new one"
            raise DocumentStateError("document_state", message, number=document.number, state=document.state)
        given = _given(connection, document, as_proposed=as_proposed)
        outgoing.add_to_body(
            connection, document_id, {"given": [one.to_json() for one in given], **_results(document, given)}
        )
        if controlled_among(connection, {one.product_id for one in given}):
            if document.created_by != person:
                message = (
                    f"{document.number} has controlled drugs and was begun by {document.created_by!r}, who hands over"
                )
                raise WorkRefusedError("begun_by_another", message, person=document.created_by)
            return _wait(connection, document, given, now)
        book_given(connection, document, given, now, person=person, zone=zone)
        return documents.change_state(connection, document_id, "posted", now)


def confirm(
    connection: Connection,
    document_id: uuid.UUID,
    person: str,
    now: datetime,
    counted: Mapping[str, int],
    *,
    zone: ZoneInfo = HOSPITAL_ZONE,
) -> Document:
    """The second person: counts blind what is left of each controlled drug, and confirms. Told again: as before.

    A count that differs from the books stops nothing: what happened is booked, and a case is open.

    Raises:
        SecondPersonError: it is the first person.
        DocumentStateError: it waits for nobody.
        WorkRefusedError: a controlled drug was not counted.
        LedgerError: the books refuse a line.
    """
    with connection.transaction():
        before = outgoing.read_outgoing(connection, document_id, lock=True)
        if before.state == "posted" and before.second_person == person:
            return before
        if before.created_by == person:
            message = f"{before.number} was made by {person!r}: somebody else has to confirm it"
            raise SecondPersonError("second_person", message, number=before.number)
        given = [Given.from_json(one) for one in before.body.get("given", [])]
        needed = controlled_among(connection, {one.product_id for one in given})
        missing = sorted(needed - set(counted))
        if missing:
            message = f"how much is left of {missing[0]!r} was not counted: count it before you confirm"
            raise WorkRefusedError("not_counted", message, product=missing[0])
        document = documents.confirm_second(connection, document_id, person, now)
        book_given(connection, document, given, now, person=document.created_by, second_person=person, zone=zone)
        outgoing.add_to_body(connection, document_id, {"counted": dict(counted)})
        for product_id in sorted(needed):
            count = _count_of(connection, product_id, counted[product_id], given)
            if count.counted != count.expected:
                open_count_case(connection, document, count, now)
        return outgoing.read_outgoing(connection, document_id)


def book_given(
    connection: Connection,
    document: Document,
    given: Sequence[Given],
    now: datetime,
    *,
    person: str,
    second_person: str | None = None,
    zone: ZoneInfo = HOSPITAL_ZONE,
) -> Literal["created", "exists"]:
    """Book a document's lines and settle its promises: taken, or free again.

    Raises:
        LedgerError: the books refuse a line.
    """
    target = _target(connection, document)
    doing = Doing(
        occurred_at=now,
        received_at=now,
        client="web" if document.body.get("client") == "web" else "api",
        person=person,
        second_person=second_person,
        document_id=document.document_id,
        reason_code=document.reason_code,
        note=document.note,
        zone=zone,
    )
    lines = [line for number, one in enumerate(given, 1) for line in _lines(connection, document, number, one, target)]
    promised = connection.execute(
        "SELECT reservation_id, account_id, product_id, lot FROM stock_reservation WHERE document_id = %s"
        " AND state = 'pending' ORDER BY reservation_id FOR UPDATE",
        (document.document_id,),
    ).fetchall()
    outcome = books.book(connection, doing, lines, settles=[row[0] for row in promised])
    by_key = {
        BalanceKey(line.from_account_id, line.goods.product_id, line.goods.lot): line
        for line in reversed(lines)
        if line.kind == _KIND_OF[document.kind]
    }
    for reservation_id, *key in promised:
        line = by_key.get(BalanceKey(*key))
        connection.execute(
            "UPDATE stock_reservation SET state = %s, settled_at = %s, movement_id = %s WHERE reservation_id = %s",
            ("posted" if line else "voided", now, line.movement_id if line else None, reservation_id),
        )
    return outcome


def _lines(connection: Connection, document: Document, number: int, one: Given, target: str) -> list[Line]:
    """One movement; of a part of a serialised pack that goes to another place three.

    The pack can't be in two places: it is opened where it stands, and what is taken out of it goes on loose.
    """
    goods = Goods(one.product_id, one.lot, one.expiry_date, one.quantity, one.gtin, one.serial_number)
    this = Line(line_id(document.document_id, number), _KIND_OF[document.kind], goods, one.account_id, target)
    if one.serial_number is None or one.gtin is None or not is_inside(target):
        return [this]
    key = (one.gtin, one.serial_number)
    pack = read_packs(connection, [key]).get(key)
    if pack is None or pack.units <= one.quantity:
        return [this]
    loose = replace(goods, gtin=None, serial_number=None)
    opened, out = (uuid.uuid5(document.document_id, f"{number} {step}") for step in ("opened", "taken out"))
    return [
        Line(opened, "repack_out", goods, one.account_id, "repacked"),
        Line(out, "repack_in", loose, "repacked", one.account_id),
        replace(this, goods=loose),
    ]


def _target(connection: Connection, document: Document) -> str:
    if document.kind == "destruction":
        return "wasted"
    return books.place_account(connection, document.to_place_id or "") if document.kind == "issue" else "dispensed"


def _given(connection: Connection, document: Document, *, as_proposed: bool) -> list[Given]:
    picks = picks_of(connection, document.document_id)
    given = [
        Given(one.account_id, one.product_id, one.lot, one.quantity, one.gtin, one.serial_number, one.expiry_date)
        for one in picks
    ]
    if as_proposed:
        scanned = {one.product_id for one in picks}
        given += [
            Given(one["account_id"], one["product_id"], one["lot"], one["quantity"])
            for one in document.body["proposed"]
            if one["product_id"] not in scanned
        ]
    if not given:
        raise WorkRefusedError("nothing_picked", f"nothing is picked for {document.number}: pick, or cancel it")
    return _loose_together(given)


def _loose_together(given: Sequence[Given]) -> list[Given]:
    """Packs one by one; what is loose, of one lot in one place, together."""
    packs = [one for one in given if one.serial_number is not None]
    loose: Counter[tuple[str, str, str, str | None]] = Counter()
    for one in given:
        if one.serial_number is None:
            loose[one.account_id, one.product_id, one.lot, one.gtin] += one.quantity
    return packs + [Given(*key[:3], quantity, key[3]) for key, quantity in loose.items()]


def _results(document: Document, given: Sequence[Given]) -> dict[str, Any]:
    """What was asked for, what goes out and what is short, product by product: it stays on the document."""
    out: Counter[str] = Counter()
    for one in given:
        out[one.product_id] += one.quantity
    lines = document.body["lines"]
    return {
        "results": [
            {
                "product_id": line["product_id"],
                "asked": line["quantity"],
                "given": out[line["product_id"]],
                "short": max(0, line["quantity"] - out[line["product_id"]]),
            }
            for line in lines
        ]
    }


def _wait(connection: Connection, document: Document, given: Sequence[Given], now: datetime) -> Document:
    """For the second person: exactly what was picked stays promised, into the next shift."""
    keys = {(one.account_id, one.product_id, one.lot) for one in given}
    rows = connection.execute(
        "SELECT reservation_id, account_id, product_id, lot FROM stock_reservation WHERE document_id = %s"
        " AND state = 'pending' ORDER BY reservation_id FOR UPDATE",
        (document.document_id,),
    ).fetchall()
    for reservation_id, *key in rows:
        if tuple(key) in keys:
            connection.execute(
                "UPDATE stock_reservation SET expires_at = %s WHERE reservation_id = %s",
                (now + outgoing.WAITING_TIME, reservation_id),
            )
        else:
            reservations.void(connection, reservation_id, now)
    return documents.change_state(connection, document.document_id, "waiting_second", now)


def _count_of(connection: Connection, product_id: str, counted: int, given: Sequence[Given]) -> BlindCount:
    """The blind count beside the books, over the places that the goods were taken from."""
    accounts = tuple(sorted({one.account_id for one in given if one.product_id == product_id}))
    row = connection.execute(
        "SELECT coalesce(sum(quantity), 0) FROM stock_balance WHERE product_id = %s AND account_id = ANY(%s)",
        (product_id, list(accounts)),
    ).fetchone()
    return BlindCount(product_id, counted, int(row[0]) if row else 0, accounts)
