"""Deliberate bugs in the shipped code, to see that the simulation finds each of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from edge.contracts.ack import Ack
from edge.contracts.streams import Stream
from edge.delivery import Delivery
from edge.outbox_ages import RunningTime
from edge.outbox_rows import DamagedRows
from edge.outbox_store import OutboxStore
from edge.send_window import SendWindow
from gateway.ingest import lanes
from gateway.ingest.committer import Committed, Committer
from gateway.ingest.decoder import Decoded, FrameReceived
from gateway.ingest.marks import Mark, StreamId, stream_id
from gateway.ingest.puback_order import PubackOrder
from gateway.ingest.transaction import IngestTransaction
from gateway.ingest.turns import Turn
from gateway.ingest.worker import IngestWorker
from tests.simulation.database import MemoryTransaction
from tests.simulation.edge_node import EdgeNode
from tests.simulation.oracle import BrokenPromiseError
from tests.simulation.seeds import run_seeds
from tests.simulation.world import World

pytestmark = pytest.mark.timeout(900)
SEEDS_TO_FIND_A_BUG = 1000

# Each bug works on parts that shipped code keeps to itself.
# ruff: noqa: SLF001


def _edge_lets_go_on_puback(patch: pytest.MonkeyPatch) -> None:
    """The edge deletes what the broker has taken."""

    def let_go(node: EdgeNode, stream: Stream, epoch: str, last_seq: int) -> None:
        marks, window = node.outbox.marks(stream), node.delivery._lanes[stream].window
        if epoch == marks.epoch and last_seq > marks.acknowledged_seq:
            node.outbox.acknowledge(stream, epoch, last_seq)
            window.acknowledged(last_seq, node.scheduler.now_ns)

    patch.setattr(EdgeNode, "broker_took", let_go)


def _gateway_accepts_gaps(patch: pytest.MonkeyPatch) -> None:
    """The gateway stores rows though something is missing before them."""
    take = IngestTransaction._frame

    def accept(self: IngestTransaction, received: FrameReceived) -> None:
        stream, before = stream_id(received.frame), received.frame.header.first_seq - 1
        if before > self._marks[stream].mark:
            self._marks[stream] = replace(self._marks[stream], mark=before)
        take(self, received)

    patch.setattr(IngestTransaction, "_frame", accept)


def _gateway_forgets_the_epoch(patch: pytest.MonkeyPatch) -> None:
    """The gateway goes on with the mark that a node's stream had, though its outbox file is another one."""
    lock = IngestTransaction._lock

    def lock_and_go_on(self: IngestTransaction, streams: Iterable[StreamId]) -> None:
        streams = list(streams)
        lock(self, streams)
        for stream in streams:
            store, mark = self.store, self._marks[stream]
            assert isinstance(store, MemoryTransaction)
            same = [other.mark for known, other in store.began_on.marks.items() if _of_one_name(known, stream)]
            if mark.is_new:
                self._marks[stream] = replace(mark, mark=max(same, default=0))

    patch.setattr(IngestTransaction, "_lock", lock_and_go_on)


def _of_one_name(one: StreamId, other: StreamId) -> bool:
    return one.sender == other.sender and one.stream is other.stream


def _gateway_answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """The Ack leaves before its rows are committed."""
    made = IngestWorker.__init__

    def make(self: IngestWorker, *arguments: object, **options: object) -> None:
        made(self, *arguments, **options)  # type: ignore[arg-type]
        for lane in self._lanes:
            lane.committer.answer = self._answer  # type: ignore[attr-defined]

    @contextmanager
    def transaction(self: Committer) -> Iterator[tuple[IngestTransaction, Committed]]:
        committed = Committed()
        with self._store.transaction() as stored:
            work = IngestTransaction(stored)
            yield work, committed
            committed.server_generation, committed.answers = stored.server_generation, work.answers
            self.answer(committed)  # type: ignore[attr-defined]
            # What is sent cannot be called back; the commit may fail now.

    patch.setattr(IngestWorker, "__init__", make)
    patch.setattr(Committer, "_transaction", transaction)


def _mark_moves_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    """The rows are committed, then the marks, in a second transaction."""
    finish, commit = IngestTransaction.finish, Committer.commit

    def finish_without_marks(self: IngestTransaction) -> None:
        marks = [self._marks[stream] for stream in sorted(self._moved)]
        self._moved.clear()
        finish(self)
        _LATE_MARKS[:] = marks

    def commit_twice(self: Committer, batch: Sequence[Decoded], turn: Turn) -> Committed:
        committed = commit(self, batch, turn)
        with self._store.transaction() as second:
            second.move_marks(_LATE_MARKS)
        _LATE_MARKS.clear()
        return committed

    _LATE_MARKS.clear()
    patch.setattr(IngestTransaction, "finish", finish_without_marks)
    patch.setattr(Committer, "commit", commit_twice)


_LATE_MARKS: list[Mark] = []


def _gateway_lets_go_as_its_lanes_finish(patch: pytest.MonkeyPatch) -> None:
    """PUBACKs leave as soon as a lane is done, whatever came before and is still in another."""

    def settle(self: PubackOrder, numbers: Iterable[int], *, let_go: bool) -> list[int]:
        return [self._waiting[number] for number in numbers if let_go]

    patch.setattr(PubackOrder, "settle", settle)


def _two_lanes_take_one_node(patch: pytest.MonkeyPatch) -> None:
    """A node's events go to one lane and its readings to another: each then waits for the other's row locks."""
    patch.setattr(lanes, "_sender", lambda delivery: delivery.message.topic)


def _edge_never_times_out(patch: pytest.MonkeyPatch) -> None:
    """A frame that was lost is waited for for ever: nothing is wrong but that it never ends."""
    ask_due = SendWindow.ask_due
    patch.setattr(SendWindow, "ask_due", lambda self, now_ns: not self.in_flight and ask_due(self, now_ns))


def _edge_believes_an_ack_of_another_epoch(patch: pytest.MonkeyPatch) -> None:
    """Whatever numbering an Ack speaks of, its mark is taken."""
    judge = Delivery._judge

    def judge_without_epoch(self: Delivery, ack: Ack) -> str:
        return judge(self, ack.model_copy(update={"epoch": self._store.marks(ack.stream).epoch}))

    patch.setattr(Delivery, "_judge", judge_without_epoch)


def _edge_believes_a_late_ack_of_a_replaced_database(patch: pytest.MonkeyPatch) -> None:
    """Any Ack of another database opens the stream, not only a fresh answer."""

    def judge(self: Delivery, ack: Ack) -> str:
        lane, marks = self._lanes[ack.stream], self._store.marks(ack.stream)
        if (
            self._connected
            and ack.epoch == marks.epoch
            and ack.server_generation != marks.server_generation
            and ack.mark <= marks.offered_seq
        ):
            self._open(ack, lane, marks)
            return ""
        return honest(self, ack)

    honest = Delivery._judge
    patch.setattr(Delivery, "_judge", judge)


def _edge_drops_without_declaring(patch: pytest.MonkeyPatch) -> None:
    """A full outbox deletes its oldest readings, and that is all."""

    def drop(self: OutboxStore, bytes_wanted: int) -> bool:
        stream = Stream.TELEMETRY
        rows = self.tables.waiting_rows(stream, self.marks[stream].acknowledged_seq, bytes_wanted)
        if not rows:
            return False
        with self.tables.transaction():
            self.tables.delete_through(stream, rows[-1].last_seq)
        return True

    patch.setattr(OutboxStore, "_drop_readings", drop)


def _edge_forgets_what_it_dropped(patch: pytest.MonkeyPatch) -> None:
    """A declared gap says one row less than was dropped."""
    put_gap = OutboxStore._put_gap

    def put(self: OutboxStore, stream: Stream, lost: DamagedRows, oldest: datetime, newest: datetime) -> None:
        if lost.last_seq > lost.first_seq:
            lost = replace(lost, last_seq=lost.last_seq - 1)
            with suppress(Exception):
                self.tables._connection.execute(
                    "DELETE FROM outbox_row WHERE stream = ? AND seq = ?", (stream.value, lost.last_seq + 1)
                )
        put_gap(self, stream, lost, oldest, newest)

    patch.setattr(OutboxStore, "_put_gap", put)


def _edge_counts_age_by_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """A clock that jumps makes rows old."""
    patch.setattr(RunningTime, "ms", property(lambda self: int(self._clock.stamp().occurred_at.timestamp() * 1000)))


class JumpBetweenBackupAndRestore(World):
    """A backup; then every clock goes a year ahead; then the backup is restored. Rows are kept for a fortnight."""

    def _node(self, name: str) -> EdgeNode:
        node = super()._node(name)
        node._size = replace(node._size, keep_acknowledged_s=14 * 86400.0, outbox_bytes=0)
        node.books._keep_acknowledged_s = node._size.keep_acknowledged_s
        return node

    def _plan(self) -> None:
        self.faults.kinds = list  # type: ignore[method-assign]
        super()._plan()
        self.scheduler.after(2.0, self.database.back_up)
        for node in self.nodes:
            self.scheduler.after(self.duration_s + 10.0, partial(node.clock_jumps, 365 * 86400.0))
        self.scheduler.after(self.duration_s + 20.0, partial(self.database.restore, 0))


def test_the_simulation_finds_rows_that_a_jump_of_the_clock_made_old(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_seeds(0, 20, JumpBetweenBackupAndRestore).failed == {}
    _edge_counts_age_by_the_wall_clock(monkeypatch)
    failed = run_seeds(0, 20, JumpBetweenBackupAndRestore, failures_max=1).failed
    assert ["let go of" in what for what in failed.values()] == [True], failed


class LostOutboxes(World):
    """Outbox files are lost while gateways are slow: what they answer late speaks of the numbering before."""

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        super().__init__(seed, trace=trace)
        faults = self.faults
        kinds = [faults._outbox_lost, faults._gateway_slow, faults._gateway_killed]
        faults.kinds = lambda: kinds  # type: ignore[method-assign]


def test_the_simulation_finds_an_edge_node_that_believes_an_ack_of_another_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run_seeds(0, 100, LostOutboxes).failed == {}
    _edge_believes_an_ack_of_another_epoch(monkeypatch)
    failed = run_seeds(700, SEEDS_TO_FIND_A_BUG, LostOutboxes, failures_max=1).failed  # 703 is the first that finds it
    assert ["as acknowledged, the database has" in what for what in failed.values()] == [True], failed


class SmallOutboxes(World):
    """Every outbox reaches its cap."""

    def _node(self, name: str) -> EdgeNode:
        node = super()._node(name)
        node._size = replace(node._size, outbox_bytes=16_384)
        node.disk._is_watched = True
        self.rows = 60
        return node


@pytest.mark.parametrize("plant", [_edge_drops_without_declaring, _edge_forgets_what_it_dropped])
def test_the_simulation_finds_readings_that_a_full_outbox_dropped_undeclared(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = run_seeds(0, 60, SmallOutboxes)
    assert honest.failed == {}
    # The cap was reached, and what it cost was declared.
    assert honest.declared > 20
    plant(monkeypatch)
    failed = run_seeds(0, SEEDS_TO_FIND_A_BUG, SmallOutboxes, failures_max=1).failed
    assert [what.startswith(BrokenPromiseError.__name__) for what in failed.values()] == [True], failed


@pytest.mark.parametrize(
    "plant",
    [
        _edge_lets_go_on_puback,
        _gateway_accepts_gaps,
        _gateway_forgets_the_epoch,
        _gateway_answers_before_the_commit,
        _mark_moves_outside_the_transaction,
        _gateway_lets_go_as_its_lanes_finish,
        _two_lanes_take_one_node,
        _edge_never_times_out,
        _edge_believes_a_late_ack_of_a_replaced_database,
    ],
    ids=lambda plant: plant.__name__.strip("_"),
)
def test_the_simulation_finds_a_deliberate_bug(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    # Seeds 1 and 42 find the forgotten epoch after half a minute of resending; 64 finds it at once.
    first = 50 if plant is _gateway_forgets_the_epoch else 0
    failed = run_seeds(first, SEEDS_TO_FIND_A_BUG, failures_max=1).failed
    assert failed, f"{SEEDS_TO_FIND_A_BUG} seeds did not find it: {plant.__doc__}"
    assert all(what.startswith(BrokenPromiseError.__name__) for what in failed.values()), failed
