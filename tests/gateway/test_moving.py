"""Moving goods in the house: put away, transferred, returned, adjusted, repacked, and each of it taken back."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from gateway.db.pool import Pool
from gateway.stock import transfers
from gateway.stock.acts import ActLine, Done
from gateway.stock.adjustments import Adjustment, adjust
from gateway.stock.document_reads import documents_about
from gateway.stock.errors import WorkRefusedError
from gateway.stock.put_away import PutAway, put_away
from gateway.stock.repacking import Repacking, repack
from gateway.stock.returns import SupplierReturn, WardReturn, return_from_ward, return_to_supplier
from gateway.stock.transfers import Arrival, Sending, arrive, send
from gateway.stock.undoing import Undoing, undo
from gateway.stock.verify import verify_books
from inventory.errors import InsufficientStockError, PackElsewhereError, StockHeldError
from tests.gateway.ingest_kit import Database
from tests.gateway.warehouse_kit import PARA, PARA_BOX
from tests.gateway.work_in_kit import PARA_CASE, SUPPLIER, Store, actor, para

pytestmark = pytest.mark.integration


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """A store with a thousand tablets and one box with a serial number; its books are proven at the end."""
    store = Store.on(database.dsn)
    store.receive(para(1000), para(100, lot="L2", serial="S1"))
    yield store
    proof = verify_books(store.warehouse.connection)
    store.warehouse.connection.close()
    assert proof.ok, proof


def sent(store: Store, *lines: ActLine) -> Done:
    return store.do(send, Sending(uuid.uuid4(), "store", "ward", lines))


def arrived(store: Store, transfer: Done, *lines: ActLine, is_complete: bool = False) -> Done:
    return store.do(arrive, Arrival(uuid.uuid4(), transfer.document_id, lines, is_complete))


def taken_back(store: Store, done: Done, reason: str = "reverse_entered_wrong") -> Done:
    return store.do(undo, Undoing(uuid.uuid4(), done.document_id, reason), actor("mai"))


def moved_to(store: Store, place_id: str, *lines: ActLine, override: str | None = None) -> Done:
    return store.do(put_away, PutAway(uuid.uuid4(), "store", place_id, lines, override))


# Put away


def test_goods_are_put_on_a_shelf_and_the_pack_with_them(store: Store) -> None:
    one = PutAway(uuid.uuid4(), "store", "shelf", (para(300), para(100, lot="L2", serial="S1")))
    assert [store.do(put_away, one).outcome for _ in range(2)] == ["created", "exists"]
    assert (store.there(), store.there("shelf"), store.there("shelf", "L2")) == (700, 300, 100)
    assert store.warehouse.rows("SELECT account_id FROM pack WHERE serial_number = 'S1'") == [("place:shelf",)]


def test_a_place_of_another_storage_class_needs_a_reason(store: Store) -> None:
    store.warehouse.run("UPDATE place SET storage_class = 'refrigerator' WHERE place_id = 'fridge-1'")
    with pytest.raises(WorkRefusedError, match="stored room") as refused:
        moved_to(store, "fridge-1", para(10))
    assert refused.value.code == "storage_class"
    with pytest.raises(WorkRefusedError, match="reason"):
        moved_to(store, "fridge-1", para(10), override="because")
    done = moved_to(store, "fridge-1", para(10), override="storage_label")
    assert store.there("fridge-1") == 10
    reasons = store.warehouse.rows("SELECT DISTINCT reason_code FROM movement WHERE document_id = %s", done.document_id)
    assert reasons == [("storage_label",)]


def test_a_shelf_has_the_storage_class_of_the_room_that_it_stands_in(store: Store) -> None:
    store.warehouse.run("UPDATE place SET storage_class = 'cool' WHERE place_id = 'store'")
    with pytest.raises(WorkRefusedError, match="cool"):
        moved_to(store, "shelf", para(1))
    store.warehouse.run("UPDATE place SET storage_class = 'room' WHERE place_id = 'shelf'")
    assert moved_to(store, "shelf", para(1)).outcome == "created"


def test_what_is_held_may_be_put_apart_but_not_sent_to_a_ward(store: Store) -> None:
    store.receive(para(5, lot="OLD", expiry=date(2026, 1, 31)), into_quarantine=True)
    old = para(5, lot="OLD")
    with pytest.raises(StockHeldError):
        sent(store, old)
    moved_to(store, "apart", old)
    assert store.there("apart", "OLD") == 5


def test_from_and_to_are_two_places(store: Store) -> None:
    with pytest.raises(WorkRefusedError, match="both"):
        moved_to(store, "store", para(1))


# Transfers


def test_sent_goods_are_in_transit_until_they_arrive(store: Store) -> None:
    transfer = sent(store, para(300), para(100, lot="L2", serial="S1"))
    assert (transfer.state, store.there(), store.there("in_transit"), store.there("ward")) == (
        "in_transit",
        700,
        300,
        0,
    )
    arrived(store, transfer, para(300))
    [left] = transfers.on_the_way(store.warehouse.connection, transfer.document_id)
    assert (left.serial_number, left.gtin, left.quantity) == ("S1", PARA_BOX, 100)
    last = arrived(store, transfer, para(100, lot="L2", serial="S1"))
    assert (store.there("in_transit"), store.there("ward"), store.there("ward", "L2")) == (0, 300, 100)
    about = documents_about(store.warehouse.connection, transfer.document_id)
    assert [each.number for each in about][-1] == last.number
    states = store.warehouse.rows("SELECT state FROM stock_document WHERE document_id = %s", transfer.document_id)
    assert states == [("posted",)]
    assert store.cases() == []


def test_what_does_not_arrive_is_a_case_and_nothing_vanishes(store: Store) -> None:
    transfer = sent(store, para(300), para(100, lot="L2", serial="S1"))
    done = arrived(store, transfer, para(250), is_complete=True)
    assert [notice.code for notice in done.notices] == ["transfer_short", "transfer_short"]
    assert (store.there("ward"), store.there("in_transit"), store.there("unexplained")) == (250, 0, 50)
    assert [code for code, _ in store.cases()] == ["transfer_short", "transfer_short"]
    assert any("pack S1" in detail for _, detail in store.cases())
    with pytest.raises(WorkRefusedError, match="on its way any more"):
        arrived(store, transfer, para(1))


def test_more_than_was_sent_is_there_all_the_same_and_a_case(store: Store) -> None:
    transfer = sent(store, para(100))
    done = arrived(store, transfer, para(130))
    assert [notice.code for notice in done.notices] == ["transfer_over"]
    assert (store.there("ward"), store.there("unexplained"), store.there()) == (130, -30, 900)


def test_nothing_at_all_may_arrive(store: Store) -> None:
    transfer = sent(store, para(100))
    arrived(store, transfer, is_complete=True)
    assert (store.there("ward"), store.there("in_transit"), store.there("unexplained")) == (0, 0, 100)


def test_a_pack_that_was_not_sent_with_it_is_refused(store: Store) -> None:
    transfer = sent(store, para(100))
    with pytest.raises(WorkRefusedError, match="was not sent with") as refused:
        arrived(store, transfer, para(100, lot="L2", serial="S1"))
    assert refused.value.code == "not_in_transfer"
    with pytest.raises(WorkRefusedError, match="no transfer"):
        store.do(arrive, Arrival(uuid.uuid4(), uuid.uuid4(), (para(1),)))


def test_two_people_who_receive_the_same_transfer_at_once_receive_it_once(store: Store, shared_pool: Pool) -> None:
    transfer = sent(store, para(100))
    together = threading.Barrier(4)
    refused: list[str] = []

    def take() -> None:
        with shared_pool.connection() as connection:
            together.wait(60)
            try:
                arrive(connection, Arrival(uuid.uuid4(), transfer.document_id, (para(100),)), actor())
            except WorkRefusedError as error:
                connection.rollback()
                refused.append(error.code)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert refused == ["nothing_on_the_way"] * 3
    assert (store.there("ward"), store.there("in_transit"), store.there("unexplained")) == (100, 0, 0)


def test_two_transfers_of_the_same_lot_do_not_mix(store: Store) -> None:
    first, second = sent(store, para(100)), sent(store, para(50))
    arrived(store, second, para(50))
    assert transfers.on_the_way(store.warehouse.connection, second.document_id) == []
    [left] = transfers.on_the_way(store.warehouse.connection, first.document_id)
    assert left.quantity == 100


# Returns


def test_a_ward_gives_back_what_it_does_not_need(store: Store) -> None:
    arrived(store, sent(store, para(100)), para(100))
    one = WardReturn(uuid.uuid4(), "ward", "store", (para(40),), "return_not_needed")
    assert [store.do(return_from_ward, one).outcome for _ in range(2)] == ["created", "exists"]
    assert (store.there("ward"), store.there()) == (60, 940)
    with pytest.raises(InsufficientStockError):
        store.do(return_from_ward, replace(one, document_id=uuid.uuid4(), lines=(para(61),)))


def test_what_nobody_knows_how_it_was_kept_is_held_where_it_stands(store: Store) -> None:
    arrived(store, sent(store, para(40), para(100, lot="L2", serial="S1")), para(40), para(100, lot="L2", serial="S1"))
    lines = (para(40), para(100, lot="L2", serial="S1"))
    one = WardReturn(uuid.uuid4(), "ward", "apart", lines, "return_patient_left", into_quarantine=True)
    assert [notice.code for notice in store.do(return_from_ward, one).notices] == ["in_quarantine"] * 2
    rows = store.warehouse.rows("SELECT lot, account_id, serial_number FROM stock_hold ORDER BY lot")
    assert rows == [("L1", "place:apart", None), ("L2", None, "S1")]


def test_handed_out_goods_come_back_from_what_was_handed_out(store: Store) -> None:
    store.warehouse.issue(para(30).goods)
    one = WardReturn(uuid.uuid4(), "ward", "store", (para(10),), "return_treatment_changed", from_dispensed=True)
    store.do(return_from_ward, one)
    assert (store.there("dispensed"), store.there()) == (20, 980)


def test_expired_goods_go_back_to_the_supplier_with_a_reason(store: Store) -> None:
    store.receive(para(5, lot="OLD", expiry=date(2026, 1, 31)), into_quarantine=True)
    one = SupplierReturn(uuid.uuid4(), "store", SUPPLIER, (para(5, lot="OLD"),), "return_short_expiry")
    with pytest.raises(WorkRefusedError, match="reason"):
        store.do(return_to_supplier, replace(one, reason_code="adjust_lost"))
    store.do(return_to_supplier, one)
    assert (store.there(lot="OLD"), store.there("returned", "OLD")) == (0, 5)


# Adjustments


def test_an_adjustment_goes_against_the_unexplained_in_either_direction(store: Store) -> None:
    more = Adjustment(uuid.uuid4(), "store", "more", (para(5),), "adjust_found")
    less = Adjustment(uuid.uuid4(), "store", "less", (para(7),), "adjust_broken")
    store.do(adjust, more)
    store.do(adjust, less)
    assert (store.there(), store.there("unexplained")) == (998, 2)
    with pytest.raises(InsufficientStockError, match="free"):
        store.do(adjust, replace(less, document_id=uuid.uuid4(), lines=(para(5000),)))
    with pytest.raises(WorkRefusedError, match="reason"):
        store.do(adjust, replace(less, document_id=uuid.uuid4(), reason_code=""))


# Repacking


def test_a_box_becomes_loose_tablets_and_two_smaller_packs_of_the_same_lot(store: Store) -> None:
    small = "08935234500014"
    store.warehouse.run("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 20)", small, PARA)
    box = para(100, lot="L2", serial="S1")
    packs = tuple(ActLine(PARA, 20, "L2", None, small, serial) for serial in ("A", "B"))
    done = store.do(repack, Repacking(uuid.uuid4(), "store", (box,), (*packs, para(60, lot="L2"))))
    assert (done.number, store.there(lot="L2"), store.there("repacked", "L2")) == ("DG26-000001", 100, 0)
    found = dict(store.warehouse.rows("SELECT serial_number, units FROM pack WHERE account_id = 'place:store'"))
    assert found == {"A": 20, "B": 20}


def test_a_case_is_broken_into_boxes_and_nothing_is_gained_or_lost(store: Store) -> None:
    case = ActLine(PARA, 1000, "L1", None, PARA_CASE)
    store.do(repack, Repacking(uuid.uuid4(), "store", (case,), (ActLine(PARA, 1000, "L1", None, PARA_BOX),)))
    assert store.there() == 1000


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (para(99, lot="L2"), "units_not_conserved"),
        (para(100, lot="L3"), "lot_mixed"),
        (para(100, lot="L2", expiry=date(2028, 1, 1)), "expiry_later"),
        (ActLine(PARA, 100, "L2", None, PARA_CASE, "C1"), "pack_units"),
        (ActLine(PARA, 100, "L2", None, PARA_CASE), "pack_units"),
    ],
)
def test_repacking_conserves_units_lot_expiry_and_what_a_pack_holds(store: Store, target: ActLine, code: str) -> None:
    with pytest.raises(WorkRefusedError) as refused:
        store.do(repack, Repacking(uuid.uuid4(), "store", (para(100, lot="L2", serial="S1"),), (target,)))
    assert refused.value.code == code


# Undo


def test_a_receipt_is_taken_back_once_with_a_reason_and_stays_visible(store: Store) -> None:
    done = store.receive(para(50, lot="L7"))
    one = Undoing(uuid.uuid4(), done.document_id, "reverse_entered_twice")
    assert [store.do(undo, one, actor("mai")).outcome for _ in range(2)] == ["created", "exists"]
    assert (store.there(lot="L7"), store.there("supplier", "L7")) == (0, 0)
    [(kind, person, reason)] = store.warehouse.rows(
        "SELECT kind, person, reason_code FROM movement WHERE reverses_movement_id IS NOT NULL"
    )
    assert (kind, person, reason) == ("reverse", "mai", "reverse_entered_twice")
    with pytest.raises(WorkRefusedError, match="already"):
        taken_back(store, done)
    with pytest.raises(WorkRefusedError, match="reason"):
        taken_back(store, done, "adjust_lost")


def test_what_has_moved_on_is_not_taken_back(store: Store) -> None:
    done = store.receive(para(50, lot="L7"), para(100, lot="L8", serial="S8"))
    moved_to(store, "shelf", para(10, lot="L7"))
    with pytest.raises(InsufficientStockError):
        taken_back(store, done)
    last = moved_to(store, "shelf", para(100, lot="L8", serial="S8"))
    with pytest.raises((PackElsewhereError, InsufficientStockError)):
        taken_back(store, done)
    taken_back(store, last)
    assert store.there(lot="L8") == 100


def test_a_transfer_is_taken_back_from_its_end(store: Store) -> None:
    transfer = sent(store, para(100))
    arrival = arrived(store, transfer, para(60))
    with pytest.raises(WorkRefusedError, match="take that back first"):
        taken_back(store, transfer)
    taken_back(store, arrival)
    [left] = transfers.on_the_way(store.warehouse.connection, transfer.document_id)
    assert left.quantity == 100
    assert taken_back(store, transfer).outcome == "created"
    assert (store.there(), store.there("in_transit"), store.there("ward")) == (1000, 0, 0)
    assert transfers.on_the_way(store.warehouse.connection, transfer.document_id) == []


def test_a_repacking_and_an_adjustment_are_taken_back_whole(store: Store) -> None:
    box = para(100, lot="L2", serial="S1")
    done = store.do(repack, Repacking(uuid.uuid4(), "store", (box,), (para(100, lot="L2"),)))
    taken_back(store, done)
    assert store.warehouse.rows("SELECT account_id, units FROM pack WHERE serial_number = 'S1'") == [
        ("place:store", 100)
    ]
    found = store.do(adjust, Adjustment(uuid.uuid4(), "store", "more", (para(5),), "adjust_found"))
    reversal = taken_back(store, found)
    assert (store.there(), store.there("unexplained")) == (1000, 0)
    with pytest.raises(WorkRefusedError, match="can't be taken back"):
        taken_back(store, reversal)
