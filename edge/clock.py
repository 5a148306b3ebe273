"""Time as an edge node knows it; injected everywhere, so that tests and simulations set it."""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


@dataclass(frozen=True)
class Stamp:
    """One instant on both clocks."""

    occurred_at: datetime
    """UTC wall clock; may jump."""
    monotonic_ns: int
    """Monotonic clock in nanoseconds; never jumps, means something within one boot only."""


class Clock(Protocol):
    """What the agent needs of time."""

    @property
    def boot_id(self) -> str:
        """Sixteen hexadecimal digits: identity of this run of the monotonic clock."""
        ...

    def stamp(self) -> Stamp:
        """Now, on both clocks."""
        ...


class SystemClock:
    """The machine's clocks. One instance is one boot: a restarted agent has a new `boot_id`, which is always safe."""

    def __init__(self) -> None:
        """Draw the boot id."""
        self.boot_id = secrets.token_hex(8)

    def stamp(self) -> Stamp:
        """Now, on both clocks."""
        return Stamp(datetime.now(UTC), time.monotonic_ns())
