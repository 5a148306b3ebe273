"""Drugs under special control leave by two people's word, and are counted blind after it."""

from collections.abc import Iterator

import pytest

from edge.contracts.observations import CodeScanned
from gateway.stock import discrepancies, outgoing
from gateway.stock.errors import SecondPersonError, WorkRefusedError
from gateway.stock.verify import verify_books
from inventory.errors import TwoPeopleNeededError
from tests.gateway.ingest_kit import Database, Node
from tests.gateway.work_out_kit import MORPHINE, NOW, PARA, STORE, Counter, doing, goods, line

pytestmark = pytest.mark.integration


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter with 20 ampoules of morphine, whose books are proven when the test is over."""
    counter = Counter(database.dsn)
    counter.stock(20, "M1", product=MORPHINE)
    yield counter
    proof = verify_books(counter.connection)
    counter.connection.close()
    assert proof.ok, proof


@pytest.mark.parametrize("kind", ["issue", "dispense", "waste"])
def test_the_books_themselves_refuse_one_person_whichever_program_asks(counter: Counter, kind: str) -> None:
    target = {"issue": "place:ward", "dispense": "dispensed", "waste": "wasted"}[kind]
    one = line(kind, goods(1, lot="M1", product=MORPHINE), STORE, target)  # type: ignore[arg-type]
    with pytest.raises(TwoPeopleNeededError, match="MOR10 is under special control"):
        counter.book(one)
    assert counter.book(one, by=doing("lan", second_person="dung")) == "created"


def test_an_issue_waits_for_a_second_person_who_is_never_the_first(counter: Counter) -> None:
    document = counter.ask((MORPHINE, 5))
    waiting = counter.hand_over(document, as_proposed=True)
    assert waiting.state == "waiting_second"
    assert counter.there(lot="M1", product=MORPHINE).on_hand == 20, "nothing is booked yet"
    assert counter.there(lot="M1", product=MORPHINE).free == 15, "but promised"
    with pytest.raises(SecondPersonError, match="'lan': somebody else"):
        counter.confirm(document, "lan", MOR10=15)
    with pytest.raises(WorkRefusedError, match="'MOR10' was not counted"):
        counter.confirm(document, "dung")
    for _ in range(2):
        assert counter.confirm(document, "dung", MOR10=15).state == "posted"
    assert counter.rows("SELECT person, second_person FROM movement WHERE kind = 'issue'") == [("lan", "dung")]
    assert counter.rows("SELECT count(*) FROM discrepancy") == [(0,)], "the count agrees"
    assert counter.there(lot="M1", product=MORPHINE).on_hand == 15


def test_a_blind_count_that_differs_stops_nothing_and_opens_a_case(counter: Counter) -> None:
    document = counter.ask((MORPHINE, 5))
    counter.hand_over(document, as_proposed=True)
    assert counter.confirm(document, "dung", MOR10=14).state == "posted"
    (case,) = counter.rows("SELECT code, product_id, document_id, detail FROM discrepancy")
    assert case[:3] == ("controlled_count", MORPHINE, document)
    assert "14 base units of MOR10 counted" in case[3]
    assert "the books have 15" in case[3]


def test_with_one_controlled_drug_among_others_the_whole_document_waits(counter: Counter) -> None:
    counter.stock(10)
    document = counter.ask((PARA, 5), (MORPHINE, 1))
    assert counter.hand_over(document, as_proposed=True).state == "waiting_second"
    assert counter.there().on_hand == 10
    counter.confirm(document, "dung", MOR10=19)
    assert counter.there().on_hand == 5


def test_whoever_began_hands_over_so_that_two_stay_two(counter: Counter) -> None:
    document = counter.ask((MORPHINE, 1))
    with pytest.raises(WorkRefusedError, match="begun by 'lan'"):
        counter.hand_over(document, "dung", as_proposed=True)


def test_what_waits_can_be_cancelled_and_is_free_again(counter: Counter) -> None:
    document = counter.ask((MORPHINE, 5))
    counter.hand_over(document, as_proposed=True)
    with counter.act() as connection:
        outgoing.cancel(connection, document, NOW)
    assert counter.there(lot="M1", product=MORPHINE).free == 20


def test_what_a_scanner_issued_alone_is_booked_and_is_a_case(counter: Counter, database: Database) -> None:
    counter.run("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 5)", "08935006512344", MORPHINE)
    scan = CodeScanned(
        device_id="scanner-issue", occurred_at=NOW, monotonic_ns=1, text="]d201089350065123441727123110M1"
    )
    database.take(Node().events(scan))
    assert counter.there(lot="M1", product=MORPHINE).on_hand == 15, "it has happened"
    with counter.act() as connection:
        (case,) = discrepancies.queue(connection)
    assert (case.code, case.product_id, case.control_class) == ("controlled_alone", MORPHINE, "narcotic")


def test_it_waits_into_the_next_day_and_nobody_else_gets_it(counter: Counter) -> None:
    document = counter.ask((MORPHINE, 20))
    counter.hand_over(document, as_proposed=True)
    counter.now = counter.later(hours=23)
    assert counter.document(counter.ask((MORPHINE, 1), person="mai")).body["proposed"] == []
    assert counter.confirm(document, "dung", MOR10=0).state == "posted"
