"""Temperature transmitter on Modbus: one signed 16-bit register, read with pymodbus over TCP or a serial line."""

from typing import Literal

from edge.contracts.observations import TemperatureMeasured
from edge.drivers.driver import DeviceSession
from edge.drivers.modbus_line import ModbusUnit, PolledDriver, SerialLine, TcpLine
from edge.drivers.refusals import Refusals

_NO_PROBE = (0x8000, 0x7FFF)
"""Ends of the signed range: what transmitters give for a broken or missing probe, whatever the scale."""
_LOWEST_CELSIUS = -200.0
_HIGHEST_CELSIUS = 200.0
"""Range of the wire (`TemperatureMeasured`); beyond it is no reading of a room, fridge or freezer."""


class ModbusTemperatureDriver(PolledDriver):
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
        super().__init__(device_id, ModbusUnit(line, unit_id, register_kind, register), interval_s)
        self._register = register
        self._scale = scale

    def _take(self, value: int, session: DeviceSession, refusals: Refusals) -> None:
        celsius = (value - 0x10000 if value & 0x8000 else value) * self._scale
        if value in _NO_PROBE or not _LOWEST_CELSIUS <= celsius <= _HIGHEST_CELSIUS:
            detail = (
                f"{self._unit}: register {self._register} is 0x{value:04x}, "
                f"{celsius:g} degrees: expected -200 to 200; check the probe and scale"
            )
            refusals.refused("implausible_value", detail, value.to_bytes(2, "big"))
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
