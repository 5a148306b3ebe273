"""What packs went through, from the receipt to the patient, by the books and the thermometers. Real PostgreSQL."""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cold_chain import climate_keeper, guests, intervals, many_packs, thermal_history
from gateway.cold_chain.keeper import end_unwatched
from gateway.cold_chain.thermal_history import ThermalHistory
from gateway.services.site_file import import_site, parse_site
from gateway.stock import transfers
from gateway.stock.acts import ActLine, Actor
from gateway.stock.lines import Goods
from inventory.movement import MovementKind
from medtap.cli.app import app
from tests.gateway.ingest_kit import NOW, ZONE, Database, Node, device, readings_from
from tests.gateway.warehouse_kit import PARA, PARA_BOX, Warehouse, doing, goods, line

pytestmark = pytest.mark.integration

FRIDGE = "place:fridge-1"
START = NOW - timedelta(hours=30)


@pytest.fixture
def warehouse(database: Database) -> Iterator[Warehouse]:
    warehouse = Warehouse(database.dsn)
    database.run("UPDATE product SET storage_class = 'refrigerator' WHERE product_id = %s", PARA)
    yield warehouse
    warehouse.connection.close()


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def move(
    warehouse: Warehouse, what: Goods, way: tuple[str, str], minutes: float, kind: MovementKind = "put_away"
) -> None:
    assert warehouse.book(line(kind, what, *way), by=doing(at=at(minutes))) == "created"


def release_all(database: Database) -> None:
    database.run(
        "UPDATE stock_hold SET released_by = 'a', released_second = 'b', release_asked_at = now(),"
        " release_reason = 'x', released_at = now()"
    )


def keep(database: Database) -> None:
    """As the keeper does, at NOW."""
    with database.pool.connection() as connection:
        intervals.learn(connection, NOW)
        guests.refresh(connection)
    with database.pool.connection() as connection:
        end_unwatched(connection, NOW)
        for device_key in climate_keeper.thermometers(connection):
            climate_keeper.project(connection, device_key)


def pack(database: Database, serial: str) -> ThermalHistory:
    with database.pool.connection() as connection:
        found = thermal_history.of_pack(connection, PARA_BOX, serial, NOW)
    assert found is not None
    return found


def lot(database: Database) -> ThermalHistory:
    with database.pool.connection() as connection:
        found = thermal_history.of_lot(connection, PARA, "L1", NOW)
    assert found is not None
    return found


def a_day(fridge: float = 5.0) -> list[float]:
    """30 hours, every 5 minutes: two of them warm, from the tenth on."""
    return [9.0 if 120 <= index < 144 else fridge for index in range(30 * 12 + 1)]


def test_a_pack_is_followed_through_every_move_and_what_nobody_measured_is_said(
    database: Database, warehouse: Warehouse
) -> None:
    database.run("UPDATE product SET stability_minutes = 300 WHERE product_id = %s", PARA)
    for serial in ("S1", "S2"):
        move(warehouse, goods(100, serial=serial), ("supplier", FRIDGE), 7, "receive")
    database.take(Node().readings(*readings_from(START, a_day(), every_s=300)))
    release_all(database)
    actor = Actor("lan", at(660), at(660), "web", ZONE)
    sent = ActLine(PARA, 100, "L1", None, PARA_BOX, "S1")
    transfer = uuid.uuid4()
    with database.pool.connection() as connection:
        transfers.send(connection, transfers.Sending(transfer, "fridge-1", "ward", (sent,)), actor)
        later = Actor("minh", at(700), at(700), "web", ZONE)
        transfers.arrive(connection, transfers.Arrival(uuid.uuid4(), transfer, (sent,), is_complete=True), later)
    move(warehouse, goods(100, serial="S1"), ("place:ward", "dispensed"), 760, "issue")
    before = pack(database, "S1")
    keep(database)
    found = pack(database, "S1")
    assert found.legs == before.legs, "sums of hours say what the readings say"
    assert [(leg.account_id, leg.source) for leg in found.legs] == [
        (FRIDGE, "thermometer"),
        ("in_transit", "nothing"),
        ("place:ward", "nothing"),
        ("dispensed", "not_asked"),
    ]
    in_fridge = found.legs[0].figures
    assert (in_fridge.minutes_above, in_fridge.minutes_inside, in_fridge.minutes_unknown) == (60, 593, 0)
    assert [leg.minutes_left for leg in found.legs] == [240, 200, 140, 140]
    assert (found.total.minutes_above, found.total.minutes_unknown, found.minutes_left) == (60, 100, 140)
    assert (found.advice, found.ground) == ("release", "within_budget")
    assert found.total.mkt_celsius is not None
    assert 5.0 < found.total.mkt_celsius < 9.0
    assert [(one.side, one.triggered_at is not None) for one in found.excursions] == [("high", True)]
    with database.pool.connection() as connection:
        (way,) = many_packs.ways(connection, NOW)
    alone = pack(database, "S2")
    assert way.packs == ((PARA_BOX, "S2"),), "S1 was given away"
    assert (way.exposure.minutes_above, way.minutes_left) == (alone.total.minutes_above, alone.minutes_left)
    told = CliRunner().invoke(app, ["coldchain", "packs", database.dsn, "--json"])
    assert json.loads(told.stdout)["packs"] == 1
    told = CliRunner().invoke(app, ["coldchain", "pack", f"{PARA_BOX}/S1", database.dsn, "--json"])
    assert (told.exit_code, json.loads(told.stdout)["total"]["minutes_above"]) == (0, 60)
    assert CliRunner().invoke(app, ["coldchain", "pack", f"{PARA_BOX}/S9", database.dsn]).exit_code == 2
    whole_lot = lot(database)
    assert {one.account_id: one.figures.minutes_above for one in whole_lot.standing} == {FRIDGE: 120, "dispensed": 60}
    assert whole_lot.total.minutes_above == 120


@pytest.mark.parametrize("seed", range(2))
def test_blocks_in_any_order_with_the_keeper_between_them_leave_the_same_sums(
    database: Database, warehouse: Warehouse, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed, no secret
    move(warehouse, goods(10), ("supplier", FRIDGE), 0, "receive")
    series = readings_from(START, a_day(), every_s=300)
    blocks = [series[place : place + 60] for place in range(0, len(series), 60)]
    chance.shuffle(blocks)
    node = Node()
    for block in blocks:
        database.take(node.readings(*block))
        keep(database)
    kept = database.rows("SELECT hour, known_us, lowest_celsius, highest_celsius, heat FROM climate_hour ORDER BY 1")
    assert len(kept) == 30
    database.run("DELETE FROM climate_hour")
    database.run("DELETE FROM climate_progress")
    keep(database)
    assert kept == database.rows(
        "SELECT hour, known_us, lowest_celsius, highest_celsius, heat FROM climate_hour ORDER BY 1"
    )
    assert lot(database).total.minutes_above == 120


def test_vaccine_on_a_shelf_is_held_by_its_own_class_and_the_tablets_beside_it_are_not(
    database: Database, warehouse: Warehouse
) -> None:
    room: dict[str, Any] = {"place_id": "store", "parent_place_id": "hospital", "kind": "store"}
    room |= {"name_vi": "Kho chính", "name_en": "Main store", "storage_class": "room"}
    with database.pool.connection() as connection:
        import_site(connection, parse_site({"places": [room], "devices": [device("fridge-1-probe", "store")]}))
    database.run("UPDATE device SET placed_at = NULL")
    node = Node()
    database.take(node.readings(*readings_from(START, [24.0] * 180, every_s=300)))
    move(warehouse, goods(50, product="VIT-C"), ("supplier", "place:store"), 0, "receive")
    keep(database)
    assert database.value("SELECT count(*) FROM excursion") == 0, "a room of 24 degrees is as it should be"
    move(warehouse, goods(10), ("supplier", "place:store"), 900, "receive")
    keep(database)
    database.take(node.readings(*readings_from(at(900), [24.0] * 100, every_s=300)))
    assert database.value("SELECT count(*) FROM stock_hold") == 0, "not ten hours yet"
    database.take(node.readings(*readings_from(at(1400), [24.0] * 30, every_s=300)))
    found = database.rows(
        "SELECT rule_name, storage_class, started_at, triggered_at FROM excursion WHERE triggered_at IS NOT NULL"
    )
    assert found == [("refrigerator: > 8 C 10 h", "refrigerator", at(900), at(1500))]
    assert database.rows("SELECT product_id FROM stock_hold") == [(PARA,)]
    warehouse.issue(goods(1, product="VIT-C"), "place:store")
    # The vaccine is taken away: nobody watches for it there any more.
    release_all(database)
    move(warehouse, goods(10), ("place:store", FRIDGE), 1700)
    keep(database)
    assert database.rows("SELECT ended_at IS NOT NULL FROM excursion WHERE storage_class IS NOT NULL") == [(True,)]
    assert database.value("SELECT count(*) FROM rule_watch WHERE rule_name LIKE 'refrigerator:%%'") == 0


def test_an_hour_in_a_room_of_thirty_and_a_bit_warns_and_holds_nothing(
    database: Database, warehouse: Warehouse
) -> None:
    room: dict[str, Any] = {
        "place_id": "store",
        "parent_place_id": "hospital",
        "kind": "store",
        "storage_class": "room",
    }
    room |= {"name_vi": "Kho chính", "name_en": "Main store", "temperature_high_celsius": 30.0, "alarm_after_s": 600}
    with database.pool.connection() as connection:
        import_site(connection, parse_site({"places": [room], "devices": [device("fridge-1-probe", "store")]}))
    database.run("UPDATE device SET placed_at = NULL")
    move(warehouse, goods(50, product="VIT-C"), ("supplier", "place:store"), 0, "receive")
    database.take(Node().readings(*readings_from(START, [30.1] * 30, every_s=60)))
    found = database.rows("SELECT rule->>'severity' FROM excursion WHERE triggered_at IS NOT NULL")
    assert found == [("warning",)]
    assert database.value("SELECT count(*) FROM stock_hold") == 0


def test_how_often_a_thermometer_measures_is_learned_and_what_was_judged_is_judged_again(
    database: Database, warehouse: Warehouse
) -> None:
    del warehouse
    # Every minute, and ten minutes without a word while it was warm: no gap at 5 minutes' interval, one at its own.
    warm = [*readings_from(at(1700), [9.0] * 4, every_s=60), *readings_from(at(1713), [9.0] * 4, every_s=60)]
    calm = readings_from(at(1600), [5.0] * 100, every_s=60)
    node = Node()
    database.take(node.readings(*calm, *warm, *readings_from(at(1717), [5.0] * 5, every_s=60)))
    assert database.rows("SELECT outside_s, interval_s FROM excursion") == [(17 * 60, 300)]
    keep(database)
    assert database.value("SELECT interval_s FROM sensor_interval") == 60
    database.take(node.readings(*readings_from(at(1722), [5.0], every_s=60)))
    assert database.rows("SELECT outside_s, interval_s FROM excursion") == [(7 * 60, 60)]
    assert database.rows("SELECT reason FROM excursion_change") == [("interval_changed",)]
