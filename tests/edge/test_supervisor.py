"""What happens to a node's devices when one of them fails, lies, or when the disk is full."""

import threading
from contextlib import suppress

import pytest

from edge.clock import Stamp, SystemClock
from edge.contracts.observations import (
    CodeScanned,
    DeviceFaulted,
    DeviceStateChanged,
)
from edge.drivers.driver import DeviceLostError, DeviceMisconfiguredError, DeviceSession, SessionEndedError
from edge.fault_thinning import FaultThinning
from edge.supervisor import DeviceStatus, Supervisor, SupervisorPolicy
from tests.edge.supervisor_kit import (
    PATIENT_S,
    QUICK,
    MemoryRecorder,
    ScriptedDriver,
    failing_until_mended,
    idle,
    scan,
    supervised,
    until,
)


def test_a_device_that_answers_is_reported_up_once() -> None:
    recorder = MemoryRecorder()

    def twice_up(driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up("PN532 firmware 1.6")
        session.up("PN532 firmware 1.6")
        idle(driver, session)

    with supervised(recorder, ScriptedDriver("desk-1", twice_up)) as supervisor:
        until(lambda: supervisor.states()["desk-1"].state == "up")
        status = supervisor.states()["desk-1"]
        assert (status.reason, status.driver, status.restarts) == ("PN532 firmware 1.6", "scripted", 0)
        assert status.changed_at is not None
    assert recorder.states("desk-1") == ["up"]


def test_a_device_is_starting_before_it_said_anything() -> None:
    supervisor = Supervisor([ScriptedDriver("desk-1", idle)], MemoryRecorder(), SystemClock())
    assert supervisor.states() == {"desk-1": DeviceStatus("starting", "", "scripted", None)}


def test_a_device_that_cannot_be_opened_is_reported_down_once_and_comes_up_when_it_is_mended() -> None:
    recorder = MemoryRecorder()
    driver = ScriptedDriver("fridge-1", failing_until_mended)
    with supervised(recorder, driver) as supervisor:
        until(lambda: driver.runs >= 4)
        assert recorder.states("fridge-1") == ["down"]
        assert supervisor.states()["fridge-1"].reason.startswith("cannot open: try ")
        driver.mended.set()
        until(lambda: recorder.states("fridge-1") == ["down", "up"])
        until(lambda: supervisor.states()["fridge-1"].state == "up")


def test_a_lost_device_is_reported_with_the_time_and_reason_of_its_loss() -> None:
    recorder = MemoryRecorder()

    def unplugged_once(driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        if driver.runs == 1:
            raise DeviceLostError("/dev/ttyUSB0 is gone: plug the scanner in")
        idle(driver, session)

    with supervised(recorder, ScriptedDriver("scanner", unplugged_once)):
        until(lambda: recorder.states("scanner") == ["up", "down", "up"])
    down = recorder.of("scanner")[1]
    assert isinstance(down, DeviceStateChanged)
    assert down.reason == "/dev/ttyUSB0 is gone: plug the scanner in"
    times = [row.monotonic_ns for row in recorder.of("scanner")]
    assert times == sorted(times)


def test_a_misconfigured_device_is_down_for_good_with_the_mend_in_its_reason() -> None:
    recorder = MemoryRecorder()

    def misconfigured(_driver: ScriptedDriver, _session: DeviceSession) -> None:
        raise DeviceMisconfiguredError("nfcpy is not installed: pip install medtap[nfc]")

    driver, other = ScriptedDriver("nfc", misconfigured), ScriptedDriver("other", failing_until_mended)
    with supervised(recorder, driver, other) as supervisor:
        until(lambda: supervisor.states()["nfc"].state == "down")
        until(lambda: other.runs >= 10)
        assert driver.runs == 1
        assert supervisor.states()["nfc"].reason == "nfcpy is not installed: pip install medtap[nfc]"
    assert recorder.states("nfc") == ["down"]


def test_a_defect_of_a_driver_is_named_as_one_and_the_driver_started_again(caplog: pytest.LogCaptureFixture) -> None:
    recorder = MemoryRecorder()

    def defective_once(driver: ScriptedDriver, session: DeviceSession) -> None:
        if driver.runs == 1:
            raise ZeroDivisionError("division by zero")
        idle(driver, session)

    with supervised(recorder, ScriptedDriver("uhf", defective_once)):
        until(lambda: recorder.states("uhf") == ["down", "up"])
    down = recorder.of("uhf")[0]
    assert isinstance(down, DeviceStateChanged)
    assert down.reason == "unexpected ZeroDivisionError('division by zero'); a defect of the driver"
    assert "unexpected failure of the driver" in caplog.text


def test_a_driver_that_ends_by_itself_is_started_again() -> None:
    recorder = MemoryRecorder()
    driver = ScriptedDriver("uhf", lambda _driver, _session: None)
    with supervised(recorder, driver) as supervisor:
        until(lambda: driver.runs >= 3)
        until(lambda: supervisor.states()["uhf"].reason == "the driver ended by itself; a defect of it")
    assert recorder.states("uhf") == ["down"]


def test_a_scan_that_the_full_disk_refused_is_kept_when_there_is_room_and_before_the_device_starts_again() -> None:
    recorder = MemoryRecorder()

    def scanning(driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        if driver.runs == 1:
            recorder.full.set()
        session.emit(scan(driver, session, f"scan {driver.runs}"))
        idle(driver, session)

    driver = ScriptedDriver("scanner", scanning)
    with supervised(recorder, driver) as supervisor:
        until(lambda: "No space left on device" in supervisor.states()["scanner"].reason)
        assert supervisor.states()["scanner"].state == "down"
        assert supervisor.states()["scanner"].reason.endswith("; see to the disk of state_dir")
        assert driver.runs == 1
        recorder.full.clear()
        until(lambda: len(recorder.of("scanner")) == 5)
    rows = [row.text if isinstance(row, CodeScanned) else getattr(row, "state", "") for row in recorder.of("scanner")]
    assert rows == ["up", "scan 1", "down", "up", "scan 2"]


def test_what_the_recorder_refused_is_tried_once_more_at_the_end_and_named_if_it_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = MemoryRecorder()
    recorder.full.set()
    with supervised(recorder, ScriptedDriver("scanner", idle)) as supervisor:
        until(lambda: supervisor.states()["scanner"].state == "down")
    assert "device scanner: lost at the end, for they could not be kept: device_state_changed" in caplog.text
    assert recorder.rows == []


def test_a_slow_disk_is_not_a_hung_device_but_a_hanging_disk_ends_the_agent() -> None:
    recorder = MemoryRecorder()
    driver = ScriptedDriver("desk-1", idle, watchdog_s=0.05)
    policy = SupervisorPolicy(restart_delay_min_s=0.01, recorder_stall_s=0.3)
    recorder.gate.clear()
    try:
        with supervised(recorder, driver, policy=policy) as supervisor:
            until(lambda: "the disk of state_dir hangs" in supervisor.failure)
            assert driver.runs == 1
            driver.watchdog_s = PATIENT_S
            recorder.gate.set()
            until(lambda: recorder.states("desk-1") == ["up"])
            until(lambda: supervisor.failure == "")
            assert driver.runs == 1
    finally:
        recorder.gate.set()


def test_repeats_of_one_fault_are_thinned_out_over_restarts_of_the_device() -> None:
    recorder = MemoryRecorder()

    def faulty(driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        session.fault("crc_mismatch", "scratchpad with a wrong CRC", b"\x01\x02")
        session.fault("power_on_value", "x" * 600, b"\xff" * 5000)
        if driver.runs < 3:
            raise DeviceLostError("gone")
        idle(driver, session)

    driver = ScriptedDriver("w1", faulty)
    with supervised(recorder, driver):
        until(lambda: driver.runs == 3 and recorder.states("w1")[-1] == "up")
    faults = [row for row in recorder.of("w1") if isinstance(row, DeviceFaulted)]
    assert [fault.code for fault in faults] == ["crc_mismatch", "power_on_value"]
    assert faults[0].raw == "0102"
    assert len(faults[1].detail) == 500
    assert len(faults[1].raw) == 4096


def test_the_next_report_of_a_fault_says_how_many_were_left_out() -> None:
    clock = SettableClock()
    recorder = MemoryRecorder()

    def faulty(driver: ScriptedDriver, session: DeviceSession) -> None:
        for second in (0, 1, 59, 60, 61, 130):
            clock.set(second)
            session.fault("not_ready", "no conversion")
        idle(driver, session)

    supervisor = Supervisor([ScriptedDriver("w1", faulty)], recorder, clock, policy=QUICK)
    supervisor.start()
    until(lambda: recorder.states("w1") == ["up"])
    supervisor.stop(30)
    assert [row.detail for row in recorder.rows if isinstance(row, DeviceFaulted)] == [
        "no conversion",
        "no conversion (2 more like this were left out since the last report)",
        "no conversion (1 more like this were left out since the last report)",
    ]


class SettableClock:
    """A clock that stands where it is put, in seconds."""

    boot_id = "0" * 16

    def __init__(self) -> None:
        self._real = SystemClock()
        self._now_s = 0

    def set(self, now_s: int) -> None:
        self._now_s = now_s

    def stamp(self) -> Stamp:
        return Stamp(self._real.stamp().occurred_at, self._now_s * 1_000_000_000)


def test_an_unknown_fault_code_is_a_defect_of_the_driver(caplog: pytest.LogCaptureFixture) -> None:
    recorder = MemoryRecorder()
    driver = ScriptedDriver("w1", lambda _driver, session: session.fault("no_such_code", ""))
    with supervised(recorder, driver) as supervisor:
        until(lambda: "made an observation that is none" in supervisor.states()["w1"].reason)
    assert [row for row in recorder.rows if isinstance(row, DeviceFaulted)] == []


def test_stopping_ends_every_thread_and_names_the_device_that_would_not_end() -> None:
    release = threading.Event()
    recorder = MemoryRecorder()

    def deaf(_driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        release.wait(30)
        with suppress(SessionEndedError):
            session.emit(scan(deaf_driver, session, "too late"))

    def ended_by_abort(driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        driver.aborted.wait(30)

    deaf_driver = ScriptedDriver("deaf", deaf)
    drivers = [ScriptedDriver("a", idle), ScriptedDriver("b", ended_by_abort), deaf_driver]
    supervisor = Supervisor(drivers, recorder, SystemClock(), policy=QUICK)
    supervisor.start()
    until(lambda: len(recorder.rows) == 3)
    assert supervisor.stop(1.0) == ("deaf",)
    release.set()
    until(lambda: all(thread.name != "device deaf" for thread in threading.enumerate()))
    assert {row.kind for row in recorder.rows} == {"device_state_changed"}
    assert all(recorder.states(name) == ["up"] for name in ("a", "b", "deaf"))


def test_a_supervisor_without_devices_starts_and_stops() -> None:
    with supervised(MemoryRecorder()) as supervisor:
        assert supervisor.states() == {}


def test_faults_of_different_codes_are_thinned_out_apart() -> None:
    thinning = FaultThinning()
    assert thinning.left_out_before("crc_mismatch", 0) == 0
    assert thinning.left_out_before("not_ready", 1) == 0
    assert thinning.left_out_before("crc_mismatch", 59_999_999_999) is None
    assert thinning.left_out_before("crc_mismatch", 60_000_000_000) == 1
    assert thinning.left_out_before("crc_mismatch", 119_999_999_999) is None
