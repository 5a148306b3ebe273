"""When a run of a driver counts as hung."""

import threading
import time

from edge.clock import SystemClock
from edge.contracts.observations import Event, Telemetry
from edge.device_run import DeviceRun
from edge.drivers.driver import DeviceSession
from edge.fault_thinning import FaultThinning

LONG_S = 60.0


class SlowRecorder:
    """A disk that takes until `gate` is set to keep anything."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def record_event(self, _event: Event) -> None:
        self.gate.wait(LONG_S)

    def record_telemetry(self, _telemetry: Telemetry) -> None:
        self.gate.wait(LONG_S)


class BusyDriver:
    """Says one thing, and is then busy with its device until `release` is set."""

    device_id = "desk-1"
    kind = "busy"
    watchdog_s = 0.05

    def __init__(self) -> None:
        self.kept, self.release = threading.Event(), threading.Event()

    def run(self, session: DeviceSession) -> None:
        session.up()
        self.kept.set()
        self.release.wait(LONG_S)

    def abort(self) -> None:
        self.release.set()


def test_a_device_gets_its_whole_time_again_when_a_slow_disk_has_kept_what_it_said() -> None:
    recorder, driver = SlowRecorder(), BusyDriver()
    run = DeviceRun(
        driver=driver,
        recorder=recorder,
        clock=SystemClock(),
        thinning=FaultThinning(),
        stopping=threading.Event(),
        changed=lambda: None,
    )
    run.start()
    deadline = time.monotonic() + LONG_S
    while run.recording_since_s is None or time.monotonic() <= run.silent_at_s:
        assert time.monotonic() < deadline, "its time was not up while the disk took long"
    kept_at_the_earliest_s = time.monotonic()
    recorder.gate.set()
    assert driver.kept.wait(LONG_S)
    assert run.silent_at_s >= kept_at_the_earliest_s + driver.watchdog_s
    driver.release.set()
    assert run.join(LONG_S)
