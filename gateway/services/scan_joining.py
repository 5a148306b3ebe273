"""Several codes of one pack, scanned one after the other at one scanner: what waits, and what is judged together.

A code that says only half of a pack (a GTIN without its lot, a lot without its product) is neither booked nor refused:
it waits for the pack's other code. The state is in the table `scan` alone, so it outlives a restart; the order is that
of the stream, so frames that come late or twice end the same. Only a scanner's last scan can still be joined:

    half ──► waiting_for_second ──┬─ other code within `join_within_s`, device time ──► joined; the later scan is booked
                                  ├─ the scanner goes on with another pack ───────────► case `second_code_missing`
                                  └─ nothing came (`settle_overdue`, server time) ────► case `second_code_missing`

What stays alone moves nothing, because nobody knows its lot. That the other code did not come in time by the server's
clock says little, as the edge node may be offline: while the case is open, a code that was scanned in time still joins.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence
from gateway.services.scanning_device import Device, read_code
from gateway.stock import cases
from gateway.stock.packs import read_packs
from inventory.join import join_scans
from inventory.parsed_scan import ParsedScan

CASE: Final = "second_code_missing"
OVERDUE_GRACE: Final = timedelta(seconds=10)
"""What a frame needs from a scanner to here when nothing is wrong."""
_WORDS: Final = ("gtin", "lot", "expiry_date", "serial_number", "production_date")
"""What a code can say of a pack."""
_JUDGED: Final = frozenset({"received", "issued", "repeated", "discrepancy"})
_EARLIER: Final = (
    "s.epoch_key, s.seq, s.occurred_at, s.text, s.outcome, s.parsed, (SELECT c.resolved_at IS NULL"  # noqa: S608 - constants
    f" FROM discrepancy c WHERE c.epoch_key = s.epoch_key AND c.seq = s.seq AND c.code = '{CASE}')"
)


@dataclass(frozen=True)
class Joining:
    """A scan with what was scanned before it of the same pack."""

    parsed: ParsedScan
    """What all codes say together."""
    outcome: Literal["waiting_for_second", "repeated"] | None = None
    """None: it is a pack, to be judged."""
    reason: str = ""
    shown: tuple[NewLiveEvent, ...] = field(default=())
    """Scans whose waiting came to an end."""


@dataclass(frozen=True)
class _Earlier:
    """The last scan of the same scanner that was not refused."""

    epoch_key: int
    seq: int
    occurred_at: datetime
    text: str
    outcome: str
    said: dict[str, Any]
    """Its `parsed`: what it and those joined to it said."""
    case_is_open: bool | None
    """It waited, and by the server's clock for too long: whether its case is still open. None: it has none."""

    @property
    def may_be_joined(self) -> bool:
        """Nobody acted upon it yet."""
        return self.outcome == "waiting_for_second" or self.case_is_open is True

    @property
    def is_judged(self) -> bool:
        """It was a whole pack, or completed one."""
        return self.outcome in _JUDGED and self.case_is_open is None


def join_with_earlier(
    connection: Connection, at: Occurrence, device: Device, parsed: ParsedScan, zone: ZoneInfo
) -> Joining:
    """Join a code with what waits at its scanner, or let it wait. To be asked once for each scan, in their order."""
    if device.scan_action == "lookup" or not device.join_within or not _is_of_a_pack(parsed):
        return Joining(parsed)
    today = at.occurred_at.astimezone(zone).date()
    earlier = _read_earlier(connection, at)
    shown: tuple[NewLiveEvent, ...] = ()
    if earlier is not None:
        near = abs(at.occurred_at - earlier.occurred_at) <= device.join_within
        joined = _joined(connection, earlier, parsed, today, device) if near and earlier.may_be_joined else None
        if joined is not None and _take(connection, earlier, at):
            parsed = joined
        elif earlier.outcome == "waiting_for_second":
            shown = _settle(connection, earlier, device.join_within)
        elif near and _is_said(parsed, earlier, today, device) and not is_complete(connection, device, parsed):
            return Joining(parsed, "repeated", "this code belongs to the pack that was scanned just before")
    if is_complete(connection, device, parsed):
        return Joining(parsed, shown=shown)
    missing = "its lot" if parsed.gtin else "its product (GTIN)"
    return Joining(parsed, "waiting_for_second", f"{missing} is missing: scan the other code of the same pack", shown)


def is_complete(connection: Connection, device: Device, parsed: ParsedScan) -> bool:
    """Whether a code of a pack says enough to be judged, if only to become a case."""
    if parsed.gtin is None:
        return False
    if parsed.lot is not None or parsed.has("separator_lost") or device.place_id is None:
        return True
    if device.expects_lot == "never" or _is_known_pack(connection, parsed):
        return True
    item = connection.execute("SELECT product_id FROM trade_item WHERE gtin = %s", (parsed.gtin,)).fetchone()
    if item is None:
        return True
    return device.expects_lot == "by_product" and not _has_lots(connection, item[0])


def settle_overdue(connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
    """Open the cases of scans whose other code did not come; what pages shall show. In the caller's transaction.

    Two gateways may do it at once, and beside the ingest: a scan that somebody else has in hand is left to them.
    """
    rows = connection.execute(
        f"SELECT {_EARLIER}, make_interval(secs => d.join_within_s) FROM scan s JOIN device d USING (device_key)"  # noqa: S608 - constants
        " WHERE s.outcome = 'waiting_for_second'"
        " AND s.received_at + make_interval(secs => d.join_within_s) + %s < %s"
        " ORDER BY s.epoch_key, s.seq FOR UPDATE OF s SKIP LOCKED".encode(),
        (OVERDUE_GRACE, now),
    ).fetchall()
    return tuple(event for row in rows for event in _settle(connection, _Earlier(*row[:-1]), row[-1]))


def _is_of_a_pack(parsed: ParsedScan) -> bool:
    """A product's code, or a part that says something of a pack and no key of anything else."""
    if not parsed.valid:
        return False
    if parsed.gtin is not None:
        return True
    part = (parsed.lot, parsed.expiry_date, parsed.serial_number, parsed.production_date)
    return parsed.has("key_missing") and parsed.sscc is None and any(value is not None for value in part)


def _is_known_pack(connection: Connection, parsed: ParsedScan) -> bool:
    if parsed.gtin is None or parsed.serial_number is None:
        return False
    return bool(read_packs(connection, [(parsed.gtin, parsed.serial_number)]))


def _has_lots(connection: Connection, product_id: str) -> bool:
    """Unless all that the books know of a product is without a lot, its packs are expected to name one."""
    row = connection.execute(
        "SELECT coalesce(bool_or(lot <> ''), true) FROM lot WHERE product_id = %s", (product_id,)
    ).fetchone()
    return row is None or bool(row[0])


def _read_earlier(connection: Connection, at: Occurrence) -> _Earlier | None:
    row = connection.execute(
        f"SELECT {_EARLIER} FROM scan s WHERE s.device_key = %s AND s.epoch_key = %s AND s.seq < %s"  # noqa: S608 - constants
        " AND s.outcome <> 'refused' ORDER BY s.seq DESC LIMIT 1 FOR UPDATE OF s".encode(),
        (at.device_key, at.epoch_key, at.seq),
    ).fetchone()
    return None if row is None else _Earlier(*row)


def _joined(
    connection: Connection, earlier: _Earlier, parsed: ParsedScan, today: date, device: Device
) -> ParsedScan | None:
    """All codes of the pack together, or None if they are not of one pack."""
    texts = connection.execute(
        "SELECT text FROM scan WHERE epoch_key = %s AND (seq = %s OR joined_seq = %s) ORDER BY seq",
        (earlier.epoch_key, earlier.seq, earlier.seq),
    ).fetchall()
    # The same code scanned many times is one code.
    symbols = [read_code(text, today, device.separator) for text in dict.fromkeys(row[0] for row in texts)]
    if not all(_is_of_a_pack(symbol) for symbol in symbols):
        return None  # the separator's setting was changed meanwhile
    before = join_scans(symbols, today, complete=False)
    together = join_scans([*symbols, parsed], today, complete=False)
    return together if together.valid and _fit(before, parsed) else None


def _fit(before: ParsedScan, after: ParsedScan) -> bool:
    """Not contradicting each other is not enough: a whole pack does not belong to a part of another one.

    Where one of them names a product and a lot and the other no product, they have to share the lot.
    """
    if (before.gtin is None) == (after.gtin is None):
        return True
    whole, part = (before, after) if before.gtin is not None else (after, before)
    return whole.lot is None or whole.lot == part.lot


def _is_said(parsed: ParsedScan, earlier: _Earlier, today: date, device: Device) -> bool:
    """Whether an incomplete code is one more of the pack that was just judged, and not the first of the next one.

    It is, if it says nothing new, and is either the very code that completed the pack or stands beside a code that
    says all by itself. Otherwise a pack of the same lot may begin with it.
    """
    stated = parsed.to_json_dict()
    news = [word for word in _WORDS if stated[word] is not None and stated[word] != earlier.said.get(word)]
    if news or not earlier.is_judged:
        return False
    if parsed.input == earlier.text:
        return True
    alone = read_code(earlier.text, today, device.separator)
    return alone.gtin is not None and alone.lot is not None


def _take(connection: Connection, earlier: _Earlier, at: Occurrence) -> bool:
    """Make the earlier scans part of this one; False if a person has settled the case meanwhile."""
    if earlier.case_is_open:
        closed = connection.execute(
            "UPDATE discrepancy SET resolved_at = %s, resolved_by = 'late scan',"
            " resolution = 'the other code came late'"
            " WHERE epoch_key = %s AND seq = %s AND code = %s AND resolved_at IS NULL",
            (at.received_at, earlier.epoch_key, earlier.seq, CASE),
        )
        if closed.rowcount == 0:
            return False
    connection.execute(
        "UPDATE scan SET outcome = 'joined', joined_seq = %s, reason = ''"
        " WHERE epoch_key = %s AND (seq = %s OR joined_seq = %s)",
        (at.seq, earlier.epoch_key, earlier.seq, earlier.seq),
    )
    return True


def _settle(connection: Connection, earlier: _Earlier, within: timedelta) -> tuple[NewLiveEvent, ...]:
    """The other code did not come: a case, and nothing is moved."""
    named = ", ".join(f"{word} {earlier.said[word]}" for word in _WORDS if earlier.said.get(word) is not None)
    reason = (
        f"only {named} was scanned, and no other code of the pack within {within.total_seconds():.0f} s:"
        " nothing was booked; scan all codes of the pack again"
    )
    connection.execute(
        "UPDATE scan SET outcome = 'discrepancy', reason = %s WHERE epoch_key = %s AND seq = %s",
        (reason, earlier.epoch_key, earlier.seq),
    )
    cases.open_case(connection, earlier.occurred_at, CASE, reason, epoch_key=earlier.epoch_key, seq=earlier.seq)
    payload = {"epoch_key": earlier.epoch_key, "seq": earlier.seq, "outcome": "discrepancy", "movement_id": None}
    return (NewLiveEvent("pharmacy", "scan", payload),)
