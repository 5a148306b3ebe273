"""Events leave before readings, stuck events do not stop readings, and answers tell how far the clock is off."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from edge.contracts import topics
from edge.contracts.node_state import Birth
from edge.contracts.streams import Stream
from edge.delivery import Delivery, Outgoing
from edge.outbox import Outbox
from tests.edge.delivery_kit import SENDER, ModelGateway, SetClock, reading, scan


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: SetClock) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.sqlite3", clock, node_name="pharmacy-1", telemetry_group_rows=1)
    yield box
    box.close()


@pytest.fixture
def delivery(outbox: Outbox, clock: SetClock) -> Delivery:
    return Delivery(SENDER, outbox, clock, software_version="1", random=Random(1))  # noqa: S311 - a test


def kinds(messages: list[Outgoing]) -> list[str]:
    return [topics.parse(message.topic)[1] for message in messages]


def answered(delivery: Delivery, gateway: ModelGateway, clock: SetClock, messages: list[Outgoing]) -> None:
    """The gateway, whose clock is right, takes the messages, and its answers arrive at once."""
    for message in messages:
        for answer in gateway.take(message, clock.stamp().occurred_at - clock.wall_offset):
            delivery.received(answer.topic, answer.payload)


def test_a_connection_begins_with_birth_and_hello_and_then_events_before_readings(
    delivery: Delivery, outbox: Outbox, clock: SetClock
) -> None:
    gateway = ModelGateway()
    for number in range(1, 4):
        outbox.append_telemetry(reading(number, clock))
        outbox.append_event(scan(number, clock))
    delivery.connected()
    first = list(delivery.outgoing())
    assert kinds(first) == ["state", "hello"]
    assert first[0].retain
    assert Birth.model_validate_json(first[0].payload).edge_node == "pharmacy-1"
    answered(delivery, gateway, clock, first)
    assert kinds(list(delivery.outgoing())) == ["up/events", "up/telemetry"]


def test_readings_wait_while_events_are_moving_but_not_while_they_are_stuck(
    delivery: Delivery, outbox: Outbox, clock: SetClock
) -> None:
    gateway = ModelGateway()
    big = scan(1, clock).model_copy(update={"text": "x" * 4000})
    for _ in range(200):
        outbox.append_event(big)
    outbox.append_telemetry(reading(1, clock))
    delivery.connected()
    answered(delivery, gateway, clock, list(delivery.outgoing()))
    window = list(delivery.outgoing())
    assert set(kinds(window)) == {"up/events"}
    assert len(window) == 8
    # Nothing of it is answered: the gateway is asked, and meanwhile the readings go; then one frame of events is tried.
    clock.move(5.0)
    asked = list(delivery.outgoing())
    assert kinds(asked) == ["hello", "up/telemetry"]
    answered(delivery, gateway, clock, asked)
    assert kinds(list(delivery.outgoing())) == ["up/events"]


@pytest.mark.parametrize("seconds", [-86_400.0, -3.0, 0.0, 3.0, 365 * 86_400.0])
def test_the_answers_tell_how_far_this_machines_clock_is_off(
    delivery: Delivery, outbox: Outbox, clock: SetClock, seconds: float
) -> None:
    gateway = ModelGateway()
    clock.wall_offset = timedelta(seconds=seconds)
    assert delivery.clock_offset_s is None
    outbox.append_event(scan(1, clock))
    delivery.connected()
    for _ in range(3):
        messages = list(delivery.outgoing())
        # Half a second there, half a second back.
        clock.move(0.5)
        answers = [
            answer
            for message in messages
            for answer in gateway.take(message, clock.stamp().occurred_at - clock.wall_offset)
        ]
        clock.move(0.5)
        for answer in answers:
            delivery.received(answer.topic, answer.payload)
    assert delivery.clock_offset_s == pytest.approx(seconds, abs=1e-6)


def test_a_step_of_the_clock_during_a_round_trip_does_no_harm(
    delivery: Delivery, outbox: Outbox, clock: SetClock
) -> None:
    gateway = ModelGateway()
    delivery.connected()
    messages = list(delivery.outgoing())
    clock.wall_offset = timedelta(days=-30)
    answered(delivery, gateway, clock, messages)
    assert delivery.clock_offset_s == pytest.approx(0.0, abs=1e-6)
    assert outbox.last_seq(Stream.EVENTS) == 0
