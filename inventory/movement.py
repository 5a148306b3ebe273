"""A movement of stock: so many base units of one lot from one account to another. Never changed, never deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from inventory.errors import LedgerError

MovementKind = Literal[
    "receive",
    "put_away",
    "transfer_out",
    "transfer_in",
    "issue",
    "dispense",
    "return_in",
    "return_out",
    "adjust_in",
    "adjust_out",
    "waste",
    "repack_out",
    "repack_in",
    "count_in",
    "count_out",
    "found",
    "reverse",
]
"""What happened: `found` is stock that turned up where the books had none, `reverse` takes a movement back."""
QUANTITY_MAX: Final = 2**31 - 1
"""Largest quantity of one movement: a PostgreSQL integer, and beyond any pallet of tablets."""


@dataclass(frozen=True)
class Movement:
    """Valid if it exists: two different accounts, a positive integer quantity."""

    movement_id: UUID
    """Made by whoever reports it, before reporting, so that a repeated report is known to be one."""
    kind: MovementKind
    product_id: str
    """The hospital's own code of the article."""
    lot: str
    """Empty if the pack names none."""
    quantity: int
    """Base units (a tablet, an ampoule), never packs."""
    from_account_id: str
    to_account_id: str
    occurred_at: datetime
    """When it happened, by the device that saw it; with a time zone."""
    reverses_movement_id: UUID | None = None
    """The movement that this one takes back; only with kind `reverse`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be booked.

        Raises:
            LedgerError: naming the value and what was expected.
        """
        if isinstance(self.quantity, bool) or not isinstance(self.quantity, int):
            raise LedgerError(f"movement {self.movement_id}: quantity {self.quantity!r}, expected whole base units")
        if not 1 <= self.quantity <= QUANTITY_MAX:
            message = f"movement {self.movement_id}: quantity {self.quantity}, expected 1 to {QUANTITY_MAX}"
            raise LedgerError(message, code="bad_quantity", product=self.product_id)
        if self.from_account_id == self.to_account_id:
            message = f"movement {self.movement_id}: from and to are both {self.from_account_id!r}"
            raise LedgerError(message, code="same_place")
        if self.occurred_at.tzinfo is None:
            raise LedgerError(f"movement {self.movement_id}: occurred_at {self.occurred_at!r} has no time zone")
        if (self.kind == "reverse") != (self.reverses_movement_id is not None):
            raise LedgerError(f"movement {self.movement_id}: kind {self.kind!r} and what it reverses do not agree")


@dataclass(frozen=True)
class Posting:
    """One side of a movement."""

    movement_id: UUID
    account_id: str
    product_id: str
    lot: str
    quantity: int
    """Negative where it leaves, positive where it arrives."""


def postings_of(movement: Movement) -> tuple[Posting, Posting]:
    """Both sides; they sum to zero."""
    subject = (movement.product_id, movement.lot)
    return (
        Posting(movement.movement_id, movement.from_account_id, *subject, -movement.quantity),
        Posting(movement.movement_id, movement.to_account_id, *subject, movement.quantity),
    )


def reverse(movement: Movement, movement_id: UUID, occurred_at: datetime) -> Movement:
    """The movement that takes `movement` back: a correction is a new movement, the old one stays.

    Raises:
        LedgerError: it is a reversal itself; then what it took back is to be booked anew.
    """
    if movement.reverses_movement_id is not None:
        raise LedgerError(f"movement {movement.movement_id} is a reversal: book anew what it took back")
    return Movement(
        movement_id=movement_id,
        kind="reverse",
        product_id=movement.product_id,
        lot=movement.lot,
        quantity=movement.quantity,
        from_account_id=movement.to_account_id,
        to_account_id=movement.from_account_id,
        occurred_at=occurred_at,
        reverses_movement_id=movement.movement_id,
    )
