"""DS18B20 thermometers as Linux shows them: a directory per sensor, in the kernel's exact format.

Sources: Maxim DS18B20 data sheet (scratchpad, power-on value, CRC); Linux drivers/w1/slaves/w1_therm.c
(`w1_slave_show`, `temperature_show`, `w1_DS18B20_convert_temp`), Documentation/w1/slaves/w1_therm.rst.
"""

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

POWER_ON_SCRATCHPAD = bytes.fromhex("5005 4b46 7fff 0c10 1c".replace(" ", ""))
"""After power-on, before any conversion: 85.0 degrees, checksum right (data sheet, "Memory", figure 7)."""
ZERO_SCRATCHPAD = bytes(9)
"""A bus shorted to ground reads as zeros, and the CRC of zeros is zero: 0.0 degrees with a right checksum."""

_LOWEST_CELSIUS = -55.0
_HIGHEST_CELSIUS = 125.0
_STEPS_PER_DEGREE = 16


class W1Fault(StrEnum):
    """What can be wrong with a sensor."""

    NONE = "none"
    POWER_ON_VALUE = "power_on_value"
    """It lost power and lost its conversion: 85.0 degrees."""
    ZERO_SCRATCHPAD = "zero_scratchpad"
    """The bus is shorted: all zeros."""
    CRC = "crc"
    """A bit was lost on the way: the kernel says NO."""
    VANISH = "vanish"
    """The sensor is off the bus: its directory is gone."""


def crc8(data: bytes) -> int:
    """Dallas/Maxim 8-bit CRC: x^8 + x^5 + x^4 + 1, least significant bit first, start 0 (application note 27)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


def scratchpad(celsius: float) -> bytes:
    """The nine bytes after a 12-bit conversion: temperature in sixteenths, alarm bytes, configuration, CRC.

    Values beyond the sensor's range (-55 to 125 degrees, data sheet) are held at its ends.
    """
    held = min(max(celsius, _LOWEST_CELSIUS), _HIGHEST_CELSIUS)
    raw = round(held * _STEPS_PER_DEGREE) & 0xFFFF
    body = raw.to_bytes(2, "little") + bytes.fromhex("4b467fff") + bytes((0x10 - (raw & 0x0F), 0x10))
    return body + bytes((crc8(body),))


def millidegrees(pad: bytes) -> int:
    """The kernel's conversion: raw * 1000 / 16 in C, so truncated towards zero."""
    raw = int.from_bytes(pad[:2], "little", signed=True)
    return int(raw * 1000 / _STEPS_PER_DEGREE)


@dataclass
class _Sensor:
    celsius: float
    fault: W1Fault = W1Fault.NONE
    last_good: bytes = ZERO_SCRATCHPAD


class W1Directory:
    """A 1-Wire bus under `base_dir`; the driver takes that directory in place of /sys/bus/w1/devices.

    `tick` rewrites the files, each atomically (a new file renamed over the old), so that no reader sees half a value.
    One deviation from the kernel: where `temperature` would fail with EIO, it is an empty file here.
    """

    def __init__(self, base_dir: Path, sensors: dict[str, float]) -> None:
        """Make the bus with its sensors (`28-` and twelve hexadecimal digits) and their temperatures in Celsius."""
        self.base_dir = base_dir
        self._sensors = {sensor_id: _Sensor(celsius) for sensor_id, celsius in sensors.items()}
        base_dir.mkdir(parents=True, exist_ok=True)
        self.tick()

    def set_celsius(self, sensor_id: str, celsius: float) -> None:
        """What the sensor would measure at the next tick."""
        self._sensor(sensor_id).celsius = celsius

    def set_fault(self, sensor_id: str, fault: W1Fault) -> None:
        """From the next tick on, fail like this; `W1Fault.NONE` mends it."""
        self._sensor(sensor_id).fault = fault

    def tick(self) -> None:
        """One conversion on every sensor: rewrite all files."""
        for sensor_id, sensor in self._sensors.items():
            folder = self.base_dir / sensor_id
            if sensor.fault is W1Fault.VANISH:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            folder.mkdir(exist_ok=True)
            self._write_sensor(folder, sensor)
        present = [name for name, sensor in self._sensors.items() if sensor.fault is not W1Fault.VANISH]
        master = self.base_dir / "w1_bus_master1"
        master.mkdir(exist_ok=True)
        _write(master / "w1_master_slaves", "".join(f"{name}\n" for name in present) or "not found.\n")

    def close(self) -> None:
        """Remove the bus and all its files."""
        shutil.rmtree(self.base_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return itself; `close` on leaving."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _sensor(self, sensor_id: str) -> _Sensor:
        if sensor_id not in self._sensors:
            raise KeyError(f"no sensor {sensor_id!r} on the bus: expected one of {sorted(self._sensors)}")
        return self._sensors[sensor_id]

    @staticmethod
    def _write_sensor(folder: Path, sensor: _Sensor) -> None:
        pad = {
            W1Fault.POWER_ON_VALUE: POWER_ON_SCRATCHPAD,
            W1Fault.ZERO_SCRATCHPAD: ZERO_SCRATCHPAD,
        }.get(sensor.fault, scratchpad(sensor.celsius))
        if sensor.fault is W1Fault.CRC:
            pad = bytes((pad[0] ^ 0x04,)) + pad[1:]
        computed = crc8(pad[:8])
        right = computed == pad[8]
        if right:
            sensor.last_good = pad
        # The second line is the last good scratchpad: after a CRC error the kernel repeats an old value there.
        lines = (
            f"{_hex(pad)} : crc={computed:02x} {'YES' if right else 'NO'}\n"
            f"{_hex(sensor.last_good)} t={millidegrees(sensor.last_good)}\n"
        )
        _write(folder / "w1_slave", lines)
        _write(folder / "temperature", f"{millidegrees(pad)}\n" if right else "")
        _write(folder / "name", f"{folder.name}\n")
        _write(folder / "resolution", "12\n")


def _hex(pad: bytes) -> str:
    return " ".join(f"{byte:02x}" for byte in pad)


def _write(path: Path, text: str) -> None:
    if path.name in {"name", "resolution"} and path.exists():
        return
    new = path.parent / f".{path.name}.new"
    new.write_text(text, encoding="ascii")
    new.replace(path)
