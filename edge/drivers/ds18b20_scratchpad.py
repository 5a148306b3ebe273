"""The nine-byte scratchpad of a DS18B20: what it says, and whether it can be believed. Pure.

Source: Maxim Integrated, DS18B20 data sheet 19-7487 rev 6, "Memory" (figure 9), "Configuration register" (table 2),
"Operation - measuring temperature" (table 1), "CRC generation"; Maxim application note 27 for the CRC.
"""

from typing import Final

SCRATCHPAD_BYTES: Final = 9

_CRC_POLYNOMIAL = 0x8C
"""x^8 + x^5 + x^4 + 1, bits reversed: data sheet, "CRC generation"."""
_POWER_ON_REGISTER = 0x0550
"""+85.0 degrees: "the power-on reset value of the temperature register" (data sheet, table 1, note)."""
_LOWEST_CELSIUS = -55.0
_HIGHEST_CELSIUS = 125.0
"""Measuring range: data sheet, "Features"."""
_STEPS_PER_DEGREE = 16
"""Two's complement in sixteenths of a degree, at every resolution (data sheet, figure 4)."""


class ScratchpadRefusedError(Exception):
    """This is no reading. `code` is that of the device fault (`DeviceFaulted.code`)."""

    def __init__(self, code: str, message: str) -> None:
        """`code` is one of not_ready, zero_scratchpad, crc_mismatch, power_on_value, implausible_value."""
        super().__init__(message)
        self.code = code


def crc8_maxim(data: bytes) -> int:
    """CRC-8/MAXIM: reflected, initial value 0 (data sheet, "CRC generation")."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ _CRC_POLYNOMIAL if crc & 1 else crc >> 1
    return crc


def temperature_celsius(scratchpad: bytes) -> float:
    """The temperature in degrees Celsius, if it can be believed.

    85.0 degrees is refused always. It is what the register holds after power-on, until a conversion has ended; that one
    has ended can't be known through the kernel's files, and no place that is watched with this sensor is at 85 degrees
    (a vaccine fridge at 85.0 would be seen at 84.9375 and 85.0625 on its way).

    Raises:
        ScratchpadRefusedError: not nine bytes, all zero (bus shorted to ground: the CRC of zeros is right), checksum
            wrong, power-on value, outside the sensor's range.
    """
    shown = scratchpad.hex(" ")
    if len(scratchpad) != SCRATCHPAD_BYTES:
        raise ScratchpadRefusedError("not_ready", f"scratchpad of {len(scratchpad)} bytes ({shown}): expected 9")
    if not any(scratchpad):
        raise ScratchpadRefusedError("zero_scratchpad", "scratchpad of zeros: the bus is shorted; check the wiring")
    computed = crc8_maxim(scratchpad[:8])
    if computed != scratchpad[8]:
        raise ScratchpadRefusedError(
            "crc_mismatch",
            f"scratchpad {shown}: CRC is {scratchpad[8]:02x}, expected {computed:02x}; check cable and pull-up",
        )
    register = int.from_bytes(scratchpad[:2], "little", signed=True)
    if register == _POWER_ON_REGISTER:
        raise ScratchpadRefusedError(
            "power_on_value",
            f"scratchpad {shown}: 85.0 degrees is the power-on value, no measurement; check the sensor's power",
        )
    register &= ~_undefined_bits(scratchpad[4])
    celsius = register / _STEPS_PER_DEGREE
    if not _LOWEST_CELSIUS <= celsius <= _HIGHEST_CELSIUS:
        raise ScratchpadRefusedError(
            "implausible_value", f"scratchpad {shown}: {celsius:g} degrees, expected -55 to 125; replace the sensor"
        )
    return celsius


def _undefined_bits(configuration: int) -> int:
    """Low bits of the register that mean nothing at 9 to 11 bits resolution (data sheet, figure 4 and table 2)."""
    resolution_bits = 9 + (configuration >> 5 & 0b11)
    return (1 << (12 - resolution_bits)) - 1
