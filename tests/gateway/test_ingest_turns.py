"""What a transaction does before, in and after its turn to write: so lanes never wait for each other in a circle."""

import threading

import psycopg
import pytest

from edge.contracts.observations import CodeScanned, Event
from gateway.db.pool import Connection
from gateway.ingest.decoder import decode
from gateway.ingest.readings import Readings
from gateway.ingest.turns import WritingTurn
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence
from tests.gateway.ingest_kit import NOW, Database, Node, reading

pytestmark = pytest.mark.integration


def _scan(text: str) -> CodeScanned:
    return CodeScanned(device_id="scanner-receiving", occurred_at=NOW, monotonic_ns=1, text=text)


class _Diary:
    """Notes what happens: the turn of a transaction, its projection and its judge."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.happened: list[str] = []
        self._fault = fault

    def write(self) -> None:
        self.happened.append("turn")

    def written(self) -> None:
        self.happened.append("written")

    def apply(self, _connection: Connection, _at: Occurrence, event: Event) -> tuple[NewLiveEvent, ...]:
        self.happened.append(event.kind)
        return ()

    def judge(self, _connection: Connection, readings: Readings) -> tuple[NewLiveEvent, ...]:
        self.happened.append(f"{len(readings)} readings")
        if self._fault is not None:
            raise self._fault
        return ()


def test_what_anyone_may_want_is_touched_only_in_the_turn_to_write(database: Database) -> None:
    node, diary = Node(), _Diary()
    batch = [decode(node.events(_scan("one"))), decode(node.readings(reading(4.0), reading(4.1)))]
    database.another_committer(diary, judge=diary).commit(batch, diary)
    assert diary.happened[:4] == ["turn", "code_scanned", "2 readings", "written"]
    assert set(diary.happened[4:]) <= {"written"}


def test_a_turn_is_given_back_when_the_database_fails(database: Database) -> None:
    diary = _Diary(psycopg.OperationalError("disk full"))
    with pytest.raises(psycopg.OperationalError):
        database.another_committer(diary, judge=diary).commit([decode(Node().readings(reading(4.0)))], diary)
    assert diary.happened == ["turn", "1 readings", "written"]


def test_a_batch_that_is_taken_apart_keeps_its_turn_to_the_end(database: Database) -> None:
    diary, node = _Diary(ArithmeticError()), Node()
    batch = [decode(node.readings(reading(4.0))), decode(node.readings(reading(4.1)))]
    database.another_committer(diary, judge=diary).commit(batch, diary)
    assert diary.happened.count("written") == 1
    assert diary.happened[-1] == "written"
    assert database.column("SELECT code FROM dead_letter") == ["ingest_failed", "ingest_failed"]


def test_a_turn_may_be_asked_for_and_given_back_twice() -> None:
    lock, over = threading.Lock(), list[int]()
    turn, other = WritingTurn(lock, lambda: over.append(1)), WritingTurn(lock, lambda: over.append(2))
    turn.write()
    turn.write()
    other.written()
    assert lock.locked()
    turn.written()
    turn.written()
    assert not lock.locked()
    assert over == [2, 1, 1]
