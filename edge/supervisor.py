"""Keeps every device of an edge node running: a thread for each, restarted with back-off, hung ones abandoned."""

import logging
import threading
import time
from collections.abc import Sequence
from random import Random
from typing import Final

from edge.clock import Clock
from edge.drivers.driver import Driver
from edge.recorder import Recorder
from edge.supervised_device import IDLE_S, DeviceStatus, SupervisedDevice, SupervisorPolicy

PULSE_S: Final = 1.0
"""The supervisor wakes at least so often, to notice when it was held up."""
HELD_UP_S: Final = 0.2
"""Later than this after the time it meant to wake, and it was."""

log = logging.getLogger(__name__)

__all__ = ["DeviceStatus", "Supervisor", "SupervisorPolicy"]


class Supervisor:
    """Runs drivers. What one device does (fail, hang, crash) never reaches another; see `edge/drivers/README.md`.

    - A run that ends by DeviceLostError, or by a defect, is started anew after a back-off.
    - A run that ends by DeviceMisconfiguredError stays down until the agent is started with another configuration.
    - A silent run is fenced, abandoned, its device closed under it, and started anew.
    - An observation that the recorder refuses is held, its device is down meanwhile, and nothing is lost as long as
      the process lives: the device starts only after what it said before is kept.
    """

    def __init__(
        self,
        drivers: Sequence[Driver],
        recorder: Recorder,
        clock: Clock,
        *,
        policy: SupervisorPolicy | None = None,
        seed: int | None = None,
    ) -> None:
        """`seed` makes the jitter of the delays repeatable; without it every agent draws its own."""
        self._policy = policy or SupervisorPolicy()
        self._stopping = threading.Event()
        self._wake = threading.Condition()
        self._woken = False
        self._crashed = ""
        self._thread: threading.Thread | None = None
        self._devices = [
            SupervisedDevice(
                driver=driver,
                recorder=recorder,
                clock=clock,
                policy=self._policy,
                stopping=self._stopping,
                changed=self._notify,
                chance=Random() if seed is None else Random(f"{seed} {driver.device_id}"),  # noqa: S311 - jitter, no secret
            )
            for driver in drivers
        ]

    def start(self) -> None:
        """Start every device. Returns at once."""
        self._thread = threading.Thread(target=self._main, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """End every device; return the names of those whose thread did not end in `timeout_s` (they are fenced)."""
        begin_s = time.monotonic()
        self._stopping.set()
        self._notify()
        if self._thread is not None:
            self._thread.join(timeout_s)
        for device in self._devices:
            if not device.join(begin_s + timeout_s / 2):
                device.abort()
        left = tuple(device.device_id for device in self._devices if not device.join(begin_s + timeout_s))
        for device in self._devices:
            device.close()
        return left

    def states(self) -> dict[str, DeviceStatus]:
        """Every device as it stands now."""
        return {device.device_id: device.status for device in self._devices}

    @property
    def failure(self) -> str:
        """Why the agent has to end itself, for its service manager to start it afresh; empty if all is well.

        Looked at by the agent about once a second.
        """
        if self._crashed:
            return self._crashed
        abandoned = {device.device_id: device.abandoned_count for device in self._devices}
        if sum(abandoned.values()) > self._policy.abandoned_runs_max:
            names = ", ".join(f"{name} ({count})" for name, count in abandoned.items() if count)
            return f"{sum(abandoned.values())} hung device threads, more than can be left about: {names}"
        now_s = time.monotonic()
        stalled_s = max((device.recorder_stalled_s(now_s) for device in self._devices), default=0.0)
        if stalled_s > self._policy.recorder_stall_s:
            return f"an observation has waited for {stalled_s:.0f} s to be written: the disk of state_dir hangs"
        return ""

    def _notify(self) -> None:
        with self._wake:
            self._woken = True
            self._wake.notify_all()

    def _main(self) -> None:
        try:
            next_s = time.monotonic()
            while not self._stopping.is_set():
                now_s = time.monotonic()
                if now_s - next_s > HELD_UP_S:
                    # A machine out of breath, a paused virtual machine: what came meanwhile waits in the devices.
                    for device in self._devices:
                        device.excuse(now_s - next_s)
                next_s = min((device.step(now_s) for device in self._devices), default=now_s + IDLE_S)
                next_s = min(max(next_s, time.monotonic()), time.monotonic() + PULSE_S)
                self._sleep(next_s)
        except Exception as error:
            log.exception("the supervisor failed")
            self._crashed = f"the supervisor failed: {error!r}"

    def _sleep(self, until_s: float) -> None:
        with self._wake:
            if not self._woken:
                self._wake.wait(max(until_s - time.monotonic(), 0))
            self._woken = False
