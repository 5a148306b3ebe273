"""Counting with a scanner: each scan is kept as it comes, and what they come to is handed in at the end.

Nothing here says what the books have. A scan that can't be counted is kept too: what stands on a shelf and belongs to
no line is a finding.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock import stocktakes
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.stock.packs import read_packs
from gateway.stock.stocktake_draft import Draft, Scan, ScanAct, ScanVerdict, fold
from gateway.stock.stocktake_lines import LineKey, judged_lines, read_rules
from gateway.stock.stocktakes import CountedLine, HandIn, Outcome
from gateway.stock.work_scan import Reading, read_codes

BLIND_STATES: Final = frozenset({"counting", "recounting"})
UNDO: Final = "MT-UNDO"
_COMMAND: Final = re.compile(r"([*=])\s*([0-9]{1,9})")
_TEXT_MAX: Final = 4096


@dataclass(frozen=True)
class ScanGiven:
    """What a person scanned or typed."""

    scan_id: uuid.UUID
    """Made by the client: told again, it changes nothing."""
    stocktake_id: uuid.UUID
    person: str
    place_id: str
    """Where the person counts."""
    text: str
    at: datetime
    """When it was scanned, as far as that is known."""
    separator: str = "\x1d"


@dataclass(frozen=True)
class ScanTaken:
    """What became of it."""

    outcome: Literal["created", "exists"]
    scan: Scan
    draft: Draft
    by_another: bool = False
    """Somebody else has counted this line already: this is a second count of it."""


@dataclass(frozen=True)
class _Open:
    """A stocktake that people count."""

    stocktake_id: uuid.UUID
    state: str
    frozen_at: datetime
    product_ids: frozenset[str] | None


_SCANS: Final = (
    "SELECT scan_id, at, text, act, about, verdict, detail, account_id, product_id, lot, gtin, serial_number, quantity"
    " FROM stocktake_scan WHERE stocktake_id = %s AND person = %s AND request_id IS NULL ORDER BY scan_number"
)


def draft_of(connection: Connection, stocktake_id: uuid.UUID, person: str) -> Draft:
    """What this person has scanned and not handed in."""
    return fold(_scans(connection, stocktake_id, person))


def take_scan(connection: Connection, given: ScanGiven, today: date, now: datetime) -> ScanTaken:
    """Keep a scan.

    Raises:
        WorkNotFoundError: no such stocktake.
        WorkRefusedError: nobody counts now, the place is not part of it, or there is nothing that a word is about.
        WorkConflictError: the scan's id is known with another text.
    """

    def judged(stocktake: _Open, draft: Draft) -> Scan:
        return _Judge(connection, stocktake, given, draft, today, now).scan()

    return _take(connection, given, now, judged)


def count_line(connection: Connection, given: ScanGiven, key: LineKey, quantity: int, now: datetime) -> ScanTaken:
    """So many base units of this line stand there, by eye; `given.text` says it for people.

    Raises:
        WorkNotFoundError: no such stocktake.
        WorkRefusedError: nobody counts now, the line is not part of it, or this person has handed it in.
        WorkConflictError: the scan's id is known with another text.
    """

    def judged(stocktake: _Open, _draft: Draft) -> Scan:
        _refuse_other_lines(connection, stocktake, key)
        scan = _scan(stocktake, given, now, "set", account_id=key.account_id, product_id=key.product_id)
        return replace(scan, lot=key.lot, quantity=quantity)

    return _take(connection, given, now, judged)


def _take(connection: Connection, given: ScanGiven, now: datetime, judged: Callable[[_Open, Draft], Scan]) -> ScanTaken:
    """Keep what `judged` makes of it, once: the same id again is told what it was."""
    with connection.transaction():
        stocktake = _open(connection, given.stocktake_id)
        before = _scans(connection, given.stocktake_id, given.person)
        known = connection.execute("SELECT text FROM stocktake_scan WHERE scan_id = %s", (given.scan_id,)).fetchone()
        if known is not None:
            return _told_again(given, known[0], before)
        scan, by_another = _against_counts(connection, stocktake, given.person, judged(stocktake, fold(before)))
        _keep(connection, given, scan, now)
        return ScanTaken("created", scan, fold([*before, scan]), by_another)


def hand_in_draft(
    connection: Connection, stocktake_id: uuid.UUID, request_id: uuid.UUID, person: str, now: datetime
) -> Outcome:
    """What this person has scanned becomes counts; all or none.

    Raises:
        WorkNotFoundError: no such stocktake.
        WorkRefusedError: nothing is scanned, or a lot is missing.
        StocktakeError: it is too late, or somebody else must count a line.
    """
    with connection.transaction():
        connection.execute("SELECT FROM stocktake WHERE stocktake_id = %s FOR UPDATE", (stocktake_id,))
        known = connection.execute(
            "SELECT stocktake_id FROM stocktake_request WHERE request_id = %s", (request_id,)
        ).fetchone()
        if known is not None:
            return "exists"
        draft = draft_of(connection, stocktake_id, person)
        if draft.waiting_for_lot:
            message = f"{len(draft.waiting_for_lot)} scans have no lot yet: say it, or take them back"
            raise WorkRefusedError("scans_without_lot", message, count=len(draft.waiting_for_lot))
        if not draft.lines:
            raise WorkRefusedError("no_lines", "nothing is counted yet: scan what stands there")
        lines = tuple(
            CountedLine(*line.key, line.quantity, tuple(line.packs) if line.packs else None, min(line.at, now))
            for line in draft.lines
        )
        stocktakes.hand_in(connection, HandIn(request_id, stocktake_id, person, now, lines), now)
        connection.execute(
            "UPDATE stocktake_scan SET request_id = %s WHERE stocktake_id = %s AND person = %s AND request_id IS NULL",
            (request_id, stocktake_id, person),
        )
    return "created"


def lots_offered(connection: Connection, stocktake_id: uuid.UUID, scan: Scan) -> list[str]:
    """The lots of a product that this stocktake asks about where it was scanned, for a code that names none."""
    rows = connection.execute(
        "SELECT lot FROM stocktake_line WHERE stocktake_id = %s AND account_id = %s AND product_id = %s ORDER BY lot",
        (stocktake_id, scan.account_id, scan.product_id),
    )
    return [str(row[0]) for row in rows]


def _scans(connection: Connection, stocktake_id: uuid.UUID, person: str) -> list[Scan]:
    return [Scan(*row) for row in connection.execute(_SCANS, (stocktake_id, person))]


def _open(connection: Connection, stocktake_id: uuid.UUID) -> _Open:
    """Nobody hands in or finishes it while this scan is kept."""
    row = connection.execute(
        "SELECT stocktake_id, state, frozen_at, product_ids FROM stocktake WHERE stocktake_id = %s FOR KEY SHARE",
        (stocktake_id,),
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("stocktake_unknown", f"no stocktake {stocktake_id}")
    if row[1] not in BLIND_STATES:
        message = f"the stocktake is {row[1]}: nothing is counted any more"
        raise WorkRefusedError("stocktake_state", message, state=row[1])
    return _Open(row[0], row[1], row[2], None if row[3] is None else frozenset(row[3]))


def _told_again(given: ScanGiven, text: str, scans: Sequence[Scan]) -> ScanTaken:
    kept = next((scan for scan in scans if scan.scan_id == given.scan_id), None)
    if kept is None or (text and text != storable(given.text)):
        raise WorkConflictError("id_conflict", f"scan {given.scan_id} is known already: a new scan needs a new id")
    return ScanTaken("exists", kept, fold(scans))


def _refuse_other_lines(connection: Connection, stocktake: _Open, key: LineKey) -> None:
    row = connection.execute(
        "SELECT FROM stocktake_line WHERE stocktake_id = %s AND account_id = %s AND product_id = %s AND lot = %s",
        (stocktake.stocktake_id, *key),
    ).fetchone()
    if row is None:
        message = f"product {key.product_id!r} at {key.account_id!r} is not part of this stocktake: scan it instead"
        raise WorkRefusedError("not_in_stocktake", message, product=key.product_id, account=key.account_id)


def _scan(stocktake: _Open, given: ScanGiven, now: datetime, act: ScanAct, **more: Any) -> Scan:  # noqa: ANN401 - its fields
    """Of this moment; never before the stocktake began, never later than now."""
    at = max(stocktake.frozen_at, min(given.at, now))
    empty = dict.fromkeys(("about", "account_id", "product_id", "lot", "gtin", "serial_number", "quantity"))
    text = storable(given.text[:_TEXT_MAX])
    return Scan(given.scan_id, at, text, act, verdict="counted", detail="", **{**empty, **more})


def _lot_meant(text: str, offered: Sequence[str]) -> str:
    """As it is spelt in the books; a number is the place in the list, unless a lot is called so."""
    for lot in offered:
        if lot.casefold() == text.casefold():
            return lot
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(offered):
        return offered[int(text) - 1]
    return str(storable(text[:64]))


@dataclass(frozen=True)
class _Judge:
    """Says what one scan is about."""

    connection: Connection
    stocktake: _Open
    given: ScanGiven
    draft: Draft
    today: date
    now: datetime

    def scan(self) -> Scan:
        """As it is to be kept."""
        text = self.given.text.strip()
        if text.upper() == UNDO:
            if self.draft.to_take_back is None:
                raise WorkRefusedError("nothing_to_take_back", "nothing is scanned: there is nothing to take back")
            return self._new("undo", about=self.draft.to_take_back.scan_id)
        command = _COMMAND.fullmatch(text)
        if command is None and not text.startswith("#"):
            return self._goods()
        newest = self.draft.newest
        if newest is None:
            raise WorkRefusedError("scan_first", "a number or a lot is about the last scan: scan something first")
        if command is None:
            lot = _lot_meant(text[1:].strip(), lots_offered(self.connection, self.stocktake.stocktake_id, newest))
            facts = {"account_id": newest.account_id, "product_id": newest.product_id}
            return self._new("lot", about=newest.scan_id, lot=lot, **facts)
        return self._number(newest, command[1], int(command[2]))

    def _number(self, newest: Scan, sign: str, number: int) -> Scan:
        if sign == "*":
            if newest.serial_number or newest.act == "set":
                raise WorkRefusedError("only_one_pack", "a pack with a serial number stands there once: scan each pack")
            return self._new("times", about=newest.scan_id, quantity=number)
        if not self.draft.lines or newest in self.draft.waiting_for_lot:
            raise WorkRefusedError("lot_first", "the lot of the last scan is not known: say it first")
        return self._new("set", quantity=number, **self.draft.lines[0].key._asdict())

    def _new(self, act: ScanAct, **more: Any) -> Scan:  # noqa: ANN401 - fields of a scan
        return _scan(self.stocktake, self.given, self.now, act, **more)

    def _goods(self) -> Scan:
        account_id, text = f"place:{self.given.place_id}", self.given.text.strip()
        row = self.connection.execute(
            "SELECT FROM stocktake_place WHERE stocktake_id = %s AND account_id = %s",
            (self.stocktake.stocktake_id, storable(account_id)),
        ).fetchone()
        if row is None:
            message = f"{self.given.place_id!r} is not counted here: choose one of its places"
            raise WorkRefusedError("place_not_counted", message)
        reading = read_codes(self.connection, [text], self.today, self.now, separator=self.given.separator)
        if reading.article is None:
            verdict: ScanVerdict = "unreadable" if reading.verdict == "goods" else reading.verdict
            problems = "; ".join(message for _, message in reading.problems)
            scan = self._new("add", account_id=account_id, gtin=reading.gtin)
            # A person's card is nobody's business here: nothing of it is kept.
            kept = "" if verdict == "person" else scan.text
            return replace(scan, verdict=verdict, text=kept, detail=storable(problems[:500]))
        scan = self._new(
            "add",
            account_id=account_id,
            product_id=reading.article.product_id,
            lot=reading.lot,
            gtin=reading.gtin,
            serial_number=reading.serial_number,
            quantity=reading.units,
        )
        if scan.lot is None:
            lots = lots_offered(self.connection, self.stocktake.stocktake_id, scan)
            scan = replace(scan, lot=lots[0] if len(lots) == 1 else None)  # nothing else is asked about
        return replace(scan, verdict=self._verdict(scan, reading))

    def _verdict(self, scan: Scan, reading: Reading) -> ScanVerdict:
        if self.stocktake.product_ids is not None and scan.product_id not in self.stocktake.product_ids:
            return "not_in_scope"
        if scan.gtin is not None and scan.serial_number is not None:
            key = (scan.gtin, scan.serial_number)
            if key in self.draft.packs:
                return "scanned_again"
            pack = read_packs(self.connection, [key]).get(key)
            if pack is not None and reading.lot is not None and reading.lot != pack.lot:
                return "lot_differs"
        return "lot_missing" if scan.lot is None else "counted"


def _against_counts(connection: Connection, stocktake: _Open, person: str, scan: Scan) -> tuple[Scan, bool]:
    """What is handed in or settled takes no more; and whether somebody else has counted it before."""
    if scan.act not in {"add", "set", "lot"} or scan.verdict != "counted":
        return scan, False
    key = LineKey(scan.account_id or "", scan.product_id or "", scan.lot or "")
    found = judged_lines(connection, stocktake.stocktake_id, [key])
    if not found or not found[0].counts:
        return scan, False
    line, rules = found[0], read_rules(connection, stocktake.stocktake_id)
    alone = all(count.counted_by == person for count in line.counts)
    if alone and (rules.recount_by_another or line.is_controlled):
        return replace(scan, verdict="handed_in"), False
    if stocktake.state == "recounting" and line.verdict.verdict != "recount":
        return replace(scan, verdict="not_needed"), False
    return scan, not alone and stocktake.state == "counting"


def _keep(connection: Connection, given: ScanGiven, scan: Scan, now: datetime) -> None:
    connection.execute(
        "INSERT INTO stocktake_scan (scan_id, stocktake_id, person, at, received_at, text, act, about, verdict, detail,"
        " account_id, product_id, lot, gtin, serial_number, quantity)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(scan.scan_id, given.stocktake_id, given.person, scan.at, now, scan.text, scan.act, scan.about),
            *(scan.verdict, scan.detail, scan.account_id, scan.product_id, scan.lot, scan.gtin, scan.serial_number),
            scan.quantity,
        ),
    )
