"""The gateway's cumulative acknowledgement: all rows up to `mark` are committed in its database."""

from typing import Annotated, Literal

from pydantic import Field

from edge.contracts.base import SCHEMA_VERSION, Epoch, UtcDatetime
from edge.contracts.sealed import SealedMessage
from edge.contracts.streams import Stream


class Ack(SealedMessage):
    """Read back from committed rows, never promised ahead. Only on this may an edge node let go of a row."""

    schema_version: Literal[1] = SCHEMA_VERSION
    stream: Stream
    epoch: Epoch
    mark: Annotated[int, Field(ge=0)]
    """Highest sequence number up to which every row is committed; 0 if none is."""
    server_generation: Annotated[str, Field(pattern=r"\A[0-9a-f]{32}\z")]
    """Identity of the database: changes when an older backup was restored, and then the mark may go back."""
    sent_at: UtcDatetime
    """The gateway's clock when the acknowledgement was sent."""
    answers_sent_at: UtcDatetime | None = None
    """`sent_at` of the frame or hello that this answers, as the edge node gave it: half of a clock comparison."""
