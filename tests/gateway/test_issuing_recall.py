"""A recall finds every place, movement and patient, and holds all of it in one action that two people undo."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.stock import books, dispensing, documents, quarantine, recall
from gateway.stock.documents import NewDocument
from gateway.stock.errors import (
    HoldStateError,
    SecondPersonError,
    WorkConflictError,
    WorkNotFoundError,
    WorkRefusedError,
)
from gateway.stock.outgoing import AskedLine, NewOutgoing
from gateway.stock.recall import NewRecall, Subject
from gateway.stock.verify import verify_books
from inventory.errors import StockHeldError
from tests.gateway.ingest_kit import Database
from tests.gateway.people_kit import READING
from tests.gateway.work_out_kit import (
    NOW,
    PARA,
    PARA_BOX,
    PATIENT,
    PATIENT_NUMBER,
    STORE,
    WARD,
    Counter,
    code,
    doing,
    goods,
    line,
)

pytestmark = pytest.mark.integration

LOT = Subject(PARA, lot="L1")


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter whose books are proven when the test is over."""
    counter = Counter(database.dsn)
    yield counter
    proof = verify_books(counter.connection)
    counter.connection.close()
    assert proof.ok, proof


def dispense(counter: Counter, quantity: int, *scans: str, **more: Any) -> None:  # noqa: ANN401 - fields of NewOutgoing
    fields: dict[str, Any] = {"patient_id": PATIENT, "from_place_id": "store", "created_by": "lan"} | more
    new = NewOutgoing(uuid.uuid4(), "dispensing", lines=(AskedLine(PARA, quantity),), **fields)
    with counter.act() as connection:
        dispensing.begin_dispensing(connection, new, NOW)
    for text in scans:
        counter.scan(new.document_id, text)
    counter.hand_over(new.document_id, as_proposed=not scans)


def traced(counter: Counter, subject: Subject = LOT) -> recall.Trace:
    with counter.act() as connection:
        return recall.trace(connection, subject, READING)


def opened(
    counter: Counter, subject: Subject = LOT, recall_id: uuid.UUID | None = None, reason: str = "Công văn 12"
) -> uuid.UUID:
    new = NewRecall(recall_id or uuid.uuid4(), subject, reason, "lan", source="Cục Quản lý Dược", level="Mức độ 1")
    with counter.act() as connection:
        recall.open_recall(connection, new, NOW)
    return new.recall_id


def test_one_look_tells_where_every_unit_of_a_lot_went(counter: Counter) -> None:
    counter.stock(100, serial="S1")
    counter.stock(200)
    counter.stock(50, "OTHER")
    counter.hand_over(counter.ask((PARA, 60)), as_proposed=True)
    dispense(counter, 30, code("S1"), prescription_number="DT-1")
    dispense(counter, 10, code(), patient_id=None, prescription_number="DT-2")
    counter.book(line("transfer_out", goods(20), STORE, "in_transit"))
    counter.book(line("waste", goods(5), STORE, "wasted"))
    counter.book(line("return_out", goods(7), STORE, "returned"))
    found = traced(counter)
    assert found.lots == ["L1"]
    assert found.received == 300
    assert {one.account_id: one.quantity for one in found.places} == {STORE: 168, WARD: 60}
    assert [(one.account_id, one.quantity) for one in found.in_transit] == [("in_transit", 20)]
    assert found.outside == {"dispensed": 40, "wasted": 5, "returned": 7}
    assert [(one.patient_number, one.prescription_number, one.quantity) for one in found.patients] == [
        (PATIENT_NUMBER, "DT-1", 30),
        (None, "DT-2", 10),
    ]
    kept = sum(one.quantity for one in (*found.places, *found.in_transit)) + sum(found.outside.values())
    assert kept == found.received, "every unit is accounted for"
    assert len(found.movements) == counter.rows("SELECT count(*) FROM movement WHERE lot = 'L1'")[0][0]
    assert [one.serial_numbers for one in found.places if one.account_id == STORE] == [["S1"]]


def test_what_came_back_is_not_with_the_patient_any_more(counter: Counter) -> None:
    counter.stock(100)
    dispense(counter, 30)
    (movement_id,) = counter.rows("SELECT movement_id FROM movement WHERE kind = 'dispense'")[0]
    with counter.act() as connection:
        books.reverse(connection, doing("lan"), movement_id, uuid.uuid4())
    (patient,) = traced(counter).patients
    assert (patient.patient_number, patient.quantity, patient.document_number) == (PATIENT_NUMBER, 0, "PP26-000001")


def test_one_pack_is_traced_into_what_was_taken_out_of_it(counter: Counter) -> None:
    counter.stock(100, serial="S1")
    counter.stock(100, serial="S2")
    document = counter.ask((PARA, 30))
    counter.scan(document, code("S1"))
    counter.hand_over(document)
    dispense(counter, 20, code("S1"))
    dispense(counter, 100, code("S2"), patient_id=None, prescription_number="DT-9")
    found = traced(counter, Subject(PARA, gtin=PARA_BOX, serial_number="S1"))
    assert {one.account_id: (one.quantity, one.serial_numbers) for one in found.places} == {
        STORE: (50, ["S1"]),
        WARD: (30, []),
    }
    assert [(one.patient_number, one.quantity) for one in found.patients] == [(PATIENT_NUMBER, 20)]


def test_a_lot_is_followed_into_what_it_was_repacked_into(counter: Counter) -> None:
    counter.stock(100)
    document = NewDocument(uuid.uuid4(), "repack", "lan", NOW, NOW)
    with counter.act() as connection:
        documents.open_document(connection, document)
        lines = [
            line("repack_out", goods(40), STORE, "repacked"),
            line("repack_in", goods(40, lot="L1-R"), "repacked", STORE),
        ]
        books.book(connection, doing("lan", document_id=document.document_id), lines)
    dispense(counter, 15, code(lot="L1-R"))
    found = traced(counter)
    assert found.lots == ["L1", "L1-R"]
    assert [(one.lot, one.quantity) for one in found.places] == [("L1", 60), ("L1-R", 25)]
    assert [one.quantity for one in found.patients] == [15]
    opened(counter)
    with counter.act() as connection:
        assert sorted(str(one.lot) for one in quarantine.open_now(connection)) == ["L1", "L1-R"]


def test_a_recall_holds_everything_in_one_action_and_sent_twice_it_is_one(counter: Counter) -> None:
    counter.stock(100)
    recall_id = opened(counter)
    opened(counter, recall_id=recall_id)
    with pytest.raises(WorkConflictError):
        opened(counter, recall_id=recall_id, reason="khác")
    with pytest.raises(StockHeldError, match=r"recalled since .* by lan: TH26-000001: Công văn 12"):
        counter.issue(goods(1))
    assert counter.document(counter.ask((PARA, 1))).body["not_offered"][0]["why"] == "recalled"
    counter.stock(10, place=WARD)
    with counter.act() as connection:
        (hold,) = quarantine.open_now(connection, recall_id=recall_id)
        walk = quarantine.walk(connection, recall_id=recall_id)
        (head,) = recall.recalls(connection)
    assert (hold.kind, hold.lot, hold.recall_number, hold.on_hand) == ("recall", "L1", "TH26-000001", 110)
    assert [(one.account_id, one.quantity) for one in walk] == [(STORE, 100), (WARD, 10)], "what comes later too"
    assert (head.number, head.holds_open, head.source) == ("TH26-000001", 1, "Cục Quản lý Dược")


def test_a_recall_is_undone_by_two_people_and_only_as_a_whole(counter: Counter) -> None:
    counter.stock(100)
    recall_id = opened(counter)
    with counter.act() as connection:
        (hold,) = quarantine.open_now(connection)
    with pytest.raises(WorkRefusedError, match="belongs to a recall"), counter.act() as connection:
        quarantine.ask_release(connection, hold.hold_id, "lan", "nhầm", NOW)
    with pytest.raises(HoldStateError, match="nobody asked"), counter.act() as connection:
        recall.confirm_end(connection, recall_id, "dung", NOW)
    with counter.act() as connection:
        assert recall.ask_end(connection, recall_id, "lan", "công văn đính chính", NOW) == 1
    with pytest.raises(SecondPersonError), counter.act() as connection:
        recall.confirm_end(connection, recall_id, "lan", NOW)
    with counter.act() as connection:
        assert recall.confirm_end(connection, recall_id, "dung", NOW) == 1
        assert recall.read_recall(connection, recall_id).holds_open == 0
    counter.issue(goods(1))
    with pytest.raises(WorkNotFoundError), counter.act() as connection:
        recall.confirm_end(connection, recall_id, "dung", NOW)


def test_one_pack_is_recalled_and_the_rest_of_its_lot_is_not(counter: Counter) -> None:
    counter.stock(100, serial="S1")
    counter.stock(100, serial="S2")
    opened(counter, Subject(PARA, gtin=PARA_BOX, serial_number="S1"))
    document = counter.ask((PARA, 100))
    with pytest.raises(WorkRefusedError, match="not given out: recalled"):
        counter.scan(document, code("S1"))
    counter.scan(document, code("S2"))
    assert counter.hand_over(document).state == "posted"


def test_what_was_never_here_and_what_names_nothing_is_said(counter: Counter) -> None:
    with pytest.raises(WorkNotFoundError, match="lot 'NONE' of 'PARA500' was never in the books"):
        traced(counter, Subject(PARA, lot="NONE"))
    with pytest.raises(WorkRefusedError, match="name the lot"):
        traced(counter, Subject(PARA))
    # A lot that has not come yet can be recalled all the same: it is held the day it comes.
    opened(counter, Subject(PARA, lot="TOMORROW"))
    counter.stock(10, "TOMORROW")
    with pytest.raises(StockHeldError):
        counter.issue(goods(1, lot="TOMORROW"))
