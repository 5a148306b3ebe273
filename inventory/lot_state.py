"""Whether stock may be given out: its state, derived each time from open holds and the expiry date, never stored.

>>> lot_state([], date(2026, 11, 22), date(2026, 11, 22)).name  # the expiry date is the last day of use
'available'
>>> lot_state([], date(2026, 11, 22), date(2026, 11, 23)).name
'expired'
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from inventory.errors import InventoryError

HoldKind = Literal["quarantine", "on_hold", "recall", "damaged"]
StateName = Literal["available", "quarantine", "on_hold", "expired", "damaged", "recalled"]
PackKey = tuple[str, str]
"""GTIN and serial number: one pack."""

STATE_OF_KIND: Final[dict[HoldKind, StateName]] = {
    "recall": "recalled",
    "damaged": "damaged",
    "on_hold": "on_hold",
    "quarantine": "quarantine",
}
PRECEDENCE: Final[tuple[StateName, ...]] = ("recalled", "damaged", "expired", "on_hold", "quarantine", "available")
"""Which state names stock that several speak against: the one that leaves least to decide.

A recall says where stock must go, even if it is broken or expired too. Damaged and expired stock can only be destroyed,
whatever an inquiry finds. On hold waits for a person's decision, quarantine for a routine one. The order is ours: no
source rules it, and all reasons are kept beside the name.
"""


@dataclass(frozen=True)
class Hold:
    """An open decision that stock must not be given out. Its scope is what its fields name; None means all of it."""

    kind: HoldKind
    product_id: str
    reason: str
    """For people: why."""
    placed_by: str
    """A person, or what placed it, such as `cold chain`."""
    placed_at: datetime
    """With a time zone."""
    lot: str | None = None
    """None: every lot of the product. Empty: the stock whose packs name no lot."""
    account_id: str | None = None
    """None: wherever it stands."""
    gtin: str | None = None
    serial_number: str | None = None
    """With `gtin`: this one pack, wherever it stands."""
    hold_id: str = ""
    """The caller's name for it, shown with the reason; empty if it has none yet."""
    quantity: int | None = None
    """So many base units of a lot in one place, whichever they are; None: all that is in its scope."""

    def __post_init__(self) -> None:
        """Refuse a hold that says nothing or holds nothing.

        Raises:
            InventoryError: an unknown kind, no reason or person, no time zone, half of a pack's key, or a quantity
                without the lot and the place that it is of.
        """
        if self.kind not in STATE_OF_KIND:
            raise InventoryError(f"hold of kind {self.kind!r}: expected one of {', '.join(STATE_OF_KIND)}")
        if not self.product_id or not self.reason.strip() or not self.placed_by.strip():
            message = f"hold on {self.product_id!r}: expected a product, a reason and who placed it"
            raise InventoryError(message, code="no_reason")
        if self.placed_at.tzinfo is None:
            raise InventoryError(f"hold on {self.product_id!r}: placed_at {self.placed_at!r} has no time zone")
        if (self.gtin is None) != (self.serial_number is None):
            raise InventoryError(f"hold on {self.product_id!r}: a pack is named by GTIN and serial number together")
        if self.quantity is None:
            return
        if self.quantity < 1 or self.lot is None or self.account_id is None or self.is_of_a_pack:
            raise InventoryError(
                f"hold on {self.quantity} units of {self.product_id!r}: expected 1 or more, of one lot in one place"
            )

    @property
    def is_of_a_pack(self) -> bool:
        """It holds one serialised pack, and says nothing about the rest of the lot."""
        return self.serial_number is not None

    def covers(self, product_id: str, lot: str, account_id: str, pack: PackKey | None = None) -> bool:
        """Whether it holds this lot where it stands, or this `pack` of it.

        A hold of one pack or of some units never covers a lot; a hold of a lot covers each of its packs.
        """
        if self.quantity is not None:
            return False
        of_this_pack = not self.is_of_a_pack or (self.gtin, self.serial_number) == pack
        return (
            of_this_pack
            and self.product_id == product_id
            and self.lot in {None, lot}
            and (self.account_id is None or self.account_id == account_id)
        )


@dataclass(frozen=True)
class Reason:
    """One thing that speaks against giving stock out."""

    state: StateName
    hold: Hold | None = None
    """None: the expiry date speaks."""
    expiry_date: date | None = None

    @property
    def text(self) -> str:
        """For people, in English, with its facts."""
        if self.hold is None:
            return f"expired on {self.expiry_date}"
        since = self.hold.placed_at.isoformat(timespec="minutes")
        return f"{self.state.replace('_', ' ')} since {since} by {self.hold.placed_by}: {self.hold.reason}"

    def facts(self) -> dict[str, object]:
        """`why`, and what belongs to it: `expiry_date`, or `since`, `by` and `reason`."""
        if self.hold is None:
            return {"why": self.state, "expiry_date": self.expiry_date}
        hold = self.hold
        return {"why": self.state, "since": hold.placed_at, "by": hold.placed_by, "reason": hold.reason}


@dataclass(frozen=True)
class LotState:
    """The name of a state, and every reason for it, the weightiest first."""

    name: StateName
    reasons: tuple[Reason, ...] = ()

    @property
    def may_be_given_out(self) -> bool:
        """Nothing speaks against it."""
        return self.name == "available"

    @property
    def text(self) -> str:
        """All reasons, for people; empty if there is none."""
        return "; ".join(reason.text for reason in self.reasons)

    def facts(self) -> list[dict[str, object]]:
        """All reasons by their facts, for translations; empty if there is none."""
        return [reason.facts() for reason in self.reasons]


AVAILABLE: Final = LotState("available")


def lot_state(holds: Iterable[Hold], expiry_date: date | None, today: date) -> LotState:
    """The state of stock that all of `holds` cover; choose them with `holds_on`.

    `today` is the hospital's day. The expiry date is the last day of use; None, an unknown one, does not expire stock.
    """
    reasons = [Reason(STATE_OF_KIND[hold.kind], hold) for hold in holds]
    if expiry_date is not None and expiry_date < today:
        reasons.append(Reason("expired", expiry_date=expiry_date))
    if not reasons:
        return AVAILABLE
    reasons.sort(key=_weight)
    return LotState(reasons[0].state, tuple(reasons))


def holds_on(
    holds: Iterable[Hold],
    product_id: str,
    lot: str,
    account_id: str,
    pack: PackKey | None = None,
) -> list[Hold]:
    """Those that hold the whole of a lot where it stands, or with `pack` those that hold this one."""
    return [hold for hold in holds if hold.covers(product_id, lot, account_id, pack)]


def part_holds_on(holds: Iterable[Hold], product_id: str, lot: str, account_id: str) -> list[Hold]:
    """Those that hold some units of a lot where it stands: so many stay, the rest of the lot may go."""
    scope = (product_id, lot, account_id)
    return [hold for hold in holds if hold.quantity and (hold.product_id, hold.lot, hold.account_id) == scope]


def units_held(holds: Iterable[Hold], product_id: str, lot: str, account_id: str) -> int:
    """Base units that `part_holds_on` keep there, together; there may stand fewer."""
    return sum(hold.quantity or 0 for hold in part_holds_on(holds, product_id, lot, account_id))


def _weight(reason: Reason) -> tuple[int, str, str]:
    hold = reason.hold
    return (
        PRECEDENCE.index(reason.state),
        hold.placed_at.isoformat() if hold else "",
        f"{hold.hold_id} {hold.placed_by} {hold.reason}" if hold else "",
    )
