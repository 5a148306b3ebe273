"""Issue to a ward: first expired first out, every scan judged at once, what is short said and kept."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.stock import holds, issuing, outgoing, picking
from gateway.stock.allocation import accounts_of_place
from gateway.stock.errors import DocumentConflictError, DocumentStateError, WorkConflictError, WorkRefusedError
from gateway.stock.holds import NewHold
from gateway.stock.verify import verify_books
from inventory.errors import InsufficientStockError
from tests.gateway.ingest_kit import Database
from tests.gateway.work_out_kit import NOW, PARA, STORE, WARD, Counter, code, goods, line

pytestmark = pytest.mark.integration

SOON = date(2026, 12, 31)


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter whose books are proven when the test is over."""
    counter = Counter(database.dsn)
    yield counter
    proof = verify_books(counter.connection)
    counter.connection.close()
    assert proof.ok, proof


def proposed(counter: Counter, document_id: uuid.UUID) -> list[tuple[str, int]]:
    return [(one["lot"], one["quantity"]) for one in counter.document(document_id).body["proposed"]]


def why(counter: Counter, document_id: uuid.UUID) -> dict[str, str]:
    return {one["lot"]: one["why"] for one in counter.document(document_id).body["not_offered"]}


def test_what_expires_first_is_proposed_first_and_promised(counter: Counter) -> None:
    counter.stock(50, "L1")
    counter.stock(30, "OLD", expiry=SOON)
    document = counter.ask((PARA, 40))
    assert proposed(counter, document) == [("OLD", 30), ("L1", 10)]
    assert counter.there(lot="OLD").reserved == 30
    assert counter.hand_over(document, as_proposed=True).state == "posted"
    assert (counter.there(lot="OLD").on_hand, counter.there().on_hand) == (0, 40)
    assert counter.there(WARD).on_hand == 10
    assert counter.there().reserved == 0


def test_each_lot_that_is_not_offered_says_why(counter: Counter) -> None:
    counter.stock(10, "HELD", expiry=SOON)
    counter.stock(10, "GONE", expiry=date(2026, 11, 21))
    counter.stock(10, "SHORT", expiry=SOON)
    counter.stock(10, "PROMISED")
    counter.stock(10, "WARD", place=WARD)
    with counter.act() as connection:
        hold = NewHold(uuid.uuid4(), "on_hold", PARA, "nghi ngờ chất lượng", "mai", NOW, lot="HELD")
        holds.place_hold(connection, hold)
    first = counter.ask((PARA, 10), person="mai", shelf_life_days=60)
    document = counter.ask((PARA, 5), shelf_life_days=60)
    assert proposed(counter, first) == [("PROMISED", 10)]
    assert why(counter, document) == {
        "HELD": "on_hold",
        "GONE": "expired",
        "SHORT": "expires_before",
        "PROMISED": "reserved",
        "WARD": "other_place",
    }
    texts = {one["lot"]: one["text"] for one in counter.document(document).body["not_offered"]}
    assert "by mai: nghi ngờ chất lượng" in texts["HELD"]
    assert texts["PROMISED"] == "10 reserved by mai, PX26-000001"


def test_what_is_short_is_said_and_stays_on_the_document(counter: Counter) -> None:
    counter.stock(99)
    document = counter.ask((PARA, 100))
    short = counter.document(document).body["short_at_first"]
    assert [(one["product_id"], one["missing"]) for one in short] == [(PARA, 1)]
    posted = counter.hand_over(document, as_proposed=True)
    assert posted.body["results"] == [{"product_id": PARA, "asked": 100, "given": 99, "short": 1}]
    assert counter.there(WARD).on_hand == 99


def test_who_finds_none_is_told_who_took_it_last(counter: Counter) -> None:
    counter.stock(10)
    counter.hand_over(counter.ask((PARA, 10), person="mai"), "mai", as_proposed=True)
    (short,) = counter.document(counter.ask((PARA, 1))).body["short_at_first"]
    (taken,) = short["taken_lately"]
    assert (taken["person"], taken["quantity"], taken["document_number"]) == ("mai", 10, "PX26-000001")


def test_packs_are_picked_by_scanning_whole_and_in_part(counter: Counter) -> None:
    counter.stock(100, serial="S1")
    counter.stock(100, serial="S2")
    document = counter.ask((PARA, 130))
    counter.scan(document, code("S1"))
    counter.scan(document, code("S2"))
    posted = counter.hand_over(document)
    assert posted.body["results"][0]["given"] == 130
    units = dict(counter.rows("SELECT serial_number, units FROM pack"))
    assert units == {"S1": 100, "S2": 70}
    places = dict(counter.rows("SELECT serial_number, account_id FROM pack"))
    assert places == {"S1": WARD, "S2": STORE}, "an opened pack stays where the rest of it is"


def test_a_sound_pack_of_another_lot_may_be_taken_and_is_noted(counter: Counter) -> None:
    counter.stock(100, "OLD", expiry=SOON)
    counter.stock(100, "L1")
    document = counter.ask((PARA, 50))
    counter.scan(document, code(lot="L1"))
    with counter.act() as connection:
        (one,) = picking.picks_of(connection, document)
    assert (one.lot, one.quantity, one.note) == ("L1", 50, "other_lot")
    assert counter.there(lot="L1").reserved == 50, "what is in the basket is promised"
    counter.hand_over(document)
    assert (counter.there(lot="OLD").free, counter.there(lot="L1").on_hand) == (100, 50)


def test_a_code_without_a_lot_is_taken_as_proposed_with_a_note(counter: Counter) -> None:
    counter.stock(100, "OLD", expiry=SOON)
    document = counter.ask((PARA, 20))
    counter.scan(document, "8935234500007")
    with counter.act() as connection:
        assert [(one.lot, one.note) for one in picking.picks_of(connection, document)] == [("OLD", "lot_as_proposed")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0108935234500008", "unreadable"),
        ("VIT-C", "wrong_product"),
        (code(lot="NONE"), "lot_not_here"),
        (code(lot="HELD"), "not_given_out"),
        (code(lot="GONE", expiry="261121"), "not_given_out"),
        (code(lot="L1", expiry="261121"), "not_given_out"),
        (code("ELSEWHERE"), "pack_elsewhere"),
        ("8935006512344", "gtin_unknown"),
    ],
)
def test_a_scan_that_must_not_go_out_is_refused_with_its_reason(counter: Counter, text: str, reason: str) -> None:
    counter.stock(10)
    counter.stock(10, "HELD")
    counter.stock(10, "GONE", expiry=date(2026, 11, 21))
    counter.stock(100, serial="ELSEWHERE", place=WARD)
    with counter.act() as connection:
        holds.place_hold(connection, NewHold(uuid.uuid4(), "quarantine", PARA, "kiểm tra", "mai", NOW, lot="HELD"))
    document = counter.ask((PARA, 10))
    with pytest.raises(WorkRefusedError) as refused:
        counter.scan(document, text)
    assert refused.value.code == reason
    assert refused.value.message
    with counter.act() as connection:
        assert picking.picks_of(connection, document) == []


def test_more_than_asked_for_and_the_same_pack_twice_are_refused(counter: Counter) -> None:
    counter.stock(100, serial="S1")
    document = counter.ask((PARA, 60))
    with pytest.raises(WorkRefusedError, match="only 60 are still needed"):
        counter.scan(document, code("S1"), 61)
    counter.scan(document, code("S1"), 20)
    with pytest.raises(WorkRefusedError, match="picked already, by lan for PX26-000001"):
        counter.scan(document, code("S1"), 20)
    other = counter.ask((PARA, 10), person="mai")
    with pytest.raises(WorkRefusedError, match="by lan for PX26-000001"):
        counter.scan(other, code("S1"), person="mai")


def test_what_is_promised_to_somebody_else_is_refused_with_their_name(counter: Counter) -> None:
    counter.stock(50, "L1")
    counter.stock(50, "L2")
    counter.ask((PARA, 50), person="mai")
    document = counter.ask((PARA, 10))
    with pytest.raises(WorkRefusedError, match="promised to: mai, PX26-000001") as refused:
        counter.scan(document, code(lot="L1"))
    assert refused.value.values["holders"] == ["mai, PX26-000001"]


def test_a_scan_sent_twice_is_one_and_can_be_put_back(counter: Counter) -> None:
    counter.stock(100)
    document, pick_id = counter.ask((PARA, 50)), uuid.uuid4()
    assert [counter.scan(document, code(), 20, pick_id=pick_id) for _ in range(2)] == ["created", "exists"]
    with pytest.raises(WorkConflictError):
        counter.scan(document, code(lot="L2"), pick_id=pick_id)
    with counter.act() as connection:
        assert picking.put_back(connection, document, pick_id, NOW)
        assert not picking.put_back(connection, document, pick_id, NOW)
        assert picking.picks_of(connection, document) == []


def test_a_request_sent_twice_is_written_once_and_handed_over_once(counter: Counter) -> None:
    counter.stock(100)
    new = counter.new_issue((PARA, 10))
    with counter.act() as connection:
        outcomes = [issuing.begin_issue(connection, new, NOW) for _ in range(2)]
    assert outcomes == ["created", "exists"]
    with pytest.raises(DocumentConflictError), counter.act() as connection:
        issuing.begin_issue(connection, replace(new, note="x"), NOW)
    for _ in range(2):
        assert counter.hand_over(new.document_id, as_proposed=True).state == "posted"
    assert counter.there().on_hand == 90


def test_a_cancelled_request_promises_nothing_and_gives_nothing(counter: Counter) -> None:
    counter.stock(100)
    document = counter.ask((PARA, 10))
    for _ in range(2):
        with counter.act() as connection:
            assert outgoing.cancel(connection, document, NOW).state == "cancelled"
    assert counter.there().free == 100
    with pytest.raises(DocumentStateError):
        counter.hand_over(document, as_proposed=True)
    with pytest.raises(DocumentStateError):
        counter.scan(document, code())
    with pytest.raises(WorkRefusedError, match="nothing is picked"):
        counter.hand_over(counter.ask((PARA, 10)))


def test_a_promise_that_is_over_lets_others_take_it_and_the_late_one_is_told(counter: Counter) -> None:
    counter.stock(10)
    document = counter.ask((PARA, 10))
    counter.now = counter.later(minutes=31)
    counter.hand_over(counter.ask((PARA, 10), person="mai"), "mai", as_proposed=True)
    with pytest.raises(InsufficientStockError, match="10 wanted, 0 free"):
        counter.hand_over(document, as_proposed=True)
    assert counter.there().on_hand == 0


@pytest.mark.parametrize(
    ("asked", "more", "reason"),
    [
        ((), {}, "no_lines"),
        (((PARA, 0),), {}, "bad_quantity"),
        (((PARA, 1), (PARA, 2)), {}, "product_twice"),
        ((("NONE", 1),), {}, "product_unknown"),
        (((PARA, 1),), {"to_place_id": None}, "ward_missing"),
        (((PARA, 1),), {"to_place_id": "fridge-1"}, "same_place"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    counter: Counter, asked: tuple[tuple[str, int], ...], more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(WorkRefusedError) as refused, counter.act() as connection:
        issuing.begin_issue(connection, counter.new_issue(*asked, **more), NOW)
    assert refused.value.code == reason
    assert counter.rows("SELECT count(*) FROM stock_document") == [(0,)]


def test_what_stands_in_a_fridge_of_the_store_is_the_stores(counter: Counter) -> None:
    counter.stock(10)
    with counter.act() as connection:
        accounts_of_place(connection, "store")
    counter.book(line("put_away", goods(10), STORE, "place:fridge-1"))
    document = counter.ask((PARA, 10))
    assert [one["account_id"] for one in counter.document(document).body["proposed"]] == ["place:fridge-1"]
    assert counter.hand_over(document, as_proposed=True).state == "posted"
