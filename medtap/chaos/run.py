"""A chaos run: a fleet, a schedule of faults, and the account at the end."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medtap.chaos.account import Account, settle
from medtap.chaos.faults import Fault, unavailable
from medtap.chaos.fleet import Fleet
from medtap.chaos.injector import Injector
from medtap.chaos.outbox_files import OutboxStream, read_outbox
from medtap.chaos.recovery import RecoveryWatch
from medtap.chaos.schedule import ScheduledFault, make_schedule
from medtap.chaos.stored_rows import read_database

SETTLE_TIMEOUT_S: Final = 180.0
"""Longest wait for the backlog at the end: half-open connections alone take two keepalives of 20 to 45 s."""
_TICK_S: Final = 0.03


@dataclass(frozen=True)
class ChaosOptions:
    """What to run."""

    seed: int
    seconds: float
    """How long faults are injected; starting, settling and counting come on top."""
    faults: Sequence[Fault]
    nodes: int = 3


@dataclass(frozen=True)
class ChaosReport:
    """What came of it."""

    account: Account
    faults: Mapping[Fault, int]
    recovery_s: Mapping[Fault, float | None]
    skipped: Mapping[Fault, str]
    dead_messages: int
    dead_rows: int

    @property
    def passed(self) -> bool:
        """Nothing lost, nothing twice."""
        return self.account.balanced

    def to_json_dict(self) -> dict[str, Any]:
        """The keys of issue 3: rows, and seconds from the end of a fault to no backlog (the worst of each kind)."""
        return {
            "generated": self.account.generated,
            "stored": self.account.stored,
            "duplicates": self.account.duplicates,
            "declared_gaps": self.account.declared_gaps,
            "undeclared_lost": self.account.undeclared_lost,
            "faults": dict(self.faults),
            "recovery_s": dict(self.recovery_s),
            "skipped": dict(self.skipped),
        }


def run_chaos(options: ChaosOptions, *, stop: threading.Event, say: Callable[[str], None]) -> ChaosReport:
    """Run it. Call from the main thread; `stop` ends the faults early, `say` gets a line for each thing that happens.

    Raises:
        ServiceError: the fleet did not come up, or did not come back.
    """
    skipped = unavailable(options.faults)
    faults = [fault for fault in options.faults if fault not in skipped]
    names = [f"node-{number}" for number in range(1, options.nodes + 1)]
    schedule = make_schedule(options.seed, options.seconds, faults, names)
    for one in schedule:
        say(str(one))
    directory = Path(tempfile.mkdtemp(prefix="medtap-chaos-"))
    fleet = Fleet(directory, names, options.seed, faults, say)
    try:
        fleet.start()
        say(f"ready; database: {fleet.dsn}")
        injector, recovery = Injector(fleet, directory), RecoveryWatch()
        _inject(fleet, injector, recovery, schedule, options.seconds, stop, say)
        _drain(fleet, recovery, say)
        streams = list(_outboxes(fleet))
        stored = read_database(fleet.dsn)
        certain = {code for agent in fleet.agents.values() for code in agent.silicon.certain()}
        delivered = {code for agent in fleet.agents.values() for code in agent.silicon.delivered}
        say(f"scanners delivered {len(delivered)} codes, {len(certain)} of them to agents that were well")
        say(f"dead letters: {stored.dead_messages} messages, {stored.dead_rows} rows")
        account = settle(streams, stored, certain)
        for remark in account.remarks:
            say(remark)
        counts = injector.counts()
        return ChaosReport(
            account,
            {fault: counts.get(fault, 0) for fault in faults},
            {fault: recovery.worst_s.get(fault) for fault in counts},
            skipped,
            stored.dead_messages,
            stored.dead_rows,
        )
    finally:
        fleet.close()
        shutil.rmtree(directory, ignore_errors=True)


def _inject(
    fleet: Fleet,
    injector: Injector,
    recovery: RecoveryWatch,
    schedule: Sequence[ScheduledFault],
    seconds: float,
    stop: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Begin and end faults at their times; look after the fleet in between."""
    began_s = time.monotonic()
    due = list(schedule)
    active: list[ScheduledFault] = []
    while True:
        now_s = time.monotonic() - began_s
        over = now_s >= seconds or stop.is_set()
        for one in [one for one in active if over or one.at_s + one.hold_s <= now_s]:
            say(f"{now_s:7.2f} s  end of {one.fault} of {one.target}")
            injector.end(one)
            active.remove(one)
            recovery.ended(one.fault, fleet.agents)
        while not over and due and due[0].at_s <= now_s:
            one = due.pop(0)
            say(f"{now_s:7.2f} s  {one.fault} of {one.target}")
            injector.begin(one)
            active.append(one)
        if over:
            return
        fleet.tend()
        recovery.look(fleet.agents.values())
        time.sleep(_TICK_S)


def _drain(fleet: Fleet, recovery: RecoveryWatch, say: Callable[[str], None]) -> None:
    """Let everything arrive: recover from the last faults, end the agents, and send what their last seconds left."""
    _wait(fleet, recovery)
    for agent in fleet.agents.values():
        agent.silicon.silence()
    for agent in fleet.agents.values():
        agent.wanted = False
        agent.silicon.disturb()
        agent.child.stop(timeout_s=15.0)
    marks = read_database(fleet.dsn).marks
    waiting = [one for one in _outboxes(fleet) if not one.taken_out and marks.get(one.epoch, 0) < one.last_seq]
    if not waiting:
        return
    say(f"{sum(one.last_seq - marks.get(one.epoch, 0) for one in waiting)} rows wait: the agents send them")
    for agent in fleet.agents.values():
        agent.configure(with_devices=False)
        agent.wanted = True
    recovery.ended(Fault.KILL_AGENT, ())
    last = RecoveryWatch()
    last.ended(Fault.KILL_AGENT, fleet.agents)
    _wait(fleet, last)
    for agent in fleet.agents.values():
        agent.wanted = False
        agent.child.stop(timeout_s=15.0)


def _wait(fleet: Fleet, recovery: RecoveryWatch) -> None:
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while recovery.waiting and time.monotonic() < deadline:
        fleet.tend()
        recovery.look(fleet.agents.values())
        time.sleep(_TICK_S)


def _outboxes(fleet: Fleet) -> Iterator[OutboxStream]:
    """Every outbox file that there has been, damaged ones that an agent set aside included."""
    for agent in fleet.agents.values():
        for file in sorted(agent.state_dir.glob("*.sqlite3")):
            yield from read_outbox(file, agent.name, taken_out="damaged" in file.name)
        for directory in agent.taken_out:
            for file in sorted(directory.glob("*.sqlite3")):
                yield from read_outbox(file, agent.name, taken_out=True)
