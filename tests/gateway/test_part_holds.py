"""A hold of some units of a lot: so many stay where they are, the rest goes on; and holds end with what placed them."""

import uuid
from collections.abc import Iterator

import pytest

from gateway.stock import quarantine
from gateway.stock.acts import Done
from gateway.stock.allocation import Wanted, propose
from gateway.stock.put_away import PutAway, put_away
from gateway.stock.returns import WardReturn, return_from_ward
from gateway.stock.transfers import Sending, send
from gateway.stock.undoing import Undoing, undo
from gateway.stock.verify import verify_books
from inventory.errors import StockHeldError
from tests.gateway.ingest_kit import NOW, Database
from tests.gateway.warehouse_kit import PARA, STORE, goods
from tests.gateway.work_in_kit import Store, actor, para

pytestmark = pytest.mark.integration


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """With 100 sound tablets of a lot, of which a patient was given 30 more; its books are proven at the end."""
    store = Store.on(database.dsn)
    store.receive(para(130))
    store.warehouse.issue(goods(30))
    yield store
    proof = verify_books(store.warehouse.connection)
    store.warehouse.connection.close()
    assert proof.ok, proof


def returned(store: Store, quantity: int) -> Done:
    act = WardReturn(
        *(uuid.uuid4(), "ward", "store", (para(quantity),), "return_not_needed"),
        from_dispensed=True,
        into_quarantine=True,
    )
    return store.do(return_from_ward, act)


def open_holds(store: Store) -> list[tuple[str | None, int | None]]:
    rows = store.warehouse.rows(
        "SELECT account_id, quantity FROM stock_hold WHERE released_at IS NULL ORDER BY account_id"
    )
    return [(row[0], row[1]) for row in rows]


def sent(store: Store, quantity: int) -> Done:
    return store.do(send, Sending(uuid.uuid4(), "store", "ward", (para(quantity),)))


def test_a_ward_return_holds_what_came_back_and_not_what_stood_there_before(store: Store) -> None:
    done = returned(store, 30)
    assert [each.code for each in done.notices] == ["in_quarantine"]
    [hold] = quarantine.open_now(store.warehouse.connection)
    assert (hold.lot, hold.account_id, hold.quantity, hold.on_hand) == ("L1", STORE, 30, 30)
    [walk] = quarantine.walk(store.warehouse.connection)
    assert (walk.lot, walk.quantity) == ("L1", 30)
    found = propose(store.warehouse.connection, Wanted(PARA, 110, (STORE,)), NOW)
    store.warehouse.connection.commit()
    assert [(one.lot, one.quantity) for one in found.taken] == [("L1", 100)]
    [kept] = found.not_offered
    assert (kept.why, kept.quantity, "returned by a ward" in kept.text) == ("quarantine", 30, True)
    with pytest.raises(StockHeldError, match="101 wanted of 130 at 'place:store', of which 30 are held"):
        sent(store, 101)
    sent(store, 60)
    with pytest.raises(StockHeldError):
        sent(store, 41)
    sent(store, 40)
    assert store.there() == 30


def test_two_people_release_the_units_and_they_can_go(store: Store) -> None:
    returned(store, 30)
    connection = store.warehouse.connection
    [hold] = quarantine.open_now(connection)
    quarantine.ask_release(connection, hold.hold_id, "lan", "nguyên vẹn", NOW)
    quarantine.confirm_release(connection, hold.hold_id, "mai", NOW)
    connection.commit()
    sent(store, 130)
    assert store.there() == 0


def test_what_is_taken_back_ends_its_holds_so_that_nothing_sound_stays_held(store: Store) -> None:
    store.warehouse.run("UPDATE product SET quarantine_on_receipt = true WHERE product_id = %s", PARA)
    receipt, back = store.receive(para(50)), returned(store, 30)
    assert open_holds(store) == [(STORE, 30), (None, None)]
    for done in (back, receipt):
        reversal = store.do(undo, Undoing(uuid.uuid4(), done.document_id, "reverse_entered_wrong"), actor("mai"))
        ended = "SELECT released_by, released_second FROM stock_hold WHERE document_id = %s"
        assert store.warehouse.rows(ended, done.document_id) == [("mai", reversal.number)]
    assert open_holds(store) == []
    sent(store, 100)


def test_put_away_takes_the_hold_along_with_the_units_that_can_be_no_others(store: Store) -> None:
    returned(store, 30)
    store.do(put_away, PutAway(uuid.uuid4(), "store", "shelf", (para(100),)))
    assert open_holds(store) == [(STORE, 30)], "a hundred sound ones were there"
    done = store.do(put_away, PutAway(uuid.uuid4(), "store", "apart", (para(20),)))
    assert [each.code for each in done.notices] == ["in_quarantine"]
    assert open_holds(store) == [("place:apart", 20), (STORE, 30)]
    with pytest.raises(StockHeldError):
        store.do(send, Sending(uuid.uuid4(), "apart", "ward", (para(1),)))
    held = {one.account_id: one.on_hand for one in quarantine.open_now(store.warehouse.connection)}
    assert held == {STORE: 10, "place:apart": 20}


def test_a_returned_pack_with_a_serial_number_is_held_by_itself(store: Store) -> None:
    store.receive(para(100, serial="S1"))
    store.warehouse.issue(goods(100, serial="S1"))
    act = WardReturn(
        *(uuid.uuid4(), "ward", "store", (para(100, serial="S1"),), "return_not_needed"),
        from_dispensed=True,
        into_quarantine=True,
    )
    store.do(return_from_ward, act)
    assert open_holds(store) == [(None, None)]
    sent(store, 100)
    with pytest.raises(StockHeldError):
        store.do(send, Sending(uuid.uuid4(), "store", "ward", (para(100, serial="S1"),)))
