"""NDEF: the content of an NFC tag, its web addresses and texts (NFC Forum NDEF 1.0, RTD URI 1.0, RTD Text 1.0)."""

from dataclasses import dataclass
from typing import Final

from inventory.errors import NdefError

MESSAGE_BYTES_MAX: Final = 8192
"""Longest message that is looked at; an NTAG216 holds 888 bytes, a DESFire file of ours less than this."""
_BEGIN, _END, _CHUNK, _SHORT, _WITH_ID, _TNF = 0x80, 0x40, 0x20, 0x10, 0x08, 0x07
"""Flags of a record's first byte, and the mask of its Type Name Format (NDEF 3.2)."""
_TNF_EMPTY, _TNF_WELL_KNOWN, _TNF_UNKNOWN, _TNF_UNCHANGED, _TNF_RESERVED = 0, 1, 5, 6, 7
_UTF16: Final = 0x80
_LANGUAGE_LENGTH: Final = 0x3F
"""Status byte of a text record (RTD Text 3.2.1)."""
_URI_PREFIXES: Final = (
    "",
    "http://www.",
    "https://www.",
    "http://",
    "https://",
    "tel:",
    "mailto:",
    "ftp://anonymous:anonymous@",
    "ftp://ftp.",
    "ftps://",
    "sftp://",
    "smb://",
    "nfs://",
    "ftp://",
    "dav://",
    "news:",
    "telnet://",
    "imap:",
    "rtsp://",
    "urn:",
    "pop:",
    "sip:",
    "sips:",
    "tftp:",
    "btspp://",
    "btl2cap://",
    "btgoep://",
    "tcpobex://",
    "irdaobex://",
    "file://",
    "urn:epc:id:",
    "urn:epc:tag:",
    "urn:epc:pat:",
    "urn:epc:raw:",
    "urn:epc:",
    "urn:nfc:",
)
"""Abbreviations 0x00 to 0x23 (RTD URI table 3)."""


@dataclass(frozen=True)
class NdefRecord:
    """One record, chunks put together."""

    type_name_format: int
    type: bytes
    payload: bytes
    text: str = ""
    """The address of a URI record, the text of a text record; empty for all others."""


@dataclass(frozen=True)
class _Raw:
    flags: int
    type: bytes
    payload: bytes

    @property
    def tnf(self) -> int:
        return self.flags & _TNF


def decode_message(message: bytes) -> tuple[NdefRecord, ...]:
    """Decode a whole message.

    Raises:
        NdefError: too long, cut, or against the rules of NDEF; or a URI or text record that cannot be read.
    """
    if not message or len(message) > MESSAGE_BYTES_MAX:
        raise NdefError("ndef", f"NDEF message of {len(message)} bytes: expected 1 to {MESSAGE_BYTES_MAX}")
    records: list[NdefRecord] = []
    chunks: list[_Raw] = []
    position = 0
    while position < len(message):
        raw, position = _take_record(message, position, first=position == 0)
        _check_chunk(raw, in_chunks=bool(chunks))
        chunks.append(raw)
        if not raw.flags & _CHUNK:
            payload = b"".join(chunk.payload for chunk in chunks)
            records.append(_interpret(chunks[0].tnf, chunks[0].type, payload))
            chunks = []
        if raw.flags & _END:
            break
    else:
        raise NdefError("ndef", "NDEF message: its last record does not say that it is the last")
    if chunks:
        raise NdefError("ndef", "NDEF message ends inside a chunked record")
    if position != len(message):
        raise NdefError("ndef", f"NDEF message: {len(message) - position} bytes behind its last record")
    return tuple(records)


def _take_record(message: bytes, position: int, *, first: bool) -> tuple[_Raw, int]:
    taker = _Taker(message, position)
    flags = taker.take(1)[0]
    if bool(flags & _BEGIN) != first:
        raise NdefError("ndef", "NDEF message: only its first record may and must say that it begins")
    type_length = taker.take(1)[0]
    payload_length = int.from_bytes(taker.take(1 if flags & _SHORT else 4), "big")
    id_length = taker.take(1)[0] if flags & _WITH_ID else 0
    tnf = flags & _TNF
    if tnf == _TNF_EMPTY and (type_length or payload_length or id_length):
        raise NdefError("ndef", "NDEF: an empty record must have neither type nor payload")
    if tnf in {_TNF_UNKNOWN, _TNF_UNCHANGED} and type_length:
        raise NdefError("ndef", f"NDEF: a record of type name format {tnf} must have no type")
    if tnf == _TNF_RESERVED:
        raise NdefError("ndef", "NDEF: type name format 7 is reserved")
    record_type = taker.take(type_length)
    taker.take(id_length)
    return _Raw(flags, record_type, taker.take(payload_length)), taker.position


def _check_chunk(raw: _Raw, *, in_chunks: bool) -> None:
    if (raw.tnf == _TNF_UNCHANGED) != in_chunks:
        raise NdefError("ndef", "NDEF: a chunk without its first, or a new record inside a chunked one")


class _Taker:
    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self.position = position

    def take(self, count: int) -> bytes:
        taken = self._data[self.position : self.position + count]
        if len(taken) < count:
            raise NdefError("ndef", f"NDEF message ends early: {count} bytes expected, {len(taken)} left")
        self.position += count
        return taken


def _interpret(tnf: int, record_type: bytes, payload: bytes) -> NdefRecord:
    text = ""
    if tnf == _TNF_WELL_KNOWN and record_type == b"U":
        text = decode_uri(payload)
    elif tnf == _TNF_WELL_KNOWN and record_type == b"T":
        text = decode_text(payload)
    return NdefRecord(tnf, record_type, payload, text)


def decode_uri(payload: bytes) -> str:
    """The address in the payload of a URI record, as it stands there (no percent-encoding is added or removed).

    Raises:
        NdefError: empty, an unknown abbreviation, or not UTF-8.
    """
    if not payload:
        raise NdefError("ndef", "NDEF: a URI record without payload")
    if payload[0] >= len(_URI_PREFIXES):
        raise NdefError("ndef", f"NDEF: URI abbreviation {payload[0]:#04x} is reserved")
    return _URI_PREFIXES[payload[0]] + _decode(payload[1:], "utf-8")


def decode_text(payload: bytes) -> str:
    """The text in the payload of a text record.

    Raises:
        NdefError: no language, a language longer than the payload, or not in the encoding it claims.
    """
    status = payload[0] if payload else 0
    length = status & _LANGUAGE_LENGTH
    if not length or length >= len(payload):
        raise NdefError("ndef", f"NDEF: text record with a language of {length} bytes in {len(payload)} of payload")
    text = payload[1 + length :]
    if not status & _UTF16:
        return _decode(text, "utf-8")
    # Without a byte order mark it is big endian (RTD Text 3.2.1).
    return _decode(text, "utf-16" if text[:2] in {b"\xfe\xff", b"\xff\xfe"} else "utf-16-be")


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise NdefError("ndef", f"NDEF: {data[:20].hex()} is not {encoding.upper()}") from None
