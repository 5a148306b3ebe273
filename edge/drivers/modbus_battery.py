"""Battery that a Modbus unit measures: one unsigned 16-bit register, in percent or volts."""

from typing import Literal

from edge.contracts.observations import BatteryMeasured
from edge.drivers.driver import DeviceSession
from edge.drivers.modbus_line import ModbusUnit, PolledDriver, SerialLine, TcpLine
from edge.drivers.refusals import Refusals

_MOST = {"percent": 100.0, "volts": 1000.0}
"""Range of the wire (`BatteryMeasured`)."""


class ModbusBatteryDriver(PolledDriver):
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
        super().__init__(device_id, ModbusUnit(line, unit_id, register_kind, register), interval_s)
        self._says = says
        self._scale = scale

    def _take(self, value: int, session: DeviceSession, refusals: Refusals) -> None:
        measured = round(value * self._scale, 4)
        if measured > _MOST[self._says]:
            detail = f"{self._unit}: {measured:g} {self._says}: expected at most {_MOST[self._says]:g}; check scale"
            refusals.refused("implausible_value", detail, value.to_bytes(2, "big"))
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
                    self._says: measured,
                }
            )
        )
