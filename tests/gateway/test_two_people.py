"""Drugs under special control come, go back, are corrected and taken back by two people, who are never one."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.stock import returns, two_people, undoing
from gateway.stock.acts import ActLine, Done
from gateway.stock.adjustments import Adjustment, adjust
from gateway.stock.errors import DocumentStateError, SecondPersonError, WorkNotFoundError, WorkRefusedError
from gateway.stock.holds import NewHold, place_hold
from gateway.stock.receiving import Receipt, receive
from gateway.stock.transfers import Arrival, Sending, arrive, send
from gateway.stock.verify import verify_books
from inventory.errors import TwoPeopleNeededError
from tests.gateway.ingest_kit import NOW, Database
from tests.gateway.warehouse_kit import PARA, STORE, WARD, doing, goods, line
from tests.gateway.work_in_kit import SUPPLIER, Store, actor, para

pytestmark = pytest.mark.integration
MORPHINE = "MOR10"


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """With 20 ampoules of morphine; its books are proven at the end."""
    store = Store.on(database.dsn)
    store.warehouse.run(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, control_class)"
        " VALUES (%s, 'Morphin 10 mg/ml', 'Morphine 10 mg/ml', 'ống', 'ampoule', 'narcotic')",
        MORPHINE,
    )
    ampoules = goods(20, lot="M1", product=MORPHINE)
    store.warehouse.book(line("receive", ampoules, "supplier", STORE), by=doing("lan", second_person="dung"))
    yield store
    proof = verify_books(store.warehouse.connection)
    store.warehouse.connection.close()
    assert proof.ok, proof


def morphine(quantity: int, lot: str = "M1") -> ActLine:
    return ActLine(MORPHINE, quantity, lot)


def there(store: Store, place_id: str = "store", lot: str = "M1") -> int:
    return store.there(place_id, lot, MORPHINE)


def confirm(store: Store, waiting: Done, person: str, **counted: int) -> Done:
    def service(connection: Any, document_id: uuid.UUID, by: Any) -> Done:  # noqa: ANN401 - as Store.do calls it
        return two_people.confirm(connection, document_id, by, counted)

    return store.do(service, waiting.document_id, actor(person))


def people(store: Store, kind: str) -> list[tuple[str, str]]:
    return [
        tuple(row) for row in store.warehouse.rows("SELECT person, second_person FROM movement WHERE kind = %s", kind)
    ]


def ward_return(store: Store, quantity: int) -> Done:
    act = returns.WardReturn(
        uuid.uuid4(), "ward", "store", (morphine(quantity),), "return_not_needed", from_dispensed=True
    )
    return store.do(returns.return_from_ward, act)


def supplier_return(store: Store, quantity: int) -> Done:
    act = returns.SupplierReturn(uuid.uuid4(), "store", SUPPLIER, (morphine(quantity),), "return_short_expiry")
    return store.do(returns.return_to_supplier, act)


def adjustment(store: Store, quantity: int) -> Done:
    return store.do(adjust, Adjustment(uuid.uuid4(), "store", "less", (morphine(quantity),), "adjust_broken"))


def taken_back(store: Store, done: Done, person: str = "lan") -> Done:
    act = undoing.Undoing(uuid.uuid4(), done.document_id, "reverse_entered_wrong")
    return store.do(undoing.undo, act, actor(person))


@pytest.mark.parametrize("kind", ["receive", "return_out", "adjust_in", "adjust_out"])
def test_the_books_refuse_one_person_whichever_program_asks(store: Store, kind: str) -> None:
    source = {"receive": "supplier", "adjust_in": "unexplained"}.get(kind, STORE)
    target = {"return_out": "returned", "adjust_out": "unexplained"}.get(kind, STORE)
    with pytest.raises(TwoPeopleNeededError, match="MOR10 is under special control"):
        store.warehouse.book(line(kind, goods(1, lot="M1", product=MORPHINE), source, target))  # type: ignore[arg-type]


def test_a_receipt_waits_until_a_second_person_has_counted_what_came_blind(store: Store) -> None:
    receipt = Receipt(uuid.uuid4(), "store", (morphine(10, "M2"), para(5)), SUPPLIER)
    waiting = store.do(receive, receipt)
    assert (waiting.state, [each.code for each in waiting.notices][-1]) == ("waiting_second", "waits_second")
    assert (there(store, lot="M2"), store.there()) == (0, 0), "nothing of it is booked, nor of what came with it"
    assert store.do(receive, receipt).outcome == "exists", "told again by the first person it still waits"
    shown = {
        each.product_id: each.quantity
        for each in two_people.waiting_lines(store.warehouse.connection, waiting.document_id)
    }
    assert shown == {MORPHINE: None, PARA: 5}, "how many ampoules came is for the second person to count"
    store.warehouse.connection.commit()
    with pytest.raises(SecondPersonError):
        confirm(store, waiting, "lan", MOR10=10)
    with pytest.raises(WorkRefusedError, match="'MOR10' was not counted"):
        confirm(store, waiting, "dung")
    assert [confirm(store, waiting, "dung", MOR10=10).outcome for _ in range(2)] == ["created", "exists"]
    with pytest.raises(DocumentStateError):
        confirm(store, waiting, "mai", MOR10=10)
    assert (there(store, lot="M2"), store.there(), people(store, "receive")[-1]) == (10, 5, ("lan", "dung"))
    holds = "SELECT count(*) FROM stock_hold"
    assert (store.cases(), store.warehouse.rows(holds)) == ([], [(0,)]), "and nothing of it is held"


def test_a_count_that_differs_from_what_was_written_books_the_receipt_and_opens_a_case(store: Store) -> None:
    waiting = store.do(receive, Receipt(uuid.uuid4(), "store", (morphine(10, "M2"),), SUPPLIER))
    done = confirm(store, waiting, "dung", MOR10=9)
    assert [each.code for each in done.notices] == ["count_differs"]
    assert there(store, lot="M2") == 10
    [(code, detail)] = store.cases()
    assert (code, "lan wrote 10 base units of MOR10, dung counted 9" in detail) == ("controlled_count", True)


def test_a_lot_that_was_recalled_while_its_receipt_waited_is_not_taken_in(store: Store) -> None:
    waiting = store.do(receive, Receipt(uuid.uuid4(), "store", (morphine(10, "M2"),), SUPPLIER))
    with store.warehouse.connection.transaction():
        place_hold(
            store.warehouse.connection,
            NewHold(uuid.uuid4(), "recall", MORPHINE, "công văn 1", "mai", NOW, lot="M2"),
        )
    with pytest.raises(WorkRefusedError, match="not taken into stock: recalled"):
        confirm(store, waiting, "dung", MOR10=10)
    assert there(store, lot="M2") == 0


def test_what_waits_can_be_cancelled_and_is_never_booked(store: Store) -> None:
    waiting = store.do(receive, Receipt(uuid.uuid4(), "store", (morphine(10, "M2"),), SUPPLIER))
    for outcome in ("created", "exists"):
        done = store.do(two_people.cancel, waiting.document_id, actor("dung"))
        assert (done.outcome, done.state) == (outcome, "cancelled")
    with pytest.raises(DocumentStateError, match="cancelled"):
        confirm(store, waiting, "dung", MOR10=10)
    assert there(store, lot="M2") == 0


@pytest.mark.parametrize(
    ("begin", "kind", "left", "counts"),
    [
        (ward_return, "return_in", 22, True),
        (supplier_return, "return_out", 18, True),
        (adjustment, "adjust_out", 18, False),
    ],
)
def test_returns_and_adjustments_wait_for_somebody_else(
    store: Store, begin: Callable[[Store, int], Done], kind: str, left: int, *, counts: bool
) -> None:
    issued = line("issue", goods(5, lot="M1", product=MORPHINE), STORE, "dispensed")
    store.warehouse.book(issued, by=doing("lan", second_person="dung"))
    waiting = begin(store, 2)
    assert (waiting.state, there(store)) == ("waiting_second", 15)
    counted = {MORPHINE: 2} if counts else {}
    with pytest.raises(SecondPersonError):
        confirm(store, waiting, "lan", **counted)
    for _ in range(2):
        assert confirm(store, waiting, "dung", **counted).state == "posted"
    assert (there(store), people(store, kind), store.cases()) == (left - 5, [("lan", "dung")], [])


def test_what_two_people_did_is_taken_back_by_two_people(store: Store) -> None:
    waiting = adjustment(store, 3)
    confirm(store, waiting, "dung")
    undone = taken_back(store, waiting, "dung")
    assert (undone.state, there(store)) == ("waiting_second", 17)
    with pytest.raises(SecondPersonError):
        confirm(store, undone, "dung")
    for _ in range(2):
        assert confirm(store, undone, "lan").state == "posted"
    assert (there(store), people(store, "reverse")) == (20, [("dung", "lan")])
    again = store.do(two_people.cancel, adjustment(store, 1).document_id, actor("mai"))
    assert again.state == "cancelled"
    with pytest.raises(WorkRefusedError, match="taken back already"):
        taken_back(store, waiting, "mai")


def test_two_who_take_the_same_back_do_it_once(store: Store) -> None:
    waiting = adjustment(store, 3)
    confirm(store, waiting, "dung")
    first, second = taken_back(store, waiting, "lan"), taken_back(store, waiting, "mai")
    confirm(store, first, "mai")
    with pytest.raises(WorkRefusedError, match="taken back already"):
        confirm(store, second, "lan")
    assert there(store) == 20


def test_who_sends_controlled_drugs_does_not_receive_them_too(store: Store) -> None:
    transfer = store.do(send, Sending(uuid.uuid4(), "store", "ward", (morphine(6),)))
    came = Arrival(uuid.uuid4(), transfer.document_id, (morphine(5),), is_complete=True)
    with pytest.raises(SecondPersonError, match="somebody else has to receive"):
        store.do(arrive, came)
    store.do(arrive, came, actor("dung"))
    assert (there(store, "ward"), people(store, "transfer_in"), people(store, "adjust_out")) == (
        *(5, [("dung", "lan")]),
        [("dung", "lan")],
    )


def test_what_does_not_wait_here_is_not_confirmed_here(store: Store) -> None:
    transfer = store.do(send, Sending(uuid.uuid4(), "store", "ward", (morphine(6),)))
    with pytest.raises(WorkNotFoundError):
        confirm(store, transfer, "dung")
    with pytest.raises(WorkNotFoundError):
        store.do(two_people.cancel, uuid.uuid4(), actor("dung"))
    assert store.warehouse.there(WARD, lot="M1", product=MORPHINE).on_hand == 0
