"""Two lanes of one ingest: one writes rows while the other commits, and neither overtakes or holds up the other."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contracts.ack import Ack
from edge.contracts.streams import Stream
from gateway.config import MqttConfig
from gateway.ingest import lanes as lanes_module
from gateway.ingest import subscriber as subscriber_module
from gateway.ingest import worker as worker_module
from gateway.ingest.committer import Committed, Committer
from gateway.ingest.decoder import Decoded, FrameReceived
from gateway.ingest.lanes import MUCH_BYTES, Lane, Lanes
from gateway.ingest.marks import stream_id
from gateway.ingest.message import ReceivedMessage
from gateway.ingest.puback_order import PubackOrder
from gateway.ingest.subscriber import Delivery
from gateway.ingest.transaction import StreamAnswer
from gateway.ingest.turns import Turn
from gateway.ingest.worker import IngestWorker
from medtap.services.broker import EmbeddedBroker
from tests.gateway.edge_client import EdgeClient, eventually
from tests.gateway.ingest_kit import NOW, Database, Node, reading

WAIT_S = 60.0


def _lanes(count: int = 2, *, much_bytes: int = MUCH_BYTES) -> Lanes:
    return Lanes([None] * count, much_bytes=much_bytes)  # type: ignore[list-item] # commits nothing


def _delivery(node: str, number: int, size: int = 10) -> Delivery:
    message = ReceivedMessage.of(f"medtap/v1/demo/{node}/up/telemetry", b"x" * size, NOW)
    return Delivery(message, 1, number, 1, number=number)


def _node(delivery: Delivery) -> str:
    return delivery.message.topic.split("/")[3]


def _here(lane: Lane) -> list[Delivery]:
    return [*lane.hand, *lane.queued]


def test_while_there_is_little_to_do_there_is_one_lane() -> None:
    lanes = _lanes()
    for number in range(40):
        lanes.put(_delivery(f"node-{number % 4}", number))
    assert [len(_here(lane)) for lane in lanes] == [40, 0]


def test_much_at_once_is_spread_node_by_node_and_keeps_its_order() -> None:
    lanes = _lanes()
    for number in range(80):
        lanes.put(_delivery(f"node-{number // 8}", number, 60_000))
    nodes = [{_node(each) for each in _here(lane)} for lane in lanes]
    assert [len(each) for each in nodes] == [5, 5]
    assert not nodes[0] & nodes[1]
    for lane in lanes:
        numbers = [each.number for each in _here(lane)]
        assert numbers == sorted(numbers)


def test_a_node_changes_lanes_only_when_nothing_of_it_is_left() -> None:
    first, second = lanes = _lanes(much_bytes=0)
    lanes.put(_delivery("busy", 0, 500))
    lanes.put(_delivery("other", 1, 100))
    assert lanes.take(second) == (_delivery("other", 1, 100),)
    lanes.put(_delivery("other", 2, 1000))
    assert [each.number for each in _here(second)] == [1, 2]
    lanes.done(second)
    assert not lanes.idle
    lanes.take(second)
    lanes.done(second)
    lanes.put(_delivery("more", 3, 600))
    lanes.put(_delivery("other", 4, 1))
    assert [each.number for each in _here(first)] == [0, 4]


def test_a_batch_stays_in_hand_until_it_is_done() -> None:
    """A commit that fails is tried again with the same batch, though more has come."""
    (lane,) = lanes = _lanes(1)
    lanes.put(_delivery("node", 0))
    batch = lanes.take(lane)
    lanes.put(_delivery("node", 1))
    assert lanes.take(lane) == batch
    lanes.done(lane)
    assert [each.number for each in lanes.take(lane)] == [1]
    assert not lanes.idle
    lanes.done(lane)
    assert lanes.idle
    assert (lanes.waiting, lane.bytes) == (0, 0)


def test_while_another_lane_has_rows_to_write_a_lane_gathers_as_many_as_it_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes_module, "_GATHER_S", WAIT_S)
    first, second = lanes = _lanes(much_bytes=0)
    lanes.put(_delivery("busy", 0, 1000))
    for number in (1, 2):
        lanes.put(_delivery("other", number))
    lanes.take(second)
    lanes.turn(second).written()
    lanes.done(second)
    lanes.put(_delivery("other", 3))
    lanes.gather(second)  # nobody writes: it goes on with what there is
    lanes.take(first)
    gathered = threading.Thread(target=lanes.gather, args=(second,))
    gathered.start()
    gathered.join(0.05)
    assert gathered.is_alive()
    lanes.put(_delivery("other", 4))
    gathered.join(WAIT_S)
    assert not gathered.is_alive()
    assert [each.number for each in lanes.take(second)] == [3, 4]


def test_a_lane_gathers_no_longer_than_the_other_has_rows_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "_GATHER_S", WAIT_S)
    first, second = lanes = _lanes(much_bytes=0)
    lanes.put(_delivery("busy", 0, 1000))
    lanes.put(_delivery("other", 1))
    lanes.take(first)
    second.expected = 100
    gathered = threading.Thread(target=lanes.gather, args=(second,))
    gathered.start()
    lanes.turn(first).written()
    gathered.join(WAIT_S)
    assert not gathered.is_alive()


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["put", "take", "done"])), max_size=60), st.integers(1, 3))
def test_two_lanes_never_have_one_node_and_nothing_is_overtaken_or_forgotten(
    steps: Sequence[tuple[int, str]], count: int
) -> None:
    lanes = _lanes(count, much_bytes=15)
    put, done = 0, list[Delivery]()
    for which, step in steps:
        lane = list(lanes)[which % count]
        if step == "put":
            lanes.put(_delivery(f"node-{which}", put))
            put += 1
        elif step == "take":
            lanes.take(lane)
        else:
            done += lane.hand
            lanes.done(lane)
        held = [{_node(each) for each in _here(lane)} for lane in lanes]
        assert sum(map(len, held)) == len(set().union(*held))
        assert lanes.idle == (len(done) == put)
        assert lanes.waiting == sum(len(lane.queued) for lane in lanes)
    for lane in lanes:
        while _here(lane):
            done += lanes.take(lane)
            lanes.done(lane)
    assert sorted(each.number for each in done) == list(range(put))
    for node in {_node(each) for each in done}:
        numbers = [each.number for each in done if _node(each) == node]
        assert numbers == sorted(numbers)


class _Heard:
    """Stands for the subscriber: what it was told to let go, to leave, and to say."""

    def __init__(self, *_: object) -> None:
        self.let_go: list[int] = []
        self.left: list[int] = []
        self.acks: list[Ack] = []

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def refetch_if_overflowed(self) -> None:
        pass

    def puback(self, deliveries: Sequence[Delivery]) -> None:
        self.let_go += [each.number for each in deliveries]

    def leave(self, deliveries: Sequence[Delivery]) -> None:
        self.left += [each.number for each in deliveries]

    def publish(self, _topic: str, payload: bytes) -> None:
        self.acks.append(Ack.from_wire(payload))


class _Script:
    """A committer that does what a test says in its turn, and then says the marks."""

    def __init__(self, doing: Callable[[Turn], None]) -> None:
        self._doing = doing

    def commit(self, batch: Sequence[Decoded], turn: Turn) -> Committed:
        try:
            turn.write()
            self._doing(turn)
        finally:
            turn.written()
        frames = [each for each in batch if isinstance(each, FrameReceived)]
        answers = {
            stream_id(each.frame): StreamAnswer(each.frame.last_seq, each.frame.header.sent_at) for each in frames
        }
        return Committed("0" * 32, answers, alarm_raised=True)


@contextmanager
def _scripted(
    monkeypatch: pytest.MonkeyPatch,
    *doings: Callable[[Turn], None],
    on_alarm: Callable[[], None] = lambda: None,
) -> Iterator[tuple[IngestWorker, _Heard]]:
    monkeypatch.setattr(worker_module, "Subscriber", _Heard)
    committers = [_Script(doing) for doing in doings]
    config = MqttConfig(client_id="gateway")
    worker = IngestWorker(config, committers, lambda: NOW, on_alarm=on_alarm, much_bytes=0)  # type: ignore[arg-type] # the one method that is called
    assert isinstance(worker.subscriber, _Heard)
    worker.start()
    try:
        yield worker, worker.subscriber
    finally:
        worker.stop()


def _send(worker: IngestWorker, number: int, node: Node) -> None:
    delivery = Delivery(node.readings(reading(4.0)), 1, number, 1, number=number)
    assert worker._take(delivery)  # noqa: SLF001 - as the subscriber does


def test_while_one_lane_commits_the_other_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    first_is_written, second_writes = threading.Event(), threading.Event()

    def first(turn: Turn) -> None:
        turn.written()
        first_is_written.set()
        assert second_writes.wait(WAIT_S)

    def second(_: Turn) -> None:
        second_writes.set()

    with _scripted(monkeypatch, first, second) as (worker, heard):
        _send(worker, 0, Node("node-a"))
        assert first_is_written.wait(WAIT_S)
        _send(worker, 1, Node("node-b"))
        eventually(lambda: len(heard.acks) == 2)
        assert sorted(heard.let_go) == [0, 1]


def test_never_do_two_lanes_write_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a row lock has the turn, and who has it not waits for none: so they never wait for each other."""
    writing = threading.Lock()
    quarrels: list[str] = []
    random = Random(5)  # noqa: S311 - a test's

    def write(turn: Turn) -> None:
        if not writing.acquire(blocking=False):
            quarrels.append("two lanes write")
            return
        time.sleep(random.random() / 1000)
        writing.release()
        turn.written()
        time.sleep(random.random() / 1000)

    nodes = [Node(f"node-{index}") for index in range(4)]
    with _scripted(monkeypatch, write, write) as (worker, heard):
        for number in range(40):
            _send(worker, number, nodes[number % 4])
        eventually(lambda: len(heard.let_go) == 40)
    assert quarrels == []


def test_a_lane_whose_database_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    away, failing = threading.Event(), threading.Event()
    away.set()

    def fails(_: Turn) -> None:
        if away.is_set():
            failing.set()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    with _scripted(monkeypatch, fails, lambda _: None) as (worker, heard):
        _send(worker, 0, Node("node-a"))
        assert failing.wait(WAIT_S)
        _send(worker, 1, Node("node-b"))
        _send(worker, 2, Node("node-a"))
        eventually(lambda: [ack.mark for ack in heard.acks] == [1])
        assert heard.let_go == [1]
        away.clear()
        eventually(lambda: heard.let_go == [1, 0, 2])
    assert heard.left == []


def test_a_stop_finishes_what_is_being_committed_and_lets_go_of_nothing_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing, committing, go_on = threading.Event(), threading.Event(), threading.Event()

    def fails(_: Turn) -> None:
        failing.set()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def commits(_: Turn) -> None:
        committing.set()
        assert go_on.wait(WAIT_S)

    with _scripted(monkeypatch, fails, commits) as (worker, heard):
        _send(worker, 0, Node("node-a"))
        assert failing.wait(WAIT_S)
        _send(worker, 1, Node("node-b"))
        assert committing.wait(WAIT_S)
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        go_on.set()
        stopping.join(WAIT_S)
        assert not stopping.is_alive()
    assert (heard.let_go, heard.left, [ack.mark for ack in heard.acks]) == ([1], [], [1])


def test_a_batch_that_breaks_the_worker_is_left_with_the_broker_and_the_next_one_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def alarm() -> None:
        if not heard.left:
            raise ZeroDivisionError

    with _scripted(monkeypatch, lambda _: None, on_alarm=alarm) as (worker, heard):
        node = Node("node-a")
        _send(worker, 0, node)
        eventually(lambda: heard.left == [0])
        _send(worker, 1, node)
        eventually(lambda: heard.let_go == [1])


class _Recorded(PubackOrder):
    """Keeps what came and what went."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[int] = []
        self.went: list[int] = []
        _Recorded.all.append(self)

    all: list["_Recorded"] = []  # noqa: RUF012 - emptied by the test

    def arrived(self, packet_id: int) -> int:
        self.came.append(packet_id)
        return super().arrived(packet_id)

    def settle(self, numbers: object, *, let_go: bool) -> list[int]:
        ready = super().settle(numbers, let_go=let_go)  # type: ignore[arg-type] # handed on
        self.went += ready
        return ready


class _Slow:
    """A committer that begins when it may, and is done late by chance."""

    def __init__(self, inner: Committer, begin: threading.Event, seed: int) -> None:
        self._inner = inner
        self._begin = begin
        self._random = Random(seed)  # noqa: S311 - a test's
        self.batches = 0

    def commit(self, batch: Sequence[Decoded], turn: Turn) -> Committed:
        assert self._begin.wait(WAIT_S)
        self.batches += 1
        committed = self._inner.commit(batch, turn)
        time.sleep(self._random.random() / 100)
        return committed


@pytest.mark.integration
def test_on_a_real_broker_two_lanes_store_every_row_once_and_let_go_in_the_order_of_arrival(
    database: Database, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "BATCH_MESSAGES_MAX", 2)
    monkeypatch.setattr(_Recorded, "all", [])
    monkeypatch.setattr(subscriber_module, "PubackOrder", _Recorded)
    begin = threading.Event()
    committers = [_Slow(database.another_committer(), begin, seed) for seed in range(2)]
    site = f"t{secrets.token_hex(4)}"
    nodes = [Node(f"node-{index}", site) for index in range(4)]
    edges = [EdgeClient(broker.host, broker.port, node) for node in nodes]
    config = MqttConfig(host=broker.host, port=broker.port, client_id=f"gateway-{secrets.token_hex(4)}")
    worker = IngestWorker(config, committers, lambda: datetime.now(UTC), much_bytes=0)  # type: ignore[arg-type] # the one method that is called
    worker.start()
    try:
        assert worker.subscriber.wait_connected(WAIT_S)
        for _ in range(8):
            for node, edge in zip(nodes, edges, strict=True):
                now = datetime.now(UTC)
                edge.send(node.readings(reading(4.0, at=now), reading(4.1, at=now), at=now))
        # All but the batch that is in hand.
        eventually(lambda: worker.waiting >= 8 * 4 - 2)
        begin.set()
        for edge in edges:
            edge.wait_ack(lambda ack: ack.mark == 16)
    finally:
        begin.set()
        worker.stop()
        for edge in edges:
            edge.close()
    assert min(each.batches for each in committers) >= 4
    stored = database.rows(
        "SELECT edge_node, array_agg(seq ORDER BY seq) FROM reading JOIN ingest_mark USING (epoch_key)"
        " WHERE site = %s AND stream = %s GROUP BY edge_node ORDER BY edge_node",
        *(site, Stream.TELEMETRY.value),
    )
    assert stored == [(node.edge_node, list(range(1, 17))) for node in nodes]
    for order in _Recorded.all:
        assert order.went == order.came[: len(order.went)]
