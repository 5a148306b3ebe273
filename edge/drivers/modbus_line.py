"""One unit on Modbus TCP or a serial line: asked again and again, with what a lost answer and a refusal mean.

Source: Modbus Application Protocol Specification 1.1b3, sections 6.1 to 6.4 (reads of bits and of registers) and 7
(exception answers); Modbus over Serial Line 1.02 for the serial line.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from edge.drivers.abort_handle import AbortHandle
from edge.drivers.driver import DeviceLostError, DeviceSession
from edge.drivers.refusals import Refusals
from edge.drivers.schedule import FixedRate

Table = Literal["input", "holding", "discrete", "coil"]
"""The four tables of the data model (protocol, 4.3): two of 16-bit registers, two of bits."""
ANSWER_TIMEOUT_S: Final = 2.0
"""Longest wait for a connection and for an answer. A transmitter answers in milliseconds; a gateway queues units."""
LINE_TIMEOUT_S: Final = 10.0
"""Longest wait for a serial line that other units of the same node are using."""
WATCHDOG_S: Final = LINE_TIMEOUT_S + 4 * ANSWER_TIMEOUT_S
"""Two tries, each with a connection and an answer, after waiting for the line."""

_LINE_POLL_S = 0.02
_EXCEPTIONS = {
    1: "illegal function: try the other register_kind",
    2: "illegal data address: check register and register_kind",
    3: "illegal data value: check register",
    4: "server device failure: check the probe",
    6: "server device busy",
    10: "gateway path unavailable: check the gateway",
    11: "gateway target failed to respond: check unit_id and the line behind the gateway",
}
"""Protocol, section 7."""


@dataclass(frozen=True)
class TcpLine:
    """A Modbus TCP endpoint."""

    host: str
    port: int

    def __str__(self) -> str:
        """As a message names it."""
        return f"{self.host}:{self.port}"

    def client(self) -> ModbusTcpClient:
        """A client that has not connected yet; it never retries by itself."""
        return ModbusTcpClient(self.host, port=self.port, timeout=ANSWER_TIMEOUT_S, retries=0)


@dataclass(frozen=True)
class SerialLine:
    """A serial Modbus line; several units share it, so it is held for one exchange only."""

    path: Path
    baud_rate: int
    parity: Literal["none", "even", "odd"] = "none"

    def __str__(self) -> str:
        """As a message names it."""
        return str(self.path)

    def client(self) -> ModbusSerialClient:
        """A client that has not opened the line yet; it opens it exclusively, and never retries by itself."""
        return ModbusSerialClient(
            str(self.path),
            baudrate=self.baud_rate,
            parity=self.parity[0].upper(),
            timeout=ANSWER_TIMEOUT_S,
            retries=0,
        )


_Client = ModbusTcpClient | ModbusSerialClient


def _close(client: _Client) -> None:
    client.close()  # type: ignore[no-untyped-call]  # pymodbus leaves it without annotation


class NoAnswerError(Exception):
    """Nothing, or nothing that is Modbus, came back."""


class ModbusUnit:
    """One address of one unit, read at a fixed rate."""

    def __init__(self, line: TcpLine | SerialLine, unit_id: int, table: Table, address: int) -> None:
        """`address` counts from 0, as on the wire."""
        self._line = line
        self._unit_id = unit_id
        self._table = table
        self._address = address
        self._open = AbortHandle()

    def __str__(self) -> str:
        """As a message names it."""
        return f"{self._line} unit {self._unit_id}"

    def poll(self, session: DeviceSession, interval_s: float, take: Callable[[int, Refusals], None]) -> None:
        """Hand each value to `take` (a register 0 to 65535, a bit 0 or 1) until the session stops.

        Raises:
            DeviceLostError: no connection, no answer (twice), or too many refusals in a row.
        """
        refusals = Refusals(session)
        schedule = FixedRate(interval_s, session.stamp().monotonic_ns)
        client = self._line.client()
        with self._open.closing(lambda: _close(client)):
            while not session.stopping:
                session.alive()
                value = self._read(client, session, refusals)
                if value is not None:
                    take(value, refusals)
                if isinstance(self._line, SerialLine):
                    _close(client)
                if session.wait(schedule.wait_s(session.stamp().monotonic_ns)):
                    return

    def abort(self) -> None:
        """Close the connection under a hung run."""
        self._open.abort()

    def _read(self, client: _Client, session: DeviceSession, refusals: Refusals) -> int | None:
        try:
            return self._exchange(client, session, refusals)
        except NoAnswerError as error:
            # One lost answer is noise on a serial line. A fresh connection leaves no late answer of it behind.
            _close(client)
            session.fault("not_ready", f"{self}: {error}; asked again")
            session.alive()
            try:
                return self._exchange(client, session, refusals)
            except NoAnswerError as again:
                mend = "check power, cable and unit_id"
                raise DeviceLostError(f"{self}: {again}; {mend}") from None

    def _exchange(self, client: _Client, session: DeviceSession, refusals: Refusals) -> int | None:
        """Ask once; the value, or None if the unit answered with something that was refused."""
        self._connect(client, session)
        read = {
            "input": client.read_input_registers,
            "holding": client.read_holding_registers,
            "discrete": client.read_discrete_inputs,
            "coil": client.read_coils,
        }[self._table]
        try:
            answer = read(self._address, count=1, device_id=self._unit_id)
        except (ModbusException, OSError) as error:
            raise NoAnswerError(f"no answer ({error})") from None
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            meaning = _EXCEPTIONS.get(code, "see the transmitter's manual")
            refusals.refused("bad_reply", f"{self}: exception {code}, {meaning}", bytes((code & 0xFF,)))
            return None
        if self._table in {"discrete", "coil"}:
            # One bit asked for comes as a byte (protocol, 6.1): the bit is its lowest.
            if not answer.bits:
                raise NoAnswerError("an answer without a bit, expected one")
            return int(answer.bits[0])
        if len(answer.registers) != 1:
            raise NoAnswerError(f"an answer with {len(answer.registers)} registers, expected 1")
        return int(answer.registers[0])

    def _connect(self, client: _Client, session: DeviceSession) -> None:
        """Connect, if that is not done yet; wait for a serial line that another unit's driver holds."""
        if client.connected:
            return
        deadline_s = time.monotonic() + LINE_TIMEOUT_S
        while not client.connect():
            shared = isinstance(self._line, SerialLine) and self._line.path.exists()
            if not shared or session.stopping or time.monotonic() >= deadline_s:
                raise DeviceLostError(f"{self._line} cannot be opened: check address, power, cable and permissions")
            session.wait(_LINE_POLL_S)


class PolledDriver(ABC):
    """A device that is one address of one unit: what it is asked for, and how often, is all that differs."""

    kind: str

    def __init__(self, device_id: str, unit: ModbusUnit, interval_s: float) -> None:
        """`unit`: where its value stands."""
        self.device_id = device_id
        self.watchdog_s = WATCHDOG_S
        self._unit = unit
        self._interval_s = interval_s

    def run(self, session: DeviceSession) -> None:
        """Read until the session stops.

        Raises:
            DeviceLostError: no connection, no answer (twice), or nothing believable.
        """
        self._unit.poll(session, self._interval_s, lambda value, refusals: self._take(value, session, refusals))

    def abort(self) -> None:
        """Close the connection under a hung run."""
        self._unit.abort()

    @abstractmethod
    def _take(self, value: int, session: DeviceSession, refusals: Refusals) -> None:
        """A register (0 to 65535) or a bit (0 or 1) was read."""
