"""Virtual time: what is due next happens next, and between two happenings no time passes. One thread, no real clock."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from edge.clock import Stamp
from tests.simulation.oracle import BrokenPromiseError

START: Final = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
"""True wall clock time at virtual time 0."""

NS_PER_S: Final = 1_000_000_000

STEPS_MAX: Final = 20_000
"""Ten times what the longest history needs."""


class Trace:
    """What happened, for a person to read; formatted only if somebody wants it."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self.lines: list[str] = []

    def __call__(self, now_ns: int, who: str, what: str, *values: object) -> None:
        """`what` is a %-format of `values`."""
        if self._wanted:
            self.lines.append(f"{now_ns / NS_PER_S:11.6f}  {who:<12} {what % values}")


class Scheduler:
    """The one source of time and order."""

    def __init__(self, trace: Trace) -> None:
        self.now_ns = 0
        self.steps = 0
        self._trace = trace
        self._order = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []

    @property
    def now_s(self) -> float:
        """Virtual seconds since the start."""
        return self.now_ns / NS_PER_S

    @property
    def wall(self) -> datetime:
        """True wall clock time."""
        return START + timedelta(microseconds=self.now_ns // 1000)

    def at_ns(self, due_ns: int, action: Callable[[], None]) -> None:
        """Have `action` called at a virtual time; equal times in the order in which they were asked for."""
        self._order += 1
        heapq.heappush(self._due, (max(due_ns, self.now_ns), self._order, action))

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Have `action` called after a delay in virtual seconds."""
        self.at_ns(self.now_ns + int(delay_s * NS_PER_S), action)

    def run_until(self, end_s: float) -> None:
        """Let everything happen that is due before this virtual time, then stand there."""
        end_ns = int(end_s * NS_PER_S)
        while self._due and self._due[0][0] <= end_ns:
            self.now_ns, _, action = heapq.heappop(self._due)
            self.steps += 1
            if self.steps > STEPS_MAX:
                raise BrokenPromiseError(f"no end after {STEPS_MAX} steps: something goes round and round")
            action()
        self.now_ns = max(self.now_ns, end_ns)

    def trace(self, who: str, what: str, *values: object) -> None:
        """Note what happened."""
        self._trace(self.now_ns, who, what, *values)


class Process:
    """Something that can be killed: what it had planned dies with it."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.scheduler = scheduler
        self.name = name
        self.alive = False
        self._life = 0

    def start(self) -> None:
        """Begin to live, if it doesn't."""
        raise AssertionError(f"{self.name} can't start")

    def born(self) -> None:
        """A new life begins."""
        self._life += 1
        self.alive = True

    def died(self) -> None:
        """Nothing that was planned in this life will happen."""
        self._life += 1
        self.alive = False

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Have `action` called after a delay in virtual seconds, if this life lasts so long."""
        life = self._life

        def if_alive() -> None:
            if self._life == life:
                action()

        self.scheduler.after(delay_s, if_alive)

    def trace(self, what: str, *values: object) -> None:
        """Note what happened to it."""
        self.scheduler.trace(self.name, what, *values)


@dataclass
class NodeClock:
    """The clocks of one edge node. No two stamps of a node are equal in `monotonic_ns`: that names each row of it."""

    scheduler: Scheduler
    boot_id: str = "0" * 16
    wall_offset: timedelta = field(default_factory=timedelta)
    _ticks: int = 0

    def stamp(self) -> Stamp:
        """See edge.clock.Clock."""
        self._ticks += 1
        now_ns = self.scheduler.now_ns
        wall = START + timedelta(microseconds=now_ns // 1000) + self.wall_offset
        return Stamp(wall, now_ns + self._ticks)
