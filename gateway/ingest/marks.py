"""The contiguous high-water mark of a stream: locked, judged against, moved; all in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from edge.contracts.frame import Frame, Row
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from gateway.db.pool import Connection
from gateway.ingest.fast_frame import ReadingsFrame


@dataclass(frozen=True, order=True)
class StreamId:
    """One stream of one outbox file. Ordered, so that transactions lock several in one order."""

    site: str
    edge_node: str
    stream: Stream
    epoch: str

    @property
    def sender(self) -> Sender:
        """Whose it is."""
        return Sender(self.site, self.edge_node)


@dataclass(frozen=True)
class Mark:
    """Up to where a stream is committed."""

    epoch_key: int
    mark: int
    is_new: bool = False
    """True if the stream was not known before this transaction."""


class Verdict(Enum):
    """What a frame is, against the mark."""

    ACCEPT = "accept"
    DUPLICATE = "duplicate"
    GAP = "gap"


def stream_id(frame: Frame | ReadingsFrame) -> StreamId:
    """The stream that a frame belongs to."""
    header = frame.header
    return StreamId(header.site, header.edge_node, header.stream, header.epoch)


def judge_span(first_seq: int, last_seq: int, mark: int) -> Verdict:
    """What a frame of these numbers is: only what comes next is taken."""
    if first_seq > mark + 1:
        return Verdict.GAP
    return Verdict.ACCEPT if last_seq > mark else Verdict.DUPLICATE


def cut(frame: Frame, mark: int) -> Sequence[Row]:
    """Of a frame that is accepted, the rows after the mark.

    A declared gap that begins before the mark counts from the mark on; its `Row.seq` is then mark + 1.
    """
    rows = [row for row in frame.rows if row.last_seq > mark]
    first = rows[0]
    if first.seq <= mark:
        rows[0] = Row(mark + 1, first.last_seq, first.observation, first.error, first.text)
    return rows


def lock_mark(connection: Connection, stream: StreamId) -> Mark:
    """Lock the stream's mark until the transaction ends; a stream never seen begins at 0, race-safe."""
    identity = (stream.site, stream.edge_node, stream.stream.value, stream.epoch)
    locked = _select(connection, identity)
    if locked is not None:
        return locked
    inserted = connection.execute(
        "INSERT INTO ingest_mark (site, edge_node, stream, epoch) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        identity,
    )
    locked = _select(connection, identity)
    if locked is None:
        raise RuntimeError(f"ingest_mark of {stream!r} vanished between insert and select: something deletes marks")
    return Mark(locked.epoch_key, locked.mark, inserted.rowcount == 1)


def _select(connection: Connection, identity: tuple[str, str, str, str]) -> Mark | None:
    row = connection.execute(
        "SELECT epoch_key, mark FROM ingest_mark WHERE site = %s AND edge_node = %s AND stream = %s AND epoch = %s"
        " FOR UPDATE",
        identity,
    ).fetchone()
    return None if row is None else Mark(int(row[0]), int(row[1]))


def move_mark(connection: Connection, epoch_key: int, mark: int) -> None:
    """Write the new mark. The caller holds its lock."""
    connection.execute("UPDATE ingest_mark SET mark = %s, updated_at = now() WHERE epoch_key = %s", (mark, epoch_key))
