"""A chaos run: a fleet, a schedule of faults, and the account at the end."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from medtap.chaos.account import Account, settle
from medtap.chaos.faults import Fault, unavailable
from medtap.chaos.fleet import Fleet
from medtap.chaos.injector import Injector
from medtap.chaos.leftovers import owning
from medtap.chaos.outbox_files import OutboxStream, read_outbox
from medtap.chaos.playing import Playing
from medtap.chaos.recovery import RecoveryWatch
from medtap.chaos.schedule import ScheduledFault, make_schedule
from medtap.chaos.stored_rows import StoredRows, read_database
from medtap.services.directories import OwnedDirectory
from medtap.services.errors import ServiceError

SETTLE_TIMEOUT_S: Final = 180.0
"""Longest wait for the backlog at the end: half-open connections alone take two keepalives of 20 to 45 s."""
LAST_STARTS: Final = 3
"""How often agents are started for rows that wait: their first start may add some, such as a declared gap."""
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
    """None: some agent did not recover in time."""
    skipped: Mapping[Fault, str]
    """Faults that can't be done here, each with the reason and the mend; they count 0 in `faults`."""
    dead_messages: int
    dead_rows: int

    @property
    def passed(self) -> bool:
        """Nothing lost, nothing twice."""
        return self.account.balanced

    def to_json_dict(self) -> dict[str, Any]:
        """The keys of issue 3: rows, and seconds from a fault's end until what waited is in (worst of a kind)."""
        return {
            "generated": self.account.generated,
            "stored": self.account.stored,
            "duplicates": self.account.duplicates,
            "declared_gaps": self.account.declared_gaps,
            "undeclared_lost": self.account.undeclared_lost,
            "faults": dict(self.faults),
            "recovery_s": dict(self.recovery_s),
        }


def run_chaos(options: ChaosOptions, *, stop: threading.Event, say: Callable[[str], None]) -> ChaosReport:
    """Run it. Call from the main thread; `stop` ends the faults early, `say` gets a line for each thing that happens.

    Raises:
        ServiceError: none of the faults can be done here; the fleet did not come up, or did not come back.
    """
    with owning():
        return _run_owned(options, stop=stop, say=say)


def _run_owned(options: ChaosOptions, *, stop: threading.Event, say: Callable[[str], None]) -> ChaosReport:
    skipped = unavailable(options.faults)
    faults = [fault for fault in options.faults if fault not in skipped]
    if not faults:
        raise ServiceError(f"nothing to do: {'; '.join(f'{fault}: {reason}' for fault, reason in skipped.items())}")
    names = [f"node-{number}" for number in range(1, options.nodes + 1)]
    schedule = make_schedule(options.seed, options.seconds, faults, names)
    for one in schedule:
        say(str(one))
    owned = OwnedDirectory("medtap-chaos-")
    directory = owned.path
    fleet = Fleet(directory, names, seed=options.seed, faults=faults, say=say)
    try:
        fleet.start()
        say(f"ready; database: {fleet.dsn}")
        run = _Run(fleet, Injector(fleet, directory), say)
        run.inject(schedule, options.seconds, stop)
        run.drain()
        account, stored = run.count()
    finally:
        fleet.close()
        owned.remove()
    counts = {fault: run.injector.counts().get(fault, 0) for fault in options.faults}
    recovery_s = {fault: run.recovery.worst_s(fault) for fault, count in counts.items() if count}
    return ChaosReport(account, counts, recovery_s, skipped, stored.dead_messages, stored.dead_rows)


class _Run:
    """One run over a fleet that is up."""

    def __init__(self, fleet: Fleet, injector: Injector, say: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._say = say
        self.injector = injector
        self.recovery = RecoveryWatch()
        self._began_s = time.monotonic()

    def inject(self, schedule: Sequence[ScheduledFault], seconds: float, stop: threading.Event) -> None:
        """Begin and end faults at their times, all of them; look after the fleet in between."""
        self._began_s = began_s = time.monotonic()
        playing = Playing(schedule)
        while True:
            now_s = time.monotonic() - began_s
            over = stop.is_set() or (now_s >= seconds and playing.done)
            for one in playing.active if over else playing.over(now_s):
                self._say(f"{time.monotonic() - began_s:7.2f} s  end of {one.fault} of {one.target}")
                self.injector.end(one)
                playing.ended(one, time.monotonic() - began_s)
                self.recovery.ended(one.fault, self._fleet.agents)
            if over:
                return
            while (due := playing.next(time.monotonic() - began_s)) is not None:
                self._say(f"{time.monotonic() - began_s:7.2f} s  {due.fault} of {due.target}")
                self.injector.begin(due)
                playing.begun(due, time.monotonic() - began_s)
            self._fleet.tend()
            self.recovery.look(self._fleet.agents.values())
            time.sleep(_TICK_S)

    def drain(self) -> None:
        """Let everything arrive: recover from the last faults, end the agents, send what their last seconds left."""
        agents = self._fleet.agents.values()
        self._wait(self.recovery)
        for agent in agents:
            agent.silicon.silence()
            agent.silicon.disturb()
        self._end_agents()
        for _ in range(LAST_STARTS):
            marks = self._read_database().marks
            late = [one for one in self._outboxes() if not one.taken_out and marks.get(one.epoch, 0) < one.last_seq]
            if not late:
                return
            self._say(f"{sum(one.last_seq - marks.get(one.epoch, 0) for one in late)} rows wait for another start")
            for agent in agents:
                agent.configure(with_devices=False)
                agent.wanted = True
            last = RecoveryWatch()
            last.ended(Fault.KILL_AGENT, self._fleet.agents)
            self._wait(last)
            self._end_agents()

    def count(self) -> tuple[Account, StoredRows]:
        """The account, after `drain`."""
        stored = self._read_database()
        silicons = [agent.silicon for agent in self._fleet.agents.values()]
        delivered = {code for silicon in silicons for code in silicon.delivered}
        certain = {code: scan for silicon in silicons for code, scan in silicon.certain().items()}
        account = settle(list(self._outboxes()), stored, certain, self.injector.unrestored)
        self._say(f"scanners delivered {len(delivered)} codes, {len(certain)} of them to agents that were well")
        self._say(f"dead letters: {stored.dead_messages} messages, {stored.dead_rows} rows")
        self._say(f"the broker hung by itself {self._fleet.broker_hangs} times")
        if not account.balanced:
            for line in self._fleet.last_words():
                self._say(line)
            for code, scan in certain.items():
                if any(repr(code) in remark for remark in account.remarks):
                    self._say(
                        f"{scan.sent_at_s - self._began_s:7.2f} s  {code!r} was on the line for {scan.took_s:.3f} s"
                    )
        return account, stored

    def _read_database(self) -> StoredRows:
        self._fleet.postgres.wait_ready()
        return read_database(self._fleet.dsn)

    def _end_agents(self) -> None:
        for agent in self._fleet.agents.values():
            agent.wanted = False
            agent.child.stop(timeout_s=15.0)

    def _wait(self, recovery: RecoveryWatch) -> None:
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while recovery.waiting and time.monotonic() < deadline:
            self._fleet.tend()
            recovery.look(self._fleet.agents.values())
            time.sleep(_TICK_S)
        for line in recovery.still():
            self._say(line)

    def _outboxes(self) -> Iterator[OutboxStream]:
        """Every outbox file that there has been, damaged ones that an agent set aside included."""
        for agent in self._fleet.agents.values():
            for file in sorted(agent.state_dir.glob("*.sqlite3")):
                yield from read_outbox(file, agent.name, taken_out="damaged" in file.name)
            for directory in agent.taken_out:
                for file in sorted(directory.glob("*.sqlite3")):
                    yield from read_outbox(file, agent.name, taken_out=True)
