"""A store to be counted, and the proof of its books when a test is over."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg

from gateway.stock import books, stocktakes
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.stocktake_lines import JudgedLine, judged_lines
from gateway.stock.stocktake_posting import Posted, post
from gateway.stock.stocktakes import CountedLine, HandIn, NewStocktake
from inventory.ledger import BalanceKey as Key
from inventory.ledger import Movement, Posting, verify
from inventory.movement import MovementKind
from tests.gateway.ingest_kit import GTIN, NOW, ZONE, Database

STORE, WARD, FRIDGE = "place:store", "place:ward", "place:fridge-1"
MORPHINE = "MOR10"


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


class Pharmacy:
    """A store and the acts upon it, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.number = 0
        database.run(
            "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, control_class)"
            " VALUES (%s, 'Morphin 10 mg', 'Morphine 10 mg', 'ống', 'ampoule', 'narcotic')",
            MORPHINE,
        )

    def move(
        self,
        kind: MovementKind,
        quantity: int,
        source: str,
        target: str,
        *,
        minutes: float,
        lot: str = "L1",
        product: str = GTIN,
        serial: str | None = None,
    ) -> None:
        """Book a movement that occurred at that minute."""
        self.number += 1
        goods = Goods(product, lot, None, quantity, GTIN if serial else None, serial)
        line = Line(uuid.UUID(int=self.number), kind, goods, source, target)
        with psycopg.connect(self.database.dsn) as connection:
            for place in ("store", "ward", "fridge-1"):
                books.place_account(connection, place)
            second = "minh" if product == MORPHINE else None
            doing = Doing(at(minutes), at(minutes), "api", "hoa", second_person=second, scan_text="pack")
            books.book(connection, doing, [line])

    def receive(self, quantity: int, *, minutes: float = -60, **more: Any) -> None:  # noqa: ANN401 - as `move`
        """Into the store."""
        self.move("receive", quantity, "supplier", STORE, minutes=minutes, **more)

    def issue(self, quantity: int, *, minutes: float, **more: Any) -> None:  # noqa: ANN401 - as `move`
        """Out of the store, to the ward."""
        self.move("issue", quantity, STORE, WARD, minutes=minutes, **more)

    def start(self, *places: str, number: int = 1, minutes: float = 0, **more: Any) -> uuid.UUID:  # noqa: ANN401
        """Begin to count."""
        stocktake_id = uuid.UUID(int=10_000 + number)
        new = NewStocktake(stocktake_id, places or ("store",), "truong-kho", **more)
        with psycopg.connect(self.database.dsn) as connection:
            stocktakes.start(connection, new, at(minutes), ZONE)
        return stocktake_id

    def count(
        self,
        stocktake_id: uuid.UUID,
        quantity: int,
        *,
        by: str = "lan",
        minutes: float = 10,
        lot: str = "L1",
        product: str = GTIN,
        account: str = STORE,
        packs: tuple[tuple[str, str], ...] | None = None,
    ) -> None:
        """Hand in one line."""
        self.number += 1
        line = CountedLine(account, product, lot, quantity, packs)
        given = HandIn(uuid.UUID(int=20_000 + self.number), stocktake_id, by, at(minutes), (line,))
        with psycopg.connect(self.database.dsn) as connection:
            stocktakes.hand_in(connection, given, at(minutes))

    def submit(self, stocktake_id: uuid.UUID, *, leave_uncounted: bool = False) -> str:
        """Say that the counting is done."""
        with psycopg.connect(self.database.dsn) as connection:
            return stocktakes.submit(connection, stocktake_id, "lan", at(30), leave_uncounted=leave_uncounted)

    def verify(self, stocktake_id: uuid.UUID, by: str = "dung") -> str:
        """Stand for the differences."""
        with psycopg.connect(self.database.dsn) as connection:
            return stocktakes.verify(connection, stocktake_id, by, at(40))

    def post(self, stocktake_id: uuid.UUID, *, minutes: float = 50) -> Posted:
        """Book them."""
        with psycopg.connect(self.database.dsn) as connection:
            return post(connection, stocktake_id, "dung", at(minutes), ZONE)

    def finish(self, stocktake_id: uuid.UUID, **more: Any) -> Posted:  # noqa: ANN401 - as `submit`
        """From counted to booked."""
        assert self.submit(stocktake_id, **more) == "waiting_verification"
        assert self.verify(stocktake_id) == "verified"
        return self.post(stocktake_id)

    def lines(self, stocktake_id: uuid.UUID) -> list[JudgedLine]:
        """All lines as they are now."""
        with psycopg.connect(self.database.dsn) as connection:
            return judged_lines(connection, stocktake_id)

    def on_hand(self, account: str = STORE, lot: str = "L1", product: str = GTIN) -> int:
        """By the books."""
        rows = self.database.rows(
            "SELECT quantity FROM stock_balance WHERE account_id = %s AND product_id = %s AND lot = %s",
            account,
            product,
            lot,
        )
        return int(rows[0][0]) if rows else 0

    def count_movements(self) -> list[tuple[Any, ...]]:
        """What counts have booked."""
        return self.database.rows(
            "SELECT kind, quantity, from_account_id, to_account_id, serial_number, person, second_person FROM movement"
            " WHERE kind IN ('count_in', 'count_out') ORDER BY kind, quantity, serial_number"
        )

    def cases(self) -> list[Any]:
        """Codes of the open cases."""
        return self.database.column("SELECT code FROM discrepancy WHERE resolved_at IS NULL ORDER BY discrepancy_id")


def prove_books(database: Database) -> None:
    """By replay; and no pack stands where the balance has nothing."""
    movements = database.rows(
        "SELECT movement_id, kind, product_id, lot, quantity, from_account_id, to_account_id, occurred_at FROM movement"
        " ORDER BY received_at, movement_id"
    )
    postings = database.rows("SELECT movement_id, account_id, product_id, lot, quantity FROM posting")
    balances = database.rows("SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE quantity <> 0")
    in_books = {Key(*row[:3]): int(row[3]) for row in balances}
    proof = verify([Movement(*row) for row in movements], in_books, [Posting(*row) for row in postings])
    assert proof.ok, proof
    for account, product, lot, units in database.rows(
        "SELECT account_id, product_id, lot, sum(units)::int FROM pack WHERE starts_with(account_id, 'place:')"
        " GROUP BY 1, 2, 3"
    ):
        assert in_books[Key(account, product, lot)] >= units, "a pack stands where the balance has nothing"
