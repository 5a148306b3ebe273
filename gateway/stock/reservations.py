"""Reservations: what is promised is not free, until it is posted, voided or expired.

A pending reservation moves nothing. It counts against what is free from the moment it is made to `expires_at`, whether
or not `expire_due` has run since.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.db.pool import Connection
from gateway.stock import books, guard, locks
from gateway.stock.errors import ReservationConflictError, ReservationStateError
from gateway.stock.lines import Availability, Doing, Line
from inventory.errors import LedgerError
from inventory.ledger import BalanceKey

Outcome = Literal["created", "exists"]


@dataclass(frozen=True)
class NewReservation:
    """What is to be promised; its id is made by the client."""

    reservation_id: uuid.UUID
    account_id: str
    product_id: str
    lot: str
    quantity: int
    """Base units."""
    created_by: str
    created_at: datetime
    expires_at: datetime
    document_id: uuid.UUID | None = None

    def __post_init__(self) -> None:
        """Refuse what promises nothing.

        Raises:
            LedgerError: naming the value.
        """
        if self.quantity < 1:
            message = f"reservation {self.reservation_id}: quantity {self.quantity}, expected 1 or more"
            raise LedgerError(message, code="bad_quantity", product=self.product_id)
        if self.expires_at <= self.created_at:
            raise LedgerError(f"reservation {self.reservation_id} expires at {self.expires_at}, before it is made")

    @property
    def key(self) -> BalanceKey:
        """The balance that it is of."""
        return BalanceKey(self.account_id, self.product_id, self.lot)


def reserve(connection: Connection, wanted: NewReservation) -> Outcome:
    """Promise it; a repetition changes nothing (`exists`), whatever became of it since.

    Whether the stock may be given out is judged when it is taken, and by whoever proposes it (FEFO).

    Raises:
        InsufficientStockError: less is free; says how much is on hand, reserved and free.
        ReservationConflictError: a reservation of this id is of something else.
    """
    with connection.transaction():
        locks.enter_with_others(connection)
        balances = locks.lock_existing_balances(connection, [wanted.key])
        content = (*wanted.key, wanted.quantity, wanted.document_id)
        row = connection.execute(
            "SELECT account_id, product_id, lot, quantity, document_id FROM stock_reservation"
            " WHERE reservation_id = %s",
            (wanted.reservation_id,),
        ).fetchone()
        if row is not None:
            if row != content:
                raise ReservationConflictError(
                    "id_conflict", f"reservation {wanted.reservation_id} is of {row!r}, and came as {content!r}"
                )
            return "exists"
        reserved = guard.reserved(connection, [wanted.key], wanted.created_at)
        there = Availability(balances.get(wanted.key, 0), reserved.get(wanted.key, 0))
        if there.free < wanted.quantity:
            raise guard.too_little(wanted.key, wanted.quantity, there)
        written = connection.execute(
            "INSERT INTO stock_reservation (reservation_id, account_id, product_id, lot, quantity, document_id,"
            " created_by, created_at, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (wanted.reservation_id, *content, wanted.created_by, wanted.created_at, wanted.expires_at),
        )
        if written.rowcount == 0:
            message = f"reservation {wanted.reservation_id} was made at the same moment elsewhere"
            raise ReservationConflictError("id_conflict", message)
    return "created"


def post(connection: Connection, doing: Doing, taken: Mapping[uuid.UUID, Line], *, guarded: bool = True) -> Outcome:
    """Take what was reserved: each line by its reservation, all in one booking; what a line leaves is free again.

    Raises:
        ReservationStateError: one is not pending any more, or of other goods, or of fewer.
        LedgerError: as `books.book`.
    """
    with connection.transaction():
        rows = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT reservation_id, state, movement_id, expires_at, account_id, product_id, lot, quantity"
                " FROM stock_reservation WHERE reservation_id = ANY(%s) ORDER BY reservation_id FOR UPDATE",
                (list(taken),),
            )
        }
        pending = [
            reservation_id
            for reservation_id, line in taken.items()
            if not _is_settled(reservation_id, rows.get(reservation_id), line, doing.received_at)
        ]
        outcome = books.book(connection, doing, list(taken.values()), guard=guarded, settles=pending)
        for reservation_id in pending:
            connection.execute(
                "UPDATE stock_reservation SET state = 'posted', settled_at = %s, movement_id = %s"
                " WHERE reservation_id = %s",
                (doing.received_at, taken[reservation_id].movement_id, reservation_id),
            )
    return outcome


def void(connection: Connection, reservation_id: uuid.UUID, now: datetime) -> Outcome:
    """Take the promise back; `exists` if it is voided or expired already.

    Raises:
        ReservationStateError: there is none of this id, or what it promised was taken.
    """
    row = connection.execute(
        "SELECT state FROM stock_reservation WHERE reservation_id = %s FOR UPDATE", (reservation_id,)
    ).fetchone()
    if row is None or row[0] == "posted":
        message = f"reservation {reservation_id} is {row[0] if row else 'unknown'}: nothing to void"
        raise ReservationStateError("promise_over", message)
    if row[0] != "pending":
        return "exists"
    connection.execute(
        "UPDATE stock_reservation SET state = 'voided', settled_at = %s WHERE reservation_id = %s",
        (now, reservation_id),
    )
    return "created"


def expire_due(connection: Connection, now: datetime) -> int:
    """Note those whose time is over; how many. One that somebody takes or voids at this moment is left alone."""
    done = connection.execute(
        "UPDATE stock_reservation SET state = 'expired', settled_at = %(now)s WHERE reservation_id IN"
        " (SELECT reservation_id FROM stock_reservation WHERE state = 'pending' AND expires_at <= %(now)s"
        " ORDER BY reservation_id FOR UPDATE SKIP LOCKED)",
        {"now": now},
    )
    return done.rowcount


def _is_settled(reservation_id: uuid.UUID, row: tuple[object, ...] | None, line: Line, now: datetime) -> bool:
    """By this very line; then only the books are asked again."""
    if row is None:
        raise ReservationStateError("promise_over", f"no reservation {reservation_id}")
    state, movement_id, expires_at, *goods, quantity = row
    if state == "posted" and movement_id == line.movement_id:
        return True
    if state != "pending" or not isinstance(expires_at, datetime) or expires_at <= now:
        over = "expired" if state == "pending" else state
        raise ReservationStateError("promise_over", f"reservation {reservation_id} is {over}: reserve again")
    wanted = [line.from_account_id, line.goods.product_id, line.goods.lot]
    if goods != wanted or not isinstance(quantity, int) or line.goods.quantity > quantity:
        raise ReservationStateError(
            "promise_over",
            f"reservation {reservation_id} is of {quantity} of {goods!r}, not of {line.goods.quantity} of {wanted!r}",
        )
    return False
