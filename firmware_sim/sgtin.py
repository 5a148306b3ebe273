"""SGTIN-96 tag content of a UHF RFID label: encoding only, written from the EPC Tag Data Standard.

Source: EPC TDS 1.13, 14.5.1 (SGTIN-96 coding table) and table 14-2 (partition values).
"""

HEADER = 0x30
"""EPC binary header of SGTIN-96 (TDS 14.2)."""
LARGEST_SERIAL = (1 << 38) - 1
"""The serial number has 38 bits: 274 877 906 943."""

_PARTITIONS = {
    12: (0, 40, 4),
    11: (1, 37, 7),
    10: (2, 34, 10),
    9: (3, 30, 14),
    8: (4, 27, 17),
    7: (5, 24, 20),
    6: (6, 20, 24),
}
"""Digits of the company prefix -> partition value, bits of the prefix, bits of indicator and item reference."""


def encode_sgtin96(gtin: str, company_prefix_digits: int, serial_number: str, filter_value: int = 1) -> bytes:
    """Twelve bytes of EPC memory.

    `filter_value` 1 is a point-of-sale trade item (TDS table 10-1). The check digit is not on the tag; the indicator
    digit of the GTIN stands before the item reference.

    Raises:
        ValueError: a prefix length without partition, or a serial number that SGTIN-96 can't hold (letters, leading
            zeros, more than 38 bits).
    """
    if company_prefix_digits not in _PARTITIONS:
        raise ValueError(f"company_prefix_digits is {company_prefix_digits!r}: expected 6 to 12 (TDS table 14-2)")
    digits_only = serial_number.isascii() and serial_number.isdigit()
    if not digits_only or (serial_number[0] == "0" and serial_number != "0") or int(serial_number) > LARGEST_SERIAL:
        raise ValueError(
            f"serial_number is {serial_number!r}: SGTIN-96 holds a number up to {LARGEST_SERIAL} without leading zeros"
        )
    partition, prefix_bits, item_bits = _PARTITIONS[company_prefix_digits]
    prefix = int(gtin[1 : 1 + company_prefix_digits])
    item = int(gtin[0] + gtin[1 + company_prefix_digits : 13])
    bits = HEADER
    for value, width in ((filter_value, 3), (partition, 3), (prefix, prefix_bits), (item, item_bits)):
        bits = bits << width | value
    return (bits << 38 | int(serial_number)).to_bytes(12, "big")
