"""One transaction for a frame: contiguous or not at all, once or not at all. Real PostgreSQL."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from edge.contracts.node_state import Hello, StreamState
from edge.contracts.observations import (
    CardRemoved,
    CodeScanned,
    DeviceFaulted,
    DeviceStateChanged,
    Event,
    GapDeclared,
    TagAppeared,
    TagDisappeared,
)
from edge.contracts.streams import Stream
from gateway.db.pool import Connection
from gateway.errors import is_environment_fault
from gateway.ingest.committer import Committed
from gateway.ingest.decoder import decode
from gateway.ingest.marks import StreamId
from gateway.ingest.message import ReceivedMessage
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence
from tests.gateway.ingest_kit import BOOT, NOW, Database, Node, encoded, reading

pytestmark = pytest.mark.integration


def _mark(committed: Committed, node: Node, stream: Stream = Stream.TELEMETRY) -> int:
    return committed.answers[StreamId(node.site, node.edge_node, stream, node.epoch)].mark


def _seqs(database: Database) -> list[int]:
    return database.column("SELECT seq FROM reading ORDER BY epoch_key, seq")


def test_a_frame_is_stored_and_its_mark_is_told(database: Database) -> None:
    node = Node()
    committed = database.take(node.readings(reading(4.5), reading(4.6)))
    assert _mark(committed, node) == 2
    assert _seqs(database) == [1, 2]
    assert committed.server_generation == database.value("SELECT generation FROM server")
    stored = database.rows(
        "SELECT occurred_at, temperature_celsius, received_at, device_time, boot_id, device_id"
        " FROM reading JOIN boot USING (boot_key) JOIN device USING (device_key) WHERE seq = 1"
    )
    assert stored == [(NOW, 4.5, NOW, None, BOOT, "fridge-1-probe")]


def test_a_frame_that_comes_again_is_dropped_and_answered(database: Database) -> None:
    node = Node()
    frame = node.readings(reading(4.5), reading(4.6))
    database.take(frame)
    again = database.take(frame)
    assert _mark(again, node) == 2
    assert again.counts.duplicate_frames == 1
    assert _seqs(database) == [1, 2]


def test_the_same_frame_twice_in_one_batch_is_stored_once(database: Database) -> None:
    frame = Node().readings(reading(4.5))
    database.take(frame, frame)
    assert _seqs(database) == [1]


def test_of_an_overlapping_frame_only_what_is_new_is_stored(database: Database) -> None:
    node = Node()
    rows = [reading(4.0), reading(4.1), reading(4.2)]
    database.take(node.readings(*rows[:2]))
    committed = database.take(node.readings(*rows, first_seq=1))
    assert _mark(committed, node) == 3
    assert database.rows("SELECT seq, temperature_celsius FROM reading ORDER BY seq") == [(1, 4.0), (2, 4.1), (3, 4.2)]


def test_a_frame_behind_a_gap_is_not_stored_and_the_old_mark_is_told(database: Database) -> None:
    node = Node()
    database.take(node.readings(reading(4.0)))
    committed = database.take(node.readings(reading(4.2), first_seq=3))
    assert _mark(committed, node) == 1
    assert committed.counts.gap_frames == 1
    assert _seqs(database) == [1]


def test_frames_that_arrive_out_of_order_in_one_batch_are_all_stored(database: Database) -> None:
    node = Node()
    first, second, third = (node.readings(reading(value)) for value in (4.0, 4.1, 4.2))
    committed = database.take(third, first, second)
    assert _mark(committed, node) == 3
    assert _seqs(database) == [1, 2, 3]


def test_a_new_outbox_counts_for_itself(database: Database) -> None:
    old, new = Node(epoch="00000000000000e1"), Node(epoch="00000000000000e2")
    database.take(old.readings(reading(4.0), reading(4.1)))
    committed = database.take(new.readings(reading(4.2)))
    assert _mark(committed, new) == 1
    assert _seqs(database) == [1, 2, 1]
    assert database.column("SELECT mark FROM ingest_mark ORDER BY epoch") == [2, 1]


def test_events_and_readings_have_marks_of_their_own(database: Database) -> None:
    node = Node()
    removed = CardRemoved(device_id="card-reader", occurred_at=NOW, monotonic_ns=1)
    committed = database.take(node.readings(reading(4.0), reading(4.1)), node.events(removed))
    assert (_mark(committed, node), _mark(committed, node, Stream.EVENTS)) == (2, 1)


def test_a_bad_row_becomes_a_dead_letter_and_the_rows_around_it_are_stored(database: Database) -> None:
    node = Node()
    good = encoded([reading(4.0), reading(4.1)])
    hot = good[0].replace(b":4.0,", b":10000.0,").replace(b":4.0}", b":10000.0}")
    committed = database.take(node.rows(Stream.TELEMETRY, [good[0], hot, good[1]]))
    assert _mark(committed, node) == 3
    assert _seqs(database) == [1, 3]
    letters = database.rows("SELECT seq, code, reason, site, edge_node, stream, epoch FROM dead_letter")
    assert len(letters) == 1
    assert letters[0][:2] == (2, "row_malformed")
    assert "10000" in letters[0][2]
    assert letters[0][3:] == ("demo", "store-1", "telemetry", node.epoch)


def test_a_row_in_the_wrong_stream_becomes_a_dead_letter(database: Database) -> None:
    node = Node()
    committed = database.take(node.rows(Stream.EVENTS, encoded([reading(4.0)])))
    assert _mark(committed, node, Stream.EVENTS) == 1
    assert database.column("SELECT code FROM dead_letter") == ["wrong_stream"]
    assert _seqs(database) == []


def test_a_number_too_large_for_the_database_becomes_a_dead_letter(database: Database) -> None:
    node = Node()
    huge = reading(4.0).model_copy(update={"monotonic_ns": 2**70})
    committed = database.take(node.rows(Stream.TELEMETRY, encoded([huge, reading(4.1)])))
    assert _mark(committed, node) == 2
    assert _seqs(database) == [2]
    assert database.column("SELECT code FROM dead_letter") == ["row_malformed"]


def test_a_declared_gap_is_kept_and_the_stream_goes_on_behind_it(database: Database) -> None:
    node = Node()
    gap = GapDeclared(
        device_id="store-1",
        occurred_at=NOW,
        monotonic_ns=1,
        row_count=10,
        reason="disk full",
        oldest_occurred_at=NOW - timedelta(hours=2),
        newest_occurred_at=NOW - timedelta(hours=1),
    )
    committed = database.take(node.readings(reading(4.0)), node.readings(gap, reading(4.1), first_seq=2))
    assert _mark(committed, node) == 12
    assert _seqs(database) == [1, 12]
    assert database.rows("SELECT first_seq, last_seq, reason FROM declared_gap") == [(2, 11, "disk full")]
    database.take(node.readings(gap, reading(4.1), first_seq=2))
    assert database.value("SELECT count(*) FROM declared_gap") == 1


def test_a_gap_declared_over_rows_that_were_committed_counts_from_the_mark(database: Database) -> None:
    node = Node()
    database.take(node.readings(reading(4.0), reading(4.1)))
    gap = GapDeclared(
        device_id="store-1",
        occurred_at=NOW,
        monotonic_ns=1,
        row_count=5,
        reason="disk full",
        oldest_occurred_at=NOW,
        newest_occurred_at=NOW,
    )
    committed = database.take(node.readings(gap, first_seq=1))
    assert _mark(committed, node) == 5
    assert database.rows("SELECT first_seq, last_seq FROM declared_gap") == [(3, 5)]


class _FailsOn:
    """A projection with a fault for one text."""

    def __init__(self, inner: Database, text: str, error: Exception) -> None:
        self._inner = inner.projection
        self._text = text
        self._error = error

    def apply(self, connection: Connection, at: Occurrence, event: Event) -> tuple[NewLiveEvent, ...]:
        shown = self._inner.apply(connection, at, event)
        if isinstance(event, CodeScanned) and event.text == self._text:
            raise self._error
        return shown


def _scan(text: str, device: str = "nfc-pharmacy") -> CodeScanned:
    return CodeScanned(device_id=device, occurred_at=NOW, monotonic_ns=1, text=text)


def test_a_projection_that_fails_on_one_row_does_not_stop_the_stream(database: Database) -> None:
    committer = database.another_committer(_FailsOn(database, "bad", ValueError("a fault of ours")))
    node = Node()
    committed = committer.commit([decode(node.events(_scan("one"), _scan("bad"), _scan("three")))])
    assert _mark(committed, node, Stream.EVENTS) == 3
    assert database.column("SELECT text FROM scan ORDER BY seq") == ["one", "three"]
    assert database.column("SELECT seq FROM event ORDER BY seq") == [1, 2, 3]
    assert database.rows("SELECT seq, code, reason FROM dead_letter") == [
        (2, "projection_failed", "ValueError: a fault of ours")
    ]
    assert "bad" in bytes(database.value("SELECT payload FROM dead_letter")).decode()


def test_a_text_that_postgresql_cannot_keep_does_not_stop_the_stream(database: Database) -> None:
    node = Node()
    fault = DeviceFaulted(
        device_id="nfc-pharmacy", occurred_at=NOW, monotonic_ns=1, code="bad_reply", detail="NUL: \0 there"
    )
    committed = database.take(node.events(_scan("a\0b"), fault, _scan("c")))
    assert _mark(committed, node, Stream.EVENTS) == 3
    assert database.value("SELECT body->>'detail' FROM event WHERE seq = 2") == "NUL: \ufffd there"
    assert database.column("SELECT outcome FROM scan ORDER BY seq") == ["refused", "refused"]


def test_while_the_database_fails_nothing_is_set_aside(database: Database) -> None:
    committer = database.another_committer(_FailsOn(database, "bad", psycopg.OperationalError("disk full")))
    node = Node()
    frame = node.events(_scan("one"), _scan("bad"))
    with pytest.raises(psycopg.OperationalError) as raised:
        committer.commit([decode(frame)])
    assert is_environment_fault(raised.value)
    assert database.rows("SELECT * FROM scan") == []
    assert database.rows("SELECT * FROM dead_letter") == []
    assert _mark(database.take(frame), node, Stream.EVENTS) == 2


class _BreaksTheJudge:
    def judge(self, _connection: Connection, readings: object) -> tuple[NewLiveEvent, ...]:
        raise ArithmeticError(repr(readings)[:10])


def test_a_frame_that_spoils_its_batch_is_set_aside_alone_and_the_stream_goes_on(database: Database) -> None:
    node = Node()
    committer = database.another_committer(judge=_BreaksTheJudge())
    frames = [node.events(_scan("one")), node.readings(reading(4.0)), node.readings(reading(4.1))]
    committed = committer.commit([decode(frame) for frame in frames])
    assert (_mark(committed, node), _mark(committed, node, Stream.EVENTS)) == (2, 1)
    assert database.column("SELECT text FROM scan") == ["one"]
    assert database.rows("SELECT seq, code FROM dead_letter ORDER BY seq") == [
        (1, "ingest_failed"),
        (2, "ingest_failed"),
    ]
    assert bytes(database.value("SELECT payload FROM dead_letter WHERE seq = 1")) == frames[1].payload


def test_a_commit_of_unknown_outcome_is_safe_to_repeat(database: Database) -> None:
    """The connection dies after COMMIT was sent: the committer fails, and yet the rows are there."""
    node = Node()
    frame = node.readings(reading(4.0))

    class _CutAfterCommit:
        def connection(self) -> object:
            return self

        def __enter__(self) -> Connection:
            self._context = database.pool.connection()
            return self._context.__enter__()

        def __exit__(self, *details: object) -> None:
            self._context.__exit__(*details)  # type: ignore[arg-type]
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    committer = database.another_committer(pool=_CutAfterCommit())  # type: ignore[arg-type] # what of a pool is used
    with pytest.raises(psycopg.OperationalError):
        committer.commit([decode(frame)])
    assert _seqs(database) == [1]
    assert _mark(database.take(frame), node) == 1
    assert _seqs(database) == [1]


def test_two_gateways_on_one_stream_store_every_row_once(database: Database) -> None:
    """Frames of one node reach two workers in different order, over and over, until all are in."""
    node = Node()
    frames = [decode(node.readings(reading(4.0), reading(4.1))) for _ in range(40)]
    orders = (frames, list(reversed(frames)))

    def work(order: list[object]) -> None:
        committer = database.another_committer()
        for _ in range(50):
            for frame in order:
                committer.commit([frame])  # type: ignore[list-item]
            if database.value("SELECT mark FROM ingest_mark") == 80:
                return

    threads = [threading.Thread(target=work, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _seqs(database) == list(range(1, 81))


def test_a_hello_is_answered_with_the_marks(database: Database) -> None:
    node = Node()
    database.take(node.readings(reading(4.0), reading(4.1)))
    committed = database.take(_hello(node, oldest=1, last=5))
    assert _mark(committed, node) == 2
    assert database.rows("SELECT * FROM declared_gap") == []


def test_rows_that_the_edge_node_no_longer_keeps_and_we_never_had_are_declared_lost(database: Database) -> None:
    """The gateway got a new, empty database; the edge node has let go of rows 1 to 99 long ago."""
    node = Node()
    committed = database.take(_hello(node, oldest=100, last=120))
    assert _mark(committed, node) == 99
    lost = database.rows("SELECT first_seq, last_seq, reason FROM declared_gap")
    assert lost == [(1, 99, "the edge node no longer keeps them (oldest kept 100, last 120)")]
    assert _mark(database.take(node.readings(reading(4.0), first_seq=100)), node) == 100


def _hello(node: Node, *, oldest: int, last: int) -> ReceivedMessage:
    state = StreamState(stream=Stream.TELEMETRY, epoch=node.epoch, oldest_kept_seq=oldest, last_seq=last)
    hello = Hello(site=node.site, edge_node=node.edge_node, boot_id=BOOT, sent_at=NOW, streams=(state,))
    return ReceivedMessage.of("medtap/v1/demo/store-1/hello", hello.to_wire(), NOW)


def test_a_suspect_clock_is_flagged_and_no_far_future_row_is_made(database: Database) -> None:
    node = Node()
    wrong = NOW + timedelta(days=4000)
    message = node.readings(reading(4.0, at=wrong - timedelta(seconds=30)), at=wrong)
    database.take(ReceivedMessage.of(message.topic, message.payload, NOW))
    row = database.rows("SELECT occurred_at, device_time FROM reading")
    assert row == [(NOW - timedelta(seconds=30), wrong - timedelta(seconds=30))]
    assert database.value("SELECT clock_offset_s FROM edge_node") == 4000 * 86400
    assert database.value("SELECT count(*) FROM reading_default") == 0


def test_a_backlog_is_old_but_not_suspect(database: Database) -> None:
    database.take(Node().readings(reading(4.0, at=NOW - timedelta(days=3))))
    assert database.rows("SELECT occurred_at, device_time FROM reading") == [(NOW - timedelta(days=3), None)]


def test_tags_come_and_go(database: Database) -> None:
    node = Node()
    epc = "3034257bf7194e4000001a85"
    appeared = TagAppeared(device_id="rfid", occurred_at=NOW, monotonic_ns=1, epc=epc, antenna_id=2)
    later = NOW + timedelta(seconds=60)
    disappeared = TagDisappeared(
        device_id="rfid",
        occurred_at=later,
        monotonic_ns=2,
        epc=epc,
        antenna_id=2,
        last_seen_at=later - timedelta(seconds=5),
        seen_count=9,
    )
    database.take(node.events(appeared, disappeared, at=later))
    query = "SELECT appeared_at, disappeared_at, last_seen_at FROM tag_presence"
    assert database.rows(query) == [(NOW, later, later - timedelta(seconds=5))]
    database.take(node.events(appeared.model_copy(update={"occurred_at": later}), at=later))
    assert database.rows(query) == [(later, None, later)]


def test_a_device_state_is_shown_to_everyone_as_it_changes(database: Database) -> None:
    down = DeviceStateChanged(
        device_id="scanner-issue", occurred_at=NOW, monotonic_ns=1, state="down", reason="unplugged"
    )
    database.take(Node().events(down))
    stored = database.rows("SELECT state, state_reason, state_changed_at FROM device WHERE device_id = 'scanner-issue'")
    assert stored == [("down", "unplugged", NOW)]
    shown = database.rows("SELECT audience, payload->>'state' FROM live_event WHERE kind = 'device' ORDER BY 1")
    assert shown == [("desk", "down"), ("on_call", "down"), ("pharmacy", "down")]


def test_a_scanned_text_never_stands_in_the_time_series(database: Database) -> None:
    """It may be a citizen's card, with a name on it."""
    database.take(Node().events(_scan("079203001234|123456789|Nguyễn Văn An|01012020|Nam|TP. HCM|01012021")))
    assert "Nguy" not in database.value("SELECT body::text FROM event")
    assert database.rows("SELECT kind, outcome, text FROM scan") == [("cccd", "refused", "")]
    assert "Nguy" not in database.value("SELECT parsed::text FROM scan")


def test_readings_are_shown_once_a_batch_with_the_latest_of_each_device(database: Database) -> None:
    node = Node()
    later = NOW + timedelta(seconds=10)
    database.take(node.readings(reading(4.0), reading(4.5, at=later), reading(5.0, device="other"), at=later))
    shown = database.column("SELECT payload FROM live_event WHERE kind = 'readings'")
    assert len(shown) == 1
    values = sorted(each["temperature_celsius"] for each in shown[0]["device_keys"].values())
    assert values == [4.5, 5.0]


def test_a_row_of_another_century_does_not_leave_the_series_months(database: Database) -> None:
    database.take(Node().readings(reading(4.0, at=datetime(1970, 1, 1, tzinfo=UTC)), at=NOW))
    assert database.rows("SELECT occurred_at, device_time FROM reading") == [(NOW, datetime(1970, 1, 1, tzinfo=UTC))]
