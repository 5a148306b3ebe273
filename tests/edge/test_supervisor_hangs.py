"""What happens to a node's devices when one of them hangs, or the whole process was held up."""

import threading
import time
from types import SimpleNamespace

import pytest

from edge.clock import SystemClock
from edge.contracts.observations import (
    CodeScanned,
    DeviceStateChanged,
)
from edge.drivers.driver import DeviceSession
from edge.supervisor import Supervisor, SupervisorPolicy
from tests.edge.supervisor_kit import (
    PATIENT_S,
    MemoryRecorder,
    ScriptedDriver,
    failing_until_mended,
    idle,
    scan,
    supervised,
    temperature,
    until,
)


def hung_once(driver: ScriptedDriver, session: DeviceSession) -> None:
    """The first run blocks in its device until it is closed under it, and then still wants to report a scan."""
    if driver.runs == 1:
        session.up()
        driver.aborted.wait(30)
        session.emit(scan(driver, session, "read by a thread that was given up"))
    driver.watchdog_s = PATIENT_S
    idle(driver, session)


def test_a_hung_device_is_noticed_closed_and_started_anew_and_its_old_thread_is_never_heard_again() -> None:
    recorder = MemoryRecorder()
    driver = ScriptedDriver("w1", hung_once, watchdog_s=0.15)
    with supervised(recorder, driver) as supervisor:
        until(lambda: recorder.states("w1") == ["up", "down", "up"])
        assert driver.aborted.is_set()
        until(lambda: all(thread.name != "device w1" for thread in _threads_but_one("device w1")))
        assert supervisor.failure == ""
    down = recorder.of("w1")[1]
    assert isinstance(down, DeviceStateChanged)
    assert down.reason == (
        "no sign of life for 0.15 s: the device or its line hangs; it is opened anew, unplug it if this goes on"
    )
    assert [row for row in recorder.rows if isinstance(row, CodeScanned)] == []


def _threads_but_one(name: str) -> list[threading.Thread]:
    found = [thread for thread in threading.enumerate() if thread.name == name]
    return found[1:]


def test_a_process_that_was_held_up_blames_no_device_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a paused virtual machine: closing the scanner then would cost the codes that wait in its line."""
    held_up, slept, seen = 0.0, threading.Event(), threading.Event()
    sleep, monotonic = Supervisor._sleep, time.monotonic  # noqa: SLF001 - where the machine takes our time

    def sleep_for_long(supervisor: Supervisor, until_s: float) -> None:
        nonlocal held_up
        if slept.is_set():
            seen.set()
        elif driver.silent.is_set():
            held_up = 10 * PATIENT_S
            slept.set()
            return
        sleep(supervisor, min(until_s, monotonic() + 0.01))

    class Silent(ScriptedDriver):
        silent = threading.Event()

    def listen(driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        Silent.silent.set()
        driver.mended.wait()

    driver = Silent("scanner", listen, PATIENT_S)
    monkeypatch.setattr(Supervisor, "_sleep", sleep_for_long)
    monkeypatch.setattr("edge.supervisor.time", SimpleNamespace(monotonic=lambda: monotonic() + held_up))
    recorder = MemoryRecorder()
    supervisor = Supervisor([driver], recorder, SystemClock())
    supervisor.start()
    try:
        assert seen.wait(PATIENT_S)
        assert (driver.runs, driver.aborted.is_set(), recorder.states("scanner")) == (1, False, ["up"])
    finally:
        driver.mended.set()
        supervisor.stop()


def test_a_driver_that_waits_longer_than_its_watchdog_is_not_hung() -> None:
    recorder = MemoryRecorder()

    def slow_schedule(driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        while not session.wait(3.0):
            session.emit(temperature(driver, session, 4.0))

    driver = ScriptedDriver("fridge-1", slow_schedule, watchdog_s=2.0)
    with supervised(recorder, driver):
        until(lambda: len(recorder.of("fridge-1")) >= 2)
    assert driver.runs == 1


def test_one_hung_and_one_failing_device_do_not_touch_a_third() -> None:
    recorder = MemoryRecorder()
    release = threading.Event()

    def hung_for_ever(_driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        release.wait(30)

    def reading(driver: ScriptedDriver, session: DeviceSession) -> None:
        session.up()
        while not session.wait(0.01):
            session.emit(temperature(driver, session, 4.0))

    hung = ScriptedDriver("hung", hung_for_ever, watchdog_s=0.1)
    failing = ScriptedDriver("failing", failing_until_mended)
    well = ScriptedDriver("well", reading)
    try:
        with supervised(recorder, hung, failing, well) as supervisor:
            until(lambda: hung.runs >= 3 and failing.runs >= 3)
            before = len(recorder.of("well"))
            until(lambda: len(recorder.of("well")) > before + 10)
            assert well.runs == 1
            assert recorder.states("well") == ["up"]
            # Three runs hang by now, and a thread can't be killed: past the limit the agent has to end itself.
            until(lambda: "hung device threads, more than can be left about: hung (" in supervisor.failure)
    finally:
        release.set()


def test_a_device_that_always_hangs_does_not_fill_the_agent_with_threads_and_comes_back_when_it_lets_go() -> None:
    recorder = MemoryRecorder()

    def hung_until_mended(driver: ScriptedDriver, session: DeviceSession) -> None:
        driver.mended.wait(PATIENT_S)
        driver.watchdog_s = PATIENT_S
        idle(driver, session)

    driver, other = ScriptedDriver("w1", hung_until_mended, watchdog_s=0.05), ScriptedDriver("x", failing_until_mended)
    policy = SupervisorPolicy(
        restart_delay_min_s=0.01, restart_delay_max_s=0.02, abandoned_runs_max=3, abandoned_runs_of_a_device_max=3
    )
    try:
        with supervised(recorder, driver, other, policy=policy) as supervisor:
            until(lambda: driver.runs == 3)
            tries = other.runs
            until(lambda: other.runs >= tries + 20)
            assert driver.runs == 3
            assert supervisor.failure == ""
            assert recorder.states("w1") == ["down"]
            driver.mended.set()
            until(lambda: recorder.states("w1") == ["down", "up"])
    finally:
        driver.mended.set()


def test_an_abort_that_blocks_or_fails_hurts_nobody() -> None:
    recorder = MemoryRecorder()
    release = threading.Event()

    class BadAbort(ScriptedDriver):
        def abort(self) -> None:
            super().abort()
            release.wait(30)

    try:
        with supervised(recorder, BadAbort("w1", hung_once, watchdog_s=0.1), ScriptedDriver("other", idle)):
            until(lambda: recorder.states("w1")[:3] == ["up", "down", "up"])
            assert recorder.states("other") == ["up"]
    finally:
        release.set()
