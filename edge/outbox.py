"""The outbox: rows that are durable before a driver goes on, and kept until the gateway has them.

One SQLite connection, guarded by a lock, in WAL mode with `synchronous=FULL`. Numbers are given inside the transaction
that inserts, so a stream has no hole; a hole that a damaged disk made is declared when it is met. See edge/README.md.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from edge.clock import Clock
from edge.contracts.node_state import StreamState
from edge.contracts.observations import Event, Telemetry, stream_of
from edge.contracts.streams import Stream
from edge.outbox_check import CHECK_AT_ONCE_BYTES
from edge.outbox_connection import OutboxError
from edge.outbox_marks import StreamMarks
from edge.outbox_rows import ROWS_BYTES_MAX, RowTooLargeError, StoredRows, encode_row
from edge.outbox_space import ROOM_BYTES_MIN, OutboxSpace
from edge.outbox_store import Opener, OutboxStore
from edge.outbox_tables import OutboxTables
from edge.outbox_view import OutboxView, view

__all__ = ["Outbox", "OutboxError", "RowTooLargeError", "StoredRows", "StreamMarks"]

GROUP_ROWS_MAX: Final = 20_000
"""Readings held in memory while the disk refuses them (about 5 MB); past it one is refused and its driver waits."""

SIZE_MAX_MB: Final = 1000.0
"""Cap of the file if none is given, in MB (10^6 bytes)."""

PRUNE_ROWS_MAX: Final = 1000
"""Rows deleted in one transaction, so that an event never waits long behind housekeeping."""

CHECK_ROWS: Final = 100
"""Rows looked at in one turn of a check: some milliseconds."""

CHECK_TURNS_MAX: Final = 50
"""Turns at once."""

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


class Outbox:
    """Owns the outbox file of one edge node. Every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        node_name: str,
        telemetry_group_rows: int = 50,
        telemetry_group_age_s: float = 1.0,
        keep_acknowledged_days: float = 14.0,
        size_max_mb: float = SIZE_MAX_MB,
        reserved: bool = False,
        room_bytes_min: int = ROOM_BYTES_MIN,
        opener: Opener | None = None,
        check_at_once_bytes: int = CHECK_AT_ONCE_BYTES,
    ) -> None:
        """Open or create the file. `node_name` stands as device in rows about the outbox itself.

        Beyond `size_max_mb` (10^6 bytes) the oldest readings are dropped and declared. `reserved` keeps some disk
        space back, with which the outbox stays able to do so when others have filled the disk.
        Room is made for at least `room_bytes_min` at once (a simulation has smaller files).
        `opener` opens the file in another way than `open_file` (a simulated disk).
        A file beyond `check_at_once_bytes` takes rows at once, and is checked meanwhile, by `check_some`.

        Raises:
            OutboxError: it can't be used (locked, no rights, disk full, written by a newer version).
        """
        self._path = path
        self._clock = clock
        self._group_rows = telemetry_group_rows
        self._group_age_ns = int(telemetry_group_age_s * 1e9)
        self._keep_ms = int(keep_acknowledged_days * 86_400_000)
        self._lock = threading.RLock()
        self._group: list[bytes] = []
        self._group_opened_ns = 0
        self._listener: Callable[[Stream], None] = _nobody
        self._closed = False
        space = OutboxSpace(path, int(size_max_mb * 1e6), reserved=reserved, room_bytes_min=room_bytes_min)
        space.look_at_disk()
        self._store = OutboxStore(
            path, clock, node_name=node_name, space=space, opener=opener, check_at_once_bytes=check_at_once_bytes
        )

    # --- writing -------------------------------------------------------------------------------------------------

    def append_event(self, event: Event) -> int:
        """Commit one event, alone; durable on return. Returns its sequence number.

        Raises:
            OutboxError: not kept; the message names the mend.
            RowTooLargeError: it could never be sent.
            ValueError: not an event.
        """
        if stream_of(event) is not Stream.EVENTS:
            raise ValueError(f"{event.kind} is not an event: expected append_telemetry")
        body = encode_row(event)
        with self._lock:
            self._check_open()
            seq = self._store.append(Stream.EVENTS, [body])
        self._listener(Stream.EVENTS)
        return seq

    def append_telemetry(self, telemetry: Telemetry) -> None:
        """Accept one reading into the open group, which is committed when full (here) or old (by `flush_due`).

        Raises:
            OutboxError: the disk has refused groups for so long that no more is accepted; not kept.
        """
        body = encode_row(telemetry)
        with self._lock:
            self._check_open()
            if len(self._group) >= GROUP_ROWS_MAX:
                raise OutboxError(
                    f"outbox {str(self._path)!r}: {len(self._group)} readings wait for the disk, which refuses them: "
                    "free some space, or replace the card"
                )
            if not self._group:
                self._group_opened_ns = self._clock.stamp().monotonic_ns
            self._group.append(body)
            full = len(self._group) == self._group_rows
        if full:
            try:
                self.flush()
            except OutboxError:
                # Accepted all the same: `flush_due` tries again until the disk takes the group.
                _LOG.exception("a group of readings could not be committed; they are held in memory")

    def flush(self) -> None:
        """Commit the open group of readings.

        Raises:
            OutboxError: not committed; the group stays open.
        """
        with self._lock:
            if not self._group:
                return
            self._check_open()
            self._store.append(Stream.TELEMETRY, self._group)
            self._group = []
        self._listener(Stream.TELEMETRY)

    def flush_due(self) -> None:
        """Commit the open group if it is old enough.

        Raises:
            OutboxError: not committed; the group stays open.
        """
        with self._lock:
            due = bool(self._group) and self._clock.stamp().monotonic_ns - self._group_opened_ns >= self._group_age_ns
        if due:
            self.flush()

    def listen(self, listener: Callable[[Stream], None]) -> None:
        """Have `listener` called after every commit, in the committing thread; it must be quick and never raise."""
        self._listener = listener

    # --- reading -------------------------------------------------------------------------------------------------

    def marks(self, stream: Stream) -> StreamMarks:
        """Where the stream stands, without touching the disk."""
        return self._store.marks[stream]

    def epoch(self, stream: Stream) -> str:
        """Epoch of the stream: changes when a new file was begun or this one turned out to be an old copy."""
        return self._store.marks[stream].epoch

    def last_seq(self, stream: Stream) -> int:
        """Highest sequence number given; 0 if none."""
        return self._store.marks[stream].last_seq

    def view(self) -> OutboxView:
        """What the outbox holds, for people; costs a few look-ups.

        Raises:
            OutboxError: the file can't be read.
        """

        def see() -> OutboxView:
            store = self._store
            return view(
                self._path,
                store.tables,
                store.marks,
                store.gaps.newest,
                check=store.check,
                size_max_bytes=store.space.cap_bytes,
                disk_is_full=store.space.disk_is_full,
                readings_in_memory=len(self._group),
            )

        with self._lock:
            return self._durably(see)

    def stream_state(self, stream: Stream) -> StreamState:
        """What birth and hello say of the stream.

        Raises:
            OutboxError: the file can't be read.
        """
        with self._lock:
            oldest = self._durably(lambda: self._store.tables.oldest_kept(stream))
            marks = self._store.marks[stream]
            return StreamState(stream=stream, epoch=marks.epoch, oldest_kept_seq=oldest, last_seq=marks.last_seq)

    def read_frame(self, stream: Stream, after_seq: int, *, bytes_max: int = ROWS_BYTES_MAX) -> StoredRows | None:
        """The rows after `after_seq` that fit into one frame (`bytes_max` in all, one boot); None if there are none.

        Rows that are missing or damaged on the disk are declared a gap here, once, and the gap is what is returned.

        Raises:
            OutboxError: the file can't be read.
        """
        with self._lock:
            return self._durably(lambda: self._store.read(stream, after_seq, bytes_max))

    # --- what the gateway has ------------------------------------------------------------------------------------

    def offer(self, stream: Stream) -> None:
        """From now on every row may be sent: durably note the present end, and let each new row note itself.

        Raises:
            OutboxError: not noted; nothing above `offered_seq` may be sent.
        """

        def note() -> None:
            marks = self._store.marks[stream]
            changed = replace(marks, offered_seq=marks.last_seq, in_contact=1)
            if changed != marks:
                with self._store.tables.transaction():
                    self._store.tables.save({stream: changed})
                self._store.marks[stream] = changed

        with self._lock:
            self._durably(note)
            self._store.offering[stream] = True

    def withhold(self) -> None:
        """The connection is gone: new rows are not sent any more, of either stream."""
        with self._lock:
            self._store.offering = dict.fromkeys(Stream, False)

    def acknowledge(self, stream: Stream, epoch: str, mark: int, server_generation: str = "") -> None:
        """Take over the gateway's mark: rows up to it may be let go of, rows above it have to be sent (again).

        The caller has judged that the mark is fresh; it may go back (a database restored from an older backup).
        Written to disk with the next commit or by `housekeep`: forgetting it costs a resend and nothing else.
        A mark of another epoch, or above everything ever offered, is ignored.
        """
        with self._lock:
            marks = self._store.marks[stream]
            if epoch == marks.epoch and mark <= marks.offered_seq:
                generation = server_generation or marks.server_generation
                if mark < marks.acknowledged_seq:
                    self._store.went_back_to[stream] = min(self._store.went_back_to.get(stream, mark), mark)
                self._store.marks[stream] = replace(marks, acknowledged_seq=mark, server_generation=generation)
                self._store.marks_unsaved = True

    def begin_epoch(self, stream: Stream, reason: str) -> None:
        """This file is an older copy of one that went on elsewhere: number what was never offered anew, in a new epoch.

        Rows up to `offered_seq` are let go of: the mark that showed it says that the gateway has them.

        Raises:
            OutboxError: nothing changed.
        """
        with self._lock:
            self._durably(lambda: self._store.renumber(stream, reason))
        self._listener(stream)

    # --- keeping house -------------------------------------------------------------------------------------------

    def housekeep(self) -> None:
        """Write marks that changed, and delete rows that were acknowledged long enough ago (some at a time).

        Long enough is counted in time that an agent ran, so that no jump of the wall clock deletes anything.

        Raises:
            OutboxError: the disk refuses; nothing is lost by it.
        """
        with self._lock:
            self._store.space.look_at_disk()
            if self._store.save_due:
                self._durably(self._store.save_marks)
            for stream in Stream:
                self._durably(lambda which=stream: self._store.prune(which, self._keep_ms, PRUNE_ROWS_MAX))  # type: ignore[misc]
            self._durably(self._store.measure)

    def check_some(self, budget_s: float = 0.02) -> None:
        """Look at the next rows of a large file, for about so long: to be called ten times a second.

        Raises:
            OutboxError: the file can't be read. (A damaged one is mended and told of, as everywhere.)
        """
        began_ns = self._clock.stamp().monotonic_ns
        for _ in range(CHECK_TURNS_MAX):
            # An event that comes meanwhile waits for no more than one turn.
            with self._lock:
                self._durably(lambda: self._store.check_some(CHECK_ROWS))
                is_over = self._store.check is None or self._store.check.is_over
            if is_over or self._clock.stamp().monotonic_ns - began_ns >= budget_s * 1e9:
                return

    def close(self) -> None:
        """Commit the open group and close the file. Later calls raise OutboxError.

        Raises:
            OutboxError: the last group or marks could not be committed; the file is closed all the same.
        """
        with self._lock:
            if self._closed:
                return
            try:
                self.flush()
                self._durably(self._store.save_marks)
            finally:
                self._closed = True
                self._store.tables.close()

    # --- helpers -------------------------------------------------------------------------------------------------

    @property
    def _tables(self) -> OutboxTables:
        return self._store.tables

    def _durably(self, work: Callable[[], _T]) -> _T:
        self._check_open()
        return self._store.durably(work)

    def _check_open(self) -> None:
        if self._closed:
            raise OutboxError(f"outbox {str(self._path)!r} is closed")


def _nobody(_stream: Stream) -> None:
    """Until someone listens."""
