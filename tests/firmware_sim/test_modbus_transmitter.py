"""The simulated Modbus transmitters, under pymodbus's own clients."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException

from firmware_sim.counts import Counts
from firmware_sim.modbus_transmitter import Channel, ModbusFault, ModbusTransmitter

Client = ModbusTcpClient | ModbusSerialClient


def _connect(client: Client) -> bool:
    return bool(client.connect())


def _close(client: Client) -> None:
    client.close()  # type: ignore[no-untyped-call]  # pymodbus leaves it without annotation


class _Air:
    celsius = 5.0


@pytest.fixture
def air() -> _Air:
    return _Air()


@pytest.fixture
def counts() -> Counts:
    return Counts("modbus_reads")


@pytest.fixture(params=["tcp", "rtu"])
def bus(request: pytest.FixtureRequest, air: _Air, counts: Counts, tmp_path: Path) -> Iterator[ModbusTransmitter]:
    path = tmp_path / "rs485" if request.param == "rtu" else None
    channels = [Channel(7, 3, lambda: air.celsius), Channel(9, 0, lambda: -18.04)]
    with ModbusTransmitter(channels, serial_path=path, counts=counts) as running:
        yield running


@pytest.fixture
def client(bus: ModbusTransmitter, tmp_path: Path) -> Iterator[Client]:
    connected: Client
    if bus.port:
        connected = ModbusTcpClient("127.0.0.1", port=bus.port, timeout=60, retries=0)
    else:
        connected = ModbusSerialClient(str(tmp_path / "rs485"), baudrate=9600, timeout=60, retries=0)
    assert _connect(connected)
    yield connected
    _close(connected)


@contextmanager
def _impatient(client: Client) -> Iterator[None]:
    """Wait 0.3 s for an answer that does not come; for the others as long as a busy machine takes."""
    patience = client.comm_params.timeout_connect
    client.comm_params.timeout_connect = 0.3
    yield
    client.comm_params.timeout_connect = patience


def _registers(client: Client, unit_id: int, register: int, count: int = 1) -> list[int]:
    answer = client.read_input_registers(register, count=count, device_id=unit_id)
    assert not answer.isError(), answer
    return list(answer.registers)


def test_a_register_is_tenths_of_a_degree_and_follows_the_air(client: Client, air: _Air) -> None:
    assert _registers(client, 7, 3) == [50]
    air.celsius = 12.34
    assert _registers(client, 7, 3) == [123]


def test_below_zero_a_register_is_a_twos_complement(client: Client) -> None:
    assert _registers(client, 9, 0) == [0x10000 - 180]


def test_holding_registers_say_the_same_as_input_registers(client: Client) -> None:
    assert client.read_holding_registers(3, count=1, device_id=7).registers == [50]


def test_a_register_that_is_not_there_is_an_illegal_address(client: Client) -> None:
    answer = client.read_input_registers(100, count=1, device_id=7)
    assert answer.isError()
    assert answer.exception_code == 2


def test_nobody_answers_for_a_unit_that_is_not_there(client: Client) -> None:
    with _impatient(client), pytest.raises(ModbusIOException, match="No response"):
        client.read_input_registers(0, count=1, device_id=8)


def test_a_silent_unit_does_not_silence_the_other(bus: ModbusTransmitter, client: Client) -> None:
    bus.set_fault(7, ModbusFault.SILENT)
    with _impatient(client), pytest.raises(ModbusIOException, match="No response"):
        client.read_input_registers(3, count=1, device_id=7)
    _connect(client)
    assert _registers(client, 9, 0) == [65356]
    bus.set_fault(7, ModbusFault.NONE)
    assert _registers(client, 7, 3) == [50]


def test_a_unit_with_a_broken_probe_answers_with_exception_four(bus: ModbusTransmitter, client: Client) -> None:
    bus.set_fault(7, ModbusFault.EXCEPTION)
    answer = client.read_input_registers(3, count=1, device_id=7)
    assert answer.isError()
    assert answer.exception_code == 4


def test_a_corrupt_answer_is_no_reading(bus: ModbusTransmitter, client: Client) -> None:
    bus.set_fault(7, ModbusFault.CORRUPT)
    with _impatient(client), pytest.raises(ModbusIOException):
        client.read_input_registers(3, count=1, device_id=7)


def test_only_answers_that_left_the_bus_are_counted_as_reads(
    bus: ModbusTransmitter, client: Client, counts: Counts
) -> None:
    _registers(client, 7, 3)
    bus.set_fault(7, ModbusFault.EXCEPTION)
    client.read_input_registers(3, count=1, device_id=7)
    bus.set_fault(7, ModbusFault.SILENT)
    with _impatient(client), pytest.raises(ModbusIOException):
        client.read_input_registers(3, count=1, device_id=7)
    assert counts.as_dict() == {"modbus_reads": 1}


def test_a_fault_of_a_unit_that_is_not_there_names_those_that_are(bus: ModbusTransmitter) -> None:
    with pytest.raises(KeyError, match=r"\[7, 9\]"):
        bus.set_fault(1, ModbusFault.SILENT)


def _tcp_bus(celsius: Callable[[], float]) -> ModbusTransmitter:
    return ModbusTransmitter([Channel(1, 0, celsius)])


def test_a_bus_that_was_off_the_network_comes_back_on_the_same_port() -> None:
    with _tcp_bus(lambda: 4.0) as bus:
        port = bus.port
        client = ModbusTcpClient("127.0.0.1", port=port, timeout=60, retries=0)
        assert _connect(client)
        bus.unplug()
        bus.unplug()
        assert not bus.plugged
        with pytest.raises((ConnectionException, ModbusIOException)):
            client.read_input_registers(0, count=1, device_id=1)
        _close(client)
        assert not _connect(client)
        bus.plug()
        assert bus.port == port
        assert _connect(client)
        assert _registers(client, 1, 0) == [40]
        _close(client)
