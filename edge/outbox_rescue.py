"""Rescue: every whole row of a damaged outbox file into a new one, under the same epochs and numbers.

What is damaged costs the rows that stood there and no others: the numbers that are missing are declared a gap when they
are to be sent. Each row is believed by its SHA-256 alone, and so are the marks: where theirs does not match they are
made anew from the rows and from the witness (`outbox_numbers`), so that nothing is let go of and no number is given
twice. Nothing that the damage made up is carried over.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal

from edge.contracts.streams import Stream
from edge.outbox_connection import SqlConnection
from edge.outbox_marks import FileMarks, StreamMarks, seal_age, seal_file, seal_stream
from edge.outbox_numbers import Numbers
from edge.outbox_rows import is_whole, span_of
from edge.outbox_tables import OutboxTables

PROBES_MAX: Final = 20_000
"""Stretches after which no more rows are looked for between damaged pages (some seconds)."""

_Row = tuple[int, str, bytes, bytes, int]
"""Number, boot, body, checksum and time."""

_EPOCH: Final = re.compile(r"[0-9a-f]{16}")
_ROW: Final = "SELECT seq, span, boot_id, body, sha256, committed_at_ms FROM outbox_row"
_MARKS: Final = (
    "SELECT epoch, last_seq, offered_seq, in_contact, acknowledged_seq, server_generation, row_count, sha256"
    " FROM stream WHERE stream = ?"
)

BEYOND_RESCUE: Final = (
    "rows in it that were not yet acknowledged are lost unless recovered from there; this is a new file with new epochs"
)


def note(damaged_name: str, told: str) -> str:
    """What a new file says of the damaged one until an event has told of it."""
    return f"{damaged_name}: {told}"


def noted(text: str, damaged_name: str) -> str:
    """What a `note` about that file tells; if the text is no such note, the file was beyond rescue."""
    return text.removeprefix(f"{damaged_name}: ") if text.startswith(f"{damaged_name}: ") else BEYOND_RESCUE


def rescue(damaged: SqlConnection, new: SqlConnection, damaged_name: str, numbers: Mapping[Stream, Numbers]) -> str:
    """Copy what is whole into a file with empty tables, in one transaction; return what to tell of it.

    Raises:
        sqlite3.Error: the new file can't be written.
    """
    tables = OutboxTables(new)
    told: list[str] = []
    rows, lost = 0, 0
    with tables.transaction():
        for stream in Stream:
            marks, is_sealed = _find_marks(damaged, stream, numbers.get(stream))
            if marks is None:
                told.append(f"{stream.value} begins a new epoch: its marks can't be known, nor its rows be believed")
                lost += 1
                continue
            if not is_sealed:
                told.append(f"the marks of {stream.value} did not match their checksum and were made anew")
            rows += _copy(damaged, tables, new, stream, marks)
        if lost == len(Stream):
            return BEYOND_RESCUE
        _copy_file_marks(damaged, tables)
        first = f"{rows} rows of it were rescued; what is missing is declared a gap at its place"
        told.insert(0, first)
        tables.save_file(replace(tables.load_file(), damage_reported=note(damaged_name, "; ".join(told))))
    return "; ".join(told)


def _copy(damaged: SqlConnection, tables: OutboxTables, new: SqlConnection, stream: Stream, marks: StreamMarks) -> int:
    rows, last = 0, marks.last_seq
    for seq, boot_id, body, sha256, committed_at_ms in _whole_rows(damaged, stream, marks.epoch):
        span = span_of(body)
        row = (stream.value, seq, span, boot_id, body, sha256, committed_at_ms)
        new.execute("INSERT OR IGNORE INTO outbox_row VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        last = max(last, seq + span - 1)
        rows += 1
    tables.save({stream: replace(marks, last_seq=last, offered_seq=max(marks.offered_seq, marks.acknowledged_seq))})
    return rows


def _copy_file_marks(damaged: SqlConnection, tables: OutboxTables) -> None:
    """How long agents ran and when rows were acknowledged; without it rows are kept for longer."""
    query = "SELECT created_at_ms, damage_reported, running_ms, sha256 FROM outbox_file"
    try:
        *values, sha256 = damaged.execute(query).fetchone()
        if sha256 != seal_file(FileMarks(*values)):
            return
        ages = damaged.execute("SELECT stream, seq, running_ms, sha256 FROM acknowledged_at").fetchall()
    except (sqlite3.Error, TypeError, ValueError):
        return
    tables.save_file(FileMarks(values[0], "", values[2]))
    for stream, seq, running_ms, sealed in ages:
        if stream in set(Stream) and sealed == seal_age(Stream(stream), seq, running_ms):
            tables.ages.note(Stream(stream), seq, running_ms)


def _find_marks(damaged: SqlConnection, stream: Stream, witness: Numbers | None) -> tuple[StreamMarks | None, bool]:
    """The marks, and whether they stand sealed in the file; None if the stream has to begin anew."""
    claimed, is_sealed = _claimed(damaged, stream)
    if claimed is not None and is_sealed:
        if witness is not None and witness.epoch == claimed.epoch and witness.last_seq > claimed.last_seq:
            claimed = replace(claimed, last_seq=witness.last_seq, offered_seq=witness.last_seq)
        return claimed, True
    epochs = [] if witness is None else [witness.epoch]
    if claimed is not None and _EPOCH.fullmatch(str(claimed.epoch)):
        epochs.append(claimed.epoch)
    return _made_anew(damaged, stream, witness, epochs), False


def _made_anew(
    damaged: SqlConnection, stream: Stream, witness: Numbers | None, epochs: list[str]
) -> StreamMarks | None:
    """Marks that let go of nothing: all may have been sent, and only what is not there was acknowledged."""
    # An epoch under which rows are whole is the file's; without such rows the witness is all that is known.
    for epoch, rows_needed in [*((one, True) for one in epochs), *((one, False) for one in epochs)]:
        first, last, count = 0, 0, 0
        for seq, _, body, *_ in _whole_rows(damaged, stream, epoch) if rows_needed else ():
            first, last, count = min(first or seq, seq), max(last, seq + span_of(body) - 1), count + 1
        seen = witness if witness is not None and witness.epoch == epoch else None
        if not count and (rows_needed or seen is None):
            continue
        acknowledged = max(first - 1, 0)
        if seen is not None:
            last, count, acknowledged = max(last, seen.last_seq), seen.row_count, seen.acknowledged_seq
        return StreamMarks(
            epoch=epoch,
            last_seq=last,
            offered_seq=last,
            in_contact=0,
            acknowledged_seq=min(acknowledged, last),
            server_generation="",
            row_count=count,
        )
    return None


def _claimed(damaged: SqlConnection, stream: Stream) -> tuple[StreamMarks | None, bool]:
    try:
        *values, sha256 = damaged.execute(_MARKS, (stream.value,)).fetchone()
    except (sqlite3.Error, TypeError):
        return None, False
    marks = StreamMarks(*values)
    return marks, sha256 == seal_stream(stream, marks)


def _whole_rows(damaged: SqlConnection, stream: Stream, epoch: str) -> Iterator[_Row]:
    """Each row that can be reached and is as it was written; one that stands at two places may come twice.

    From both ends of each stretch, then from both ends of the halves of what is between. A walk may end too early, or
    jump, where the disk changed a number: only whole rows say how far it came, and it is believed complete only if a
    walk from the other end finds nothing more.
    """
    stretches = [(0, 2**62)]
    probes = 0
    while stretches and probes < PROBES_MAX:
        after, before = stretches.pop()
        probes += 1
        upwards = _Walk(damaged, stream, epoch, "ASC")
        yield from upwards.between(after, before)
        low = upwards.last_seq or after
        downwards = _Walk(damaged, stream, epoch, "DESC")
        yield from downwards.between(low, before)
        high = downwards.last_seq or before
        if (upwards.was_cut or downwards.was_cut or downwards.last_seq) and low + 1 < high - 1:
            middle = _middle(low, high)
            stretches += [(low, middle + 1), (middle, high)]


class _Walk:
    """Along one stream, in one direction, until the end or to where the file can't be read."""

    def __init__(self, damaged: SqlConnection, stream: Stream, epoch: str, direction: Literal["ASC", "DESC"]) -> None:
        self._damaged = damaged
        self._stream = stream
        self._epoch = epoch
        self._sql = f"{_ROW} WHERE stream = ? AND seq > ? AND seq < ? ORDER BY seq {direction}"
        self.last_seq = 0
        """Of the last whole row between; 0 if there was none."""
        self.was_cut = False

    def between(self, after: int, before: int) -> Iterator[_Row]:
        """Whole rows; what is read of others may be anything."""
        try:
            for seq, _, boot_id, body, sha256, committed_at_ms in self._damaged.execute(
                self._sql, (self._stream.value, after, before)
            ):
                if is_whole(self._stream, self._epoch, (seq, boot_id, body, sha256)):
                    if after < seq < before:
                        self.last_seq = seq
                    yield seq, boot_id, body, sha256, committed_at_ms if isinstance(committed_at_ms, int) else 0
        except sqlite3.Error:
            self.was_cut = True


def _middle(low: int, high: int) -> int:
    """Half-way; from an end that is not known, by doubling."""
    return min(2 * low + 1024, (low + high) // 2) if high == 2**62 else (low + high) // 2
