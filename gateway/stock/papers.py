"""What is printed of issues and of stocktakes: data for `gateway.reports`, read from the books."""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.people.people import Reading
from gateway.reports.goods_documents import GoodsLine, IssueNote
from gateway.reports.stocktake_documents import CountedLine, SheetLine, StocktakeMinutes, StocktakeSheet
from gateway.stock.document_reads import MovementLine, document_head, movement_lines
from gateway.stock.errors import WorkRefusedError
from gateway.stock.stocktake_lines import JudgedLine, LineKey, head, judged_lines

NOTE_OF: Final[Mapping[str, frozenset[str]]] = {
    "issue": frozenset({"issue"}),
    "dispensing": frozenset({"dispense"}),
    "transfer": frozenset({"transfer_out"}),
    "return": frozenset({"return_out"}),
}
"""Of which documents a note of issue is printed: of what left a place, by the kind of its movements."""
_BLIND_STATES: Final = frozenset({"counting", "recounting", "cancelled"})


@dataclass(frozen=True)
class _Facts:
    """What a line of paper says of a lot besides numbers."""

    name_vi: str
    unit: str
    expiry_date: date | None
    unit_cost_vnd: Decimal | None


def issue_note(connection: Connection, document_id: uuid.UUID, zone: ZoneInfo, reading: Reading) -> IssueNote | None:
    """Of what left a place, also for the supplier; None if there is none of this id. A patient by number only.

    What was asked for and is short stands with the last lot of its product, or on a line of its own.
    """
    document = document_head(connection, document_id)
    if document is None or document.kind not in NOTE_OF:
        return None
    row: Any = connection.execute(
        "SELECT body -> 'results', patient_id, prescription_number FROM stock_document WHERE document_id = %s",
        (document_id,),
    ).fetchone()
    booked = [
        line
        for line in movement_lines(connection, document_id)
        if line.kind in NOTE_OF[document.kind] and not line.taken_back
    ]
    if not booked:
        return None
    patient = reading.one(connection, row[1])
    to_patient = " · ".join(text for text in (patient.patient_number if patient else None, row[2]) if text)
    return IssueNote(
        number=document.number,
        day=document.occurred_at.astimezone(zone).date(),
        receiver=document.to_name_vi or to_patient or document.supplier_name or "",
        reason=document.reason_vi or document.note,
        place=document.from_name_vi or "",
        lines=tuple(_goods_lines(connection, booked, {one["product_id"]: one["short"] for one in row[0] or []})),
    )


def _goods_lines(connection: Connection, booked: list[MovementLine], short: dict[str, int]) -> list[GoodsLine]:
    totals: Counter[tuple[str, str]] = Counter()
    for line in booked:
        totals[line.product_id, line.lot] += line.quantity
    known = {(line.product_id, line.lot): line for line in booked}
    last = dict(sorted(totals))
    lines = []
    for (product_id, lot), quantity in sorted(totals.items()):
        line = known[product_id, lot]
        missing = short.get(product_id, 0) if last[product_id] == lot else 0
        facts = _Facts(line.name_vi, line.base_unit_vi, line.expiry_date, line.unit_cost_vnd)
        lines.append(_goods_line(product_id, lot, facts, asked=quantity + missing, real=quantity))
    nothing = sorted(product_id for product_id, missing in short.items() if missing and product_id not in last)
    named = _facts_of(connection, [(product_id, "") for product_id in nothing])
    lines += [_goods_line(one, "", named[one, ""], asked=short[one], real=0) for one in nothing]
    return lines


def _goods_line(product_id: str, lot: str, facts: _Facts, *, asked: int, real: int) -> GoodsLine:
    return GoodsLine(product_id, facts.name_vi, facts.unit, lot, facts.expiry_date, asked, real, _price(facts))


def _price(facts: _Facts) -> int | None:
    return None if facts.unit_cost_vnd is None else round(facts.unit_cost_vnd)


def stocktake_sheet(connection: Connection, stocktake_id: uuid.UUID) -> StocktakeSheet:
    """To count with, by hand and blind; while people recount, of what is to be counted again.

    Raises:
        WorkNotFoundError: there is no such stocktake.
    """
    found = head(connection, stocktake_id)
    lines = judged_lines(connection, stocktake_id)
    if found.state == "recounting":
        lines = [line for line in lines if line.verdict.verdict == "recount"]
    facts = _facts_of(connection, [(line.key.product_id, line.key.lot) for line in lines])
    names = _account_names(connection, found.accounts)
    return StocktakeSheet(
        number=found.number,
        place=", ".join(names.values()),
        lines=tuple(
            SheetLine(
                product_id=line.key.product_id,
                product_name=facts[line.key.product_id, line.key.lot].name_vi,
                unit=facts[line.key.product_id, line.key.lot].unit,
                lot=line.key.lot,
                expiry_date=facts[line.key.product_id, line.key.lot].expiry_date,
                shelf=names.get(line.key.account_id, line.key.account_id),
            )
            for line in lines
        ),
    )


def stocktake_minutes(connection: Connection, stocktake_id: uuid.UUID, zone: ZoneInfo) -> StocktakeMinutes:
    """What was expected and found at each last count, for signatures.

    Raises:
        WorkNotFoundError: there is no such stocktake.
        WorkRefusedError: people are still counting, and must not see what is expected.
    """
    found = head(connection, stocktake_id)
    if found.state in _BLIND_STATES:
        message = f"stocktake {found.number} is {found.state}: its minutes can be printed once it is counted"
        raise WorkRefusedError("not_counted_yet", message, number=found.number, state=found.state)
    lines = judged_lines(connection, stocktake_id)
    counted = [line for line in lines if line.counts]
    reasons = _reasons(connection, stocktake_id)
    facts = _facts_of(connection, [(line.key.product_id, line.key.lot) for line in counted])
    ended_at = found.posted_at or max((line.counts[-1].counted_at for line in counted), default=found.frozen_at)
    names = _names(connection)
    people = sorted({names.get(count.counted_by, count.counted_by) for line in counted for count in line.counts})
    verified_by = names.get(found.verified_by or "", found.verified_by or "")
    started_by = names.get(found.started_by, found.started_by)
    uncounted = len(lines) - len(counted)
    return StocktakeMinutes(
        number=found.number,
        place=", ".join(_account_names(connection, found.accounts).values()),
        started_at=found.frozen_at.astimezone(zone),
        ended_at=ended_at.astimezone(zone),
        committee=((started_by, "Người tổ chức kiểm kê"), *(((verified_by, "Người kiểm tra"),) if verified_by else ())),
        counted_by=", ".join(people),
        verified_by=verified_by,
        lines=tuple(
            _counted(line, facts[line.key.product_id, line.key.lot], reasons.get(line.key, "")) for line in counted
        ),
        conclusion=f"Còn {uncounted} dòng chưa được đếm." if uncounted else "",
    )


def _reasons(connection: Connection, stocktake_id: uuid.UUID) -> dict[LineKey, str]:
    """Why lines differ, as people have said."""
    rows = connection.execute(
        "SELECT account_id, product_id, lot, concat_ws(': ', r.name_vi, nullif(reason_note, '')) FROM stocktake_line"
        " JOIN reason r USING (reason_code) WHERE stocktake_id = %s",
        (stocktake_id,),
    )
    return {LineKey(*row[:3]): str(row[3]) for row in rows}


def _counted(line: JudgedLine, facts: _Facts, reason: str) -> CountedLine:
    last = line.counts[-1]
    return CountedLine(
        product_name=facts.name_vi,
        unit=facts.unit,
        lot=line.key.lot,
        expiry_date=facts.expiry_date,
        expected=last.expected,
        counted=last.quantity,
        unit_price_vnd=_price(facts),
        reason=reason,
    )


def _facts_of(connection: Connection, goods: list[tuple[str, str]]) -> dict[tuple[str, str], _Facts]:
    rows = connection.execute(
        "SELECT k.product_id, k.lot, p.name_vi, p.base_unit_vi, l.expiry_date,"
        " coalesce(l.unit_cost_vnd, p.unit_cost_vnd) FROM unnest(%s::text[], %s::text[]) AS k (product_id, lot)"
        " JOIN product p USING (product_id)"
        " LEFT JOIN lot l USING (product_id, lot)",
        ([product_id for product_id, _ in goods], [lot for _, lot in goods]),
    )
    return {(str(row[0]), str(row[1])): _Facts(*row[2:]) for row in rows}


def _account_names(connection: Connection, accounts: tuple[str, ...]) -> dict[str, str]:
    rows = connection.execute(
        "SELECT account_id, name_vi FROM stock_account JOIN place USING (place_id) WHERE account_id = ANY(%s)"
        " ORDER BY name_vi, account_id",
        (list(accounts),),
    )
    return {str(row[0]): str(row[1]) for row in rows}


def _names(connection: Connection) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in connection.execute("SELECT username, display_name FROM login_account")}
