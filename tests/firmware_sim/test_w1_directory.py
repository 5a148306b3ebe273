"""The simulated 1-Wire bus: the kernel's files, byte for byte."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.w1_directory import (
    POWER_ON_SCRATCHPAD,
    W1Directory,
    W1Fault,
    crc8,
    millidegrees,
    scratchpad,
)

SENSOR = "28-0123456789ab"


def _read(bus: W1Directory, name: str = "w1_slave") -> str:
    return (bus.base_dir / SENSOR / name).read_text()


def test_a_sensor_looks_as_in_the_kernel(tmp_path: Path) -> None:
    # These two lines were printed by a real sensor on a Raspberry Pi; they stand in many a tutorial.
    with W1Directory(tmp_path / "w1", {SENSOR: 23.125}) as bus:
        assert _read(bus) == "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
        assert _read(bus, "temperature") == "23125\n"
        assert _read(bus, "name") == f"{SENSOR}\n"
        assert (bus.base_dir / "w1_bus_master1" / "w1_master_slaves").read_text() == f"{SENSOR}\n"
    assert not (tmp_path / "w1").exists()


@pytest.mark.parametrize(
    ("celsius", "raw"),
    # DS18B20 data sheet, table 1: temperature/data relationship.
    [
        (125.0, "d007"),
        (25.0625, "9101"),
        (10.125, "a200"),
        (0.5, "0800"),
        (0.0, "0000"),
        (-0.5, "f8ff"),
        (-10.125, "5eff"),
        (-25.0625, "6ffe"),
        (-55.0, "90fc"),
    ],
)
def test_the_scratchpad_holds_the_data_sheets_values(celsius: float, raw: str) -> None:
    assert scratchpad(celsius)[:2].hex() == raw
    assert millidegrees(scratchpad(celsius)) == int(celsius * 1000)


def test_the_kernel_truncates_towards_zero() -> None:
    assert millidegrees(scratchpad(-0.0625)) == -62
    assert millidegrees(scratchpad(0.0625)) == 62


def test_the_power_on_value_has_a_right_checksum(tmp_path: Path) -> None:
    assert crc8(POWER_ON_SCRATCHPAD[:8]) == POWER_ON_SCRATCHPAD[8] == 0x1C
    with W1Directory(tmp_path, {SENSOR: 5.0}) as bus:
        bus.set_fault(SENSOR, W1Fault.POWER_ON_VALUE)
        bus.tick()
        assert _read(bus).splitlines()[0] == "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES"
        assert _read(bus).endswith("t=85000\n")


def test_a_shorted_bus_reads_as_zeros_with_a_right_checksum(tmp_path: Path) -> None:
    with W1Directory(tmp_path, {SENSOR: 5.0}) as bus:
        bus.set_fault(SENSOR, W1Fault.ZERO_SCRATCHPAD)
        bus.tick()
        assert _read(bus) == "00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n"


def test_after_a_checksum_error_the_kernel_repeats_the_last_good_value_behind_a_no(tmp_path: Path) -> None:
    with W1Directory(tmp_path, {SENSOR: 5.0}) as bus:
        bus.set_celsius(SENSOR, 9.0)
        bus.set_fault(SENSOR, W1Fault.CRC)
        bus.tick()
        first, second = _read(bus).splitlines()
        assert first.endswith(" NO")
        assert second.endswith("t=5000")
        assert _read(bus, "temperature") == ""
        bus.set_fault(SENSOR, W1Fault.NONE)
        bus.tick()
        assert _read(bus).endswith("t=9000\n")


def test_a_sensor_that_is_off_the_bus_has_no_directory_until_it_comes_back(tmp_path: Path) -> None:
    with W1Directory(tmp_path, {SENSOR: 5.0}) as bus:
        bus.set_fault(SENSOR, W1Fault.VANISH)
        bus.tick()
        assert not (tmp_path / SENSOR).exists()
        assert (tmp_path / "w1_bus_master1" / "w1_master_slaves").read_text() == "not found.\n"
        bus.set_fault(SENSOR, W1Fault.NONE)
        bus.tick()
        assert _read(bus).endswith("t=5000\n")


def test_a_reader_never_sees_half_a_value(tmp_path: Path) -> None:
    with W1Directory(tmp_path, {SENSOR: 5.0}) as bus:
        stop = threading.Event()
        seen: set[str] = set()

        def read() -> None:
            while not stop.is_set():
                seen.add(_read(bus))

        thread = threading.Thread(target=read)
        thread.start()
        for step in range(200):
            bus.set_celsius(SENSOR, 5.0 + step / 16)
            bus.tick()
        stop.set()
        thread.join()
        assert seen
        assert all(len(text.splitlines()) == 2 and "YES" in text and "t=" in text for text in seen)


def test_a_sensor_that_was_never_there_is_refused_by_name(tmp_path: Path) -> None:
    with W1Directory(tmp_path, {SENSOR: 5.0}) as bus, pytest.raises(KeyError, match=SENSOR):
        bus.set_celsius("28-ffffffffffff", 1.0)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_turned_bit_never_keeps_the_checksum(body: bytes, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    turned = bytearray(body)
    turned[bit // 8] ^= 1 << bit % 8
    assert crc8(bytes(turned)) != crc8(body)


@given(st.floats(-55, 125))
def test_a_scratchpad_is_never_further_from_the_truth_than_half_a_step(celsius: float) -> None:
    pad = scratchpad(celsius)
    assert crc8(pad[:8]) == pad[8]
    assert abs(millidegrees(pad) / 1000 - celsius) <= 1 / 32 + 0.001
