"""Battery that a Modbus unit measures: one unsigned 16-bit register, in percent or volts."""

from typing import Literal

from edge.contracts.observations import BatteryMeasured
from edge.drivers.driver import DeviceSession
from edge.drivers.modbus_line import WATCHDOG_S, ModbusUnit, SerialLine, TcpLine
from edge.drivers.refusals import Refusals

_MOST = {"percent": 100.0, "volts": 1000.0}
"""Range of the wire (`BatteryMeasured`)."""


class ModbusBatteryDriver:
    """One register of one unit; told every `interval_s` seconds, at fixed rate."""

    kind = "modbus_battery"

    def __init__(
        self,
        *,
        device_id: str,
        line: TcpLine | SerialLine,
        unit_id: int,
        register: int,
        register_kind: Literal["input", "holding"],
        says: Literal["percent", "volts"],
        scale: float,
        interval_s: float,
    ) -> None:
        """`scale`: percent or volts for one count of the register."""
        self.device_id = device_id
        self.watchdog_s = WATCHDOG_S
        self._unit = ModbusUnit(line, unit_id, register_kind, register)
        self._says = says
        self._scale = scale
        self._interval_s = interval_s

    def run(self, session: DeviceSession) -> None:
        """Read until the session stops.

        Raises:
            DeviceLostError: no connection, no answer (twice), or no believable reading.
        """
        self._unit.poll(session, self._interval_s, lambda value, refusals: self._take(value, session, refusals))

    def abort(self) -> None:
        """Close the connection under a hung run."""
        self._unit.abort()

    def _take(self, register: int, session: DeviceSession, refusals: Refusals) -> None:
        value = round(register * self._scale, 4)
        if value > _MOST[self._says]:
            detail = f"{self._unit}: {value:g} {self._says}: expected at most {_MOST[self._says]:g}; check scale"
            refusals.refused("implausible_value", detail, register.to_bytes(2, "big"))
            return
        refusals.accepted()
        now = session.stamp()
        session.up()
        session.emit(
            BatteryMeasured.model_validate(
                {
                    "device_id": self.device_id,
                    "occurred_at": now.occurred_at,
                    "monotonic_ns": now.monotonic_ns,
                    self._says: value,
                }
            )
        )
