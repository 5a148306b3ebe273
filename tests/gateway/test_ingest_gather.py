"""Small messages under load share a transaction; a message that comes alone never waits for others."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gateway.config import MqttConfig
from gateway.ingest.message import ReceivedMessage
from gateway.ingest.subscriber import Delivery
from gateway.ingest.worker import IngestWorker

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


@pytest.fixture
def worker() -> Iterator[IngestWorker]:
    """One that is not started: nothing of it is asked but its queue."""
    made = IngestWorker(MqttConfig(client_id="gateway"), [None], lambda: NOW)  # type: ignore[list-item] # commits nothing
    yield made
    made.stop()


def _arrives(worker: IngestWorker, number: int, payload: bytes = b"small") -> None:
    message = ReceivedMessage.of("medtap/v1/demo/store-1/up/events", payload, NOW)
    assert worker._take(Delivery(message, 1, number, 1))  # noqa: SLF001 - as the subscriber does


def _taken(worker: IngestWorker, expected: int) -> list[int]:
    """As the lane's thread does, after a batch of `expected`."""
    (lane,) = worker._lanes  # noqa: SLF001 - the lane's thread is not started
    lane.last_size = expected
    worker._gather(lane)  # noqa: SLF001 - see above
    taken = [each.mid for each in worker._lanes.take(lane)]  # noqa: SLF001 - see above
    worker._lanes.done(lane)  # noqa: SLF001 - see above
    return taken


def test_a_message_that_comes_alone_waits_for_nothing(worker: IngestWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    for after in (0, 1):
        _arrives(worker, after)
        assert _taken(worker, expected=after) == [after]


def test_under_load_messages_on_their_way_join_the_batch_until_no_more_come(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = [2, 3]
    monkeypatch.setattr(time, "sleep", lambda _: _arrives(worker, coming.pop(0)) if coming else None)
    _arrives(worker, 1)
    assert _taken(worker, expected=100) == [1, 2, 3]


def test_as_many_as_were_let_go_are_enough(worker: IngestWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited for what the broker cannot send yet"))
    for number in range(3):
        _arrives(worker, number)
    assert _taken(worker, expected=3) == [0, 1, 2]


def test_large_frames_are_not_gathered(worker: IngestWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    _arrives(worker, 1, b"x" * 60_000)
    assert _taken(worker, expected=100) == [1]
