"""Documents, promises, holds and operators: what people do with stock besides moving it."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from gateway.stock import documents, holds, operators, reservations
from gateway.stock.books import InsufficientStockError, LedgerError, StockHeldError
from gateway.stock.documents import NewDocument, line_id
from gateway.stock.errors import (
    DocumentConflictError,
    DocumentStateError,
    HoldConflictError,
    HoldStateError,
    OperatorError,
    ReservationConflictError,
    ReservationStateError,
    SecondPersonError,
)
from gateway.stock.holds import NewHold
from gateway.stock.lines import Availability, Line
from gateway.stock.reservations import NewReservation
from gateway.stock.verify import verify_books
from inventory.errors import InventoryError
from inventory.movement import MovementKind
from tests.gateway.ingest_kit import NOW, Database
from tests.gateway.warehouse_kit import PARA, PARA_BOX, STORE, WARD, Warehouse, doing, goods, line

pytestmark = pytest.mark.integration

TODAY = date(2026, 11, 22)


@pytest.fixture
def warehouse(database: Database) -> Iterator[Warehouse]:
    """A warehouse with 100 tablets in its store, whose books are proven when the test is over."""
    warehouse = Warehouse(database.dsn)
    warehouse.receive(goods(100))
    yield warehouse
    proof = verify_books(warehouse.connection)
    warehouse.connection.close()
    assert proof.ok, proof


def document(number: int = 1, **more: Any) -> NewDocument:  # noqa: ANN401 - fields of NewDocument
    fields: dict[str, Any] = {"kind": "issue", "created_by": "lan", "occurred_at": NOW, "created_at": NOW}
    return NewDocument(document_id=uuid.UUID(int=number), **fields | more)


def opened(warehouse: Warehouse, one: NewDocument) -> str:
    with warehouse.connection.transaction():
        outcome = documents.open_document(warehouse.connection, one)
    assert outcome in {"created", "exists"}
    with warehouse.connection.transaction():
        return documents.read_document(warehouse.connection, one.document_id).number


def test_numbers_run_without_holes_in_each_kind_and_local_year(warehouse: Warehouse) -> None:
    assert opened(warehouse, document(1)) == "PX26-000001"
    documents.open_document(warehouse.connection, document(2))
    warehouse.connection.rollback()
    assert opened(warehouse, document(3)) == "PX26-000002", "an act that failed took no number"
    assert opened(warehouse, document(4, kind="receipt")) == "PN26-000001"
    # Seven hours before midnight in Greenwich it is the new year in Ho Chi Minh City.
    new_year = NOW.replace(month=12, day=31, hour=17)
    assert opened(warehouse, document(5, created_at=new_year)) == "PX27-000001"


def test_a_document_sent_twice_is_written_once_and_keeps_its_number(warehouse: Warehouse) -> None:
    one = document(body={"lines": [1]})
    assert opened(warehouse, one) == opened(warehouse, replace(one, created_at=warehouse.later(hours=1)))
    with pytest.raises(DocumentConflictError, match=r"is PX26-000001 \(issue\) and has other content"):
        opened(warehouse, replace(one, body={"lines": [2]}))


def test_a_second_person_confirms_and_it_is_never_the_first(warehouse: Warehouse) -> None:
    one = document(kind="destruction", state="waiting_second")
    opened(warehouse, one)

    def confirm(person: str) -> str:
        with warehouse.connection.transaction():
            return documents.confirm_second(warehouse.connection, one.document_id, person, NOW).state

    with pytest.raises(SecondPersonError, match="'lan': somebody else"):
        confirm("lan")
    assert [confirm("hoa"), confirm("hoa")] == ["posted", "posted"]
    with pytest.raises(DocumentStateError, match="waits for no second person"):
        confirm("minh")
    with pytest.raises(psycopg.errors.CheckViolation), warehouse.connection.transaction():
        warehouse.connection.execute("UPDATE stock_document SET second_person = created_by, second_at = now()")


def test_what_is_posted_is_never_undone(warehouse: Warehouse) -> None:
    one = document(state="draft")
    opened(warehouse, one)
    with warehouse.connection.transaction():
        assert documents.change_state(warehouse.connection, one.document_id, "in_transit", NOW).closed_at is None
        assert documents.change_state(warehouse.connection, one.document_id, "posted", NOW).closed_at == NOW
    with pytest.raises(DocumentStateError, match="is posted and can't become cancelled"):
        documents.change_state(warehouse.connection, one.document_id, "cancelled", NOW)
    with pytest.raises(DocumentStateError, match="no stock document"):
        documents.read_document(warehouse.connection, uuid.UUID(int=99))


def test_the_ids_of_a_documents_lines_are_the_same_however_often_it_is_sent() -> None:
    one = uuid.UUID(int=1)
    assert line_id(one, 1) == line_id(one, 1)
    assert len({line_id(one, 1), line_id(one, 2), line_id(uuid.UUID(int=2), 1)}) == 3


def promise(number: int = 1, quantity: int = 60, *, minutes: float = 30, **more: Any) -> NewReservation:  # noqa: ANN401 - fields
    fields: dict[str, Any] = {"account_id": STORE, "product_id": PARA, "lot": "L1", "created_by": "lan"}
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=minutes)}
    return NewReservation(uuid.UUID(int=number), quantity=quantity, **fields | times | more)


def reserve(warehouse: Warehouse, wanted: NewReservation) -> str:
    with warehouse.connection.transaction():
        return reservations.reserve(warehouse.connection, wanted)


def take(warehouse: Warehouse, number: int, one: Line, **by: Any) -> str:  # noqa: ANN401 - fields of Doing
    with warehouse.connection.transaction():
        return reservations.post(warehouse.connection, doing(**by), {uuid.UUID(int=number): one})


def test_what_is_promised_is_there_but_not_free(warehouse: Warehouse) -> None:
    assert [reserve(warehouse, promise()), reserve(warehouse, promise())] == ["created", "exists"]
    assert warehouse.there() == Availability(100, 60)
    with pytest.raises(InsufficientStockError, match=r"41 wanted, 40 free \(100 on hand, 60 reserved\)"):
        warehouse.issue(goods(41))
    with pytest.raises(InsufficientStockError, match=r"41 wanted, 40 free"):
        reserve(warehouse, promise(2, 41))
    warehouse.issue(goods(40))
    with pytest.raises(ReservationConflictError, match="and came as"):
        reserve(warehouse, promise(1, 59))


def test_a_promise_is_kept_once_and_what_it_leaves_is_free_again(warehouse: Warehouse) -> None:
    reserve(warehouse, promise())
    one = line("issue", goods(50), STORE, "dispensed")
    assert [take(warehouse, 1, one), take(warehouse, 1, one)] == ["created", "exists"]
    assert warehouse.there() == Availability(50, 0)
    with pytest.raises(ReservationStateError, match="is posted: reserve again"):
        take(warehouse, 1, line("issue", goods(50), STORE, "dispensed"))
    with pytest.raises(ReservationStateError, match="is posted: nothing to void"):
        reservations.void(warehouse.connection, uuid.UUID(int=1), NOW)


@pytest.mark.parametrize("what", [goods(61), goods(60, lot="L2")])
def test_only_what_was_promised_is_taken_by_a_promise(warehouse: Warehouse, what: Any) -> None:  # noqa: ANN401 - Goods
    reserve(warehouse, promise())
    with pytest.raises(ReservationStateError, match="is of 60 of"):
        take(warehouse, 1, line("issue", what, STORE, "dispensed"))
    assert warehouse.there() == Availability(100, 60)


def test_an_expired_promise_holds_nothing_back_whether_noted_or_not(warehouse: Warehouse) -> None:
    reserve(warehouse, promise(minutes=30))
    late = warehouse.later(minutes=30)
    with pytest.raises(ReservationStateError, match="is expired: reserve again"):
        take(warehouse, 1, line("issue", goods(60), STORE, "dispensed"), at=late)
    assert warehouse.book(line("issue", goods(100), STORE, "dispensed"), by=doing(at=late)) == "created"
    with warehouse.connection.transaction():
        assert reservations.expire_due(warehouse.connection, late - timedelta(seconds=1)) == 0
        assert reservations.expire_due(warehouse.connection, late) == 1
        assert reservations.void(warehouse.connection, uuid.UUID(int=1), late) == "exists"


def test_a_promise_is_taken_back(warehouse: Warehouse) -> None:
    reserve(warehouse, promise())
    with warehouse.connection.transaction():
        assert reservations.void(warehouse.connection, uuid.UUID(int=1), NOW) == "created"
    assert warehouse.there().free == 100
    with pytest.raises(ReservationStateError, match="unknown"):
        reservations.void(warehouse.connection, uuid.UUID(int=9), NOW)


def test_a_promise_of_nothing_or_of_the_past_is_none() -> None:
    with pytest.raises(LedgerError, match="quantity 0"):
        promise(quantity=0)
    with pytest.raises(LedgerError, match="before it is made"):
        promise(minutes=0)


def hold(number: int = 1, **more: Any) -> NewHold:  # noqa: ANN401 - fields of NewHold
    fields: dict[str, Any] = {"kind": "recall", "product_id": PARA, "reason": "Công văn 123", "placed_by": "lan"}
    return NewHold(uuid.UUID(int=number), placed_at=NOW, **fields | more)


def place(warehouse: Warehouse, one: NewHold) -> str:
    with warehouse.connection.transaction():
        return holds.place_hold(warehouse.connection, one)


@pytest.mark.parametrize("kind", ["issue", "dispense", "transfer_out", "repack_out"])
def test_what_is_held_is_not_given_out_and_the_refusal_says_why_since_when_and_by_whom(
    warehouse: Warehouse, kind: MovementKind
) -> None:
    assert [place(warehouse, hold()), place(warehouse, hold())] == ["created", "exists"]
    with pytest.raises(StockHeldError, match=r"recalled since 2026-11-22T05:00.* by lan: Công văn 123"):
        warehouse.book(line(kind, goods(1), STORE, "dispensed"))
    assert warehouse.book(line("waste", goods(1), STORE, "wasted")) == "created", "that is what one does with it"
    with pytest.raises(HoldConflictError):
        place(warehouse, hold(lot="L1"))


def test_a_hold_holds_its_scope_and_no_more(warehouse: Warehouse) -> None:
    warehouse.receive(goods(100), WARD)
    warehouse.receive(goods(100, lot="L2"))
    warehouse.receive(goods(100, serial="S1"))
    warehouse.receive(goods(100, serial="S2"))
    place(warehouse, hold(1, lot="L1", account_id=WARD))
    place(warehouse, hold(2, kind="damaged", gtin=PARA_BOX, serial_number="S1"))
    warehouse.issue(goods(1))
    warehouse.issue(goods(1, lot="L2"))
    warehouse.issue(goods(100, serial="S2"))
    with pytest.raises(StockHeldError, match="recalled"):
        warehouse.issue(goods(1), WARD)
    with pytest.raises(StockHeldError, match="damaged"):
        warehouse.issue(goods(100, serial="S1"))
    place(warehouse, hold(3, kind="on_hold"))
    with pytest.raises(StockHeldError, match="on hold"):
        warehouse.issue(goods(1, lot="L2"))


def test_expired_stock_is_not_given_out_from_the_day_after(warehouse: Warehouse) -> None:
    warehouse.receive(goods(10, lot="OLD", expiry=TODAY))
    warehouse.issue(goods(1, lot="OLD", expiry=None))
    # 17:00 in Greenwich is midnight in Ho Chi Minh City.
    tomorrow = doing(at=NOW.replace(hour=17))
    with pytest.raises(StockHeldError, match="expired on 2026-11-22"):
        warehouse.book(line("issue", goods(1, lot="OLD", expiry=None), STORE, "dispensed"), by=tomorrow)


def test_two_people_release_a_hold(warehouse: Warehouse) -> None:
    place(warehouse, hold(lot="L1"))
    connection = warehouse.connection
    with pytest.raises(HoldStateError, match="nobody asked"):
        holds.confirm_release(connection, uuid.UUID(int=1), "hoa", NOW)
    with pytest.raises(HoldStateError, match="needs a reason"):
        holds.ask_release(connection, uuid.UUID(int=1), "hoa", " ", NOW)
    holds.ask_release(connection, uuid.UUID(int=1), "hoa", "Kết quả kiểm nghiệm đạt", NOW)
    assert [one.released_by for one in holds.releases_asked(connection)] == ["hoa"]
    assert holds.state_of(connection, PARA, "L1", STORE, TODAY).name == "recalled"
    with pytest.raises(SecondPersonError, match="'hoa' asked"):
        holds.confirm_release(connection, uuid.UUID(int=1), "hoa", NOW)
    holds.confirm_release(connection, uuid.UUID(int=1), "minh", NOW)
    connection.commit()
    assert holds.state_of(connection, PARA, "L1", STORE, TODAY).name == "available"
    connection.commit()
    warehouse.issue(goods(1))
    with pytest.raises(HoldStateError, match="was released at"):
        holds.release_hold(connection, uuid.UUID(int=1), person="hoa", second_person="minh", reason="x", now=NOW)
    with pytest.raises(HoldStateError, match="no hold"):
        holds.ask_release(connection, uuid.UUID(int=9), "hoa", "x", NOW)


def test_open_holds_are_asked_by_product_lot_place_and_pack(warehouse: Warehouse) -> None:
    place(warehouse, hold(1, lot="L1", account_id=WARD))
    place(warehouse, hold(2, lot="L2"))
    place(warehouse, hold(3, gtin=PARA_BOX, serial_number="S1"))
    connection = warehouse.connection

    def found(*scope: Any, **pack: Any) -> list[int]:  # noqa: ANN401 - passed on
        return [uuid.UUID(one.hold_id).int for one in holds.open_holds(connection, PARA, *scope, **pack)]

    assert found() == [1, 2, 3]
    assert found("L1") == [1, 3]
    assert (found("L1", WARD), found("L1", STORE)) == ([1], [])
    assert found("L1", STORE, pack=(PARA_BOX, "S1")) == [3]


def test_a_hold_without_reason_is_none() -> None:
    with pytest.raises(InventoryError, match="a reason"):
        hold(reason=" ")


def test_a_scan_is_whoevers_who_had_signed_on_at_that_time(warehouse: Warehouse) -> None:
    connection = warehouse.connection
    for name in ("lan", "hoa"):
        connection.execute("INSERT INTO login_account (username, display_name, roles) VALUES (%s, 'x', '{}')", (name,))
    key = warehouse.rows("SELECT device_key FROM device WHERE device_id = 'scanner-issue'")[0][0]
    operators.sign_on(connection, key, "lan", warehouse.later(hours=1))
    operators.sign_on(connection, key, "lan", warehouse.later(hours=2))
    operators.sign_on(connection, key, "hoa", warehouse.later(hours=3))
    operators.sign_off(connection, key, warehouse.later(hours=4))
    operators.sign_off(connection, key, warehouse.later(hours=5))
    at = [operators.operator_at(connection, key, warehouse.later(hours=hour)) for hour in range(6)]
    assert at == [None, "lan", "lan", "hoa", None, None]
    operators.sign_on(connection, key, "lan", warehouse.later(hours=6))
    with pytest.raises(OperatorError, match=r"'lan' signed on .* which is after"):
        operators.sign_on(connection, key, "hoa", warehouse.later(hours=5))
    with pytest.raises(OperatorError, match="no account 'nobody'"):
        operators.sign_on(connection, key, "nobody", warehouse.later(hours=7))
    with pytest.raises(OperatorError, match="no device -1"):
        operators.sign_off(connection, -1, NOW)
