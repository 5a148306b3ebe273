"""DS18B20 thermometers: what is a reading, what is refused, and what happens when the bus fails."""

import contextlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import SystemClock
from edge.contracts.observations import DeviceStateChanged, Event, Telemetry, TemperatureMeasured
from edge.drivers.ds18b20 import Ds18b20Driver
from edge.drivers.ds18b20_scratchpad import ScratchpadRefusedError, crc8_maxim, temperature_celsius
from edge.drivers.schedule import FixedRate
from edge.supervisor import Supervisor, SupervisorPolicy
from firmware_sim.w1_directory import W1Directory, W1Fault, scratchpad
from tests.edge.fake_session import FakeSession, RunningDriver

FRIDGE = "28-0123456789ab"
FREEZER = "28-0123456789ac"


def driver(bus: Path, sensor_id: str = FRIDGE) -> Ds18b20Driver:
    return Ds18b20Driver(device_id="fridge-1", base_dir=bus, sensor_id=sensor_id, interval_s=0.02)


def with_crc(hex_body: str) -> bytes:
    body = bytes.fromhex(hex_body)
    return body + bytes((crc8_maxim(body),))


@pytest.mark.parametrize(
    ("register", "celsius"),
    [
        # Data sheet, table 1 (temperature/data relationship), without the 85.0 of power-on.
        ("d007", 125.0),
        ("9101", 25.0625),
        ("a200", 10.125),
        ("0800", 0.5),
        ("0000", 0.0),
        ("f8ff", -0.5),
        ("5eff", -10.125),
        ("6ffe", -25.0625),
        ("90fc", -55.0),
    ],
)
def test_the_temperatures_of_the_data_sheet(register: str, celsius: float) -> None:
    assert temperature_celsius(with_crc(register + "4b467fff0c10")) == celsius


def test_low_bits_mean_nothing_at_low_resolution() -> None:
    assert temperature_celsius(with_crc("9f01" + "4b461fff0c10")) == 25.5
    assert temperature_celsius(with_crc("9f01" + "4b463fff0c10")) == 25.75
    assert temperature_celsius(with_crc("9f01" + "4b465fff0c10")) == 25.875


@pytest.mark.parametrize(
    ("pad", "code", "message"),
    [
        pytest.param(
            bytes.fromhex("50054b467fff0c101c"),
            "power_on_value",
            "scratchpad 50 05 4b 46 7f ff 0c 10 1c: 85.0 degrees is the power-on value, no measurement; "
            "check the sensor's power",
            id="power-on scratchpad of the data sheet",
        ),
        pytest.param(
            with_crc("50054b467fff1010"),
            "power_on_value",
            "scratchpad 50 05 4b 46 7f ff 10 10 " + with_crc("50054b467fff1010").hex()[-2:] + ": 85.0 degrees is the "
            "power-on value, no measurement; check the sensor's power",
            id="85.0 that might have been measured",
        ),
        pytest.param(
            bytes(9), "zero_scratchpad", "scratchpad of zeros: the bus is shorted; check the wiring", id="zeros"
        ),
        pytest.param(
            bytes.fromhex("91014b467fff0c1000"),
            "crc_mismatch",
            "scratchpad 91 01 4b 46 7f ff 0c 10 00: CRC is 00, expected 70; check cable and pull-up",
            id="wrong checksum",
        ),
        pytest.param(
            b"\xff" * 9,
            "crc_mismatch",
            "scratchpad ff ff ff ff ff ff ff ff ff: CRC is ff, expected c9; check cable and pull-up",
            id="nobody on the bus",
        ),
        pytest.param(
            with_crc("00104b467fff0c10"),
            "implausible_value",
            "scratchpad 00 10 4b 46 7f ff 0c 10 " + with_crc("00104b467fff0c10").hex()[-2:] + ": 256 degrees, expected "
            "-55 to 125; replace the sensor",
            id="256 degrees",
        ),
        pytest.param(b"\x91\x01", "not_ready", "scratchpad of 2 bytes (91 01): expected 9", id="too short"),
    ],
)
def test_what_is_no_reading_is_refused_with_its_reason(pad: bytes, code: str, message: str) -> None:
    with pytest.raises(ScratchpadRefusedError) as refused:
        temperature_celsius(pad)
    assert (refused.value.code, str(refused.value)) == (code, message)


@given(st.integers(-55 * 16, 125 * 16))
def test_every_temperature_but_the_power_on_value_is_read_as_the_sensor_sent_it(sixteenths: int) -> None:
    pad = scratchpad(sixteenths / 16)
    if sixteenths == 85 * 16:
        with pytest.raises(ScratchpadRefusedError):
            temperature_celsius(pad)
    else:
        assert temperature_celsius(pad) == sixteenths / 16


@given(st.binary(max_size=12))
def test_arbitrary_bytes_are_a_temperature_of_the_range_or_refused(pad: bytes) -> None:
    with contextlib.suppress(ScratchpadRefusedError):
        assert -55 <= temperature_celsius(pad) <= 125


@given(st.integers(-55 * 16, 84 * 16), st.integers(0, 71))
def test_a_single_wrong_bit_is_always_noticed(sixteenths: int, bit: int) -> None:
    pad = bytearray(scratchpad(sixteenths / 16))
    pad[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ScratchpadRefusedError):
        temperature_celsius(bytes(pad))


@given(st.integers(1, 10**6), st.integers(0, 10**12), st.integers(0, 10**12))
def test_slots_stand_at_whole_intervals_from_the_start_however_late_one_comes(
    interval_ms: int, start_ns: int, passed_ns: int
) -> None:
    wait_s = FixedRate(interval_ms / 1000, start_ns).wait_s(start_ns + passed_ns)
    assert 0 < wait_s <= interval_ms / 1000
    assert (passed_ns + round(wait_s * 1e9)) % (interval_ms * 1_000_000) == 0


def test_a_sensor_is_up_with_its_first_reading_and_read_again_and_again(tmp_path: Path) -> None:
    with W1Directory(tmp_path / "w1", {FRIDGE: 4.5}) as bus, RunningDriver(driver(bus.base_dir), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.of_kind(TemperatureMeasured)) >= 3)
        assert {reading.temperature_celsius for reading in seen.of_kind(TemperatureMeasured)} == {4.5}
        assert {reading.device_id for reading in seen.of_kind(TemperatureMeasured)} == {"fridge-1"}
        bus.set_celsius(FRIDGE, -18.0625)
        bus.tick()
        seen.wait_for(lambda: seen.of_kind(TemperatureMeasured)[-1].temperature_celsius == -18.0625)
    assert seen.faults == []
    assert seen.losses == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (W1Fault.POWER_ON_VALUE, "power_on_value"),
        (W1Fault.ZERO_SCRATCHPAD, "zero_scratchpad"),
        (W1Fault.CRC, "crc_mismatch"),
    ],
)
def test_a_lying_sensor_is_reported_goes_down_and_comes_back_when_it_is_mended(
    tmp_path: Path, fault: W1Fault, code: str
) -> None:
    with W1Directory(tmp_path / "w1", {FRIDGE: 4.5}) as bus, RunningDriver(driver(bus.base_dir), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.of_kind(TemperatureMeasured)) >= 1)
        bus.set_fault(FRIDGE, fault)
        bus.tick()
        seen.wait_for(lambda: len(seen.losses) >= 1)
        assert set(seen.fault_codes()) == {code}
        assert str(seen.losses[0]).startswith("3 readings in a row were refused, the last: scratchpad ")
        readings = len(seen.of_kind(TemperatureMeasured))
        seen.wait_for(lambda: len(seen.losses) >= 2)
        assert len(seen.of_kind(TemperatureMeasured)) == readings, "a refused reading became one"
        bus.set_fault(FRIDGE, W1Fault.NONE)
        bus.set_celsius(FRIDGE, 5.0)
        bus.tick()
        seen.wait_for(lambda: len(seen.of_kind(TemperatureMeasured)) > readings)
    assert seen.of_kind(TemperatureMeasured)[-1].temperature_celsius == 5.0


class Conversions(FakeSession):
    """Puts the next text into the file before each reading, and stops after the last one."""

    def __init__(self, file: Path, texts: list[str]) -> None:
        super().__init__()
        self._file = file
        self._texts = texts
        self.wait(0)

    def wait(self, timeout_s: float) -> bool:  # noqa: ARG002 - DeviceSession.wait
        if not self._texts:
            self.stop()
        else:
            self._file.write_text(self._texts.pop(0))
        return self.stopping


def test_two_bad_checksums_are_reported_and_the_sensor_stays_up(tmp_path: Path) -> None:
    folder = tmp_path / FRIDGE
    folder.mkdir()
    good = f"{scratchpad(4.5).hex(' ')} : crc={scratchpad(4.5)[8]:02x} YES\n{scratchpad(4.5).hex(' ')} t=4500\n"
    bad = good.replace("48", "49", 1)
    seen = Conversions(folder / "w1_slave", [bad, bad, good, bad, bad, good])
    driver(tmp_path).run(seen)
    assert seen.fault_codes() == ["crc_mismatch"] * 4
    assert [reading.temperature_celsius for reading in seen.of_kind(TemperatureMeasured)] == [4.5, 4.5]


def test_the_kernels_yes_is_not_believed_without_the_checksum(tmp_path: Path) -> None:
    folder = tmp_path / FRIDGE
    folder.mkdir()
    (folder / "w1_slave").write_text("91 01 4b 46 7f ff 0c 10 00 : crc=00 YES\n91 01 4b 46 7f ff 0c 10 00 t=25062\n")
    with RunningDriver(driver(tmp_path), FakeSession()) as seen:
        seen.wait_for(lambda: "crc_mismatch" in seen.fault_codes())
    assert seen.observations == []


def test_a_value_without_scratchpad_is_not_ready(tmp_path: Path) -> None:
    folder = tmp_path / FRIDGE
    folder.mkdir()
    (folder / "w1_slave").write_text("")
    with RunningDriver(driver(tmp_path), FakeSession()) as seen:
        seen.wait_for(lambda: "not_ready" in seen.fault_codes())
    assert seen.observations == []


def test_a_sensor_off_the_bus_is_lost_and_back_when_it_is_plugged_in(tmp_path: Path) -> None:
    with (
        W1Directory(tmp_path / "w1", {FRIDGE: 4.5, FREEZER: -20.0}) as bus,
        RunningDriver(driver(bus.base_dir), FakeSession()) as seen,
        RunningDriver(driver(bus.base_dir, FREEZER), FakeSession()) as other,
    ):
        seen.wait_for(lambda: len(seen.ups) >= 1)
        bus.set_fault(FRIDGE, W1Fault.VANISH)
        bus.tick()
        seen.wait_for(lambda: len(seen.losses) >= 1)
        mend = "check its cable and that sensor_id is one of the directory's entries"
        assert str(seen.losses[0]) == f"{bus.base_dir}/{FRIDGE}/w1_slave is not there: {mend}"
        before = len(seen.of_kind(TemperatureMeasured))
        bus.set_fault(FRIDGE, W1Fault.NONE)
        bus.tick()
        seen.wait_for(lambda: len(seen.of_kind(TemperatureMeasured)) > before)
    assert other.losses == []


class Rows:
    """Keeps what a supervisor records."""

    def __init__(self) -> None:
        self.all: list[Event | Telemetry] = []

    def record_event(self, event: Event) -> None:
        self.all.append(event)

    def record_telemetry(self, telemetry: Telemetry) -> None:
        self.all.append(telemetry)

    def states(self) -> list[str]:
        return [row.state for row in self.all if isinstance(row, DeviceStateChanged)]


def test_a_bus_that_never_answers_is_noticed_abandoned_and_read_again_when_it_answers(tmp_path: Path) -> None:
    """A FIFO nobody writes to blocks its reader exactly as a hung bus blocks a read of sysfs."""
    folder = tmp_path / FRIDGE
    folder.mkdir()
    fifo = folder / "w1_slave"
    os.mkfifo(fifo)
    hung = Ds18b20Driver(device_id="fridge-1", base_dir=tmp_path, sensor_id=FRIDGE, interval_s=0.02, watchdog_s=0.1)
    rows = Rows()
    policy = SupervisorPolicy(
        restart_delay_min_s=0.01, restart_delay_max_s=0.02, abandoned_runs_max=1000, abandoned_runs_of_a_device_max=1000
    )
    supervisor = Supervisor([hung], rows, SystemClock(), policy=policy, seed=1)
    supervisor.start()
    waiting = FakeSession()
    try:
        waiting.wait_for(lambda: rows.states() == ["down"])
        assert supervisor.states()["fridge-1"].reason.startswith("no sign of life for 0.1 s")
        # The bus answers again: the abandoned threads get their answer, and what they say is not heard.
        fifo.rename(folder / "old")
        fresh = folder / "fresh"
        fresh.write_text(f"{scratchpad(4.5).hex(' ')} : crc={scratchpad(4.5)[8]:02x} YES\n")
        fresh.rename(fifo)
        hung.watchdog_s = 60.0  # a run that reads is not to be taken for a hung one on a busy machine
        # The device is up by a new run, so every run that hangs in the old file was given up before.
        waiting.wait_for(lambda: rows.states() == ["down", "up"])
        with (folder / "old").open("w") as old:
            old.write(f"{scratchpad(77.0).hex(' ')} : crc={scratchpad(77.0)[8]:02x} YES\n")
        waiting.wait_for(lambda: any(isinstance(row, TemperatureMeasured) for row in rows.all))
        waiting.wait_for(lambda: sum(thread.name == "device fridge-1" for thread in threading.enumerate()) == 1)
        assert supervisor.failure == ""
    finally:
        assert supervisor.stop(60) == ()
    assert {row.temperature_celsius for row in rows.all if isinstance(row, TemperatureMeasured)} == {4.5}
