"""Does what the schedule says to the fleet, and undoes it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from gateway.db.backup import back_up, restore
from gateway.errors import BackupError
from medtap.chaos.agent_process import AgentProcess
from medtap.chaos.faults import Fault
from medtap.chaos.fleet import Fleet
from medtap.chaos.schedule import ScheduledFault
from medtap.chaos.stored_rows import StoredRow, read_database
from medtap.services.errors import ServiceError

_FRAME_FAULTS = (Fault.DUPLICATE_FRAMES, Fault.REORDER_FRAMES, Fault.CORRUPT_FRAMES)


class Injector:
    """Each fault has a begin and an end; between them others may begin."""

    def __init__(self, fleet: Fleet, directory: Path) -> None:
        """Act on `fleet`; backups go to `directory`."""
        self._fleet = fleet
        self._directory = directory
        self._done: Counter[Fault] = Counter()
        self.unrestored: list[StoredRow] = []
        """Scans that stood in the database before an older backup was restored."""

    def counts(self) -> dict[Fault, int]:
        """How often each fault really took place: frames that were hit, connections that were cut, else injections."""
        counts = dict(self._done)
        for fault in _FRAME_FAULTS:
            if fault in counts:
                counts[fault] = self._fleet.frames.hit[fault]
        if Fault.CUT_AFTER_COMMIT in counts:
            counts[Fault.CUT_AFTER_COMMIT] = self._fleet.cutter.cuts
        return counts

    def begin(self, one: ScheduledFault) -> None:
        """Do it."""
        self._done[one.fault] += 1
        fleet = self._fleet
        if one.fault in _FRAME_FAULTS:
            fleet.frames.active.add(one.fault)
        elif one.target in fleet.agents and one.fault not in (Fault.PARTITION, Fault.HALF_OPEN):
            self._hit_agent(fleet.agents[one.target], one)
        else:
            self._parts(one)[0]()

    def end(self, one: ScheduledFault) -> None:
        """Undo it."""
        fleet = self._fleet
        if one.fault in _FRAME_FAULTS:
            fleet.frames.active.discard(one.fault)
        elif one.target in fleet.agents and one.fault not in (Fault.PARTITION, Fault.HALF_OPEN):
            self._heal_agent(fleet.agents[one.target], one.fault)
        else:
            self._parts(one)[1]()

    def _parts(self, one: ScheduledFault) -> tuple[Callable[[], None], Callable[[], None]]:
        """Begin and end of a fault of something other than one agent."""
        fleet = self._fleet
        postgres, proxy = fleet.postgres, fleet.proxy_of(one.target)
        backup = self._directory / f"backup-{self._done[Fault.RESTORE_BACKUP]}"
        return {
            Fault.KILL_GATEWAY: (fleet.kill_gateway, self._want_gateway),
            Fault.OVERFLOW_BROKER_QUEUE: (fleet.kill_gateway, self._want_gateway),
            Fault.KILL_BROKER: (self._kill_broker, self._want_broker),
            Fault.WIPE_BROKER: (self._kill_broker, self._want_broker),
            Fault.KILL_POSTGRES: (postgres.kill, fleet.restart_postgres),
            Fault.STOP_POSTGRES: (postgres.halt, fleet.restart_postgres),
            Fault.CUT_AFTER_COMMIT: (self._arm, self._disarm),
            Fault.PARTITION: (proxy.freeze, proxy.thaw),
            Fault.HALF_OPEN: (lambda: self._bury(one), proxy.thaw),
            Fault.RESTORE_BACKUP: (lambda: self._back_up(backup), lambda: self._restore(backup)),
        }[one.fault]

    def _hit_agent(self, agent: AgentProcess, one: ScheduledFault) -> None:
        if one.fault is Fault.CLOCK_JUMP and agent.clock is not None:
            agent.clock.set_offset(one.amount)
        elif one.fault is Fault.LINK_DOWN and agent.network is not None:
            agent.network.pull()
        elif one.fault is Fault.SMALL_DISK and agent.disk is not None:
            agent.trouble()
            agent.disk.fill()
        elif one.fault is Fault.STALL_AGENT:
            agent.stall()
        else:
            agent.wanted = False
            agent.kill()
            if one.fault is Fault.SWAP_OUTBOX:
                agent.swap_outbox()

    def _heal_agent(self, agent: AgentProcess, fault: Fault) -> None:
        if fault is Fault.CLOCK_JUMP and agent.clock is not None:
            agent.clock.set_offset(0)
        elif fault is Fault.LINK_DOWN and agent.network is not None:
            agent.network.plug()
        elif fault is Fault.SMALL_DISK and agent.disk is not None:
            agent.disk.free()
            agent.relief()
        elif fault is Fault.STALL_AGENT:
            agent.go_on()
        else:
            agent.wanted = True

    def _want_gateway(self) -> None:
        self._fleet.gateway_wanted = True

    def _kill_broker(self) -> None:
        self._fleet.broker_wanted = False
        self._fleet.broker.kill()

    def _want_broker(self) -> None:
        self._fleet.broker_wanted = True

    def _arm(self) -> None:
        self._fleet.cutter.armed = True

    def _disarm(self) -> None:
        self._fleet.cutter.armed = False

    def _bury(self, one: ScheduledFault) -> None:
        proxy = self._fleet.proxy_of(one.target)
        proxy.freeze()
        proxy.bury()

    def _back_up(self, file: Path) -> None:
        self._fleet.postgres.wait_ready()
        try:
            back_up(self._fleet.dsn, file)
        except BackupError as error:
            raise ServiceError(f"the database could not be backed up: {error}") from None

    def _restore(self, file: Path) -> None:
        self._fleet.kill_gateway()
        self._fleet.postgres.wait_ready()
        self.unrestored += (row for row in read_database(self._fleet.dsn).rows if row.text)
        try:
            restore(self._fleet.dsn, file)
        except BackupError as error:
            raise ServiceError(f"the backup could not be restored: {error}") from None
        self._fleet.gateway_wanted = True
