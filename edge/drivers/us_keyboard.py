"""Key codes of a scanner that types on a US keyboard, into the code it scanned. Pure.

Codes are those of Linux (include/uapi/linux/input-event-codes.h). They say which key, not which character: the layout,
Caps Lock and input method of the machine have no say. GS (FNC1 of GS1) arrives, by the scanner's setting, as Ctrl+]
(Zebra, Datalogic), as F8 (Honeywell), or as Alt with 029 on the number pad.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from edge.drivers.line_assembler import LINE_BYTES_MAX, Line, Refused

KEY_UP: Final = 0
KEY_DOWN: Final = 1
"""Values of a key event; 2 is the kernel's repeat of a key that is held."""

_ENTER = (28, 96)
_SHIFT = (42, 54)
_CONTROL = (29, 97)
_ALT = (56, 100)
_SILENT = (58, 69, 70, 125, 126)
"""Caps Lock, Num Lock, Scroll Lock and the two Meta keys: pressed by some scanners around a code, never part of it."""
_F8 = 66
_GS = "\x1d"

_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
)
_PLAIN = {15: "\t", 57: " ", 55: "*", 74: "-", 78: "+", 83: ".", 98: "/"} | {
    first + offset: char for first, chars, _ in _ROWS for offset, char in enumerate(chars)
}
_SHIFTED = _PLAIN | {first + offset: char for first, _, chars in _ROWS for offset, char in enumerate(chars)}
_PAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}
_CODE_POINT_MAX = 0xFF


@dataclass(frozen=True)
class Damaged:
    """A code with something in it that is no key of the US layout, or with keys lost."""

    code: Literal["bad_reply"]
    data: bytes
    detail: str


@dataclass
class UsKeyboard:
    """One scanner's keyboard. `key` is called for each key event, in order."""

    _held: set[int] = field(default_factory=set)
    _text: list[str] = field(default_factory=list)
    _alt_digits: str = ""
    _damage: str = ""

    @property
    def text(self) -> str:
        """The code as far as it has come."""
        return "".join(self._text)

    def key(self, code: int, value: int) -> Line | Refused | Damaged | None:
        """Take one key event in; return the code when it is complete."""
        if value == KEY_UP:
            self._held.discard(code)
            if code in _ALT:
                self._end_alt()
            return None
        if value != KEY_DOWN:
            return None
        self._held.add(code)
        if code in _ENTER:
            return self._end()
        if code not in (*_SHIFT, *_CONTROL, *_ALT, *_SILENT):
            self._press(code)
        return None

    def lost(self) -> None:
        """Events were lost (SYN_DROPPED): what has come of the code can't be trusted, nor which keys are held."""
        self._held.clear()
        self._damage = self._damage or "key events were lost: scan again"

    def give_up(self) -> Refused | None:
        """Give half a code up; return what there was of it."""
        text, damaged = self._reset()
        return Refused("incomplete_scan", text.encode()) if text or damaged else None

    def _press(self, code: int) -> None:
        if any(alt in self._held for alt in _ALT):
            if code in _PAD:
                self._alt_digits += _PAD[code]
            else:
                self._unknown(code)
            return
        shifted = any(shift in self._held for shift in _SHIFT)
        char = _PAD.get(code) or (_SHIFTED if shifted else _PLAIN).get(code)
        if code == _F8:
            char = _GS
        elif char is not None and any(control in self._held for control in _CONTROL):
            char = _control_character(char)
        if char is None:
            self._unknown(code)
        else:
            self._append(char)

    def _append(self, char: str) -> None:
        # An endless code stops growing one character past the limit, and is refused when it ends.
        if len(self._text) <= LINE_BYTES_MAX:
            self._text.append(char)

    def _unknown(self, code: int) -> None:
        mend = "set the scanner's keyboard country to US"
        self._damage = self._damage or f"key code {code} is none of a code on a US keyboard: {mend}"

    def _end_alt(self) -> None:
        digits, self._alt_digits = self._alt_digits, ""
        if not digits:
            return
        if int(digits) > _CODE_POINT_MAX:
            self._damage = self._damage or f"Alt+{digits} is no character: expected 0 to {_CODE_POINT_MAX}"
        else:
            self._append(chr(int(digits)))

    def _end(self) -> Line | Refused | Damaged | None:
        text, damage = self._reset()
        data = text.encode()
        if damage:
            return Damaged("bad_reply", data, damage)
        if len(data) > LINE_BYTES_MAX:
            return Refused("oversized_scan", data)
        return Line(data) if data else None

    def _reset(self) -> tuple[str, str]:
        text, damage = self.text, self._damage
        self._text.clear()
        self._damage = self._alt_digits = ""
        return text, damage


def _control_character(char: str) -> str | None:
    """The control character of Ctrl and a key: Ctrl+] is GS (ASCII: the low five bits of 0x40 to 0x5f)."""
    upper = char.upper()
    return chr(ord(upper) & 0x1F) if "@" <= upper <= "_" else None
