"""A fixed rate without drift: readings at start, start + interval, start + 2 x interval, whatever each one takes."""


class FixedRate:
    """Slots of `interval_s` seconds from a start. A slot that was missed is left out, never made up for. Pure."""

    def __init__(self, interval_s: float, start_ns: int) -> None:
        """`start_ns`: monotonic time of the first slot, in nanoseconds."""
        self._interval_ns = max(round(interval_s * 1_000_000_000), 1)
        self._start_ns = start_ns

    def wait_s(self, now_ns: int) -> float:
        """Seconds from `now_ns` to the next slot; above zero, and at most the interval."""
        passed_ns = (now_ns - self._start_ns) % self._interval_ns
        return (self._interval_ns - passed_ns) / 1_000_000_000
