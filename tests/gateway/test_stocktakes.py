"""Stocktakes on a real database: blind, by two people, while stock goes on moving; proven by replay at the end."""

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from gateway.stock import books, stocktakes
from gateway.stock.count_scope import CountConflictError, CountNotFoundError, CountRefusedError
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.stocktake_lines import JudgedLine, head, judged_lines
from gateway.stock.stocktake_posting import Posted, post
from gateway.stock.stocktake_scans import ScannedPack, lines_of_scans
from gateway.stock.stocktakes import CountedLine, HandIn, NewStocktake
from inventory.ledger import BalanceKey as Key
from inventory.ledger import Movement, Posting, verify
from inventory.movement import MovementKind
from inventory.stocktake import Rules, StocktakeError
from tests.gateway.ingest_kit import GTIN, NOW, ZONE, Database

pytestmark = pytest.mark.integration

GS = "\x1d"
STORE, WARD, FRIDGE = "place:store", "place:ward", "place:fridge-1"
MORPHINE = "MOR10"


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


class Pharmacy:
    """A store and the acts upon it, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.number = 0
        database.run(
            "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, control_class)"
            " VALUES (%s, 'Morphin 10 mg', 'Morphine 10 mg', 'ống', 'ampoule', 'narcotic')",
            MORPHINE,
        )

    def move(
        self,
        kind: MovementKind,
        quantity: int,
        source: str,
        target: str,
        *,
        minutes: float,
        lot: str = "L1",
        product: str = GTIN,
        serial: str | None = None,
    ) -> None:
        """Book a movement that occurred at that minute."""
        self.number += 1
        goods = Goods(product, lot, None, quantity, GTIN if serial else None, serial)
        line = Line(uuid.UUID(int=self.number), kind, goods, source, target)
        with psycopg.connect(self.database.dsn) as connection:
            for place in ("store", "ward", "fridge-1"):
                books.place_account(connection, place)
            books.book(connection, Doing(at(minutes), at(minutes), "api", "hoa", scan_text="pack"), [line])

    def receive(self, quantity: int, *, minutes: float = -60, **more: Any) -> None:  # noqa: ANN401 - as `move`
        """Into the store."""
        self.move("receive", quantity, "supplier", STORE, minutes=minutes, **more)

    def issue(self, quantity: int, *, minutes: float, **more: Any) -> None:  # noqa: ANN401 - as `move`
        """Out of the store, to the ward."""
        self.move("issue", quantity, STORE, WARD, minutes=minutes, **more)

    def start(self, *places: str, number: int = 1, minutes: float = 0, **more: Any) -> uuid.UUID:  # noqa: ANN401
        """Begin to count."""
        stocktake_id = uuid.UUID(int=10_000 + number)
        new = NewStocktake(stocktake_id, places or ("store",), "truong-kho", **more)
        with psycopg.connect(self.database.dsn) as connection:
            stocktakes.start(connection, new, at(minutes), ZONE)
        return stocktake_id

    def count(
        self,
        stocktake_id: uuid.UUID,
        quantity: int,
        *,
        by: str = "lan",
        minutes: float = 10,
        lot: str = "L1",
        product: str = GTIN,
        account: str = STORE,
        packs: tuple[tuple[str, str], ...] | None = None,
    ) -> None:
        """Hand in one line."""
        self.number += 1
        line = CountedLine(account, product, lot, quantity, packs)
        given = HandIn(uuid.UUID(int=20_000 + self.number), stocktake_id, by, at(minutes), (line,))
        with psycopg.connect(self.database.dsn) as connection:
            stocktakes.hand_in(connection, given, at(minutes))

    def submit(self, stocktake_id: uuid.UUID, *, leave_uncounted: bool = False) -> str:
        """Say that the counting is done."""
        with psycopg.connect(self.database.dsn) as connection:
            return stocktakes.submit(connection, stocktake_id, "lan", at(30), leave_uncounted=leave_uncounted)

    def verify(self, stocktake_id: uuid.UUID, by: str = "dung") -> str:
        """Stand for the differences."""
        with psycopg.connect(self.database.dsn) as connection:
            return stocktakes.verify(connection, stocktake_id, by, at(40))

    def post(self, stocktake_id: uuid.UUID, *, minutes: float = 50) -> Posted:
        """Book them."""
        with psycopg.connect(self.database.dsn) as connection:
            return post(connection, stocktake_id, "dung", at(minutes), ZONE)

    def finish(self, stocktake_id: uuid.UUID, **more: Any) -> Posted:  # noqa: ANN401 - as `submit`
        """From counted to booked."""
        assert self.submit(stocktake_id, **more) == "waiting_verification"
        assert self.verify(stocktake_id) == "verified"
        return self.post(stocktake_id)

    def lines(self, stocktake_id: uuid.UUID) -> list[JudgedLine]:
        """All lines as they are now."""
        with psycopg.connect(self.database.dsn) as connection:
            return judged_lines(connection, stocktake_id)

    def on_hand(self, account: str = STORE, lot: str = "L1", product: str = GTIN) -> int:
        """By the books."""
        rows = self.database.rows(
            "SELECT quantity FROM stock_balance WHERE account_id = %s AND product_id = %s AND lot = %s",
            account,
            product,
            lot,
        )
        return int(rows[0][0]) if rows else 0

    def count_movements(self) -> list[tuple[Any, ...]]:
        """What counts have booked."""
        return self.database.rows(
            "SELECT kind, quantity, from_account_id, to_account_id, serial_number, person, second_person FROM movement"
            " WHERE kind IN ('count_in', 'count_out') ORDER BY kind, quantity, serial_number"
        )

    def cases(self) -> list[Any]:
        """Codes of the open cases."""
        return self.database.column("SELECT code FROM discrepancy WHERE resolved_at IS NULL ORDER BY discrepancy_id")


@pytest.fixture
def pharmacy(database: Database) -> Iterator[Pharmacy]:
    """A pharmacy, whose books are proven when the test is over."""
    yield Pharmacy(database)
    movements = database.rows(
        "SELECT movement_id, kind, product_id, lot, quantity, from_account_id, to_account_id, occurred_at FROM movement"
        " ORDER BY received_at, movement_id"
    )
    postings = database.rows("SELECT movement_id, account_id, product_id, lot, quantity FROM posting")
    balances = database.rows("SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE quantity <> 0")
    in_books = {Key(*row[:3]): int(row[3]) for row in balances}
    proof = verify([Movement(*row) for row in movements], in_books, [Posting(*row) for row in postings])
    assert proof.ok, proof
    for account, product, lot, units in database.rows(
        "SELECT account_id, product_id, lot, sum(units)::int FROM pack WHERE starts_with(account_id, 'place:')"
        " GROUP BY 1, 2, 3"
    ):
        assert in_books[Key(account, product, lot)] >= units, "a pack stands where the balance has nothing"


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


def pack(serial: str, lot: str = "L1") -> str:
    return f"]d201{GTIN}10{lot}{GS}21{serial}"


def scanned(pharmacy: Pharmacy, *serials: str) -> CountedLine:
    with psycopg.connect(pharmacy.database.dsn) as connection:
        (line,) = lines_of_scans(connection, [ScannedPack("store", (pack(one),)) for one in serials], NOW.date())
    return line


def count_packs(pharmacy: Pharmacy, stocktake: uuid.UUID, *serials: str, minutes: float = 10) -> None:
    """Two people scan the same packs, one after the other."""
    line = scanned(pharmacy, *serials)
    for person in ("lan", "minh"):
        pharmacy.count(stocktake, line.quantity, by=person, packs=line.packs, minutes=minutes)


def test_scanned_packs_are_counted_in_base_units_each_once(pharmacy: Pharmacy) -> None:
    line = scanned(pharmacy, "S1", "S2", "S1")
    assert line == CountedLine(STORE, GTIN, "L1", 200, ((GTIN, "S1"), (GTIN, "S2")))


def test_a_pack_that_was_not_scanned_is_missing_by_its_serial_number(pharmacy: Pharmacy) -> None:
    for serial in ("S1", "S2", "S3"):
        pharmacy.receive(100, serial=serial)
    stocktake = pharmacy.start()
    count_packs(pharmacy, stocktake, "S1", "S3")
    assert pharmacy.finish(stocktake) == Posted(1, 0)
    assert pharmacy.count_movements() == [("count_out", 100, STORE, "unexplained", "S2", "lan", "dung")]
    assert pharmacy.database.value("SELECT account_id FROM pack WHERE serial_number = 'S2'") == "unexplained"


def test_one_pack_missing_and_another_found_are_both_said_though_the_sum_fits(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    pharmacy.receive(100, serial="S2")
    stocktake = pharmacy.start()
    count_packs(pharmacy, stocktake, "S1", "NEW")
    assert pharmacy.finish(stocktake) == Posted(2, 0)
    assert [row[:5] for row in pharmacy.count_movements()] == [
        ("count_in", 100, "unexplained", STORE, "NEW"),
        ("count_out", 100, STORE, "unexplained", "S2"),
    ]


def test_a_pack_that_the_books_have_elsewhere_is_a_case_and_is_not_found_twice(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    pharmacy.receive(100, serial="S2")
    pharmacy.issue(100, serial="S2", minutes=-30)
    stocktake = pharmacy.start()
    count_packs(pharmacy, stocktake, "S1", "S2")
    assert pharmacy.finish(stocktake) == Posted(0, 1)
    assert (pharmacy.cases(), pharmacy.on_hand(), pharmacy.on_hand(WARD)) == (["counted_elsewhere"], 100, 100)


def test_a_pack_that_left_after_it_was_counted_and_one_that_came_are_no_difference(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    pharmacy.receive(100, serial="S2")
    stocktake = pharmacy.start()
    count_packs(pharmacy, stocktake, "S1", "S2")
    pharmacy.issue(100, serial="S2", minutes=15)
    pharmacy.receive(100, serial="S3", minutes=16)
    assert pharmacy.finish(stocktake) == Posted(0, 0)
    assert pharmacy.cases() == []


def test_if_nobody_knows_which_pack_is_missing_it_is_a_case(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    pharmacy.receive(100, serial="S2")
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 100)
    pharmacy.count(stocktake, 100, by="minh")
    assert pharmacy.finish(stocktake) == Posted(0, 1)
    assert (pharmacy.cases(), pharmacy.on_hand()) == (["which_pack_is_missing"], 200)


def test_codes_that_cannot_be_counted_are_refused_with_the_reason(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    wrong = {
        "check digit": ("08935234567890",),
        "FNC1 was lost": (f"]d201{GTIN}10LOT721SER0001",),
        "not in the catalogue": ("4006381333931",),
        "names no product": ("]C110LOT7",),
        "the books 'L1'": (pack("S1", lot="L2"),),
        "cannot be joined": ("8935234567895", "079201001234"),
    }
    with psycopg.connect(pharmacy.database.dsn) as connection:
        for reason, texts in wrong.items():
            with pytest.raises(CountRefusedError, match=reason):
                lines_of_scans(connection, [ScannedPack("store", texts)], NOW.date())
        with pytest.raises(CountRefusedError, match="2 times"):
            lines_of_scans(connection, [ScannedPack("store", (pack("S1"),), 2)], NOW.date())
        joined = lines_of_scans(connection, [ScannedPack("store", ("8935234567895", "]C110L1"), 3)], NOW.date())
    assert joined == (CountedLine(STORE, GTIN, "L1", 300, None),)


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
    with pytest.raises(CountRefusedError, match="not part of this stocktake"):
        pharmacy.count(stocktake, 20, product=MORPHINE)
    with pytest.raises(CountRefusedError, match="not part of this stocktake"):
        pharmacy.count(stocktake, 20, account=WARD)


def test_two_open_stocktakes_never_count_the_same_stock(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    first = pharmacy.start(product_ids=(GTIN,))
    with pytest.raises(CountConflictError, match="KK26-000001 counts place:fridge-1 already"):
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
        with pytest.raises(CountConflictError, match="other content"):
            stocktakes.start(connection, NewStocktake(new.stocktake_id, ("ward",), "truong-kho"), at(0), ZONE)
        assert [stocktakes.hand_in(connection, given, at(5)) for _ in range(2)] == ["created", "exists"]
        with pytest.raises(CountConflictError, match="other content"):
            stocktakes.hand_in(connection, other, at(5))
    pharmacy.submit(new.stocktake_id)
    pharmacy.verify(new.stocktake_id)
    assert [pharmacy.post(new.stocktake_id) for _ in range(2)] == [Posted(0, 0)] * 2


def test_what_is_no_count_is_refused(pharmacy: Pharmacy) -> None:
    pharmacy.receive(300)
    stocktake = pharmacy.start()
    with pytest.raises(CountRefusedError, match="expected a time since the stocktake began"):
        pharmacy.count(stocktake, 300, minutes=-1)
    with pytest.raises(CountNotFoundError):
        pharmacy.count(uuid.UUID(int=99), 300)
    for places, reason in (((), "no place is named"), (("attic",), "no place 'attic'")):
        with psycopg.connect(pharmacy.database.dsn) as connection, pytest.raises(CountRefusedError, match=reason):
            stocktakes.start(connection, NewStocktake(uuid.UUID(int=5), places, "lan"), at(0), ZONE)
    with pytest.raises(CountRefusedError, match="product 'NONE'"):
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
