"""Is the sender's clock to be believed, and if not, when did it happen? Pure.

A frame's `sent_at` is compared with the moment it came in, never a row's `occurred_at`: a backlog is old, but not
suspect. A frame that may have waited in the broker while the gateway was away looks like one from a slow clock; it is
believed, unless this sender's clock was last measured to be slow.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

OFFSET_MAX_S: Final = 120.0
"""A clock farther off than this is not believed (design, section 1)."""
EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""No row is older than this system: a clock that says so was never set."""
AGE_MAX: Final = timedelta(days=400)
"""An estimate older than any outbox keeps rows is no estimate."""


@dataclass(frozen=True)
class SenderClock:
    """What one frame shows of its sender's clock."""

    suspect: bool
    offset_s: float
    """Sender's clock minus ours, in seconds, as far as is known."""
    measured: bool
    """False if the frame may have waited and shows nothing new."""


def judge_clock(
    sent_at: datetime, received_at: datetime, *, may_have_waited: bool, known_offset_s: float | None
) -> SenderClock:
    """Judge by one frame; `known_offset_s` is what was last measured of this sender."""
    offset_s = (sent_at - received_at).total_seconds()
    if sent_at < EARLIEST or offset_s > OFFSET_MAX_S:
        return SenderClock(suspect=True, offset_s=offset_s, measured=True)
    if offset_s >= -OFFSET_MAX_S:
        return SenderClock(suspect=False, offset_s=offset_s, measured=True)
    if not may_have_waited:
        return SenderClock(suspect=True, offset_s=offset_s, measured=True)
    if known_offset_s is not None and known_offset_s < -OFFSET_MAX_S:
        return SenderClock(suspect=True, offset_s=known_offset_s, measured=False)
    return SenderClock(suspect=False, offset_s=known_offset_s or 0.0, measured=False)


def all_believed(clock: SenderClock, oldest: datetime, newest: datetime, received_at: datetime) -> bool:
    """True if `settle_time` would leave every time from `oldest` to `newest` as it is."""
    return not clock.suspect and oldest >= EARLIEST and newest <= received_at + timedelta(seconds=OFFSET_MAX_S)


def settle_time(clock: SenderClock, occurred_at: datetime, received_at: datetime) -> tuple[datetime, datetime | None]:
    """When a row happened, and what the device claimed if that is something else (None: the same).

    A suspect time is moved by the clock's offset; where that gives nonsense (the clock was set in between), the moment
    of reception stands. Never later than the reception by more than a believed clock may be off.
    """
    ahead = occurred_at > received_at + timedelta(seconds=OFFSET_MAX_S)
    if not (clock.suspect or ahead or occurred_at < EARLIEST):
        return occurred_at, None
    try:
        estimate = occurred_at - timedelta(seconds=clock.offset_s) if clock.suspect else received_at
    except OverflowError:
        estimate = received_at
    if not received_at - AGE_MAX <= estimate <= received_at:
        estimate = received_at
    return max(estimate, EARLIEST), occurred_at
