"""How far this machine's clock is from the gateway's, measured from the round trips of acknowledgements. Pure."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

SAMPLES_KEPT: Final = 16
"""The quickest round trip of the last sixteen is believed, as NTP's clock filter does with eight (RFC 5905 section 10):
its two ways can differ least."""


@dataclass(frozen=True)
class _Sample:
    round_trip_s: float
    offset_s: float


class ClockComparison:
    """Offset of the local wall clock: positive when it is ahead of the gateway's."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES_KEPT)
        self.offset_s: float | None = None
        """Seconds that the local clock is ahead; None before the first round trip. May be read from any thread."""

    def measured(self, sent_at: datetime, answered_at: datetime, round_trip_s: float) -> None:
        """One round trip: our wall clock when we asked, the gateway's when it answered, monotonic seconds between.

        The answer is taken to have been written half-way; so the error is at most half the round trip. Only the
        moment of asking is taken from our wall clock, so a step of it during the round trip does no harm.
        """
        offset_s = (sent_at - answered_at).total_seconds() + round_trip_s / 2
        self._samples.append(_Sample(round_trip_s, offset_s))
        self.offset_s = min(self._samples, key=lambda sample: sample.round_trip_s).offset_s
