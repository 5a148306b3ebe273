"""One run of one driver in a thread of its own: the session that the driver sees, and the fence around it."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError

from edge.clock import Clock, Stamp
from edge.contracts.observations import DeviceFaulted, DeviceStateChanged, Event, Telemetry, TemperatureMeasured
from edge.drivers.driver import DeviceLostError, DeviceMisconfiguredError, Driver, SessionEndedError
from edge.fault_thinning import FaultThinning
from edge.recorder import Recorder

log = logging.getLogger(__name__)

CANNOT_KEEP: Final = "observations cannot be kept: {0!r}; see to the disk of state_dir"
"""Reason of a device that is down for the recorder's sake."""
TEXT_MAX: Final = 500
"""Longest reason and detail on the wire (`DeviceStateChanged.reason`, `DeviceFaulted.detail`)."""
RAW_BYTES_MAX: Final = 2048
"""Most offending bytes kept with a fault (`HexBytes` holds twice as many digits)."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    kind: Literal["lost", "misconfigured", "refused", "hung", "stopped"]
    """`refused`: the recorder could not keep an observation. `stopped`: in order, at the agent's end."""
    reason: str
    stamp: Stamp


def record(recorder: Recorder, observation: Event | Telemetry) -> None:
    """Hand an observation to the stream it belongs to."""
    if isinstance(observation, TemperatureMeasured):
        recorder.record_telemetry(observation)
    else:
        recorder.record_event(observation)


class DeviceRun:
    """A driver's thread and its session (`edge.drivers.driver.DeviceSession`).

    Once `outcome` is there the run is fenced: whatever its thread still says raises SessionEndedError in that thread
    and reaches nobody. A run inside the recorder is never taken for hung: then the disk is slow, not the device.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        recorder: Recorder,
        clock: Clock,
        thinning: FaultThinning,
        stopping: threading.Event,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called, from any thread, when the run went up or ended."""
        self._driver = driver
        self._recorder = recorder
        self._clock = clock
        self._thinning = thinning
        self._stopping = stopping
        self._changed = changed
        self._lock = threading.Lock()
        self._up_lock = threading.Lock()
        self._recording: dict[int, float] = {}
        self._alive_until_s = time.monotonic() + driver.watchdog_s
        self._excused = (0.0, 0.0)
        """A time of `_alive_until_s`, and by how many seconds it was put off."""
        self._thread = threading.Thread(target=self._main, name=f"device {driver.device_id}", daemon=True)
        self.outcome: Outcome | None = None
        """How it ended; None as long as it goes on."""
        self._unrecorded: list[Event | Telemetry] = []
        self.up_detail: str | None = None
        """What the driver said when the device answered; None before."""
        self.up_since_s = 0.0
        """Monotonic time of the same, in seconds."""
        self.up_stamp: Stamp | None = None
        """The same on the injected clocks."""

    # What the supervisor calls.

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: the system has no more threads.
        """
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; return whether it ended."""
        if self._thread.ident is not None:
            self._thread.join(max(timeout_s, 0))
        return not self._thread.is_alive()

    @property
    def thread_alive(self) -> bool:
        """Whether the thread still exists, fenced or not."""
        return self._thread.is_alive()

    @property
    def silent_at_s(self) -> float:
        """Monotonic time in seconds from which on the run counts as hung, if it says nothing before."""
        alive_until_s, (excused_until_s, by_s) = self._alive_until_s, self._excused
        return alive_until_s + by_s if alive_until_s == excused_until_s else alive_until_s

    def excuse(self, held_up_s: float) -> None:
        """So long nothing in this process ran: it does not count as silence. A later sign of life counts anew."""
        alive_until_s, (excused_until_s, by_s) = self._alive_until_s, self._excused
        self._excused = (alive_until_s, held_up_s + (by_s if alive_until_s == excused_until_s else 0.0))

    @property
    def recording_since_s(self) -> float | None:
        """Monotonic time in seconds since when the recorder has had an observation of this run in its hands."""
        with self._lock:
            return min(self._recording.values(), default=None)

    def take_unrecorded(self) -> list[Event | Telemetry]:
        """The observations that the recorder could not keep, in order; each is given out once."""
        with self._lock:
            taken, self._unrecorded = self._unrecorded, []
        return taken

    def end(self, kind: Literal["hung", "stopped"], reason: str) -> bool:
        """Fence the run from outside; return False if it ended by itself or is inside the recorder just now."""
        stamp = self._clock.stamp()
        with self._lock:
            if self.outcome is not None or self._recording:
                return False
            self.outcome = Outcome(kind, reason, stamp)
        return True

    # What the driver calls (DeviceSession).

    @property
    def stopping(self) -> bool:
        """True when the agent is stopping."""
        return self._stopping.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the time is up or the agent stops; the watchdog sleeps as well."""
        self._alive_for(timeout_s)
        stopped = self._stopping.wait(timeout_s)
        self.alive()
        return stopped

    def stamp(self) -> Stamp:
        """Now, on both clocks."""
        return self._clock.stamp()

    def alive(self) -> None:
        """Feed the watchdog."""
        self._alive_for(0)

    def up(self, detail: str = "") -> None:
        """The device answers: one event for each run."""
        self.alive()
        with self._up_lock:
            if self.up_detail is not None:
                return
            now = self._clock.stamp()
            self._keep(DeviceStateChanged(**self._members(now), state="up", reason=detail[:TEXT_MAX]))
            self.up_since_s = time.monotonic()
            self.up_stamp = now
            self.up_detail = detail[:TEXT_MAX]
        self._changed()

    def emit(self, observation: Event | Telemetry) -> None:
        """Hand over an observation; durable on return."""
        self.alive()
        self._keep(observation)
        self.alive()

    def fault(self, code: str, detail: str, raw: bytes = b"") -> None:
        """Report something refused, thinned out to one a minute for each code."""
        self.alive()
        now = self._clock.stamp()
        with self._up_lock:
            left_out = self._thinning.left_out_before(code, now.monotonic_ns)
        if left_out is None:
            return
        note = f" ({left_out} more like this were left out since the last report)" if left_out else ""
        self._keep(
            DeviceFaulted.model_validate(
                {
                    **self._members(now),
                    "code": code,
                    "detail": detail[: TEXT_MAX - len(note)] + note,
                    "raw": raw[:RAW_BYTES_MAX].hex(),
                }
            )
        )
        self.alive()

    # Inside.

    def _members(self, now: Stamp) -> dict[str, Any]:
        return {
            "device_id": self._driver.device_id,
            "occurred_at": now.occurred_at,
            "monotonic_ns": now.monotonic_ns,
        }

    def _alive_for(self, timeout_s: float) -> None:
        if self.outcome is not None:
            raise SessionEndedError
        self._alive_until_s = time.monotonic() + timeout_s + self._driver.watchdog_s

    def _keep(self, observation: Event | Telemetry) -> None:
        me = threading.get_ident()
        with self._lock:
            if self.outcome is not None:
                raise SessionEndedError
            self._recording[me] = time.monotonic()
        try:
            record(self._recorder, observation)
        except Exception as error:
            self._refuse(observation, error)
            raise SessionEndedError from error
        finally:
            with self._lock:
                # How long the disk took says nothing about the device: its time begins anew.
                self._alive_until_s = max(self._alive_until_s, time.monotonic() + self._driver.watchdog_s)
                del self._recording[me]

    def _refuse(self, observation: Event | Telemetry, error: Exception) -> None:
        stamp = self._clock.stamp()
        with self._lock:
            self._unrecorded.append(observation)
            if self.outcome is None:
                self.outcome = Outcome("refused", CANNOT_KEEP.format(error), stamp)
        log.error("device %s: %s cannot be kept: %r", self._driver.device_id, observation.kind, error)
        self._changed()

    def _main(self) -> None:
        with contextlib.suppress(SessionEndedError):
            kind, reason = self._run()
            stamp = self._clock.stamp()
            with self._lock:
                if self.outcome is None:
                    self.outcome = Outcome(kind, reason, stamp)
        self._changed()

    def _run(self) -> tuple[Literal["lost", "misconfigured", "stopped"], str]:
        try:
            self._driver.run(self)
        except SessionEndedError:
            raise
        except DeviceLostError as error:
            return "lost", str(error)
        except DeviceMisconfiguredError as error:
            return "misconfigured", str(error)
        except ValidationError as error:
            log.exception("device %s: the driver made an observation that is none", self._driver.device_id)
            return "lost", f"the driver made an observation that is none: {error.errors()[0]['msg']}; a defect of it"
        except BaseException as error:
            log.exception("device %s: unexpected failure of the driver", self._driver.device_id)
            return "lost", f"unexpected {error!r}; a defect of the driver"
        return ("stopped", "") if self.stopping else ("lost", "the driver ended by itself; a defect of it")
