"""Receiving: what is here is in the books, with what a person should know about it; what is unfit waits apart."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.db.pool import Pool
from gateway.stock import holds, order_proposal, order_reads, orders
from gateway.stock.acts import Done
from gateway.stock.errors import DocumentConflictError, WorkRefusedError
from gateway.stock.holds import NewHold
from gateway.stock.order_reads import Order
from gateway.stock.orders import NewOrder, OrderContent, OrderedGoods
from gateway.stock.receiving import Receipt, receive
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import NOW, Database
from tests.gateway.warehouse_kit import EXPIRY, PARA, VITAMIN
from tests.gateway.work_in_kit import SUPPLIER, Store, actor, para

pytestmark = pytest.mark.integration
TODAY = date(2026, 11, 22)


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """An empty store, whose books are proven when the test is over."""
    store = Store.on(database.dsn)
    yield store
    proof = verify_books(store.warehouse.connection)
    store.warehouse.connection.close()
    assert proof.ok, proof


def receipt(*lines: object, **more: object) -> Receipt:
    fields = {"document_id": uuid.uuid4(), "place_id": "store", "supplier_name": SUPPLIER, "lines": lines}
    return Receipt(**fields | more)  # type: ignore[arg-type]


def ordered(store: Store, quantity: int = 100, *, person: str = "lan") -> Order:
    order = NewOrder(uuid.uuid4(), OrderContent(SUPPLIER, "store", (OrderedGoods(PARA, quantity),)))
    with store.warehouse.connection.transaction():
        return orders.place_order(store.warehouse.connection, order, actor(person))[1]


def codes(done: Done) -> list[str]:
    return [notice.code for notice in done.notices]


def test_a_delivery_of_several_lots_and_packs_is_one_document(store: Store) -> None:
    done = store.receive(para(1000, lot="L1"), para(100, lot="L2", serial="S1"), para(100, lot="L2", serial="S2"))
    assert (done.outcome, done.number, done.state) == ("created", "PN26-000001", "posted")
    assert (store.there(lot="L1"), store.there(lot="L2")) == (1000, 200)
    assert codes(done) == ["new_lot", "new_lot"]
    rows = store.warehouse.rows("SELECT DISTINCT person, document_id, kind FROM movement")
    assert rows == [("lan", done.document_id, "receive")]


def test_the_same_delivery_sent_again_is_received_once(store: Store) -> None:
    one = receipt(para(100))
    first, again = store.do(receive, one), store.do(receive, one)
    assert (first.outcome, again.outcome, again.number) == ("created", "exists", first.number)
    assert store.there() == 100
    with pytest.raises(DocumentConflictError, match="other content"):
        store.do(receive, replace(one, lines=(para(200),)))
    assert store.there() == 100


def test_more_than_was_ordered_and_what_was_not_is_told_and_booked(store: Store) -> None:
    order = ordered(store, 100)
    assert codes(store.receive(para(60), order_id=order.order_id, supplier_name="")) == ["new_lot"]
    done = store.receive(
        para(60), replace(para(5, lot="V1"), product_id=VITAMIN), order_id=order.order_id, supplier_name=""
    )
    assert codes(done) == ["over_delivered", "not_ordered", "new_lot"]
    assert done.notices[0].values == {"product": PARA, "over": 20, "ordered": 100}
    [line] = order_reads.order_lines(store.warehouse.connection, order.order_id)
    assert (line.received, line.outstanding) == (120, 0)


def test_a_closed_order_takes_no_more_goods(store: Store) -> None:
    order = ordered(store)
    with store.warehouse.connection.transaction():
        orders.close_order(store.warehouse.connection, order.order_id, actor("mai"))
    with pytest.raises(WorkRefusedError, match="closed by mai") as refused:
        store.receive(para(1), order_id=order.order_id)
    assert refused.value.code == "order_closed"
    assert store.there() == 0
    assert store.warehouse.rows("SELECT count(*) FROM stock_document") == [(0,)]


def test_two_deliveries_of_one_order_at_the_same_moment_add_up(store: Store, shared_pool: Pool) -> None:
    order = ordered(store, 100)
    found: list[list[str]] = []
    together = threading.Barrier(4)

    def deliver() -> None:
        with shared_pool.connection() as connection:
            together.wait(60)
            one = receipt(para(40), order_id=order.order_id, supplier_name="")
            found.append(codes(receive(connection, one, actor())))

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    # 40 and 80 are within the 100, the third and the fourth are over, whoever comes first.
    assert sorted(each.count("over_delivered") for each in found) == [0, 0, 1, 1]
    assert store.there() == 160
    assert sorted(row[0] for row in store.warehouse.rows("SELECT number FROM stock_document")) == [
        f"PN26-00000{number}" for number in (1, 2, 3, 4)
    ]


def test_a_short_shelf_life_and_another_date_than_the_books_have_are_pointed_out(store: Store) -> None:
    soon = TODAY + timedelta(days=100)
    assert codes(store.receive(para(1, expiry=soon))) == ["new_lot", "short_expiry"]
    assert codes(store.receive(para(1, expiry=EXPIRY))) == ["expiry_differs"]
    assert codes(store.receive(para(1, lot="L9", expiry=None))) == ["new_lot", "no_expiry"]


def test_what_has_expired_is_refused_or_goes_into_quarantine_by_a_persons_decision(store: Store) -> None:
    old = para(10, lot="OLD", expiry=date(2026, 11, 21))
    with pytest.raises(WorkRefusedError, match="Give it back to the supplier") as refused:
        store.receive(para(100), old)
    assert (refused.value.code, refused.value.values["lot"]) == ("not_to_be_received", "OLD")
    assert store.there() == 0
    done = store.receive(para(100), old, into_quarantine=True)
    assert codes(done) == ["new_lot", "new_lot", "in_quarantine"]
    [(kind, lot, account, reason)] = store.warehouse.rows("SELECT kind, lot, account_id, reason FROM stock_hold")
    assert (kind, lot, account) == ("quarantine", "OLD", None)
    assert "expired on 2026-11-21" in reason


def test_the_last_day_of_use_is_still_a_day_of_use(store: Store) -> None:
    assert codes(store.receive(para(1, expiry=TODAY))) == ["new_lot", "short_expiry"]


def test_a_recalled_lot_is_refused(store: Store) -> None:
    hold = NewHold(uuid.uuid4(), "recall", PARA, "công văn 123", "lan", NOW, lot="L1")
    with store.warehouse.connection.transaction():
        holds.place_hold(store.warehouse.connection, hold)
    with pytest.raises(WorkRefusedError, match="recalled"):
        store.receive(para(1))
    assert store.receive(para(1, lot="L2")).outcome == "created"


def test_a_product_that_is_checked_on_receipt_is_held_with_the_very_receipt(store: Store) -> None:
    store.warehouse.run("UPDATE product SET quarantine_on_receipt = true WHERE product_id = %s", VITAMIN)
    vitamin = replace(para(50, lot="V1"), product_id=VITAMIN)
    one = receipt(vitamin, para(10))
    assert codes(store.do(receive, one)) == ["new_lot", "new_lot", "in_quarantine"]
    store.do(receive, one)
    rows = store.warehouse.rows("SELECT product_id, lot, reason_code, placed_by FROM stock_hold")
    assert rows == [(VITAMIN, "V1", "hold_receipt", "lan")]


def test_the_same_pack_is_not_received_twice(store: Store) -> None:
    store.receive(para(100, serial="S1"))
    for place_id in ("store", "ward"):
        with pytest.raises(WorkRefusedError, match="received already"):
            store.receive(para(100, serial="S1"), place_id=place_id)
    with pytest.raises(WorkRefusedError, match="twice"):
        store.receive(para(100, serial="S2"), para(100, serial="S2"))
    assert store.there() == 100


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"place_id": "nowhere"}, "place_unknown"),
        ({"supplier_name": "  "}, "supplier_missing"),
        ({"lines": ()}, "no_lines"),
        ({"lines": (para(0),)}, "bad_quantity"),
        ({"order_id": uuid.UUID(int=1)}, "order_unknown"),
    ],
)
def test_a_receipt_that_says_too_little_is_refused_with_what_is_missing(
    store: Store, more: dict[str, object], code: str
) -> None:
    with pytest.raises(WorkRefusedError) as refused:
        store.do(receive, receipt(**{"lines": (para(1),)} | more) if "lines" not in more else receipt(**more))
    assert refused.value.code == code


def test_what_runs_short_is_proposed_less_what_is_on_order(store: Store) -> None:
    store.receive(para(30))
    store.warehouse.run("INSERT INTO stock_level_rule VALUES ('store', %s, 50, 50, 500)", PARA)
    connection = store.warehouse.connection
    [proposal] = order_proposal.propose(connection, "store", TODAY)
    assert (proposal.on_hand, proposal.ordered, proposal.to_order) == (30, 0, 470)
    order = ordered(store, 400)
    store.receive(para(100, lot="L2"), order_id=order.order_id)
    store.warehouse.run("UPDATE stock_level_rule SET reorder_point = 200, min_units = 200")
    [proposal] = order_proposal.propose(connection, "store", TODAY)
    assert (proposal.on_hand, proposal.ordered, proposal.to_order) == (130, 300, 70)
    ordered(store, 70, person="mai")
    assert order_proposal.propose(connection, "store", TODAY) == []


def test_an_order_is_placed_once_and_numbered_without_holes(store: Store) -> None:
    connection = store.warehouse.connection
    order = NewOrder(uuid.uuid4(), OrderContent(SUPPLIER, "store", (OrderedGoods(PARA, 10), OrderedGoods(VITAMIN, 5))))
    with connection.transaction():
        first = orders.place_order(connection, order, actor())
        again = orders.place_order(connection, order, actor())
    assert (first[0], again[0], first[1].number) == ("created", "exists", "DH26-000001")
    with connection.transaction(), pytest.raises(DocumentConflictError):
        orders.place_order(connection, replace(order, content=replace(order.content, supplier_name="khác")), actor())
    twice = replace(order.content, lines=(OrderedGoods(PARA, 1), OrderedGoods(PARA, 2)))
    with connection.transaction(), pytest.raises(WorkRefusedError, match="twice"):
        orders.place_order(connection, NewOrder(order.order_id, twice), actor())
    assert ordered(store).number == "DH26-000002"
    assert order_reads.suppliers_like(connection, "duoc b") == []
    assert order_reads.suppliers_like(connection, "cong ty") == [SUPPLIER]
