"""One device under supervision: starts its runs, judges how they ended, reports its state exactly at changes."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Literal

from edge.backoff import Backoff
from edge.clock import Clock, Stamp
from edge.contracts.observations import DeviceStateChanged, Event, Telemetry
from edge.device_run import CANNOT_KEEP, TEXT_MAX, DeviceRun, Outcome, record
from edge.drivers.driver import Driver
from edge.fault_thinning import FaultThinning
from edge.recorder import Recorder

log = logging.getLogger(__name__)

IDLE_S = 3600.0
"""Longest sleep of a supervisor that has nothing to look at."""


@dataclass(frozen=True)
class SupervisorPolicy:
    """How failing devices are tried again."""

    restart_delay_min_s: float = 0.5
    restart_delay_max_s: float = 5.0
    stable_s: float = 30.0
    """A device that was up for so long starts again at the shortest delay."""
    abandoned_runs_max: int = 8
    """More hung threads than this and the agent has to end (a thread can't be killed, a process can)."""
    abandoned_runs_of_a_device_max: int = 3
    """A device with so many hung threads is not opened anew until one of them ends, so that a single dead bus never
    ends the agent: that is for when several devices hang, and the process itself may be what is ill."""
    recorder_stall_s: float = 60.0
    """An observation in the recorder's hands for longer than this and the agent has to end: its disk hangs."""


@dataclass(frozen=True)
class DeviceStatus:
    """A device as an operator sees it."""

    state: Literal["starting", "up", "down"]
    reason: str
    """Down: why, and the mend. Up: what the driver said."""
    driver: str
    changed_at: datetime | None
    """Since when; None while starting."""
    restarts: int = 0
    """Runs after the first."""


class SupervisedDevice:
    """The life of one device. `step` and `close` are called by one thread, the rest by any."""

    def __init__(
        self,
        *,
        driver: Driver,
        recorder: Recorder,
        clock: Clock,
        policy: SupervisorPolicy,
        stopping: threading.Event,
        changed: Callable[[], None],
        chance: Random,
    ) -> None:
        """Nothing starts before the first `step`."""
        self._driver = driver
        self._recorder = recorder
        self._clock = clock
        self._policy = policy
        self._stopping = stopping
        self._changed = changed
        self._thinning = FaultThinning()
        self._backoff = Backoff(policy.restart_delay_min_s, policy.restart_delay_max_s, chance)
        self._recorder_backoff = Backoff(policy.restart_delay_min_s, policy.restart_delay_max_s, chance)
        self._run: DeviceRun | None = None
        self._abandoned: list[DeviceRun] = []
        self._unrecorded: list[Event | Telemetry] = []
        self._next_try_s = 0.0
        self._given_up = False
        self._restarts = -1
        self._reason = ""
        self._status = DeviceStatus("starting", "", driver.kind, None)

    @property
    def device_id(self) -> str:
        """Its name."""
        return self._driver.device_id

    @property
    def status(self) -> DeviceStatus:
        """As it stands now."""
        run, status = self._run, self._status
        if run is not None and run.up_detail is not None and run.outcome is None and status.state != "up":
            return self._up_status(run)
        return status

    def _up_status(self, run: DeviceRun) -> DeviceStatus:
        up_at = None if run.up_stamp is None else run.up_stamp.occurred_at
        return DeviceStatus("up", run.up_detail or "", self._driver.kind, up_at, self._restarts)

    @property
    def abandoned_count(self) -> int:
        """Given-up threads that still exist."""
        return sum(run.thread_alive for run in tuple(self._abandoned))

    def recorder_stalled_s(self, now_s: float) -> float:
        """For how many seconds an observation of the current run has been in the recorder's hands."""
        run = self._run
        since_s = None if run is None else run.recording_since_s
        return 0.0 if since_s is None else now_s - since_s

    def step(self, now_s: float) -> float:
        """Do what is due at `now_s` (monotonic seconds); return when to look again at the latest."""
        if self._run is not None:
            ended = self._look(self._run, now_s)
            if ended is None:
                return self._next_look_s(self._run, now_s)
            self._take_down(self._run, ended, now_s)
        for run in self._abandoned:
            self._unrecorded += run.take_unrecorded()
        self._abandoned = [run for run in self._abandoned if run.thread_alive]
        if self._unrecorded and now_s >= self._next_try_s and not self._record_held():
            self._next_try_s = now_s + self._recorder_backoff.next_delay_s()
        if now_s < self._next_try_s:
            return self._next_try_s
        if self._given_up:
            return now_s + IDLE_S
        if len(self._abandoned) >= self._policy.abandoned_runs_of_a_device_max:
            self._next_try_s = now_s + self._backoff.next_delay_s()
            return self._next_try_s
        self._start(now_s)
        return self._next_try_s if self._run is None else self._next_look_s(self._run, now_s)

    def excuse(self, held_up_s: float) -> None:
        """The supervisor was held up for so long, and with it perhaps the whole process: no device is to blame."""
        if self._run is not None:
            self._run.excuse(held_up_s)

    def join(self, deadline_s: float) -> bool:
        """Wait until `deadline_s` (monotonic seconds) for the run to end; return whether its thread has ended."""
        return self._run is None or self._run.join(deadline_s - time.monotonic())

    def close(self) -> None:
        """Fence the run and hand over for the last time what the recorder refused."""
        for run in (*self._abandoned, *([self._run] if self._run is not None else [])):
            run.end("stopped", "")
            self._unrecorded += run.take_unrecorded()
        if self._unrecorded and not self._record_held():
            kinds = ", ".join(observation.kind for observation in self._unrecorded)
            log.error("device %s: lost at the end, for they could not be kept: %s", self.device_id, kinds)

    def _look(self, run: DeviceRun, now_s: float) -> Outcome | None:
        """How the run ended, if it did; a silent one is fenced and abandoned here."""
        if run.outcome is None and now_s >= run.silent_at_s:
            reason = (
                f"no sign of life for {self._driver.watchdog_s:g} s: the device or its line hangs; "
                "it is opened anew, unplug it if this goes on"
            )
            run.end("hung", reason)
        if run.outcome is None and run.up_detail is not None:
            if self._status.state != "up":
                self._status = self._up_status(run)
            if now_s - run.up_since_s >= self._policy.stable_s:
                self._backoff.reset()
                self._recorder_backoff.reset()
        return run.outcome

    def _next_look_s(self, run: DeviceRun, now_s: float) -> float:
        """A run's next deadline. Inside the recorder it can't be fenced, so look again soon instead of spinning."""
        return max(run.silent_at_s, now_s + 0.05)

    def _take_down(self, run: DeviceRun, outcome: Outcome, now_s: float) -> None:
        was_given_up = self._given_up
        self._run = None
        self._unrecorded += run.take_unrecorded()
        if outcome.kind in ("hung", "refused"):
            # The thread may still sit in the device: close that under it, so that the next run finds it free.
            self._abandoned.append(run)
            self.abort()
        if outcome.kind == "stopped":
            return
        self._given_up = outcome.kind == "misconfigured"
        was_up = run.up_detail is not None
        if self._status.state != "down" or was_up or self._given_up != was_given_up:
            self._unrecorded.append(self._down(outcome.reason, outcome.stamp))
        log.warning("device %s is down: %s", self.device_id, outcome.reason)
        self._reason = outcome.reason
        changed_at = outcome.stamp.occurred_at if self._status.state != "down" or was_up else self._status.changed_at
        self._status = DeviceStatus("down", outcome.reason, self._driver.kind, changed_at, self._restarts)
        # An outcome that has to be recorded is tried at once; only the next start has to wait.
        recorded = outcome.kind != "refused" and (not self._unrecorded or self._record_held())
        backoff = self._backoff if recorded else self._recorder_backoff
        self._next_try_s = now_s + backoff.next_delay_s()

    def _down(self, reason: str, stamp: Stamp) -> DeviceStateChanged:
        return DeviceStateChanged(
            device_id=self.device_id,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            state="down",
            reason=reason[:TEXT_MAX],
        )

    def _record_held(self) -> bool:
        """Hand over what the recorder refused before, in order; return whether all of it is kept now."""
        while self._unrecorded:
            try:
                record(self._recorder, self._unrecorded[0])
            except Exception as error:  # noqa: BLE001 - whatever it is, the observation is held and tried again
                self._status = replace(self._status, reason=CANNOT_KEEP.format(error))
                return False
            del self._unrecorded[0]
        self._status = replace(self._status, reason=self._reason)
        return True

    def _start(self, now_s: float) -> None:
        run = DeviceRun(
            driver=self._driver,
            recorder=self._recorder,
            clock=self._clock,
            thinning=self._thinning,
            stopping=self._stopping,
            changed=self._changed,
        )
        self._restarts += 1
        try:
            run.start()
        except RuntimeError as error:
            log.error("device %s: %s", self.device_id, error)  # noqa: TRY400 - the trace says nothing more
            self._next_try_s = now_s + self._backoff.next_delay_s()
            return
        self._run = run

    def abort(self) -> None:
        """Call the driver's `abort` in a thread of its own: it must not block, but one that does hurts nobody."""

        def call() -> None:
            try:
                self._driver.abort()
            except Exception:
                log.exception("device %s: abort failed", self.device_id)

        try:
            threading.Thread(target=call, name=f"abort {self.device_id}", daemon=True).start()
        except RuntimeError as error:
            log.error("device %s: %s", self.device_id, error)  # noqa: TRY400 - the trace says nothing more
