"""Modbus temperature transmitters: readings, silence, exceptions, broken probes, a line shared by several units."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

import edge.drivers.modbus_line as driver_module
from edge.contracts.observations import TemperatureMeasured
from edge.drivers.modbus_line import SerialLine, TcpLine
from edge.drivers.modbus_temperature import ModbusTemperatureDriver
from firmware_sim.modbus_transmitter import Channel, ModbusFault, ModbusTransmitter
from tests.edge.fake_session import FakeSession, RunningDriver

UNIT, OTHER_UNIT, REGISTER = 7, 8, 3


class Room:
    """What the probes measure."""

    def __init__(self) -> None:
        self.celsius = 4.3


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transmitter that answers late, for the machine is busy, is no silent one."""
    monkeypatch.setattr(driver_module, "ANSWER_TIMEOUT_S", 30.0)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


@pytest.fixture
def impatience(patience: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is waited for in these tests."""
    monkeypatch.setattr(driver_module, "ANSWER_TIMEOUT_S", 0.5)


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def tcp(room: Room) -> Iterator[ModbusTransmitter]:
    channels = [Channel(UNIT, REGISTER, lambda: room.celsius), Channel(OTHER_UNIT, REGISTER, lambda: -19.5)]
    with ModbusTransmitter(channels) as transmitter:
        yield transmitter


def driver(
    line: TcpLine | SerialLine,
    unit_id: int = UNIT,
    *,
    register: int = REGISTER,
    register_kind: Literal["input", "holding"] = "input",
    scale: float = 0.1,
    interval_s: float = 0.02,
) -> ModbusTemperatureDriver:
    return ModbusTemperatureDriver(
        device_id=f"room-{unit_id}",
        line=line,
        unit_id=unit_id,
        register=register,
        register_kind=register_kind,
        scale=scale,
        interval_s=interval_s,
    )


def celsius(seen: FakeSession) -> list[float]:
    return [reading.temperature_celsius for reading in seen.of_kind(TemperatureMeasured)]


@pytest.mark.parametrize("kind", ["input", "holding"])
def test_a_transmitter_on_tcp_is_read_again_and_again(
    tcp: ModbusTransmitter, room: Room, kind: Literal["input", "holding"]
) -> None:
    with RunningDriver(driver(TcpLine("127.0.0.1", tcp.port), register_kind=kind), FakeSession()) as seen:
        seen.wait_for(lambda: len(celsius(seen)) >= 3)
        assert set(celsius(seen)) == {4.3}
        room.celsius = -0.4
        seen.wait_for(lambda: celsius(seen)[-1] == -0.4)
    assert seen.faults == []
    assert seen.losses == []


def test_two_units_of_one_serial_line_are_read_side_by_side(tmp_path: Path, room: Room) -> None:
    channels = [Channel(UNIT, REGISTER, lambda: room.celsius), Channel(OTHER_UNIT, REGISTER, lambda: -19.5)]
    path = tmp_path / "rs485"
    with ModbusTransmitter(channels, serial_path=path):
        line = SerialLine(path, 9600)
        with (
            RunningDriver(driver(line, interval_s=0.3), FakeSession()) as seen,
            RunningDriver(driver(line, OTHER_UNIT, interval_s=0.3), FakeSession()) as other,
        ):
            seen.wait_for(lambda: len(celsius(seen)) >= 5, 20)
            other.wait_for(lambda: len(celsius(other)) >= 5, 20)
    assert set(celsius(seen)) == {4.3}
    assert set(celsius(other)) == {-19.5}
    assert seen.losses == other.losses == []


@pytest.mark.usefixtures("impatience")
def test_a_silent_unit_is_asked_twice_then_lost_and_read_when_it_answers_again(tcp: ModbusTransmitter) -> None:
    line = TcpLine("127.0.0.1", tcp.port)
    with (
        RunningDriver(driver(line), FakeSession()) as seen,
        RunningDriver(driver(line, OTHER_UNIT), FakeSession()) as other,
    ):
        seen.wait_for(lambda: len(celsius(seen)) >= 1)
        tcp.set_fault(UNIT, ModbusFault.SILENT)
        seen.wait_for(lambda: len(seen.losses) >= 1)
        assert seen.fault_codes()[0] == "not_ready"
        assert str(seen.losses[0]).startswith(f"127.0.0.1:{tcp.port} unit 7: no answer (")
        assert str(seen.losses[0]).endswith("; check power, cable and unit_id")
        before = len(celsius(seen))
        tcp.set_fault(UNIT, ModbusFault.NONE)
        seen.wait_for(lambda: len(celsius(seen)) > before)
    assert other.losses == []
    assert other.faults == []


def test_a_transmitter_off_the_network_is_lost_and_read_when_it_is_back(tcp: ModbusTransmitter) -> None:
    with RunningDriver(driver(TcpLine("127.0.0.1", tcp.port)), FakeSession()) as seen:
        seen.wait_for(lambda: len(celsius(seen)) >= 1)
        tcp.unplug()
        refused = f"127.0.0.1:{tcp.port} cannot be opened: check address, power, cable and permissions"
        seen.wait_for(lambda: refused in [str(loss) for loss in seen.losses])
        before = len(celsius(seen))
        tcp.plug()
        seen.wait_for(lambda: len(celsius(seen)) > before)


def test_a_serial_line_that_is_not_there_is_lost(tmp_path: Path) -> None:
    with RunningDriver(driver(SerialLine(tmp_path / "rs485", 9600)), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.losses) >= 2)
    assert str(seen.losses[0]) == f"{tmp_path}/rs485 cannot be opened: check address, power, cable and permissions"


def test_an_exception_answer_is_reported_with_its_meaning_and_is_no_reading(tcp: ModbusTransmitter) -> None:
    with RunningDriver(driver(TcpLine("127.0.0.1", tcp.port)), FakeSession()) as seen:
        seen.wait_for(lambda: len(celsius(seen)) >= 1)
        tcp.set_fault(UNIT, ModbusFault.EXCEPTION)
        seen.wait_for(lambda: len(seen.losses) >= 1)
        before = len(celsius(seen))
        tcp.set_fault(UNIT, ModbusFault.NONE)
        seen.wait_for(lambda: len(celsius(seen)) > before)
    fault = seen.faults[0]
    assert (fault.code, fault.raw) == ("bad_reply", b"\x04")
    assert fault.detail == f"127.0.0.1:{tcp.port} unit 7: exception 4, server device failure: check the probe"
    assert str(seen.losses[0]) == f"3 readings in a row were refused, the last: {fault.detail}"


def test_a_register_that_does_not_exist_names_the_keys_to_check(tcp: ModbusTransmitter) -> None:
    with RunningDriver(driver(TcpLine("127.0.0.1", tcp.port), register=999), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.losses) >= 1)
    assert seen.faults[0].detail == (
        f"127.0.0.1:{tcp.port} unit 7: exception 2, illegal data address: check register and register_kind"
    )
    assert seen.observations == []


@pytest.mark.usefixtures("impatience")
def test_a_corrupt_answer_is_no_reading(tcp: ModbusTransmitter) -> None:
    with RunningDriver(driver(TcpLine("127.0.0.1", tcp.port)), FakeSession()) as seen:
        seen.wait_for(lambda: len(celsius(seen)) >= 1)
        tcp.set_fault(UNIT, ModbusFault.CORRUPT)
        seen.wait_for(lambda: len(seen.losses) >= 1)
        before = len(celsius(seen))
        tcp.set_fault(UNIT, ModbusFault.NONE)
        seen.wait_for(lambda: len(celsius(seen)) > before)
    assert set(celsius(seen)) == {4.3}


@pytest.mark.usefixtures("impatience")
def test_a_corrupt_answer_on_a_serial_line_is_no_reading(tmp_path: Path) -> None:
    path = tmp_path / "rs485"
    with ModbusTransmitter([Channel(UNIT, REGISTER, lambda: 4.3)], serial_path=path) as transmitter:
        transmitter.set_fault(UNIT, ModbusFault.CORRUPT)
        with RunningDriver(driver(SerialLine(path, 9600)), FakeSession()) as seen:
            seen.wait_for(lambda: len(seen.losses) >= 1)
            assert seen.observations == []
            transmitter.set_fault(UNIT, ModbusFault.NONE)
            seen.wait_for(lambda: len(celsius(seen)) >= 1)
    assert set(celsius(seen)) == {4.3}


@pytest.mark.parametrize(
    ("counts", "scale", "shown"),
    [
        pytest.param(-32768, 0.001, "0x8000, -32.768 degrees", id="no probe, though the value looks right"),
        pytest.param(32767, 0.001, "0x7fff, 32.767 degrees", id="probe broken"),
        pytest.param(10000, 1.0, "0x2710, 10000 degrees", id="ten thousand degrees"),
        pytest.param(-2001, 0.1, "0xf82f, -200.1 degrees", id="below all thermometers"),
    ],
)
def test_a_value_that_no_place_can_have_is_reported_and_is_no_reading(counts: int, scale: float, shown: str) -> None:
    with (
        ModbusTransmitter([Channel(UNIT, REGISTER, lambda: counts, scale=1.0)]) as transmitter,
        RunningDriver(driver(TcpLine("127.0.0.1", transmitter.port), scale=scale), FakeSession()) as seen,
    ):
        seen.wait_for(lambda: len(seen.losses) >= 1)
    assert seen.observations == []
    assert seen.faults[0].code == "implausible_value"
    assert seen.faults[0].detail == (
        f"127.0.0.1:{transmitter.port} unit 7: register 3 is {shown}: expected -200 to 200; check the probe and scale"
    )
