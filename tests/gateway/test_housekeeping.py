"""The round of a minute: what is over by itself is noted as over."""

import uuid
from datetime import timedelta

import pytest

from gateway.db.pool import open_pool
from gateway.housekeeping import Housekeeping
from gateway.stock.lines import Availability
from gateway.stock.reservations import NewReservation, reserve
from tests.gateway.ingest_kit import Database
from tests.gateway.warehouse_kit import PARA, STORE, Warehouse, goods

pytestmark = pytest.mark.integration


def test_a_promise_whose_time_is_over_is_noted_as_over_by_the_next_round(database: Database) -> None:
    warehouse = Warehouse(database.dsn)
    warehouse.receive(goods(100))
    short, long = uuid.uuid4(), uuid.uuid4()
    with warehouse.connection.transaction():
        for reservation_id, minutes in ((short, 5), (long, 60)):
            until = warehouse.later(minutes=minutes)
            reserve(
                warehouse.connection,
                NewReservation(reservation_id, STORE, PARA, "L1", 30, "lan", warehouse.now, until),
            )
    now = warehouse.now
    pool = open_pool(database.dsn)
    try:
        housekeeping = Housekeeping(pool, lambda: now)
        housekeeping.sum_up()
        states = "SELECT state FROM stock_reservation WHERE reservation_id = %s"
        assert warehouse.rows(states, short) == [("pending",)]
        now += timedelta(minutes=5)
        housekeeping.sum_up()
    finally:
        pool.close()
    assert (warehouse.rows(states, short), warehouse.rows(states, long)) == ([("expired",)], [("pending",)])
    warehouse.now = now
    assert warehouse.there() == Availability(100, 30)
    warehouse.connection.close()
