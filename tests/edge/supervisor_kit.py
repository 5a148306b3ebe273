"""A supervisor's devices that do as they are told, and a recorder that keeps what they say in memory."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.clock import SystemClock
from edge.contracts.observations import (
    CodeScanned,
    DeviceStateChanged,
    Event,
    Telemetry,
    TemperatureMeasured,
)
from edge.drivers.driver import DeviceLostError, DeviceSession, Driver
from edge.supervisor import Supervisor, SupervisorPolicy

QUICK = SupervisorPolicy(restart_delay_min_s=0.01, restart_delay_max_s=0.05, stable_s=60, abandoned_runs_max=2)
Body = Callable[["ScriptedDriver", DeviceSession], None]
PATIENT_S = 60.0
"""A watchdog for a device that is well: a busy machine may leave its thread waiting for long."""


class MemoryRecorder:
    """Keeps rows in memory; `full` makes it refuse, `gate` makes it wait."""

    def __init__(self) -> None:
        self.rows: list[Event | Telemetry] = []
        self.full = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self._lock = threading.Lock()

    def record_event(self, event: Event) -> None:
        self._keep(event)

    def record_telemetry(self, telemetry: Telemetry) -> None:
        self._keep(telemetry)

    def _keep(self, row: Event | Telemetry) -> None:
        self.gate.wait()
        if self.full.is_set():
            raise OSError(28, "No space left on device")
        with self._lock:
            self.rows.append(row)

    def of(self, device_id: str) -> list[Event | Telemetry]:
        with self._lock:
            return [row for row in self.rows if row.device_id == device_id]

    def states(self, device_id: str) -> list[str]:
        return [row.state for row in self.of(device_id) if isinstance(row, DeviceStateChanged)]


class ScriptedDriver:
    """A driver whose `run` is given by the test."""

    kind = "scripted"

    def __init__(self, device_id: str, body: Body, watchdog_s: float = 30.0) -> None:
        self.device_id = device_id
        self.watchdog_s = watchdog_s
        self.body = body
        self.runs = 0
        self.aborted = threading.Event()
        self.mended = threading.Event()

    def run(self, session: DeviceSession) -> None:
        self.runs += 1
        self.body(self, session)

    def abort(self) -> None:
        self.aborted.set()


def idle(_driver: ScriptedDriver, session: DeviceSession) -> None:
    session.up()
    while not session.wait(0.02):
        pass


def failing_until_mended(driver: ScriptedDriver, session: DeviceSession) -> None:
    if not driver.mended.is_set():
        raise DeviceLostError(f"cannot open: try {driver.runs}")
    idle(driver, session)


def temperature(driver: ScriptedDriver, session: DeviceSession, celsius: float) -> TemperatureMeasured:
    now = session.stamp()
    return TemperatureMeasured(
        device_id=driver.device_id,
        occurred_at=now.occurred_at,
        monotonic_ns=now.monotonic_ns,
        temperature_celsius=celsius,
    )


def scan(driver: ScriptedDriver, session: DeviceSession, text: str) -> CodeScanned:
    now = session.stamp()
    return CodeScanned(
        device_id=driver.device_id, occurred_at=now.occurred_at, monotonic_ns=now.monotonic_ns, text=text
    )


def until(holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s, "did not happen in time"
        time.sleep(0.005)


@contextmanager
def supervised(recorder: MemoryRecorder, *drivers: Driver, policy: SupervisorPolicy = QUICK) -> Iterator[Supervisor]:
    supervisor = Supervisor(drivers, recorder, SystemClock(), policy=policy, seed=1)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop(30)
