"""Birth, death and hello: what an edge node says of itself."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from edge.contracts.base import SCHEMA_VERSION, BootId, Epoch, Name, UtcDatetime, WireModel
from edge.contracts.sealed import SealedMessage
from edge.contracts.streams import Stream


class StreamState(WireModel):
    """One stream of the outbox as it stands."""

    stream: Stream
    epoch: Epoch
    oldest_kept_seq: Annotated[int, Field(ge=0)]
    """Lowest sequence number that can still be resent; 0 if the outbox is empty."""
    last_seq: Annotated[int, Field(ge=0)]
    """Highest sequence number given so far; 0 if none."""


class DeviceDeclared(WireModel):
    """A device of this node's configuration."""

    device_id: Name
    driver: Annotated[str, Field(max_length=40)]
    """Driver name, such as `ds18b20` or `llrp`."""
    description: Annotated[str, Field(max_length=200)] = ""


class Birth(WireModel):
    """Sent, retained, at every connection: who is here and with what."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["birth"] = "birth"
    site: Name
    edge_node: Name
    boot_id: BootId
    software_version: Annotated[str, Field(max_length=40)]
    sent_at: UtcDatetime
    streams: tuple[StreamState, ...]
    devices: tuple[DeviceDeclared, ...]


class Death(WireModel):
    """The will: sent, retained, by the broker when the connection ends without goodbye, or by the node at its end."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["death"] = "death"
    site: Name
    edge_node: Name
    boot_id: BootId
    planned: bool = False
    """True when the node stopped in order; a will says False."""


NodeState = Annotated[Birth | Death, Field(discriminator="kind")]
NODE_STATE: TypeAdapter[Birth | Death] = TypeAdapter(NodeState)
"""Decodes what stands on a state topic."""


class Hello(SealedMessage):
    """Asks the gateway for the marks of these streams; answered by one Ack each.

    What it says to be kept no longer may be declared lost, so it has a checksum.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    site: Name
    edge_node: Name
    boot_id: BootId
    sent_at: UtcDatetime
    streams: tuple[StreamState, ...]
