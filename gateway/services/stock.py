"""From a scanned code to stock: what a scan at this device means, and what the books say to it.

A scan tells what physically happened, perhaps hours ago and offline. It is never lost: where it contradicts the books,
the books follow it and a discrepancy case is opened; where it can't be booked at all, the case alone is opened. A code
that isn't understood is refused and touches nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from edge.contracts.observations import CodeScanned, NfcTagRead
from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services import scan_problems
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence
from gateway.services.pack_tags import note_nfc_tag
from gateway.services.scan_joining import join_with_earlier
from gateway.services.scan_problems import ScanProblem
from gateway.services.scanning_device import PERSONAL_KINDS, Device, read_code, read_device
from gateway.stock import books, cases, locks
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.operators import operator_at
from gateway.stock.own_labels import OwnLabel, last_account_of
from gateway.stock.packs import Pack, read_packs
from gateway.stock.scanned_goods import ScannedGoods, understand
from inventory.ledger import UNGUARDED_ACCOUNTS
from inventory.parsed_scan import ParsedScan

Outcome = Literal[
    "received", "issued", "looked_up", "repeated", "discrepancy", "refused", "waiting_for_second", "joined"
]


@dataclass(frozen=True)
class ScanResult:
    """What came of a scan."""

    outcome: Outcome
    reason: str = ""
    movement_id: UUID | None = None


class Stock:
    """The rules."""

    def __init__(self, zone: ZoneInfo) -> None:
        """`zone`: a pack expires at the end of a local day."""
        self._zone = zone

    def apply_code_scanned(self, connection: Connection, at: Occurrence, scan: CodeScanned) -> tuple[NewLiveEvent, ...]:
        """A barcode."""
        device = read_device(connection, at.device_key)
        return self._apply(connection, at, device, read_code(scan.text, self._today(at), device.separator))

    def apply_nfc_tag_read(self, connection: Connection, at: Occurrence, tag: NfcTagRead) -> tuple[NewLiveEvent, ...]:
        """An NFC tag: the first of its records that is a stock code, or the first record at all."""
        device = read_device(connection, at.device_key)
        texts = [record.text for record in tag.records if record.text] or [""]
        codes = [read_code(text, self._today(at), device.separator) for text in texts]
        code = next((each for each in codes if each.valid and each.gtin), codes[0])
        shown = self._apply(connection, at, device, code)
        note_nfc_tag(connection, at, tag.uid, code)
        return shown

    def _today(self, at: Occurrence) -> date:
        return at.occurred_at.astimezone(self._zone).date()

    def _apply(
        self, connection: Connection, at: Occurrence, device: Device, code: ParsedScan
    ) -> tuple[NewLiveEvent, ...]:
        pack = join_with_earlier(connection, at, device, code, self._zone)
        if pack.outcome is None:
            result = self._judge(connection, at, device, pack.parsed)
        else:
            result = ScanResult(pack.outcome, pack.reason)
        personal = code.kind in PERSONAL_KINDS
        connection.execute(
            "INSERT INTO scan (epoch_key, seq, occurred_at, received_at, device_key, text, kind, outcome, reason,"
            " parsed, movement_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(at.epoch_key, at.seq, at.occurred_at, at.received_at, at.device_key),
                "" if personal else storable(code.input),
                *(code.kind, result.outcome, storable(result.reason)),
                Jsonb({"kind": code.kind} if personal else storable(pack.parsed.to_json_dict())),
                result.movement_id,
            ),
        )
        payload = {
            "epoch_key": at.epoch_key,
            "seq": at.seq,
            "outcome": result.outcome,
            "movement_id": str(result.movement_id) if result.movement_id else None,
        }
        return (*pack.shown, NewLiveEvent("pharmacy", "scan", payload))

    def _judge(self, connection: Connection, at: Occurrence, device: Device, parsed: ParsedScan) -> ScanResult:
        found = understand(connection, parsed, self._today(at))
        if found.goods is not None and found.goods.label is not None:
            return self._judge_own_label(connection, at, device, found.goods.label)
        doubt = "; ".join(message for _, message in found.problems) if found.verdict == "doubtful" else ""
        missing = f"product {parsed.gtin} is not in the catalogue" if found.verdict == "unknown_product" else ""
        if found.goods is None and not doubt and not missing:
            return ScanResult("refused", _why_refused(parsed))
        if device.scan_action == "lookup":
            return ScanResult("looked_up", doubt or missing)
        if doubt or found.goods is None:
            # With the separator lost, the serial number may stand inside the lot: neither may be booked unseen.
            code, reason = ("doubtful_code", doubt) if doubt else ("unknown_product", missing)
            return _case(connection, at, code, reason if doubt else f"{reason}: enter it, then scan again")
        if device.place_id is None:
            return _without_place(connection, at)
        return self._book(connection, at, device, _as_the_code_says(found.goods, parsed))

    def _judge_own_label(self, connection: Connection, at: Occurrence, device: Device, label: OwnLabel) -> ScanResult:
        """A pack without GTIN. The books do not keep it as a pack: its own last scan says whether it was booked."""
        if device.scan_action == "lookup":
            return ScanResult("looked_up")
        if device.place_id is None:
            return _without_place(connection, at)
        locks.enter_alone(connection)
        here = books.place_account(connection, device.place_id)
        there = "dispensed" if device.scan_action == "issue" else here
        if last_account_of(connection, label) == there:
            return ScanResult("repeated", "this label was booked by an earlier scan already")
        return self._book(connection, at, device, label.goods)

    def _book(self, connection: Connection, at: Occurrence, device: Device, goods: Goods) -> ScanResult:
        locks.enter_alone(connection)
        here = books.place_account(connection, device.place_id or "")
        pack = None
        if goods.gtin is not None and goods.serial_number is not None:
            key = (goods.gtin, goods.serial_number)
            pack = read_packs(connection, [key]).get(key)
        if pack is not None:
            if goods.lot and goods.lot != pack.lot:
                reason = (
                    f"serial number {goods.serial_number!r}: the code says lot {goods.lot!r}, the books {pack.lot!r}"
                )
                return _case(connection, at, "lot_mismatch", reason)
            # A scan never blanks what is known; of an opened pack it moves what is left.
            goods = replace(
                goods,
                product_id=pack.product_id,
                lot=pack.lot,
                expiry_date=goods.expiry_date or pack.expiry_date,
                quantity=pack.units or goods.quantity,
            )
        if device.scan_action == "receive":
            return self._receive(connection, at, here, goods, pack)
        return self._issue(connection, at, here, goods, pack)

    def _receive(
        self, connection: Connection, at: Occurrence, here: str, goods: Goods, pack: Pack | None
    ) -> ScanResult:
        if pack is not None and pack.account_id == here:
            return ScanResult("repeated", "this pack was received here already")
        if pack is not None and pack.last_moved_at > at.occurred_at:
            return self._receive_late(connection, at, goods, pack)
        problems, lines = [], [Line(at.id_for("receive"), "receive", goods, "supplier", here)]
        if pack is not None:
            came = Line(at.id_for("found"), "found", goods, pack.account_id, here)
            reason = f"received here, but the books had it at {pack.account_id!r}: moved from there"
            lines = [*_shortage(connection, at, came), came]
            problems = [ScanProblem("booked_elsewhere", reason, lines[0].movement_id)]
        self._write(connection, at, lines)
        problems += scan_problems.against_receiving(connection, lines[-1], self._today(at))
        person = operator_at(connection, at.device_key, at.occurred_at)
        note = "" if pack is not None else scan_problems.quarantine(connection, at, lines[-1], person)
        done = ScanResult("received", note, lines[-1].movement_id)
        return _with_cases(connection, at, done, problems)

    def _receive_late(self, connection: Connection, at: Occurrence, goods: Goods, pack: Pack) -> ScanResult:
        """The receipt of a pack whose later life is booked already (its scanner was offline).

        If that life began with the pack being found unexplained, this explains it: the supplier's account pays back
        the unexplained one. The pack itself stays where its later movements left it.
        """
        found = connection.execute(
            "SELECT movement_id, quantity FROM movement WHERE gtin = %s AND serial_number = %s AND kind = 'found'"
            " AND from_account_id = 'unexplained'",
            (goods.gtin, goods.serial_number),
        ).fetchone()
        if found is not None and cases.settle_not_in_books(connection, found[0], "received late", at.received_at):
            whole = replace(goods, quantity=int(found[1]))
            line = Line(at.id_for("receive"), "receive", whole, "supplier", "unexplained", moves_pack=False)
            self._write(connection, at, [line])
            return ScanResult("received", "came late: the pack was already found and moved on", line.movement_id)
        reason = f"received before its last movement, which left it at {pack.account_id!r}: not booked again"
        return _case(connection, at, "out_of_order", reason)

    def _issue(self, connection: Connection, at: Occurrence, here: str, goods: Goods, pack: Pack | None) -> ScanResult:
        if pack is not None and pack.account_id == "dispensed":
            return ScanResult("repeated", "this pack was issued already")
        issue = Line(at.id_for("issue"), "issue", goods, here, "dispensed")
        lines, problems = _with_what_is_missing(connection, at, issue, pack)
        self._write(connection, at, lines)
        problems += scan_problems.against_issuing(connection, at, issue, self._today(at))
        return _with_cases(connection, at, ScanResult("issued", movement_id=issue.movement_id), problems)

    def _write(self, connection: Connection, at: Occurrence, lines: Sequence[Line]) -> None:
        doing = Doing(
            occurred_at=at.occurred_at,
            received_at=at.received_at,
            client="edge",
            person=operator_at(connection, at.device_key, at.occurred_at),
            device_key=at.device_key,
            epoch_key=at.epoch_key,
            seq=at.seq,
            zone=self._zone,
        )
        books.book(connection, doing, lines, guard=False)


def _without_place(connection: Connection, at: Occurrence) -> ScanResult:
    reason = f"scanner {at.device_id!r} stands in no place: give it one in the site file, then scan again"
    return _case(connection, at, "device_without_place", reason)


def _as_the_code_says(found: ScannedGoods, parsed: ParsedScan) -> Goods:
    """What the books know of the pack is added behind their gate."""
    units = found.units or 1
    return Goods(found.product_id, parsed.lot or "", parsed.expiry_date, units, parsed.gtin, parsed.serial_number)


def _why_refused(parsed: ParsedScan) -> str:
    """Why a code touches no stock, whatever the device is for."""
    if not parsed.valid:
        return "; ".join(problem.message for problem in parsed.errors)[:500]
    return f"a code of kind {parsed.kind} names no product"


def _on_hand(connection: Connection, account_id: str, goods: Goods) -> int:
    return books.availability(connection, account_id, goods.product_id, goods.lot).on_hand


def _shortage(connection: Connection, at: Occurrence, line: Line) -> list[Line]:
    """What the books lack of the goods where they are taken from: found there, as loose units of the lot."""
    short = line.goods.quantity - _on_hand(connection, line.from_account_id, line.goods)
    if short <= 0 or line.from_account_id in UNGUARDED_ACCOUNTS:
        return []
    loose = replace(line.goods, quantity=short, gtin=None, serial_number=None)
    return [Line(at.id_for("shortage"), "found", loose, "unexplained", line.from_account_id)]


def _with_what_is_missing(
    connection: Connection, at: Occurrence, issue: Line, pack: Pack | None
) -> tuple[list[Line], list[ScanProblem]]:
    """The issue, behind what makes it possible where the books have too little here, and why that needs explaining."""
    goods, here = issue.goods, issue.from_account_id
    if pack is not None and pack.account_id != here:
        found = Line(at.id_for("found"), "found", goods, pack.account_id, here)
        reason = f"issued here, but the books had it at {pack.account_id!r}: moved from there"
        problem = ScanProblem("booked_elsewhere", reason, found.movement_id)
        return [*_shortage(connection, at, found), found, issue], [problem]
    if pack is None and (goods.serial_number or _on_hand(connection, here, goods) < goods.quantity):
        found = Line(at.id_for("found"), "found", goods, "unexplained", here)
        reason = "issued here, but the books had none of it here: where did it come from?"
        return [found, issue], [ScanProblem("not_in_books", reason, found.movement_id)]
    short = _shortage(connection, at, issue)
    reason = "issued here, but its lot was already taken from stock here without its serial number"
    return [*short, issue], [ScanProblem("not_in_books", reason, line.movement_id) for line in short]


def _case(connection: Connection, at: Occurrence, code: str, reason: str) -> ScanResult:
    """Nothing can be booked; a person has to look."""
    _open_case(connection, at, code, reason, None)
    return ScanResult("discrepancy", reason)


def _with_cases(
    connection: Connection, at: Occurrence, done: ScanResult, problems: Sequence[ScanProblem]
) -> ScanResult:
    """The books follow what happened; a case for each thing that needs explaining."""
    for problem in problems:
        _open_case(connection, at, problem.code, problem.reason, problem.movement_id)
    if not problems:
        return done
    return ScanResult("discrepancy", "; ".join(problem.reason for problem in problems), done.movement_id)


def _open_case(connection: Connection, at: Occurrence, code: str, reason: str, movement_id: UUID | None) -> None:
    cases.open_case(
        connection, at.occurred_at, code, reason, movement_id=movement_id, epoch_key=at.epoch_key, seq=at.seq
    )
