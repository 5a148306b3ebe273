"""A whole node's devices from one configuration file, over their simulated silicon, while plugs are pulled."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from edge.card_trust import CardTrust
from edge.clock import SystemClock
from edge.config import parse
from edge.contracts.observations import (
    CodeScanned,
    DeviceStateChanged,
    Event,
    TagAppeared,
    TagDisappeared,
    Telemetry,
    TemperatureMeasured,
)
from edge.drivers.build import build_drivers
from edge.supervisor import Supervisor, SupervisorPolicy
from firmware_sim.llrp_reader import LlrpReader
from firmware_sim.modbus_transmitter import Channel, ModbusTransmitter
from firmware_sim.serial_scanner import SerialScanner
from firmware_sim.w1_directory import W1Directory, W1Fault
from tests.edge.fake_session import FakeSession

FRIDGE = "28-0123456789ab"
EPC = bytes.fromhex("3034257bf7194e4000001a85")
CONFIG = """
[node]
site = "nhi-dong-1"
edge_node = "pharmacy-1"
state_dir = "{directory}"
[broker]
host = "127.0.0.1"
[[device]]
device_id = "fridge-1"
driver = "ds18b20"
base_dir = "{directory}/w1"
sensor_id = "28-0123456789ab"
interval_s = 0.1
[[device]]
device_id = "cold-room"
driver = "modbus_temperature"
transport = "tcp"
host = "127.0.0.1"
port = {modbus}
unit_id = 7
register = 0
interval_s = 0.1
[[device]]
device_id = "scanner"
driver = "serial_scanner"
path = "{directory}/scanner"
[[device]]
device_id = "uhf"
driver = "llrp"
host = "127.0.0.1"
port = {llrp}
absent_after_s = 2.0
"""


class Rows:
    """Keeps what the supervisor records."""

    def __init__(self) -> None:
        self.all: list[Event | Telemetry] = []

    def record_event(self, event: Event) -> None:
        self.all.append(event)

    def record_telemetry(self, telemetry: Telemetry) -> None:
        self.all.append(telemetry)

    def states(self, device_id: str) -> list[str]:
        return [row.state for row in self.all if isinstance(row, DeviceStateChanged) and row.device_id == device_id]

    def readings(self, device_id: str) -> int:
        return sum(isinstance(row, TemperatureMeasured) and row.device_id == device_id for row in self.all)


@dataclass
class Node:
    """The devices, and what was recorded of them."""

    w1: W1Directory
    modbus: ModbusTransmitter
    scanner: SerialScanner
    uhf: LlrpReader
    rows: Rows
    supervisor: Supervisor


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with ExitStack() as stack:
        w1 = stack.enter_context(W1Directory(tmp_path / "w1", {FRIDGE: 4.5}))
        modbus = stack.enter_context(ModbusTransmitter([Channel(7, 0, lambda: -19.5)]))
        scanner = stack.enter_context(SerialScanner(tmp_path / "scanner"))
        uhf = stack.enter_context(LlrpReader(round_s=0.05))
        config = parse(CONFIG.format(directory=tmp_path, modbus=modbus.port, llrp=uhf.port))
        rows = Rows()
        supervisor = Supervisor(
            build_drivers(config.devices, CardTrust()),
            rows,
            SystemClock(),
            policy=SupervisorPolicy(restart_delay_min_s=0.05, restart_delay_max_s=0.1),
            seed=1,
        )
        supervisor.start()
        try:
            yield Node(w1, modbus, scanner, uhf, rows, supervisor)
        finally:
            assert supervisor.stop(60) == ()


def _went(rows: Rows, device: str, states: list[str]) -> bool:
    return rows.states(device) == states


def test_every_device_that_is_unplugged_goes_down_and_comes_back_and_touches_no_other(node: Node) -> None:
    devices = ("fridge-1", "cold-room", "scanner", "uhf")
    rows, wait_for = node.rows, FakeSession().wait_for
    node.uhf.put(EPC)
    wait_for(lambda: all(rows.states(device) == ["up"] for device in devices))
    wait_for(lambda: node.scanner.scan("8937025101230"))
    wait_for(lambda: any(isinstance(row, TagAppeared) for row in rows.all))

    def fridge_off() -> None:
        node.w1.set_fault(FRIDGE, W1Fault.VANISH)
        node.w1.tick()

    def fridge_on() -> None:
        node.w1.set_fault(FRIDGE, W1Fault.NONE)
        node.w1.tick()

    changes = {
        "fridge-1": (fridge_off, fridge_on),
        "cold-room": (node.modbus.unplug, node.modbus.plug),
        "scanner": (node.scanner.unplug, node.scanner.plug),
        "uhf": (node.uhf.unplug, node.uhf.plug),
    }
    for number, device in enumerate(devices):
        off, on = changes[device]
        off()
        wait_for(partial(_went, rows, device, ["up", "down"]))
        assert node.supervisor.states()[device].state == "down"
        assert "; defect" not in node.supervisor.states()[device].reason
        on()
        wait_for(partial(_went, rows, device, ["up", "down", "up"]))
        assert [rows.states(other) for other in devices[number + 1 :]] == [["up"]] * (len(devices) - number - 1)
    wait_for(lambda: node.scanner.scan("8937025101230"))
    wait_for(lambda: sum(isinstance(row, CodeScanned) for row in rows.all) == 2)
    before = (rows.readings("fridge-1"), rows.readings("cold-room"))
    wait_for(lambda: rows.readings("fridge-1") > before[0] and rows.readings("cold-room") > before[1])
    assert [row for row in rows.all if isinstance(row, TagDisappeared)] == []
    assert all(rows.states(device) == ["up", "down", "up"] for device in devices)


def test_a_node_stops_within_seconds_with_all_its_devices_in_use(node: Node) -> None:
    wait_for = FakeSession().wait_for
    wait_for(lambda: all(status.state == "up" for status in node.supervisor.states().values()))
    assert node.supervisor.stop(60) == (), "a device did not end in time"
    assert [row.state for row in node.rows.all if isinstance(row, DeviceStateChanged)] == ["up"] * 4
