"""How long a device that failed is left alone."""

import random

from edge.backoff import Backoff


def test_delays_double_up_to_their_limit_with_the_same_jitter_for_the_same_seed() -> None:
    first = Backoff(0.5, 30.0, random.Random(7))  # noqa: S311 - jitter
    second = Backoff(0.5, 30.0, random.Random(7))  # noqa: S311 - jitter
    delays = [first.next_delay_s() for _ in range(9)]
    assert delays == [second.next_delay_s() for _ in range(9)]
    for delay_s, full_s in zip(delays, (0.5, 1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert 0.75 * full_s <= delay_s <= full_s
    assert len({round(delay_s / full_s, 6) for delay_s, full_s in zip(delays, (0.5, 1, 2, 4), strict=False)}) == 4
    first.reset()
    assert first.next_delay_s() <= 0.5
