"""The outer half of every APDU card: command APDUs in, chaining both ways, status words out (ISO/IEC 7816-4:2020)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

SW_OK = 0x9000
SW_BYTES_LEFT = 0x6100
SW_SECURITY_STATUS = 0x6982
SW_AUTHENTICATION_BLOCKED = 0x6983
SW_CONDITIONS_OF_USE = 0x6985
SW_NO_CURRENT_FILE = 0x6986
SW_LAST_OF_CHAIN_EXPECTED = 0x6883
SW_WRONG_LENGTH = 0x6700
SW_WRONG_DATA = 0x6A80
SW_NOT_FOUND = 0x6A82
SW_NOT_ENOUGH_MEMORY = 0x6A84
SW_WRONG_P1_P2 = 0x6A86
SW_REFERENCE_NOT_FOUND = 0x6A88
SW_WRONG_OFFSET = 0x6B00
SW_INS_NOT_SUPPORTED = 0x6D00
SW_CLA_NOT_SUPPORTED = 0x6E00

_GET_RESPONSE = 0xC0
_CHAINING_BIT = 0x10  # section 5.4.1 table 2
_PROPRIETARY_BIT = 0x80  # section 5.4.1: the other bits of such a class are the maker's own, 0x10 among them
_HEADER_BYTES = 4
_CHAINED_DATA_BYTES_MAX = 8192


class ApduCard(Protocol):
    """What a link (ISO-DEP, vpcd) needs of a card."""

    @property
    def atr(self) -> bytes:
        """Answer to reset, as a PC/SC reader reports it."""
        ...

    @property
    def uid(self) -> bytes:
        """The UID of its contactless side."""
        ...

    @property
    def latency_s(self) -> float:
        """Seconds it thinks about each command."""
        ...

    def reset(self) -> None:
        """Power gone and back: everything volatile is forgotten."""
        ...

    def apdu(self, command: bytes) -> bytes | None:
        """One command APDU in, one response APDU out; None is silence until the next reset."""
        ...


class ApduFormatError(ValueError):
    """The bytes are not a command APDU."""


@dataclass(frozen=True)
class CommandApdu:
    """A command, taken apart (section 5.2)."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None
    """Most bytes the sender wants back, 1 to 65536; None when it wants none."""

    @classmethod
    def parse(cls, raw: bytes) -> "CommandApdu":
        """Take apart cases 1 to 4, short and extended.

        Raises:
            ApduFormatError: lengths that contradict each other.
        """
        if len(raw) < _HEADER_BYTES:
            raise ApduFormatError(f"command APDU: got {raw.hex()!r}, expected at least four bytes")
        cla, ins, p1, p2 = raw[:_HEADER_BYTES]
        data, le = _body(raw[_HEADER_BYTES:])
        return cls(cla, ins, p1, p2, data, le)


def _body(body: bytes) -> tuple[bytes, int | None]:
    if not body:
        return b"", None
    if len(body) == 1:
        return b"", body[0] or 256
    if body[0] == 0:
        return _extended_body(body)
    data, tail = body[1 : 1 + body[0]], body[1 + body[0] :]
    if len(data) != body[0] or len(tail) > 1:
        raise ApduFormatError(f"short APDU: Lc is {body[0]}, but {len(body) - 1} bytes follow")
    return data, (tail[0] or 256) if tail else None


def _extended_body(body: bytes) -> tuple[bytes, int | None]:
    length = int.from_bytes(body[1:3], "big")
    if len(body) == 3:  # noqa: PLR2004 - case 2E: 00 and two bytes of Le
        return b"", length or 65536
    data, tail = body[3 : 3 + length], body[3 + length :]
    if length == 0 or len(data) != length or len(tail) not in (0, 2):
        raise ApduFormatError(f"extended APDU: Lc is {length}, but {len(body) - 3} bytes follow")
    return data, (int.from_bytes(tail, "big") or 65536) if tail else None


Handler = Callable[[CommandApdu], tuple[bytes, int]]


class ApduServer:
    """Joins chained commands, cuts long answers into what Le allows and hands the rest out by GET RESPONSE."""

    def __init__(self, handle: Handler) -> None:
        """`handle` gets whole commands and returns the whole data and a status word."""
        self._handle = handle
        self._rest = b""
        self._chain: CommandApdu | None = None

    def reset(self) -> None:
        """Forget half-received commands and half-sent answers."""
        self._rest = b""
        self._chain = None

    def answer(self, raw: bytes) -> bytes:
        """The response APDU to one command APDU."""
        try:
            command = CommandApdu.parse(raw)
        except ApduFormatError:
            return _status(SW_WRONG_LENGTH)
        if command.ins == _GET_RESPONSE and self._chain is None:
            return self._get_response(command)
        self._rest = b""
        whole = self._joined(command)
        if isinstance(whole, int):
            return _status(whole)
        data, sw = self._handle(whole)
        if sw != SW_OK:
            return data + _status(sw)
        self._rest = data
        return self._cut(command.le)

    def _joined(self, command: CommandApdu) -> CommandApdu | int:
        """The whole command; or the status word to answer when there is none yet (section 5.3.3)."""
        chain, self._chain = self._chain, None
        if command.cla & _PROPRIETARY_BIT and chain is None:
            return command
        plain = replace(command, cla=command.cla & ~_CHAINING_BIT)
        if chain is not None:
            if (plain.cla, plain.ins, plain.p1, plain.p2) != (chain.cla, chain.ins, chain.p1, chain.p2):
                return SW_LAST_OF_CHAIN_EXPECTED
            plain = replace(plain, data=chain.data + plain.data)
        if len(plain.data) > _CHAINED_DATA_BYTES_MAX:
            return SW_WRONG_LENGTH
        if command.cla & _CHAINING_BIT:
            self._chain = plain
            return SW_OK
        return plain

    def _get_response(self, command: CommandApdu) -> bytes:
        """Section 11.7.1."""
        if (command.p1, command.p2) != (0, 0):
            return _status(SW_WRONG_P1_P2)
        if not self._rest:
            return _status(SW_CONDITIONS_OF_USE)
        return self._cut(command.le)

    def _cut(self, le: int | None) -> bytes:
        part, self._rest = self._rest[: le or 0], self._rest[le or 0 :]
        if not self._rest:
            return part + _status(SW_OK)
        left = len(self._rest)
        return part + _status(SW_BYTES_LEFT | (left if left < 256 else 0))  # noqa: PLR2004 - 6100 says 256 or more


def _status(sw: int) -> bytes:
    return sw.to_bytes(2, "big")


def contactless_atr(historical_bytes: bytes) -> bytes:
    """The ATR that a PC/SC reader makes up for an ISO/IEC 14443-4 card (PC/SC part 3 section 3.1.3.2.3.1).

    Raises:
        ValueError: more than 15 historical bytes.
    """
    if len(historical_bytes) > 15:  # noqa: PLR2004 - the count is four bits of T0
        raise ValueError(f"historical bytes: got {len(historical_bytes)}, expected at most 15")
    body = bytes([0x80 | len(historical_bytes), 0x80, 0x01]) + historical_bytes
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes([check])
