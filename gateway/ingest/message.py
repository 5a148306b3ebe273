"""A message as MQTT delivered it, with the moment of its arrival."""

from datetime import datetime
from typing import Final, NamedTuple

from edge.contracts.base import FRAME_BYTES_MAX

KEPT_BYTES_MAX: Final = FRAME_BYTES_MAX + 1
"""No more of a message is kept: one byte more than the largest frame is enough to refuse it, and bounds the memory."""


class ReceivedMessage(NamedTuple):
    """One message."""

    topic: str
    payload: bytes
    """At most `KEPT_BYTES_MAX` bytes of it."""
    payload_bytes: int
    """Its true length."""
    received_at: datetime
    """The gateway's clock when it came in."""
    may_have_waited: bool = False
    """True if it may have stood in the broker's queue: then its `sent_at` says nothing of the sender's clock."""

    @classmethod
    def of(
        cls, topic: str, payload: bytes, received_at: datetime, *, may_have_waited: bool = False
    ) -> "ReceivedMessage":
        """Cut the payload to what is kept."""
        return cls(topic, payload[:KEPT_BYTES_MAX], len(payload), received_at, may_have_waited)
