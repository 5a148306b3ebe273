"""RFID counts on a real database: fed by shelf readers and by lists, decided by people, never zeroing anything."""

import threading
import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from edge.contracts.observations import TagAppeared, TagDisappeared
from gateway.stock import books
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.tag_count_decisions import (
    Confirmation,
    Decision,
    DecisionMade,
    close,
    confirm_missing,
    decide,
)
from gateway.stock.tag_count_passes import UploadedPass, add_uploaded, take_from_readers
from gateway.stock.tag_counts import NewTagCount, Reconciled, reconcile_count, start
from inventory.epc import encode_epc
from inventory.errors import PackElsewhereError
from inventory.movement import MovementKind
from tests.gateway.ingest_kit import GTIN, NOW, ZONE, Database, Node

pytestmark = pytest.mark.integration

STORE, WARD, FRIDGE = "place:store", "place:ward", "place:fridge-1"
COUNT = uuid.UUID(int=7)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def epc(serial: int) -> str:
    return encode_epc(f"urn:epc:tag:sgtin-96:1.893523.0456789.{serial}")


class Shelves:
    """Tagged packs in a store, and what reads them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.node = Node()
        self.number = 0
        for device, place in (("uhf-store", "store"), ("uhf-ward", "ward"), ("uhf-fridge", "fridge-1")):
            database.run(
                "INSERT INTO device (site, edge_node, device_id, driver, place_id, scan_action)"
                " VALUES ('demo', 'store-1', %s, 'llrp', %s, 'lookup')",
                device,
                place,
            )

    def move(
        self, kind: MovementKind, serial: int, source: str, target: str, *, minutes: float = -60, lot: str = "L1"
    ) -> None:
        """One pack of 100."""
        self.number += 1
        line = Line(
            uuid.UUID(int=100 + self.number), kind, Goods(GTIN, lot, None, 100, GTIN, str(serial)), source, target
        )
        with psycopg.connect(self.database.dsn) as connection:
            for place in ("store", "ward", "fridge-1"):
                books.place_account(connection, place)
            books.book(connection, Doing(at(minutes), at(minutes), "api", "hoa", scan_text="pack"), [line])

    def receive(self, *serials: int, place: str = STORE, tagged: bool = True) -> None:
        """Packs with a tag that the books know."""
        for serial in serials:
            self.move("receive", serial, "supplier", place)
        if tagged:
            with psycopg.connect(self.database.dsn) as connection:
                for serial in serials:
                    connection.execute("UPDATE pack SET epc = %s WHERE serial_number = %s", (epc(serial), str(serial)))

    def appear(self, device: str, *serials: int, minutes: float) -> None:
        """The reader sees tags come."""
        tags = [
            TagAppeared(
                device_id=device, occurred_at=at(minutes), monotonic_ns=1, epc=epc(serial).lower(), antenna_id=1
            )
            for serial in serials
        ]
        self.database.take(self.node.events(*tags, at=at(minutes)))

    def disappear(self, device: str, *serials: int, minutes: float) -> None:
        """The reader gives tags up."""
        tags = [
            TagDisappeared(
                device_id=device,
                occurred_at=at(minutes),
                monotonic_ns=1,
                epc=epc(serial).lower(),
                antenna_id=1,
                last_seen_at=at(minutes),
                seen_count=3,
            )
            for serial in serials
        ]
        self.database.take(self.node.events(*tags, at=at(minutes)))

    def begin(self, *places: str, **more: Any) -> None:  # noqa: ANN401 - as `NewTagCount`
        """Freeze the books."""
        with psycopg.connect(self.database.dsn) as connection:
            start(connection, NewTagCount(COUNT, places or ("store",), "lan", **more), at(0))

    def send(self, number: int, *serials: int, place: str = "store", extra: tuple[str, ...] = ()) -> str:
        """A hand-held reader's list."""
        given = UploadedPass(uuid.UUID(int=number), COUNT, place, frozenset([*map(epc, serials), *extra]), "lan")
        with psycopg.connect(self.database.dsn) as connection:
            return add_uploaded(connection, given, at(5))

    def look(self, number: int, *, minutes: float) -> dict[str, int]:
        """A pass of the fixed readers: tags by place."""
        with psycopg.connect(self.database.dsn) as connection:
            taken = take_from_readers(connection, COUNT, uuid.UUID(int=number), "lan", at(minutes))
        return {one.account_id: one.tags for one in taken}

    def compare(self) -> Reconciled:
        """With the books."""
        with psycopg.connect(self.database.dsn) as connection:
            return reconcile_count(connection, COUNT, at(10))

    def outcomes(self) -> dict[str, str]:
        """Of all tags but those seen where the books have them."""
        return {
            tag.rstrip("0"): outcome
            for tag, outcome in self.database.rows("SELECT epc, outcome FROM tag_count_finding ORDER BY epc")
        }

    def decide(self, serial: int, decision: Decision, *, by: str = "lan") -> None:
        """Say what is to be done about a tag."""
        with psycopg.connect(self.database.dsn) as connection:
            decide(connection, DecisionMade(COUNT, epc(serial), decision, by), at(20), ZONE)

    def confirm(self, serial: int, *, by: str) -> None:
        """A second person's word."""
        with psycopg.connect(self.database.dsn) as connection:
            confirm_missing(connection, Confirmation(COUNT, epc(serial), by), at(21), ZONE)

    def close(self) -> int:
        """End it."""
        with psycopg.connect(self.database.dsn) as connection:
            return close(connection, COUNT, "lan", at(30))

    def where(self, serial: int) -> str:
        """By the books."""
        return str(self.database.value("SELECT account_id FROM pack WHERE serial_number = %s", str(serial)))


@pytest.fixture
def shelves(database: Database) -> Shelves:
    return Shelves(database)


def test_a_list_of_tags_is_compared_with_the_books(shelves: Shelves) -> None:
    shelves.receive(1, 2, 3)
    shelves.receive(8, place=WARD)
    shelves.begin()
    shelves.send(1, 1, 2, 8, 42, extra=("E2003412",))
    shelves.send(2, 1, 42)
    found = shelves.compare().found
    assert dict(found.numbers) == {"seen": 2, "not_seen": 1, "seen_elsewhere": 1, "unknown": 1, "foreign": 1}
    names = {epc(3): "not_seen", epc(8): "seen_elsewhere", epc(42): "unknown", "E2003412": "foreign"}
    assert shelves.outcomes() == {tag.rstrip("0"): outcome for tag, outcome in names.items()}
    assert shelves.database.value("SELECT count(*) FROM movement WHERE kind <> 'receive'") == 0


def test_the_shelf_readers_tags_are_passes_and_other_places_readers_say_where_a_tag_is(shelves: Shelves) -> None:
    shelves.receive(1, 2, 3)
    shelves.appear("uhf-store", 1, 2, minutes=-5)
    shelves.appear("uhf-ward", 3, minutes=1)
    shelves.begin(places_below=False)
    assert shelves.look(1, minutes=2) == {STORE: 2}
    shelves.disappear("uhf-store", 2, minutes=3)
    assert shelves.look(2, minutes=4) == {STORE: 2}, "it was there after the first pass"
    assert shelves.look(3, minutes=6) == {STORE: 1}
    found = shelves.compare().found
    assert dict(found.numbers)["seen"] == 2
    elsewhere = next(one for one in found.findings if one.outcome == "seen_elsewhere")
    assert (elsewhere.epc, elsewhere.seen_at) == (epc(3), (WARD,))
    assert [one.passes for one in found.estimates] == [3]


def test_a_tag_that_left_before_the_count_began_was_not_seen_by_it(shelves: Shelves) -> None:
    shelves.receive(1)
    shelves.appear("uhf-store", 1, minutes=-10)
    shelves.disappear("uhf-store", 1, minutes=-5)
    shelves.begin()
    shelves.look(1, minutes=2)
    assert dict(shelves.compare().found.numbers)["not_seen"] == 1


def test_a_reader_that_is_down_says_nothing(shelves: Shelves) -> None:
    shelves.receive(1)
    shelves.appear("uhf-store", 1, minutes=-5)
    shelves.begin(places_below=False)
    shelves.database.run("UPDATE device SET state = 'down' WHERE device_id = 'uhf-store'")
    with pytest.raises(WorkRefusedError, match="is down"):
        shelves.look(1, minutes=2)
    shelves.database.run("UPDATE device SET place_id = 'ward' WHERE device_id = 'uhf-store'")
    with pytest.raises(WorkRefusedError, match="no RFID reader stands"):
        shelves.look(1, minutes=2)


def test_a_reader_over_the_store_sees_what_the_books_have_in_its_fridge(shelves: Shelves) -> None:
    shelves.receive(1)
    shelves.receive(2, place=FRIDGE)
    shelves.begin()
    shelves.send(1, 1, 2)
    assert dict(shelves.compare().found.numbers)["seen"] == 2


def test_a_tag_that_names_its_pack_is_the_packs_own_and_is_expected_next_time(shelves: Shelves) -> None:
    shelves.receive(1, tagged=False)
    shelves.begin()
    shelves.send(1, 1)
    assert dict(shelves.compare().found.numbers)["seen"] == 1
    assert shelves.database.value("SELECT epc FROM pack") == epc(1)


def test_a_pack_that_moved_during_the_count_says_nothing(shelves: Shelves) -> None:
    """1 is issued after the freeze and not read; 2 comes after the freeze and is read."""
    shelves.receive(1, 3)
    shelves.receive(2, place=WARD)
    shelves.begin()
    shelves.move("issue", 1, STORE, WARD, minutes=2)
    shelves.move("transfer_in", 2, WARD, STORE, minutes=3)
    shelves.send(1, 2, 3)
    compared = shelves.compare()
    assert compared.moved_since == 2
    assert dict(compared.found.numbers) == {
        "seen": 1,
        "not_seen": 0,
        "seen_elsewhere": 0,
        "unknown": 0,
        "foreign": 0,
    }


def test_a_pack_seen_elsewhere_is_moved_in_the_books_by_a_person(shelves: Shelves) -> None:
    shelves.receive(1)
    shelves.receive(8, place=WARD)
    shelves.begin()
    shelves.send(1, 1, 8)
    shelves.compare()
    assert shelves.where(8) == WARD
    for _ in range(2):
        shelves.decide(8, "move_in_the_books")
    assert shelves.where(8) == STORE
    moved = shelves.database.rows(
        "SELECT m.kind, person, number FROM movement m JOIN stock_document USING (document_id)"
    )
    assert moved == [("put_away", "lan", "PC26-000001")]
    assert shelves.close() == 0


def test_a_missing_pack_leaves_the_books_only_when_a_second_person_confirms_it(shelves: Shelves) -> None:
    shelves.receive(1, 2)
    shelves.begin()
    shelves.send(1, 1)
    shelves.compare()
    with pytest.raises(WorkRefusedError, match="nobody has called it missing"):
        shelves.confirm(2, by="minh")
    shelves.decide(2, "missing")
    assert shelves.where(2) == STORE, "one person's word changes nothing"
    with pytest.raises(WorkRefusedError, match="somebody else confirms it"):
        shelves.confirm(2, by="lan")
    for _ in range(2):
        shelves.confirm(2, by="minh")
    assert shelves.where(2) == "unexplained"
    people = shelves.database.rows("SELECT kind, person, second_person FROM movement WHERE kind = 'count_out'")
    assert people == [("count_out", "lan", "minh")]
    assert shelves.close() == 0


def test_a_pack_that_moved_after_it_was_called_missing_is_not_taken_out_of_its_new_place(shelves: Shelves) -> None:
    shelves.receive(1, 2)
    shelves.begin()
    shelves.send(1, 1)
    shelves.compare()
    shelves.decide(2, "missing")
    shelves.move("issue", 2, STORE, WARD, minutes=20)
    with pytest.raises(PackElsewhereError, match="place:ward"):
        shelves.confirm(2, by="minh")
    assert shelves.where(2) == WARD


def test_what_nobody_decides_becomes_a_case_and_the_stock_stays(shelves: Shelves) -> None:
    shelves.receive(1, 2, 3, 4)
    shelves.receive(8, place=WARD)
    shelves.begin()
    shelves.send(1, 1, 8, 42, extra=("E2003412",))
    shelves.compare()
    shelves.decide(2, "seen_by_eye")
    shelves.decide(3, "missing")
    assert shelves.close() == 4
    cases = shelves.database.rows("SELECT code, detail FROM discrepancy ORDER BY code, detail")
    assert [code for code, _ in cases] == ["tag_not_seen", "tag_not_seen", "tag_seen_elsewhere", "tag_unknown"]
    assert epc(3) in cases[0][1]
    assert "by the books at place:ward, read at place:store" in cases[2][1]
    assert {shelves.where(serial) for serial in (1, 2, 3, 4)} == {STORE}
    with pytest.raises(WorkRefusedError, match="closed"):
        shelves.send(9, 1)


def test_a_decision_that_does_not_fit_is_refused_and_one_that_is_made_stays(shelves: Shelves) -> None:
    shelves.receive(1, 2)
    shelves.begin()
    shelves.send(1, 1, 42)
    shelves.compare()
    with pytest.raises(WorkRefusedError, match="unknown is not missing"):
        shelves.decide(42, "missing")
    with pytest.raises(WorkNotFoundError):
        shelves.decide(1, "missing")
    shelves.decide(2, "seen_by_eye")
    with pytest.raises(WorkRefusedError, match="lan has decided seen_by_eye already"):
        shelves.decide(2, "missing", by="minh")
    shelves.send(2, 1)
    with pytest.raises(WorkRefusedError, match="not compared yet"):
        shelves.close()
    shelves.compare()
    kept = shelves.database.rows("SELECT epc, decision FROM tag_count_finding ORDER BY decision NULLS LAST")
    assert kept == [(epc(2), "seen_by_eye"), (epc(42), None)]


def test_the_same_request_again_changes_nothing_and_another_with_its_id_is_refused(shelves: Shelves) -> None:
    shelves.receive(1)
    shelves.begin()
    shelves.begin()
    with pytest.raises(WorkConflictError):
        shelves.begin("ward")
    assert [shelves.send(1, 1) for _ in range(2)] == ["created", "exists"]
    with pytest.raises(WorkConflictError):
        shelves.send(1, 1, 2)
    shelves.appear("uhf-store", 1, minutes=1)
    looks = [shelves.look(5, minutes=minute) for minute in (2, 3)]
    assert looks[0] == looks[1]
    assert shelves.database.value("SELECT count(DISTINCT request_id) FROM tag_count_pass") == 2


def test_what_is_no_pass_is_refused(shelves: Shelves) -> None:
    with pytest.raises(WorkNotFoundError):
        shelves.send(1, 1)
    shelves.begin()
    with pytest.raises(WorkRefusedError, match="nothing was read yet"):
        shelves.compare()
    with pytest.raises(WorkRefusedError, match="is no EPC"):
        shelves.send(1, extra=("AB\nCD",))
    with pytest.raises(WorkRefusedError, match="no place 'attic'"):
        shelves.send(1, 1, place="attic")


def test_several_hand_held_readers_at_once_are_several_passes(shelves: Shelves) -> None:
    shelves.receive(*range(1, 6))
    shelves.begin()
    begin, errors = threading.Barrier(4), []

    def send(number: int) -> None:
        try:
            begin.wait(60)
            shelves.send(number, 1, 2, 3, number)
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=send, args=(number,)) for number in (2, 3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not errors
    found = shelves.compare().found
    assert dict(found.numbers)["seen"] == 5
    assert found.estimates[-1].passes == 4
    assert shelves.database.column("SELECT pass_number FROM tag_count_pass ORDER BY 1") == [1, 2, 3, 4]
