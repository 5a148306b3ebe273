"""Stock over time, on both engines: past moments, day sums that follow late movements, consumption, expiry risk."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.db.engine import read_engine
from gateway.db.migrator import migrate
from gateway.errors import MigrationError
from gateway.stock import books
from gateway.stock.consumption import consumption, slow_movers, supply
from gateway.stock.expiry_risk import LotThere, expiry_risk, left_over
from gateway.stock.series import (
    refresh_day_sums,
    scope_of,
    settled_day_sums,
    stock_at,
    stock_by_day,
    verify_day_sums,
)
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import NOW
from tests.gateway.warehouse_kit import PARA, PARA_BOX, STORE, VITAMIN, WARD, Warehouse, doing, goods, line

pytestmark = pytest.mark.integration
TODAY = date(2026, 11, 22)
MIDNIGHT = datetime(2026, 11, 21, 17, tzinfo=UTC)
"""Begin of today in Ho Chi Minh City."""
PLACES = (
    "INSERT INTO place (place_id, parent_place_id, kind, name_vi, name_en) VALUES ('store', NULL, 'store', 'Kho',"
    " 'Store'), ('shelf', 'store', 'shelf', 'Kệ', 'Shelf'), ('ward', NULL, 'ward', 'Khoa', 'Ward')"
    " ON CONFLICT DO NOTHING"
)


def _warehouse(dsn: str) -> Warehouse:
    house = Warehouse(dsn)
    house.rows(PLACES + " RETURNING 1")
    with house.connection.transaction():
        for place in ("store", "shelf", "ward"):
            books.place_account(house.connection, place)
    return house


@pytest.fixture
def house(series_dsn: str) -> Iterator[Warehouse]:
    """A store with a shelf, and a ward."""
    warehouse = _warehouse(series_dsn)
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def plain_house(postgres_dsn: str) -> Iterator[Warehouse]:
    """The same where the engine makes no difference."""
    migrate(postgres_dsn)
    warehouse = _warehouse(postgres_dsn)
    yield warehouse
    warehouse.connection.close()


def _move(house: Warehouse, at: datetime, kind: Any, quantity: int, *way: str, **what: Any) -> None:  # noqa: ANN401
    assert house.book(line(kind, goods(quantity, **what), way[0], way[1]), by=doing(at=at)) == "created"


def _refresh(house: Warehouse) -> None:
    """What TimescaleDB's job does."""
    house.connection.commit()
    refresh_day_sums(house.connection, NOW - timedelta(days=800), NOW)


def _then(house: Warehouse, moment: datetime, *accounts: str) -> dict[tuple[str, str, str], int]:
    with house.connection.transaction():
        found = stock_at(house.connection, moment, accounts=accounts)
    return {(one.account_id, one.product_id, one.lot): one.quantity for one in found}


def test_the_proof_waits_until_what_came_late_is_summed_up(house: Warehouse) -> None:
    _move(house, MIDNIGHT - timedelta(days=10), "receive", 100, "supplier", STORE)
    _move(house, MIDNIGHT - timedelta(days=1), "issue", 10, STORE, "dispensed")
    _refresh(house)
    _move(house, MIDNIGHT - timedelta(days=9), "issue", 30, STORE, "dispensed")
    said: list[str] = []

    def meanwhile(line: str) -> None:
        said.append(line)
        _refresh(house)

    assert settled_day_sums(house.connection, meanwhile, pause_s=0.0).ok
    assert bool(said) == (read_engine(house.connection) == "timescaledb"), "elsewhere the sums are never late"


def test_what_stood_at_any_past_moment_is_what_replay_gives(house: Warehouse) -> None:
    draw = Random(7)  # noqa: S311 - a sequence, no secret
    moved: list[tuple[datetime, str, str, str, int]] = []
    for _ in range(40):
        at = MIDNIGHT + timedelta(minutes=draw.choice([-1, 0, 1]) * draw.randint(0, 3) - draw.randint(0, 5) * 1440)
        product, source, target = draw.choice(
            [(PARA, "unexplained", STORE), (VITAMIN, "unexplained", WARD), (PARA, "unexplained", "place:shelf")]
        )
        quantity = draw.randint(1, 50)
        _move(house, at, "found", quantity, source, target, product=product, lot=draw.choice(["A", "B"]))
        moved.append((at, target, product, "", quantity))
    _refresh(house)
    for moment in [*{one[0] for one in moved}, MIDNIGHT, NOW, MIDNIGHT - timedelta(days=900)]:
        then = _then(house, moment, STORE, WARD, "place:shelf")
        for account in (STORE, WARD, "place:shelf"):
            expected = sum(q for at, target, _p, _l, q in moved if target == account and at <= moment)
            assert sum(q for key, q in then.items() if key[0] == account) == expected, (moment, account)
    with house.connection.transaction():
        lots = stock_at(house.connection, NOW, accounts=[STORE], product_id=PARA, lot="A")
    assert {one.lot for one in lots} <= {"A"}


def test_a_movement_told_late_changes_the_day_on_which_it_happened(house: Warehouse) -> None:
    _move(house, MIDNIGHT - timedelta(days=10), "receive", 100, "supplier", STORE)
    _move(house, MIDNIGHT + timedelta(hours=1), "issue", 10, STORE, "dispensed")
    _refresh(house)
    # An edge node was offline: two scans of eight days ago come in now, one a second before midnight, one at midnight.
    _move(house, MIDNIGHT - timedelta(days=7, seconds=1), "issue", 30, STORE, "dispensed")
    _move(house, MIDNIGHT - timedelta(days=7), "issue", 5, STORE, WARD)
    _refresh(house)
    with house.connection.transaction():
        series = stock_by_day(
            house.connection, scope_of(house.connection), PARA, TODAY - timedelta(days=9), TODAY + timedelta(days=1)
        )
        proof = verify_day_sums(house.connection)
        assert verify_books(house.connection).ok
    assert series.opening == 100
    assert [(one.day, one.units_out, one.closing) for one in series.changes] == [
        (TODAY - timedelta(days=8), 30, 70),
        (TODAY - timedelta(days=7), 5, 65),
        (TODAY, 10, 55),
    ]
    assert series.closing == 55
    assert proof.ok
    assert proof.postings == 8


def test_the_same_movement_twice_is_summed_once(house: Warehouse) -> None:
    again = line("receive", goods(40), "supplier", STORE)
    by = doing(at=MIDNIGHT)
    assert [house.book(again, by=by), house.book(again, by=by)] == ["created", "exists"]
    _refresh(house)
    assert house.rows("SELECT sum(quantity), sum(posting_count) FROM posting_day WHERE account_id = %s", STORE) == [
        (40, 1)
    ]


def test_the_proof_finds_a_day_sum_that_its_postings_do_not_give(plain_house: Warehouse) -> None:
    house = plain_house
    _move(house, MIDNIGHT, "receive", 100, "supplier", STORE)
    _move(house, MIDNIGHT, "issue", 30, STORE, WARD)
    for damage in (
        "UPDATE posting_day SET units_in = units_in + 1, units_out = units_out - 1",
        "UPDATE posting_day SET bucket = bucket + interval '1 day' WHERE account_id = 'supplier'",
        "DELETE FROM posting_day WHERE account_id = 'supplier'",
        "UPDATE posting_day SET other_account_id = 'wasted' WHERE account_id = 'supplier'",
        "UPDATE stock_use_week SET quantity = quantity + 1",
        "DELETE FROM stock_use_week",
    ):
        with house.connection.transaction(force_rollback=True):
            assert verify_day_sums(house.connection).ok
            house.connection.execute(damage.encode())
            proof = verify_day_sums(house.connection)
            assert not proof.ok, damage
            assert proof.differences >= 1


def test_a_shelf_of_the_store_is_in_the_store_and_moving_goods_to_it_is_neither_in_nor_out(house: Warehouse) -> None:
    _move(house, MIDNIGHT, "receive", 100, "supplier", STORE)
    _move(house, MIDNIGHT, "put_away", 60, STORE, "place:shelf")
    _refresh(house)
    with house.connection.transaction():
        store = stock_by_day(house.connection, scope_of(house.connection, "store"), PARA, TODAY, TODAY)
        shelf = stock_by_day(house.connection, scope_of(house.connection, "shelf"), PARA, TODAY, TODAY)
    assert [(one.units_in, one.units_out, one.closing) for one in store.changes] == [(100, 0, 100)]
    assert [(one.units_in, one.units_out, one.closing) for one in shelf.changes] == [(60, 0, 60)]


def test_consumption_is_what_went_to_wards_and_patients_less_what_came_back(house: Warehouse) -> None:
    month_ago = MIDNIGHT - timedelta(days=30)
    _move(house, month_ago, "receive", 1000, "supplier", STORE)
    _move(house, month_ago, "issue", 200, STORE, WARD)
    _move(house, month_ago + timedelta(days=1), "dispense", 100, STORE, "dispensed")
    _move(house, MIDNIGHT - timedelta(days=1), "return_in", 20, WARD, STORE)
    _move(house, MIDNIGHT - timedelta(days=1), "dispense", 30, WARD, "dispensed")
    _move(house, MIDNIGHT - timedelta(days=1), "waste", 7, STORE, "wasted")
    mistake = line("dispense", goods(50), STORE, "dispensed")
    house.book(mistake, by=doing(at=MIDNIGHT))
    with house.connection.transaction():
        by = doing(at=MIDNIGHT + timedelta(minutes=5))
        books.reverse(house.connection, by, mistake.movement_id, line("issue", goods(1), STORE, WARD).movement_id)
    _refresh(house)
    days = (TODAY - timedelta(days=60), TODAY)
    with house.connection.transaction():
        scope = scope_of(house.connection)
        months = consumption(house.connection, scope, PARA, "month", days=days)
        weeks = consumption(house.connection, scope, PARA, "week", days=days)
        single = consumption(house.connection, scope, PARA, "day", days=days)
        ward = consumption(house.connection, scope_of(house.connection, "ward"), PARA, "month", days=days)
    assert [(one.period_begin, one.to_wards, one.to_patients) for one in months] == [
        (date(2026, 10, 1), 200, 100),
        (date(2026, 11, 1), -20, 0),
    ]
    assert [one.period_begin.weekday() for one in weeks] == [0] * len(weeks)
    assert sum(one.units for one in weeks) == sum(one.units for one in single) == 280
    assert [(one.to_wards, one.to_patients) for one in ward] == [(0, 30)]


def test_days_of_stock_follow_the_rate_of_thirteen_weeks_and_a_new_product_has_one_of_its_own(house: Warehouse) -> None:
    _move(house, MIDNIGHT - timedelta(days=100), "receive", 1000, "supplier", STORE)
    _move(house, MIDNIGHT - timedelta(days=30), "dispense", 182, STORE, "dispensed")
    _move(house, MIDNIGHT, "dispense", 20, STORE, "dispensed")  # this week is not over
    _move(house, MIDNIGHT - timedelta(days=20), "receive", 500, "supplier", STORE, product=VITAMIN, lot="V")
    _move(house, MIDNIGHT - timedelta(days=7), "dispense", 140, STORE, "dispensed", product=VITAMIN, lot="V")
    _refresh(house)
    with house.connection.transaction():
        found = {one.product_id: one for one in supply(house.connection, scope_of(house.connection), TODAY)}
    assert (found[PARA].daily_rate, found[PARA].days_of_stock) == (2.0, 399.0)
    assert (found[VITAMIN].rate_days, found[VITAMIN].daily_rate, found[VITAMIN].days_of_stock) == (14, 10.0, 36.0)


def test_what_nobody_used_for_ninety_days_is_slow_and_what_came_lately_is_not(house: Warehouse) -> None:
    _move(house, MIDNIGHT - timedelta(days=200), "receive", 1000, "supplier", STORE)
    _move(house, MIDNIGHT - timedelta(days=91), "dispense", 10, STORE, "dispensed")
    _move(house, MIDNIGHT - timedelta(days=20), "receive", 500, "supplier", STORE, product=VITAMIN, lot="V")
    house.run("UPDATE product SET unit_cost_vnd = 250.5 WHERE product_id = %s", PARA)
    _refresh(house)
    with house.connection.transaction():
        (slow,) = slow_movers(house.connection, scope_of(house.connection), TODAY)
    assert (slow.product_id, slow.on_hand, slow.value_vnd) == (PARA, 990, Decimal("247995.0000"))
    assert slow.last_consumed_on == TODAY - timedelta(days=91)
    _move(house, MIDNIGHT + timedelta(hours=2), "dispense", 1, STORE, "dispensed")
    with house.connection.transaction():
        assert slow_movers(house.connection, scope_of(house.connection), TODAY) == []


def test_expiry_risk_is_what_first_expired_first_out_leaves_over_in_units_and_money(house: Warehouse) -> None:
    long_ago = MIDNIGHT - timedelta(days=120)
    for lot, quantity, days in (("A", 50, 9), ("B", 200, 19), ("C", 1000, 170), ("D", 30, -1), ("E", 9, 400)):
        expiry = TODAY + timedelta(days=days)
        _move(house, long_ago, "receive", quantity, "supplier", STORE, lot=lot, expiry=expiry)
    _move(house, long_ago, "receive", 910, "supplier", STORE, lot="Z")
    _move(house, MIDNIGHT - timedelta(days=10), "dispense", 910, STORE, "dispensed", lot="Z")  # 10 a day
    house.run("UPDATE product SET unit_cost_vnd = 100 WHERE product_id = %s", PARA)
    house.run("UPDATE lot SET unit_cost_vnd = 150 WHERE product_id = %s AND lot = 'B'", PARA)
    _refresh(house)
    with house.connection.transaction():
        risk = expiry_risk(house.connection, scope_of(house.connection), TODAY)
    # A lasts five days; B is used for fifteen; C for the 151 that follow until its own last day: none of it is left.
    found = {one.lot: (one.units_at_risk, one.value_vnd, one.days_left) for one in risk.lines}
    assert found == {"B": (50, Decimal(7500), 20), "D": (30, Decimal(3000), 0)}
    assert (risk.units, risk.value_vnd, risk.without_cost) == (80, Decimal(10500), 0)


def test_what_is_held_is_told_apart_and_other_lots_have_their_turn(house: Warehouse) -> None:
    long_ago = MIDNIGHT - timedelta(days=120)
    # Ten a day. Of A 60 units are held, of C all that stands in the store and nothing on the shelf, of P one pack.
    for lot, quantity, place in (("A", 100, STORE), ("B", 100, STORE), ("C", 500, STORE), ("C", 40, "place:shelf")):
        expiry = TODAY + timedelta(days=9 if lot == "A" else 19)
        _move(house, long_ago, "receive", quantity, "supplier", place, lot=lot, expiry=expiry)
    _move(house, long_ago, "receive", 30, "supplier", STORE, lot="P", expiry=TODAY + timedelta(days=19), serial="S1")
    _move(house, long_ago, "receive", 910, "supplier", STORE, lot="Z")
    _move(house, MIDNIGHT - timedelta(days=10), "dispense", 910, STORE, "dispensed", lot="Z")
    house.run("UPDATE product SET unit_cost_vnd = 100 WHERE product_id = %s", PARA)
    house.run(
        "INSERT INTO stock_hold (hold_id, kind, product_id, lot, account_id, quantity, gtin, serial_number, reason,"
        " placed_by, placed_at) SELECT gen_random_uuid(), 'on_hold', product_id, lot, CASE WHEN lot <> 'P' THEN %s END,"
        " CASE lot WHEN 'A' THEN 60 END, CASE lot WHEN 'P' THEN %s END, CASE lot WHEN 'P' THEN 'S1' END, 'x', 'lan',"
        " now() FROM lot WHERE lot IN ('A', 'C', 'P')",
        *(STORE, PARA_BOX),
    )
    _refresh(house)
    with house.connection.transaction():
        risk = expiry_risk(house.connection, scope_of(house.connection), TODAY)
    # A's 40 last four days, B ten more, C's 40 on the shelf four more: nothing that may be used is left.
    found = {one.lot: (one.on_hand, one.held, one.units_at_risk) for one in risk.lines}
    assert found == {"A": (100, 60, 0), "C": (540, 500, 0), "P": (30, 30, 0)}
    assert (risk.units, risk.held_units, risk.held_value_vnd) == (0, 590, Decimal(59000))


@given(
    st.lists(st.tuples(st.integers(-30, 400), st.integers(1, 500)), max_size=8).map(sorted),
    st.integers(0, 40),
)
def test_what_is_left_over_is_what_a_day_by_day_use_leaves(lots: list[tuple[int, int]], rate: int) -> None:
    there = [
        LotThere(str(place), TODAY + timedelta(days=days), quantity, None)
        for place, (days, quantity) in enumerate(lots)
    ]
    found = left_over(there, float(rate), TODAY)
    left = [quantity for _days, quantity in lots]
    for day in range(401):
        wanted = rate
        for place, (days, _quantity) in enumerate(lots):
            if days >= day:
                taken = min(wanted, left[place])
                left[place] -= taken
                wanted -= taken
    assert found == pytest.approx(left)


def test_the_series_of_changes_is_a_hypertable_or_partitions(house: Warehouse) -> None:
    _move(house, MIDNIGHT, "receive", 1, "supplier", STORE)
    with house.connection.transaction():
        engine = read_engine(house.connection)
    if engine == "timescaledb":
        known = house.rows("SELECT hypertable_name FROM timescaledb_information.hypertables ORDER BY 1")
        assert ("posting",) in known
        assert house.rows(
            "SELECT view_name FROM timescaledb_information.continuous_aggregates WHERE view_name = %s", "posting_day"
        )
    else:
        assert house.rows("SELECT DISTINCT tableoid::regclass::text FROM posting") == [("posting_y2026m11",)]


def test_a_day_of_another_hospital_begins_where_its_database_says(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET medtap.time_zone = %L',"
            " current_database(), 'Asia/Tokyo'); END $$"
        )
    migrate(postgres_dsn)
    assert _zone_and_day(postgres_dsn) == ("Asia/Tokyo", datetime(2026, 11, 22, 15, tzinfo=UTC))


def test_a_hospitals_days_begin_where_its_configuration_says_and_are_never_cut_anew(postgres_dsn: str) -> None:
    migrate(postgres_dsn, time_zone="Australia/Darwin")
    assert _zone_and_day(postgres_dsn) == ("Australia/Darwin", datetime(2026, 11, 22, 14, 30, tzinfo=UTC))
    migrate(postgres_dsn, time_zone="Australia/Darwin")
    with pytest.raises(MigrationError, match="settled when its tables were made: write time_zone = 'Australia/Darwin'"):
        migrate(postgres_dsn, time_zone="Asia/Ho_Chi_Minh")


def _zone_and_day(dsn: str) -> object:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT stock_zone(), stock_day('2026-11-22 15:30+00')").fetchone()
