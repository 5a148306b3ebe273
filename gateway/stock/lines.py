"""What is asked of the books: goods, lines, and who does it, when and by what."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from inventory.errors import LedgerError
from inventory.movement import Movement, MovementKind

HOSPITAL_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
"""Where a hospital's days begin and end unless its configuration says otherwise (`time_zone`)."""
GIVING_KINDS: Final[frozenset[MovementKind]] = frozenset({"issue", "dispense", "transfer_out", "repack_out"})
"""Movements that bring goods nearer to a patient: refused for stock that is held or expired. Others (put away, back to
the supplier, to waste, counted, corrected) are what one does with such stock."""


@dataclass(frozen=True)
class Goods:
    """What is moved: a quantity of a lot, or one pack of it (with a serial number)."""

    product_id: str
    lot: str
    """Empty where a pack names none."""
    expiry_date: date | None
    quantity: int
    """Base units."""
    gtin: str | None = None
    """Of the trade item, where packs of one kind are moved; None: loose units."""
    serial_number: str | None = None
    """With `gtin`: one pack."""

    def __post_init__(self) -> None:
        """Refuse a serial number without its GTIN.

        Raises:
            LedgerError: a serial number counts within one trade item (GS1 General Specifications, AI 21).
        """
        if self.serial_number is not None and self.gtin is None:
            message = f"serial number {self.serial_number!r} without a GTIN: expected both, or neither"
            raise LedgerError(message, code="gtin_missing", pack=self.serial_number)


@dataclass(frozen=True)
class Line:
    """One movement to be written."""

    movement_id: uuid.UUID
    kind: MovementKind
    goods: Goods
    from_account_id: str
    to_account_id: str
    reverses_movement_id: uuid.UUID | None = None
    """Set by `books.reverse`."""
    moves_pack: bool = True
    """False: an entry about a pack's past, which stays where its later movements left it."""


@dataclass(frozen=True)
class Doing:
    """Who does it, when and by what: all that a movement is traced by."""

    occurred_at: datetime
    received_at: datetime
    """When we learnt of it."""
    client: Literal["edge", "web", "api", "cli"]
    person: str | None = None
    second_person: str | None = None
    document_id: uuid.UUID | None = None
    reason_code: str | None = None
    note: str = ""
    device_key: int | None = None
    epoch_key: int | None = None
    seq: int | None = None
    """With `epoch_key`: the row of the event that told it."""
    scan_text: str | None = None
    """What was scanned, where no edge node told it."""
    zone: ZoneInfo = HOSPITAL_ZONE

    def __post_init__(self) -> None:
        """Refuse times without a zone, and one person as two.

        Raises:
            LedgerError: naming the value.
        """
        for name in ("occurred_at", "received_at"):
            value: datetime = getattr(self, name)
            if value.tzinfo is None:
                raise LedgerError(f"{name} {value!r} has no time zone")
        if self.second_person is not None and self.second_person == self.person:
            message = f"second person {self.second_person!r} is the first: expected somebody else"
            raise LedgerError(message, code="second_person")

    @property
    def today(self) -> date:
        """The hospital's day when it happened."""
        return self.occurred_at.astimezone(self.zone).date()


@dataclass(frozen=True)
class Availability:
    """What stands on an account of one lot, in base units."""

    on_hand: int
    reserved: int
    """Pending reservations."""

    @property
    def free(self) -> int:
        """What may be taken; below zero where more is reserved than is left."""
        return self.on_hand - self.reserved


def movement_of(line: Line, occurred_at: datetime) -> Movement:
    """The pure movement.

    Raises:
        LedgerError: not one that books can take.
    """
    return Movement(
        movement_id=line.movement_id,
        kind=line.kind,
        product_id=line.goods.product_id,
        lot=line.goods.lot,
        quantity=line.goods.quantity,
        from_account_id=line.from_account_id,
        to_account_id=line.to_account_id,
        occurred_at=occurred_at,
        reverses_movement_id=line.reverses_movement_id,
    )
