"""The ingest's storage in PostgreSQL. Several gateways on one database are correct: marks are locked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol
from weakref import WeakSet

from edge.contracts.node_state import Birth, Death
from edge.contracts.observations import Event
from edge.contracts.topics import Sender
from gateway.db.pool import Connection, Pool
from gateway.ingest import marks as mark_rows
from gateway.ingest import readings as reading_rows
from gateway.ingest.dead_letters import DeadLetter, store
from gateway.ingest.keys import KeyDirectory
from gateway.ingest.marks import Mark, StreamId
from gateway.ingest.nodes import lock_nodes, write_nodes
from gateway.ingest.projection import Projection
from gateway.ingest.readings import Readings
from gateway.ingest.rows import EventRow, insert_events
from gateway.ingest.store import GapRow, Shown
from gateway.services import devices, live_events
from gateway.services.devices import NodeKnown
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence


class ReadingJudge(Protocol):
    """Judges stored readings in the same transaction."""

    def judge(self, connection: Connection, readings: Readings) -> tuple[NewLiveEvent, ...]:
        """Move alarms; what pages shall show."""
        ...


class PostgresStore:
    """One for each ingest worker; not thread-safe (it remembers keys)."""

    def __init__(self, pool: Pool, projection: Projection, judge: ReadingJudge) -> None:
        self._pool = pool
        self._projection = projection
        self._judge = judge
        self._keys = KeyDirectory()
        self._generation = ""
        self._known: WeakSet[Connection] = WeakSet()

    @contextmanager
    def transaction(self) -> Iterator["PostgresTransaction"]:
        """See `IngestStore`."""
        try:
            with self._pool.connection() as connection:
                if connection not in self._known:
                    # The pool replaces dead connections in silence; a backup may have been restored meanwhile.
                    self._forget()
                    self._known.add(connection)
                self._generation = self._generation or _read_generation(connection)
                transaction = PostgresTransaction(
                    connection, self._generation, self._keys, self._projection, self._judge
                )
                yield transaction
                transaction.flush()
        except BaseException:
            # It may be another database when it comes back.
            self._forget()
            raise
        self._keys.confirm()

    def _forget(self) -> None:
        self._keys.forget()
        self._generation = ""


class PostgresTransaction:
    """See `StoreTransaction`."""

    def __init__(
        self,
        connection: Connection,
        server_generation: str,
        keys: KeyDirectory,
        projection: Projection,
        judge: ReadingJudge,
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._projection = projection
        self._judge = judge
        self._heard: dict[Sender, datetime] = {}
        self._offsets_s: dict[Sender, float] = {}
        self._lags_s: dict[Sender, float] = {}
        self._moved: list[Mark] = []
        self._shown: list[NewLiveEvent] = []
        self.server_generation = server_generation

    def hear_nodes(self, heard: Mapping[Sender, datetime]) -> Mapping[Sender, NodeKnown]:
        """`SELECT ... FOR UPDATE`, in the order of their names; the rest is written by `flush`."""
        self._heard |= heard
        return lock_nodes(self._connection, heard)

    def note_clock_offsets(self, offsets_s: Mapping[Sender, float]) -> None:
        """Written by `flush`."""
        self._offsets_s |= offsets_s

    def note_lags(self, lags_s: Mapping[Sender, float]) -> None:
        """Written by `flush`."""
        self._lags_s |= lags_s

    def revive_node(self, sender: Sender, known: NodeKnown, sent_at: datetime, received_at: datetime) -> Shown:
        """See `gateway.services.devices`."""
        return devices.revive_node(self._connection, sender, known, sent_at, received_at)

    def apply_birth(self, birth: Birth, received_at: datetime) -> Shown:
        """See `gateway.services.devices`."""
        return devices.apply_birth(self._connection, birth, received_at)

    def apply_death(self, death: Death, received_at: datetime) -> Shown:
        """See `gateway.services.devices`."""
        return devices.apply_death(self._connection, death, received_at)

    def lock_marks(self, streams: Iterable[StreamId]) -> dict[StreamId, Mark]:
        """`SELECT ... FOR UPDATE`, race-safe for new streams."""
        return mark_rows.lock_marks(self._connection, sorted(streams))

    def move_marks(self, marks: Iterable[Mark]) -> None:
        """Written by `flush`."""
        self._moved += marks

    def device_key(self, sender: Sender, device_id: str) -> int:
        """From memory once it is committed."""
        return self._keys.device_key(self._connection, sender, device_id)

    def boot_key(self, sender: Sender, boot_id: str) -> int:
        """From memory once it is committed."""
        return self._keys.boot_key(self._connection, sender, boot_id)

    def write_readings(self, rows: Readings) -> Shown:
        """By COPY, then judged."""
        reading_rows.write(self._connection, rows)
        return self._judge.judge(self._connection, rows)

    def write_events(self, rows: Sequence[EventRow]) -> None:
        """Row by row: they are few and their bodies differ."""
        insert_events(self._connection, rows)

    def project(self, at: Occurrence, event: Event) -> Shown:
        """In a savepoint."""
        with self._connection.transaction():
            return self._projection.apply(self._connection, at, event)

    def write_gap(self, gap: GapRow) -> None:
        """One row."""
        self._connection.execute(
            "INSERT INTO declared_gap (epoch_key, first_seq, last_seq, reason, oldest_occurred_at, newest_occurred_at,"
            " received_at) VALUES (%(epoch_key)s, %(first_seq)s, %(last_seq)s, %(reason)s, %(oldest_occurred_at)s,"
            " %(newest_occurred_at)s, %(received_at)s)",
            vars(gap),
        )

    def write_dead_letter(self, letter: DeadLetter) -> int:
        """See `gateway.ingest.dead_letters`."""
        return store(self._connection, letter)

    def publish(self, shown: Shown) -> None:
        """Written by `flush`."""
        self._shown += shown

    def flush(self) -> None:
        """Write nodes, marks and live events (whose order lock comes last), and commit: all in one round trip."""
        with self._connection.pipeline():
            write_nodes(self._connection, self._heard, self._offsets_s, self._lags_s)
            mark_rows.move_marks(self._connection, self._moved)
            live_events.publish(self._connection, self._shown)
            self._connection.commit()


def _read_generation(connection: Connection) -> str:
    row = connection.execute("SELECT generation FROM server").fetchone()
    if row is None:
        raise RuntimeError("table server is empty: the database is not one of medtap's")
    return str(row[0])
