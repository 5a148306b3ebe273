"""A fridge warms: which goods were there, and that nobody can give them out before two people have judged them."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway.services.site_file import import_site, parse_site
from gateway.stock import holds, transfers
from gateway.stock.acts import ActLine, Actor
from gateway.stock.errors import SecondPersonError
from inventory.errors import StockHeldError
from tests.gateway.ingest_kit import NOW, ZONE, Database, Node, device, readings_from
from tests.gateway.warehouse_kit import EXPIRY, PARA, STORE, WARD, Warehouse, doing, goods, line

pytestmark = pytest.mark.integration

FRIDGE = "place:fridge-1"
_AT_RISK = "SELECT lot, account_id, serial_number, quantity, hold_id IS NOT NULL FROM excursion_stock ORDER BY 1, 2, 3"
START = NOW - timedelta(hours=2)


@pytest.fixture
def warehouse(database: Database) -> Iterator[Warehouse]:
    warehouse = Warehouse(database.dsn)
    yield warehouse
    warehouse.connection.close()


def warm(database: Database, node: Node, first_s: float = 0, count: int = 8) -> None:
    database.take(node.readings(*readings_from(START + timedelta(seconds=first_s), [9.0] * count)))


def cool(database: Database, node: Node, at_s: float) -> None:
    database.take(node.readings(*readings_from(START + timedelta(seconds=at_s), [5.0])))


def place(place_id: str, parent: str, kind: str) -> dict[str, object]:
    return {"place_id": place_id, "parent_place_id": parent, "kind": kind, "name_vi": place_id, "name_en": place_id}


def early(minutes: float = -10) -> dict[str, object]:
    return {"by": doing(at=START + timedelta(minutes=minutes))}


def move(
    warehouse: Warehouse, what: object, source: str, target: str, *, minutes: float, kind: str = "put_away"
) -> None:
    booked = warehouse.book(line(kind, what, source, target), by=doing(at=START + timedelta(minutes=minutes)))  # type: ignore[arg-type] # short
    assert booked == "created"


def test_what_stands_in_a_fridge_that_warmed_is_held_in_the_moment_it_alarms(
    database: Database, warehouse: Warehouse
) -> None:
    warehouse.receive(goods(100), FRIDGE)
    warehouse.receive(goods(40, lot="L2"), STORE)
    node = Node()
    warm(database, node, count=5)
    assert database.rows(_AT_RISK) == []
    warm(database, node, first_s=50)
    assert database.rows(_AT_RISK) == [("L1", FRIDGE, None, 100, True)]
    with pytest.raises(StockHeldError):
        warehouse.issue(goods(1), FRIDGE)
    warehouse.issue(goods(1, lot="L2"), STORE)
    (reason, code, by) = database.rows("SELECT reason, reason_code, placed_by FROM stock_hold")[0]
    assert reason == "Tủ vắc-xin 1: nhiệt độ cao hơn 8,0 °C từ 10:00 ngày 22/11/2026; chờ dược sĩ đánh giá"
    assert (code, by) == ("hold_cold_chain", "cold chain")


def test_a_short_warm_spell_holds_nothing(database: Database, warehouse: Warehouse) -> None:
    warehouse.receive(goods(100), FRIDGE)
    node = Node()
    warm(database, node, count=4)
    cool(database, node, 40)
    assert database.rows(_AT_RISK) == []
    warehouse.issue(goods(1), FRIDGE)


def test_what_left_while_it_was_warm_is_found_where_it_went(database: Database, warehouse: Warehouse) -> None:
    warehouse.book(line("receive", goods(100), "supplier", FRIDGE), **early())  # type: ignore[arg-type] # Doing
    warehouse.book(line("receive", goods(100, serial="S1"), "supplier", FRIDGE), **early())  # type: ignore[arg-type] # Doing
    move(warehouse, goods(30), FRIDGE, WARD, minutes=0.5)
    move(warehouse, goods(100, serial="S1"), FRIDGE, STORE, minutes=0.5)
    move(warehouse, goods(5), FRIDGE, "dispensed", minutes=0.6, kind="issue")
    warm(database, Node())
    assert database.rows(_AT_RISK) == [
        ("L1", "dispensed", None, 5, False),
        ("L1", FRIDGE, None, 65, True),
        ("L1", STORE, "S1", 100, True),
        ("L1", WARD, None, 30, True),
    ]
    with pytest.raises(StockHeldError):
        warehouse.issue(goods(30), WARD)
    with pytest.raises(StockHeldError):
        warehouse.issue(goods(100, serial="S1"), STORE)


def test_what_was_on_its_way_when_it_was_warm_is_held_where_it_arrives(
    database: Database, warehouse: Warehouse
) -> None:
    warehouse.book(line("receive", goods(100), "supplier", FRIDGE), **early())  # type: ignore[arg-type] # Doing
    left = START + timedelta(seconds=30)
    transfer = uuid.uuid4()
    box = ActLine(PARA, 30, "L1", EXPIRY)
    with database.pool.connection() as connection:
        sending = transfers.Sending(transfer, "fridge-1", "ward", (box,))
        transfers.send(connection, sending, Actor("lan", left, left, "web", ZONE))
    node = Node()
    warm(database, node)
    cool(database, node, 120)
    assert database.rows(_AT_RISK) == [("L1", "in_transit", None, 30, True), ("L1", FRIDGE, None, 70, True)]
    for quantity, is_complete in ((20, False), (10, True)):
        part = ActLine(PARA, quantity, "L1", EXPIRY)
        arrival = transfers.Arrival(uuid.uuid4(), transfer, (part,), is_complete=is_complete)
        with database.pool.connection() as connection:
            transfers.arrive(connection, arrival, Actor("minh", NOW, NOW, "web", ZONE))
    held = "SELECT account_id, quantity, released_at IS NULL FROM stock_hold ORDER BY 1, 2"
    assert database.rows(held) == [
        ("in_transit", 10, False),
        (FRIDGE, None, True),
        (WARD, 10, True),
        (WARD, 20, True),
    ]
    with pytest.raises(StockHeldError):
        warehouse.issue(goods(1), WARD)


def test_what_left_before_it_was_warm_is_not_touched(database: Database, warehouse: Warehouse) -> None:
    warehouse.book(line("receive", goods(100), "supplier", FRIDGE), **early())  # type: ignore[arg-type] # Doing
    move(warehouse, goods(30), FRIDGE, WARD, minutes=-5)
    warm(database, Node())
    assert database.rows(_AT_RISK) == [("L1", FRIDGE, None, 70, True)]
    warehouse.issue(goods(30), WARD)


def test_what_came_in_while_it_was_warm_is_found_when_it_ends(database: Database, warehouse: Warehouse) -> None:
    warehouse.receive(goods(100), FRIDGE)
    node = Node()
    warm(database, node)
    warehouse.receive(goods(20, lot="L3"), FRIDGE)
    cool(database, node, 120)
    assert [row[0] for row in database.rows(_AT_RISK)] == ["L1", "L3"]
    assert database.value("SELECT count(*) FROM stock_hold") == 2


def test_a_room_that_warms_leaves_the_fridge_in_it_alone(database: Database, warehouse: Warehouse) -> None:
    warm_room = {**place("store", "hospital", "store"), "temperature_high_celsius": 30.0, "alarm_after_s": 60}
    site = {"places": [warm_room, place("shelf", "store", "shelf")], "devices": [device("fridge-1-probe", "store")]}
    with database.pool.connection() as connection:
        import_site(connection, parse_site(site))
    database.run("UPDATE device SET placed_at = NULL")
    for account, lot in ((FRIDGE, "L1"), (STORE, "L2"), ("place:shelf", "L3")):
        warehouse.receive(goods(10, lot=lot), account)
    database.take(Node().readings(*readings_from(START, [33.0] * 8)))
    assert [row[:2] for row in database.rows(_AT_RISK)] == [("L2", STORE), ("L3", "place:shelf")]


def test_two_people_release_it_after_judging(database: Database, warehouse: Warehouse) -> None:
    warehouse.receive(goods(100), FRIDGE)
    node = Node()
    warm(database, node)
    cool(database, node, 120)
    hold_id = database.value("SELECT hold_id FROM stock_hold")
    with database.pool.connection() as connection:
        holds.ask_release(connection, hold_id, "lan", "đã đánh giá: 1 phút ở 9 °C", NOW)
        with pytest.raises(SecondPersonError):
            holds.confirm_release(connection, hold_id, "lan", NOW)
        holds.confirm_release(connection, hold_id, "minh", NOW)
    warehouse.issue(goods(1), FRIDGE)


def test_the_same_excursion_seen_again_holds_nothing_twice(database: Database, warehouse: Warehouse) -> None:
    warehouse.receive(goods(100), FRIDGE)
    node = Node()
    warm(database, node)
    database.take(node.readings(*readings_from(START + timedelta(seconds=65), [9.5])))
    cool(database, node, 120)
    assert database.value("SELECT count(*) FROM stock_hold") == 1
