"""How long ago rows were acknowledged, in time that an agent ran: a wall clock that jumps makes no row older.

Not a time at each row but some notes: "up to this number all was acknowledged by then". A note is never earlier than
the acknowledgement, so nothing is let go of too soon; a node that was switched off keeps its rows for longer.
"""

from contextlib import closing
from typing import Any, Final

from edge.clock import Clock
from edge.contracts.streams import Stream
from edge.outbox_connection import SqlConnection
from edge.outbox_marks import seal_age

NOTES: Final = 64
"""So many notes for the time that rows are kept: they are kept for up to a part of that longer."""

SAVE_MS: Final = 3_600_000
"""Running time is written to the file with every mark, and at least so often, in milliseconds."""


class RunningTime:
    """For how long agents have worked on a file: what earlier ones noted, and this one's monotonic clock since."""

    def __init__(self, noted_ms: int, clock: Clock) -> None:
        """From now on."""
        self._noted_ms = noted_ms
        self._clock = clock
        self._began_ns = clock.stamp().monotonic_ns
        self._saved_ms = noted_ms

    @property
    def ms(self) -> int:
        """Milliseconds; a machine that was switched off (or asleep, CLOCK_MONOTONIC in clock_gettime(2)) adds none."""
        return self._noted_ms + max(self._clock.stamp().monotonic_ns - self._began_ns, 0) // 1_000_000

    @property
    def save_due(self) -> bool:
        """True once an hour: so much a crash may cost (rows are then kept for longer)."""
        return self.ms - self._saved_ms >= SAVE_MS

    def saved(self) -> None:
        """It stands in the file."""
        self._saved_ms = self.ms


class OutboxAges:
    """The table of these notes. Each function works inside a transaction that its caller holds."""

    def __init__(self, connection: SqlConnection) -> None:
        """Use an open connection."""
        self._connection = connection
        self._newest_notes: dict[Stream, tuple[int, int] | None] = {}

    def note_due(self, stream: Stream, acknowledged_seq: int, running_ms: int, keep_ms: int) -> bool:
        """True if there is something to note, and the newest note is old enough."""
        newest = self._newest(stream)
        if newest is None:
            return acknowledged_seq > 0
        seq, noted_ms = newest
        return acknowledged_seq > seq and running_ms - noted_ms >= keep_ms // NOTES

    def note(self, stream: Stream, acknowledged_seq: int, running_ms: int) -> None:
        """Everything up to `acknowledged_seq` is acknowledged by now."""
        self._newest_notes.pop(stream, None)
        sha256 = seal_age(stream, acknowledged_seq, running_ms)
        self._connection.execute(
            "INSERT OR REPLACE INTO acknowledged_at VALUES (?, ?, ?, ?)",
            (stream.value, acknowledged_seq, running_ms, sha256),
        )

    def acknowledged_by(self, stream: Stream, running_ms: int) -> int:
        """Highest number that was acknowledged by then; 0 if none was. A note that the disk changed says nothing."""
        if running_ms < 0:
            return 0
        notes = self._query(
            "SELECT seq, running_ms, sha256 FROM acknowledged_at WHERE stream = ? AND running_ms <= ?",
            stream.value,
            running_ms,
        )
        return max((seq for seq, ms, sha256 in notes if sha256 == seal_age(stream, seq, ms)), default=0)

    def reaches_above(self, stream: Stream, seq: int) -> bool:
        """True if a note speaks of rows above this number."""
        newest = self._newest(stream)
        return newest is not None and newest[0] > seq

    def forget_above(self, stream: Stream, seq: int) -> None:
        """The mark went back: what is above it has to be acknowledged again."""
        self._newest_notes.pop(stream, None)
        self._connection.execute("DELETE FROM acknowledged_at WHERE stream = ? AND seq > ?", (stream.value, seq))

    def forget_below(self, stream: Stream, seq: int) -> None:
        """A later note is old enough itself, so these say nothing more."""
        self._newest_notes.pop(stream, None)
        self._connection.execute("DELETE FROM acknowledged_at WHERE stream = ? AND seq < ?", (stream.value, seq))

    def _newest(self, stream: Stream) -> tuple[int, int] | None:
        if stream not in self._newest_notes:
            rows = self._query(
                "SELECT seq, running_ms FROM acknowledged_at WHERE stream = ? ORDER BY seq DESC LIMIT 1", stream.value
            )
            self._newest_notes[stream] = rows[0] if rows else None
        return self._newest_notes[stream]

    def _query(self, sql: str, *parameters: object) -> list[Any]:
        with closing(self._connection.execute(sql, parameters)) as cursor:
            return cursor.fetchall()
