"""Contact of a door or of the mains at an input of a Modbus unit: told when it changes, and once at the start."""

from typing import Literal

from edge.clock import Stamp
from edge.contracts.observations import CONTACT_STATES, ContactChanged
from edge.drivers.driver import DeviceSession
from edge.drivers.modbus_line import ModbusUnit, PolledDriver, SerialLine, TcpLine
from edge.drivers.refusals import Refusals

State = Literal["open", "closed", "on", "off"]


class ModbusContactDriver(PolledDriver):
    """One bit of one unit, looked at every `interval_s` seconds. A change counts when it has lasted `settle_s`."""

    kind = "modbus_contact"

    def __init__(
        self,
        *,
        device_id: str,
        line: TcpLine | SerialLine,
        unit_id: int,
        address: int,
        table: Literal["discrete", "coil"],
        contact: Literal["door", "mains_power"],
        one_means: State,
        interval_s: float,
        settle_s: float,
    ) -> None:
        """`one_means`: what the bit says when it is 1."""
        super().__init__(device_id, ModbusUnit(line, unit_id, table, address), interval_s)
        self._contact = contact
        first, second = CONTACT_STATES[contact]
        self._states: tuple[str, str] = (second if one_means == first else first, one_means)
        self._settle_ns = round(settle_s * 1_000_000_000)
        self._said: int | None = None
        self._changed: tuple[int, Stamp] | None = None

    def run(self, session: DeviceSession) -> None:
        """Look until the session stops; it is said anew what is found now.

        Raises:
            DeviceLostError: no connection, no answer (twice).
        """
        self._said, self._changed = None, None
        super().run(session)

    def _take(self, value: int, session: DeviceSession, refusals: Refusals) -> None:
        refusals.accepted()
        session.up()
        now = session.stamp()
        if self._said is None:
            self._say(value, session, now, is_change=False)
        elif value == self._said:
            self._changed = None
        elif self._changed is None or self._changed[0] != value:
            self._changed = (value, now)
        if self._changed is not None and now.monotonic_ns - self._changed[1].monotonic_ns >= self._settle_ns:
            # It happened when it was first seen, not when it was believed.
            self._say(value, session, self._changed[1], is_change=True)

    def _say(self, bit: int, session: DeviceSession, at: Stamp, *, is_change: bool) -> None:
        session.emit(
            ContactChanged.model_validate(
                {
                    "device_id": self.device_id,
                    "occurred_at": at.occurred_at,
                    "monotonic_ns": at.monotonic_ns,
                    "contact": self._contact,
                    "state": self._states[bit],
                    "is_change": is_change,
                }
            )
        )
        self._said, self._changed = bit, None
