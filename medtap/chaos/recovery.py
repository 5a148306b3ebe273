"""How long after the end of a fault every agent has once been without a backlog."""

import time
from collections.abc import Iterable

from medtap.chaos.agent_process import AgentProcess
from medtap.chaos.faults import Fault


class RecoveryWatch:
    """Agents write their state once a second, so figures are that coarse; faults that overlap share their pain."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, float, set[str]]] = []
        """Fault, end by the true wall clock, agents that have not been seen without backlog since."""
        self._worst_s: dict[Fault, float] = {}

    @property
    def waiting(self) -> bool:
        """True while some agent has not recovered from some fault."""
        return bool(self._waiting)

    def worst_s(self, fault: Fault) -> float | None:
        """Longest recovery from a fault of this kind, in seconds; None if some agent has not recovered."""
        if any(one is fault for one, _, _ in self._waiting):
            return None
        return self._worst_s.get(fault)

    def still(self) -> list[str]:
        """A line for each fault that some agent has not recovered from."""
        return [f"no recovery from {fault}: {', '.join(sorted(missing))}" for fault, _, missing in self._waiting]

    def ended(self, fault: Fault, agents: Iterable[str]) -> None:
        """A fault has ended just now."""
        self._waiting.append((fault, time.time(), set(agents)))

    def look(self, agents: Iterable[AgentProcess]) -> None:
        """See who is without backlog now."""
        standings = {agent.name: agent.standing() for agent in agents if agent.child.running}
        for fault, ended_at_s, missing in self._waiting:
            for name in sorted(missing):
                one = standings.get(name)
                if one is not None and one.written_at_s > ended_at_s and one.connected and not one.backlog:
                    took_s = round(one.written_at_s - ended_at_s, 2)
                    self._worst_s[fault] = max(self._worst_s.get(fault, 0.0), took_s)
                    missing.discard(name)
        self._waiting = [waiting for waiting in self._waiting if waiting[2]]
