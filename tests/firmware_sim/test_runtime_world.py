"""The whole simulated hospital: what a configuration finds in world.json answers, and commands move it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from pymodbus.client import ModbusTcpClient

from firmware_sim.client import ControlClient
from firmware_sim.clock import ManualClock
from firmware_sim.control import WorldInUseError
from firmware_sim.runtime import RuntimeOptions, SimulatedHospital, run

_RUN = """
import signal, sys, threading
from pathlib import Path
from firmware_sim.runtime import RuntimeOptions, run
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
run(RuntimeOptions(Path(sys.argv[1])), stop)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    # A unix socket's path has at most 107 characters; pytest's own temporary directories can be longer.
    with tempfile.TemporaryDirectory(prefix="wld-") as name:
        yield Path(name)


@pytest.fixture
def hospital(directory: Path) -> Iterator[SimulatedHospital]:
    with SimulatedHospital(RuntimeOptions(directory, seed=5)) as running:
        yield running


def _world(directory: Path) -> dict[str, Any]:
    world: dict[str, Any] = json.loads((directory / "world.json").read_text())
    return world


def _eventually(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)


def _do(hospital: SimulatedHospital, verb: str, **arguments: object) -> dict[str, Any]:
    reply = hospital.do({"do": verb, **arguments})
    assert reply["ok"], reply
    return reply


def _w1_celsius(world: dict[str, Any], sensor: dict[str, Any]) -> float:
    text = (Path(world["paths"]["w1_base_dir"]) / sensor["sensor_id"] / "w1_slave").read_text()
    return int(text.rsplit("t=", 1)[1]) / 1000


def test_world_json_has_everything_a_configuration_needs(hospital: SimulatedHospital, directory: Path) -> None:
    world = _world(directory)
    assert world == hospital.description
    assert set(world) == {
        "seed", "ports", "paths", "sensors", "contacts", "card_ca_pem", "patients", "products", "packs", "fridges",
    }  # fmt: skip
    assert set(world["patients"][0]) == {
        "patient_id", "patient_number", "full_name", "birth_date", "sex", "insurance_number", "allergy_flag",
        "card_id", "card_state",
    }  # fmt: skip
    assert {sensor["fridge"] for sensor in world["sensors"]} == {fridge["fridge_id"] for fridge in world["fridges"]}
    assert all(Path(path).exists() for path in world["paths"].values())
    assert world["card_ca_pem"].startswith("-----BEGIN CERTIFICATE-----")


def test_the_same_seed_and_day_give_the_same_cards(directory: Path) -> None:
    worlds = []
    for name in ("a", "b"):
        with SimulatedHospital(RuntimeOptions(directory / name, seed=5), ManualClock()) as hospital:
            worlds.append(hospital.description)
    assert worlds[0]["patients"] == worlds[1]["patients"]
    assert worlds[0]["card_ca_pem"] == worlds[1]["card_ca_pem"]


def test_a_stopped_world_leaves_its_directory_empty_and_no_thread(directory: Path) -> None:
    threads = set(threading.enumerate())
    with SimulatedHospital(RuntimeOptions(directory, autoplay=True)):
        assert len(list(directory.iterdir())) == 8
        assert set(threading.enumerate()) - threads
    assert list(directory.iterdir()) == []
    assert set(threading.enumerate()) - threads == set()


def test_a_second_world_in_one_directory_is_refused_and_the_first_goes_on(
    hospital: SimulatedHospital, directory: Path
) -> None:
    with pytest.raises(WorldInUseError):
        SimulatedHospital(RuntimeOptions(directory)).start()
    assert _do(hospital, "counts")["taps"] == 0
    assert (directory / "world.json").exists()


@pytest.mark.usefixtures("hospital")
def test_a_scanned_pack_comes_out_of_the_scanners_line(directory: Path) -> None:
    world = _world(directory)
    client = ControlClient(directory / "control.sock")
    with serial.Serial(world["paths"]["scanner_receiving"], 9600, timeout=60) as port:
        assert client.do(do="scan", scanner="receiving", pack=3) == {"ok": True, "heard": True}
        assert port.read_until(b"\r") == b"]d2" + world["packs"][3]["element_string"].encode() + b"\r"
        assert client.do(do="scan", scanner="receiving", text="Xin chào")["heard"]
        assert port.read_until(b"\r").decode() == "Xin chào\r"
        assert client.do(do="half_scan")["heard"]
    assert client.do(do="scan", scanner="issue", pack=3) == {"ok": True, "heard": False}
    counts = client.do(do="counts")
    assert (counts["scans"], counts["scans_unheard"], counts["half_scans"]) == (2, 1, 1)


def test_a_fridge_that_fails_warms_on_its_thermometer_and_cools_when_it_is_mended(directory: Path) -> None:
    clock = ManualClock()
    with SimulatedHospital(RuntimeOptions(directory, physics_speed=1.0), clock) as hospital:
        world = hospital.description
        sensor = world["sensors"][0]
        assert _w1_celsius(world, sensor) == pytest.approx(5.0, abs=0.5)
        _do(hospital, "warm", fridge=sensor["fridge"], celsius=12.0)
        clock.advance(1800)
        _eventually(lambda: abs(_w1_celsius(world, sensor) - 12.0) < 0.5, "12 degrees on the probe")
        _do(hospital, "cool", fridge=sensor["fridge"])
        clock.advance(3600)
        _eventually(lambda: _w1_celsius(world, sensor) < 8.0, "below 8 degrees again")


def test_a_transmitters_register_follows_its_fridge(directory: Path) -> None:
    clock = ManualClock()
    with SimulatedHospital(RuntimeOptions(directory, physics_speed=1.0), clock) as hospital:
        world = hospital.description
        sensor = next(one for one in world["sensors"] if "unit_id" in one)
        client = ModbusTcpClient("127.0.0.1", port=world["ports"]["modbus"], timeout=60)
        assert client.connect()  # type: ignore[no-untyped-call]  # pymodbus leaves it without annotation

        def celsius() -> float:
            answer = client.read_input_registers(sensor["register"], count=1, device_id=sensor["unit_id"])
            return float(answer.registers[0]) * float(sensor["scale"])

        assert celsius() == pytest.approx(5.0, abs=0.5)
        _do(hospital, "warm", fridge=sensor["fridge"], celsius=20.0)
        clock.advance(1800)
        _eventually(lambda: abs(celsius() - 20.0) < 0.5, "20 degrees in the register")
        client.close()  # type: ignore[no-untyped-call]  # the same
        assert _do(hospital, "counts")["modbus_reads"] >= 2


def test_a_faulty_sensor_shows_its_fault_and_is_mended(hospital: SimulatedHospital, directory: Path) -> None:
    world = _world(directory)
    sensor = world["sensors"][1]
    _do(hospital, "sensor_fault", sensor=sensor["sensor_id"], fault="power_on_value")
    assert _w1_celsius(world, sensor) == 85.0
    _do(hospital, "sensor_fault", sensor=sensor["sensor_id"], fault="none")
    assert _w1_celsius(world, sensor) < 8.0
    _do(hospital, "sensor_fault", sensor="1", fault="silent")


def test_a_card_lies_on_the_reader_for_as_long_as_it_was_asked_to(hospital: SimulatedHospital) -> None:
    reply = _do(hospital, "tap", patient=2, hold_s=3.0)
    assert reply["card_id"] == hospital.description["patients"][2]["card_id"]
    assert _do(hospital, "status")["card_on_desk"]
    assert not _do(hospital, "wait_removed")["read"]
    assert not _do(hospital, "status")["card_on_desk"]
    by_id = _do(hospital, "tap", card_id=reply["card_id"].upper(), hold_s=0.1)
    assert by_id["patient"] == 2
    assert by_id["arrived_monotonic_s"] > reply["arrived_monotonic_s"]
    assert _do(hospital, "counts")["taps"] == 2


def test_tags_come_to_the_shelf_and_go(hospital: SimulatedHospital) -> None:
    epc = hospital.description["packs"][7]["epc"]
    assert _do(hospital, "uhf_put", pack=7)["epc"] == epc
    assert _do(hospital, "status")["shelf"] == [epc]
    assert _do(hospital, "uhf_take", pack=7)["was_there"]
    assert not _do(hospital, "uhf_take", pack=7)["was_there"]
    assert _do(hospital, "status")["shelf"] == []
    assert _do(hospital, "uhf_put", epc="3034257BF400B7800000162E")["epc"] == "3034257bf400b7800000162e"
    assert _do(hospital, "uhf_take", epc="3034257bf400b7800000162e")["was_there"]


@pytest.mark.parametrize("device", ["pn532-desk-1", "pn532-pharmacy", "scanner-receiving", "scanner-issue"])
def test_an_unplugged_device_has_no_name_until_it_is_plugged_in_again(
    hospital: SimulatedHospital, directory: Path, device: str
) -> None:
    _do(hospital, "unplug", device=device)
    assert not (directory / device).is_symlink()
    _do(hospital, "plug", device=device)
    assert (directory / device).exists()


def test_network_devices_and_thermometers_can_be_unplugged_too(hospital: SimulatedHospital, directory: Path) -> None:
    world = _world(directory)
    sensor_id = world["sensors"][0]["sensor_id"]
    for device in ("llrp", "modbus", f"w1:{sensor_id}"):
        _do(hospital, "unplug", device=device)
    assert not (Path(world["paths"]["w1_base_dir"]) / sensor_id).exists()
    for device in ("llrp", "modbus", f"w1:{sensor_id}"):
        _do(hospital, "plug", device=device)
    assert hospital.description["ports"] == world["ports"]
    assert (Path(world["paths"]["w1_base_dir"]) / sensor_id / "w1_slave").exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({"do": "fly"}, "expected one of tap"),
        ({"do": ["tap"]}, "expected one of tap"),
        ({"do": "tap"}, "either patient"),
        ({"do": "tap", "patient": 30}, "expected 0 to 29"),
        ({"do": "tap", "patient": True}, "expected 0 to 29"),
        ({"do": "tap", "card_id": "00" * 16}, "card_id is"),
        ({"do": "tap", "patient": 0, "hold_s": -1}, "0 to 3600"),
        ({"do": "tap", "patient": 0, "colour": "red"}, "its arguments: patient, card_id, hold_s"),
        ({"do": "first_answer"}, "no card was tapped"),
        ({"do": "scan", "scanner": "cellar", "pack": 0}, "receiving, issue"),
        ({"do": "scan", "pack": 0, "text": "x"}, "either pack"),
        ({"do": "scan", "pack": 120}, "expected 0 to 119"),
        ({"do": "garbage_tag", "kind": "clean"}, "no NDEF TLV"),
        ({"do": "uhf_put", "pack": 0, "antenna": 0}, "antenna is 0"),
        ({"do": "uhf_put"}, "either pack"),
        ({"do": "uhf_put", "epc": "x"}, "hexadecimal digits"),
        ({"do": "nfc_tag", "pack": 0, "data_area": "00"}, "either pack"),
        ({"do": "warm", "fridge": "fridge-9"}, "fridge-1, fridge-2, fridge-3, room-1"),
        ({"do": "warm", "fridge": "fridge-1", "celsius": "hot"}, "expected a number"),
        ({"do": "unplug", "device": "kettle"}, "scanner-receiving"),
        ({"do": "sensor_fault", "sensor": "1", "fault": "crc"}, "none, silent, exception, corrupt"),
        ({"do": "sensor_fault", "sensor": "28-0", "fault": "crc"}, "expected one of 28-"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_what_was_expected(
    hospital: SimulatedHospital, command: dict[str, Any], reason: str
) -> None:
    reply = hospital.do(command)
    assert reply["ok"] is False
    assert reason in reply["error"]


def test_autoplay_moves_the_hospital_and_stops_when_told(directory: Path) -> None:
    clock = ManualClock()
    with SimulatedHospital(RuntimeOptions(directory), clock) as hospital:
        _do(hospital, "autoplay", on=True)
        clock.advance(6.5)
        _eventually(lambda: _do(hospital, "counts")["uhf_puts"] > 0, "a tag on the shelf")
        _eventually(lambda: _do(hospital, "counts")["scans_unheard"] > 0, "a scan that nobody hears")
        assert _do(hospital, "autoplay", on=False)["on"] is False
        assert _do(hospital, "counts")["autoplay_failures"] == 0


def test_the_stop_command_ends_a_run(directory: Path) -> None:
    thread = threading.Thread(target=run, args=(RuntimeOptions(directory), threading.Event()))
    thread.start()
    _eventually((directory / "world.json").exists, "world.json")
    assert ControlClient(directory / "control.sock").do(do="stop")["ok"]
    thread.join(60)
    assert not thread.is_alive()
    assert list(directory.iterdir()) == []


def test_sigterm_ends_the_process_cleanly(directory: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _RUN, str(directory)])
    try:
        _eventually((directory / "world.json").exists, "world.json")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert list(directory.iterdir()) == []
    finally:
        process.kill()
        process.wait()


def test_a_world_whose_parent_was_killed_ends_by_itself(directory: Path) -> None:
    starter = "import subprocess, sys, time; subprocess.Popen([sys.executable, *sys.argv[1:]]); time.sleep(600)"
    parent = subprocess.Popen([sys.executable, "-c", starter, "-c", _RUN, str(directory)])
    try:
        _eventually((directory / "world.json").exists, "world.json")
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        _eventually(lambda: list(directory.iterdir()) == [], "an empty directory")
    finally:
        parent.kill()
        parent.wait()
