"""Order statistics of a benchmark."""

import pytest

from medtap.bench.percentiles import percentile, summary_ms


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, 50), (0.95, 95), (0.99, 99), (0.0, 1), (1.0, 100)],
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_one_value_is_every_percentile() -> None:
    assert summary_ms("", [0.012]) == {"p50_ms": 12.0, "p95_ms": 12.0, "p99_ms": 12.0}


def test_nothing_measured_is_an_error_not_a_zero() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 0.5)
