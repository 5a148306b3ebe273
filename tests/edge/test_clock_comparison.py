"""How far the clock is off is measured by one thread and told by another."""

import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from edge.clock_comparison import SAMPLES_KEPT, ClockComparison

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_the_quickest_of_the_last_answers_is_believed() -> None:
    comparison = ClockComparison()
    assert comparison.offset_s is None
    comparison.measured(NOON, NOON - timedelta(seconds=3), 0.25)
    comparison.measured(NOON, NOON - timedelta(seconds=9), 2.0)
    assert comparison.offset_s == pytest.approx(3.125)
    for _ in range(SAMPLES_KEPT):
        comparison.measured(NOON, NOON - timedelta(seconds=5), 0.5)
    assert comparison.offset_s == pytest.approx(5.25)


@pytest.mark.usefixtures("restless")
def test_the_offset_may_be_asked_for_while_an_answer_comes_in() -> None:
    comparison, done = ClockComparison(), threading.Event()

    def measure() -> None:
        while not done.is_set():
            comparison.measured(NOON, NOON, 0.1)

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        for _ in range(20_000):
            assert comparison.offset_s in {None, 0.05}
    finally:
        done.set()
        thread.join()
