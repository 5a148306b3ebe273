"""Double entry: balances are a projection of movements, provable at any time by replay.

`Balances` is what a transaction does to the books, in memory: the database does the same with rows, and a test holds
the one against the other. Where stock comes from and where it is lost are accounts too, so nothing appears or vanishes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple
from uuid import UUID

from inventory.errors import InsufficientStockError, LedgerError, MovementConflictError
from inventory.movement import Movement, MovementKind, Posting, postings_of, reverse

__all__ = ["Balances", "Movement", "MovementKind", "Posting", "Proof", "postings_of", "reverse", "verify"]

UNGUARDED_ACCOUNTS: Final = frozenset({"supplier", "unexplained", "repacked"})
"""Accounts that may be below zero: the world outside gives more than it gets, and so does what nobody can explain; what
is repacked leaves one lot and comes back as another."""

Outcome = Literal["created", "exists"]


class BalanceKey(NamedTuple):
    """What a balance is kept for."""

    account_id: str
    product_id: str
    lot: str


class Balances:
    """The projection: what stands on every account, by product and lot."""

    def __init__(self, unguarded: frozenset[str] = UNGUARDED_ACCOUNTS) -> None:
        """Empty books; accounts in `unguarded` may go below zero."""
        self._unguarded = unguarded
        self._quantities: Counter[BalanceKey] = Counter()
        self._movements: dict[UUID, Movement] = {}
        self._reversed: set[UUID] = set()

    def apply(self, movement: Movement) -> Outcome:
        """Book a movement, whole or not at all. A repetition of one that is booked changes nothing (`exists`).

        Raises:
            MovementConflictError: its id is booked with other content.
            LedgerError: it reverses what is not booked, is reversed already, or was something else.
            InsufficientStockError: a guarded account would go below zero.
        """
        known = self._movements.get(movement.movement_id)
        if known is not None:
            if known != movement:
                text = f"movement {movement.movement_id} is booked as {known!r}, and came again as {movement!r}"
                raise MovementConflictError(text)
            return "exists"
        self._check_reversal(movement)
        postings = postings_of(movement)
        for posting in postings:
            self._check_guard(posting)
        for posting in postings:
            self._quantities[_key(posting)] += posting.quantity
        self._movements[movement.movement_id] = movement
        if movement.reverses_movement_id is not None:
            self._reversed.add(movement.reverses_movement_id)
        return "created"

    def quantity(self, account_id: str, product_id: str, lot: str) -> int:
        """Base units on an account; 0 where nothing ever was."""
        return self._quantities[BalanceKey(account_id, product_id, lot)]

    def as_dict(self) -> dict[BalanceKey, int]:
        """All balances that are not zero."""
        return {key: quantity for key, quantity in self._quantities.items() if quantity}

    def _check_guard(self, posting: Posting) -> None:
        if posting.quantity > 0 or posting.account_id in self._unguarded:
            return
        there = self._quantities[_key(posting)]
        if there + posting.quantity < 0:
            text = (
                f"account {posting.account_id!r} has {there} of {posting.product_id} lot {posting.lot!r}, "
                f"{-posting.quantity} wanted"
            )
            raise InsufficientStockError(text)

    def _check_reversal(self, movement: Movement) -> None:
        original_id = movement.reverses_movement_id
        if original_id is None:
            return
        original = self._movements.get(original_id)
        if original is None:
            raise LedgerError(f"movement {movement.movement_id} reverses {original_id}, which is not booked")
        if original_id in self._reversed:
            raise LedgerError(f"movement {movement.movement_id} reverses {original_id}, which is reversed already")
        if movement != reverse(original, movement.movement_id, movement.occurred_at):
            raise LedgerError(f"movement {movement.movement_id} is not the opposite of {original_id}")


@dataclass(frozen=True)
class Difference:
    """A projected balance that replay does not give."""

    key: BalanceKey
    projected: int
    replayed: int


@dataclass(frozen=True)
class Proof:
    """What replay of all movements shows."""

    movements: int
    postings_sum: int
    """Of all postings; 0, or something was booked on one side only."""
    projection_differences: tuple[Difference, ...]
    negative_balances: tuple[tuple[BalanceKey, int], ...]
    """Guarded accounts below zero."""
    faults: tuple[str, ...]
    """Movements that contradict each other: the same id twice, a reversal that takes back what is not there."""

    @property
    def ok(self) -> bool:
        """The books are right."""
        return not (self.postings_sum or self.projection_differences or self.negative_balances or self.faults)


def verify(
    movements: Iterable[Movement],
    projection: Mapping[BalanceKey, int] | None = None,
    postings: Iterable[Posting] | None = None,
    unguarded: frozenset[str] = UNGUARDED_ACCOUNTS,
) -> Proof:
    """Replay `movements` and compare with the `projection` and `postings` that were kept, where they are given.

    The order is that of booking; a balance is judged at the end, not on the way. Never raises: what is wrong is in
    the proof.
    """
    booked: dict[UUID, Movement] = {}
    faults: list[str] = []
    reversed_ids: set[UUID] = set()
    replayed: Counter[BalanceKey] = Counter()
    for movement in movements:
        faults += _contradictions(movement, booked, reversed_ids)
        booked[movement.movement_id] = movement
        for posting in postings_of(movement):
            replayed[_key(posting)] += posting.quantity
    kept = [posting for movement in booked.values() for posting in postings_of(movement)]
    if postings is not None:
        stored = list(postings)
        faults += _unlike(stored, kept)
        kept = stored
    return Proof(
        movements=len(booked),
        postings_sum=sum(posting.quantity for posting in kept),
        projection_differences=_differences(projection, replayed) if projection is not None else (),
        negative_balances=tuple(
            (key, quantity) for key, quantity in sorted(replayed.items()) if _is_forbidden(key, quantity, unguarded)
        ),
        faults=tuple(faults),
    )


def _contradictions(movement: Movement, booked: dict[UUID, Movement], reversed_ids: set[UUID]) -> list[str]:
    faults = []
    if movement.movement_id in booked:
        faults.append(f"movement {movement.movement_id} is booked twice")
    original_id = movement.reverses_movement_id
    if original_id is None:
        return faults
    original = booked.get(original_id)
    if original is None:
        faults.append(f"movement {movement.movement_id} reverses {original_id}, which is not booked before it")
    elif original.reverses_movement_id is not None or movement != reverse(
        original,
        movement.movement_id,
        movement.occurred_at,
    ):
        faults.append(f"movement {movement.movement_id} is not the opposite of {original_id}")
    if original_id in reversed_ids:
        faults.append(f"movement {original_id} is reversed twice")
    reversed_ids.add(original_id)
    return faults


def _unlike(stored: list[Posting], expected: list[Posting]) -> list[str]:
    missing, extra = Counter(expected) - Counter(stored), Counter(stored) - Counter(expected)
    return [f"posting is missing: {posting!r}" for posting in missing] + [
        f"posting of no movement: {posting!r}" for posting in extra
    ]


def _differences(projection: Mapping[BalanceKey, int], replayed: Mapping[BalanceKey, int]) -> tuple[Difference, ...]:
    keys = sorted({*projection, *replayed})
    pairs = ((key, projection.get(key, 0), replayed.get(key, 0)) for key in keys)
    return tuple(Difference(key, projected, real) for key, projected, real in pairs if projected != real)


def _is_forbidden(key: BalanceKey, quantity: int, unguarded: frozenset[str]) -> bool:
    return quantity < 0 and key.account_id not in unguarded


def _key(posting: Posting) -> BalanceKey:
    return BalanceKey(posting.account_id, posting.product_id, posting.lot)
