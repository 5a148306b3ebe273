"""The fleet: PostgreSQL, broker, gateway and agents, each a process of its own, with fault proxies between them.

silicon ─► agent ─► proxy ─► broker ─► proxy (frame faults) ─► gateway ─► proxy (commit cutter) ─► PostgreSQL
"""

import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from firmware_sim.loop_thread import LoopThread
from medtap.chaos.agent_process import AgentProcess
from medtap.chaos.broker import ChaosBroker
from medtap.chaos.clock_jump import JumpingClock, find_library
from medtap.chaos.commit_cutter import CommitCutter, CommitFilter
from medtap.chaos.fault_proxy import ConnectionFilter, FaultProxy, PassAll
from medtap.chaos.faults import Fault
from medtap.chaos.frame_faults import FrameFaults, FrameFilter
from medtap.chaos.network_namespace import NetworkNamespace
from medtap.chaos.silicon import NodeSilicon
from medtap.chaos.small_disk import SmallDisk
from medtap.demo.toml_text import toml_text
from medtap.services.errors import ServiceError
from medtap.services.postgres import EmbeddedPostgres
from medtap.services.processes import ChildProcess

READY_TIMEOUT_S: Final = 240.0
"""A busy machine takes many seconds to start each process."""
RESTART_PAUSE_S: Final = 0.5
"""A process that ends by itself is started again after this, as systemd's RestartSec would."""
ASK_BROKER_S: Final = 5.0
DISK_MB: Final = 4
"""So little that a run of some minutes fills it without the ballast's help: acknowledged rows have to make room."""
POSTGRES_TRIES_S: Final = 60.0
"""After a kill -9 of the postmaster its backends take a moment to notice; the new one refuses to start before."""


class Fleet:
    """Everything that is broken on purpose. Use it from the main thread; `close` leaves nothing behind."""

    def __init__(
        self,
        directory: Path,
        agents: Sequence[str],
        *,
        seed: int,
        faults: Collection[Fault],
        say: Callable[[str], None],
    ) -> None:
        """Nothing is started yet. `faults` decides what is prepared: a small disk, another clock, a tiny queue."""
        self._directory = directory
        self._names = agents
        self._seed = seed
        self._kinds = faults
        self._say = say
        self._loop = LoopThread("chaos-proxies")
        self._proxies: list[FaultProxy] = []
        self._started_at_s: dict[str, float] = {}
        self._broker_asked_s = 0.0
        self.postgres = EmbeddedPostgres()
        self.broker = ChaosBroker(directory, tiny=Fault.OVERFLOW_BROKER_QUEUE in faults)
        self.frames = FrameFaults(seed)
        self.cutter = CommitCutter()
        self.agents: dict[str, AgentProcess] = {}
        self.gateway: ChildProcess | None = None
        self.gateway_proxy: FaultProxy | None = None
        self.gateway_wanted = True
        self.broker_wanted = True
        self.broker_hangs = 0
        """How often the broker lived and answered nobody, which it does by itself."""
        self.dsn = ""
        """Of the database, past the proxy."""

    def start(self) -> None:
        """Start everything and wait until every device of every agent is heard.

        Raises:
            ServiceError: something did not come up.
        """
        self.postgres.start()
        self.dsn = self.postgres.create_database()
        self.broker.start()
        self._start_gateway()
        for number, name in enumerate(self._names):
            last = number == len(self._names) - 1
            self.agents[name] = self._make_agent(
                name,
                small=number == 0 and Fault.SMALL_DISK in self._kinds,
                own_network=last and Fault.LINK_DOWN in self._kinds,
            )
            self.agents[name].wanted = True
        self.tend()
        self._await_ready()

    def tend(self) -> None:
        """Start again what ended and should run; notice who is well again. Call it often."""
        if self.gateway is not None and self.gateway_wanted and not self.gateway.running:
            self._restart("gateway", self.gateway.start, self.gateway)
        if self.broker_wanted:
            self._tend_broker()
        for agent in self.agents.values():
            if agent.wanted and not agent.child.running:
                self._restart(agent.name, agent.start, agent.child)
            agent.look()

    def restart_postgres(self) -> None:
        """Bring the database up after a kill or a halt.

        Raises:
            ServiceError: it does not come up.
        """
        deadline = time.monotonic() + POSTGRES_TRIES_S
        while True:
            try:
                self.postgres.restart()
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def proxy_of(self, target: str) -> FaultProxy:
        """The proxy between an agent (or the gateway) and the broker."""
        if target in self.agents:
            return self.agents[target].proxy
        if self.gateway_proxy is None:
            raise ServiceError("the fleet is not started")
        return self.gateway_proxy

    def kill_gateway(self) -> None:
        """SIGKILL; it stays away until it is wanted again."""
        self.gateway_wanted = False
        if self.gateway is not None:
            self.gateway.kill()

    def last_words(self) -> list[str]:
        """The end of each log, by name."""
        children = {name: agent.child for name, agent in self.agents.items()}
        if self.gateway is not None:
            children["gateway"] = self.gateway
        return [f"{name}: {line}" for name, child in children.items() for line in child.last_words(20).splitlines()]

    def close(self) -> None:
        """End everything, in the order of the data's way. Safe to call twice."""
        for agent in self.agents.values():
            agent.close()
        self.agents.clear()
        if self.gateway is not None:
            self.gateway.stop(timeout_s=5.0)
        self.broker.stop()
        self.postgres.stop()
        for proxy in self._proxies:
            proxy.close()
        self._proxies.clear()
        self._loop.stop()

    def _proxy(
        self, port: int, make_filter: Callable[[], ConnectionFilter] = PassAll, listen_on: str = "127.0.0.1"
    ) -> FaultProxy:
        proxy = FaultProxy(self._loop, "127.0.0.1", port, make_filter, listen_on=listen_on)
        self._proxies.append(proxy)
        return proxy

    def _start_gateway(self) -> None:
        self.gateway_proxy = self._proxy(self.broker.port, lambda: FrameFilter(self.frames))
        database = self._proxy(self.postgres.port, lambda: CommitFilter(self.cutter))
        # The commit cutter reads the protocol, so it must not be encrypted.
        dsn = self.dsn.replace(f":{self.postgres.port}/", f":{database.port}/") + "?sslmode=disable&gssencmode=disable"
        config = self._directory / "gateway.toml"
        config.write_text(
            toml_text(
                {
                    "": {"dsn": dsn},
                    "mqtt": {"host": "127.0.0.1", "port": self.gateway_proxy.port},
                    "http": {"host": "127.0.0.1", "port": 0},
                }
            )
        )
        self.gateway = ChildProcess(
            [sys.executable, "-m", "medtap", "gateway", "run", str(config), "--log-level", "warning"],
            log_file=self._directory / "gateway.log",
        )

    def _make_agent(self, name: str, *, small: bool, own_network: bool) -> AgentProcess:
        directory = self._directory / name
        silicon = NodeSilicon(name, directory, self._seed)
        library = find_library() if Fault.CLOCK_JUMP in self._kinds else None
        network = NetworkNamespace(0) if own_network else None
        agent = AgentProcess(
            name,
            directory,
            silicon,
            self._proxy(self.broker.port, listen_on=network.host if network else "127.0.0.1"),
            disk=SmallDisk(directory / "state", DISK_MB) if small else None,
            clock=JumpingClock(directory / "clock", library) if library is not None else None,
            network=network,
        )
        agent.configure(with_devices=True)
        silicon.start()
        return agent

    def _tend_broker(self) -> None:
        if not self.broker.running:
            self.broker.start()
        elif time.monotonic() - self._broker_asked_s > ASK_BROKER_S:
            self._broker_asked_s = time.monotonic()
            if not self.broker.answers():
                self.broker_hangs += 1
                self._say("the broker lives and answers nobody: killed and started again")
                self.broker.kill()
                self.broker.start()

    def _restart(self, name: str, start: Callable[[], None], child: ChildProcess) -> None:
        last_s = self._started_at_s.get(name, float("-inf"))
        if time.monotonic() - last_s >= RESTART_PAUSE_S:
            self._started_at_s[name] = time.monotonic()
            if child.exit_code is not None and child.exit_code > 0:
                self._say(f"{name} ended by itself with exit code {child.exit_code}: {child.last_words(1)}")
            start()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            self.tend()
            standings = [agent.standing() for agent in self.agents.values()]
            if all(one is not None and one.devices_up and one.connected and one.heard for one in standings):
                return
            time.sleep(0.05)
        words = " | ".join(self.last_words())
        raise ServiceError(f"the fleet was not ready within {READY_TIMEOUT_S:.0f} s: {words}")
