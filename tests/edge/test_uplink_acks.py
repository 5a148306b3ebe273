"""An acknowledgement makes an edge node let go of rows, so it is believed only whole, and only of what was sent."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from edge.contracts import topics
from edge.contracts.ack import Ack
from edge.contracts.streams import Stream
from edge.delivery import Delivery, Outgoing
from edge.outbox import Outbox
from tests.edge.delivery_kit import SENDER, ModelGateway, SetClock, meaning, scan


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: SetClock) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.sqlite3", clock, node_name="pharmacy-1", telemetry_group_rows=1)
    yield box
    box.close()


@pytest.fixture
def gateway() -> ModelGateway:
    return ModelGateway()


@pytest.fixture
def delivery(outbox: Outbox, clock: SetClock, gateway: ModelGateway) -> Delivery:
    """In contact, with nine scans sent and none of them acknowledged."""
    delivery = Delivery(SENDER, outbox, clock, software_version="1", random=Random(1))  # noqa: S311 - a test
    delivery.connected()
    for message in list(delivery.outgoing()):
        for answer in gateway.take(message, clock.stamp().occurred_at):
            delivery.received(answer.topic, answer.payload)
    for number in range(1, 10):
        outbox.append_event(scan(number, clock))
    assert [topics.parse(message.topic)[1] for message in delivery.outgoing()] == ["up/events"]
    return delivery


def _ack(outbox: Outbox, gateway: ModelGateway, clock: SetClock, mark: int) -> Ack:
    return Ack(
        stream=Stream.EVENTS,
        epoch=outbox.epoch(Stream.EVENTS),
        mark=mark,
        server_generation=gateway.books.generation,
        sent_at=clock.stamp().occurred_at,
    )


def test_an_ack_whose_mark_was_changed_on_its_way_lets_go_of_nothing(
    delivery: Delivery, outbox: Outbox, gateway: ModelGateway, clock: SetClock
) -> None:
    whole = _ack(outbox, gateway, clock, 1).to_wire()
    changed = whole.replace(b'"mark":1,', b'"mark":9,')
    assert changed != whole
    delivery.received(topics.ack(SENDER), changed)
    assert delivery.counters.acks_ignored == {"checksum": 1}
    assert outbox.marks(Stream.EVENTS).acknowledged_seq == 0
    delivery.received(topics.ack(SENDER), whole)
    assert outbox.marks(Stream.EVENTS).acknowledged_seq == 1


def test_a_word_that_more_was_taken_than_was_ever_sent_is_refused_and_the_gateway_is_asked(
    delivery: Delivery, outbox: Outbox, gateway: ModelGateway, clock: SetClock
) -> None:
    before = outbox.marks(Stream.EVENTS)
    delivery.received(topics.ack(SENDER), _ack(outbox, gateway, clock, 10).to_wire())
    assert delivery.counters.acks_ignored == {"beyond": 1}
    assert outbox.marks(Stream.EVENTS) == before
    asked = list(delivery.outgoing())
    assert [topics.parse(message.topic)[1] for message in asked] == ["hello"]
    # The gateway has none of the nine: they are sent again, under the same numbers, and arrive.
    for message in [*_after(delivery, gateway, clock, asked)]:
        _after(delivery, gateway, clock, [message])
    assert gateway.arrived(Stream.EVENTS) == [meaning(scan(number, clock)) for number in range(1, 10)]
    assert outbox.marks(Stream.EVENTS) == replace(
        before, acknowledged_seq=9, server_generation=gateway.books.generation
    )


def _after(delivery: Delivery, gateway: ModelGateway, clock: SetClock, messages: list[Outgoing]) -> list[Outgoing]:
    """What is sent next when the gateway's answers to these messages have come."""
    for message in messages:
        for answer in gateway.take(message, clock.stamp().occurred_at):
            delivery.received(answer.topic, answer.payload)
    return list(delivery.outgoing())
