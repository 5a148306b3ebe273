"""What happens when: a pure function of the seed, so that a run is described by its command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from medtap.chaos.clock_jump import JUMPS_S
from medtap.chaos.faults import Fault

GATEWAY: Final = "gateway"
POSTGRES: Final = "postgres"
BROKER: Final = "broker"
FRAMES: Final = "frames"

SETTLING_IN_S: Final = 2.0
"""The fleet works undisturbed for so long first, so that there is something to lose."""
PAUSE_S: Final = (0.5, 6.0)
"""From the begin of one fault to the begin of the next, if the run is long enough for that; faults may overlap."""
REST_S: Final = 0.5
"""Between two faults of one part."""

_HOLD_S: Final = {
    Fault.KILL_AGENT: (0.0, 2.0),
    Fault.STALL_AGENT: (3.0, 9.0),
    Fault.KILL_GATEWAY: (0.0, 2.0),
    Fault.KILL_BROKER: (0.0, 1.5),
    Fault.WIPE_BROKER: (0.0, 0.5),
    Fault.KILL_POSTGRES: (0.0, 1.5),
    Fault.STOP_POSTGRES: (2.0, 8.0),
    Fault.OVERFLOW_BROKER_QUEUE: (3.0, 6.0),
    Fault.CUT_AFTER_COMMIT: (2.0, 2.0),
    Fault.PARTITION: (1.0, 5.0),
    Fault.HALF_OPEN: (1.0, 3.0),
    Fault.LINK_DOWN: (1.0, 5.0),
    Fault.DUPLICATE_FRAMES: (1.5, 3.0),
    Fault.REORDER_FRAMES: (1.5, 3.0),
    Fault.CORRUPT_FRAMES: (1.0, 2.0),
    Fault.SMALL_DISK: (2.0, 5.0),
    Fault.CLOCK_JUMP: (2.0, 5.0),
    Fault.SWAP_OUTBOX: (0.0, 0.5),
    Fault.RESTORE_BACKUP: (2.0, 5.0),
}
"""How long each lasts, in seconds."""

_PARTS: Final = {
    Fault.KILL_GATEWAY: (GATEWAY,),
    Fault.OVERFLOW_BROKER_QUEUE: (GATEWAY,),
    Fault.KILL_BROKER: (BROKER,),
    Fault.WIPE_BROKER: (BROKER,),
    Fault.KILL_POSTGRES: (POSTGRES,),
    Fault.STOP_POSTGRES: (POSTGRES,),
    Fault.CUT_AFTER_COMMIT: (POSTGRES, GATEWAY),
    Fault.RESTORE_BACKUP: (POSTGRES, GATEWAY),
    Fault.DUPLICATE_FRAMES: (FRAMES,),
    Fault.REORDER_FRAMES: (FRAMES,),
    Fault.CORRUPT_FRAMES: (FRAMES,),
}
_TO_ONE_AGENT: Final = (
    Fault.KILL_AGENT,
    Fault.STALL_AGENT,
    Fault.SMALL_DISK,
    Fault.CLOCK_JUMP,
    Fault.SWAP_OUTBOX,
    Fault.LINK_DOWN,
)


@dataclass(frozen=True)
class ScheduledFault:
    """One fault, at its time."""

    at_s: float
    """Seconds after the fleet was ready."""
    hold_s: float
    """How long it lasts."""
    fault: Fault
    target: str
    """An agent's name, or the part that is hit."""
    amount: int = 0
    """Seconds that a clock jumps by; else 0."""

    def __str__(self) -> str:
        """One line for a person."""
        amount = f" by {self.amount:+d} s" if self.amount else ""
        return f"{self.at_s:7.2f} s  {self.fault} of {self.target}{amount} for {self.hold_s:.2f} s"


def make_schedule(
    seed: int, seconds: float, faults: Sequence[Fault], agents: Sequence[str]
) -> tuple[ScheduledFault, ...]:
    """Faults for a run of `seconds`, in the order of their begin; each kind comes once before any comes twice.

    Two faults of one part (one agent, the database, the gateway, ...) don't overlap; others may.
    """
    random = Random(seed)  # noqa: S311 - a run has to be repeatable
    planned: list[ScheduledFault] = []
    free_at: dict[str, float] = {}
    bag: list[Fault] = []
    mean_pause_s = min(sum(PAUSE_S) / 2, (seconds - SETTLING_IN_S) / (len(faults) + 1)) if faults else 0.0
    now = SETTLING_IN_S
    while faults and now < seconds:
        if not bag:
            bag = random.sample(faults, len(faults))
        one = _draw(random, bag.pop(), now, agents, free_at)
        if one.at_s + one.hold_s <= seconds:
            planned.append(one)
            for part in parts_of(one):
                free_at[part] = one.at_s + one.hold_s + REST_S
        now += random.uniform(0.5, 1.5) * mean_pause_s
    return tuple(sorted(planned, key=lambda one: one.at_s))


def _draw(random: Random, fault: Fault, now: float, agents: Sequence[str], free_at: dict[str, float]) -> ScheduledFault:
    target = _PARTS.get(fault, ("",))[0]
    amount = 0
    if fault in _TO_ONE_AGENT:
        # The first agent is the one with the small disk, the last one has a network of its own.
        fixed = {Fault.SMALL_DISK: agents[0], Fault.LINK_DOWN: agents[-1]}
        target = fixed.get(fault) or random.choice(agents)
    elif fault in (Fault.PARTITION, Fault.HALF_OPEN):
        target = random.choice((*agents, GATEWAY))
    if fault is Fault.CLOCK_JUMP:
        amount = random.choice(JUMPS_S)
    one = ScheduledFault(now, round(random.uniform(*_HOLD_S[fault]), 2), fault, target, amount)
    at_s = max([now, *(free_at.get(part, 0.0) for part in parts_of(one))])
    return ScheduledFault(round(at_s, 2), one.hold_s, fault, target, amount)


def parts_of(one: ScheduledFault) -> tuple[str, ...]:
    """What must not be broken twice at once."""
    return _PARTS.get(one.fault, (one.target,))
