"""What a verified stocktake comes to: movements against `unexplained`, and a case for every difference left open.

A line is booked by its difference, never set to what was counted: stock moved on since. Serialised packs are booked one
by one where the count says which they are; where it does not, and the books would have packs without stock, the line is
a case. Nothing is booked below zero, nor twice: a line whose books were corrected after its count is a case too.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.stock import books, cases, locks
from gateway.stock.documents import line_id
from gateway.stock.errors import WorkNotFoundError
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.packs import PackKey
from gateway.stock.stocktake_lines import JudgedLine, LineKey, judged_lines, settle_counts
from inventory import stocktake as rules_of
from inventory.movement import MovementKind

UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Posted:
    """What a posting did."""

    movements: int
    cases: int


@dataclass(frozen=True)
class _PackThere:
    """A serialised pack that the books have in the place of a line."""

    units: int
    expiry_date: date | None
    moved_at: datetime


@dataclass(frozen=True)
class _PackElsewhere:
    """A pack that was scanned here and that the books have elsewhere by now."""

    account_id: str
    lot: str
    units: int
    moved_at: datetime


@dataclass
class _Plan:
    """One line's movements, or why there are none."""

    out: list[tuple[PackKey, int, date | None]] = field(default_factory=list)
    into: list[tuple[PackKey, int]] = field(default_factory=list)
    loose: int = 0
    """Base units into (positive) or out of (negative) the place that are no known pack."""
    cases: list[tuple[str, str]] = field(default_factory=list)
    """Code and detail."""

    @property
    def net(self) -> int:
        """By how much the balance changes."""
        return self.loose + sum(one[1] for one in self.into) - sum(one[1] for one in self.out)


def post(connection: Connection, stocktake_id: uuid.UUID, person: str, now: datetime, zone: ZoneInfo) -> Posted:
    """Book the differences and open the cases; told again, it answers with what it did.

    Raises:
        WorkNotFoundError: no such stocktake.
        StocktakeError: it is not verified, or a difference has changed since: reopen it and verify again.
    """
    with connection.transaction():
        # Nobody books meanwhile: a difference can't change between the comparison and the entry.
        locks.enter_alone(connection)
        row = connection.execute(
            "SELECT state, verified_by, number, submitted_by FROM stocktake WHERE stocktake_id = %s FOR UPDATE",
            (stocktake_id,),
        ).fetchone()
        if row is None:
            raise WorkNotFoundError("stocktake_unknown", f"no stocktake {stocktake_id}")
        state, verified_by, number, submitted_by = row
        if state == "posted":
            return _posted_before(connection, stocktake_id)
        lines = judged_lines(connection, stocktake_id)
        after = rules_of.post(
            state, [line.verified_variance for line in lines], [line.verdict.variance for line in lines]
        )
        document = _Document(connection, stocktake_id, number, submitted_by, verified_by, now, zone)
        posted = document.write(lines)
        connection.execute(
            "UPDATE stocktake SET state = %s, posted_by = %s, posted_at = %s WHERE stocktake_id = %s",
            (after, person, now, stocktake_id),
        )
        settle_counts(connection, stocktake_id)
    return posted


def _posted_before(connection: Connection, stocktake_id: uuid.UUID) -> Posted:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM movement WHERE document_id = %(id)s),"
        " (body ->> 'cases')::int FROM stock_document WHERE document_id = %(id)s",
        {"id": stocktake_id},
    ).fetchone()
    return Posted(int(row[0]), int(row[1])) if row else Posted(0, 0)


@dataclass
class _Document:
    connection: Connection
    stocktake_id: uuid.UUID
    number: str
    first_person: str
    second_person: str
    now: datetime
    zone: ZoneInfo

    def write(self, lines: list[JudgedLine]) -> Posted:
        """The document, its movements in one call of the books, and the cases."""
        packs = self._packs_there(lines)
        balances = self._balances(lines)
        strangers = _Strangers(self._units_of(lines), self._packs_elsewhere(lines))
        plans = {line.key: plan_line(line, balances[line.key], packs.get(line.key, {}), strangers) for line in lines}
        entries = [entry for key, plan in plans.items() for entry in self._entries(key, plan)]
        found = [(key, case) for key, plan in plans.items() for case in plan.cases]
        self._open_document(len(found))
        if entries:
            movements = [Line(line_id(self.stocktake_id, place), *entry) for place, entry in enumerate(entries, 1)]
            doing = Doing(
                occurred_at=self.now,
                received_at=self.now,
                client="api",
                person=self.first_person,
                second_person=self.second_person,
                document_id=self.stocktake_id,
                note=self.number,
                zone=self.zone,
            )
            # What is reserved or held is missing all the same if it is not there.
            books.book(self.connection, doing, movements, guard=False)
        for key, (code, detail) in found:
            text = f"{self.number}: {key.account_id}, product {key.product_id}, lot {key.lot!r}: {detail}"
            cases.open_case(self.connection, self.now, code, text, product_id=key.product_id, lot=key.lot)
        self._note_booked(plans)
        return Posted(len(entries), len(found))

    def _open_document(self, case_count: int) -> None:
        self.connection.execute(
            "INSERT INTO stock_document (document_id, number, kind, state, content_sha256, body, occurred_at,"
            " created_at, created_by, second_person, second_at, closed_at)"
            " SELECT %s, %s, 'count', 'posted', content_sha256, %s, %s, %s, %s, %s, verified_at, %s FROM stocktake"
            " WHERE stocktake_id = %s",
            (
                *(self.stocktake_id, self.number, Jsonb({"cases": case_count}), self.now, self.now),
                *(self.first_person, self.second_person, self.now, self.stocktake_id),
            ),
        )

    def _entries(self, key: LineKey, plan: _Plan) -> Iterator[tuple[MovementKind, Goods, str, str]]:
        for (gtin, serial_number), units, expiry_date in plan.out:
            goods = Goods(key.product_id, key.lot, expiry_date, units, gtin, serial_number)
            yield "count_out", goods, key.account_id, UNEXPLAINED
        for (gtin, serial_number), units in plan.into:
            goods = Goods(key.product_id, key.lot, None, units, gtin, serial_number)
            yield "count_in", goods, UNEXPLAINED, key.account_id
        if plan.loose < 0:
            yield "count_out", Goods(key.product_id, key.lot, None, -plan.loose), key.account_id, UNEXPLAINED
        if plan.loose > 0:
            yield "count_in", Goods(key.product_id, key.lot, None, plan.loose), UNEXPLAINED, key.account_id

    def _note_booked(self, plans: dict[LineKey, _Plan]) -> None:
        booked = {key: plan.net for key, plan in plans.items() if plan.loose or plan.into or plan.out}
        keys = list(booked)
        self.connection.execute(
            "UPDATE stocktake_line l SET booked_variance = v.variance"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS v (a, p, l, variance)"
            " WHERE stocktake_id = %s AND l.account_id = v.a AND l.product_id = v.p AND l.lot = v.l",
            (*([key[part] for key in keys] for part in range(3)), [booked[key] for key in keys], self.stocktake_id),
        )

    def _packs_there(self, lines: list[JudgedLine]) -> dict[LineKey, dict[PackKey, _PackThere]]:
        rows = self.connection.execute(
            "SELECT k.a, k.p, k.l, pack.gtin, pack.serial_number, pack.units, pack.expiry_date, movement.occurred_at"
            " FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (a, p, l)"
            " JOIN pack ON pack.account_id = k.a AND pack.product_id = k.p AND pack.lot = k.l AND pack.units > 0"
            " JOIN movement ON movement_id = last_movement_id ORDER BY pack.gtin, pack.serial_number",
            tuple([line.key[part] for line in lines] for part in range(3)),
        )
        there: dict[LineKey, dict[PackKey, _PackThere]] = {}
        for row in rows:
            there.setdefault(LineKey(*row[:3]), {})[row[3], row[4]] = _PackThere(*row[5:])
        return there

    def _balances(self, lines: list[JudgedLine]) -> dict[LineKey, int]:
        rows = self.connection.execute(
            "SELECT b.account_id, b.product_id, b.lot, b.quantity FROM stock_balance b"
            " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS k (a, p, l)"
            " ON b.account_id = k.a AND b.product_id = k.p AND b.lot = k.l",
            tuple([line.key[part] for line in lines] for part in range(3)),
        )
        found = {LineKey(*row[:3]): int(row[3]) for row in rows}
        return {line.key: found.get(line.key, 0) for line in lines}

    def _units_of(self, lines: list[JudgedLine]) -> dict[str, int]:
        gtins = sorted({gtin for line in lines for gtin, _ in line.packs or ()})
        rows = self.connection.execute("SELECT gtin, units FROM trade_item WHERE gtin = ANY(%s)", (gtins,))
        return {str(row[0]): int(row[1]) for row in rows}

    def _packs_elsewhere(self, lines: list[JudgedLine]) -> dict[PackKey, _PackElsewhere]:
        scanned = sorted({pack for line in lines for pack in line.packs or ()})
        rows = self.connection.execute(
            "SELECT pack.gtin, pack.serial_number, pack.account_id, pack.lot, pack.units, movement.occurred_at"
            " FROM unnest(%s::text[], %s::text[]) AS k (g, s)"
            " JOIN pack ON pack.gtin = k.g AND pack.serial_number = k.s"
            " JOIN movement ON movement_id = last_movement_id",
            ([pack[0] for pack in scanned], [pack[1] for pack in scanned]),
        )
        return {(str(row[0]), str(row[1])): _PackElsewhere(*row[2:]) for row in rows}


@dataclass(frozen=True)
class _Strangers:
    """What is known of packs that were scanned where the books do not have them."""

    units_of: dict[str, int]
    """Base units of a whole pack, by GTIN."""
    elsewhere: dict[PackKey, _PackElsewhere]


def plan_line(line: JudgedLine, balance: int, packs: dict[PackKey, _PackThere], strangers: _Strangers) -> _Plan:
    """What to book of a line: its missing packs, its found packs, and the rest loose."""
    variance = line.verdict.variance
    if variance is None:
        return _Plan(cases=list(_case_of_unsettled(line, balance)))
    if line.corrected_since and variance:
        text = f"a difference of {variance}, but the books were corrected after the count: see whether by that already"
        return _Plan(cases=[("corrected_since_count", text)])
    plan, elsewhere = _Plan(), 0
    if line.packs is not None:
        counted_at, scanned = line.counts[-1].counted_at, set(line.packs)
        missing = [key for key, pack in packs.items() if key not in scanned and pack.moved_at <= counted_at]
        plan.out = [(key, packs[key].units, packs[key].expiry_date) for key in missing]
        for key in sorted(scanned - packs.keys()):
            known = strangers.elsewhere.get(key)
            if known is None:
                plan.into.append((key, strangers.units_of[key[0]]))
            elif known.moved_at <= counted_at:
                elsewhere += known.units
                where = f"{known.account_id}, lot {known.lot!r}"
                text = f"pack {key[1]!r} was scanned here, the books have it at {where}: move it"
                plan.cases.append(("counted_elsewhere", text))
    plan.loose = variance - elsewhere - plan.net
    return _refuse_what_the_books_cannot_take(plan, balance, sum(pack.units for pack in packs.values()))


def _case_of_unsettled(line: JudgedLine, balance: int) -> Iterator[tuple[str, str]]:
    if line.verdict.verdict != "uncounted":
        yield "count_disputed", line.verdict.text
    elif balance:
        yield "not_counted", f"nobody counted it; the books have {balance}"


def _refuse_what_the_books_cannot_take(plan: _Plan, balance: int, units_in_packs: int) -> _Plan:
    if balance + plan.net < 0:
        text = f"a difference of {plan.net}, but the books have {balance} by now: count it again"
        return _Plan(cases=[*plan.cases, ("count_below_zero", text)])
    loose_there = balance - units_in_packs
    if plan.loose < 0 and loose_there + plan.loose < 0:
        text = (
            f"{-plan.loose} base units are missing, and {loose_there} stand loose: which of the serialised packs is it?"
            " Scan each of them"
        )
        return _Plan(cases=[*plan.cases, ("which_pack_is_missing", text)])
    return plan
