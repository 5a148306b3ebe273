"""Transmitters and input modules on Modbus TCP or RTU: the server is pymodbus's, the registers follow the world.

A transmitter answers reads of one register per channel (holding and input register alike): temperature * 10 as a signed
16-bit number, the usual format of room transmitters. Source: Modbus Application Protocol 1.1b3, 6.1 to 6.4.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_sim.counts import Counts
from firmware_sim.loop_thread import LoopThread, stop_accepting
from firmware_sim.pty_link import PtyPair

_UNKNOWN_UNIT = 0
"""pymodbus: the device with id 0 answers for every unit that is not there; those answers never leave the bus."""
_MBAP_UNIT = 6
"""Offset of the unit identifier in a TCP frame (Modbus Messaging on TCP/IP 1.0b, 3.1.3)."""
_RTU_UNIT = 0
_BIT_READS = (1, 2)
"""Read coils, read discrete inputs (protocol, 6.1 and 6.2)."""
_ALL_BITS = 0xFFFF
_EXCEPTION_BIT = 0x80
"""Set in the function code of an exception answer (protocol, 7)."""


class ModbusFault(StrEnum):
    """What can be wrong with a unit."""

    NONE = "none"
    SILENT = "silent"
    """It does not answer: no power, or the wire is off."""
    EXCEPTION = "exception"
    """It answers with exception 4, server device failure (6.4 of the protocol): its probe is broken."""
    CORRUPT = "corrupt"
    """A byte of the answer is wrong: on RTU the CRC does not fit, on TCP the function code is not the one asked."""


@dataclass(frozen=True)
class Channel:
    """One probe behind one register."""

    unit_id: int
    register: int
    celsius: Callable[[], float]
    """What the probe measures now."""
    scale: float = 0.1
    """Degrees per count."""


@dataclass(frozen=True)
class Contact:
    """One contact at an input of a module; its unit has no channel at the same address."""

    unit_id: int
    input: int
    is_one: Callable[[], bool]
    """What its bit is now."""


class ModbusTransmitter:
    """Transmitters on one bus, by `channels`; other units stay silent, as nobody answers on a real RS-485 line."""

    def __init__(
        self,
        channels: Iterable[Channel],
        contacts: Iterable[Contact] = (),
        *,
        host: str = "127.0.0.1",
        serial_path: Path | None = None,
        baud_rate: int = 9600,
        counts: Counts | None = None,
    ) -> None:
        """Start the bus: TCP on a free port of `host`, or RTU behind `serial_path` (made as a link to a pty)."""
        self._channels: dict[int, dict[int, Channel]] = {}
        for channel in channels:
            self._channels.setdefault(channel.unit_id, {})[channel.register] = channel
        self._contacts: dict[int, dict[int, Contact]] = {}
        for contact in contacts:
            self._contacts.setdefault(contact.unit_id, {})[contact.input] = contact
        self._faults = dict.fromkeys([*self._channels, *self._contacts], ModbusFault.NONE)
        self._host = host
        self._baud_rate = baud_rate
        self._counts = counts if counts is not None else Counts()
        self._pair = PtyPair(serial_path) if serial_path is not None else None
        self._loop = LoopThread("modbus-transmitter")
        self._port = 0
        self._server: ModbusTcpServer | ModbusSerialServer | None = None
        self.plug()

    @property
    def port(self) -> int:
        """TCP port; stays the same over `unplug` and `plug`. Zero on a serial bus."""
        return self._port

    @property
    def plugged(self) -> bool:
        """Whether the bus is on the network."""
        return self._server is not None

    def set_fault(self, unit_id: int, fault: ModbusFault) -> None:
        """From now on, fail like this; `ModbusFault.NONE` mends it.

        Raises:
            KeyError: no such unit.
        """
        if unit_id not in self._faults:
            raise KeyError(f"no unit {unit_id!r} on this bus: expected one of {sorted(self._faults)}")
        self._faults[unit_id] = fault

    def unplug(self) -> None:
        """Take the bus off the network: connections break, new ones are refused. Nothing happens if it is off."""
        if self._server is not None:
            self._loop.call(self._stop_server(self._server))
            self._server = None

    def plug(self) -> None:
        """Put the bus back on the network. Nothing happens if it is on already."""
        if self._server is None:
            self._server = self._loop.call(self._start_server())

    def close(self) -> None:
        """End the bus, its thread and its pseudo-terminal."""
        self.unplug()
        self._loop.stop()
        if self._pair is not None:
            self._pair.close()

    def __enter__(self) -> Self:
        """Return itself; `close` on leaving."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    async def _start_server(self) -> ModbusTcpServer | ModbusSerialServer:
        devices = [self._device(unit_id) for unit_id in self._faults]
        devices.append(SimDevice(id=_UNKNOWN_UNIT, simdata=SimData(0, count=1, datatype=DataType.REGISTERS)))
        server: ModbusTcpServer | ModbusSerialServer
        if self._pair is not None:
            server = ModbusSerialServer(
                devices, port=self._pair.device_path, baudrate=self._baud_rate, trace_packet=self._on_the_wire
            )
        else:
            server = ModbusTcpServer(devices, address=(self._host, self._port), trace_packet=self._on_the_wire)
        await server.serve_forever(background=True)
        if self._pair is None:
            # pymodbus declares a transport; for a TCP server it is asyncio's Server.
            self._port = cast("asyncio.Server", server.transport).sockets[0].getsockname()[1]
        return server

    @staticmethod
    async def _stop_server(server: ModbusTcpServer | ModbusSerialServer) -> None:
        if isinstance(server, ModbusTcpServer):
            await stop_accepting(cast("asyncio.Server", server.transport))
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without annotation
        # The transports of a closed server end in their own callbacks.
        await asyncio.sleep(0)

    def _device(self, unit_id: int) -> SimDevice:
        channels, contacts = self._channels.get(unit_id, {}), self._contacts.get(unit_id, {})

        async def follow_the_world(
            function: int,
            start: int,
            address: int,
            count: int,
            registers: list[int],
            _written: list[int] | list[bool] | None,
        ) -> ExcCodes | None:
            if self._faults[unit_id] is ModbusFault.EXCEPTION:
                return ExcCodes.DEVICE_FAILURE
            if function in _BIT_READS:
                contact = contacts.get(address)
                if contact is None:
                    return ExcCodes.ILLEGAL_ADDRESS
                # pymodbus takes the bit of the address out of the register of the address: all of them are the same.
                registers[address - start] = _ALL_BITS if contact.is_one() else 0
                return None
            for register in range(address, address + count):
                channel = channels.get(register)
                if channel is not None:
                    registers[register - start] = round(channel.celsius() / channel.scale) & 0xFFFF
            return None

        addresses = sorted({*channels, *contacts})
        data = [SimData(address, values=0, datatype=DataType.REGISTERS, readonly=True) for address in addresses]
        return SimDevice(id=unit_id, simdata=data, action=follow_the_world)

    def _on_the_wire(self, sending: bool, frame: bytes) -> bytes:
        if not sending or not frame:
            return frame
        place = _RTU_UNIT if self._pair is not None else _MBAP_UNIT
        unit_id = frame[place]
        fault = self._faults.get(unit_id, ModbusFault.SILENT)
        if fault is ModbusFault.SILENT:
            return b""
        if fault is ModbusFault.CORRUPT:
            return frame[: place + 1] + bytes((frame[place + 1] ^ 0x20,)) + frame[place + 2 :]
        if not frame[place + 1] & _EXCEPTION_BIT:
            self._counts.add("modbus_reads")
        return frame
