"""NDEF messages as bytes, well-formed and otherwise (NFC Forum NDEF 1.0, URI RTD 1.0, Text RTD 1.0, Type 2 Tag 1.1)."""

import struct

# URI RTD section 3.2.2 table 3: longest prefixes first, so that the first match is the best one.
_URI_PREFIXES = (
    ("https://www.", 0x02),
    ("http://www.", 0x01),
    ("https://", 0x04),
    ("http://", 0x03),
    ("urn:epc:id:", 0x1E),
)

_WELL_KNOWN = 0x01
_SHORT_RECORD = 0x10
_MESSAGE_BEGIN = 0x80
_MESSAGE_END = 0x40


def record(type_name: bytes, payload: bytes, *, tnf: int = _WELL_KNOWN) -> bytes:
    """One record without the message-begin and message-end flags; `tnf` is the type name format, 0 to 7."""
    if len(payload) < 256:  # noqa: PLR2004 - a short record has a one-byte length (NDEF section 3.2.4)
        return bytes([_SHORT_RECORD | tnf, len(type_name), len(payload)]) + type_name + payload
    return bytes([tnf, len(type_name)]) + struct.pack(">I", len(payload)) + type_name + payload


def uri_record(uri: str) -> bytes:
    """A URI record, its prefix abbreviated."""
    for prefix, code in _URI_PREFIXES:
        if uri.startswith(prefix):
            return record(b"U", bytes([code]) + uri[len(prefix) :].encode())
    return record(b"U", b"\x00" + uri.encode())


def text_record(text: str, language: str = "vi") -> bytes:
    """A text record in UTF-8."""
    code = language.encode("ascii")
    return record(b"T", bytes([len(code)]) + code + text.encode())


def message(*records: bytes) -> bytes:
    """A message of these records: sets the begin and end flags. No record at all is the one empty record."""
    parts = [bytearray(part) for part in records or (bytes([_SHORT_RECORD, 0, 0]),)]
    parts[0][0] |= _MESSAGE_BEGIN
    parts[-1][0] |= _MESSAGE_END
    return b"".join(parts)


def type2_data_area(ndef_message: bytes) -> bytes:
    """The NDEF TLV and the terminator as they lie in a Type 2 tag from page 4 on (Type 2 Tag section 2.3)."""
    n = len(ndef_message)
    length = bytes([n]) if n < 0xFF else b"\xff" + struct.pack(">H", n)  # noqa: PLR2004 - FF marks the three-byte form
    return b"\x03" + length + ndef_message + b"\xfe"


def garbage_data_areas() -> dict[str, bytes]:
    """Type 2 data areas that a reader must survive, each named by what is wrong with it."""
    good = message(uri_record("https://id.example.com/01/04012345123456"))
    overlong = bytearray(good)
    overlong[2] = 0xFE  # the payload claims more than the message holds
    return {
        "no NDEF TLV": b"\xfe" + bytes(32),
        "TLV longer than the tag": b"\x03\xff\xff\xff" + good,
        "payload longer than its message": type2_data_area(bytes(overlong)),
        "reserved type name format": type2_data_area(bytes([0xD7, 0x01, 0x01]) + b"Ux"),
        "message end flag missing": type2_data_area(bytes([good[0] & ~_MESSAGE_END]) + good[1:]),
        "text that is not UTF-8": type2_data_area(message(record(b"T", b"\x02vi\xff\xfe\xfd"))),
        "noise": type2_data_area(bytes(range(7, 250, 13))),
    }
