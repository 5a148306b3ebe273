"""What the hospital decided about a scanning device, and how its codes are read."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from gateway.db.pool import Connection
from inventory.element_string import GS
from inventory.parsed_scan import ParsedScan
from inventory.problem import Problem
from inventory.scan import parse_scan
from inventory.separator_guess import guess_separator

PERSONAL_KINDS: Final = frozenset({"cccd", "bhyt"})
"""Codes about a person, whose fields are parted by `|`."""


@dataclass(frozen=True)
class Device:
    """Place, purpose and settings, from the site file; as they are for a device that it does not mention."""

    place_id: str | None = None
    scan_action: str = "lookup"
    separator: str = GS
    """What the scanner sends in place of GS."""
    expects_lot: str = "by_product"
    """Whether a GTIN without a lot waits for the code with the lot: `always`, `never` or `by_product`."""
    join_within: timedelta = timedelta(seconds=20)
    """How far apart two codes of one pack may be scanned; 0: codes are never joined."""


def read_device(connection: Connection, device_key: int) -> Device:
    """The device's settings."""
    row = connection.execute(
        "SELECT place_id, scan_action, separator, expects_lot, make_interval(secs => join_within_s) FROM device"
        " WHERE device_key = %s",
        (device_key,),
    ).fetchone()
    return Device() if row is None else Device(*row)


def read_code(text: str, today: date, separator: str = GS) -> ParsedScan:
    """Read a code of a scanner that sends `separator` in place of GS.

    A code with a GS in it needs no substitute, and a person's card must be known as one whatever the substitute is. If
    the code only makes sense with another substitute, the findings begin with the setting that is missing.
    """
    parsed = parse_scan(text, today)
    if separator != GS and GS not in text and parsed.kind not in PERSONAL_KINDS:
        parsed = parse_scan(text, today, separator=separator)
    if parsed.kind in PERSONAL_KINDS or (parsed.valid and not parsed.has("separator_lost")):
        return parsed
    guess = guess_separator(text, today)
    if guess is None or guess == separator:
        return parsed
    hint = f"the scanner sends {guess!r} in place of FNC1: enter it as separator of this device in the site file"
    found = Problem("separator_lost", f"{hint}, or set the scanner to send GS (ASCII 29)")
    if parsed.valid:
        return replace(parsed, warnings=(found, *parsed.warnings))
    return replace(parsed, errors=(found, *parsed.errors))
