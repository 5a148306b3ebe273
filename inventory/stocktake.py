"""A stocktake: blind counts, recounts, an expectation that stays right while goods move, two different people.

What a count is compared with is what the books have at the instant of that count, not at the start: stock goes on
moving while people count. `expected_at` gives it from today's balance and the postings since, which is the same as what
was frozen at the start and the movements between, and stays right when an offline scan is delivered late.

```
 counting ──submit──► recounting ──submit──► waiting_verification ──verify──► verified ──post──► posted
    │  └─────────────────(nothing to recount)──────────▲  └──count──► recounting  │
    └──────────────────────────── cancel, from each state before posted ──────────┘
```
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from inventory.errors import InventoryError

State = Literal["counting", "recounting", "waiting_verification", "verified", "posted", "cancelled"]
Verdict = Literal["uncounted", "agreed", "recount", "confirmed", "disputed"]
"""`agreed`: one count was enough. `confirmed`: two counts say the same. `disputed`: so many counts and no two alike."""

_COUNTABLE: Final[frozenset[State]] = frozenset({"counting", "recounting", "waiting_verification"})
_OPEN: Final[frozenset[State]] = frozenset({"counting", "recounting", "waiting_verification", "verified"})


class StocktakeError(InventoryError):
    """An act that the state of the stocktake, or the rule of two people, does not allow."""


@dataclass(frozen=True)
class Rules:
    """When one count is not enough."""

    tolerance_units: int = 0
    """A difference of so many base units needs no recount. It is booked all the same."""
    tolerance_permille: int = 0
    """Or of so many thousandths of the expectation, rounded down; the larger of both counts."""
    counts_max: int = 3
    """After so many counts of which no two agree, a line is disputed and goes to a case instead of the books."""
    recount_by_another: bool = True
    """Only counts of different people confirm each other. Always so for controlled drugs."""

    def __post_init__(self) -> None:
        """Refuse rules that cannot end.

        Raises:
            InventoryError: a negative tolerance, one above the whole, or fewer than two counts.
        """
        if self.tolerance_units < 0 or not 0 <= self.tolerance_permille <= 1000:  # noqa: PLR2004 - per mille
            raise InventoryError(
                f"tolerance {self.tolerance_units} units, {self.tolerance_permille} permille: expected 0 or more units"
                " and 0 to 1000 permille",
            )
        if self.counts_max < 2:  # noqa: PLR2004 - a recount is the second
            raise InventoryError(f"counts_max {self.counts_max}: expected 2 or more, a recount is the second count")

    def is_within(self, variance: int, expected: int) -> bool:
        """Whether a difference is small enough for one count."""
        allowed = max(self.tolerance_units, max(0, expected) * self.tolerance_permille // 1000)
        return abs(variance) <= allowed


@dataclass(frozen=True)
class LaterPosting:
    """What a movement after some instant did to one lot in one account."""

    occurred_at: datetime
    quantity: int
    """Positive where it arrived, negative where it left."""


def expected_at(balance_now: int, postings: Iterable[LaterPosting], at: datetime) -> int:
    """What the books, as they are known now, have at `at`: postings of that very instant have happened.

    `postings` are at least all that occurred after `at`; earlier ones do no harm.

    Raises:
        InventoryError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise InventoryError(f"count instant {at!r} has no time zone")
    return balance_now - sum(one.quantity for one in postings if one.occurred_at > at)


@dataclass(frozen=True)
class Count:
    """One person's count of one line, with what the books have at its instant."""

    quantity: int
    """Base units that stand there; 0 is a count too."""
    counted_by: str
    counted_at: datetime
    expected: int
    """By `expected_at`; the person who counts does not see it."""

    def __post_init__(self) -> None:
        """Refuse what is no count.

        Raises:
            InventoryError: fewer than no units, nobody, or no time zone.
        """
        if self.quantity < 0 or not self.counted_by or self.counted_at.tzinfo is None:
            raise InventoryError(
                f"count of {self.quantity} units by {self.counted_by!r} at {self.counted_at!r}: expected 0 units or"
                " more, a person, and a time zone",
            )

    @property
    def variance(self) -> int:
        """Base units more (positive) or fewer than the books have."""
        return self.quantity - self.expected


@dataclass(frozen=True)
class LineVerdict:
    """What the counts of one line come to."""

    verdict: Verdict
    variance: int | None
    """To be booked; None while that is not settled."""
    text: str
    """For people, in English. Names quantities: not for who has yet to count."""

    @property
    def is_settled(self) -> bool:
        """The line needs nobody any more."""
        return self.verdict in {"agreed", "confirmed"}


def judge_line(counts: Sequence[Count], rules: Rules, *, is_controlled: bool) -> LineVerdict:
    """What the counts of a line, in the order they were made, come to.

    Counts are compared by their variance, not by their quantity: goods may move between the first and the second. A
    controlled drug takes two people even if the first count fits.
    """
    if not counts:
        return LineVerdict("uncounted", None, "nobody has counted it")
    if len(counts) == 1:
        return _judge_first(counts[0], rules, is_controlled=is_controlled)
    last = counts[-1]
    by_another = rules.recount_by_another or is_controlled
    for earlier in counts[:-1]:
        if earlier.variance == last.variance and (not by_another or earlier.counted_by != last.counted_by):
            text = f"{earlier.counted_by} and {last.counted_by} agree on a difference of {last.variance}"
            return LineVerdict("confirmed", last.variance, text)
    differences = ", ".join(str(count.variance) for count in counts)
    if len(counts) < rules.counts_max:
        return LineVerdict("recount", None, f"differences of {differences}: no two people agree, count it again")
    return LineVerdict("disputed", None, f"differences of {differences} after {len(counts)} counts: for a case")


def _judge_first(count: Count, rules: Rules, *, is_controlled: bool) -> LineVerdict:
    if is_controlled:
        return LineVerdict("recount", None, "a controlled drug: somebody else counts it too")
    text = f"counted {count.quantity}, expected {count.expected}"
    if rules.is_within(count.variance, count.expected):
        return LineVerdict("agreed", count.variance, text)
    return LineVerdict("recount", None, f"{text}: beyond the tolerance, count it again")


def require_countable(
    state: State,
    counts: Sequence[Count],
    person: str,
    rules: Rules,
    *,
    is_controlled: bool,
) -> None:
    """Whether `person` may count a line now.

    Raises:
        StocktakeError: it is too late, or only another person's count could confirm what stands there.
    """
    if state not in _COUNTABLE:
        raise StocktakeError(
            f"the stocktake is {state}: nothing is counted any more", code="stocktake_state", state=state
        )
    by_another = rules.recount_by_another or is_controlled
    if by_another and counts and all(count.counted_by == person for count in counts):
        message = f"{person} has counted this line: somebody else counts it again"
        raise StocktakeError(message, code="count_by_another", person=person)


def submit(state: State, verdicts: Collection[LineVerdict], *, leave_uncounted: bool) -> State:
    """The counting is done so far; where to now.

    Raises:
        StocktakeError: not in this state, nothing is counted, or lines are uncounted and nobody said to leave them.
    """
    if state not in {"counting", "recounting"}:
        raise StocktakeError(
            f"the stocktake is {state}: expected counting or recounting", code="stocktake_state", state=state
        )
    uncounted = sum(one.verdict == "uncounted" for one in verdicts)
    if uncounted == len(verdicts):
        raise StocktakeError("nothing is counted yet", code="nothing_counted")
    if uncounted and not leave_uncounted:
        message = f"{uncounted} lines are not counted: count them, or say that they are left as they are"
        raise StocktakeError(message, code="lines_uncounted", count=uncounted)
    return "recounting" if any(one.verdict == "recount" for one in verdicts) else "waiting_verification"


def after_count(state: State, verdict: LineVerdict) -> State:
    """Where a count leads: one that opens a line again before it is verified asks for counting again."""
    return "recounting" if state == "waiting_verification" and verdict.verdict == "recount" else state


def verify(state: State, person: str, counted_by: Collection[str]) -> State:
    """A second person stands for the result.

    Raises:
        StocktakeError: not in this state, or the person has counted.
    """
    if state != "waiting_verification":
        raise StocktakeError(
            f"the stocktake is {state}: expected waiting_verification", code="stocktake_state", state=state
        )
    if not person:
        raise StocktakeError("nobody verifies: expected a person")
    if person in counted_by:
        raise StocktakeError(f"{person} has counted: somebody else verifies", code="verifier_counted", person=person)
    return "verified"


def post(state: State, verified: Iterable[int | None], now: Iterable[int | None]) -> State:
    """The differences go into the books, if they are still those that were verified.

    Raises:
        StocktakeError: not in this state, or a movement that was delivered late has changed a difference.
    """
    if state != "verified":
        raise StocktakeError(f"the stocktake is {state}: expected verified", code="stocktake_state", state=state)
    changed = sum(before != after for before, after in zip(verified, now, strict=True))
    if changed:
        raise StocktakeError(
            f"{changed} differences have changed since they were verified, by movements that were delivered late:"
            " verify again",
            code="differences_changed",
            count=changed,
        )
    return "posted"


def reopen(state: State) -> State:
    """A verification that no longer stands is taken back.

    Raises:
        StocktakeError: not in this state.
    """
    if state != "verified":
        raise StocktakeError(f"the stocktake is {state}: expected verified", code="stocktake_state", state=state)
    return "waiting_verification"


def cancel(state: State) -> State:
    """Nothing is booked.

    Raises:
        StocktakeError: it is over already.
    """
    if state not in _OPEN:
        raise StocktakeError(f"the stocktake is {state}: it can't be cancelled", code="stocktake_state", state=state)
    return "cancelled"
