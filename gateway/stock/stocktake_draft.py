"""What a person has scanned while counting and not handed in yet: a pure reading of the scans, in their order.

Scans are kept one by one and never changed (table `stocktake_scan`), so a draft survives whatever happens to the
browser, the tablet or the server. `fold` says what they come to.

| scan | means |
|---|---|
| a code | one pack, case or base unit more of its line |
| `*3` | three of what was scanned last |
| `=120` | so many base units of the line of what was scanned last; `=0`: nothing is there |
| `#A24X`, `#2` | the lot of what was scanned last, or the second of those that were offered |
| `MT-UNDO` | take the last of these back |
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from gateway.stock.stocktake_lines import LineKey

ScanAct = Literal["add", "times", "set", "lot", "undo"]
ScanVerdict = Literal[
    "counted",
    "lot_missing",
    "scanned_again",
    "not_in_scope",
    "unknown_product",
    "unreadable",
    "doubtful",
    "no_product",
    "person",
    "transport_label",
    "lot_differs",
    "handed_in",
    "not_needed",
]
KEPT: Final = frozenset(get_args(ScanVerdict)) - {"counted", "scanned_again", "handed_in", "not_needed"}
"""What stands there, or was held before the scanner, and is in no line: shown until the stocktake is over."""


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Scan:
    """One row of `stocktake_scan`."""

    scan_id: uuid.UUID
    at: datetime
    text: str
    act: ScanAct
    about: uuid.UUID | None
    verdict: ScanVerdict
    detail: str
    account_id: str | None
    product_id: str | None
    lot: str | None
    gtin: str | None
    serial_number: str | None
    quantity: int | None


@dataclass
class DraftLine:
    """What the scans of one line come to."""

    key: LineKey
    quantity: int = 0
    """Base units."""
    packs: list[tuple[str, str]] | None = field(default_factory=list)
    """GTIN and serial number of each; None: not every one was scanned."""
    scans: int = 0
    at: datetime = _LONG_AGO
    """Of the last scan: the line is compared with what the books have at this instant."""


@dataclass(frozen=True)
class Draft:
    """What the scans of one person come to."""

    lines: tuple[DraftLine, ...]
    """The line that was scanned last comes first."""
    kept: tuple[Scan, ...]
    """In no line, the newest first."""
    waiting_for_lot: tuple[Scan, ...]
    """Counted as soon as somebody says the lot, the newest first."""
    newest: Scan | None
    """Of what counts: what `*`, `=` and `#` are about."""
    to_take_back: Scan | None
    """What `MT-UNDO` is about."""
    packs: frozenset[tuple[str, str]]
    """GTIN and serial number of every pack in it: none counts twice."""


def fold(scans: Sequence[Scan]) -> Draft:
    """In the order in which they were scanned."""
    undone = {scan.about for scan in scans if scan.act == "undo"}
    left = [scan for scan in scans if scan.act != "undo" and scan.scan_id not in undone]
    acts = {scan.scan_id for scan in left}
    # What was said of a scan that was taken back is about nothing any more.
    left = [scan for scan in left if scan.about is None or scan.about in acts]
    times = {scan.about: scan.quantity or 0 for scan in left if scan.act == "times"}
    lots = {scan.about: scan for scan in left if scan.act == "lot" and scan.verdict == "counted"}
    lines: dict[LineKey, DraftLine] = {}
    kept, waiting, newest = [], [], None
    for scan in left:
        if scan.act not in {"add", "set"}:
            continue
        lot = lots[scan.scan_id].lot if scan.scan_id in lots else scan.lot
        if scan.verdict == "lot_missing" and scan.scan_id not in lots:
            waiting.append(scan)
            newest = scan
        elif scan.verdict in {"counted", "lot_missing"}:
            key = LineKey(scan.account_id or "", scan.product_id or "", lot or "")
            lines[key] = _with(lines.pop(key, DraftLine(key)), scan, times.get(scan.scan_id, 1))
            newest = scan
        elif scan.verdict in KEPT:
            kept.append(scan)
    said = [scan for scan in left if scan.verdict in {"counted", "lot_missing"} or scan.verdict in KEPT]
    return Draft(
        lines=tuple(reversed(lines.values())),
        kept=tuple(reversed(kept)),
        waiting_for_lot=tuple(reversed(waiting)),
        newest=newest,
        packs=frozenset(
            (scan.gtin, scan.serial_number)
            for scan in left
            if scan.gtin and scan.serial_number and scan.verdict in {"counted", "lot_missing"}
        ),
        to_take_back=said[-1] if said else None,
    )


def _with(line: DraftLine, scan: Scan, times: int) -> DraftLine:
    """One more scan; the line then is the last of all."""
    line.scans += 1
    line.at = scan.at
    quantity = scan.quantity or 0
    if scan.act == "set":
        line.quantity, line.packs = quantity, None
        return line
    line.quantity += quantity * times
    if line.packs is None:
        return line
    if scan.gtin is None or scan.serial_number is None:
        line.packs = None
    else:
        line.packs.append((scan.gtin, scan.serial_number))
    return line
