"""The contiguous high-water mark of a stream: locked, judged against, moved; all in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from edge.contracts.frame import Frame, Row
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from gateway.db.pool import Connection
from gateway.ingest.fast_frame import ReadingsFrame


class StreamId(NamedTuple):
    """One stream of one outbox file. Ordered, so that transactions lock several in one order."""

    site: str
    edge_node: str
    stream: Stream
    epoch: str

    @property
    def sender(self) -> Sender:
        """Whose it is."""
        return Sender(self.site, self.edge_node)


@dataclass(frozen=True, slots=True)
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


def lock_marks(connection: Connection, streams: Sequence[StreamId]) -> dict[StreamId, Mark]:
    """Lock the streams' marks, in the order given, until the transaction ends; one never seen begins at 0."""
    locked = _select(connection, streams)
    unknown = [stream for stream in streams if stream not in locked]
    if not unknown:
        return locked
    inserted = connection.execute(
        "INSERT INTO ingest_mark (site, edge_node, stream, epoch) SELECT * FROM unnest(%s::text[], %s::text[],"
        " %s::text[], %s::text[]) ON CONFLICT DO NOTHING RETURNING epoch_key",
        _columns(unknown),
    ).fetchall()
    new = {int(row[0]) for row in inserted}
    for stream, mark in _select(connection, unknown).items():
        locked[stream] = replace(mark, is_new=mark.epoch_key in new)
    missing = [stream for stream in unknown if stream not in locked]
    if missing:
        raise RuntimeError(f"ingest_mark of {missing!r} vanished between insert and select: something deletes marks")
    return locked


def _select(connection: Connection, streams: Sequence[StreamId]) -> dict[StreamId, Mark]:
    rows = connection.execute(
        "SELECT place, epoch_key, mark FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY"
        " AS asked (site, edge_node, stream, epoch, place) JOIN ingest_mark USING (site, edge_node, stream, epoch)"
        " ORDER BY place FOR UPDATE OF ingest_mark",
        _columns(streams),
    )
    return {streams[place - 1]: Mark(int(key), int(mark)) for place, key, mark in rows}


def _columns(streams: Sequence[StreamId]) -> list[list[str]]:
    return [
        [each.site for each in streams],
        [each.edge_node for each in streams],
        [each.stream.value for each in streams],
        [each.epoch for each in streams],
    ]


def move_marks(connection: Connection, marks: Sequence[Mark]) -> None:
    """Write the new marks. The caller holds their locks."""
    if marks:
        connection.execute(
            "UPDATE ingest_mark SET mark = moved.mark, updated_at = now()"
            " FROM unnest(%s::int[], %s::bigint[]) AS moved (epoch_key, mark)"
            " WHERE ingest_mark.epoch_key = moved.epoch_key",
            ([mark.epoch_key for mark in marks], [mark.mark for mark in marks]),
        )
