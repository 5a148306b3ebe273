"""MQTT topics: built and parsed in one place.

    medtap/v1/{site}/{edge_node}/up/{stream}   frames, edge to gateway
    medtap/v1/{site}/{edge_node}/state         birth (retained) and death (the will, retained)
    medtap/v1/{site}/{edge_node}/hello         "tell me your marks", edge to gateway
    medtap/v1/{site}/{edge_node}/down/ack      cumulative acknowledgements, gateway to edge
    medtap/v1/{site}/{edge_node}/down/cards/{part}   the card status list, retained, gateway to edge; parts from 1

The sender stands in the topic so that a broker's access rule can bind it to the client's certificate; the gateway
compares it with what the message says of itself.
"""

import re
from dataclasses import dataclass
from typing import Final

from edge.contracts.streams import Stream

PREFIX: Final = "medtap/v1"
UP_FILTER: Final = f"{PREFIX}/+/+/up/+"
STATE_FILTER: Final = f"{PREFIX}/+/+/state"
HELLO_FILTER: Final = f"{PREFIX}/+/+/hello"

_SENDER = re.compile(r"\Amedtap/v1/([a-z0-9-]{1,63})/([a-z0-9-]{1,63})/(.+)\Z")


@dataclass(frozen=True)
class Sender:
    """Who a topic belongs to."""

    site: str
    edge_node: str


class TopicError(ValueError):
    """A topic that is not one of ours."""


def up(sender: Sender, stream: Stream) -> str:
    """Topic of the frames of one stream."""
    return f"{PREFIX}/{sender.site}/{sender.edge_node}/up/{stream.value}"


def state(sender: Sender) -> str:
    """Topic of birth and death."""
    return f"{PREFIX}/{sender.site}/{sender.edge_node}/state"


def hello(sender: Sender) -> str:
    """Topic on which an edge node asks for its marks."""
    return f"{PREFIX}/{sender.site}/{sender.edge_node}/hello"


def ack(sender: Sender) -> str:
    """Topic of the acknowledgements to one edge node."""
    return f"{PREFIX}/{sender.site}/{sender.edge_node}/down/ack"


def card_status(sender: Sender, part: int) -> str:
    """Topic of one part (from 1) of the card status list for one edge node: only its own, so that access is by node."""
    return f"{PREFIX}/{sender.site}/{sender.edge_node}/down/cards/{part}"


def card_status_filter(sender: Sender) -> str:
    """All parts of the card status list for one edge node."""
    return f"{PREFIX}/{sender.site}/{sender.edge_node}/down/cards/+"


def is_card_status(topic: str, sender: Sender) -> bool:
    """Whether a message on this topic is a part of this edge node's card status list."""
    return topic.startswith(card_status_filter(sender).removesuffix("+"))


def parse(topic: str) -> tuple[Sender, str]:
    """Split a topic into its sender and the rest (`up/events`, `state`, `hello`, `down/ack`, `down/cards/1`).

    Raises:
        TopicError: the topic does not begin with `medtap/v1/{site}/{edge_node}/`.
    """
    match = _SENDER.match(topic)
    if match is None:
        raise TopicError(f"topic {topic!r}: expected medtap/v1/{{site}}/{{edge_node}}/...")
    return Sender(match[1], match[2]), match[3]
