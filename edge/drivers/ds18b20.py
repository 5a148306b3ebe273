"""DS18B20 thermometer on the kernel's 1-Wire bus, read from its `w1_slave` file.

Linux (drivers/w1/slaves/w1_therm.c) answers a read of `w1_slave` with two lines: the nine bytes of the scratchpad with
"crc=.. YES" or "NO", and the value. The first line's bytes are what is used here, and their checksum is checked anew:
"YES" alone also stands behind the zeros of a shorted bus and the 85.0 degrees of a sensor that lost its power.
A read blocks for one conversion (750 ms at 12 bits), longer while other sensors of the bus have their turn.
"""

import errno
import re
from pathlib import Path
from typing import Final

from edge.contracts.observations import TemperatureMeasured
from edge.drivers.driver import DeviceLostError, DeviceSession
from edge.drivers.ds18b20_scratchpad import ScratchpadRefusedError, temperature_celsius
from edge.drivers.refusals import Refusals
from edge.drivers.schedule import FixedRate

WATCHDOG_S: Final = 15.0
"""Conversions (750 ms each, data sheet) of a bus with some twenty sensors, one after the other."""

_FILE_BYTES_MAX = 4096
"""A sysfs file is at most one page."""
_FIRST_LINE = re.compile(rb"\A((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (?:YES|NO)\n")
_GONE = (errno.ENOENT, errno.ENODEV, errno.ENOTDIR)


class Ds18b20Driver:
    """One sensor; a reading every `interval_s` seconds, at fixed rate."""

    kind = "ds18b20"

    def __init__(
        self, *, device_id: str, base_dir: Path, sensor_id: str, interval_s: float, watchdog_s: float = WATCHDOG_S
    ) -> None:
        """`sensor_id` is the sensor's directory below `base_dir`."""
        self.device_id = device_id
        self.watchdog_s = watchdog_s
        self._path = base_dir / sensor_id / "w1_slave"
        self._interval_s = interval_s

    def run(self, session: DeviceSession) -> None:
        """Read until the session stops.

        Raises:
            DeviceLostError: the sensor is off the bus, or does not give a believable reading.
        """
        refusals = Refusals(session)
        schedule = FixedRate(self._interval_s, session.stamp().monotonic_ns)
        while not session.stopping:
            session.alive()
            self._read(session, refusals)
            if session.wait(schedule.wait_s(session.stamp().monotonic_ns)):
                return

    def abort(self) -> None:
        """Nothing can be closed: a read hangs in the kernel, and the thread in it is abandoned."""

    def _read(self, session: DeviceSession, refusals: Refusals) -> None:
        try:
            with self._path.open("rb", buffering=0) as file:
                text = file.read(_FILE_BYTES_MAX) or b""
        except OSError as error:
            if error.errno in _GONE:
                mend = "check its cable and that sensor_id is one of the directory's entries"
                raise DeviceLostError(f"{self._path} is not there: {mend}") from None
            refusals.refused("not_ready", f"{self._path} cannot be read: {error.strerror}; check cable and pull-up")
            return
        now = session.stamp()
        line = _FIRST_LINE.match(text)
        if line is None:
            detail = f"{self._path}: begins {text[:60]!r}, expected nine bytes and their CRC; the kernel had no answer"
            refusals.refused("not_ready", detail, text)
            return
        scratchpad = bytes.fromhex(line[1].decode())
        try:
            celsius = temperature_celsius(scratchpad)
        except ScratchpadRefusedError as refusal:
            refusals.refused(refusal.code, str(refusal), scratchpad)
            return
        refusals.accepted()
        session.up()
        session.emit(
            TemperatureMeasured(
                device_id=self.device_id,
                occurred_at=now.occurred_at,
                monotonic_ns=now.monotonic_ns,
                temperature_celsius=celsius,
            )
        )
