"""From a message to what it says, or to the reason why it says nothing. No I/O.

The topic names the sender (a broker's access rule can bind it to the client's certificate); what the message says of
itself must be the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

import pydantic

from edge.contracts import topics
from edge.contracts.base import FRAME_BYTES_MAX
from edge.contracts.frame import Frame, FrameError, decode_frame, describe
from edge.contracts.node_state import NODE_STATE, Birth, Death, Hello
from edge.contracts.sealed import WireError, unseal
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender, TopicError
from gateway.ingest.fast_frame import ReadingsFrame, decode_readings
from gateway.ingest.message import ReceivedMessage

_Model = TypeVar("_Model")

SEQ_MAX: Final = 2**62
"""Sequence numbers are kept as PostgreSQL bigint; at a million rows a second this lasts 146,000 years."""


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A frame from whom its topic names. Single rows in it may still be bad."""

    message: ReceivedMessage
    sender: Sender
    frame: Frame | ReadingsFrame


@dataclass(frozen=True)
class StateReceived:
    """A birth or a death."""

    message: ReceivedMessage
    sender: Sender
    state: Birth | Death


@dataclass(frozen=True)
class HelloReceived:
    """Someone asks for the marks."""

    message: ReceivedMessage
    sender: Sender
    hello: Hello


@dataclass(frozen=True)
class Rejected:
    """A message that is not understood as a whole, or not from whom it should be."""

    message: ReceivedMessage
    sender: Sender | None
    stream: Stream | None
    code: str
    reason: str


Decoded = FrameReceived | StateReceived | HelloReceived | Rejected


class _RejectedError(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def decode(message: ReceivedMessage) -> Decoded:
    """Never raises: what can't be understood is `Rejected`."""
    sender, stream = None, None
    try:
        sender, rest = _parse(message.topic)
        if rest in ("up/events", "up/telemetry"):
            stream = Stream(rest.removeprefix("up/"))
            return FrameReceived(message, sender, _frame(message, sender, stream))
        if rest == "state":
            state = _validate(NODE_STATE, message)
            _check_sender(sender, state.site, state.edge_node)
            return StateReceived(message, sender, state)
        if rest == "hello":
            hello = _validate(pydantic.TypeAdapter(Hello), message, unseal)
            _check_sender(sender, hello.site, hello.edge_node)
            return HelloReceived(message, sender, hello)
    except (TopicError, WireError, _RejectedError) as error:
        return Rejected(message, sender, stream, getattr(error, "code", "topic"), str(error))
    except Exception as error:  # noqa: BLE001 - hostile input; whatever breaks a decoder is the message's fault
        reason = f"message can't be decoded: {type(error).__name__}: {error!s:.200}"
        return Rejected(message, sender, stream, "malformed", reason)
    expected = "up/events, up/telemetry, state or hello"
    return Rejected(message, sender, None, "topic", f"topic {message.topic!r}: got {rest!r}, expected {expected}")


@lru_cache(maxsize=4096)
def _parse(topic: str) -> tuple[Sender, str]:
    """Every message of a sender comes on the same few topics."""
    return topics.parse(topic)


def _frame(message: ReceivedMessage, sender: Sender, stream: Stream) -> Frame | ReadingsFrame:
    _check_size(message)
    frame = decode_readings(message.payload) or decode_frame(message.payload)
    header = frame.header
    _check_sender(sender, header.site, header.edge_node)
    if header.stream != stream:
        raise _RejectedError("sender_mismatch", f"frame of stream {header.stream.value!r} on {message.topic!r}")
    if frame.last_seq > SEQ_MAX:
        raise _RejectedError("malformed", f"frame ends at sequence number {frame.last_seq}: expected at most {SEQ_MAX}")
    return frame


def _check_size(message: ReceivedMessage) -> None:
    if message.payload_bytes > FRAME_BYTES_MAX:
        raise FrameError("oversized", f"message of {message.payload_bytes} bytes: expected at most {FRAME_BYTES_MAX}")


def _check_sender(sender: Sender, site: str, edge_node: str) -> None:
    if (site, edge_node) != (sender.site, sender.edge_node):
        raise _RejectedError(
            "sender_mismatch",
            f"message says it is from {site}/{edge_node}, but came on the topic of {sender.site}/{sender.edge_node}",
        )


def _validate(
    adapter: pydantic.TypeAdapter[_Model], message: ReceivedMessage, opened: Callable[[bytes], bytes] = bytes
) -> _Model:
    _check_size(message)
    try:
        return adapter.validate_json(opened(message.payload))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        if first["loc"][-1:] == ("schema_version",):
            raise _RejectedError("schema_version", f"message is of another version: {describe(error)}") from None
        code = "not_json" if first["type"] == "json_invalid" else "malformed"
        raise _RejectedError(code, f"message is malformed: {describe(error)}") from None
