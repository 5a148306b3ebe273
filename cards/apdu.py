"""APDU: command and response, cases 1 to 4, short and extended (ISO/IEC 7816-4:2020, clauses 5.1 and 5.2)."""

from dataclasses import dataclass
from typing import Final

from cards.errors import CardDataError
from cards.status_words import SUCCESS, SW1_VALUES, refusal

_BYTE: Final = range(256)
HEADER_BYTES: Final = 4
"""CLA INS P1 P2."""
SHORT_LC_MAX: Final = 255
SHORT_LE_MAX: Final = 256
EXTENDED_LC_MAX: Final = 65535
EXTENDED_LE_MAX: Final = 65536
_EXTENDED_LC_BYTES: Final = 3
"""00 and two bytes of length."""
SW_BYTES: Final = 2


@dataclass(frozen=True)
class CommandApdu:
    """One command. Existing means encodable: byte fields in range, lengths within what the form can say."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None
    """Most bytes wanted in the answer: None for none, else 1 to 65536; 256 (or 65536) asks for all there is."""
    extended: bool = False
    """Extended lengths even where short ones would do. Set by itself where short ones don't."""

    def __post_init__(self) -> None:
        """Refuse what can't be written.

        Raises:
            ValueError: a byte or a length out of range.
        """
        for name in ("cla", "ins", "p1", "p2"):
            value = getattr(self, name)
            if value not in _BYTE:
                raise ValueError(f"{name} {value!r}: expected one byte")
        if len(self.data) > EXTENDED_LC_MAX:
            raise ValueError(f"command data of {len(self.data)} bytes: expected at most {EXTENDED_LC_MAX}")
        if self.le is not None and not 1 <= self.le <= EXTENDED_LE_MAX:
            raise ValueError(f"le {self.le!r}: expected None or 1 to {EXTENDED_LE_MAX}")
        needed = len(self.data) > SHORT_LC_MAX or (self.le or 0) > SHORT_LE_MAX
        if needed or (self.extended and not self.data and self.le is None):
            object.__setattr__(self, "extended", needed)

    @property
    def case(self) -> str:
        """`1`, `2S`, `3S`, `4S`, `2E`, `3E` or `4E`."""
        number = 1 + (2 if self.data else 0) + (1 if self.le is not None else 0)
        return "1" if number == 1 else f"{number}{'E' if self.extended else 'S'}"

    def encode(self) -> bytes:
        """The bytes on the wire."""
        header = bytes((self.cla, self.ins, self.p1, self.p2))
        if not self.extended:
            lc = bytes((len(self.data),)) if self.data else b""
            le = b"" if self.le is None else bytes((self.le % SHORT_LE_MAX,))
            return header + lc + self.data + le
        lc = b"\x00" + len(self.data).to_bytes(2, "big") if self.data else b""
        le = b"" if self.le is None else (self.le % EXTENDED_LE_MAX).to_bytes(2, "big")
        return header + lc + self.data + (le if self.data else b"\x00" + le)

    @classmethod
    def decode(cls, command: bytes) -> "CommandApdu":
        """Read the bytes of a command.

        Raises:
            CardDataError: shorter than a header, or the lengths don't add up to any of the seven cases.
        """
        if len(command) < HEADER_BYTES:
            raise CardDataError(f"command {command.hex()!r}: expected at least {HEADER_BYTES} bytes")
        cla, ins, p1, p2 = command[:HEADER_BYTES]
        body = command[HEADER_BYTES:]
        if not body:
            return cls(cla, ins, p1, p2)
        if len(body) == 1:
            return cls(cla, ins, p1, p2, le=body[0] or SHORT_LE_MAX)
        if body[0] != 0:
            data, tail = body[1 : 1 + body[0]], body[1 + body[0] :]
            if len(data) == body[0] and len(tail) <= 1:
                return cls(cla, ins, p1, p2, data, (tail[0] or SHORT_LE_MAX) if tail else None)
        elif len(body) >= _EXTENDED_LC_BYTES:
            length, rest = int.from_bytes(body[1:3], "big"), body[3:]
            if not rest:
                return cls(cla, ins, p1, p2, le=length or EXTENDED_LE_MAX, extended=True)
            data, tail = rest[:length], rest[length:]
            if data and len(data) == length and len(tail) in (0, 2):
                le = (int.from_bytes(tail, "big") or EXTENDED_LE_MAX) if tail else None
                return cls(cla, ins, p1, p2, data, le, extended=True)
        raise CardDataError(
            f"command {command.hex()[:40]!r} of {len(command)} bytes: its lengths fit none of the cases"
        )


@dataclass(frozen=True)
class ResponseApdu:
    """One answer."""

    data: bytes
    sw: int
    """SW1 SW2 as a number, such as 0x9000."""

    @classmethod
    def decode(cls, response: bytes) -> "ResponseApdu":
        """Split off the status word.

        Raises:
            CardDataError: shorter than two bytes, SW1 not 6x or 9x (7816-4, 5.6), or longer than any answer can be.
        """
        if not SW_BYTES <= len(response) <= EXTENDED_LE_MAX + SW_BYTES:
            raise CardDataError(f"answer of {len(response)} bytes: expected {SW_BYTES} to {EXTENDED_LE_MAX + SW_BYTES}")
        if response[-2] not in SW1_VALUES:
            raise CardDataError(f"answer ending {response[-2:].hex()!r}: expected a status word 61xx to 6Fxx or 9xxx")
        return cls(response[:-2], int.from_bytes(response[-2:], "big"))

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return self.data + self.sw.to_bytes(2, "big")

    def expect_success(self, what: str) -> bytes:
        """The data, when the card answered 9000. `what` names the command in the message.

        Raises:
            CardAnswerError: any other status word, as the subclass of `cards.status_words` that says what to do.
        """
        if self.sw != SUCCESS:
            raise refusal(self.sw, what)
        return self.data
