"""Destruction, quarantine and release: two different people, or nothing happens."""

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from gateway.stock import destruction, holds, quarantine
from gateway.stock.destruction import DestroyLine, NewDestruction
from gateway.stock.errors import (
    DocumentConflictError,
    DocumentStateError,
    HoldStateError,
    SecondPersonError,
    WorkNotFoundError,
    WorkRefusedError,
)
from gateway.stock.holds import NewHold
from gateway.stock.verify import verify_books
from inventory.errors import InsufficientStockError
from tests.gateway.ingest_kit import Database
from tests.gateway.work_out_kit import MORPHINE, NOW, PARA, PARA_BOX, STORE, WARD, Counter

pytestmark = pytest.mark.integration


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter with 100 tablets that have expired, whose books are proven when the test is over."""
    counter = Counter(database.dsn)
    counter.stock(100, "GONE", expiry=date(2026, 11, 21))
    yield counter
    proof = verify_books(counter.connection)
    counter.connection.close()
    assert proof.ok, proof


def destroy(counter: Counter, *lines: DestroyLine, **more: Any) -> uuid.UUID:  # noqa: ANN401 - fields of NewDestruction
    fields: dict[str, Any] = {"created_by": "lan", "reason": "Hết hạn dùng", "document_id": uuid.uuid4()}
    new = NewDestruction(place_id="store", lines=lines or (DestroyLine(PARA, "GONE", 60),), **fields | more)
    with counter.act() as connection:
        destruction.begin(connection, new, NOW)
    return new.document_id


def confirm(counter: Counter, document_id: uuid.UUID, person: str) -> str:
    with counter.act() as connection:
        return destruction.confirm(connection, document_id, person, NOW).state


def test_what_one_writes_down_another_confirms_and_only_then_it_is_gone(counter: Counter) -> None:
    document_id = destroy(counter, method="Đốt", decision="QĐ 45", committee=(("BS. Mai", "Trưởng khoa"),))
    assert counter.there(lot="GONE").on_hand == 100
    assert counter.there(lot="GONE").free == 40, "promised to the destruction"
    with pytest.raises(SecondPersonError, match="'lan': somebody else"):
        confirm(counter, document_id, "lan")
    with pytest.raises(WorkRefusedError, match="waits for its second person"), counter.act() as connection:
        destruction.minutes(connection, document_id)
    for _ in range(2):
        assert confirm(counter, document_id, "dung") == "posted"
    assert (counter.there(lot="GONE").on_hand, counter.there("wasted", lot="GONE").on_hand) == (40, 60)
    assert counter.rows("SELECT person, second_person, note FROM movement WHERE kind = 'waste'") == [
        ("lan", "dung", "Hết hạn dùng")
    ]
    with counter.act() as connection:
        minutes = destruction.minutes(connection, document_id)
    assert (minutes.number, minutes.place, minutes.method, minutes.decision) == (
        "PH26-000001",
        "Kho chính",
        "Đốt",
        "QĐ 45",
    )
    assert (minutes.done_by, minutes.witnessed_by) == ("lan", "dung")
    (one,) = minutes.lines
    assert (one.lot, one.quantity, one.unit, one.reason) == ("GONE", 60, "viên", "Hết hạn dùng")


def test_a_controlled_drug_and_a_serialised_pack_are_destroyed_the_same_way(counter: Counter) -> None:
    counter.stock(10, "M1", product=MORPHINE)
    counter.stock(100, serial="S1")
    lines = (DestroyLine(MORPHINE, "M1", 4), DestroyLine(PARA, "L1", 100, PARA_BOX, "S1"))
    document_id = destroy(counter, *lines)
    assert confirm(counter, document_id, "dung") == "posted"
    assert counter.rows("SELECT account_id FROM pack") == [("wasted",)]
    with counter.act() as connection:
        minutes = destruction.minutes(connection, document_id)
    assert {line.controlled for line in minutes.lines} == {"Gây nghiện", ""}


def test_a_destruction_that_can_not_be_is_refused(counter: Counter) -> None:
    counter.stock(100, serial="S1", place=WARD)
    wrong: list[tuple[tuple[DestroyLine, ...], dict[str, Any], str]] = [
        ((DestroyLine(PARA, "GONE", 0),), {}, "no_lines"),
        ((DestroyLine(PARA, "GONE", 1),), {"reason": " "}, "no_reason"),
        ((DestroyLine(PARA, "NONE", 1),), {}, "lot_not_here"),
        ((DestroyLine(PARA, "L1", 1, PARA_BOX, "S1"),), {}, "pack_elsewhere"),
    ]
    for lines, more, reason in wrong:
        with pytest.raises(WorkRefusedError) as refused:
            destroy(counter, *lines, **more)
        assert refused.value.code == reason
    with pytest.raises(InsufficientStockError, match="101 wanted, 100 free"):
        destroy(counter, DestroyLine(PARA, "GONE", 101))
    assert counter.rows("SELECT count(*) FROM stock_document") == [(0,)]


def test_a_destruction_sent_twice_is_one_and_can_be_cancelled_until_it_is_confirmed(counter: Counter) -> None:
    document_id = destroy(counter)
    destroy(counter, document_id=document_id)
    with pytest.raises(DocumentConflictError):
        destroy(counter, document_id=document_id, method="Chôn")
    with counter.act() as connection:
        assert destruction.cancel(connection, document_id, NOW).state == "cancelled"
    assert counter.there(lot="GONE").free == 100
    with pytest.raises(DocumentStateError):
        confirm(counter, document_id, "dung")
    other = destroy(counter)
    confirm(counter, other, "dung")
    with pytest.raises(DocumentStateError), counter.act() as connection:
        destruction.cancel(connection, other, NOW)
    with pytest.raises(WorkNotFoundError), counter.act() as connection:
        destruction.confirm(connection, uuid.uuid4(), "dung", NOW)


def test_quarantine_is_placed_by_one_and_released_by_two(counter: Counter) -> None:
    counter.stock(30)
    hold = NewHold(uuid.uuid4(), "quarantine", PARA, "Chờ kiểm nghiệm", "lan", NOW, lot="L1", account_id=STORE)
    with counter.act() as connection:
        assert [quarantine.place(connection, hold) for _ in range(2)] == ["created", "exists"]
        (held,) = quarantine.open_now(connection)
        (goods,) = quarantine.walk(connection)
    assert (held.on_hand, held.released_by) == (30, None)
    assert (goods.place_name_vi, goods.lot, goods.quantity) == ("Kho chính", "L1", 30)
    with pytest.raises(HoldStateError, match="nobody asked"), counter.act() as connection:
        quarantine.confirm_release(connection, hold.hold_id, "dung", NOW)
    with counter.act() as connection:
        quarantine.ask_release(connection, hold.hold_id, "lan", "đạt", NOW)
    with pytest.raises(SecondPersonError), counter.act() as connection:
        quarantine.confirm_release(connection, hold.hold_id, "lan", NOW)
    with counter.act() as connection:
        (held,) = quarantine.open_now(connection)
        assert (held.released_by, held.release_reason) == ("lan", "đạt")
        quarantine.confirm_release(connection, hold.hold_id, "dung", NOW)
        assert quarantine.open_now(connection) == []
        assert holds.open_holds(connection, PARA) == []


def test_a_hold_on_nothing_known_is_refused(counter: Counter) -> None:
    for wrong, reason in (({"product_id": "NONE"}, "product_unknown"), ({"account_id": "place:moon"}, "place_unknown")):
        fields: dict[str, Any] = {"product_id": PARA, "reason": "x", "placed_by": "lan", "placed_at": NOW} | wrong
        with pytest.raises(WorkRefusedError) as refused, counter.act() as connection:
            quarantine.place(connection, NewHold(hold_id=uuid.uuid4(), kind="on_hold", **fields))
        assert refused.value.code == reason
    with pytest.raises(WorkNotFoundError), counter.act() as connection:
        quarantine.ask_release(connection, uuid.uuid4(), "lan", "x", NOW)
