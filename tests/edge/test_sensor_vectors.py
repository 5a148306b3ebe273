"""Published values of sensors and checksums, against the code that reads or plays those parts."""

from typing import Any

import pytest

from edge.drivers.ds18b20_scratchpad import ScratchpadRefusedError, crc8_maxim, temperature_celsius
from firmware_sim.pn532 import crc_a
from tests.inventory.published_vectors import load_vectors, short_id

NOT_OURS = {
    "pt100": "no driver measures a resistance: transmitters behind Modbus give degrees",
    "sht3x_rh": "no SHT3x driver",
    "sht3x_temp": "no SHT3x driver",
    "CRC-8/SMBUS": "no SMBus sensor driver",
    "CRC-8/NRSC-5": "the SHT3x's: no driver",
    "CRC-16/IBM-SDLC": "CRC_B of ISO 14443 type B: readers check it in hardware, no type B card is simulated",
    "CRC-16/GENIBUS": "EPC Gen2: UHF readers check it in hardware",
}


def verdict(vector: dict[str, Any]) -> bool | str:
    """Whether the code agrees; the reason why no code of ours is asked."""
    kind = vector["kind"]
    if kind == "crc":
        data, expected = bytes.fromhex(vector["data"]), vector["expected_crc"]
        if vector["algorithm"] == "CRC-8/MAXIM-DOW":
            return bool(crc8_maxim(data) == expected)
        if vector["algorithm"] == "CRC-16/ISO-IEC-14443-3-A":
            return bool(int.from_bytes(crc_a(data), "little") == expected)
        return NOT_OURS[vector["algorithm"]]
    if kind == "ds18b20_temp":
        register = bytes.fromhex(vector["register_hex_msb_lsb"])[::-1]
        body = register + bytes.fromhex("4B467FFF0C10")
        return bool(temperature_celsius(body + bytes([crc8_maxim(body)])) == vector["expected_celsius"])
    if kind == "ds18b20_scratchpad":
        return _scratchpad_agrees(bytes.fromhex(vector["scratchpad"]), vector["expected"])
    return NOT_OURS[kind]


def _scratchpad_agrees(scratchpad: bytes, expected: dict[str, Any]) -> bool:
    try:
        return bool(temperature_celsius(scratchpad) == expected["celsius"])
    except ScratchpadRefusedError as refused:
        if not expected["crc_ok"]:
            return refused.code == "crc_mismatch"
        return bool(expected.get("power_on_reset_value")) and refused.code == "power_on_value"


def test_published_sensor_values_are_read_as_published_or_named_with_the_reason() -> None:
    verdicts = {short_id(vector): verdict(vector) for vector in load_vectors("crc_sensor")}
    assert [name for name, found in verdicts.items() if found is False] == []
    assert sum(found is True for found in verdicts.values()) >= 10


def test_the_value_after_power_on_is_never_a_reading() -> None:
    with pytest.raises(ScratchpadRefusedError) as refused:
        temperature_celsius(bytes.fromhex("50054B467FFF0C101C"))
    assert refused.value.code == "power_on_value"
