"""The outbox: rows that are durable before a driver goes on, and kept until the gateway has them.

One SQLite connection, guarded by a lock, in WAL mode with `synchronous=FULL`. Numbers are given inside the transaction
that inserts, so a stream has no hole; a hole that a damaged disk made is declared when it is met. See edge/README.md.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from edge.clock import Clock
from edge.contracts.node_state import StreamState
from edge.contracts.observations import DeviceFaulted, Event, Telemetry, stream_of
from edge.contracts.streams import Stream
from edge.outbox_connection import OutboxDamagedError, OutboxError, SqlConnection, decide
from edge.outbox_file import damaged_siblings, open_file, set_aside
from edge.outbox_rows import (
    ROWS_BYTES_MAX,
    ROWS_MISSING,
    DamagedRows,
    RowTooLargeError,
    StoredRows,
    declare_gap,
    encode_row,
)
from edge.outbox_tables import OutboxTables, StreamMarks

__all__ = ["Outbox", "OutboxError", "RowTooLargeError", "StoredRows", "StreamMarks"]

GROUP_ROWS_MAX: Final = 20_000
"""Readings held in memory while the disk refuses them (about 5 MB); past it one is refused and its driver waits."""

PRUNE_ROWS_MAX: Final = 1000
"""Rows deleted in one transaction, so that an event never waits long behind housekeeping."""

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

Opener = Callable[[Path, datetime], SqlConnection]
"""Opens or creates an outbox file: see `outbox_file.open_file`."""


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
        opener: Opener | None = None,
    ) -> None:
        """Open or create the file. `node_name` stands as device in rows about the outbox itself.

        `opener` opens the file in another way than `open_file` (a simulated disk).

        Raises:
            OutboxError: it can't be used (locked, no rights, disk full, written by a newer version).
        """
        self._path = path
        self._clock = clock
        self._node_name = node_name
        self._group_rows = telemetry_group_rows
        self._group_age_ns = int(telemetry_group_age_s * 1e9)
        self._keep = timedelta(days=keep_acknowledged_days)
        self._lock = threading.RLock()
        self._group: list[bytes] = []
        self._group_opened_ns = 0
        self._listener: Callable[[Stream], None] = _nobody
        self._offering = dict.fromkeys(Stream, False)
        self._marks: dict[Stream, StreamMarks] = {}
        self._marks_unsaved = False
        self._closed = False
        self._broken = False
        self._opener = opener or open_file
        self._tables = OutboxTables(self._opener(path, self._clock.stamp().occurred_at))
        try:
            self._take_over()
        except BaseException:
            self._tables.close()
            raise

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
            seq = self._durably(lambda: self._commit(Stream.EVENTS, [body]))
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
            self._durably(lambda: self._commit(Stream.TELEMETRY, self._group))
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
        return self._marks[stream]

    def epoch(self, stream: Stream) -> str:
        """Epoch of the stream: changes when a new file was begun or this one turned out to be an old copy."""
        return self._marks[stream].epoch

    def last_seq(self, stream: Stream) -> int:
        """Highest sequence number given; 0 if none."""
        return self._marks[stream].last_seq

    def stream_state(self, stream: Stream) -> StreamState:
        """What birth and hello say of the stream.

        Raises:
            OutboxError: the file can't be read.
        """
        with self._lock:
            oldest = self._durably(lambda: self._tables.oldest_kept(stream))
            marks = self._marks[stream]
            return StreamState(stream=stream, epoch=marks.epoch, oldest_kept_seq=oldest, last_seq=marks.last_seq)

    def read_frame(self, stream: Stream, after_seq: int, *, bytes_max: int = ROWS_BYTES_MAX) -> StoredRows | None:
        """The rows after `after_seq` that fit into one frame (`bytes_max` in all, one boot); None if there are none.

        Rows that are missing or damaged on the disk are declared a gap here, once, and the gap is what is returned.

        Raises:
            OutboxError: the file can't be read.
        """

        def collect() -> StoredRows | None:
            marks = self._marks[stream]
            span = {"after_seq": after_seq, "through_seq": marks.last_seq}
            found = self._tables.collect(stream, marks.epoch, **span, bytes_max=bytes_max)
            if isinstance(found, DamagedRows):
                self._declare(stream, found)
                found = self._tables.collect(stream, marks.epoch, **span, bytes_max=bytes_max)
            if isinstance(found, DamagedRows):
                raise OutboxDamagedError(f"outbox {str(self._path)!r} is damaged: {stream} {found}, again")
            return found

        with self._lock:
            return self._durably(collect)

    # --- what the gateway has ------------------------------------------------------------------------------------

    def offer(self, stream: Stream) -> None:
        """From now on every row may be sent: durably note the present end, and let each new row note itself.

        Raises:
            OutboxError: not noted; nothing above `offered_seq` may be sent.
        """

        def note() -> None:
            marks = self._marks[stream]
            changed = replace(marks, offered_seq=marks.last_seq, in_contact=1)
            if changed != marks:
                with self._tables.transaction():
                    self._tables.save({stream: changed})
                self._marks[stream] = changed

        with self._lock:
            self._durably(note)
            self._offering[stream] = True

    def withhold(self) -> None:
        """The connection is gone: new rows are not sent any more, of either stream."""
        with self._lock:
            self._offering = dict.fromkeys(Stream, False)

    def acknowledge(self, stream: Stream, epoch: str, mark: int, server_generation: str = "") -> None:
        """Take over the gateway's mark: rows up to it may be let go of, rows above it have to be sent (again).

        The caller has judged that the mark is fresh; it may go back (a database restored from an older backup).
        Written to disk with the next commit or by `housekeep`: forgetting it costs a resend and nothing else.
        A mark of another epoch, or above everything ever offered, is ignored.
        """
        with self._lock:
            marks = self._marks[stream]
            if epoch == marks.epoch and mark <= marks.offered_seq:
                generation = server_generation or marks.server_generation
                self._marks[stream] = replace(marks, acknowledged_seq=mark, server_generation=generation)
                self._marks_unsaved = True

    def begin_epoch(self, stream: Stream, reason: str) -> None:
        """This file is an older copy of one that went on elsewhere: number what was never offered anew, in a new epoch.

        Rows up to `offered_seq` are let go of: the mark that showed it says that the gateway has them.

        Raises:
            OutboxError: nothing changed.
        """

        def renumber() -> None:
            marks = dict(self._marks)
            self._offering[stream] = False
            with self._tables.transaction():
                marks[stream] = self._tables.renumber(stream, marks[stream])
                detail = f"new {stream} epoch {marks[stream].epoch}: {reason}"
                marks[Stream.EVENTS] = self._insert(Stream.EVENTS, marks[Stream.EVENTS], [self._report(detail)])
            self._marks = marks

        with self._lock:
            self._durably(renumber)
        self._listener(stream)

    # --- keeping house -------------------------------------------------------------------------------------------

    def housekeep(self) -> None:
        """Write marks that changed, and delete acknowledged rows that were kept long enough (some at a time).

        Raises:
            OutboxError: the disk refuses; nothing is lost by it.
        """
        with self._lock:
            if self._marks_unsaved:
                self._durably(self._save_marks)
            for stream in Stream:
                self._durably(lambda which=stream: self._prune(which))  # type: ignore[misc]

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
                self._durably(self._save_marks)
            finally:
                self._closed = True
                self._tables.close()

    def _save_marks(self) -> None:
        with self._tables.transaction():
            self._tables.save(self._marks)
        self._marks_unsaved = False

    def _prune(self, stream: Stream) -> None:
        cutoff_ms = _ms(self._clock.stamp().occurred_at - self._keep)
        last = self._tables.prunable(stream, self._marks[stream].acknowledged_seq, cutoff_ms, PRUNE_ROWS_MAX)
        if last:
            with self._tables.transaction():
                self._tables.delete_through(stream, last)
                # In the same transaction: a row that is gone is never above the mark that the file knows.
                self._tables.save(self._marks)

    # --- damage --------------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Begin with the open file. A damaged one beside it that nobody was told of is this one's first event."""
        try:
            self._marks = self._tables.load()
            self._expect_copies()
            aside = damaged_siblings(self._path)
            if not aside or aside[-1] == self._tables.damage_reported():
                return
            detail = (
                f"the outbox file was damaged and stands aside as {aside[-1]}; rows in it that were not yet"
                " acknowledged are lost unless recovered from there; this is a new file with new epochs"
            )
            with self._tables.transaction():
                marks = self._insert(Stream.EVENTS, self._marks[Stream.EVENTS], [self._report(detail)])
                self._tables.set_damage_reported(aside[-1])
            self._marks[Stream.EVENTS] = marks
        except sqlite3.Error as error:
            raise decide(error, self._path) from error

    def _expect_copies(self) -> None:
        """If rows were offered in the last run, this may be a copy whose original went on and sent what stands here.

        From here to the first contact, however many runs later, only this file's own rows are added: those are what
        `begin_epoch` rescues. (A file copied in a run without any contact can't be told from its original.)
        """
        changed = {
            stream: replace(marks, offered_seq=marks.last_seq, in_contact=0)
            for stream, marks in self._marks.items()
            if marks.in_contact
        }
        if changed:
            with self._tables.transaction():
                self._tables.save(changed)
            self._marks.update(changed)

    def _report(self, detail: str) -> bytes:
        """An event about the outbox itself, so that the operator is told by the ordinary way."""
        _LOG.critical("outbox %s: %s", self._path, detail)
        stamp = self._clock.stamp()
        event = DeviceFaulted(
            device_id=self._node_name,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            code="reports_lost",
            detail=detail[:500],
        )
        return encode_row(event)

    def _durably(self, work: Callable[[], _T]) -> _T:
        """Do `work` on the file; if it turns out to be damaged, begin a new one and do it there.

        `work` must read marks when it is called, not before: a new file has other ones.
        """
        self._check_open()
        try:
            if self._broken:
                self._reopen()
            return self._decided(work)
        except OutboxDamagedError as damage:
            _LOG.critical("%s; beginning a new outbox", damage)
            self._tables.close()
            self._broken = True
            set_aside(self._path, self._clock.stamp().occurred_at)
            self._reopen()
            return self._decided(work)

    def _reopen(self) -> None:
        self._offering = dict.fromkeys(Stream, False)
        self._tables = OutboxTables(self._opener(self._path, self._clock.stamp().occurred_at))
        self._broken = False
        self._take_over()

    def _decided(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except sqlite3.Error as error:
            raise decide(error, self._path) from error

    def _declare(self, stream: Stream, damaged: DamagedRows) -> None:
        """Put a declared gap where rows are missing or wrong; its time span is when they must have been committed."""
        stamp = self._clock.stamp()
        before_ms, after_ms = self._tables.time_around(stream, damaged.first_seq, damaged.last_seq)
        reason = damaged.reason
        if reason == ROWS_MISSING and damaged.last_seq < self._tables.oldest_kept(stream):
            reason = "rows are not kept any more: acknowledged once, and older than keep_acknowledged_days"
        gap = declare_gap(
            self._node_name,
            row_count=damaged.last_seq - damaged.first_seq + 1,
            reason=reason,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            oldest=_time(before_ms),
            newest=stamp.occurred_at if after_ms is None else _time(after_ms),
        )
        detail = f"{stream} rows {damaged.first_seq} to {damaged.last_seq} declared a gap: {reason}"
        marks = dict(self._marks)
        with self._tables.transaction():
            self._tables.put_gap(
                stream,
                marks[stream].epoch,
                damaged,
                boot_id=self._clock.boot_id,
                body=encode_row(gap),
                now_ms=_ms(stamp.occurred_at),
            )
            marks[Stream.EVENTS] = self._insert(Stream.EVENTS, marks[Stream.EVENTS], [self._report(detail)])
        self._marks = marks

    # --- helpers -------------------------------------------------------------------------------------------------

    def _commit(self, stream: Stream, bodies: Sequence[bytes]) -> int:
        """Number and insert rows in one transaction; return the last number."""
        with self._tables.transaction():
            marks = self._insert(stream, self._marks[stream], bodies)
        self._marks[stream] = marks
        return marks.last_seq

    def _insert(self, stream: Stream, marks: StreamMarks, bodies: Sequence[bytes]) -> StreamMarks:
        now_ms = _ms(self._clock.stamp().occurred_at)
        offered = self._offering[stream]
        return self._tables.insert(stream, marks, bodies, boot_id=self._clock.boot_id, now_ms=now_ms, offered=offered)

    def _check_open(self) -> None:
        if self._closed:
            raise OutboxError(f"outbox {str(self._path)!r} is closed")


def _nobody(_stream: Stream) -> None:
    """Until someone listens."""


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
