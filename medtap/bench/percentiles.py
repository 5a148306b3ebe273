"""Order statistics of a benchmark."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed (nearest rank).

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no values: nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary_ms(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """`{name}_p50_ms`, `_p95_ms` and `_p99_ms` of times in seconds; an empty name gives `p50_ms` and so on."""
    prefix = f"{name}_" if name else ""
    return {
        f"{prefix}p{int(share * 100)}_ms": round(percentile(seconds, share) * 1000, 2) for share in (0.5, 0.95, 0.99)
    }
