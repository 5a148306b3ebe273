"""Picking: each pack that is scanned for a draft, checked as it is scanned, and refused with the reason at once."""

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock import books, guard, locks, outgoing, reservations
from gateway.stock.allocation import accounts_of_place
from gateway.stock.documents import Document
from gateway.stock.errors import DocumentStateError, WorkConflictError, WorkRefusedError
from gateway.stock.holds import state_of
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.reservations import NewReservation
from gateway.stock.scanned_goods import ScannedGoods, read_goods
from inventory.ledger import BalanceKey
from inventory.lot_state import lot_state

Note = Literal["", "other_lot", "lot_as_proposed"]
"""`other_lot`: sound, but not the one that was proposed. `lot_as_proposed`: the code names no lot."""


@dataclass(frozen=True)
class NewPick:
    """A pack, or a part of one, that a person takes for a draft; its id is made by the client."""

    pick_id: uuid.UUID
    document_id: uuid.UUID
    person: str
    code: str
    """As scanned, or the product's own code as typed."""
    quantity: int | None = None
    """Base units; None: the whole pack, as far as it is needed."""
    lot: str | None = None
    """Where the code names none."""
    zone: ZoneInfo = field(default=HOSPITAL_ZONE)


@dataclass(frozen=True)
class Pick:
    """One that is taken."""

    pick_id: uuid.UUID
    account_id: str
    product_id: str
    lot: str
    expiry_date: date | None
    gtin: str | None
    serial_number: str | None
    quantity: int
    note: Note
    picked_by: str
    picked_at: datetime
    scan_text: str


@dataclass(frozen=True)
class _Chosen:
    """From which lot where, and why it may be other than proposed."""

    account_id: str
    lot: str
    note: Note


def pick(connection: Connection, new: NewPick, now: datetime) -> Literal["created", "exists"]:
    """Take it, and promise what is not promised yet; a repetition changes nothing.

    Raises:
        WorkRefusedError: wrong product, not to be given out, elsewhere, promised to somebody else, more than asked for.
        WorkConflictError: the id is known with another code.
        DocumentStateError: the document is no draft any more.
    """
    with connection.transaction():
        document = outgoing.read_outgoing(connection, new.document_id, lock=True)
        known = connection.execute(
            "SELECT document_id, scan_text FROM stock_pick WHERE pick_id = %s", (new.pick_id,)
        ).fetchone()
        if known is not None:
            if known != (new.document_id, storable(new.code)):
                raise WorkConflictError("id_conflict", f"pick {new.pick_id} is known with another code")
            return "exists"
        _require_draft(document)
        goods = read_goods(connection, new.code, now.astimezone(new.zone).date())
        missing = _missing(connection, document, goods.product_id)
        chosen = _choose(connection, document, goods, new.lot)
        quantity = _quantity(new, goods, missing)
        _refuse_unsound(connection, goods, chosen, now.astimezone(new.zone).date())
        _refuse_picked_pack(connection, document, goods, now)
        key = BalanceKey(chosen.account_id, goods.product_id, chosen.lot)
        _promise_rest(connection, new, key, quantity, now)
        connection.execute(
            "INSERT INTO stock_pick (pick_id, document_id, account_id, product_id, lot, expiry_date, gtin,"
            " serial_number, quantity, note, scan_text, picked_by, picked_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(new.pick_id, new.document_id, chosen.account_id, goods.product_id, chosen.lot, goods.expiry_date),
                *(goods.gtin, goods.serial_number, quantity, chosen.note, storable(new.code), new.person, now),
            ),
        )
    return "created"


def put_back(connection: Connection, document_id: uuid.UUID, pick_id: uuid.UUID, now: datetime) -> bool:
    """Take a pick back; False if there is none (any more).

    Raises:
        DocumentStateError: the document is no draft any more.
    """
    with connection.transaction():
        _require_draft(outgoing.read_outgoing(connection, document_id, lock=True))
        gone = connection.execute(
            "DELETE FROM stock_pick WHERE pick_id = %s AND document_id = %s", (pick_id, document_id)
        )
        promised = connection.execute(
            "SELECT reservation_id FROM stock_reservation WHERE reservation_id = %s AND state = 'pending'",
            (promise_of(pick_id),),
        ).fetchone()
        if promised is not None:
            reservations.void(connection, promised[0], now)
    return gone.rowcount > 0


def picks_of(connection: Connection, document_id: uuid.UUID) -> list[Pick]:
    """In the order they were taken."""
    rows = connection.execute(
        "SELECT pick_id, account_id, product_id, lot, expiry_date, gtin, serial_number, quantity, note, picked_by,"
        " picked_at, scan_text FROM stock_pick WHERE document_id = %s ORDER BY picked_at, pick_id",
        (document_id,),
    )
    return [Pick(*row) for row in rows]


def promise_of(pick_id: uuid.UUID) -> uuid.UUID:
    """The reservation of what a pick takes beyond the proposal."""
    return uuid.uuid5(pick_id, "promise")


def _require_draft(document: Document) -> None:
    if document.state != "draft":
        message = f"{document.number} is {document.state}: nothing can be picked for it any more"
        raise DocumentStateError("document_state", message, number=document.number, state=document.state)


def _missing(connection: Connection, document: Document, product_id: str) -> int:
    """Base units of this product that are still to be picked."""
    asked = next((line["quantity"] for line in document.body["lines"] if line["product_id"] == product_id), None)
    if asked is None:
        raise WorkRefusedError(
            "wrong_product", f"product {product_id!r} is not on {document.number}: put it back", product=product_id
        )
    picked = sum(one.quantity for one in picks_of(connection, document.document_id) if one.product_id == product_id)
    if picked >= asked:
        message = f"{asked} of product {product_id!r} were asked for, and are picked already"
        raise WorkRefusedError("line_complete", message, product=product_id, quantity=asked)
    return int(asked) - picked


def _quantity(new: NewPick, goods: ScannedGoods, missing: int) -> int:
    wanted = new.quantity if new.quantity is not None else min(goods.units or missing, missing)
    if wanted < 1:
        raise WorkRefusedError("bad_quantity", f"{wanted} base units: expected 1 or more", product=goods.product_id)
    if wanted > missing:
        message = f"{wanted} base units, but only {missing} are still needed"
        raise WorkRefusedError("more_than_asked", message, product=goods.product_id, quantity=wanted, missing=missing)
    if goods.serial_number is not None and goods.units is not None and wanted > goods.units:
        message = f"pack {goods.serial_number!r} has {goods.units} base units, {wanted} wanted"
        facts = {"pack": goods.serial_number, "product": goods.product_id, "wanted": wanted, "units": goods.units}
        raise WorkRefusedError("more_than_pack", message, **facts)
    return wanted


def _choose(connection: Connection, document: Document, goods: ScannedGoods, typed_lot: str | None) -> _Chosen:
    """The lot that was scanned, where it stands; as proposed where the code leaves it open."""
    accounts = accounts_of_place(connection, document.from_place_id or "")
    mine = [one for one in document.body["proposed"] if one["product_id"] == goods.product_id]
    if goods.pack is not None:
        if goods.pack.account_id not in accounts:
            message = f"pack {goods.serial_number!r}: the books have it at {goods.pack.account_id!r}, not here"
            raise WorkRefusedError("pack_elsewhere", message, pack=goods.serial_number, account=goods.pack.account_id)
        is_proposed = any(one["lot"] == goods.pack.lot for one in mine)
        return _Chosen(goods.pack.account_id, goods.pack.lot, "" if is_proposed else "other_lot")
    lot = goods.lot if goods.lot is not None else typed_lot
    if lot is None:
        taken = picks_of(connection, document.document_id)
        for one in mine:
            key = (one["account_id"], one["product_id"], one["lot"])
            if sum(p.quantity for p in taken if (p.account_id, p.product_id, p.lot) == key) < one["quantity"]:
                return _Chosen(one["account_id"], one["lot"], "lot_as_proposed")
        raise WorkRefusedError("lot_unknown", "the code names no lot, and none is proposed: type the lot")
    here = next((one["account_id"] for one in mine if one["lot"] == lot), None) or _where(
        connection, goods.product_id, lot, accounts
    )
    return _Chosen(here, lot, "" if any(one["lot"] == lot for one in mine) else "other_lot")


def _where(connection: Connection, product_id: str, lot: str, accounts: tuple[str, ...]) -> str:
    rows = connection.execute(
        "SELECT account_id, quantity FROM stock_balance WHERE product_id = %s AND lot = %s AND quantity > 0",
        (product_id, lot),
    ).fetchall()
    standing = {str(row[0]) for row in rows}
    here = next((account for account in accounts if account in standing), None)
    if here is None:
        elsewhere = sorted(one for one in standing if one.startswith("place:"))
        message = f"lot {lot!r} of {product_id!r} is not in the books here (elsewhere: {', '.join(elsewhere) or '-'})"
        raise WorkRefusedError("lot_not_here", message, product=product_id, lot=lot, elsewhere=elsewhere)
    return here


def _refuse_unsound(connection: Connection, goods: ScannedGoods, chosen: _Chosen, today: date) -> None:
    """Held or expired: by the books, or by what the pack itself says."""
    key = (goods.gtin, goods.serial_number) if goods.gtin and goods.serial_number else None
    state = state_of(connection, goods.product_id, chosen.lot, chosen.account_id, today, pack=key)
    if not state.may_be_given_out:
        message = f"lot {chosen.lot!r} of {goods.product_id!r} is not given out: {state.text}"
        raise WorkRefusedError("not_given_out", message, product=goods.product_id, lot=chosen.lot, why=state.facts())
    if goods.expiry_date is not None and goods.expiry_date < today:
        expired = lot_state((), goods.expiry_date, today)
        message = f"lot {chosen.lot!r} of {goods.product_id!r} is not given out: {expired.text}"
        raise WorkRefusedError("not_given_out", message, product=goods.product_id, lot=chosen.lot, why=expired.facts())


def _refuse_picked_pack(connection: Connection, document: Document, goods: ScannedGoods, now: datetime) -> None:
    """A serialised pack is in one person's basket only, and there once."""
    if goods.serial_number is None:
        return
    locks.enter_with_others(connection)
    locks.lock_packs(connection, [(goods.gtin or "", goods.serial_number)])
    row = connection.execute(
        "SELECT d.number, p.picked_by FROM stock_pick p JOIN stock_document d USING (document_id)"
        " WHERE p.gtin = %s AND p.serial_number = %s AND (d.document_id = %s OR d.state = 'waiting_second'"
        " OR (d.state = 'draft' AND EXISTS (SELECT FROM stock_reservation r WHERE r.document_id = d.document_id"
        " AND r.state = 'pending' AND r.expires_at > %s))) LIMIT 1",
        (goods.gtin, goods.serial_number, document.document_id, now),
    ).fetchone()
    if row is not None:
        message = f"pack {goods.serial_number!r} is picked already, by {row[1]} for {row[0]}"
        raise WorkRefusedError("picked_already", message, pack=goods.serial_number, person=row[1], number=row[0])


def _promise_rest(connection: Connection, new: NewPick, key: BalanceKey, quantity: int, now: datetime) -> None:
    """Promise what this pick takes beyond what its document holds of the lot already.

    Raises:
        WorkRefusedError: the rest is promised to somebody else, who is named, or is not there.
    """
    locks.enter_with_others(connection)
    locks.lock_existing_balances(connection, [key])
    there = books.availability(connection, *key, now=now)
    free = there.free - guard.units_held_at(connection, key)
    ours, picked = _held_by(connection, new.document_id, key, now)
    beyond = picked + quantity - ours
    if beyond <= 0:
        return
    if free < beyond:
        holders = _holders(connection, key, now)
        raise WorkRefusedError(
            *("promised", f"{guard.too_little(key, beyond, there)}; promised to: {'; '.join(holders) or '-'}"),
            product=key.product_id,
            lot=key.lot,
            free=max(free, 0),
            holders=holders,
        )
    reservations.reserve(
        connection,
        NewReservation(
            *(promise_of(new.pick_id), *key, beyond, new.person, now, now + outgoing.PICKING_TIME),
            document_id=new.document_id,
        ),
    )


def _held_by(connection: Connection, document_id: uuid.UUID, key: BalanceKey, now: datetime) -> tuple[int, int]:
    """Base units of the lot there that the document has promised, and that are picked for it."""
    row: Any = connection.execute(
        "SELECT (SELECT coalesce(sum(quantity), 0) FROM stock_reservation WHERE document_id = %(document)s"
        " AND state = 'pending' AND expires_at > %(now)s AND (account_id, product_id, lot) = (%(a)s, %(p)s, %(l)s)),"
        " (SELECT coalesce(sum(quantity), 0) FROM stock_pick WHERE document_id = %(document)s"
        " AND (account_id, product_id, lot) = (%(a)s, %(p)s, %(l)s))",
        {"document": document_id, "now": now, "a": key.account_id, "p": key.product_id, "l": key.lot},
    ).fetchone()
    return int(row[0]), int(row[1])


def _holders(connection: Connection, key: BalanceKey, now: datetime) -> list[str]:
    """Who has promises on it, and for which document."""
    rows = connection.execute(
        "SELECT DISTINCT concat_ws(', ', r.created_by, d.number) FROM stock_reservation r LEFT JOIN stock_document d"
        " USING (document_id) WHERE (r.account_id, r.product_id, r.lot) = (%s, %s, %s) AND r.state = 'pending'"
        " AND r.expires_at > %s ORDER BY 1",
        (*key, now),
    )
    return [str(row[0]) for row in rows]
