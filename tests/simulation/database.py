"""The gateway's database in memory: the storage verbs, all or nothing, and what can go wrong with a database.

It knows nothing of the protocol: what is next, double or early is decided above it, in the shipped commit rule.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import psycopg

from edge.contracts.node_state import Birth, Death
from edge.contracts.observations import Event
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from gateway.ingest.dead_letters import DeadLetter
from gateway.ingest.device_clock import EARLIEST, OFFSET_MAX_S
from gateway.ingest.marks import Mark, StreamId
from gateway.ingest.rows import EventRow, ReadingRow
from gateway.ingest.store import GapRow, Shown
from gateway.services.devices import NodeKnown
from gateway.services.occurrence import Occurrence
from tests.simulation.disk import KilledError
from tests.simulation.oracle import BrokenPromiseError, EdgeBooks, Series, Stored
from tests.simulation.scheduler import Scheduler

CommitFault = Literal["killed before", "killed after", "answer lost before", "answer lost after"]


@dataclass
class Tables:
    """What is committed."""

    generation: str
    marks: dict[StreamId, Mark] = field(default_factory=dict)
    devices: dict[tuple[Sender, str], int] = field(default_factory=dict)
    boots: dict[tuple[Sender, str], int] = field(default_factory=dict)
    nodes: dict[Sender, NodeKnown] = field(default_factory=dict)
    readings: list[ReadingRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    projected: list[tuple[int, int]] = field(default_factory=list)
    gaps: list[GapRow] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)

    def copy(self) -> "Tables":
        """A backup: rows never change, so the lists are enough."""
        return Tables(
            self.generation,
            *(type(part)(part) for name, part in vars(self).items() if name != "generation"),
        )


class Database:
    """One server. Its transactions run one after the other, which is what its row locks do for one stream."""

    def __init__(self, scheduler: Scheduler, books: Mapping[str, EdgeBooks]) -> None:
        self.up = True
        self.commit_fault: CommitFault | None = None
        self.after_commit: Callable[[], None] | None = None
        self.commits = 0
        self.restores = 0
        self._scheduler = scheduler
        self._books = books
        self._keys = itertools.count(1)
        self._generations = itertools.count(1)
        self.tables = Tables(self._new_generation())
        self._backups: list[Tables] = []

    @contextmanager
    def transaction(self) -> Iterator["MemoryTransaction"]:
        """See `gateway.ingest.store.IngestStore`."""
        if not self.up:
            raise psycopg.OperationalError("connection refused")
        transaction = MemoryTransaction(self.tables, self._keys)
        yield transaction
        self._commit(transaction)

    def mark(self, sender: Sender, stream: Stream, epoch: str, generation: str) -> int | None:
        """The committed mark; None if this is a database of another generation."""
        if generation != self.tables.generation:
            return None
        mark = self.tables.marks.get(StreamId(sender.site, sender.edge_node, stream, epoch))
        return 0 if mark is None else mark.mark

    def back_up(self) -> None:
        """Keep a copy."""
        self._scheduler.trace("database", "is backed up")
        self._backups.append(self.tables.copy())

    def restore(self, which: int) -> None:
        """An older copy takes the place, under a new generation, as `medtap db restore` does."""
        if self._backups:
            self.restores += 1
            self.tables = self._backups[which % len(self._backups)].copy()
            self.tables.generation = self._new_generation()
            self._scheduler.trace("database", "is restored from an older backup")

    def forget_backups(self) -> None:
        """Nobody will restore one of these any more."""
        self._backups.clear()

    def series(self) -> dict[str, dict[tuple[str, str], Series]]:
        """What is stored, by edge node and (stream, epoch), for the oracle.

        Raises:
            BrokenPromiseError: a row's time is not one that may be stored.
        """
        tables = self.tables
        found: dict[str, dict[tuple[str, str], Series]] = {}
        by_key: dict[int, Series] = {}
        for stream, mark in tables.marks.items():
            by_key[mark.epoch_key] = Series(mark.mark)
            found.setdefault(stream.edge_node, {})[stream.stream.value, stream.epoch] = by_key[mark.epoch_key]
        device_ids = {key: name for (_, name), key in tables.devices.items()}
        for reading in tables.readings:
            said = b'"temperature_celsius":%s' % repr(reading.temperature_celsius).encode()
            by_key[reading.epoch_key].rows.append(_stored(reading, said, device_ids))
        for event in tables.events:
            said = b'"kind":"%s"' % event.kind.encode()
            by_key[event.epoch_key].rows.append(_stored(event, said, device_ids))
        if sorted(tables.projected) != sorted((event.epoch_key, event.seq) for event in tables.events):
            raise BrokenPromiseError("an event's meaning was not made true exactly once")
        for gap in tables.gaps:
            by_key[gap.epoch_key].gaps.append((gap.first_seq, gap.last_seq))
        for letter in tables.dead_letters:
            if letter.seq is not None:
                found[letter.edge_node or ""][letter.stream or "", letter.epoch or ""].dead_rows.append(letter.seq)
        return found

    def _commit(self, transaction: "MemoryTransaction") -> None:
        fault, self.commit_fault = self.commit_fault, None
        if fault is not None:
            self._scheduler.trace("database", "COMMIT: %s", fault)
        if not self.up or transaction.began_on is not self.tables or fault == "answer lost before":
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        if fault == "killed before":
            raise KilledError
        transaction.apply()
        self.commits += 1
        for stream, _ in transaction.written_marks():
            self._scheduler.trace("database", "%s %s: mark %d", stream.edge_node, stream.stream.value, _)
        self._tell(transaction)
        then, self.after_commit = self.after_commit, None
        if then is not None:
            then()
        if fault == "answer lost after":
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        if fault == "killed after":
            raise KilledError

    def _tell(self, transaction: "MemoryTransaction") -> None:
        names = {mark.epoch_key: stream.edge_node for stream, mark in self.tables.marks.items()}
        rows: list[ReadingRow | EventRow] = [*transaction.readings, *transaction.events]
        for row in rows:
            self._books[names[row.epoch_key]].stored(row.monotonic_ns, self._scheduler.now_s)

    def _new_generation(self) -> str:
        return f"{next(self._generations):032x}"


def _stored(row: ReadingRow | EventRow, said: bytes, device_ids: Mapping[int, str]) -> Stored:
    if not EARLIEST <= row.occurred_at <= row.received_at + timedelta(seconds=OFFSET_MAX_S):
        raise BrokenPromiseError(f"row {row.seq} is stored at {row.occurred_at}, received at {row.received_at}")
    device = b'"device_id":"%s"' % device_ids[row.device_key].encode()
    return Stored(row.seq, row.monotonic_ns, (said, device))


class MemoryTransaction:
    """See `gateway.ingest.store.StoreTransaction`. Nothing of it is in the tables before `apply`."""

    def __init__(self, tables: Tables, keys: Iterator[int]) -> None:
        self.began_on = tables
        self.server_generation = tables.generation
        self.readings: list[ReadingRow] = []
        self.events: list[EventRow] = []
        self._keys = keys
        self._marks: dict[StreamId, Mark] = {}
        self._devices: dict[tuple[Sender, str], int] = {}
        self._boots: dict[tuple[Sender, str], int] = {}
        self._nodes: dict[Sender, NodeKnown] = {}
        self._projected: list[tuple[int, int]] = []
        self._gaps: list[GapRow] = []
        self._dead_letters: list[DeadLetter] = []

    def apply(self) -> None:
        """COMMIT."""
        tables = self.began_on
        tables.marks |= self._marks
        tables.devices |= self._devices
        tables.boots |= self._boots
        tables.nodes |= self._nodes
        tables.readings += self.readings
        tables.events += self.events
        tables.projected += self._projected
        tables.gaps += self._gaps
        tables.dead_letters += self._dead_letters

    def written_marks(self) -> Iterator[tuple[StreamId, int]]:
        """For the trace."""
        return ((stream, mark.mark) for stream, mark in self._marks.items())

    def hear_nodes(self, heard: Mapping[Sender, datetime]) -> Mapping[Sender, NodeKnown]:
        """See `StoreTransaction`."""
        known = {sender: self._node(sender) for sender in heard}
        self._nodes |= known
        return known

    def note_clock_offsets(self, offsets_s: Mapping[Sender, float]) -> None:
        """See `StoreTransaction`."""
        for sender, offset_s in offsets_s.items():
            node = self._node(sender)
            self._nodes[sender] = NodeKnown(node.state, node.boot_id, offset_s, node.state_changed_at)

    def note_lags(self, lags_s: Mapping[Sender, float]) -> None:
        """See `StoreTransaction`; metrics are not simulated."""

    def revive_node(self, sender: Sender, known: NodeKnown, sent_at: datetime, received_at: datetime) -> Shown:
        """See `StoreTransaction`."""
        if known.state != "up" and sent_at <= received_at:
            self._nodes[sender] = NodeKnown("up", known.boot_id, self._node(sender).clock_offset_s, received_at)
        return ()

    def apply_birth(self, birth: Birth, received_at: datetime) -> Shown:
        """See `StoreTransaction`."""
        sender = Sender(birth.site, birth.edge_node)
        self._nodes[sender] = NodeKnown("up", birth.boot_id, self._node(sender).clock_offset_s, received_at)
        return ()

    def apply_death(self, death: Death, received_at: datetime) -> Shown:
        """See `StoreTransaction`."""
        sender = Sender(death.site, death.edge_node)
        node = self._node(sender)
        if node.boot_id == death.boot_id:
            self._nodes[sender] = NodeKnown("down", node.boot_id, node.clock_offset_s, received_at)
        return ()

    def lock_marks(self, streams: Iterable[StreamId]) -> dict[StreamId, Mark]:
        """See `StoreTransaction`."""
        locked = {}
        for stream in streams:
            mark = self._marks.get(stream) or self.began_on.marks.get(stream)
            if mark is None:
                key = next(self._keys)
                self._marks[stream] = Mark(key, 0)
                mark = Mark(key, 0, is_new=True)
            locked[stream] = mark
        return locked

    def move_marks(self, marks: Iterable[Mark]) -> None:
        """See `StoreTransaction`."""
        streams = {mark.epoch_key: stream for stream, mark in (self.began_on.marks | self._marks).items()}
        for mark in marks:
            self._marks[streams[mark.epoch_key]] = Mark(mark.epoch_key, mark.mark)

    def device_key(self, sender: Sender, device_id: str) -> int:
        """See `StoreTransaction`."""
        return _key((sender, device_id), self.began_on.devices, self._devices, self._keys)

    def boot_key(self, sender: Sender, boot_id: str) -> int:
        """See `StoreTransaction`."""
        return _key((sender, boot_id), self.began_on.boots, self._boots, self._keys)

    def write_readings(self, rows: Sequence[ReadingRow]) -> Shown:
        """See `StoreTransaction`."""
        self.readings += rows
        return ()

    def write_events(self, rows: Sequence[EventRow]) -> None:
        """See `StoreTransaction`."""
        self.events += rows

    def project(self, at: Occurrence, event: Event) -> Shown:  # noqa: ARG002 - what it means is not simulated
        """Count it: an event's meaning must be made true exactly once."""
        self._projected.append((at.epoch_key, at.seq))
        return ()

    def write_gap(self, gap: GapRow) -> None:
        """See `StoreTransaction`."""
        self._gaps.append(gap)

    def write_dead_letter(self, letter: DeadLetter) -> int:
        """See `StoreTransaction`."""
        self._dead_letters.append(letter)
        return len(self._dead_letters)

    def publish(self, shown: Shown) -> None:
        """See `StoreTransaction`; what pages show is not simulated."""

    def _node(self, sender: Sender) -> NodeKnown:
        node = self._nodes.get(sender) or self.began_on.nodes.get(sender)
        return node or NodeKnown("unknown", None, None, None)


def _key(
    name: tuple[Sender, str],
    committed: Mapping[tuple[Sender, str], int],
    new: dict[tuple[Sender, str], int],
    keys: Iterator[int],
) -> int:
    key = committed.get(name) or new.get(name)
    if key is None:
        key = new[name] = next(keys)
    return key
