"""The stock books in the database: a movement, its two postings and the balances, always together.

Integer base units, double entry: what leaves one account enters another, so that all postings sum to zero. Nothing is
ever changed or deleted; a balance is a projection of postings, moved in the same transaction and provable by replay.
"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.occurrence import Occurrence
from inventory.ledger import Movement, postings_of

MovementKind = Literal["receive", "issue", "found"]


@dataclass(frozen=True)
class Goods:
    """What is moved: one pack, or a quantity of a lot."""

    gtin: str
    lot: str
    expiry_date: date | None
    serial_number: str | None
    quantity: int
    """In base units."""


@dataclass(frozen=True)
class Pack:
    """Where the books have a serialised pack."""

    lot: str
    expiry_date: date | None
    account_id: str
    last_movement_id: uuid.UUID
    last_moved_at: datetime


@dataclass(frozen=True)
class Move:
    """A movement to be written."""

    movement_id: uuid.UUID
    kind: MovementKind
    goods: Goods
    from_account_id: str
    to_account_id: str


def place_account(connection: Connection, place_id: str) -> str:
    """The account of a place, opened when it is first needed."""
    account_id = f"place:{place_id}"
    connection.execute(
        "INSERT INTO stock_account (account_id, place_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (account_id, place_id),
    )
    row = connection.execute("SELECT account_id FROM stock_account WHERE place_id = %s", (place_id,)).fetchone()
    if row is None:
        raise RuntimeError(f"the account of place {place_id!r} vanished: something deletes accounts")
    return str(row[0])


def lock_pack(connection: Connection, gtin: str, serial_number: str) -> Pack | None:
    """The pack as the books have it; nobody else can move it (or enter it) until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7203005))", (f"{gtin}/{serial_number}",))
    row = connection.execute(
        "SELECT pack.lot, pack.expiry_date, account_id, last_movement_id, movement.occurred_at"
        " FROM pack JOIN movement ON movement_id = last_movement_id WHERE pack.gtin = %s AND pack.serial_number = %s",
        (gtin, serial_number),
    ).fetchone()
    return None if row is None else Pack(*row)


def lock_balance(connection: Connection, account_id: str, goods: Goods) -> int:
    """Base units of the lot in the account; locked until the transaction ends."""
    row = connection.execute(
        "SELECT quantity FROM stock_balance WHERE account_id = %s AND gtin = %s AND lot = %s FOR UPDATE",
        (account_id, goods.gtin, goods.lot),
    ).fetchone()
    return 0 if row is None else int(row[0])


def write_move(connection: Connection, at: Occurrence, move: Move) -> None:
    """Write the movement, its postings and the balances.

    Raises:
        LedgerError: not a movement that the books can take.
        psycopg.errors.CheckViolation: an account that may not be negative would become so.
        psycopg.errors.UniqueViolation: a movement of this id exists.
    """
    goods = move.goods
    postings = postings_of(
        Movement(
            movement_id=move.movement_id,
            kind=move.kind,
            gtin=goods.gtin,
            lot=goods.lot,
            quantity=goods.quantity,
            from_account_id=move.from_account_id,
            to_account_id=move.to_account_id,
            occurred_at=at.occurred_at,
        )
    )
    connection.execute(
        "INSERT INTO movement (movement_id, kind, occurred_at, received_at, gtin, lot, expiry_date, serial_number,"
        " quantity, from_account_id, to_account_id, device_key, epoch_key, seq)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(move.movement_id, move.kind, at.occurred_at, at.received_at, goods.gtin, goods.lot, goods.expiry_date),
            *(goods.serial_number, goods.quantity, move.from_account_id, move.to_account_id),
            *(at.device_key, at.epoch_key, at.seq),
        ),
    )
    # Balances are locked in the order of their accounts, whichever way the goods go.
    for posting in sorted(postings, key=lambda posting: posting.account_id):
        connection.execute(
            "INSERT INTO posting (movement_id, account_id, gtin, lot, quantity) VALUES (%s, %s, %s, %s, %s)",
            (posting.movement_id, posting.account_id, posting.gtin, posting.lot, posting.quantity),
        )
        _move_balance(connection, posting.account_id, goods, posting.quantity)


def _move_balance(connection: Connection, account_id: str, goods: Goods, quantity: int) -> None:
    """A scan without expiry date never blanks a known one."""
    key = {"account": account_id, "gtin": goods.gtin, "lot": goods.lot}
    moved = connection.execute(
        "UPDATE stock_balance SET quantity = quantity + %(quantity)s,"
        " expiry_date = coalesce(%(expiry)s, expiry_date)"
        " WHERE account_id = %(account)s AND gtin = %(gtin)s AND lot = %(lot)s",
        key | {"quantity": quantity, "expiry": goods.expiry_date},
    )
    if moved.rowcount == 0:
        connection.execute(
            "INSERT INTO stock_balance (account_id, gtin, lot, quantity, expiry_date)"
            " VALUES (%(account)s, %(gtin)s, %(lot)s, %(quantity)s, %(expiry)s)"
            " ON CONFLICT (account_id, gtin, lot)"
            " DO UPDATE SET quantity = stock_balance.quantity + excluded.quantity,"
            " expiry_date = coalesce(excluded.expiry_date, stock_balance.expiry_date)",
            key | {"quantity": quantity, "expiry": goods.expiry_date},
        )


def place_pack(connection: Connection, move: Move) -> None:
    """Note where a serialised pack is after a movement."""
    goods = move.goods
    if goods.serial_number is None:
        return
    connection.execute(
        "INSERT INTO pack (gtin, serial_number, lot, expiry_date, account_id, last_movement_id)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (gtin, serial_number) DO UPDATE SET"
        " account_id = excluded.account_id, last_movement_id = excluded.last_movement_id,"
        " expiry_date = coalesce(pack.expiry_date, excluded.expiry_date)",
        (goods.gtin, goods.serial_number, goods.lot, goods.expiry_date, move.to_account_id, move.movement_id),
    )


def open_discrepancy(
    connection: Connection, at: Occurrence, code: str, detail: str, movement_id: uuid.UUID | None
) -> None:
    """A case that someone resolves: a scan contradicts the books, or can't be booked."""
    connection.execute(
        "INSERT INTO discrepancy (opened_at, code, detail, epoch_key, seq, movement_id)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (at.occurred_at, code, storable(detail), at.epoch_key, at.seq, movement_id),
    )


def settle_not_in_books(connection: Connection, movement_id: uuid.UUID, resolution: str, now: datetime) -> bool:
    """Resolve the open case that a `found` movement made; False if there is none."""
    done = connection.execute(
        "UPDATE discrepancy SET resolved_at = %s, resolved_by = 'late scan', resolution = %s"
        " WHERE code = 'not_in_books' AND movement_id = %s AND resolved_at IS NULL",
        (now, resolution, movement_id),
    )
    return done.rowcount > 0
