"""Many counters at once, each on its own connection: never below zero, nothing twice, nobody waits in a circle."""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest

from edge.contracts.observations import CodeScanned
from gateway.ingest.decoder import decode
from gateway.stock import books, documents, holds, reservations
from gateway.stock.books import InsufficientStockError, LedgerError, StockHeldError
from gateway.stock.documents import NewDocument
from gateway.stock.holds import NewHold
from gateway.stock.reservations import NewReservation
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import NOW, Database, Node
from tests.gateway.warehouse_kit import PARA, PARA_BOX, STORE, VITAMIN, WARD, Warehouse, doing, goods, line

if TYPE_CHECKING:
    from gateway.stock.lines import Line

pytestmark = pytest.mark.integration

Connection = psycopg.Connection[tuple[object, ...]]
Work = Callable[[int, Connection], None]


@pytest.fixture
def warehouse(database: Database) -> Iterator[Warehouse]:
    """A warehouse whose books are proven when the test is over, and in which nobody waited in a circle."""
    warehouse = Warehouse(database.dsn)
    circles = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = warehouse.rows(circles)
    yield warehouse
    assert warehouse.rows(circles) == before, "PostgreSQL broke a deadlock"
    proof = verify_books(warehouse.connection)
    warehouse.connection.close()
    assert proof.ok, proof


class Tally:
    """Counts that several threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        with self._lock:
            self._counts[name] += count

    def __getitem__(self, name: str) -> int:
        """How many so far."""
        return self._counts[name]


def seeded(number: int) -> random.Random:
    """The same chances at every run; only the threads' order differs."""
    return random.Random(number)  # noqa: S311 - nothing secret


def at_once(warehouse: Warehouse, workers: int, work: Work) -> None:
    """Each worker on its own connection, begun together; what any of them could not handle comes out here."""
    begin = threading.Barrier(workers)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            with psycopg.connect(warehouse.dsn, autocommit=True) as connection:
                begin.wait(timeout=60)
                work(number, connection)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_counters_that_issue_the_same_lot_take_what_there_is_and_no_more(warehouse: Warehouse) -> None:
    """A peer checks a copy that is stale by then, and drove a batch to -144."""
    warehouse.receive(goods(100))
    outcomes = Tally()

    def issue(number: int, connection: Connection) -> None:
        chance = seeded(number)
        for _ in range(50):
            one = line("issue", goods(chance.randint(1, 3)), STORE, "dispensed")
            try:
                with connection.transaction():
                    books.book(connection, doing(), [one])
                outcomes.add("units", one.goods.quantity)
            except InsufficientStockError:
                outcomes.add("refused")

    at_once(warehouse, 8, issue)
    left = warehouse.there().on_hand
    assert left == 100 - outcomes["units"]
    assert left < 3, "as long as three are there nobody is refused"
    assert outcomes["refused"] > 0


def test_lines_in_any_order_never_wait_in_a_circle(warehouse: Warehouse) -> None:
    """Goods go both ways between two stores, several lots and packs in a booking, in whichever order."""
    keys = [(PARA, "L1"), (PARA, "L2"), (VITAMIN, "L1"), (VITAMIN, "")]
    for product, lot in keys:
        for account in (STORE, WARD):
            warehouse.receive(goods(1000, lot=lot, product=product), account)
    warehouse.receive(goods(500, serial="S1"))
    warehouse.receive(goods(500, serial="S2"))

    def move(number: int, connection: Connection) -> None:
        chance = seeded(number)
        for turn in range(25):
            there, back = (STORE, WARD) if chance.random() < 0.5 else (WARD, STORE)
            lines = [
                line("put_away", goods(chance.randint(1, 5), lot=lot, product=product), there, back)
                for product, lot in chance.sample(keys, 3)
            ]
            if turn % 5 == 0:
                lines += [line("issue", goods(1, serial=serial), STORE, "dispensed") for serial in ("S1", "S2")]
            # Each lot that this booking is the first to have: rows that are not there can't be locked.
            lines.append(line("receive", goods(1, lot=f"N{turn}-{chance.randint(0, 1)}"), "supplier", there))
            chance.shuffle(lines)
            with connection.transaction():
                books.book(connection, doing(), lines)

    at_once(warehouse, 6, move)
    for product, lot in keys:
        on_hand = [warehouse.there(account, lot=lot, product=product).on_hand for account in (STORE, WARD)]
        assert sum(on_hand) == (2000 if (product, lot) != (PARA, "L1") else 3000 - 2 * 6 * 5)


def test_the_same_booking_sent_by_all_at_once_is_booked_once(warehouse: Warehouse) -> None:
    warehouse.receive(goods(10))
    shared = [[line("issue", goods(1), STORE, "dispensed")] for _ in range(10)]
    outcomes = Tally()

    def send(number: int, connection: Connection) -> None:
        chance = seeded(number)
        for lines in chance.sample(shared, len(shared)):
            with connection.transaction():
                outcomes.add(books.book(connection, doing(), lines))

    at_once(warehouse, 6, send)
    assert (outcomes["created"], outcomes["exists"]) == (10, 50)
    assert warehouse.there().on_hand == 0


def test_one_id_for_different_goods_is_booked_for_one_of_them(warehouse: Warehouse) -> None:
    warehouse.receive(goods(10, lot="L1"))
    warehouse.receive(goods(10, lot="L2"))
    ids = [uuid.UUID(int=number) for number in range(20)]
    outcomes = Tally()

    def send(number: int, connection: Connection) -> None:
        for movement_id in ids:
            one = line("issue", goods(1, lot=f"L{number % 2 + 1}"), STORE, "dispensed", movement_id)
            try:
                with connection.transaction():
                    outcomes.add(books.book(connection, doing(), [one]))
            except InsufficientStockError:
                outcomes.add("out of it")
            except LedgerError:
                outcomes.add("conflict")

    at_once(warehouse, 4, send)
    assert outcomes["created"] == sum(10 - warehouse.there(lot=lot).on_hand for lot in ("L1", "L2"))
    assert outcomes["conflict"] > 0


def test_promises_and_issues_together_never_give_more_than_there_is(warehouse: Warehouse) -> None:
    warehouse.receive(goods(60))
    taken = Tally()

    def promise_and_take(number: int, connection: Connection) -> None:
        chance = seeded(number)
        for _ in range(15):
            one = line("issue", goods(1), STORE, "dispensed")
            wanted = NewReservation(
                *(uuid.uuid4(), STORE, PARA, "L1", 2, "lan", NOW, warehouse.later(hours=1)),
            )
            try:
                with connection.transaction():
                    reservations.reserve(connection, wanted)
                if chance.random() < 0.3:
                    with connection.transaction():
                        reservations.void(connection, wanted.reservation_id, NOW)
                    continue
                with connection.transaction():
                    reservations.post(connection, doing(), {wanted.reservation_id: one})
                taken.add("units")  # one of the two that were promised: the other is free again
            except InsufficientStockError:
                taken.add("refused")

    at_once(warehouse, 8, promise_and_take)
    assert warehouse.there().on_hand == 60 - taken["units"]
    assert warehouse.there().reserved == 0


def test_nothing_is_given_out_after_a_hold_is_placed(warehouse: Warehouse) -> None:
    """What is under way when the hold comes is waited for; what comes later is refused."""
    warehouse.receive(goods(100_000_000))
    placed = threading.Event()
    issued_after: list[Line] = []

    def work(number: int, connection: Connection) -> None:
        if number == 0:
            with connection.transaction():
                hold = NewHold(uuid.uuid4(), "recall", PARA, "Công văn 123", "lan", NOW, lot="L1")
                holds.place_hold(connection, hold)
            placed.set()
            return
        while True:
            one = line("issue", goods(1), STORE, "dispensed")
            was_placed = placed.is_set()
            try:
                with connection.transaction():
                    books.book(connection, doing(), [one])
            except StockHeldError:
                return
            if was_placed:
                issued_after.append(one)
                return

    at_once(warehouse, 5, work)
    assert issued_after == []


def test_document_numbers_have_no_holes_and_no_doubles_however_many_write(warehouse: Warehouse) -> None:
    ids = [uuid.UUID(int=number) for number in range(30)]

    def write(number: int, connection: Connection) -> None:
        chance = seeded(number)
        for document_id in chance.sample(ids, len(ids)):
            with connection.transaction() as transaction:
                outcome = documents.open_document(connection, NewDocument(document_id, "issue", "lan", NOW, NOW))
                if outcome == "created" and chance.random() < 0.3:
                    raise psycopg.Rollback(transaction)
        # Every id is written in the end: by whoever did not let go of it.
        for document_id in ids:
            with connection.transaction():
                documents.open_document(connection, NewDocument(document_id, "issue", "lan", NOW, NOW))

    at_once(warehouse, 5, write)
    numbers = [row[0] for row in warehouse.rows("SELECT number FROM stock_document ORDER BY number")]
    assert numbers == [f"PX26-{number:06d}" for number in range(1, 31)]


def test_scanners_and_people_on_the_same_shelf_do_not_stop_each_other(warehouse: Warehouse, database: Database) -> None:
    """A frame's scans take their locks in the order of the scans, people's acts in the order of the keys."""
    lots = ["L1", "L2", "L3"]
    for lot in lots:
        warehouse.receive(goods(100_000_000, lot=lot))
    frames = []
    for number in range(2, 6):
        node = Node(edge_node="store-1", epoch=f"{number:016x}")
        texts = [f"]d201{PARA_BOX}17271231" + f"10{lot}" for lot in seeded(number).sample(lots * 4, 12)]
        frames.append(
            node.events(
                *(CodeScanned(device_id="scanner-issue", occurred_at=NOW, monotonic_ns=1, text=text) for text in texts)
            )
        )

    committed = [threading.Event() for _ in frames]
    people = Tally()

    def work(number: int, connection: Connection) -> None:
        if number < len(frames):
            try:
                database.another_committer().commit([decode(frames[number])])
            finally:
                committed[number].set()
            return
        chance = seeded(number)
        while not all(each.is_set() for each in committed):
            lines = [line("issue", goods(1, lot=lot), STORE, "dispensed") for lot in chance.sample(lots, 3)]
            with connection.transaction():
                books.book(connection, doing(), lines)
            people.add("booked")

    at_once(warehouse, 8, work)
    assert database.column("SELECT DISTINCT outcome FROM scan") == ["issued"]
    assert database.column("SELECT count(*) FROM scan") == [48]
    left = [warehouse.there(lot=lot).on_hand for lot in lots]
    assert left == [100_000_000 - 4 * 4 * 100 - people["booked"]] * 3
