"""The books in the database: what they take, what they refuse, and that they prove themselves."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import psycopg
import pytest

from gateway.stock import books
from gateway.stock.books import InsufficientStockError, LedgerError, MovementConflictError, PackElsewhereError
from gateway.stock.lines import Availability, Goods
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import Database
from tests.gateway.warehouse_kit import EXPIRY, PARA, PARA_BOX, STORE, VITAMIN, WARD, Warehouse, doing, goods, line

pytestmark = pytest.mark.integration


@pytest.fixture
def warehouse(database: Database) -> Iterator[Warehouse]:
    """A warehouse whose books are proven when the test is over."""
    warehouse = Warehouse(database.dsn)
    yield warehouse
    proof = verify_books(warehouse.connection)
    warehouse.connection.close()
    assert proof.ok, proof


def test_what_is_received_stands_in_the_store(warehouse: Warehouse) -> None:
    warehouse.receive(goods(30))
    assert warehouse.there() == Availability(on_hand=30, reserved=0)
    assert warehouse.there("supplier").on_hand == -30


def test_a_product_without_gtin_and_lot_is_booked_like_any_other(warehouse: Warehouse) -> None:
    warehouse.receive(goods(30, lot="", product=VITAMIN, expiry=None))
    warehouse.issue(goods(10, lot="", product=VITAMIN, expiry=None))
    assert warehouse.there(lot="", product=VITAMIN).on_hand == 20


def test_a_movement_sent_twice_is_booked_once(warehouse: Warehouse) -> None:
    one = line("receive", goods(30), "supplier", STORE)
    assert [warehouse.book(one), warehouse.book(one)] == ["created", "exists"]
    assert warehouse.book(one, by=doing(at=warehouse.later(minutes=5))) == "exists", "a server may set the time anew"
    assert warehouse.there().on_hand == 30


def test_a_repetition_is_known_as_one_although_the_stock_is_gone_by_now(warehouse: Warehouse) -> None:
    warehouse.receive(goods(30))
    issued = warehouse.issue(goods(30))
    assert warehouse.book(issued) == "exists"


@pytest.mark.parametrize("change", [{"quantity": 29}, {"lot": "L2"}, {"gtin": PARA_BOX}])
def test_the_same_id_with_other_goods_is_a_conflict(warehouse: Warehouse, change: dict[str, object]) -> None:
    one = warehouse.receive(goods(30))
    with pytest.raises(MovementConflictError, match="and came as"):
        warehouse.book(replace(one, goods=replace(one.goods, **change)))  # type: ignore[arg-type]
    assert warehouse.there().on_hand == 30


def test_a_booking_of_which_a_part_is_there_already_is_a_conflict(warehouse: Warehouse) -> None:
    one = warehouse.receive(goods(30))
    with pytest.raises(MovementConflictError, match="1 of 2 lines"):
        warehouse.book(one, line("receive", goods(5), "supplier", STORE))
    assert warehouse.there().on_hand == 30


def test_lines_are_booked_all_or_none(warehouse: Warehouse) -> None:
    warehouse.receive(goods(30))
    with pytest.raises(InsufficientStockError):
        warehouse.book(line("issue", goods(20), STORE, "dispensed"), line("issue", goods(20), STORE, "dispensed"))
    assert warehouse.there().on_hand == 30


def test_a_later_line_may_take_what_an_earlier_one_brings(warehouse: Warehouse) -> None:
    warehouse.book(line("receive", goods(30), "supplier", STORE), line("put_away", goods(30), STORE, WARD))
    assert (warehouse.there().on_hand, warehouse.there(WARD).on_hand) == (0, 30)


def test_too_little_says_what_is_there(warehouse: Warehouse) -> None:
    warehouse.receive(goods(30))
    with pytest.raises(InsufficientStockError, match=r"31 wanted, 30 free \(30 on hand, 0 reserved\)"):
        warehouse.issue(goods(31))


def test_nothing_goes_below_zero_not_even_unguarded(warehouse: Warehouse) -> None:
    with pytest.raises(InsufficientStockError):
        warehouse.book(line("issue", goods(1), STORE, "dispensed"), guard=False)
    warehouse.receive(goods(1))
    with pytest.raises(psycopg.errors.CheckViolation), warehouse.connection.transaction():
        warehouse.connection.execute("UPDATE stock_balance SET quantity = -1 WHERE account_id = %s", (STORE,))


@pytest.mark.parametrize(
    ("what", "source", "message"),
    [
        (goods(1, product="NOTHING"), "supplier", "product 'NOTHING' is not in the catalogue"),
        (Goods(VITAMIN, "", None, 1, PARA_BOX), "supplier", f"GTIN {PARA_BOX} is no trade item of product '{VITAMIN}'"),
        (goods(1), "nowhere", "no stock account 'nowhere'"),
        (goods(0), "supplier", "quantity 0"),
    ],
)
def test_what_does_not_exist_cannot_be_booked(warehouse: Warehouse, what: Goods, source: str, message: str) -> None:
    with pytest.raises(LedgerError, match=message):
        warehouse.book(line("receive", what, source, STORE))


def test_a_movement_that_nobody_answers_for_is_refused(warehouse: Warehouse) -> None:
    one = line("receive", goods(30), "supplier", STORE)
    with pytest.raises(LedgerError, match="without person"):
        warehouse.book(one, by=doing(person=None))
    with pytest.raises(LedgerError, match="without document_id or scan_text"):
        warehouse.book(one, by=doing(scan_text=None))
    with pytest.raises(LedgerError, match="without epoch_key, seq"):
        warehouse.book(one, by=doing(client="edge", device_key=1))
    with pytest.raises(LedgerError, match="expected somebody else"):
        doing(second_person="lan")


def test_the_earliest_expiry_date_that_anything_said_is_the_lots(warehouse: Warehouse) -> None:
    for expiry in (date(2028, 1, 31), None, EXPIRY, date(2029, 1, 31)):
        warehouse.receive(goods(1, expiry=expiry))
    assert warehouse.rows("SELECT expiry_date FROM lot WHERE product_id = %s", PARA) == [(EXPIRY,)]


def test_a_movement_is_taken_back_by_another_once(warehouse: Warehouse) -> None:
    received = warehouse.receive(goods(30))
    back = uuid.uuid4()

    def take_back(movement_id: uuid.UUID) -> str:
        with warehouse.connection.transaction():
            return books.reverse(warehouse.connection, doing(), received.movement_id, movement_id)

    assert [take_back(back), take_back(back)] == ["created", "exists"]
    assert warehouse.there().on_hand == 0
    with pytest.raises(LedgerError, match=f"taken back already, by {back}"):
        take_back(uuid.uuid4())
    with pytest.raises(LedgerError, match="is a reversal"), warehouse.connection.transaction():
        books.reverse(warehouse.connection, doing(), back, uuid.uuid4())
    with pytest.raises(LedgerError, match="nothing to take back"), warehouse.connection.transaction():
        books.reverse(warehouse.connection, doing(), uuid.uuid4(), uuid.uuid4())


def test_a_receipt_whose_goods_are_used_cannot_be_taken_back(warehouse: Warehouse) -> None:
    received = warehouse.receive(goods(30))
    warehouse.issue(goods(1))
    with pytest.raises(InsufficientStockError), warehouse.connection.transaction():
        books.reverse(warehouse.connection, doing(), received.movement_id, uuid.uuid4())


def _pack_of(warehouse: Warehouse) -> tuple[object, ...]:
    return tuple(warehouse.rows("SELECT account_id, units FROM pack")[0])


def test_a_reversal_puts_a_serialised_pack_back(warehouse: Warehouse) -> None:
    warehouse.receive(goods(100, serial="S1"))
    issued = warehouse.issue(goods(100, serial="S1"))
    assert _pack_of(warehouse) == ("dispensed", 100)
    with warehouse.connection.transaction():
        books.reverse(warehouse.connection, doing(), issued.movement_id, uuid.uuid4())
    assert _pack_of(warehouse) == (STORE, 100)


def test_a_movement_whose_pack_has_moved_on_is_not_taken_back_and_says_where_it_is(warehouse: Warehouse) -> None:
    received = warehouse.receive(goods(100, serial="S1"))
    warehouse.book(line("put_away", goods(100, serial="S1"), STORE, WARD))
    with (
        pytest.raises(PackElsewhereError, match=r"can't be taken back: pack 'S1' .* is at 'place:ward'"),
        warehouse.connection.transaction(),
    ):
        books.reverse(warehouse.connection, doing(), received.movement_id, uuid.uuid4())


def test_a_pack_is_opened_refilled_and_emptied(warehouse: Warehouse) -> None:
    warehouse.receive(goods(100, serial="S1"))
    warehouse.issue(goods(30, serial="S1"))
    assert _pack_of(warehouse) == (STORE, 70)
    warehouse.book(line("return_in", goods(10, serial="S1"), "dispensed", STORE))
    assert _pack_of(warehouse) == (STORE, 80)
    warehouse.issue(goods(80, serial="S1"))
    assert _pack_of(warehouse) == ("dispensed", 80)
    warehouse.book(line("return_in", goods(5, serial="S1"), "dispensed", WARD))
    assert _pack_of(warehouse) == (WARD, 5)


@pytest.mark.parametrize(
    ("what", "source", "target", "message"),
    [
        (goods(100, serial="S1"), WARD, "dispensed", "it is at 'place:store', not at 'place:ward'"),
        (goods(100, serial="S2"), STORE, "dispensed", "the books have none"),
        (goods(100, serial="S1", lot="L2"), STORE, "dispensed", "in lot 'L1' of PARA500, not 'L2'"),
        (goods(101, serial="S1"), STORE, "dispensed", "100 base units are left in it, 101 wanted"),
        (goods(10, serial="S1"), WARD, STORE, "it is at 'place:store', not at 'place:ward'"),
    ],
)
def test_a_pack_is_taken_only_from_where_it_is(
    warehouse: Warehouse, what: Goods, source: str, target: str, message: str
) -> None:
    warehouse.receive(goods(100, serial="S1"))
    warehouse.receive(goods(200))
    warehouse.receive(goods(200, lot="L2"))
    warehouse.receive(goods(200), WARD)
    with pytest.raises(PackElsewhereError, match=message):
        warehouse.book(line("put_away", what, source, target))


def test_what_is_repacked_leaves_one_lot_and_comes_back_as_another(warehouse: Warehouse) -> None:
    warehouse.receive(goods(100))
    warehouse.book(
        line("repack_out", goods(100), STORE, "repacked"), line("repack_in", goods(100, lot="R1"), "repacked", STORE)
    )
    assert (warehouse.there().on_hand, warehouse.there(lot="R1").on_hand) == (0, 100)


def test_a_place_that_is_not_there_has_no_account(warehouse: Warehouse) -> None:
    with pytest.raises(LedgerError, match="no place 'moon'"), warehouse.connection.transaction():
        books.place_account(warehouse.connection, "moon")


def test_a_serial_number_counts_within_its_gtin() -> None:
    with pytest.raises(LedgerError, match="without a GTIN"):
        Goods(PARA, "L1", None, 1, None, "S1")
