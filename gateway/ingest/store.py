"""What the ingest asks of storage: verbs only. What is next, double, early or spoilt is decided above it.

`PostgresStore` is the shipped one. Another (in memory, for a simulation) has to keep two promises: what is done in a
transaction is true as a whole or not at all, and a locked mark belongs to one transaction until that ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from edge.contracts.node_state import Birth, Death
from edge.contracts.observations import Event
from edge.contracts.topics import Sender
from gateway.ingest.dead_letters import DeadLetter
from gateway.ingest.marks import Mark, StreamId
from gateway.ingest.readings import Readings
from gateway.ingest.rows import EventRow
from gateway.services.devices import NodeKnown
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence

Shown = Sequence[NewLiveEvent]
"""What pages shall show once it is committed."""


@dataclass(frozen=True)
class GapRow:
    """One row of `declared_gap`: these numbers will never come."""

    epoch_key: int
    first_seq: int
    last_seq: int
    reason: str
    oldest_occurred_at: datetime
    newest_occurred_at: datetime
    received_at: datetime


class StoreTransaction(Protocol):
    """One transaction. Each method may raise what its storage raises; `gateway.errors.is_environment_fault` judges."""

    @property
    def server_generation(self) -> str:
        """Identity of the database."""
        ...

    def hear_nodes(self, heard: Mapping[Sender, datetime]) -> Mapping[Sender, NodeKnown]:
        """Note when each was heard last, enter the unknown, lock all until the end; what was known before."""
        ...

    def note_clock_offsets(self, offsets_s: Mapping[Sender, float]) -> None:
        """Keep how far each node's clock is off, in seconds (positive: ahead of ours)."""
        ...

    def note_lags(self, lags_s: Mapping[Sender, float]) -> None:
        """Keep how far behind each node's newest committed row is, in seconds."""
        ...

    def revive_node(self, sender: Sender, known: NodeKnown, sent_at: datetime, received_at: datetime) -> Shown:
        """A message sent after the node's death shows that it is up."""
        ...

    def apply_birth(self, birth: Birth, received_at: datetime) -> Shown:
        """Enter boot, version and devices; the node is up."""
        ...

    def apply_death(self, death: Death, received_at: datetime) -> Shown:
        """The node is down, unless the death is of an older boot."""
        ...

    def lock_marks(self, streams: Iterable[StreamId]) -> dict[StreamId, Mark]:
        """Read each mark and lock it until the end; a stream never seen begins at 0. Locks in the streams' order."""
        ...

    def move_marks(self, marks: Iterable[Mark]) -> None:
        """Write locked marks."""
        ...

    def device_key(self, sender: Sender, device_id: str) -> int:
        """Short key of a device, given at first sight."""
        ...

    def boot_key(self, sender: Sender, boot_id: str) -> int:
        """Short key of a run of a node's monotonic clock, given at first sight."""
        ...

    def write_readings(self, rows: Readings) -> Shown:
        """Store readings and judge them against the limits of their places."""
        ...

    def write_events(self, rows: Sequence[EventRow]) -> None:
        """Store events as they came."""
        ...

    def project(self, at: Occurrence, event: Event) -> Shown:
        """Make the event's meaning true; if that raises, nothing of this event's meaning is there."""
        ...

    def write_gap(self, gap: GapRow) -> None:
        """Store a declared gap."""
        ...

    def write_dead_letter(self, letter: DeadLetter) -> int:
        """Keep it, or count it on an open one that is the same; the letter's id."""
        ...

    def publish(self, shown: Shown) -> None:
        """Tell the pages at commit. The last call, for the lock it takes."""
        ...


class IngestStore(Protocol):
    """Where the rows go."""

    def transaction(self) -> AbstractContextManager[StoreTransaction]:
        """A transaction that commits when the block ends well, and else leaves nothing behind."""
        ...
