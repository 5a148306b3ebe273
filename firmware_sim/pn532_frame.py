"""Frames between a host and a PN532 on its high-speed UART (NXP UM0701-02 rev. 02 section 6.2.1)."""

from dataclasses import dataclass

ACK_BYTES = bytes.fromhex("0000ff00ff00")
ERROR_BYTES = bytes.fromhex("0000ff01ff7f8100")  # section 6.2.1.5: syntax error at application level
TO_CHIP, TO_HOST = 0xD4, 0xD5
DATA_BYTES_MAX = 265  # section 6.2.1.2: TFI and up to 264 bytes

_START = b"\x00\xff"
_EXTENDED = b"\xff\xff"


@dataclass(frozen=True)
class HostFrame:
    """One thing the host said."""

    data: bytes
    """TFI, command code, parameters; empty for the ACK that aborts the current command."""

    @property
    def is_ack(self) -> bool:
        """True for ACK."""
        return not self.data


def encode(data: bytes) -> bytes:
    """A normal frame, or an extended one when `data` (TFI included) exceeds 255 bytes."""
    if len(data) < 256:  # noqa: PLR2004 - one length byte
        head = bytes([len(data), -len(data) & 0xFF])
    else:
        length = len(data).to_bytes(2, "big")
        head = _EXTENDED + length + bytes([-sum(length) & 0xFF])
    return b"\x00" + _START + head + data + bytes([-sum(data) & 0xFF, 0x00])


class FrameReader:
    """Finds frames in whatever comes over the line. Garbage, wrong checksums and impossible lengths are skipped."""

    def __init__(self) -> None:
        """Nothing received."""
        self._buffer = b""

    @property
    def is_partial(self) -> bool:
        """True while something that may become a frame is being held."""
        return len(self._buffer) > 1

    def drop_partial(self) -> None:
        """Forget half a frame: the host has given up on it."""
        self._buffer = b""

    def feed(self, received: bytes) -> list[HostFrame]:
        """Add bytes; return the frames completed by them."""
        self._buffer += received
        frames: list[HostFrame] = []
        while True:
            start = self._buffer.find(_START)
            if start < 0:
                self._buffer = self._buffer[-1:]  # may be the first half of the start code
                return frames
            self._buffer = self._buffer[start:]
            parsed = _parse(self._buffer)
            if parsed is None:
                return frames
            frame, used = parsed
            self._buffer = self._buffer[used:]
            if frame is not None:
                frames.append(frame)


def _parse(buffer: bytes) -> tuple[HostFrame | None, int] | None:  # noqa: PLR0911 - one return per way to be wrong
    """Frame (None for garbage) and bytes used; or None while more bytes are needed. `buffer` begins with 00 FF."""
    if len(buffer) < 4:  # noqa: PLR2004 - start code, LEN, LCS
        return None
    if buffer[2:4] == b"\x00\xff":
        return HostFrame(b""), 4
    if buffer[2:4] == _EXTENDED:
        if len(buffer) < 7:  # noqa: PLR2004 - start code, FFFF, LENM, LENL, LCS
            return None
        length, head, good = int.from_bytes(buffer[4:6], "big"), 7, sum(buffer[4:7]) & 0xFF == 0
    else:
        length, head, good = buffer[2], 4, sum(buffer[2:4]) & 0xFF == 0
    if not good or not 2 <= length <= DATA_BYTES_MAX:  # noqa: PLR2004 - TFI and command code at least
        return None, 1
    if len(buffer) < head + length + 1:
        return None
    data = buffer[head : head + length]
    if (sum(data) + buffer[head + length]) & 0xFF or data[0] != TO_CHIP:
        return None, 1
    return HostFrame(data), head + length + 1
