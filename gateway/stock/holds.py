"""Holds: decisions that stock must not be given out, each with its scope, its reason and who made it.

Whether a lot may be given out is derived from them and its expiry date each time (`inventory.lot_state`), never stored.
One person places a hold; releasing it takes two.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock import locks
from gateway.stock.errors import HoldConflictError, HoldStateError, SecondPersonError
from gateway.stock.guard import expiry_date_of, open_holds_of
from inventory.lot_state import Hold, HoldKind, LotState, PackKey, holds_on, lot_state

Outcome = Literal["created", "exists"]


@dataclass(frozen=True)
class NewHold:
    """What is to be held; its id is made by the client. What a scope does not name, it does not limit."""

    hold_id: uuid.UUID
    kind: HoldKind
    product_id: str
    reason: str
    placed_by: str
    """A person, or what placed it, such as `cold chain`."""
    placed_at: datetime
    lot: str | None = None
    """None: every lot."""
    account_id: str | None = None
    """None: wherever it stands."""
    gtin: str | None = None
    serial_number: str | None = None
    """With `gtin`: this one pack."""
    reason_code: str | None = None
    recall_id: uuid.UUID | None = None
    quantity: int | None = None
    """So many base units of a lot in one place; None: all that is in its scope."""
    document_id: uuid.UUID | None = None
    """The act that placed it: taken back, it ends the hold (`end_holds_of`)."""

    def __post_init__(self) -> None:
        """Refuse what holds nothing.

        Raises:
            InventoryError: see `inventory.lot_state.Hold`.
        """
        Hold(
            *(self.kind, self.product_id, self.reason, self.placed_by, self.placed_at),
            *(self.lot, self.account_id, self.gtin, self.serial_number),
            quantity=self.quantity,
        )


@dataclass(frozen=True)
class ReleaseAsked:
    """A release that waits for its second person."""

    hold_id: uuid.UUID
    released_by: str
    asked_at: datetime
    reason: str


_INSERT: Final = (
    "INSERT INTO stock_hold (hold_id, placed_at, kind, product_id, lot, account_id, gtin, serial_number,"
    " reason_code, reason, recall_id, placed_by, quantity, document_id)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (hold_id) DO NOTHING"
)


def place_hold(connection: Connection, hold: NewHold) -> Outcome:
    """From the moment this is committed nothing in its scope is given out: acts under way are waited for.

    Raises:
        HoldConflictError: a hold of this id is of something else.
        psycopg.errors.ForeignKeyViolation: it names an account that there is not.
    """
    with connection.transaction():
        locks.enter_alone(connection)
        return write_hold(connection, hold)


def write_hold(connection: Connection, hold: NewHold) -> Outcome:
    """Of goods that nobody else can take before this transaction ends: it has just brought them there.

    Raises:
        HoldConflictError: a hold of this id is of something else.
    """
    content = _content(hold)
    written = connection.execute(_INSERT, (hold.hold_id, hold.placed_at, *content))
    if written.rowcount:
        return "created"
    row = connection.execute(
        "SELECT kind, product_id, lot, account_id, gtin, serial_number, reason_code, reason, recall_id, placed_by,"
        " quantity, document_id FROM stock_hold WHERE hold_id = %s",
        (hold.hold_id,),
    ).fetchone()
    if row != content:
        raise HoldConflictError("id_conflict", f"hold {hold.hold_id} is of {row!r}, and came as {content!r}")
    return "exists"


def write_holds(connection: Connection, holds: Sequence[NewHold]) -> None:
    """Many at once, as `write_hold`; one whose id is known already is left as it stands."""
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, [(hold.hold_id, hold.placed_at, *_content(hold)) for hold in holds])


def end_holds_of(connection: Connection, document_id: uuid.UUID, *, person: str, by: str, now: datetime) -> int:
    """An act was taken back: its goods are gone, and with them the holds that it placed; how many those were.

    Nothing becomes free by it, so it takes no second person: `by`, the reversal's number, stands in that place.
    """
    ended = connection.execute(
        "UPDATE stock_hold SET released_by = coalesce(released_by, %(person)s), release_asked_at ="
        " coalesce(release_asked_at, %(now)s), release_reason = coalesce(release_reason, %(by)s),"
        " released_second = %(by)s, released_at = %(now)s WHERE document_id = %(document)s AND released_at IS NULL",
        {"document": document_id, "person": person, "by": by, "now": now},
    )
    return ended.rowcount


def ask_release(connection: Connection, hold_id: uuid.UUID, person: str, reason: str, now: datetime) -> ReleaseAsked:
    """The first person's half: the hold stays until somebody else confirms. Asked again, the newest asking counts.

    Raises:
        HoldStateError: there is none of this id, it is released already, or no reason is given.
    """
    if not reason.strip():
        raise HoldStateError("no_reason", f"hold {hold_id}: a release needs a reason")
    _locked_open(connection, hold_id)
    connection.execute(
        "UPDATE stock_hold SET released_by = %s, release_asked_at = %s, release_reason = %s WHERE hold_id = %s",
        (person, now, storable(reason), hold_id),
    )
    return ReleaseAsked(hold_id, person, now, reason)


def confirm_release(connection: Connection, hold_id: uuid.UUID, person: str, now: datetime) -> None:
    """The second person's half: the hold is over.

    Raises:
        SecondPersonError: it is the person who asked.
        HoldStateError: there is none of this id, it is released already, or nobody asked.
    """
    asked_by = _locked_open(connection, hold_id)
    if asked_by is None:
        message = f"hold {hold_id}: nobody asked to release it; that is the first person's part"
        raise HoldStateError("nobody_asked", message)
    if asked_by == person:
        message = f"hold {hold_id}: {person!r} asked for the release: somebody else has to confirm it"
        raise SecondPersonError("second_person", message)
    connection.execute(
        "UPDATE stock_hold SET released_second = %s, released_at = %s WHERE hold_id = %s", (person, now, hold_id)
    )


def release_hold(
    connection: Connection, hold_id: uuid.UUID, *, person: str, second_person: str, reason: str, now: datetime
) -> None:
    """Both halves at once, where both people have shown who they are.

    Raises:
        SecondPersonError: they are one.
        HoldStateError: as `ask_release`.
    """
    ask_release(connection, hold_id, person, reason, now)
    confirm_release(connection, hold_id, second_person, now)


def releases_asked(connection: Connection) -> list[ReleaseAsked]:
    """What waits for a second person, the oldest first."""
    rows = connection.execute(
        "SELECT hold_id, released_by, release_asked_at, release_reason FROM stock_hold"
        " WHERE released_at IS NULL AND released_by IS NOT NULL ORDER BY release_asked_at, hold_id"
    )
    return [ReleaseAsked(*row) for row in rows]


def open_holds(
    connection: Connection,
    product_id: str,
    lot: str | None = None,
    account_id: str | None = None,
    pack: PackKey | None = None,
) -> list[Hold]:
    """Of the product; with `lot` and `account_id` only what holds that lot there, or with `pack` that pack of it."""
    holds = open_holds_of(connection, [product_id])
    if lot is None or account_id is None:
        return [hold for hold in holds if lot is None or hold.lot in {None, lot}]
    return holds_on(holds, product_id, lot, account_id, pack)


def state_of(
    connection: Connection, product_id: str, lot: str, account_id: str, today: date, *, pack: PackKey | None = None
) -> LotState:
    """Whether it may be given out on the hospital's day `today`, and every reason why not."""
    holds = open_holds(connection, product_id, lot, account_id, pack)
    return lot_state(holds, expiry_date_of(connection, product_id, lot), today)


def _content(hold: NewHold) -> tuple[object, ...]:
    return (
        *(hold.kind, hold.product_id, hold.lot, hold.account_id, hold.gtin, hold.serial_number),
        *(hold.reason_code, storable(hold.reason), hold.recall_id, hold.placed_by, hold.quantity, hold.document_id),
    )


def _locked_open(connection: Connection, hold_id: uuid.UUID) -> str | None:
    """Who asked for the release, if anybody."""
    row = connection.execute(
        "SELECT released_at, released_by FROM stock_hold WHERE hold_id = %s FOR UPDATE", (hold_id,)
    ).fetchone()
    if row is None:
        raise HoldStateError("hold_unknown", f"no hold {hold_id}")
    if row[0] is not None:
        message = f"hold {hold_id} was released at {row[0].isoformat(timespec='minutes')}"
        raise HoldStateError("hold_released", message, at=row[0])
    return None if row[1] is None else str(row[1])
