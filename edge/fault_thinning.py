"""Repeats of one fault of one device, thinned out, so that a broken sensor can't flood the outbox. Pure."""

from dataclasses import dataclass
from typing import Final

THINNING_INTERVAL_NS: Final = 60_000_000_000
"""One report of each code in so many nanoseconds."""


@dataclass
class _Code:
    reported_ns: int
    left_out: int = 0


class FaultThinning:
    """Decides for each fault of one device whether it is reported; outlives the device's restarts."""

    def __init__(self) -> None:
        """Nothing was reported yet."""
        self._codes: dict[str, _Code] = {}

    def left_out_before(self, code: str, now_ns: int) -> int | None:
        """Number of faults of this code left out since its last report, or None if this one is left out as well.

        `now_ns` is monotonic time in nanoseconds. The first fault of a code is always reported.
        """
        seen = self._codes.get(code)
        if seen is None:
            self._codes[code] = _Code(now_ns)
            return 0
        if now_ns - seen.reported_ns < THINNING_INTERVAL_NS:
            seen.left_out += 1
            return None
        left_out, seen.left_out, seen.reported_ns = seen.left_out, 0, now_ns
        return left_out
