"""The register and the book of drugs under special control follow from the movements, and are counted blind."""

import uuid
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from gateway.reports.controlled_book import ControlledKind, controlled_book_pdf, controlled_register_pdf
from gateway.reports.document import Letterhead
from gateway.stock import controlled_drugs
from gateway.stock.controlled_drugs import Period
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import Database
from tests.gateway.work_out_kit import MORPHINE, NOW, PARA, STORE, Counter, doing, goods, line

pytestmark = pytest.mark.integration

TODAY = date(2026, 11, 22)
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30), HOSPITAL_ZONE)
LETTERHEAD = Letterhead("", "Bệnh viện Nhi", "Khoa Dược", NOW, "lan")


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter with 20 ampoules since October, whose books are proven when the test is over."""
    counter = Counter(database.dsn)
    in_october = doing("lan", second_person="dung", at=NOW - timedelta(days=40))
    counter.book(line("receive", goods(20, lot="M1", product=MORPHINE), "supplier", STORE), by=in_october)
    yield counter
    proof = verify_books(counter.connection)
    counter.connection.close()
    assert proof.ok, proof


def issue(counter: Counter, quantity: int, counted: int) -> None:
    document = counter.ask((MORPHINE, quantity))
    counter.hand_over(document, as_proposed=True)
    counter.confirm(document, "dung", MOR10=counted)


def test_each_act_stands_in_the_register_with_both_people_and_the_blind_count(counter: Counter) -> None:
    counter.stock(50)
    counter.stock(30, "M2", product=MORPHINE)
    counter.now = counter.later(minutes=5)
    issue(counter, 5, counted=45)
    counter.now = counter.later(minutes=5)
    issue(counter, 5, counted=39)
    with counter.act() as connection:
        register = controlled_drugs.register(connection, "store", NOVEMBER)
    shown = [
        (
            one.act,
            one.quantity,
            one.expected_after,
            one.counted_after,
            one.person,
            one.second_person,
            one.document_number,
        )
        for one in register.lines
    ]
    assert shown == [
        ("Nhập kho", 30, 50, None, "lan", "dung", ""),
        ("Xuất khoa", 5, 45, 45, "lan", "dung", "PX26-000001"),
        ("Xuất khoa", 5, 40, 39, "lan", "dung", "PX26-000002"),
    ], "what is not under special control is not in it"
    assert register.place == "Kho chính"
    assert controlled_register_pdf(register, LETTERHEAD).startswith(b"%PDF")


def test_the_book_of_a_drug_begins_with_what_was_there_and_ends_with_what_is(counter: Counter) -> None:
    issue(counter, 6, counted=14)
    with counter.act() as connection:
        book = controlled_drugs.book(connection, MORPHINE, "store", NOVEMBER)
    assert (book.kind, book.opening_balance, book.balances) == (ControlledKind.NARCOTIC, 20, (14,))
    (one,) = book.lines
    assert (one.partner, one.document_out, one.quantity_out, one.lot) == ("Khoa Nội", "PX26-000001", 6, "M1")
    assert controlled_book_pdf(book, LETTERHEAD).startswith(b"%PDF")


def test_what_has_no_book_says_so(counter: Counter) -> None:
    with counter.act() as connection:
        with pytest.raises(WorkRefusedError, match="not under special control"):
            controlled_drugs.book(connection, PARA, "store", NOVEMBER)
        with pytest.raises(WorkNotFoundError, match="no place 'moon'"):
            controlled_drugs.register(connection, "moon", NOVEMBER)
        with pytest.raises(WorkNotFoundError, match="'NONE' is not in the catalogue"):
            controlled_drugs.book(connection, "NONE", "store", NOVEMBER)
    for first, last in ((TODAY, TODAY - timedelta(days=1)), (TODAY - timedelta(days=367), TODAY)):
        with pytest.raises(WorkRefusedError, match="at most a year"):
            Period(first, last, HOSPITAL_ZONE)


def test_they_are_counted_blind_together_and_the_list_tells_no_quantity(counter: Counter) -> None:
    counter.stock(50)
    stocktake_id = uuid.uuid4()
    with counter.act() as connection:
        (stock,) = controlled_drugs.stock(connection)
        for outcome in ("created", "exists"):
            begun = controlled_drugs.begin_blind_count(
                connection, stocktake_id, ("store",), "lan", now=NOW, zone=HOSPITAL_ZONE
            )
            assert begun == outcome
    assert (stock.product_id, stock.place_id, stock.lots, stock.open_cases) == (MORPHINE, "store", 1, 0)
    assert "20" not in str(stock.model_dump())
    assert counter.rows("SELECT product_id, is_controlled FROM stocktake_line") == [(MORPHINE, True)]
