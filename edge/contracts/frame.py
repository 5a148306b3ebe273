"""A frame: consecutive rows of one stream, with a checksum over its own text.

On the wire a frame is one JSON object whose last member is the checksum (`sealed.py`), without any white space:

    {"schema_version":1, ... ,"rows":[{...},{...}],"sha256":"<64 hexadecimal digits>"}
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from edge.contracts.base import FRAME_BYTES_MAX, SCHEMA_VERSION, BootId, Epoch, Name, UtcDatetime, WireModel
from edge.contracts.observations import OBSERVATION, Event, GapDeclared, Telemetry, seq_span
from edge.contracts.sealed import SEAL_BYTES, WireError, seal, unseal
from edge.contracts.streams import Stream


class FrameError(WireError):
    """A frame that cannot be trusted or understood as a whole."""


class FrameHeader(WireModel):
    """All of a frame but its rows."""

    schema_version: Literal[1] = SCHEMA_VERSION
    site: Name
    edge_node: Name
    stream: Stream
    epoch: Epoch
    boot_id: BootId
    """Boot of the monotonic times of all rows: a frame never spans two boots."""
    first_seq: Annotated[int, Field(ge=1)]
    sent_at: UtcDatetime


class _Frame(FrameHeader):
    rows: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


@dataclass(frozen=True)
class Row:
    """One numbered row: understood (`observation`) or not (`error`), and then `text` is what stood there."""

    seq: int
    """First (and, but for a declared gap, only) sequence number of the row."""
    last_seq: int
    observation: Event | Telemetry | GapDeclared | None
    error: str = ""
    text: str = ""


@dataclass(frozen=True)
class Frame:
    """A decoded frame: `rows` are consecutive, beginning at `header.first_seq`."""

    header: FrameHeader
    rows: tuple[Row, ...]

    @property
    def last_seq(self) -> int:
        """Sequence number of the last row."""
        return self.rows[-1].last_seq


def encode_frame(header: FrameHeader, rows_json: Sequence[bytes]) -> bytes:
    """The frame's bytes, from rows already encoded (an outbox keeps them so).

    Raises:
        FrameError: no row (`malformed`), or larger than 64 kB (`oversized`).
    """
    if not rows_json:
        raise FrameError("malformed", "a frame has at least one row, got none")
    head = header.model_dump_json().encode()
    payload = seal(head[:-1] + b',"rows":[' + b",".join(rows_json) + b"]}")
    if len(payload) > FRAME_BYTES_MAX:
        raise FrameError("oversized", f"frame of {len(payload)} bytes: expected at most {FRAME_BYTES_MAX}")
    return payload


def encoded_size(header: FrameHeader, rows_bytes: int, row_count: int) -> int:
    """Bytes that `encode_frame` would give for rows of `rows_bytes` bytes in all."""
    return len(header.model_dump_json()) + len(',"rows":[]') + rows_bytes + max(row_count - 1, 0) + SEAL_BYTES - 1


def decode_frame(payload: bytes) -> Frame:
    """Check and decode a frame. A row that is not understood becomes a `Row` with its error; the frame stands.

    Raises:
        FrameError: larger than 64 kB, checksum missing or wrong, not JSON, another schema version, malformed.
    """
    if len(payload) > FRAME_BYTES_MAX:
        raise FrameError("oversized", f"frame of {len(payload)} bytes: expected at most {FRAME_BYTES_MAX}")
    try:
        unseal(payload)
    except WireError as error:
        raise FrameError(error.code, str(error)) from None
    try:
        frame = _Frame.model_validate_json(payload)
    except pydantic.ValidationError as error:
        raise FrameError(*_why(error)) from None
    header = FrameHeader.model_construct(**{name: getattr(frame, name) for name in FrameHeader.model_fields})
    return Frame(header, tuple(_number_rows(frame.first_seq, frame.rows)))


def _number_rows(first_seq: int, rows: Sequence[dict[str, Any]]) -> Iterator[Row]:
    seq = first_seq
    for raw in rows:
        try:
            observation = OBSERVATION.validate_python(raw)
        except pydantic.ValidationError as error:
            yield Row(seq, seq, None, describe(error), repr(raw))
            seq += 1
            continue
        span = seq_span(observation)
        yield Row(seq, seq + span - 1, observation)
        seq += span


def _why(error: pydantic.ValidationError) -> tuple[str, str]:
    """Code and message for a frame that does not validate."""
    first = error.errors()[0]
    if first["loc"] == ("schema_version",):
        got = first["input"] if first["type"] != "missing" else None
        return "schema_version", f"frame of schema version {got!r}: expected {SCHEMA_VERSION}; upgrade the older side"
    if first["type"] == "json_invalid":
        return "not_json", f"frame is not JSON: {first['msg']}"
    return "malformed", f"frame is malformed: {describe(error)}"


def describe(error: pydantic.ValidationError) -> str:
    """First fault of a validation, in one line: where, what was got, what was expected."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "message"
    return f"{where}: got {first['input']!r:.100}: {first['msg']}"[:500]
