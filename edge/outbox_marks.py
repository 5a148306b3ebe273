"""Where a stream and its file stand, sealed: a number that the disk changed is not believed."""

import hashlib
import secrets
from dataclasses import dataclass

from edge.contracts.streams import Stream


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


@dataclass(frozen=True)
class FileMarks:
    """What a file says of itself."""

    created_at_ms: int
    """Wall clock, milliseconds since 1970."""
    damage_reported: str
    """Name of the newest damaged file beside this one that was told of; empty if none was."""
    running_ms: int
    """For how long agents have run on this file, in milliseconds of the monotonic clock."""


def new_epoch() -> str:
    """A random 64-bit epoch, as sixteen hexadecimal digits."""
    return secrets.token_hex(8)


def seal_stream(stream: Stream, marks: StreamMarks) -> bytes:
    """SHA-256 over the marks of one stream."""
    return _seal("stream", stream.value, *vars(marks).values())


def seal_file(marks: FileMarks) -> bytes:
    """SHA-256 over what a file says of itself."""
    return _seal("file", *vars(marks).values())


def seal_age(stream: Stream, seq: int, running_ms: int) -> bytes:
    """SHA-256 over one note of when rows were acknowledged."""
    return _seal("acknowledged", stream.value, seq, running_ms)


def _seal(*values: str | int) -> bytes:
    return hashlib.sha256("|".join(map(str, values)).encode()).digest()
