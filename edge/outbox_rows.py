"""Rows as the outbox keeps them: encoded once, sealed with a checksum, read back in runs that fit a frame."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pydantic

from edge.contracts.base import FRAME_BYTES_MAX
from edge.contracts.observations import OBSERVATION, DeviceFaulted, Event, GapDeclared, Telemetry
from edge.contracts.streams import Stream
from edge.outbox_connection import corrupt

FRAME_ROOM_BYTES: Final = 1024
"""Kept free in a frame for its header and checksum: the longest header (two names of 63 characters) takes 420 bytes."""

ROWS_BYTES_MAX: Final = FRAME_BYTES_MAX - FRAME_ROOM_BYTES
"""Bytes of rows, commas between them included, that always fit into one frame."""


_GAP_MARKER: Final = b'"kind":"gap_declared"'

ROWS_MISSING: Final = "rows are missing from the outbox file"

NO_ROOM: Final = "the outbox was full: the oldest readings were dropped"
"""Reason of a gap that was declared to make room."""

NOT_KEPT: Final = "rows are not kept any more: acknowledged once, and then too old, or in the way of new ones"
"""Reason of a gap where a restored database asks for what the node has let go of."""


class RowTooLargeError(ValueError):
    """An observation that fits into no frame: it could never be sent and would block all after it, so it is refused."""


@dataclass(frozen=True)
class StoredRows:
    """Consecutive rows of one stream, one epoch and one boot."""

    epoch: str
    boot_id: str
    first_seq: int
    last_seq: int
    bodies: tuple[bytes, ...]


@dataclass(frozen=True)
class DamagedRows:
    """Rows that are away, or not what was written: the numbers `first_seq` to `last_seq` have to be declared a gap."""

    first_seq: int
    last_seq: int
    reason: str


RawRow = tuple[Any, Any, Any, Any]
"""seq, boot_id, body, sha256, as the disk has them."""


def encode_row(observation: Event | Telemetry | GapDeclared) -> bytes:
    """The row as it goes on the wire.

    Raises:
        RowTooLargeError: no frame can take it.
    """
    body = observation.model_dump_json().encode()
    if len(body) > ROWS_BYTES_MAX:
        raise RowTooLargeError(
            f"{observation.kind} of {observation.device_id!r}: {len(body)} bytes, expected at most {ROWS_BYTES_MAX}"
        )
    return body


def as_gap(body: object) -> GapDeclared | None:
    """The declared gap that a row is; None if it is another row, or not readable."""
    if not isinstance(body, bytes) or _GAP_MARKER not in body:
        return None
    try:
        return GapDeclared.model_validate_json(body)
    except pydantic.ValidationError:
        return None


def times_of(body: bytes, otherwise: datetime) -> tuple[datetime, datetime]:
    """Oldest and newest device time that a row stands for; `otherwise` if it is not readable."""
    try:
        row = OBSERVATION.validate_json(body)
    except pydantic.ValidationError:
        return otherwise, otherwise
    if isinstance(row, GapDeclared):
        return row.oldest_occurred_at, row.newest_occurred_at
    return row.occurred_at, row.occurred_at


def seal(stream: Stream, epoch: str, seq: int, boot_id: str, body: bytes) -> bytes:
    """SHA-256 over a row and its place, so that neither a flipped bit nor a row in the wrong place goes unseen."""
    return hashlib.sha256(b"%s|%s|%d|%s|%s" % (stream.encode(), epoch.encode(), seq, boot_id.encode(), body)).digest()


def is_whole(stream: Stream, epoch: str, row: RawRow) -> bool:
    """True if the row is as it was written: the disk may have changed even what kind of value stands in a column."""
    seq, boot_id, body, sha256 = row
    if not (isinstance(seq, int) and isinstance(boot_id, str) and isinstance(body, bytes)):
        return False
    return bool(sha256 == seal(stream, epoch, seq, boot_id, body))


def span_of(body: bytes) -> int:
    """Numbers that a whole row stands for: its body is sealed, the column `span` is not."""
    gap = as_gap(body)
    return 1 if gap is None else gap.row_count


def collect(
    rows: Iterable[RawRow], stream: Stream, epoch: str, *, after_seq: int, through_seq: int, bytes_max: int
) -> StoredRows | DamagedRows | None:
    """The longest run after `after_seq` that fits into `bytes_max` and has one boot; or the damage that comes first.

    `rows` ascend and end at `through_seq`, up to where every number has been given.

    Raises:
        sqlite3.DatabaseError: a number is none.
    """
    bodies: list[bytes] = []
    expected, boot, size = after_seq + 1, "", 0
    for seq, boot_id, body, sha256 in rows:
        if not isinstance(seq, int):
            raise corrupt(f"{stream.value}: a row has the number {seq!r}")
        if seq < expected:
            # Covered by the declared gap before it (a gap declared anew after a second restore may overlap).
            continue
        damage = ""
        if seq > expected:
            damage, last = ROWS_MISSING, seq - 1
        elif not is_whole(stream, epoch, (seq, boot_id, body, sha256)):
            damage, last = "a row in the outbox file does not match its checksum", seq
        if damage:
            if bodies:
                break
            return DamagedRows(expected, last, damage)
        size += len(body) + 1
        if bodies and (boot_id != boot or size > bytes_max):
            break
        boot = boot_id
        bodies.append(body)
        expected = seq + span_of(body)
    if not bodies:
        missing = expected <= through_seq
        return DamagedRows(expected, through_seq, ROWS_MISSING) if missing else None
    return StoredRows(epoch, boot, after_seq + 1, expected - 1, tuple(bodies))


def declare_gap(
    node_name: str,
    *,
    row_count: int,
    reason: str,
    occurred_at: datetime,
    monotonic_ns: int,
    oldest: datetime,
    newest: datetime,
) -> GapDeclared:
    """The row that stands for `row_count` rows that can't be sent any more."""
    return GapDeclared(
        device_id=node_name,
        occurred_at=occurred_at,
        monotonic_ns=monotonic_ns,
        row_count=row_count,
        reason=reason,
        oldest_occurred_at=min(oldest, newest),
        newest_occurred_at=newest,
    )


def report(node_name: str, detail: str, *, occurred_at: datetime, monotonic_ns: int) -> bytes:
    """An event by which an outbox tells of itself, as it goes on the wire."""
    event = DeviceFaulted(
        device_id=node_name,
        occurred_at=occurred_at,
        monotonic_ns=monotonic_ns,
        code="reports_lost",
        detail=detail[:500],
    )
    return encode_row(event)


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970."""
    return int(time.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    """The time of so many milliseconds since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)
