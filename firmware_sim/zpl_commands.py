"""ZPL II as a printer reads it: a stream of bytes taken apart into commands with their parameters.

Source: ZPL II Programming Guide (Zebra P1099958): a command is a prefix (^ format, ~ control), two characters and
whatever follows up to the next prefix; ^A takes its font in the second character; carriage return and line feed
between commands mean nothing.
"""

from dataclasses import dataclass

_PREFIXES = b"^~"


@dataclass(frozen=True)
class Command:
    """One command."""

    name: str
    """Prefix and two letters, such as `^FO`; for ^A the font is in the parameters."""
    parameters: bytes
    """As sent, line ends at the end removed."""

    def numbers(self, *defaults: int) -> list[int]:
        """Comma-separated whole numbers; what is missing or none is taken from `defaults`."""
        parts = self.parameters.decode("ascii", "replace").split(",")
        found = [parts[place].strip() if place < len(parts) else "" for place in range(len(defaults))]
        return [int(text) if text.isdecimal() else default for text, default in zip(found, defaults, strict=True)]

    def texts(self, count: int) -> list[str]:
        """Comma-separated texts, empty where missing."""
        parts = self.parameters.decode("ascii", "replace").split(",")
        return [parts[place].strip() if place < len(parts) else "" for place in range(count)]


def split_commands(data: bytes) -> list[Command]:
    """All commands of a stream, in order; bytes before the first prefix are ignored, as a printer does."""
    commands: list[Command] = []
    position = next((place for place, byte in enumerate(data) if byte in _PREFIXES), len(data))
    while position < len(data):
        following = position + 1
        while following < len(data) and data[following] not in _PREFIXES:
            following += 1
        commands.append(_command(data[position:following]))
        position = following
    return commands


def _command(raw: bytes) -> Command:
    body = raw.rstrip(b"\r\n")
    length = 2 if body[1:2] == b"A" and body[2:3] not in b"@" else 3  # ^A0N,30,30: the font letter is a parameter
    return Command(body[:length].decode("ascii", "replace").upper(), body[length:])


def decode_hexadecimal(data: bytes, indicator: bytes) -> bytes:
    """^FH: each `indicator` and two hexadecimal digits becomes that byte; anything else stays."""
    out = bytearray()
    place = 0
    while place < len(data):
        digits = data[place + 1 : place + 3]
        if data[place : place + 1] == indicator and len(digits) == 2 and _is_hexadecimal(digits):  # noqa: PLR2004
            out.append(int(digits, 16))
            place += 3
        else:
            out.append(data[place])
            place += 1
    return bytes(out)


def _is_hexadecimal(digits: bytes) -> bool:
    return all(byte in b"0123456789abcdefABCDEF" for byte in digits)
