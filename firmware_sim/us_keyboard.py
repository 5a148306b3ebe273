"""US keyboard layout: which keys a barcode scanner in keyboard mode presses for which character.

Source: linux/input-event-codes.h (key codes); USB HID Usage Tables 1.12, section 10 (US layout).
"""

from dataclasses import dataclass

KEY_ENTER = 28
KEY_LEFTCTRL = 29
KEY_LEFTSHIFT = 42
KEY_RIGHTBRACE = 27
KEY_F8 = 66
KEY_SPACE = 57

_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
)
"""First key code of a row, its characters, and the same keys with shift."""


@dataclass(frozen=True)
class KeyStroke:
    """One key, perhaps with a modifier held."""

    code: int
    modifier: int | None = None


def _layout() -> dict[str, KeyStroke]:
    strokes = {" ": KeyStroke(KEY_SPACE)}
    for first, plain, shifted in _ROWS:
        for offset, (lower, upper) in enumerate(zip(plain, shifted, strict=True)):
            strokes[lower] = KeyStroke(first + offset)
            strokes[upper] = KeyStroke(first + offset, KEY_LEFTSHIFT)
    return strokes


def strokes_of(text: str, group_separator: KeyStroke) -> list[KeyStroke]:
    """Key strokes that type `text`; GS (0x1D) becomes `group_separator`, as the scanner's setup says.

    Raises:
        ValueError: a character that a US keyboard does not have.
    """
    layout = _layout() | {"\x1d": group_separator}
    missing = [character for character in text if character not in layout]
    if missing:
        raise ValueError(f"a US keyboard cannot type {missing[0]!r}: scanners in keyboard mode deliver ASCII only")
    return [layout[character] for character in text]
