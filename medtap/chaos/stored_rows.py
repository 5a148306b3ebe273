"""What stands in the gateway's database at the end of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

_ROWS = """
    SELECT m.epoch, r.seq, r.monotonic_ns, '' FROM reading r JOIN ingest_mark m USING (epoch_key)
    UNION ALL
    SELECT m.epoch, e.seq, e.monotonic_ns, coalesce(s.text, '')
    FROM event e JOIN ingest_mark m USING (epoch_key)
    LEFT JOIN scan s ON s.epoch_key = e.epoch_key AND s.seq = e.seq AND e.kind = 'code_scanned'
"""
_GAPS = "SELECT m.epoch, g.first_seq, g.last_seq FROM declared_gap g JOIN ingest_mark m USING (epoch_key)"
_LETTERS = "SELECT count(*) FILTER (WHERE seq IS NULL), count(*) FILTER (WHERE seq IS NOT NULL) FROM dead_letter"


@dataclass(frozen=True)
class StoredRow:
    """One row of `reading` or `event`."""

    epoch: str
    seq: int
    monotonic_ns: int
    text: str
    """What a scanner read; empty for other rows."""


@dataclass(frozen=True)
class StoredRows:
    """All of it."""

    rows: Sequence[StoredRow]
    gaps: Sequence[tuple[str, int, int]]
    """Epoch, first and last number of each declared gap."""
    marks: Mapping[str, int]
    """By epoch: everything up to here is said to be in."""
    dead_messages: int
    dead_rows: int


def read_database(dsn: str) -> StoredRows:
    """Read it, in one snapshot."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = [StoredRow(*row) for row in connection.execute(_ROWS)]
        gaps = [(epoch, first, last) for epoch, first, last in connection.execute(_GAPS)]
        marks = {str(epoch): int(mark) for epoch, mark in connection.execute("SELECT epoch, mark FROM ingest_mark")}
        messages, letters = connection.execute(_LETTERS).fetchone() or (0, 0)
    return StoredRows(rows, gaps, marks, messages, letters)
