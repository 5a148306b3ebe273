"""The SQL of the outbox: each function works inside a transaction that its caller holds, on marks that it is given."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

from edge.contracts.streams import Stream
from edge.outbox_connection import SqlConnection
from edge.outbox_file import new_epoch
from edge.outbox_rows import DamagedRows, StoredRows, collect, seal

_PUT: Final = "INSERT INTO outbox_row VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class StreamMarks:
    """Where one stream stands."""

    epoch: str
    last_seq: int
    """Highest number given; 0 if none."""
    offered_seq: int
    """Highest number that this file, or one it is a copy of, may have sent. A mark above it speaks of other rows."""
    in_contact: int
    """1 if rows were offered since the file was opened, else 0."""
    acknowledged_seq: int
    """The gateway's mark: everything up to it is committed there."""
    server_generation: str
    """Identity of the database that gave the mark; empty before the first."""
    row_count: int
    """Observations ever committed to this file, declared gaps not counted."""


class OutboxTables:
    """The three tables, over the one connection. Not locked: the outbox is."""

    def __init__(self, connection: SqlConnection) -> None:
        """Use an open, checked connection."""
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when the block is left."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def load(self) -> dict[Stream, StreamMarks]:
        """The marks of both streams, as the file has them."""
        rows = self._query(
            "SELECT stream, epoch, last_seq, offered_seq, in_contact, acknowledged_seq, server_generation, row_count"
            " FROM stream"
        )
        return {Stream(stream): StreamMarks(*marks) for stream, *marks in rows}

    def save(self, marks: Mapping[Stream, StreamMarks]) -> None:
        """Write marks."""
        self._connection.executemany(
            "UPDATE stream SET epoch = ?, last_seq = ?, offered_seq = ?, in_contact = ?, acknowledged_seq = ?,"
            " server_generation = ?, row_count = ? WHERE stream = ?",
            [(*astuple(one), stream.value) for stream, one in marks.items()],
        )

    def insert(
        self, stream: Stream, marks: StreamMarks, bodies: Sequence[bytes], *, boot_id: str, now_ms: int, offered: bool
    ) -> StreamMarks:
        """Number and insert observations; return (and write) the marks that follow. `offered`: they may be sent."""
        name, epoch = stream.value, marks.epoch
        self._connection.executemany(
            _PUT,
            [
                (name, seq, 1, boot_id, body, seal(stream, epoch, seq, boot_id, body), now_ms)
                for seq, body in enumerate(bodies, marks.last_seq + 1)
            ],
        )
        last = marks.last_seq + len(bodies)
        changed = replace(
            marks,
            last_seq=last,
            offered_seq=last if offered else marks.offered_seq,
            row_count=marks.row_count + len(bodies),
        )
        self.save({stream: changed})
        return changed

    def collect(
        self, stream: Stream, epoch: str, *, after_seq: int, through_seq: int, bytes_max: int
    ) -> StoredRows | DamagedRows | None:
        """Rows for one frame, or the damage that comes first, or None if there are none."""
        with closing(
            self._connection.execute(
                "SELECT seq, span, boot_id, body, sha256 FROM outbox_row"
                " WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq",
                (stream.value, after_seq, through_seq),
            )
        ) as rows:
            return collect(rows, stream, epoch, after_seq=after_seq, through_seq=through_seq, bytes_max=bytes_max)

    def oldest_kept(self, stream: Stream) -> int:
        """Lowest number still kept; 0 if none."""
        oldest: int | None = self._query("SELECT min(seq) FROM outbox_row WHERE stream = ?", stream.value)[0][0]
        return oldest or 0

    def renumber(self, stream: Stream, marks: StreamMarks) -> StreamMarks:
        """Begin a new epoch with the rows that were never offered; let go of the others."""
        rows = self._query(
            "SELECT span, boot_id, body, committed_at_ms FROM outbox_row WHERE stream = ? AND seq > ? ORDER BY seq",
            stream.value,
            marks.offered_seq,
        )
        self._connection.execute("DELETE FROM outbox_row WHERE stream = ?", (stream.value,))
        epoch, seq = new_epoch(), 1
        for span, boot_id, body, committed_at_ms in rows:
            self._put(stream, epoch, seq, body, boot_id=boot_id, now_ms=committed_at_ms, span=span)
            seq += span
        changed = replace(marks, epoch=epoch, last_seq=seq - 1, offered_seq=0, in_contact=0, acknowledged_seq=0)
        self.save({stream: changed})
        return changed

    def time_around(self, stream: Stream, first_seq: int, last_seq: int) -> tuple[int, int | None]:
        """When the rows between must have been committed: not before, not after (None: now), in milliseconds."""
        before = self._query(
            "SELECT max(committed_at_ms) FROM outbox_row WHERE stream = ? AND seq < ?", stream.value, first_seq
        )[0][0]
        after = self._query(
            "SELECT min(committed_at_ms) FROM outbox_row WHERE stream = ? AND seq > ?", stream.value, last_seq
        )[0][0]
        return before or self._query("SELECT created_at_ms FROM outbox_file")[0][0], after

    def put_gap(
        self, stream: Stream, epoch: str, damaged: DamagedRows, *, boot_id: str, body: bytes, now_ms: int
    ) -> None:
        """Replace what is left of the damaged rows by one declared gap."""
        self._connection.execute(
            "DELETE FROM outbox_row WHERE stream = ? AND seq BETWEEN ? AND ?",
            (stream.value, damaged.first_seq, damaged.last_seq),
        )
        span = damaged.last_seq - damaged.first_seq + 1
        self._put(stream, epoch, damaged.first_seq, body, boot_id=boot_id, now_ms=now_ms, span=span)

    def prunable(self, stream: Stream, acknowledged_seq: int, cutoff_ms: int, rows_max: int) -> int:
        """Last number of the acknowledged rows committed before the cutoff; 0 if there is none.

        Only from the oldest on and up to the first row to keep, so that what is kept has no hole even where the
        wall clock jumped.
        """
        oldest = self._query(
            "SELECT seq + span - 1, committed_at_ms FROM outbox_row WHERE stream = ? ORDER BY seq LIMIT ?",
            stream.value,
            rows_max,
        )
        last = 0
        for end, committed_at_ms in oldest:
            if end > acknowledged_seq or committed_at_ms >= cutoff_ms:
                break
            last = end
        return last

    def delete_through(self, stream: Stream, last_seq: int) -> None:
        """Delete rows up to and with this number."""
        self._connection.execute("DELETE FROM outbox_row WHERE stream = ? AND seq <= ?", (stream.value, last_seq))

    def damage_reported(self) -> str:
        """Name of the newest damaged file that an event has told of; empty if none has."""
        return str(self._query("SELECT damage_reported FROM outbox_file")[0][0])

    def set_damage_reported(self, name: str) -> None:
        """Note that an event in the same transaction tells of this damaged file."""
        self._connection.execute("UPDATE outbox_file SET damage_reported = ?", (name,))

    def _put(
        self, stream: Stream, epoch: str, seq: int, body: bytes, *, boot_id: str, now_ms: int, span: int = 1
    ) -> None:
        sha256 = seal(stream, epoch, seq, boot_id, body)
        self._connection.execute(_PUT, (stream.value, seq, span, boot_id, body, sha256, now_ms))

    def _query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(self._connection.execute(sql, parameters)) as cursor:
            return cursor.fetchall()
