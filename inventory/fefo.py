"""First expired, first out: which lots to take for a need, and of every unit that is not offered, why not.

Nothing is skipped in silence: what is offered and what is not adds up to all that stands there, unit by unit, and a
need that cannot be met says by how much.

Order: earliest expiry first; unknown expiry last; then what came first, then the caller's order of places, then lot and
account, so that the same stock always gives the same answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal

from inventory.errors import InventoryError
from inventory.lot_state import Hold, LotState, holds_on, lot_state, part_holds_on

PackPolicy = Literal["loose", "whole_packs_up", "whole_packs_down"]
"""`loose`: packs may be opened, exactly the need is taken. `whole_packs_up`: no pack is opened, the last one may give
more than needed. `whole_packs_down`: no pack is opened and never more than needed is taken, so it may fall short."""
Why = Literal[
    "quarantine",
    "on_hold",
    "recalled",
    "damaged",
    "expired",
    "other_place",
    "expiry_unknown",
    "expires_before",
    "pack_held",
    "reserved",
    "opened_pack",
    "pack_too_large",
    "need_covered",
    "below_zero",
]
_POLICIES: Final[tuple[PackPolicy, ...]] = ("loose", "whole_packs_up", "whole_packs_down")


@dataclass(frozen=True)
class Reservation:
    """Units that are promised to someone else."""

    quantity: int
    by: str
    """A person and what for, such as `lan, PX26-000123`."""

    def __post_init__(self) -> None:
        """Refuse a reservation of nothing.

        Raises:
            InventoryError: less than one unit.
        """
        if self.quantity < 1:
            raise InventoryError(f"reservation by {self.by!r}: {self.quantity} units, expected 1 or more")


@dataclass(frozen=True)
class SerialPack:
    """One serialised pack of a lot that stands there, so that a hold on it can be counted."""

    gtin: str
    serial_number: str
    units: int
    """Base units left in it."""


@dataclass(frozen=True)
class Candidate:
    """What one place has of one lot."""

    account_id: str
    lot: str
    expiry_date: date | None
    on_hand: int
    """Base units by the books; below zero where a discrepancy is open."""
    pack_units: int = 1
    """Base units of the packs this lot comes in; 1 if it is kept loose or that is unknown."""
    reservations: tuple[Reservation, ...] = ()
    serial_packs: tuple[SerialPack, ...] = ()
    """Only those that an open hold names are needed."""
    first_seen: date | None = None
    """When the lot came; None if that is unknown, which is after all that is known."""

    def __post_init__(self) -> None:
        """Refuse a pack of nothing.

        Raises:
            InventoryError: `pack_units` below 1.
        """
        if self.pack_units < 1:
            raise InventoryError(f"lot {self.lot!r}: packs of {self.pack_units} units, expected 1 or more")


@dataclass(frozen=True)
class Need:
    """What is asked for."""

    product_id: str
    quantity: int
    """Base units."""
    today: date
    """The hospital's day."""
    accounts: tuple[str, ...]
    """Where it may be taken from, in order of preference."""
    shelf_life_days: int = 0
    """It must be usable for so many days after today; stock of unknown expiry is then not offered."""
    pack_policy: PackPolicy = "loose"

    def __post_init__(self) -> None:
        """Refuse what nothing can answer.

        Raises:
            InventoryError: no units, no place, a negative shelf life or an unknown pack policy.
        """
        if self.quantity < 1 or not self.accounts or self.shelf_life_days < 0:
            raise InventoryError(
                f"need of {self.quantity} units from {self.accounts!r}, usable {self.shelf_life_days} days: "
                "expected 1 unit or more, a place, and 0 days or more",
            )
        if self.pack_policy not in _POLICIES:
            raise InventoryError(f"pack policy {self.pack_policy!r}: expected one of {', '.join(_POLICIES)}")


@dataclass(frozen=True)
class Taken:
    """What to take from one lot in one place."""

    account_id: str
    lot: str
    expiry_date: date | None
    quantity: int
    whole_packs: int
    loose_units: int
    """`quantity` is `whole_packs` times the lot's pack and these."""


@dataclass(frozen=True)
class NotOffered:
    """So many units of a lot that are not offered, and why."""

    account_id: str
    lot: str
    expiry_date: date | None
    quantity: int
    """Base units; 0 only with `below_zero`."""
    why: Why
    text: str
    """For people, in English, with its facts."""
    facts: tuple[tuple[str, str], ...] = ()
    """The same facts by name, for translations."""
    state: LotState | None = None
    """All reasons, where the lot's state is the reason."""


@dataclass(frozen=True)
class Allocation:
    """The answer to a need."""

    need: Need
    taken: tuple[Taken, ...]
    not_offered: tuple[NotOffered, ...]

    @property
    def quantity(self) -> int:
        """Base units taken."""
        return sum(one.quantity for one in self.taken)

    @property
    def shortage(self) -> int:
        """Base units that are missing; 0 if the need is met."""
        return max(0, self.need.quantity - self.quantity)

    @property
    def surplus(self) -> int:
        """Base units above the need, because packs are not opened."""
        return max(0, self.quantity - self.need.quantity)


@dataclass
class _Progress:
    left: int
    last_lot: str = ""
    taken: list[Taken] = field(default_factory=list)
    refused: list[NotOffered] = field(default_factory=list)


def allocate(need: Need, candidates: Sequence[Candidate], holds: Sequence[Hold] = ()) -> Allocation:
    """Take the earliest expiry first, and explain every unit that stays.

    `holds` are the open ones of the product; those of other products or places do no harm.

    Raises:
        InventoryError: the same lot in the same account twice.
    """
    keys = [(one.account_id, one.lot) for one in candidates]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InventoryError(f"lot {twice[1]!r} in {twice[0]!r} stands twice among the candidates: expected once")
    progress = _Progress(need.quantity)
    standing = [one for one in candidates if one.on_hand]
    for candidate in sorted(standing, key=lambda one: _order(need, one)):
        blocked = _blocked(need, candidate, holds)
        if blocked is not None:
            progress.refused.append(blocked)
            continue
        kept_back = list(_kept_back(need, candidate, holds))
        progress.refused += kept_back
        _take(need, candidate, max(0, candidate.on_hand) - sum(one.quantity for one in kept_back), progress)
    return Allocation(need, tuple(progress.taken), tuple(progress.refused))


def _order(need: Need, candidate: Candidate) -> tuple[date, date, int, str, str]:
    places = need.accounts
    return (
        candidate.expiry_date or date.max,
        candidate.first_seen or date.max,
        places.index(candidate.account_id) if candidate.account_id in places else len(places),
        candidate.lot,
        candidate.account_id,
    )


def _blocked(need: Need, candidate: Candidate, holds: Sequence[Hold]) -> NotOffered | None:
    """Why nothing of a lot may be taken. Its state goes first: a recall matters wherever the lot stands."""
    if candidate.on_hand < 0:
        text = f"the books say {candidate.on_hand}: a discrepancy is open"
        return _refusal(candidate, 0, "below_zero", text, ("on_hand", candidate.on_hand))
    covering = holds_on(holds, need.product_id, candidate.lot, candidate.account_id)
    state = lot_state(covering, candidate.expiry_date, need.today)
    if state.name != "available":
        return _of_state(candidate, state)
    if candidate.account_id not in need.accounts:
        text = f"other place: {candidate.account_id}"
        return _refusal(candidate, candidate.on_hand, "other_place", text, ("account_id", candidate.account_id))
    return _too_short_lived(need, candidate) if need.shelf_life_days else None


def _too_short_lived(need: Need, candidate: Candidate) -> NotOffered | None:
    expiry = candidate.expiry_date
    until = need.today + timedelta(days=need.shelf_life_days)
    if expiry is None:
        text = f"no expiry date is known, and it must be usable until {until}"
        return _refusal(candidate, candidate.on_hand, "expiry_unknown", text, ("until", until))
    if expiry < until:
        text = f"expires before {until}: on {expiry}"
        facts = (("until", until), ("expiry_date", expiry))
        return _refusal(candidate, candidate.on_hand, "expires_before", text, *facts)
    return None


def _of_state(candidate: Candidate, state: LotState) -> NotOffered:
    return _held(candidate, candidate.on_hand, state)


def _held(candidate: Candidate, quantity: int, state: LotState) -> NotOffered:
    """So many units that a hold or the expiry date keeps."""
    # LotState names what speaks against stock, and `available` does not come here.
    why: Why = "on_hold" if state.name == "available" else state.name
    return _refusal(candidate, quantity, why, state.text, *_facts_of(state), state=state)


def _facts_of(state: LotState) -> list[tuple[str, object]]:
    """Of its weightiest reason."""
    first = state.reasons[0]
    if first.hold is None:
        return [("expiry_date", first.expiry_date)]
    hold = first.hold
    return [("since", hold.placed_at.isoformat()), ("by", hold.placed_by), ("reason", hold.reason)]


def _kept_back(need: Need, candidate: Candidate, holds: Sequence[Hold]) -> Iterator[NotOffered]:
    """Units of an offered lot that are not free, never more than there are: held packs, held units, then promises."""
    left = candidate.on_hand
    for pack in candidate.serial_packs:
        key = (pack.gtin, pack.serial_number)
        state = lot_state(
            holds_on(holds, need.product_id, candidate.lot, candidate.account_id, key),
            None,
            need.today,
        )
        quantity = min(left, pack.units)
        if state.name == "available" or quantity < 1:
            continue
        left -= quantity
        text = f"pack {pack.serial_number}: {state.text}"
        facts = [("serial_number", pack.serial_number), *_facts_of(state)]
        yield _refusal(candidate, quantity, "pack_held", text, *facts, state=state)
    for hold in part_holds_on(holds, need.product_id, candidate.lot, candidate.account_id):
        quantity = min(left, hold.quantity or 0)
        if quantity < 1:
            break
        left -= quantity
        yield _held(candidate, quantity, lot_state([hold], None, need.today))
    for reservation in candidate.reservations:
        quantity = min(left, reservation.quantity)
        if quantity < 1:
            return
        left -= quantity
        text = f"{quantity} reserved by {reservation.by}"
        yield _refusal(candidate, quantity, "reserved", text, ("by", reservation.by))


def _take(need: Need, candidate: Candidate, free: int, progress: _Progress) -> None:
    """Take from the free units of a lot what is still needed, and explain the rest of them."""
    if free < 1:
        return
    pack, whole = candidate.pack_units, free // candidate.pack_units
    if need.pack_policy == "loose":
        quantity = min(free, progress.left)
    elif need.pack_policy == "whole_packs_up":
        quantity = min(whole, -(-progress.left // pack)) * pack
    else:
        quantity = min(whole, progress.left // pack) * pack
    needed_before = progress.left
    if quantity:
        progress.left = max(0, progress.left - quantity)
        progress.last_lot = candidate.lot
        packs, loose = divmod(quantity, pack)
        progress.taken.append(Taken(candidate.account_id, candidate.lot, candidate.expiry_date, quantity, packs, loose))
    if free > quantity:
        progress.refused += _rest(candidate, free - quantity, needed_before, progress)


def _rest(
    candidate: Candidate,
    rest: int,
    needed_before: int,
    progress: _Progress,
) -> Iterator[NotOffered]:
    """Why free units of an offered lot are not taken."""
    pack = candidate.pack_units
    if progress.left == 0:
        if needed_before:
            text = "the need is covered by the rest of this lot"
        else:
            text = f"the earlier lot {progress.last_lot or '(without a lot number)'} covers the need"
        yield _refusal(candidate, rest, "need_covered", text, ("lot", progress.last_lot))
        return
    opened = rest % pack
    if opened:
        text = f"{opened} units of an opened pack of {pack}, and packs are not opened"
        yield _refusal(candidate, opened, "opened_pack", text, ("pack_units", pack))
    if rest > opened:
        text = f"a pack of {pack} is more than the {progress.left} still needed"
        facts = (("pack_units", pack), ("needed", progress.left))
        yield _refusal(candidate, rest - opened, "pack_too_large", text, *facts)


def _refusal(
    candidate: Candidate,
    quantity: int,
    why: Why,
    text: str,
    *facts: tuple[str, object],
    state: LotState | None = None,
) -> NotOffered:
    named = tuple((name, str(value)) for name, value in facts)
    return NotOffered(candidate.account_id, candidate.lot, candidate.expiry_date, quantity, why, text, named, state)
