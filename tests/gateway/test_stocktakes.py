"""Stocktakes on a real database: blind, by two people, while stock goes on moving; proven by replay at the end."""

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import psycopg
import pytest

from gateway.stock import books, stocktakes
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.stocktake_lines import head
from gateway.stock.stocktake_posting import Posted
from gateway.stock.stocktakes import CountedLine, HandIn, NewStocktake
from inventory.stocktake import Rules, StocktakeError
from tests.gateway.ingest_kit import GTIN, ZONE, Database
from tests.gateway.stocktake_kit import FRIDGE, MORPHINE, STORE, WARD, Pharmacy, at, prove_books

pytestmark = pytest.mark.integration


@pytest.fixture
def pharmacy(database: Database) -> Iterator[Pharmacy]:
    """A pharmacy, whose books are proven when the test is over."""
    yield Pharmacy(database)
    prove_books(database)


def test_a_count_that_fits_books_nothing(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 300)
    assert pharmacy.finish(stocktake) == Posted(0, 0)
    assert pharmacy.on_hand() == 300
    assert pharmacy.count_movements() == []


def test_what_is_missing_goes_to_unexplained_in_the_names_of_two_people(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 290)
    assert pharmacy.submit(stocktake) == "recounting"
    pharmacy.count(stocktake, 290, by="minh", minutes=20)
    assert pharmacy.finish(stocktake) == Posted(1, 0)
    assert pharmacy.count_movements() == [("count_out", 10, STORE, "unexplained", None, "lan", "dung")]
    assert pharmacy.on_hand() == 290
    assert pharmacy.lines(stocktake)[0].booked_variance == -10
    document = pharmacy.database.rows("SELECT kind, state, created_by, second_person, number FROM stock_document")
    assert document == [("count", "posted", "lan", "dung", "KK26-000001")]


def test_what_is_more_than_the_books_have_comes_from_unexplained(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start(rules=Rules(tolerance_units=20))
    pharmacy.count(stocktake, 315)
    assert pharmacy.finish(stocktake) == Posted(1, 0)
    assert (pharmacy.on_hand(), pharmacy.on_hand("unexplained")) == (315, -15)


def test_stock_that_moves_before_and_after_each_count_is_no_difference(pharmacy: Pharmacy) -> None:
    """300 frozen; 50 leave at minute 5; 250 are counted at minute 10; 30 leave at minute 15."""
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    pharmacy.issue(50, minutes=5)
    pharmacy.count(stocktake, 250, minutes=10)
    pharmacy.issue(30, minutes=15)
    line = pharmacy.lines(stocktake)[0]
    assert (line.frozen_quantity, line.counts[0].expected, line.verdict.variance) == (300, 250, 0)
    assert pharmacy.finish(stocktake) == Posted(0, 0)
    assert pharmacy.on_hand() == 220


def test_a_difference_is_booked_as_a_difference_though_stock_moved_since(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 295, minutes=10)
    pharmacy.issue(100, minutes=15)
    pharmacy.count(stocktake, 195, by="minh", minutes=20)
    assert pharmacy.finish(stocktake) == Posted(1, 0)
    assert pharmacy.on_hand() == 195


def test_a_scan_delivered_late_still_counts_where_it_belongs(pharmacy: Pharmacy) -> None:
    """The ward took 50 at minute 5; its scanner was offline, and the count of minute 10 found 250."""
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 250, minutes=10)
    assert pharmacy.lines(stocktake)[0].verdict.verdict == "recount"
    pharmacy.issue(50, minutes=5)
    assert pharmacy.lines(stocktake)[0].verdict.verdict == "agreed"
    assert pharmacy.finish(stocktake) == Posted(0, 0)


def test_a_difference_that_changed_after_it_was_verified_is_not_booked_until_verified_again(
    pharmacy: Pharmacy,
) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start(rules=Rules(tolerance_units=60))
    pharmacy.count(stocktake, 250, minutes=10)
    pharmacy.submit(stocktake)
    pharmacy.verify(stocktake)
    pharmacy.issue(50, minutes=5)
    with pytest.raises(StocktakeError, match="1 differences have changed"):
        pharmacy.post(stocktake)
    with psycopg.connect(pharmacy.database.dsn) as connection:
        assert stocktakes.reopen(connection, stocktake) == "waiting_verification"
    pharmacy.verify(stocktake)
    assert pharmacy.post(stocktake) == Posted(0, 0)
    assert pharmacy.on_hand() == 250


def test_what_a_stocktake_has_booked_does_not_change_what_it_says(pharmacy: Pharmacy) -> None:
    """Counted, verified and booked within one tick of the clock."""
    pharmacy.receive(300)
    stocktake = pharmacy.start(rules=Rules(tolerance_units=20))
    pharmacy.count(stocktake, 290, minutes=10)
    pharmacy.submit(stocktake)
    pharmacy.verify(stocktake)
    pharmacy.post(stocktake, minutes=10)
    line = pharmacy.lines(stocktake)[0]
    assert (line.counts[0].expected, line.verdict.variance, line.booked_variance) == (300, -10, -10)


def test_the_minutes_of_a_stocktake_say_for_ever_what_was_decided_upon(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100)
    stocktake_id = pharmacy.start(rules=Rules(tolerance_units=20))
    pharmacy.count(stocktake_id, 90, minutes=10)
    pharmacy.finish(stocktake_id)
    pharmacy.issue(7, minutes=5)  # an edge node was offline while it was counted, and tells it a day later
    assert [line.counts[-1].expected for line in pharmacy.lines(stocktake_id)] == [100]
    assert [line.booked_variance for line in pharmacy.lines(stocktake_id)] == [-10]


def test_what_nobody_counted_is_left_as_it_is_and_becomes_a_case(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    pharmacy.receive(40, lot="L2")
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 300)
    with pytest.raises(StocktakeError, match="1 lines are not counted"):
        pharmacy.submit(stocktake)
    assert pharmacy.finish(stocktake, leave_uncounted=True) == Posted(0, 1)
    assert pharmacy.on_hand(lot="L2") == 40
    assert pharmacy.cases() == ["not_counted"]


def test_three_counts_that_differ_become_a_case_and_book_nothing(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    for quantity, person in ((290, "lan"), (291, "minh"), (292, "hoa")):
        pharmacy.count(stocktake, quantity, by=person)
    assert pharmacy.finish(stocktake) == Posted(0, 1)
    assert (pharmacy.cases(), pharmacy.on_hand()) == (["count_disputed"], 300)


def test_a_controlled_drug_is_counted_by_two_people_even_if_it_fits(pharmacy: Pharmacy) -> None:
    pharmacy.receive(20, product=MORPHINE)
    stocktake = pharmacy.start(rules=Rules(recount_by_another=False))
    pharmacy.count(stocktake, 20, product=MORPHINE)
    assert pharmacy.submit(stocktake) == "recounting"
    with pytest.raises(StocktakeError, match="somebody else"):
        pharmacy.count(stocktake, 20, product=MORPHINE)
    pharmacy.count(stocktake, 20, product=MORPHINE, by="minh")
    assert pharmacy.finish(stocktake) == Posted(0, 0)


def test_who_counted_or_handed_in_does_not_verify(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 300, by="minh")
    pharmacy.submit(stocktake)
    for person in ("minh", "lan"):
        with pytest.raises(StocktakeError, match="somebody else verifies"):
            pharmacy.verify(stocktake, by=person)
    assert pharmacy.verify(stocktake, by="dung") == "verified"


def test_what_the_books_did_not_have_there_is_found(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 300)
    pharmacy.count(stocktake, 7, lot="L9")
    pharmacy.count(stocktake, 7, lot="L9", by="minh")
    assert [line.was_expected for line in pharmacy.lines(stocktake)] == [True, False]
    assert pharmacy.finish(stocktake) == Posted(1, 0)
    assert pharmacy.on_hand(lot="L9") == 7


def test_stock_that_was_corrected_after_the_count_is_not_corrected_twice(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start(rules=Rules(tolerance_units=20))
    pharmacy.count(stocktake, 290, minutes=10)
    pharmacy.move("adjust_out", 10, STORE, "unexplained", minutes=15)
    assert pharmacy.finish(stocktake) == Posted(0, 1)
    assert (pharmacy.cases(), pharmacy.on_hand()) == (["corrected_since_count"], 290)


def test_more_missing_than_is_left_by_now_is_a_case(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start(rules=Rules(tolerance_units=500))
    pharmacy.count(stocktake, 100, minutes=10)
    pharmacy.issue(250, minutes=15)
    assert pharmacy.finish(stocktake) == Posted(0, 1)
    assert (pharmacy.cases(), pharmacy.on_hand()) == (["count_below_zero"], 50)


def test_only_what_was_asked_for_is_counted_and_the_places_inside_too(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    pharmacy.receive(20, product=MORPHINE)
    pharmacy.move("put_away", 50, STORE, FRIDGE, minutes=-50)
    stocktake = pharmacy.start(product_ids=(GTIN,))
    assert [line.key for line in pharmacy.lines(stocktake)] == [(FRIDGE, GTIN, "L1"), (STORE, GTIN, "L1")]
    with pytest.raises(WorkRefusedError, match="not part of this stocktake"):
        pharmacy.count(stocktake, 20, product=MORPHINE)
    with pytest.raises(WorkRefusedError, match="not part of this stocktake"):
        pharmacy.count(stocktake, 20, account=WARD)


def test_two_open_stocktakes_never_count_the_same_stock(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    first = pharmacy.start(product_ids=(GTIN,))
    with pytest.raises(WorkConflictError, match="KK26-000001 counts place:fridge-1 already"):
        pharmacy.start("fridge-1", number=2)
    other = pharmacy.start(number=3, product_ids=(MORPHINE,))
    with psycopg.connect(pharmacy.database.dsn) as connection:
        assert stocktakes.cancel(connection, first, "lan", at(1)) == "cancelled"
        assert head(connection, other).number == "KK26-000002", "what was refused took no number"
    pharmacy.start(number=4, product_ids=(GTIN,))


def test_the_same_request_again_changes_nothing_and_another_with_its_id_is_refused(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    new = NewStocktake(uuid.UUID(int=1), ("store",), "truong-kho")
    line = CountedLine(STORE, GTIN, "L1", 300)
    given = HandIn(uuid.UUID(int=2), new.stocktake_id, "lan", at(5), (line,))
    other = HandIn(given.request_id, new.stocktake_id, "lan", at(5), (CountedLine(STORE, GTIN, "L1", 299),))
    with psycopg.connect(pharmacy.database.dsn) as connection:
        assert [stocktakes.start(connection, new, at(0), ZONE) for _ in range(2)] == ["created", "exists"]
        with pytest.raises(WorkConflictError, match="other content"):
            stocktakes.start(connection, NewStocktake(new.stocktake_id, ("ward",), "truong-kho"), at(0), ZONE)
        assert [stocktakes.hand_in(connection, given, at(5)) for _ in range(2)] == ["created", "exists"]
        with pytest.raises(WorkConflictError, match="other content"):
            stocktakes.hand_in(connection, other, at(5))
    pharmacy.submit(new.stocktake_id)
    pharmacy.verify(new.stocktake_id)
    assert [pharmacy.post(new.stocktake_id) for _ in range(2)] == [Posted(0, 0)] * 2


def test_what_is_no_count_is_refused(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    with pytest.raises(WorkRefusedError, match="expected a time since the stocktake began"):
        pharmacy.count(stocktake, 300, minutes=-1)
    with pytest.raises(WorkNotFoundError):
        pharmacy.count(uuid.UUID(int=99), 300)
    for places, reason in (((), "no place is named"), (("attic",), "no place 'attic'")):
        with psycopg.connect(pharmacy.database.dsn) as connection, pytest.raises(WorkRefusedError, match=reason):
            stocktakes.start(connection, NewStocktake(uuid.UUID(int=5), places, "lan"), at(0), ZONE)
    with pytest.raises(WorkRefusedError, match="product 'NONE'"):
        pharmacy.start(number=2, product_ids=("NONE",))


def test_a_stocktake_of_the_last_local_evening_belongs_to_the_new_year_of_the_hospital(pharmacy: Pharmacy) -> None:
    new_year = datetime(2026, 12, 31, 18, 0, tzinfo=UTC)
    with psycopg.connect(pharmacy.database.dsn) as connection:
        stocktakes.start(
            connection, NewStocktake(uuid.UUID(int=1), ("store",), "lan"), new_year, ZoneInfo("Asia/Ho_Chi_Minh")
        )
        assert head(connection, uuid.UUID(int=1)).number == "KK27-000001"


def test_issues_that_run_beside_the_whole_count_leave_no_difference(pharmacy: Pharmacy) -> None:
    """Four pharmacists issue 10 units each while the store is frozen, counted, verified and booked."""
    pharmacy.receive(300)
    begin, errors = threading.Barrier(5), []

    def issue(first: int) -> None:
        try:
            with psycopg.connect(pharmacy.database.dsn, autocommit=True) as connection:
                begin.wait(60)
                for step in range(10):
                    line = Line(uuid.UUID(int=first + step), "issue", Goods(GTIN, "L1", None, 1), STORE, WARD)
                    # Half of them before the count's instant, half after it.
                    moment = at(5 if step % 2 else 15)
                    books.book(connection, Doing(moment, moment, "api", "hoa", scan_text="pack"), [line])
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    with psycopg.connect(pharmacy.database.dsn) as connection:
        books.place_account(connection, "ward")
    threads = [threading.Thread(target=issue, args=(50_000 + 100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    begin.wait(60)
    stocktake = pharmacy.start()
    # 20 of the 40 leave before minute 10, whenever they are booked: 280 stand there then, 10 fewer are found.
    pharmacy.count(stocktake, 270, minutes=10)
    pharmacy.count(stocktake, 270, by="minh", minutes=10)
    for thread in threads:
        thread.join(120)
    assert not errors
    assert pharmacy.lines(stocktake)[0].verdict.variance == -10
    assert pharmacy.finish(stocktake) == Posted(1, 0)
    assert pharmacy.on_hand() == 250


def test_two_people_who_count_a_line_at_the_same_moment_are_two_counts(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    begin, errors = threading.Barrier(2), []

    def count(number: int, person: str) -> None:
        given = HandIn(uuid.UUID(int=number), stocktake, person, at(10), (CountedLine(STORE, GTIN, "L1", 299),))
        try:
            begin.wait(60)
            with psycopg.connect(pharmacy.database.dsn) as connection:
                stocktakes.hand_in(connection, given, at(10))
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=count, args=(70 + n, person)) for n, person in enumerate(("lan", "minh"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not errors
    assert pharmacy.lines(stocktake)[0].verdict.verdict == "confirmed"
