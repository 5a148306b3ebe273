"""Where goods stood when: the stays of one pack, and of a lot whose units can't be told apart, out of their movements.

A movement that was taken back is left out with what took it back: in truth the goods never went there. Units that look
alike carry the worst of what any of them can have gone through, figure by figure, until the account was empty.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from inventory.cold_chain.climate import Tally, worst_history

OUTSIDE: Final = frozenset({"supplier", "unexplained", "dispensed", "wasted", "returned"})
"""Nobody measures there, and it is not asked: before the hospital, and out of its hands."""
THROUGH: Final = frozenset({"in_transit", "repacked"})
"""Passed through: each document's goods by themselves."""


@dataclass(frozen=True, slots=True)
class Move:
    """A movement of some goods."""

    at_us: int
    kind: str
    from_account: str
    to_account: str
    quantity: int
    document: str = ""
    """The transfer or receipt that it belongs to; of an arrival, the transfer's."""

    def spot(self, account: str) -> str:
        """The account, or of one that is passed through, this document's part of it."""
        return f"{account}/{self.document}" if account in THROUGH else account


@dataclass(frozen=True, slots=True)
class Stay:
    """Goods at a spot for a time."""

    spot: str
    from_us: int
    until_us: int | None
    """None: they are there now."""
    quantity: int
    """The most that stood there meanwhile."""
    arrived_by: str
    """Kind of the movement that brought them."""
    document: str = ""

    @property
    def account(self) -> str:
        """Without the document."""
        return self.spot.partition("/")[0]


def is_measured(spot: str) -> bool:
    """Whether the goods are in the hospital's hands there."""
    return spot.partition("/")[0] not in OUTSIDE


def stays_of_pack(moves: Sequence[Move]) -> list[Stay]:
    """One after the other; what was given away stays there for ever."""
    stays: list[Stay] = []
    for number, move in enumerate(moves):
        until = moves[number + 1].at_us if number + 1 < len(moves) else None
        spot = move.spot(move.to_account)
        stays.append(Stay(spot, move.at_us, until, move.quantity, move.kind, move.document))
    return stays


@dataclass(slots=True)
class _Pile:
    """What stands at a spot."""

    quantity: int = 0
    since_us: int = 0
    """`carried` is up to then."""
    carried: Tally = field(default_factory=Tally)
    arrived_us: int = 0
    most: int = 0
    arrived_by: str = ""
    document: str = ""


Climate = Callable[[str, int, int], Tally]
"""What stood at a spot from one instant to another went through; called for measured spots only."""


def _nothing(spot: str, from_us: int, until_us: int) -> Tally:
    del spot, from_us, until_us
    return Tally()


class LotJourney:
    """A lot's movements in order of time, one after the other, each known once."""

    def __init__(self, climate: Climate = _nothing) -> None:
        self._climate = climate
        self._piles: dict[str, _Pile] = {}
        self.stays: list[Stay] = []
        """Those that are over, by their end."""

    def move(self, move: Move) -> None:
        """The next one."""
        source, target = move.spot(move.from_account), move.spot(move.to_account)
        carried = self._leave(source, move)
        self._arrive(target, move, carried)

    def exposure_at(self, spot: str, now_us: int) -> Tally:
        """What the goods that stand there may have gone through, at worst."""
        pile = self._piles.get(spot)
        return Tally() if pile is None else self._settled(spot, pile, now_us)

    def standing(self) -> dict[str, int]:
        """How much stands or ended where."""
        return {spot: pile.quantity for spot, pile in self._piles.items() if pile.quantity > 0}

    def all_stays(self) -> list[Stay]:
        """In order of their begin."""
        now = [
            Stay(spot, pile.arrived_us, None, pile.most, pile.arrived_by, pile.document)
            for spot, pile in self._piles.items()
            if pile.quantity > 0
        ]
        return sorted((*self.stays, *now), key=lambda stay: (stay.from_us, stay.spot))

    def _leave(self, spot: str, move: Move) -> Tally:
        pile = self._piles.get(spot)
        if pile is None:
            return Tally()
        carried = self._settled(spot, pile, move.at_us)
        if not is_measured(spot):  # given away and back again: nobody knows where it was
            carried.unknown_us += max(0, move.at_us - pile.since_us)
        pile.quantity -= move.quantity
        if pile.quantity <= 0:
            del self._piles[spot]
            self.stays.append(Stay(spot, pile.arrived_us, move.at_us, pile.most, pile.arrived_by, pile.document))
        return carried

    def _arrive(self, spot: str, move: Move, carried: Tally) -> None:
        if spot in {"supplier", "unexplained"}:
            return
        pile = self._piles.get(spot)
        if pile is None:
            pile = _Pile(0, move.at_us, carried.copy(), move.at_us, 0, move.kind, move.document)
            self._piles[spot] = pile
        else:
            pile.carried = worst_history([self._settled(spot, pile, move.at_us), carried])
            pile.since_us = max(pile.since_us, move.at_us)
        pile.quantity += move.quantity
        pile.most = max(pile.most, pile.quantity)

    def _settled(self, spot: str, pile: _Pile, at_us: int) -> Tally:
        """Up to an instant."""
        carried = pile.carried.copy()
        if at_us <= pile.since_us or not is_measured(spot):
            return carried
        return carried.add(self._climate(spot, pile.since_us, at_us))


def without_taken_back(moves: Iterable[tuple[str, str | None, Move]]) -> list[Move]:
    """Of (id, id of the movement that it takes back, movement): those that stand, in order of time."""
    known = list(moves)
    taken_back = {reverses for _, reverses, _ in known if reverses is not None}
    return [move for movement_id, reverses, move in known if reverses is None and movement_id not in taken_back]
