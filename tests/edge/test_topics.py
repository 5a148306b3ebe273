"""Topics are built and parsed in one place, and the sender stands in each."""

import pytest

from edge.contracts import topics
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender, TopicError

SENDER = Sender("nhi-dong-1", "pharmacy-1")


@pytest.mark.parametrize(
    ("topic", "text", "rest"),
    [
        (topics.up(SENDER, Stream.EVENTS), "medtap/v1/nhi-dong-1/pharmacy-1/up/events", "up/events"),
        (topics.up(SENDER, Stream.TELEMETRY), "medtap/v1/nhi-dong-1/pharmacy-1/up/telemetry", "up/telemetry"),
        (topics.state(SENDER), "medtap/v1/nhi-dong-1/pharmacy-1/state", "state"),
        (topics.hello(SENDER), "medtap/v1/nhi-dong-1/pharmacy-1/hello", "hello"),
        (topics.ack(SENDER), "medtap/v1/nhi-dong-1/pharmacy-1/down/ack", "down/ack"),
    ],
)
def test_a_topic_is_read_as_it_was_built(topic: str, text: str, rest: str) -> None:
    assert topic == text
    assert topics.parse(topic) == (SENDER, rest)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "medtap/v1",
        "medtap/v1/site/node",
        "medtap/v1/site/node/",
        "medtap/v2/site/node/state",
        "medtap/v1//node/state",
        "medtap/v1/Site/node/state",
        "medtap/v1/si+te/node/state",
        "medtap/v1/site/#/state",
        "x/medtap/v1/site/node/state",
        f"medtap/v1/{'s' * 64}/node/state",
    ],
)
def test_a_foreign_topic_is_refused_by_name(topic: str) -> None:
    with pytest.raises(TopicError, match=r"expected medtap/v1/\{site\}/\{edge_node\}/"):
        topics.parse(topic)
