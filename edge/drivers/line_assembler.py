"""Bytes of a scanner into whole codes: one code for each line ending; half codes and endless ones are refused. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

LINE_BYTES_MAX: Final = 4096
"""Longest code (`CodeScanned.text`); a QR code holds at most 2953 bytes (ISO/IEC 18004:2015, table 7, 40-L)."""


@dataclass(frozen=True)
class Line:
    """A whole code, its line ending removed."""

    data: bytes


@dataclass(frozen=True)
class Refused:
    """Bytes that are no whole code."""

    code: Literal["incomplete_scan", "oversized_scan"]
    data: bytes


class LineAssembler:
    """Splits a byte stream at its terminator.

    Line feeds and carriage returns at the beginning of a line are left over from a longer ending than was configured,
    never part of a code, and are dropped.
    """

    def __init__(self, terminator: bytes, idle_timeout_ns: int) -> None:
        """`idle_timeout_ns`: silence in nanoseconds that gives half a line up."""
        self._terminator = terminator
        self._idle_timeout_ns = idle_timeout_ns
        self._line = bytearray()
        self._last_ns = 0
        self._oversized = False

    def feed(self, data: bytes, now_ns: int) -> list[Line | Refused]:
        """Take bytes in; return what they completed, in order."""
        self._last_ns = now_ns
        done: list[Line | Refused] = []
        self._line += data
        while (end := self._line.find(self._terminator)) >= 0:
            line = bytes(self._line[:end]).lstrip(b"\r\n")
            del self._line[: end + len(self._terminator)]
            if self._oversized:
                # The rest of an endless line, reported when it became too long.
                self._oversized = False
            elif len(line) > LINE_BYTES_MAX:
                done.append(Refused("oversized_scan", line))
            elif line:
                done.append(Line(line))
        if len(self._line) > LINE_BYTES_MAX + len(self._terminator):
            if not self._oversized:
                done.append(Refused("oversized_scan", bytes(self._line)))
            self._oversized = True
            # What could be the beginning of the terminator has to stay.
            del self._line[: len(self._line) - len(self._terminator) + 1]
        return done

    def idle(self, now_ns: int) -> Refused | None:
        """Give half a line up when nothing came for the idle time; return what there was of it."""
        if now_ns - self._last_ns < self._idle_timeout_ns:
            return None
        return self.give_up()

    def give_up(self) -> Refused | None:
        """Give half a line up now: the line has broken. None if there was nothing, or it was reported already."""
        rest, reported = bytes(self._line).lstrip(b"\r\n"), self._oversized
        self._line.clear()
        self._oversized = False
        return Refused("incomplete_scan", rest) if rest and not reported else None
