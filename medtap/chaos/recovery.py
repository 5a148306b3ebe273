"""How long after the end of a fault every agent has brought in what it had by then."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from medtap.chaos.agent_process import AgentProcess, Standing, StreamStanding
from medtap.chaos.faults import Fault


@dataclass
class _Waiting:
    """One fault that has ended."""

    fault: Fault
    ended_at_s: float
    """By the true wall clock."""
    missing: set[str]
    """Agents that have not recovered."""
    goals: dict[tuple[str, str], StreamStanding] = field(default_factory=dict)
    """By agent and stream: where it stood when it was first seen after the end. All of that has to be acknowledged."""


class RecoveryWatch:
    """Agents write their state once a second, so figures are that coarse; faults that overlap share their pain.

    Not "no row waits": devices go on reporting, and on a busy machine some row always waits.
    """

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._worst_s: dict[Fault, float] = {}

    @property
    def waiting(self) -> bool:
        """True while some agent has not recovered from some fault."""
        return bool(self._waiting)

    def worst_s(self, fault: Fault) -> float | None:
        """Longest recovery from a fault of this kind, in seconds; None if some agent has not recovered."""
        if any(one.fault is fault for one in self._waiting):
            return None
        return self._worst_s.get(fault)

    def still(self) -> list[str]:
        """A line for each fault that some agent has not recovered from."""
        return [f"no recovery from {one.fault}: {', '.join(sorted(one.missing))}" for one in self._waiting]

    def ended(self, fault: Fault, agents: Iterable[str]) -> None:
        """A fault has ended just now."""
        self._waiting.append(_Waiting(fault, time.time(), set(agents)))

    def look(self, agents: Iterable[AgentProcess]) -> None:
        """See who has recovered by now."""
        self.see({agent.name: agent.standing() for agent in agents if agent.child.running})

    def see(self, standings: dict[str, Standing | None]) -> None:
        """The same, from what the living agents last said of themselves."""
        for one in self._waiting:
            for name in sorted(one.missing):
                standing = standings.get(name)
                if standing is None or standing.written_at_s <= one.ended_at_s or not standing.connected:
                    continue
                if self._has_all(one, name, standing):
                    took_s = round(standing.written_at_s - one.ended_at_s, 2)
                    self._worst_s[one.fault] = max(self._worst_s.get(one.fault, 0.0), took_s)
                    one.missing.discard(name)
        self._waiting = [one for one in self._waiting if one.missing]

    @staticmethod
    def _has_all(one: _Waiting, name: str, standing: Standing) -> bool:
        for stream, now in standing.streams.items():
            goal = one.goals.get((name, stream))
            if goal is None or goal.epoch != now.epoch:
                # Seen for the first time, or with another outbox file.
                goal = one.goals[name, stream] = now
            if now.acknowledged_seq < goal.last_seq:
                return False
        return True
