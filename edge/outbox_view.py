"""What an outbox holds, for people and scripts: depth, age, marks, gaps, sizes.

A running agent's outbox is open to nobody else, so its agent says it (`status.json`); `look` is for an outbox whose
agent does not run.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from edge.contracts.streams import Stream
from edge.outbox_check import OutboxCheck
from edge.outbox_file import APPLICATION_ID, SCHEMA_VERSION, damaged_siblings, upgrade
from edge.outbox_gaps import Gap
from edge.outbox_marks import StreamMarks
from edge.outbox_tables import OutboxTables


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class GapView(_View):
    """Rows that were declared lost."""

    stream: str
    first_seq: int
    last_seq: int
    reason: str


class StreamView(_View):
    """One stream."""

    epoch: str
    last_seq: int
    offered_seq: int
    acknowledged_seq: int
    oldest_kept_seq: int
    waiting: int
    """Numbers that the gateway has not acknowledged."""
    waiting_since: datetime | None
    """When the oldest of them was committed, by this machine's clock; None if none waits."""
    server_generation: str


class OutboxView(_View):
    """One outbox file."""

    file: str
    used_bytes: int
    file_bytes: int
    wal_bytes: int
    """The write-ahead log beside it."""
    size_max_bytes: int | None
    """The cap that holds now: on a full disk less than the configured one. None if no agent holds it to one."""
    disk_is_full: bool
    readings_in_memory: int
    """Accepted, but not committed yet."""
    streams: dict[str, StreamView]
    gaps: tuple[GapView, ...]
    """The newest declared gaps that are kept, or that this run declared."""
    damaged_files: tuple[str, ...]
    """Files that were moved aside; delete them when nothing in them is missed."""
    checked_percent: float | None = None
    """How much of a large file was looked at since the start; None if it was checked before, or no agent has it."""
    spoilt_rows: int = 0
    """Rows found in that which are not what was written. One that has to be sent is declared a gap then."""


def view(
    path: Path,
    tables: OutboxTables,
    marks: dict[Stream, StreamMarks],
    gaps: Iterable[Gap],
    *,
    check: OutboxCheck | None = None,
    size_max_bytes: int | None = None,
    disk_is_full: bool = False,
    readings_in_memory: int = 0,
) -> OutboxView:
    """The view of an open outbox; costs a few look-ups by key.

    Raises:
        sqlite3.Error: it can't be read.
    """
    sizes, wal = tables.sizes(), path.with_name(path.name + "-wal")
    return OutboxView(
        file=str(path),
        used_bytes=sizes.used_bytes,
        file_bytes=sizes.file_bytes,
        wal_bytes=wal.stat().st_size if wal.exists() else 0,
        size_max_bytes=size_max_bytes,
        disk_is_full=disk_is_full,
        readings_in_memory=readings_in_memory,
        streams={stream.value: _stream(tables, stream, mark) for stream, mark in marks.items()},
        gaps=tuple(
            GapView(stream=gap.stream.value, first_seq=gap.first_seq, last_seq=gap.last_seq, reason=gap.reason)
            for gap in gaps
        ),
        damaged_files=tuple(damaged_siblings(path)),
        checked_percent=None if check is None else check.percent,
        spoilt_rows=0 if check is None else check.spoilt_rows,
    )


def _stream(tables: OutboxTables, stream: Stream, marks: StreamMarks) -> StreamView:
    since_ms = tables.waiting_since_ms(stream, marks.acknowledged_seq)
    return StreamView(
        epoch=marks.epoch,
        last_seq=marks.last_seq,
        offered_seq=marks.offered_seq,
        acknowledged_seq=marks.acknowledged_seq,
        oldest_kept_seq=tables.oldest_kept(stream),
        waiting=max(marks.last_seq - marks.acknowledged_seq, 0),
        waiting_since=None if since_ms is None else datetime.fromtimestamp(since_ms / 1000, UTC),
        server_generation=marks.server_generation,
    )


def look(path: Path) -> OutboxView:
    """The view of an outbox that no agent has open, from a copy: the file itself is not touched.

    Raises:
        FileNotFoundError: there is none.
        OSError: it can't be read or copied.
        ValueError: it is not an outbox of this version.
        sqlite3.Error: it is damaged; the next start of the agent mends it.
    """
    with tempfile.TemporaryDirectory(prefix="medtap-outbox-") as directory:
        copy = Path(directory) / path.name
        shutil.copyfile(path, copy)
        wal = path.with_name(path.name + "-wal")
        if wal.exists():
            shutil.copyfile(wal, copy.with_name(wal.name))
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            found = tuple(
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
            )
            if found == (APPLICATION_ID, 1):
                upgrade(connection)
            elif found != (APPLICATION_ID, SCHEMA_VERSION):
                raise ValueError(f"{str(path)!r}: application_id and version {found}: not an outbox of this medtap")
            tables = OutboxTables(connection)
            seen = view(copy, tables, tables.load(), [gap for gap, _ in tables.gaps()])
    return seen.model_copy(update={"file": str(path), "damaged_files": tuple(damaged_siblings(path))})
