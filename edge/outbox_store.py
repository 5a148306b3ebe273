"""The outbox's file at work: every commit, what a full disk and a damaged file do to it, and the gaps they leave.

Not locked: the outbox is. Everything that has to be dropped or is found damaged is declared where it stood.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from edge.clock import Clock
from edge.contracts.streams import Stream
from edge.outbox_ages import RunningTime
from edge.outbox_check import OutboxCheck
from edge.outbox_connection import OutboxDamagedError, OutboxFullError, SqlConnection, decide
from edge.outbox_file import damaged_siblings, open_file, set_aside
from edge.outbox_gaps import Gap, RememberedGaps
from edge.outbox_marks import StreamMarks
from edge.outbox_numbers import go_on_after, read_numbers, write_numbers
from edge.outbox_rescue import noted
from edge.outbox_rows import (
    NO_ROOM,
    NOT_KEPT,
    ROWS_BYTES_MAX,
    ROWS_MISSING,
    DamagedRows,
    StoredRows,
    as_gap,
    declare_gap,
    encode_row,
    from_ms,
    report,
    times_of,
    to_ms,
)
from edge.outbox_space import ROW_OVERHEAD_BYTES, OutboxSpace
from edge.outbox_tables import OutboxTables

DROP_BYTES_MIN: Final = 4096
"""More than the declared gap at the head takes, which goes with what is dropped and is there again."""

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

Opener = Callable[[Path, datetime], SqlConnection]
"""Opens or creates an outbox file: see `outbox_file.open_file`."""


class OutboxStore:
    """One outbox file, whatever happens to it."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        node_name: str,
        space: OutboxSpace,
        opener: Opener | None,
        check_at_once_bytes: int,
    ) -> None:
        """Open or create the file. `opener` checks all of it.

        Raises:
            OutboxError: it can't be used.
        """
        self._path = path
        self._clock = clock
        self._node_name = node_name
        self._opener = opener
        self._broken = False
        self.space = space
        self.marks: dict[Stream, StreamMarks] = {}
        self.marks_unsaved = False
        self.went_back_to: dict[Stream, int] = {}
        """Lowest mark since the last `prune`, where one went back."""
        self.offering = dict.fromkeys(Stream, False)
        self.gaps = RememberedGaps()
        self.check: OutboxCheck | None = None
        """Goes on while the file is used; None if it was checked as a whole when it was opened."""
        is_large = opener is None and path.exists() and path.stat().st_size > check_at_once_bytes
        self.tables = self._open(whole=not is_large)
        try:
            self._take_over(whole=not is_large)
        except BaseException:
            self.tables.close()
            raise

    def _open(self, *, whole: bool) -> OutboxTables:
        now = self._clock.stamp().occurred_at
        opened = open_file(self._path, now, whole=whole) if self._opener is None else self._opener(self._path, now)
        return OutboxTables(opened)

    # --- every access to the file --------------------------------------------------------------------------------

    def durably(self, work: Callable[[], _T], *, adds: bool = False) -> _T:
        """Do `work` on the file; if it turns out to be damaged, begin a new one and do it there.

        `work` must read marks when it is called, not before: a new file has other ones.

        Raises:
            OutboxError: not done.
        """
        try:
            if self._broken:
                self._reopen()
            return self._in_the_file_as_it_is(work, adds=adds)
        except OutboxDamagedError as damage:
            _LOG.critical("%s; the file is checked and mended", damage)
            self._break()
            self._reopen()
        try:
            return self._decided(work)
        except OutboxDamagedError as damage:
            _LOG.critical("%s, again; beginning a new outbox", damage)
            self._break()
            set_aside(self._path, self._clock.stamp().occurred_at)
            self._reopen()
            return self._decided(work)

    def _break(self) -> None:
        self.tables.close()
        self._broken = True

    def _reopen(self) -> None:
        self.offering = dict.fromkeys(Stream, False)
        self.tables = self._open(whole=True)
        self._broken = False
        self._take_over(whole=True)

    def _in_the_file_as_it_is(self, work: Callable[[], _T], *, adds: bool = False) -> _T:
        """Do `work`; on a full disk make the way free for it. What only adds rows may not use the last reserve."""
        ways = (self.tables.checkpoint, self._live_within_the_file, self._use_the_last_reserve)
        for make_way in ways[:2] if adds else ways:
            try:
                return self._decided(work)
            except OutboxFullError:
                # The write-ahead log can't grow, but once it is copied back it begins anew where it stands.
                with suppress(OutboxFullError):
                    self._decided(make_way)
        return self._decided(work)

    def _decided(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except sqlite3.Error as error:
            raise decide(error, self._path) from error

    # --- rows ----------------------------------------------------------------------------------------------------

    def append(self, stream: Stream, bodies: Sequence[bytes]) -> int:
        """Number and commit rows, making room for them where there is none; return the last number.

        Raises:
            OutboxError: not kept.
        """
        bytes_more = sum(len(body) + ROW_OVERHEAD_BYTES for body in bodies)
        if not self.space.fits(bytes_more):
            self._make_room(bytes_more)
        try:
            seq = self.durably(lambda: self._commit(stream, bodies), adds=True)
        except OutboxFullError:
            # What is dropped leaves free pages in the file, so that it need not grow for what comes.
            self._make_room(bytes_more)
            seq = self.durably(lambda: self._commit(stream, bodies), adds=True)
        self.space.used_bytes += bytes_more  # an estimate, good enough while nothing depends on it
        if self.space.is_near_its_cap:
            self.durably(self.measure)
        return seq

    def read(self, stream: Stream, after_seq: int, bytes_max: int = ROWS_BYTES_MAX) -> StoredRows | None:
        """Rows for one frame; what is missing or damaged is declared, once, and the gap is what is returned.

        Raises:
            OutboxError: the file can't be read.
        """
        for _ in range(3):
            marks = self.marks[stream]
            found = self.tables.collect(
                stream, marks.epoch, after_seq=after_seq, through_seq=marks.last_seq, bytes_max=bytes_max
            )
            if not isinstance(found, DamagedRows):
                return found
            if self.check is not None and found.last_seq >= self.tables.oldest_kept(stream):
                self.check.whole(
                    self.tables, f"{stream.value} rows {found.first_seq} to {found.last_seq}: {found.reason}"
                )
            with self.tables.transaction():
                was_gap = self.tables.split_gap(stream, marks.epoch, after_seq)
            if not was_gap:
                self._declare(stream, found)
        raise OutboxDamagedError(f"outbox {str(self._path)!r} is damaged: {stream} {found}, again")

    @property
    def save_due(self) -> bool:
        """True if marks have changed, or the running time was last written long ago."""
        return self.marks_unsaved or self._running.save_due

    def save_marks(self) -> None:
        """Write the marks as they are, and for how long this file has been worked on."""
        with self.tables.transaction():
            self.tables.save(self.marks)
            self._save_running_time()
        self.marks_unsaved = False

    def delete_through(self, stream: Stream, last_seq: int) -> None:
        """Delete rows up to and with this number."""
        with self.tables.transaction():
            self.tables.delete_through(stream, last_seq)
            # In the same transaction: a row that is gone is never above the mark that the file knows.
            self.tables.save(self.marks)

    def prune(self, stream: Stream, keep_ms: int, rows_max: int) -> None:
        """Delete rows that were acknowledged so long ago, in time that an agent ran; at most so many."""
        ages, acknowledged_seq = self.tables.ages, self.marks[stream].acknowledged_seq
        running_ms = self._running.ms
        went_back_to = min(self.went_back_to.get(stream, acknowledged_seq), acknowledged_seq)
        if ages.reaches_above(stream, went_back_to):
            with self.tables.transaction():
                ages.forget_above(stream, went_back_to)
        self.went_back_to.pop(stream, None)
        if ages.note_due(stream, acknowledged_seq, running_ms, keep_ms):
            with self.tables.transaction():
                ages.note(stream, acknowledged_seq, running_ms)
                self._save_running_time()
        through = min(ages.acknowledged_by(stream, running_ms - keep_ms), acknowledged_seq)
        last = self.tables.prunable(stream, through, rows_max) if through else 0
        if last:
            with self.tables.transaction():
                self.tables.delete_through(stream, last)
                self.tables.save(self.marks)
                ages.forget_below(stream, through)
                self._save_running_time()

    def _save_running_time(self) -> None:
        self.tables.save_file(replace(self.tables.load_file(), running_ms=self._running.ms))
        self._running.saved()

    def renumber(self, stream: Stream, reason: str) -> None:
        """See `Outbox.begin_epoch`."""
        # Spoilt rows are declared first: sealed anew they would pass for whole, and numbered anew leave no hole.
        after_seq = self.marks[stream].offered_seq
        while (found := self.read(stream, after_seq)) is not None:
            after_seq = found.last_seq
        marks = dict(self.marks)
        self.offering[stream] = False
        with self.tables.transaction():
            marks[stream] = self.tables.renumber(stream, marks[stream])
            detail = f"new {stream} epoch {marks[stream].epoch}: {reason}"
            marks[Stream.EVENTS] = self._insert(Stream.EVENTS, marks[Stream.EVENTS], [self._report(detail)])
        self.marks = marks
        write_numbers(self._path, self.marks)

    def _commit(self, stream: Stream, bodies: Sequence[bytes]) -> int:
        """Number and insert rows in one transaction; return the last number."""
        with self.tables.transaction():
            marks = self._insert(stream, self.marks[stream], bodies)
        self.marks[stream] = marks
        write_numbers(self._path, self.marks)
        return marks.last_seq

    def _insert(self, stream: Stream, marks: StreamMarks, bodies: Sequence[bytes]) -> StreamMarks:
        now_ms = to_ms(self._clock.stamp().occurred_at)
        offered = self.offering[stream]
        return self.tables.insert(stream, marks, bodies, boot_id=self._clock.boot_id, now_ms=now_ms, offered=offered)

    # --- room ----------------------------------------------------------------------------------------------------

    def measure(self) -> None:
        """See how much is in use."""
        self.space.used_bytes = self.tables.sizes().used_bytes

    def _live_within_the_file(self) -> None:
        """The disk takes no more: from now on the file as it is has to do."""
        if not self.space.disk_is_full:
            _LOG.critical("outbox %s: the disk is full; room is made in the file", self._path)
        self.space.release_half()
        self.space.refused(self.tables.sizes().file_bytes)
        self.tables.checkpoint()

    def _use_the_last_reserve(self) -> None:
        self.space.release_all()
        self.tables.checkpoint()

    def _make_room(self, bytes_more: int) -> None:
        """Let go of the oldest acknowledged rows; then drop the oldest readings, never an event."""
        self.durably(self.measure)
        if self.space.fits(bytes_more):
            return
        wanted = self.space.wanted(bytes_more)
        while self.space.used_bytes > wanted:
            if not self.durably(lambda: self._drop_some(self.space.used_bytes - wanted)):
                if self.space.may_grow:
                    # Only rows that must not be dropped are left: better beyond the cap than lost.
                    return
                raise OutboxFullError(f"outbox {str(self._path)!r}: full of events on a full disk: free some space")
            self.durably(self.measure)

    def _drop_some(self, bytes_wanted: int) -> bool:
        """Drop rows for about so many bytes in one transaction; False if there is nothing to drop."""
        bytes_wanted = min(bytes_wanted, self.space.room_bytes)
        for stream in (Stream.TELEMETRY, Stream.EVENTS):
            last = self.tables.acknowledged_rows(stream, self.marks[stream].acknowledged_seq, bytes_wanted)
            if last:
                self.delete_through(stream, last)
                return True
        return self._drop_readings(max(bytes_wanted, DROP_BYTES_MIN))

    def _drop_readings(self, bytes_wanted: int) -> bool:
        stream, marks = Stream.TELEMETRY, dict(self.marks)
        with self.tables.transaction():
            self.tables.split_gap(stream, marks[stream].epoch, marks[stream].acknowledged_seq)
        rows = self.tables.waiting_rows(stream, marks[stream].acknowledged_seq, bytes_wanted)
        head = as_gap(self.tables.body(stream, rows[0].seq)) if rows else None
        if len(rows) <= (head is not None):
            return False
        stamp = self._clock.stamp()
        oldest, _ = times_of(self.tables.body(stream, rows[0].seq), from_ms(rows[0].committed_at_ms))
        _, newest = times_of(self.tables.body(stream, rows[-1].seq), from_ms(rows[-1].committed_at_ms))
        first_seq, last_seq = rows[0].seq, rows[-1].last_seq
        with self.tables.transaction():
            self._put_gap(stream, DamagedRows(first_seq, last_seq, NO_ROOM), oldest, newest)
            if head is None or head.reason != NO_ROOM:
                # Told once: while nothing gets through, the same gap grows.
                detail = f"{stream} rows from {first_seq} on, {stamp.occurred_at:%Y-%m-%d %H:%M} UTC: {NO_ROOM}"
                marks[Stream.EVENTS] = self._insert(Stream.EVENTS, marks[Stream.EVENTS], [self._report(detail)])
        self.marks = marks
        self.gaps.declared(Gap(stream, first_seq, last_seq, NO_ROOM))
        return True

    # --- damage --------------------------------------------------------------------------------------------------

    def check_some(self, rows_max: int) -> None:
        """Look at the next rows of a large file.

        Raises:
            OutboxDamagedError: it is damaged.
        """
        if self.check is not None:
            self.check.some(self.tables, self.marks, rows_max, self.gaps)

    def _take_over(self, *, whole: bool) -> None:
        """Begin with the open file. A damaged one beside it that nobody was told of is this one's first event."""
        self.marks = self._decided(self.tables.load)
        self._running = RunningTime(self._decided(self.tables.load_file).running_ms, self._clock)
        self.gaps = RememberedGaps()
        for gap, committed_at_ms in self._decided(self.tables.gaps) if whole else ():
            self.gaps.found(gap, committed_at_ms)
        self.check = None if whole else self._decided(lambda: OutboxCheck(self._path, self.tables, self.marks))
        for work in (self._expect_copies, self.measure, self._tell_of_damage, self._ask_the_witness):
            self._in_the_file_as_it_is(work)
        if self.space.was_left_full:
            with suppress(OutboxFullError):  # not even the log fits back: rows that come find that out, and make room
                self._decided(self._live_within_the_file)

    def _tell_of_damage(self) -> None:
        aside, file = damaged_siblings(self._path), self.tables.load_file()
        if not aside or aside[-1] == file.damage_reported:
            return
        detail = (
            f"the outbox file was damaged and stands aside as {aside[-1]}; {noted(file.damage_reported, aside[-1])}"
        )
        with self.tables.transaction():
            marks = self._insert(Stream.EVENTS, self.marks[Stream.EVENTS], [self._report(detail)])
            self.tables.save_file(replace(file, damage_reported=aside[-1]))
        self.marks[Stream.EVENTS] = marks

    def _ask_the_witness(self) -> None:
        """If more numbers were given than the file knows, it lost its newest rows: none of them is given twice.

        The gateway may have them; what it does not have is declared a gap when it is to be sent.
        """
        marks, lost = go_on_after(read_numbers(self._path), self.marks)
        if lost:
            detail = (
                f"the outbox file has lost its newest rows ({lost}): its write-ahead log was damaged, or an"
                " older copy took its place; what the gateway does not have of them is declared a gap"
            )
            with self.tables.transaction():
                self.tables.save(marks)
                marks[Stream.EVENTS] = self._insert(Stream.EVENTS, marks[Stream.EVENTS], [self._report(detail)])
            self.marks = marks
        write_numbers(self._path, self.marks)

    def _expect_copies(self) -> None:
        """If rows were offered in the last run, this may be a copy whose original went on and sent what stands here.

        From here to the first contact, however many runs later, only this file's own rows are added: those are what
        `begin_epoch` rescues. (A file copied in a run without any contact can't be told from its original.)
        """
        changed = {
            stream: replace(marks, offered_seq=marks.last_seq, in_contact=0)
            for stream, marks in self.marks.items()
            if marks.in_contact
        }
        if changed:
            with self.tables.transaction():
                self.tables.save(changed)
            self.marks.update(changed)

    def _report(self, detail: str) -> bytes:
        """An event about the outbox itself, so that the operator is told by the ordinary way."""
        _LOG.critical("outbox %s: %s", self._path, detail)
        stamp = self._clock.stamp()
        return report(self._node_name, detail, occurred_at=stamp.occurred_at, monotonic_ns=stamp.monotonic_ns)

    def _declare(self, stream: Stream, damaged: DamagedRows) -> None:
        """Put a declared gap where rows are missing or wrong; its time span is when they must have been committed."""
        stamp = self._clock.stamp()
        before_ms, after_ms = self.tables.time_around(stream, damaged.first_seq, damaged.last_seq)
        reason = damaged.reason
        if reason == ROWS_MISSING and damaged.last_seq < self.tables.oldest_kept(stream):
            reason = NOT_KEPT
        newest = stamp.occurred_at if after_ms is None else from_ms(after_ms)
        detail = f"{stream} rows {damaged.first_seq} to {damaged.last_seq} declared a gap: {reason}"
        marks = dict(self.marks)
        with self.tables.transaction():
            self._put_gap(stream, replace(damaged, reason=reason), from_ms(before_ms), newest)
            marks[Stream.EVENTS] = self._insert(Stream.EVENTS, marks[Stream.EVENTS], [self._report(detail)])
        self.marks = marks
        write_numbers(self._path, self.marks)
        self.gaps.declared(Gap(stream, damaged.first_seq, damaged.last_seq, reason))

    def _put_gap(self, stream: Stream, lost: DamagedRows, oldest: datetime, newest: datetime) -> None:
        """Put a declared gap in the place of rows."""
        stamp = self._clock.stamp()
        gap = declare_gap(
            self._node_name,
            row_count=lost.last_seq - lost.first_seq + 1,
            reason=lost.reason,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            oldest=oldest,
            newest=newest,
        )
        self.tables.put_gap(
            stream,
            self.marks[stream].epoch,
            lost,
            boot_id=self._clock.boot_id,
            body=encode_row(gap),
            now_ms=to_ms(stamp.occurred_at),
        )
