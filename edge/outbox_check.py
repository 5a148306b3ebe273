"""The check of a large outbox file while the agent already runs: row by row, some at a time, newest first.

SQLite's own check reads a file of 1 GB for more than a minute on an SD card. So a large file is opened on the strength
of its sealed marks; rows that are to be sent are checked at their sending, as ever, and all others here. Whatever looks
as if rows were away makes the whole file be checked by SQLite at once, before anything is declared lost.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.contracts.streams import Stream
from edge.outbox_connection import OutboxDamagedError, corrupt
from edge.outbox_gaps import Gap, RememberedGaps
from edge.outbox_marks import StreamMarks
from edge.outbox_rows import as_gap, is_whole, span_of
from edge.outbox_tables import OutboxTables

CHECK_AT_ONCE_BYTES: Final = 16_000_000
"""A file up to this size is checked as a whole when it is opened: some seconds on an SD card."""

_LOG = logging.getLogger(__name__)


class _RowsAwayError(Exception):
    """Numbers are missing where rows stand on both sides of them."""


@dataclass
class _Part:
    """One stream, as it stood when the file was opened."""

    epoch: str
    oldest_seq: int
    below_seq: int
    """What is below is not yet looked at."""

    @property
    def left(self) -> int:
        """Numbers that are not looked at."""
        return max(self.below_seq - self.oldest_seq, 0)


class OutboxCheck:
    """How far one file has been looked at."""

    def __init__(self, path: Path, tables: OutboxTables, marks: Mapping[Stream, StreamMarks]) -> None:
        """Nothing is looked at yet. Rows that come from here on are this run's own."""
        self._path = path
        self._parts: dict[Stream, _Part] = {}
        for stream, mark in marks.items():
            oldest, newest = tables.oldest_kept(stream), tables.newest_kept(stream)
            self._parts[stream] = _Part(mark.epoch, oldest, newest + 1 if newest else oldest)
        self._numbers = sum(part.left for part in self._parts.values())
        self.spoilt_rows = 0
        """Rows that are not what was written. One that has to be sent is declared a gap then."""
        self._is_sound = False
        """True once SQLite has checked the file as a whole."""

    @property
    def is_over(self) -> bool:
        """True if every row was looked at."""
        return not any(part.left for part in self._parts.values())

    @property
    def percent(self) -> float:
        """How much was looked at."""
        left = sum(part.left for part in self._parts.values())
        return 100.0 if not left else min(round(100 - 100 * left / self._numbers, 1), 99.9)

    def some(
        self, tables: OutboxTables, marks: Mapping[Stream, StreamMarks], rows_max: int, gaps: RememberedGaps
    ) -> None:
        """Look at the next rows; where some are away between others, have SQLite check all of the file.

        Raises:
            OutboxDamagedError: it is damaged.
        """
        if self.is_over:
            return
        try:
            for committed_at_ms, gap in self._look(tables, marks, rows_max):
                gaps.found(gap, committed_at_ms)
        except _RowsAwayError as away:
            self.whole(tables, str(away))
        if self.is_over:
            _LOG.info("outbox %s: all rows looked at, %d are not as they were written", self._path, self.spoilt_rows)

    def whole(self, tables: OutboxTables, why: str) -> None:
        """Have SQLite check the file, once, before any of its rows is declared lost: perhaps it can be rescued.

        Raises:
            OutboxDamagedError: it is damaged.
        """
        if self._is_sound:
            return
        _LOG.critical("outbox %s: %s: the whole file is checked, which takes its time", self._path, why)
        if found := tables.what_is_wrong():
            raise OutboxDamagedError(f"outbox {str(self._path)!r} is damaged: {found}")
        self._is_sound = True

    def _look(
        self, tables: OutboxTables, marks: Mapping[Stream, StreamMarks], rows_max: int
    ) -> Iterator[tuple[int, Gap]]:
        """The declared gaps among the next rows, with the time of their commit.

        Raises:
            _RowsAwayError: numbers are missing between two rows. The next look goes on below them.
            sqlite3.Error: the file can't be read.
        """
        stream = next((stream for stream, part in self._parts.items() if part.left), None)
        if stream is None:
            return
        part = self._parts[stream]
        rows = tables.rows_before(stream, part.below_seq, rows_max) if marks[stream].epoch == part.epoch else []
        if not rows:
            # Let go of since, or numbered anew: then all of it was read and sealed again.
            part.below_seq = part.oldest_seq
        for seq, span, boot_id, body, sha256, committed_at_ms in rows:
            if not isinstance(seq, int):
                raise corrupt(f"{stream.value}: a row has the number {seq!r}")
            as_written = is_whole(stream, part.epoch, (seq, boot_id, body, sha256))
            self.spoilt_rows += not as_written
            above, part.below_seq = part.below_seq, seq
            gap = as_gap(body) if as_written else None
            if gap is not None:
                yield committed_at_ms, Gap(stream, seq, seq + gap.row_count - 1, gap.reason)
            end = seq + (span_of(body) if as_written or not isinstance(span, int) else span) - 1
            if end < above - 1:
                raise _RowsAwayError(f"{stream.value} rows {end + 1} to {above - 1} are missing between others")
