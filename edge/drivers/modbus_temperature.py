"""Temperature transmitter on Modbus: one signed 16-bit register, read with pymodbus over TCP or a serial line.

Source: Modbus Application Protocol Specification 1.1b3, 6.3 (read holding registers), 6.4 (read input registers) and 7
(exception answers); Modbus over Serial Line 1.02 for the serial line.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from edge.contracts.observations import TemperatureMeasured
from edge.drivers.abort_handle import AbortHandle
from edge.drivers.driver import DeviceLostError, DeviceSession
from edge.drivers.refusals import Refusals
from edge.drivers.schedule import FixedRate

ANSWER_TIMEOUT_S: Final = 2.0
"""Longest wait for a connection and for an answer. A transmitter answers in milliseconds; a gateway queues units."""
LINE_TIMEOUT_S: Final = 10.0
"""Longest wait for a serial line that other units of the same node are using."""
WATCHDOG_S: Final = LINE_TIMEOUT_S + 4 * ANSWER_TIMEOUT_S
"""Two tries, each with a connection and an answer, after waiting for the line."""

_LINE_POLL_S = 0.02
_NO_PROBE = (0x8000, 0x7FFF)
"""Ends of the signed range: what transmitters give for a broken or missing probe, whatever the scale."""
_LOWEST_CELSIUS = -200.0
_HIGHEST_CELSIUS = 200.0
"""Range of the wire (`TemperatureMeasured`); beyond it is no reading of a room, fridge or freezer."""
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


class _NoAnswerError(Exception):
    """Nothing, or nothing that is Modbus, came back."""


class ModbusTemperatureDriver:
    """One register of one unit; a reading every `interval_s` seconds, at fixed rate."""

    kind = "modbus_temperature"

    def __init__(
        self,
        *,
        device_id: str,
        line: TcpLine | SerialLine,
        unit_id: int,
        register: int,
        register_kind: Literal["input", "holding"],
        scale: float,
        interval_s: float,
    ) -> None:
        """`scale`: degrees Celsius for one count of the register."""
        self.device_id = device_id
        self.watchdog_s = WATCHDOG_S
        self._line = line
        self._unit_id = unit_id
        self._register = register
        self._register_kind = register_kind
        self._scale = scale
        self._interval_s = interval_s
        self._open = AbortHandle()

    def run(self, session: DeviceSession) -> None:
        """Read until the session stops.

        Raises:
            DeviceLostError: no connection, no answer (twice), or no believable reading.
        """
        refusals = Refusals(session)
        schedule = FixedRate(self._interval_s, session.stamp().monotonic_ns)
        client = self._line.client()
        with self._open.closing(lambda: _close(client)):
            while not session.stopping:
                session.alive()
                self._read(client, session, refusals)
                if isinstance(self._line, SerialLine):
                    _close(client)
                if session.wait(schedule.wait_s(session.stamp().monotonic_ns)):
                    return

    def abort(self) -> None:
        """Close the connection under a hung run."""
        self._open.abort()

    def _read(self, client: _Client, session: DeviceSession, refusals: Refusals) -> None:
        try:
            register = self._exchange(client, session, refusals)
        except _NoAnswerError as error:
            # One lost answer is noise on a serial line. A fresh connection leaves no late answer of it behind.
            _close(client)
            session.fault("not_ready", f"{self._line} unit {self._unit_id}: {error}; asked again")
            session.alive()
            try:
                register = self._exchange(client, session, refusals)
            except _NoAnswerError as again:
                mend = "check power, cable and unit_id"
                raise DeviceLostError(f"{self._line} unit {self._unit_id}: {again}; {mend}") from None
        if register is None:
            return
        celsius = (register - 0x10000 if register & 0x8000 else register) * self._scale
        if register in _NO_PROBE or not _LOWEST_CELSIUS <= celsius <= _HIGHEST_CELSIUS:
            detail = (
                f"{self._line} unit {self._unit_id}: register {self._register} is 0x{register:04x}, "
                f"{celsius:g} degrees: expected -200 to 200; check the probe and scale"
            )
            refusals.refused("implausible_value", detail, register.to_bytes(2, "big"))
            return
        refusals.accepted()
        now = session.stamp()
        session.up()
        session.emit(
            TemperatureMeasured(
                device_id=self.device_id,
                occurred_at=now.occurred_at,
                monotonic_ns=now.monotonic_ns,
                # What the register says, without the noise of binary fractions: 43 x 0.1 is 4.3.
                temperature_celsius=round(celsius, 4),
            )
        )

    def _exchange(self, client: _Client, session: DeviceSession, refusals: Refusals) -> int | None:
        """Ask once; the register, or None if the unit answered with something that was refused."""
        self._connect(client, session)
        read = client.read_input_registers if self._register_kind == "input" else client.read_holding_registers
        try:
            answer = read(self._register, count=1, device_id=self._unit_id)
        except (ModbusException, OSError) as error:
            raise _NoAnswerError(f"no answer ({error})") from None
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            meaning = _EXCEPTIONS.get(code, "see the transmitter's manual")
            detail = f"{self._line} unit {self._unit_id}: exception {code}, {meaning}"
            refusals.refused("bad_reply", detail, bytes((code & 0xFF,)))
            return None
        if len(answer.registers) != 1:
            raise _NoAnswerError(f"an answer with {len(answer.registers)} registers, expected 1")
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
