"""The stock ledger against a plain model: nothing appears, vanishes, or goes below zero."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, invariant, multiple, rule

from inventory.errors import InsufficientStockError, LedgerError, MovementConflictError
from inventory.ledger import BalanceKey, Balances, verify
from inventory.movement import QUANTITY_MAX, Movement, MovementKind, postings_of, reverse

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
PRODUCT = "PARA500"
ACCOUNTS = ("supplier", "store", "ward", "dispensed", "wasted", "unexplained")


def movement(
    number: int,
    quantity: int,
    source: str = "supplier",
    target: str = "store",
    *,
    lot: str = "LOT7",
    kind: MovementKind = "receive",
) -> Movement:
    return Movement(UUID(int=number), kind, PRODUCT, lot, quantity, source, target, AT)


def test_a_receipt_moves_stock_from_the_supplier_to_the_store() -> None:
    books = Balances()
    assert books.apply(movement(1, 30)) == "created"
    assert books.quantity("store", PRODUCT, "LOT7") == 30
    assert books.quantity("supplier", PRODUCT, "LOT7") == -30
    assert books.quantity("store", PRODUCT, "OTHER") == 0


def test_the_same_movement_twice_is_booked_once() -> None:
    books = Balances()
    books.apply(movement(1, 30))
    assert books.apply(movement(1, 30)) == "exists"
    assert books.quantity("store", PRODUCT, "LOT7") == 30


def test_the_same_id_with_other_content_is_refused() -> None:
    books = Balances()
    books.apply(movement(1, 30))
    with pytest.raises(MovementConflictError, match="came again"):
        books.apply(movement(1, 31))
    assert books.quantity("store", PRODUCT, "LOT7") == 30


def test_more_than_there_is_cannot_be_issued_and_nothing_is_booked() -> None:
    books = Balances()
    books.apply(movement(1, 30))
    before = books.as_dict()
    with pytest.raises(InsufficientStockError, match=r"'store' has 30 .* 31 wanted"):
        books.apply(movement(2, 31, "store", "ward", kind="issue"))
    assert books.as_dict() == before
    assert books.apply(movement(2, 30, "store", "ward", kind="issue")) == "created", "the refused id stays free"


def test_a_correction_is_a_new_movement_and_can_be_made_once() -> None:
    books = Balances()
    received = movement(1, 30)
    books.apply(received)
    books.apply(reverse(received, UUID(int=2), AT))
    assert books.as_dict() == {}
    with pytest.raises(LedgerError, match="reversed already"):
        books.apply(reverse(received, UUID(int=3), AT))


def test_stock_already_issued_cannot_be_taken_back_from_under_it() -> None:
    books = Balances()
    received = movement(1, 30)
    books.apply(received)
    books.apply(movement(2, 20, "store", "ward", kind="issue"))
    with pytest.raises(InsufficientStockError):
        books.apply(reverse(received, UUID(int=3), AT))


def test_a_reversal_must_be_the_opposite_of_something_booked() -> None:
    books = Balances()
    received = movement(1, 30)
    taken_back = reverse(received, UUID(int=2), AT)
    with pytest.raises(LedgerError, match="not booked"):
        books.apply(taken_back)
    books.apply(received)
    with pytest.raises(LedgerError, match="not the opposite"):
        books.apply(replace(taken_back, quantity=29))
    books.apply(taken_back)
    with pytest.raises(LedgerError, match="book anew"):
        reverse(taken_back, UUID(int=3), AT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": 0}, "expected 1 to"),
        ({"quantity": -1}, "expected 1 to"),
        ({"quantity": QUANTITY_MAX + 1}, "expected 1 to"),
        ({"quantity": 1.0}, "whole base units"),
        ({"quantity": True}, "whole base units"),
        ({"to_account_id": "supplier"}, "from and to"),
        ({"occurred_at": AT.replace(tzinfo=None)}, "time zone"),
        ({"kind": "reverse"}, "do not agree"),
    ],
)
def test_what_cannot_be_booked_does_not_exist(change: dict[str, object], message: str) -> None:
    with pytest.raises(LedgerError, match=message):
        replace(movement(1, 30), **change)  # type: ignore[arg-type]


def test_the_proof_finds_what_is_wrong_with_kept_rows() -> None:
    first, second = movement(1, 30), movement(2, 10, "store", "ward", kind="issue")
    postings = [posting for one in (first, second) for posting in postings_of(one)]
    projection = {
        BalanceKey("supplier", PRODUCT, "LOT7"): -30,
        BalanceKey("store", PRODUCT, "LOT7"): 20,
        BalanceKey("ward", PRODUCT, "LOT7"): 10,
    }
    good = verify([first, second], projection, postings)
    assert good.ok
    assert (good.movements, good.postings_sum) == (2, 0)

    drifted = verify([first, second], {**projection, BalanceKey("ward", PRODUCT, "LOT7"): 11}, postings)
    assert not drifted.ok
    assert [(one.projected, one.replayed) for one in drifted.projection_differences] == [(11, 10)]

    one_sided = verify([first, second], projection, postings[:-1])
    assert one_sided.postings_sum == -10
    assert "missing" in one_sided.faults[0]

    overdrawn = verify([movement(2, 10, "store", "ward", kind="issue")])
    assert overdrawn.negative_balances == ((BalanceKey("store", PRODUCT, "LOT7"), -10),)

    assert not verify([first, first]).ok
    assert not verify([reverse(first, UUID(int=3), AT)]).ok
    twice = verify([first, reverse(first, UUID(int=3), AT), reverse(first, UUID(int=4), AT)])
    assert any("twice" in fault for fault in twice.faults)


class LedgerMachine(RuleBasedStateMachine):
    """Random movements, repetitions, conflicts and reversals, beside a model that is nothing but addition."""

    booked: Bundle[Movement] = Bundle("booked")

    def __init__(self) -> None:
        super().__init__()
        self.books = Balances()
        self.model: Counter[tuple[str, str]] = Counter()
        self.accepted: list[Movement] = []
        self.number = 0

    def _next_id(self) -> UUID:
        self.number += 1
        return UUID(int=self.number)

    def _model_allows(self, one: Movement) -> bool:
        left = self.model[one.from_account_id, one.lot] - one.quantity
        return left >= 0 or one.from_account_id in {"supplier", "unexplained"}

    def _book(self, one: Movement) -> None:
        self.model[one.from_account_id, one.lot] -= one.quantity
        self.model[one.to_account_id, one.lot] += one.quantity
        self.accepted.append(one)

    @rule(
        target=booked,
        accounts=st.permutations(ACCOUNTS).map(lambda names: names[:2]),
        quantity=st.integers(1, 50),
        lot=st.sampled_from(["", "A", "B"]),
    )
    def move(self, accounts: list[str], quantity: int, lot: str) -> Movement | MultipleResults[Movement]:
        one = Movement(self._next_id(), "issue", PRODUCT, lot, quantity, accounts[0], accounts[1], AT)
        if not self._model_allows(one):
            with pytest.raises(InsufficientStockError):
                self.books.apply(one)
            return multiple()
        assert self.books.apply(one) == "created"
        self._book(one)
        return one

    @rule(one=booked)
    def repeat(self, one: Movement) -> None:
        assert self.books.apply(one) == "exists"

    @rule(one=booked)
    def repeat_differently(self, one: Movement) -> None:
        with pytest.raises(MovementConflictError):
            self.books.apply(replace(one, quantity=one.quantity + 1))

    @rule(one=booked)
    def take_back(self, one: Movement) -> None:
        correction = reverse(one, self._next_id(), AT)
        reversed_before = any(other.reverses_movement_id == one.movement_id for other in self.accepted)
        if reversed_before or not self._model_allows(correction):
            with pytest.raises(LedgerError):
                self.books.apply(correction)
            return
        assert self.books.apply(correction) == "created"
        self._book(correction)

    @invariant()
    def books_equal_the_model_and_prove_it(self) -> None:
        kept = self.books.as_dict()
        assert {(key.account_id, key.lot): value for key, value in kept.items()} == {
            key: value for key, value in self.model.items() if value
        }
        proof = verify(self.accepted, kept)
        assert proof.ok, proof
        assert sum(kept.values()) == 0


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
