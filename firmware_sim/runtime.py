"""Runs a simulated world: builds it in a directory, lets time pass, ends it without a trace."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from firmware_sim.clock import Clock, SystemClock
from firmware_sim.control import CommandError, ControlServer, Reply, answer_line
from firmware_sim.world import World
from firmware_sim.world_file import FILE_NAME, describe, write_world_file

CONTROL_NAME = "control.sock"
_STEP_S = 0.02
_ORPHANED = 1
"""Parent process id of a process whose parent died (or of one that a service manager runs)."""


@dataclass(frozen=True)
class RuntimeOptions:
    """How a simulated world is run."""

    directory: Path
    """Where links, sockets and world.json go; made if it is not there. Only what was made in it is removed."""
    seed: int = 1
    autoplay: bool = False
    """Let patients, packs and fridges move by themselves from the start."""
    physics_speed: float = 60.0
    """Seconds of fridge time in one second: at 60, a demonstration shows in a minute what takes an hour."""
    stop_with_parent: bool = True
    """End when the process that started this one is gone, so that a killed demonstration leaves no silicon behind."""


class SimulatedHospital:
    """A world that runs in this process, in threads: for tests and for `run`."""

    def __init__(self, options: RuntimeOptions, clock: Clock | None = None) -> None:
        """Nothing is started yet."""
        self._options = options
        self._clock = clock if clock is not None else SystemClock()
        self._world: World | None = None
        self._control: ControlServer | None = None
        self._threads: list[threading.Thread] = []

    @property
    def world(self) -> World:
        """The running world.

        Raises:
            RuntimeError: it is not started.
        """
        if self._world is None:
            raise RuntimeError("the simulated hospital is not started: call start() first")
        return self._world

    @property
    def description(self) -> dict[str, Any]:
        """What world.json says."""
        return describe(self.world, self._options.directory)

    def start(self) -> None:
        """Plug everything in; when it returns, every device answers and world.json is there.

        Raises:
            WorldInUseError: another world runs in the directory.
        """
        directory = self._options.directory
        directory.mkdir(parents=True, exist_ok=True)
        # The socket first: it is what keeps a second world out of the directory.
        self._control = ControlServer(directory / CONTROL_NAME, self._do)
        try:
            self._world = World(
                directory, seed=self._options.seed, clock=self._clock, physics_speed=self._options.physics_speed
            )
        except BaseException:
            self._control.close()
            raise
        self._world.autoplayer.on = self._options.autoplay
        # Two threads: a hand that waits for a reader to be free must not stop the fridges.
        for name, step in (("world-physics", self._world.step), ("world-autoplay", self._world.play)):
            thread = threading.Thread(target=self._run, args=(self._world, step), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        write_world_file(self._world, directory)

    def stop(self) -> None:
        """Unplug everything and remove all that was made in the directory. Safe to call twice."""
        if self._world is None or self._control is None:
            return
        (self._options.directory / FILE_NAME).unlink(missing_ok=True)
        self._control.close()
        self._world.stopping.set()
        physics, autoplay = self._threads
        physics.join()  # it writes files that close() removes
        self._world.close()
        autoplay.join()  # it may wait for a hand, which close() ends
        self._world = None
        self._threads = []

    def do(self, command: dict[str, Any]) -> Reply:
        """One command, with the same reply that the control socket gives (`ok`, or `error`)."""
        return answer_line(json.dumps(command).encode(), self._do)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _do(self, command: dict[str, Any]) -> Reply:
        if self._world is None:
            raise CommandError("the world is still being built (or ends): wait for world.json")
        return self._world.do(command)

    def _run(self, world: World, step: Callable[[float], None]) -> None:
        last_s = self._clock.monotonic_s()
        while not world.stopping.wait(_STEP_S):
            now_s = self._clock.monotonic_s()
            step(now_s - last_s)
            last_s = now_s


def run(options: RuntimeOptions, stop: threading.Event) -> None:
    """Run a world until `stop` is set, its `stop` command is given, or the parent process is gone.

    Raises:
        WorldInUseError: another world runs in the directory.
    """
    parent = os.getppid()
    with SimulatedHospital(options) as hospital:
        while not stop.wait(0.1) and not hospital.world.stopping.is_set():
            if options.stop_with_parent and parent != _ORPHANED and os.getppid() != parent:
                return
