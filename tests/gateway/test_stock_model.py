"""The database's books beside the plain ones (`inventory.ledger.Balances`): same acts, same answers, also at once.

Each rule is done to both. In a concurrent step several connections book at once; the plain model must be able to book
what was taken in some order, and the database must have taken all that it could.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from gateway.stock import books
from gateway.stock.lines import Line, movement_of
from gateway.stock.verify import verify_books
from inventory.errors import InsufficientStockError, LedgerError, MovementConflictError
from inventory.ledger import BalanceKey, Balances
from tests.gateway.ingest_kit import NOW, Database, empty_and_furnish
from tests.gateway.warehouse_kit import PARA, STORE, WARD, Warehouse, doing, goods

pytestmark = pytest.mark.integration

ACCOUNTS = ("supplier", STORE, WARD, "dispensed", "unexplained", "repacked")
WORKERS = 3

accounts = st.permutations(ACCOUNTS).map(lambda names: (names[0], names[1]))
quantities = st.integers(1, 20)
choices = st.integers(0, 1000)
lots = st.sampled_from(["A", "B"])


class BooksMachine(RuleBasedStateMachine):
    """Random bookings, repetitions, conflicts, reversals and races."""

    dsn = ""

    def __init__(self) -> None:
        super().__init__()
        empty_and_furnish(self.dsn)
        self.warehouse = Warehouse(self.dsn)
        with self.warehouse.connection.transaction():
            books.place_account(self.warehouse.connection, "store")
        self.model = Balances()
        self.number = 0
        self.booked: list[Line] = []

    def teardown(self) -> None:
        """Close."""
        self.warehouse.connection.close()

    def _one_of_the_booked(self, which: int) -> Line | None:
        """Not drawn by hypothesis: which are booked depends on who was first in a race."""
        return self.booked[which % len(self.booked)] if self.booked else None

    def _line(self, ends: tuple[str, str], quantity: int, lot: str) -> Line:
        self.number += 1
        what = goods(quantity, lot=lot, expiry=None)
        return Line(uuid.UUID(int=self.number), "put_away", what, *ends)

    @rule(asked=st.lists(st.tuples(accounts, quantities, lots), min_size=1, max_size=4))
    def book(self, asked: list[tuple[tuple[str, str], int, str]]) -> None:
        lines = [self._line(*one) for one in asked]
        if self._model_refuses(lines):
            with pytest.raises(InsufficientStockError):
                self.warehouse.book(*lines)
            return
        assert self.warehouse.book(*lines) == "created"
        for line in lines:
            self.model.apply(movement_of(line, NOW))
        self.booked += lines

    def _model_refuses(self, lines: list[Line]) -> bool:
        """Tried on a copy: the plain books take one movement at a time."""
        trial: dict[BalanceKey, int] = dict(self.model.as_dict())
        for line in lines:
            source = BalanceKey(line.from_account_id, PARA, line.goods.lot)
            target = BalanceKey(line.to_account_id, PARA, line.goods.lot)
            trial[source] = trial.get(source, 0) - line.goods.quantity
            trial[target] = trial.get(target, 0) + line.goods.quantity
            if trial[source] < 0 and line.from_account_id not in {"supplier", "unexplained", "repacked"}:
                return True
        return False

    @rule(which=choices)
    def repeat(self, which: int) -> None:
        one = self._one_of_the_booked(which)
        if one is None:
            return
        assert self.warehouse.book(one) == "exists"
        assert self.model.apply(movement_of(one, NOW)) == "exists"

    @rule(which=choices)
    def repeat_differently(self, which: int) -> None:
        one = self._one_of_the_booked(which)
        if one is None:
            return
        other = replace(one, goods=replace(one.goods, quantity=one.goods.quantity + 1))
        with pytest.raises(MovementConflictError):
            self.model.apply(movement_of(other, NOW))
        with pytest.raises(MovementConflictError):
            self.warehouse.book(other)

    @rule(which=choices)
    def take_back(self, which: int) -> None:
        one = self._one_of_the_booked(which)
        if one is None:
            return
        self.number += 1
        back = Line(
            *(uuid.UUID(int=self.number), "reverse", one.goods, one.to_account_id, one.from_account_id),
            reverses_movement_id=one.movement_id,
        )
        try:
            self.model.apply(movement_of(back, NOW))
        except LedgerError as error:
            with pytest.raises(type(error)), self._reversed(one, back):
                pass
            return
        with self._reversed(one, back) as outcome:
            assert outcome == "created"

    @contextmanager
    def _reversed(self, one: Line, back: Line) -> Iterator[str]:
        with self.warehouse.connection.transaction():
            yield books.reverse(self.warehouse.connection, doing(), one.movement_id, back.movement_id)

    @rule(
        asked=st.lists(st.tuples(accounts, quantities, lots), min_size=WORKERS, max_size=WORKERS),
        repeated=st.booleans(),
    )
    def race(self, asked: list[tuple[tuple[str, str], int, str]], repeated: bool) -> None:
        """Several book at once; with `repeated` each line is sent by two."""
        lines = [self._line(*one) for one in asked] * (2 if repeated else 1)
        before = self.model.as_dict()
        taken: list[str | BaseException] = [""] * len(lines)

        def send(place: int) -> None:
            try:
                with psycopg.connect(self.dsn) as connection:
                    taken[place] = books.book(connection, doing(), [lines[place]])
            except Exception as error:  # noqa: BLE001 - judged below
                taken[place] = error

        threads = [threading.Thread(target=send, args=(place,)) for place in range(len(lines))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = {line.movement_id: line for line, got in zip(lines, taken, strict=True) if isinstance(got, str)}
        created = [line.movement_id for line, got in zip(lines, taken, strict=True) if got == "created"]
        assert sorted(created) == sorted(done), "each that was taken was taken once"
        assert all(isinstance(got, str | InsufficientStockError) for got in taken), taken
        left = self._apply_in_some_order(list(done.values()))
        assert left == [], f"no order explains {taken} from {before}"
        for line in lines:
            if line.movement_id not in done:
                self._must_have_been_refusable(line, list(done.values()))
        self.booked += done.values()

    def _apply_in_some_order(self, lines: list[Line]) -> list[Line]:
        """What brings in goes first: if any order can be booked, then this one."""
        waiting = lines
        while waiting:
            still = []
            for line in waiting:
                try:
                    self.model.apply(movement_of(line, NOW))
                except InsufficientStockError:
                    still.append(line)
            if len(still) == len(waiting):
                return still
            waiting = still
        return []

    def _must_have_been_refusable(self, refused: Line, done: list[Line]) -> None:
        """Some order of the others leaves too little: at worst all that take went before and all that bring after."""
        key = BalanceKey(refused.from_account_id, PARA, refused.goods.lot)
        now = self.model.quantity(*key)
        brought = sum(
            line.goods.quantity for line in done if (line.to_account_id, line.goods.lot) == (key.account_id, key.lot)
        )
        assert refused.from_account_id not in {"supplier", "unexplained", "repacked"}
        assert now - brought < refused.goods.quantity

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        rows = self.warehouse.rows(
            "SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE quantity <> 0"
        )
        assert {BalanceKey(*row[:3]): int(row[3]) for row in rows} == self.model.as_dict()

    @invariant()
    def the_books_prove_themselves(self) -> None:
        with self.warehouse.connection.transaction():
            proof = verify_books(self.warehouse.connection)
        faults = [text for text in proof.examples if "did not come back" not in text]
        assert faults == [], "that repacking brings back what it takes is its service's part, not the books'"


def test_the_database_does_what_the_plain_books_do(database: Database) -> None:
    machine: Any = type("Machine", (BooksMachine,), {"dsn": database.dsn})
    run_machine(
        machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
