"""Rescue: every whole row of a damaged outbox file into a new one, under the same epochs and numbers.

What is damaged costs the rows that stood there and no others: the numbers that are missing are declared a gap when they
are to be sent. Each row is believed by its SHA-256 alone, so nothing that the damage made up is carried over.
"""

import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from edge.contracts.streams import Stream
from edge.outbox_connection import SqlConnection
from edge.outbox_rows import seal

PROBES_MAX: Final = 20_000
"""Failed reads after which no more rows are looked for between damaged pages (some seconds)."""

_EPOCH: Final = re.compile(r"[0-9a-f]{16}")
_ROW: Final = "SELECT seq, span, boot_id, body, sha256, committed_at_ms FROM outbox_row"
_NUMBERS: Final = ("last_seq", "offered_seq", "in_contact", "acknowledged_seq", "row_count")
_NOTE: Final = re.compile(r"rescued (\d+) rows from (.+)")


class BeyondRescueError(Exception):
    """Not even the epochs and marks can be read."""


def note(rows: int, damaged_name: str) -> str:
    """What a new file says of the damaged one until an event has told of it."""
    return f"rescued {rows} rows from {damaged_name}"


def rescued_rows(text: str, damaged_name: str) -> int | None:
    """How many rows of that file were rescued, from a `note` about it; None if the text is no such note."""
    found = _NOTE.fullmatch(text)
    return int(found[1]) if found is not None and found[2] == damaged_name else None


def rescue(damaged: SqlConnection, new: SqlConnection, damaged_name: str) -> int:
    """Copy what is whole into a file with empty tables, in one transaction; return the number of rows.

    Raises:
        BeyondRescueError: the new file is to begin with new epochs.
        sqlite3.Error: the new file can't be written.
    """
    marks = _read_marks(damaged)
    rows = 0
    new.execute("BEGIN IMMEDIATE")
    for stream, mark in marks.items():
        whole = seen = 0
        for row in _readable(damaged, stream):
            seen += 1
            if _is_whole(stream, mark["epoch"], row):
                seq, span = row[0], row[1]
                new.execute("INSERT OR IGNORE INTO outbox_row VALUES (?, ?, ?, ?, ?, ?, ?)", (stream.value, *row))
                mark["last_seq"] = max(mark["last_seq"], seq + span - 1)
                whole += 1
        if seen and not whole:
            new.execute("ROLLBACK")
            raise BeyondRescueError(f"{stream}: not one of {seen} rows is of epoch {mark['epoch']}")
        rows += whole
        columns = ", ".join(f"{name} = ?" for name in mark)
        new.execute(f"UPDATE stream SET {columns} WHERE stream = ?", (*mark.values(), stream.value))  # noqa: S608 - ours
    new.execute("UPDATE outbox_file SET damage_reported = ?", (note(rows, damaged_name),))
    new.execute("COMMIT")
    return rows


def _read_marks(damaged: SqlConnection) -> dict[Stream, dict[str, Any]]:
    names = ("epoch", *_NUMBERS, "server_generation")
    try:
        rows = damaged.execute(f"SELECT stream, {', '.join(names)} FROM stream").fetchall()  # noqa: S608 - constants
    except sqlite3.Error as error:
        raise BeyondRescueError(f"the streams can't be read: {error}") from error
    marks = {stream: dict(zip(names, values, strict=True)) for stream, *values in rows}
    if set(marks) != {stream.value for stream in Stream}:
        raise BeyondRescueError(f"streams {sorted(map(str, marks))}")
    for stream, mark in marks.items():
        numbers = [mark[name] for name in _NUMBERS]
        texts = isinstance(mark["epoch"], str) and isinstance(mark["server_generation"], str)
        whole = texts and all(isinstance(number, int) for number in numbers) and min(numbers) >= 0
        if not whole or not _EPOCH.fullmatch(mark["epoch"]) or mark["acknowledged_seq"] > mark["offered_seq"]:
            raise BeyondRescueError(f"{stream}: marks {mark!r}")
    return {Stream(stream): mark for stream, mark in marks.items()}


def _is_whole(stream: Stream, epoch: str, row: tuple[Any, ...]) -> bool:
    seq, span, boot_id, body, sha256, committed_at_ms = row
    return (
        all(isinstance(number, int) for number in (seq, span, committed_at_ms))
        and span > 0
        and isinstance(boot_id, str)
        and isinstance(body, bytes)
        and sha256 == seal(stream, epoch, seq, boot_id, body)
    )


def _readable(damaged: SqlConnection, stream: Stream) -> Iterator[tuple[Any, ...]]:
    """Every row that can be reached: from both ends of each stretch, then from both ends of the halves between."""
    stretches = [(0, 2**62)]
    probes = 0
    while stretches and probes < PROBES_MAX:
        after, before = stretches.pop()
        low, high = after, before
        for row in _walk(
            damaged, f"{_ROW} WHERE stream = ? AND seq > ? AND seq < ? ORDER BY seq", stream, after, before
        ):
            if row is not None and row[0] > low:
                low = row[0]
                yield row
            elif row is None:
                break
        else:
            continue
        probes += 1
        for row in _walk(
            damaged, f"{_ROW} WHERE stream = ? AND seq > ? AND seq < ? ORDER BY seq DESC", stream, low, high
        ):
            if row is None or row[0] >= high:
                break
            high = row[0]
            yield row
        if low + 1 < high - 1:
            middle = _middle(low, high)
            stretches += [(low, middle + 1), (middle, high)]


def _middle(low: int, high: int) -> int:
    """Half-way; from an end that is not known, by doubling."""
    return min(2 * low + 1024, (low + high) // 2) if high == 2**62 else (low + high) // 2


def _walk(
    damaged: SqlConnection, sql: str, stream: Stream, after: int, before: int
) -> Iterator[tuple[Any, ...] | None]:
    """Rows; None where the next one can't be read."""
    try:
        for row in damaged.execute(sql, (stream.value, after, before)):
            yield tuple(row)
    except sqlite3.Error:
        yield None
