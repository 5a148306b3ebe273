"""One agent of the fleet: its process, its silicon, its disk, its clock, and the outbox files it has had."""

import json
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medtap.chaos.clock_jump import JumpingClock
from medtap.chaos.fault_proxy import FaultProxy
from medtap.chaos.network_namespace import NetworkNamespace
from medtap.chaos.silicon import NodeSilicon
from medtap.chaos.small_disk import SmallDisk
from medtap.demo.toml_text import toml_text
from medtap.services.processes import ChildProcess

SITE: Final = "chaos"
OUTBOX: Final = "outbox.sqlite3"
CATCH_UP_S: Final = 5.0
"""After it stood still, to read what waits on its lines."""


@dataclass(frozen=True)
class Standing:
    """What an agent last said of itself."""

    written_at_s: float
    """By this machine's true clock, in seconds since 1970."""
    pid: int
    connected: bool
    devices_up: bool
    streams: Mapping[str, "StreamStanding"]
    """By name."""

    @property
    def heard(self) -> bool:
        """True if the gateway has acknowledged rows of each stream."""
        return all(one.acknowledged_seq for one in self.streams.values())


@dataclass(frozen=True)
class StreamStanding:
    """One stream of an agent."""

    epoch: str
    last_seq: int
    acknowledged_seq: int


class AgentProcess:
    """The agent `name`. Start it from the main thread: the kernel ties a child to the thread that made it."""

    def __init__(
        self,
        name: str,
        directory: Path,
        silicon: NodeSilicon,
        proxy: FaultProxy,
        *,
        disk: SmallDisk | None,
        clock: JumpingClock | None,
        network: NetworkNamespace | None,
    ) -> None:
        self.name = name
        self.silicon = silicon
        self.proxy = proxy
        self.disk = disk
        self.clock = clock
        self.network = network
        self.wanted = False
        """Whether it is started again when it has ended, as a service manager would."""
        self.state_dir = directory / "state"
        self.taken_out: list[Path] = []
        """Directories of outbox files that were taken out, oldest first."""
        self._directory = directory
        self._swaps = 0
        self._calm_after_s: float | None = None
        self._is_stall = False
        """Nothing else has troubled it since it was well."""
        self._config = directory / "edge.toml"
        self.child = ChildProcess(
            [
                *(network.command if network else ()),
                sys.executable,
                "-m",
                "medtap",
                "edge",
                "run",
                str(self._config),
                "--log-level",
                "warning",
            ],
            log_file=directory / "agent.log",
            env=clock.environment if clock is not None else {},
        )

    def configure(self, *, with_devices: bool) -> None:
        """Write its TOML file; without devices it only sends what it has."""
        tables: dict[str, Any] = {
            "node": {"site": SITE, "edge_node": self.name, "state_dir": str(self.state_dir)},
            "broker": {"host": self.proxy.host, "port": self.proxy.port},
            "outbox": {"telemetry_group_rows": 20, "telemetry_group_age_s": 0.3},
            "supervisor": {"restart_delay_min_s": 0.1, "restart_delay_max_s": 1.0},
        }
        if with_devices:
            tables["device"] = self.silicon.devices
        self._config.write_text(toml_text(tables))

    def start(self) -> None:
        """Start (or start again) the process."""
        self.silicon.disturb()
        self._is_stall = False
        self.child.start()
        self._calm_after_s = time.time()

    def kill(self) -> None:
        """SIGKILL."""
        self.silicon.disturb()
        self._is_stall = False
        self._calm_after_s = None
        self.child.kill()

    def stall(self) -> None:
        """SIGSTOP: it stands still, and what comes waits on its lines."""
        self._is_stall = self.silicon.disturb()
        self._calm_after_s = None
        self.child.tell(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT. What waited must be kept, if it is not killed before it has had the time for that."""
        self.child.tell(signal.SIGCONT)
        self._calm_after_s = time.time() + CATCH_UP_S

    def trouble(self) -> None:
        """Its disk does not take everything from now on."""
        self._calm_after_s = None
        self._is_stall = False
        self.silicon.disturb()

    def relief(self) -> None:
        """Its disk is well again."""
        self._calm_after_s = time.time()

    def look(self) -> None:
        """If it has shown itself well after a disturbance, every code that its scanner reads must be kept again."""
        if self._calm_after_s is None:
            return
        standing = self.standing()
        if (
            standing is not None
            and standing.devices_up
            and standing.pid == self.child.pid
            and standing.written_at_s > self._calm_after_s
        ):
            self._calm_after_s = None
            self.silicon.calm(has_kept_all=self._is_stall)
            self._is_stall = False

    def standing(self) -> Standing | None:
        """From its status.json; None if it has not written one."""
        path = self.state_dir / "status.json"
        try:
            written_at_s = path.stat().st_mtime
            status: dict[str, Any] = json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return Standing(
            written_at_s=written_at_s,
            pid=status["pid"],
            connected=status["connected"],
            devices_up=all(device["state"] == "up" for device in status["devices"].values()),
            streams={
                name: StreamStanding(one["epoch"], one["last_seq"], one["acknowledged_seq"])
                for name, one in status["streams"].items()
            },
        )

    def swap_outbox(self) -> None:
        """Take the outbox file out of a killed agent, and every second time put back the one taken out first."""
        self._swaps += 1
        coming = self.taken_out.pop(0) if self.taken_out and self._swaps % 2 == 0 else None
        going = self._directory / f"taken-out-{self._swaps}"
        going.mkdir()
        _move_outbox(self.state_dir, going)
        self.taken_out.append(going)
        if coming is not None:
            _move_outbox(coming, self.state_dir)

    def close(self) -> None:
        """End everything of it."""
        self.wanted = False
        self.child.stop(timeout_s=5.0)
        self.silicon.close()
        if self.disk is not None:
            self.disk.close()
        if self.network is not None:
            self.network.close()


def _move_outbox(source: Path, target: Path) -> None:
    """The file goes with its write-ahead log: together they are the database."""
    for part in source.glob(f"{OUTBOX}*"):
        shutil.move(part, target / part.name)
