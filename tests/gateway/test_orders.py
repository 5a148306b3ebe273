"""Orders at suppliers: what of them came, what is changed, cancelled and taken up again, and what should be ordered."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from gateway.reports.purchase_order import in_packs, order_plan, purchase_order
from gateway.stock import order_paper, order_proposal, order_reads, orders, receiving, undoing
from gateway.stock.errors import WorkConflictError, WorkRefusedError
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.order_reads import Order
from gateway.stock.orders import NewOrder, OrderChange, OrderContent, OrderedGoods
from gateway.stock.receiving import Receipt
from gateway.stock.undoing import Undoing
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import Database
from tests.gateway.report_samples import LETTERHEAD
from tests.gateway.warehouse_kit import PARA, VITAMIN
from tests.gateway.work_in_kit import SUPPLIER, Store, actor, para

pytestmark = pytest.mark.integration
TODAY = date(2026, 11, 22)
BOX = 100
"""Tablets in a box of paracetamol."""


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """An empty store, whose books are proven when the test is over."""
    store = Store.on(database.dsn)
    yield store
    proof = verify_books(store.warehouse.connection)
    store.warehouse.connection.close()
    assert proof.ok, proof


def content(*lines: OrderedGoods, **more: object) -> OrderContent:
    fields = {"supplier_name": SUPPLIER, "place_id": "store", "lines": lines or (OrderedGoods(PARA, 5 * BOX, BOX),)}
    return OrderContent(**fields | more)  # type: ignore[arg-type]


def ordered(store: Store, what: OrderContent | None = None) -> Order:
    with store.warehouse.connection.transaction():
        return orders.place_order(store.warehouse.connection, NewOrder(uuid.uuid4(), what or content()), actor())[1]


def change(store: Store, order: Order, what: OrderContent, person: str = "lan") -> Order:
    asked = OrderChange(uuid.uuid4(), order.order_id, order.revision, what)
    with store.warehouse.connection.transaction():
        return orders.change_order(store.warehouse.connection, asked, actor(person))[1]


def state(store: Store, order: Order) -> str:
    return order_reads.read_order(store.warehouse.connection, order.order_id).state


def test_an_order_is_open_then_partly_then_whole_received_and_less_again_when_a_receipt_is_taken_back(
    store: Store,
) -> None:
    order = ordered(store, content(OrderedGoods(PARA, 2 * BOX, BOX), OrderedGoods(VITAMIN, 5)))
    connection = store.warehouse.connection
    assert (order.state, order.lines, order.lines_complete) == ("open", 2, 0)
    first = store.receive(para(BOX), order_id=order.order_id)
    assert state(store, order) == "partly"
    vitamin = replace(para(5), product_id=VITAMIN)
    store.receive(para(BOX, lot="L2"), vitamin, order_id=order.order_id)
    assert state(store, order) == "received"
    assert [each.number for each in order_reads.list_orders(connection)] == []
    store.do(undoing.undo, Undoing(uuid.uuid4(), first.document_id, "reverse_entered_wrong"))
    assert state(store, order) == "partly"
    assert [each.taken_back for each in order_reads.order_receipts(connection, order.order_id)] == [True, False]
    assert [each.number for each in order_reads.list_orders(connection)] == [order.number]


def test_a_change_takes_the_place_of_what_was_ordered_and_keeps_what_was_before(store: Store) -> None:
    order = ordered(store)
    changed = change(store, order, content(OrderedGoods(VITAMIN, 7), supplier_name="Công ty B", expected_on=TODAY))
    assert (changed.number, changed.revision, changed.supplier_name) == (order.number, 1, "Công ty B")
    [line] = order_reads.order_lines(store.warehouse.connection, order.order_id)
    assert (line.product_id, line.quantity, line.packs) == (VITAMIN, 7, None)
    [(before,)] = store.warehouse.rows("SELECT before FROM purchase_order_change")
    assert (before["supplier_name"], before["lines"]) == (SUPPLIER, [[PARA, 5 * BOX, BOX]])


def test_a_change_sent_twice_is_one_change_and_with_other_content_a_conflict(store: Store) -> None:
    order = ordered(store)
    connection = store.warehouse.connection
    asked = OrderChange(uuid.uuid4(), order.order_id, 0, content(OrderedGoods(PARA, BOX, BOX)))
    with connection.transaction():
        outcomes = [orders.change_order(connection, asked, actor())[0] for _ in range(2)]
    assert outcomes == ["created", "exists"]
    assert order_reads.read_order(connection, order.order_id).revision == 1
    with connection.transaction(), pytest.raises(WorkConflictError):
        orders.change_order(connection, replace(asked, content=content(OrderedGoods(PARA, 1))), actor())


def test_who_changes_what_somebody_else_has_just_changed_is_told_by_whom(store: Store) -> None:
    order = ordered(store)
    change(store, order, content(OrderedGoods(PARA, BOX)), "mai")
    with pytest.raises(WorkConflictError) as refused:
        change(store, order, content(OrderedGoods(PARA, 2 * BOX)))
    assert (refused.value.code, refused.value.values["person"]) == ("order_changed", "mai")


def test_what_has_come_can_not_be_taken_out_of_the_order(store: Store) -> None:
    order = ordered(store)
    store.receive(para(2 * BOX), order_id=order.order_id)
    for less in (content(OrderedGoods(PARA, 1)), content(OrderedGoods(VITAMIN, 1))):
        with pytest.raises(WorkRefusedError) as refused:
            change(store, order, less)
        assert (refused.value.code, refused.value.values["received"]) == ("below_received", 2 * BOX)
    assert change(store, order, content(OrderedGoods(PARA, 2 * BOX))).state == "received"


def test_an_order_is_cancelled_and_taken_up_again(store: Store) -> None:
    order = ordered(store)
    connection = store.warehouse.connection
    with connection.transaction():
        cancelled = [orders.close_order(connection, order.order_id, actor("mai")) for _ in range(2)][-1]
    assert (cancelled.state, cancelled.closed_by) == ("cancelled", "mai")
    assert [each.number for each in order_reads.list_orders(connection, frozenset({"cancelled"}))] == [order.number]
    with pytest.raises(WorkRefusedError, match="closed"):
        store.do(receiving.receive, Receipt(uuid.uuid4(), "store", (para(1),), order_id=order.order_id))
    with pytest.raises(WorkRefusedError, match="closed"):
        change(store, cancelled, content())
    with connection.transaction():
        again = [orders.reopen_order(connection, order.order_id, actor()) for _ in range(2)][-1]
    assert (again.state, again.closed_by) == ("open", None)
    store.receive(para(BOX), order_id=order.order_id)
    with connection.transaction():
        assert orders.close_order(connection, order.order_id, actor()).state == "closed"
    history = order_reads.order_history(connection, order.order_id)
    assert [(each.kind, each.changed_by) for each in history] == [
        *(("closed", "mai"), ("reopened", "lan"), ("closed", "lan")),
    ]


def test_whole_packs_are_ordered_or_base_units(store: Store) -> None:
    with pytest.raises(WorkRefusedError) as refused:
        ordered(store, content(OrderedGoods(PARA, BOX + 1, BOX)))
    assert refused.value.code == "pack_multiple"
    order = ordered(store, content(OrderedGoods(PARA, 3 * BOX, BOX), OrderedGoods(VITAMIN, 5)))
    lines = order_reads.order_lines(store.warehouse.connection, order.order_id)
    assert {line.product_id: line.packs for line in lines} == {PARA: 3, VITAMIN: None}


def test_orders_are_found_by_number_state_and_part_of_the_suppliers_name(store: Store) -> None:
    connection = store.warehouse.connection
    first = ordered(store)
    other = ordered(store, content(supplier_name="Nhà thuốc Bình Minh"))
    with connection.transaction():
        orders.close_order(connection, other.order_id, actor())
    every = frozenset[order_reads.OrderState]()
    found = order_reads.list_orders
    assert [each.number for each in found(connection, every)] == [other.number, first.number]
    assert [each.number for each in found(connection, every, supplier="binh")] == [other.number]
    assert [each.number for each in found(connection, every, number=first.number.lower())] == [first.number]
    assert [each.number for each in found(connection, every, limit=1, offset=1)] == [first.number]
    assert found(connection, supplier="khong co") == []


def test_what_should_be_ordered_is_rounded_up_to_packs_and_names_who_delivered_last(store: Store) -> None:
    store.receive(para(30))
    store.warehouse.run("INSERT INTO stock_level_rule VALUES ('store', %s, 50, 40, 500)", PARA)
    connection = store.warehouse.connection
    [proposal] = order_proposal.propose(connection, "store", TODAY)
    assert (proposal.to_order, proposal.pack_units, proposal.packs, proposal.quantity) == (470, BOX, 5, 500)
    assert (proposal.on_hand, proposal.reorder_point, proposal.max_units, proposal.last_supplier) == (30, 50, 500, "")
    ordered(store, content(OrderedGoods(PARA, 100)))
    [proposal] = order_proposal.propose(connection, "store", TODAY)
    assert (proposal.ordered, proposal.quantity, proposal.last_supplier) == (100, 400, SUPPLIER)


def test_the_paper_of_an_order_says_packs_units_and_changes(store: Store) -> None:
    connection = store.warehouse.connection
    store.warehouse.run("UPDATE product SET unit_cost_vnd = 500 WHERE product_id = %s", PARA)
    order = change(store, ordered(store), content(OrderedGoods(PARA, 2 * BOX, BOX), OrderedGoods(VITAMIN, 5)))
    paper = order_paper.order_paper(connection, order, HOSPITAL_ZONE)
    assert (paper.number, paper.changes, paper.cancelled) == (order.number, 1, False)
    shown = str(purchase_order(paper, LETTERHEAD))
    for text in (
        "ĐƠN ĐẶT HÀNG",
        "thay đổi lần 1",
        in_packs(2 * BOX, BOX, "viên"),
        "100.000",
        "Chưa có đơn giá: 1 dòng",
    ):
        assert text in shown
    store.warehouse.run("INSERT INTO stock_level_rule VALUES ('store', %s, 50, 40, 500)", PARA)
    lines = order_paper.planned_lines(order_proposal.propose(connection, "store", TODAY))
    assert "BẢNG DỰ TRÙ MUA THUỐC" in str(order_plan("Kho chính", TODAY, lines, LETTERHEAD))
