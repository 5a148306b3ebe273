"""The way of one patient through one clinic's queue, pure: which step may follow which, and what undoing leaves.

    waiting ──► called ──► in_room ──► done          any open state ──► left, transferred (by a mistake: withdrawn)
       ▲           └─► absent ─┐
       └───────────────────────┘                     undone: the latest step that stands is as if it had never been

A state is folded from its steps, so undoing needs no rule of its own for each step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from gateway.visits.errors import VisitRefusedError

Phase = Literal["waiting", "called", "in_room", "absent", "done", "left", "transferred", "withdrawn"]
Kind = Literal[
    "queued", "prioritised", "called", "recalled", "entered", "missed", "returned", "finished", "left", "transferred",
    "withdrawn"
]  # fmt: skip
OPEN_PHASES: Final[tuple[Phase, ...]] = ("waiting", "called", "in_room", "absent")
"""The patient is still this clinic's."""
_FROM: Final[dict[Kind, frozenset[Phase]]] = {
    "queued": frozenset(),
    "prioritised": frozenset({"waiting", "absent"}),
    "called": frozenset({"waiting", "absent"}),
    "recalled": frozenset({"called"}),
    "entered": frozenset({"called", "waiting", "absent"}),
    "missed": frozenset({"called"}),
    "returned": frozenset({"absent"}),
    "finished": frozenset({"in_room"}),
    "left": frozenset(OPEN_PHASES),
    "transferred": frozenset(OPEN_PHASES),
    "withdrawn": frozenset({"waiting"}),
}


@dataclass(frozen=True)
class Step:
    """One event of a stay in a queue."""

    event_id: UUID
    kind: Kind
    at: datetime
    room_id: str | None = None
    """Of a call or an entry."""
    priority: str | None = None
    """Of `queued` and `prioritised`."""
    ordered_at: datetime | None = None
    """Place in line, of `queued` and `returned`."""


@dataclass(frozen=True)
class Stay:
    """What the steps come to."""

    phase: Phase
    priority: str
    arrived_at: datetime
    ordered_at: datetime
    room_id: str | None = None
    times_called: int = 0
    first_called_at: datetime | None = None
    called_at: datetime | None = None
    entered_at: datetime | None = None
    ended_at: datetime | None = None


def begin(step: Step) -> Stay:
    """The stay that `queued` begins."""
    if step.kind != "queued" or step.priority is None:
        raise VisitRefusedError("visit_step", f"a stay begins with {step.kind!r}: expected 'queued'")
    return Stay("waiting", step.priority, step.at, step.ordered_at or step.at)


def take(stay: Stay, step: Step) -> Stay:
    """What the step makes of the stay.

    Raises:
        VisitRefusedError: it can't follow (`visit_step`).
    """
    if stay.phase not in _FROM[step.kind]:
        raise VisitRefusedError(
            "visit_step",
            f"{step.kind!r} of a patient who is {stay.phase!r}: look at the queue again",
            phase=stay.phase,
        )
    return _TAKE[step.kind](stay, step)


def _called(stay: Stay, step: Step) -> Stay:
    return replace(
        stay,
        phase="called",
        room_id=step.room_id or stay.room_id,
        times_called=stay.times_called + 1,
        first_called_at=stay.first_called_at or step.at,
        called_at=step.at,
    )


def _entered(stay: Stay, step: Step) -> Stay:
    return replace(stay, phase="in_room", room_id=step.room_id or stay.room_id, entered_at=step.at)


def _returned(stay: Stay, step: Step) -> Stay:
    return replace(stay, phase="waiting", room_id=None, ordered_at=step.ordered_at or step.at)


def _ended(phase: Phase) -> Callable[[Stay, Step], Stay]:
    return lambda stay, step: replace(stay, phase=phase, ended_at=step.at)


_TAKE: Final[dict[Kind, Callable[[Stay, Step], Stay]]] = {
    "prioritised": lambda stay, step: replace(stay, priority=step.priority or "none"),
    "called": _called,
    "recalled": _called,
    "entered": _entered,
    "missed": lambda stay, _step: replace(stay, phase="absent"),
    "returned": _returned,
    "finished": _ended("done"),
    "left": _ended("left"),
    "transferred": _ended("transferred"),
    "withdrawn": _ended("withdrawn"),
}


def fold(steps: Iterable[Step]) -> Stay:
    """The stay that these steps, none of them undone, come to.

    Raises:
        VisitRefusedError: a step that can't follow the one before.
    """
    rest = iter(steps)
    stay = begin(next(rest))
    for step in rest:
        stay = take(stay, step)
    return stay


def standing(steps: Iterable[Step], undone: frozenset[UUID]) -> list[Step]:
    """Those that stand, in their order."""
    return [step for step in steps if step.event_id not in undone]


def undoable(steps: list[Step]) -> Step | None:
    """The one step that can be undone: the latest that stands, but not the first, which is withdrawn instead."""
    return steps[-1] if len(steps) > 1 else None
