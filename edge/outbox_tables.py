"""The SQL of the outbox: each function works inside a transaction that its caller holds, on marks that it is given."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from edge.contracts.streams import Stream
from edge.outbox_ages import OutboxAges
from edge.outbox_connection import SqlConnection
from edge.outbox_gaps import GAPS_REMEMBERED, Gap
from edge.outbox_marks import FileMarks, StreamMarks, new_epoch, seal_file, seal_stream
from edge.outbox_rows import DamagedRows, StoredRows, as_gap, collect, encode_row, seal
from edge.outbox_space import ROW_OVERHEAD_BYTES

_PUT: Final = "INSERT INTO outbox_row VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class FileSizes:
    """Of the outbox file, its write-ahead log not counted."""

    file_bytes: int
    used_bytes: int


@dataclass(frozen=True)
class KeptRow:
    """A row, by its place."""

    seq: int
    last_seq: int
    committed_at_ms: int


class OutboxTables:
    """The four tables, over the one connection. Not locked: the outbox is."""

    def __init__(self, connection: SqlConnection) -> None:
        """Use an open, checked connection."""
        self._connection = connection
        self.ages = OutboxAges(connection)

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
            " server_generation = ?, row_count = ?, sha256 = ? WHERE stream = ?",
            [(*vars(one).values(), seal_stream(stream, one), stream.value) for stream, one in marks.items()],
        )

    def unsealed(self) -> list[str]:
        """What of the marks does not match its checksum: streams by name, and "file"."""
        marks = self.load()
        seals = self._query("SELECT stream, sha256 FROM stream")
        found = [stream for stream, sha256 in seals if sha256 != seal_stream(Stream(stream), marks[Stream(stream)])]
        sha256 = self._query("SELECT sha256 FROM outbox_file")[0][0]
        return found if sha256 == seal_file(self.load_file()) else [*found, "file"]

    def load_file(self) -> FileMarks:
        """What the file says of itself."""
        return FileMarks(*self._query("SELECT created_at_ms, damage_reported, running_ms FROM outbox_file")[0])

    def save_file(self, marks: FileMarks) -> None:
        """Write what the file says of itself."""
        self._connection.execute(
            "UPDATE outbox_file SET created_at_ms = ?, damage_reported = ?, running_ms = ?, sha256 = ?",
            (*vars(marks).values(), seal_file(marks)),
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
                "SELECT seq, boot_id, body, sha256 FROM outbox_row"
                " WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq",
                (stream.value, after_seq, through_seq),
            )
        ) as rows:
            return collect(rows, stream, epoch, after_seq=after_seq, through_seq=through_seq, bytes_max=bytes_max)

    def rows_before(self, stream: Stream, seq: int, rows_max: int) -> list[tuple[Any, ...]]:
        """Number, span, boot, body, checksum and time of the next rows below a number, newest first."""
        return self._query(
            "SELECT seq, span, boot_id, body, sha256, committed_at_ms FROM outbox_row WHERE stream = ? AND seq < ?"
            " ORDER BY seq DESC LIMIT ?",
            stream.value,
            seq,
            rows_max,
        )

    def what_is_wrong(self) -> str:
        """SQLite's own check of the whole file: its first finding; empty if there is none. Takes long.

        Not `quick_check`: that one does not see that rows stand out of order, and then others can't be found.
        """
        found = str(self._query("PRAGMA integrity_check(1)")[0][0])
        return "" if found == "ok" else found

    def oldest_kept(self, stream: Stream) -> int:
        """Lowest number still kept; 0 if none."""
        oldest: int | None = self._query("SELECT min(seq) FROM outbox_row WHERE stream = ?", stream.value)[0][0]
        return oldest or 0

    def newest_kept(self, stream: Stream) -> int:
        """Highest number still kept; 0 if none."""
        newest: int | None = self._query("SELECT max(seq) FROM outbox_row WHERE stream = ?", stream.value)[0][0]
        return newest or 0

    def waiting_since_ms(self, stream: Stream, acknowledged_seq: int) -> int | None:
        """When the oldest row that waits for the gateway was committed; None if none waits."""
        rows = self._query(
            "SELECT committed_at_ms FROM outbox_row WHERE stream = ? AND seq > ? ORDER BY seq LIMIT 1",
            stream.value,
            acknowledged_seq,
        )
        return int(rows[0][0]) if rows else None

    def sizes(self) -> FileSizes:
        """How large the file is and how much of it is in use; costs no reading."""
        page, pages, free = (
            self._query(f"PRAGMA {name}")[0][0] for name in ("page_size", "page_count", "freelist_count")
        )
        return FileSizes(file_bytes=pages * page, used_bytes=(pages - free) * page)

    def checkpoint(self) -> None:
        """Copy the write-ahead log back into the file, so that it begins anew where it stands."""
        self._query("PRAGMA wal_checkpoint(RESTART)")

    def gaps(self) -> list[tuple[Gap, int]]:
        """The newest declared gaps that are kept, with the time of their commit. Reads the whole file."""
        rows = self._query(
            "SELECT stream, seq, body, committed_at_ms FROM outbox_row WHERE instr(body, ?)"
            " ORDER BY committed_at_ms DESC LIMIT ?",
            b'"kind":"gap_declared"',
            GAPS_REMEMBERED,
        )
        return [
            (Gap(Stream(stream), seq, seq + gap.row_count - 1, gap.reason), committed_at_ms)
            for stream, seq, body, committed_at_ms in reversed(rows)
            if (gap := as_gap(body)) is not None and isinstance(committed_at_ms, int)
        ]

    def split_gap(self, stream: Stream, epoch: str, after_seq: int) -> bool:
        """If `after_seq` is inside a declared gap, make two of it; True if it was.

        A gap may be declared (or grow) over rows of which the gateway already took the first.
        """
        rows = self._query(
            "SELECT seq, boot_id, body, committed_at_ms FROM outbox_row WHERE stream = ? AND seq <= ?"
            " ORDER BY seq DESC LIMIT 1",
            stream.value,
            after_seq,
        )
        if not rows:
            return False
        seq, boot_id, body, now_ms = rows[0]
        gap, taken = as_gap(body), after_seq - seq + 1
        if gap is None or taken >= gap.row_count:
            return False
        self._connection.execute("DELETE FROM outbox_row WHERE stream = ? AND seq = ?", (stream.value, seq))
        for first, count in ((seq, taken), (after_seq + 1, gap.row_count - taken)):
            part = encode_row(gap.model_copy(update={"row_count": count}))
            self._put(stream, epoch, first, part, boot_id=boot_id, now_ms=now_ms, span=count)
        return True

    def acknowledged_rows(self, stream: Stream, acknowledged_seq: int, bytes_wanted: int) -> int:
        """Last number of the oldest acknowledged rows that take so many bytes; 0 if there is no such row."""
        last = 0
        for row in self._oldest(stream, after_seq=0, bytes_wanted=bytes_wanted):
            if row.last_seq > acknowledged_seq:
                break
            last = row.last_seq
        return last

    def waiting_rows(self, stream: Stream, acknowledged_seq: int, bytes_wanted: int) -> list[KeptRow]:
        """The oldest rows that wait and take so many bytes, without their bodies."""
        return self._oldest(stream, after_seq=acknowledged_seq, bytes_wanted=bytes_wanted)

    def body(self, stream: Stream, seq: int) -> bytes:
        """One row."""
        rows = self._query("SELECT body FROM outbox_row WHERE stream = ? AND seq = ?", stream.value, seq)
        return rows[0][0] if isinstance(rows[0][0], bytes) else b""

    def _oldest(self, stream: Stream, *, after_seq: int, bytes_wanted: int) -> list[KeptRow]:
        found: list[KeptRow] = []
        with closing(
            self._connection.execute(
                "SELECT seq, coalesce(CAST(span AS INTEGER), 1), coalesce(length(body), 0),"
                " coalesce(CAST(committed_at_ms AS INTEGER), 0) FROM outbox_row WHERE stream = ? AND seq > ?"
                " ORDER BY seq",
                (stream.value, after_seq),
            )
        ) as rows:
            for seq, span, body_bytes, committed_at_ms in rows:
                if bytes_wanted <= 0:
                    break
                bytes_wanted -= body_bytes + ROW_OVERHEAD_BYTES
                found.append(KeptRow(seq, seq + span - 1, committed_at_ms))
        return found

    def renumber(self, stream: Stream, marks: StreamMarks) -> StreamMarks:
        """Begin a new epoch with the rows that were never offered; let go of the others."""
        self.split_gap(stream, marks.epoch, marks.offered_seq)
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
        self.ages.forget_above(stream, 0)
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
        return before or self.load_file().created_at_ms, after

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

    def prunable(self, stream: Stream, through_seq: int, rows_max: int) -> int:
        """Last number of the oldest rows up to `through_seq`, at most so many rows; 0 if there is none."""
        oldest = self._query(
            "SELECT seq + coalesce(span, 1) - 1 FROM outbox_row WHERE stream = ? ORDER BY seq LIMIT ?",
            stream.value,
            rows_max,
        )
        return max((end for (end,) in oldest if end <= through_seq), default=0)

    def delete_through(self, stream: Stream, last_seq: int) -> None:
        """Delete rows up to and with this number."""
        self._connection.execute("DELETE FROM outbox_row WHERE stream = ? AND seq <= ?", (stream.value, last_seq))

    def _put(
        self, stream: Stream, epoch: str, seq: int, body: bytes, *, boot_id: str, now_ms: int, span: int = 1
    ) -> None:
        sha256 = seal(stream, epoch, seq, boot_id, body)
        self._connection.execute(_PUT, (stream.value, seq, span, boot_id, body, sha256, now_ms))

    def _query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(self._connection.execute(sql, parameters)) as cursor:
            return cursor.fetchall()
