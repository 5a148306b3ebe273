"""What a stocktake comes to by line, for those who verify it: frozen, moved meanwhile, counted, difference, money.

Nothing of it is for people who still count.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError
from gateway.stock.stocktake_lines import JudgedLine, LineKey, judged_lines

_BLIND: Final = frozenset({"counting", "recounting", "cancelled"})
_REASONS_TAKEN: Final = ("waiting_verification", "verified")


@dataclass(frozen=True)
class ReviewLine:
    """One lot in one place."""

    line: JudgedLine
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    expiry_date: date | None
    unit_cost_vnd: Decimal | None
    """Of the lot, else of the product; None: unknown, and then a difference has no value, which is not nothing."""
    reason_code: str | None
    reason_vi: str
    reason_en: str
    reason_note: str
    reason_by: str | None

    @property
    def counted(self) -> int | None:
        """Base units of the last count."""
        return self.line.counts[-1].quantity if self.line.counts else None

    @property
    def expected(self) -> int | None:
        """What the books have at the instant of the last count."""
        return self.line.counts[-1].expected if self.line.counts else None

    @property
    def moved(self) -> int | None:
        """Came (positive) or went between the freeze and the last count, by the books."""
        return None if self.expected is None else self.expected - self.line.frozen_quantity

    @property
    def variance(self) -> int | None:
        """Base units too much (positive) or too little; as booked, where it was; None: not settled."""
        return self.line.verdict.variance if self.line.verified_variance is None else self.line.verified_variance

    @property
    def value_vnd(self) -> Decimal | None:
        """Of the difference."""
        if self.variance is None or self.unit_cost_vnd is None:
            return None
        return self.variance * self.unit_cost_vnd

    @property
    def needs_a_look(self) -> bool:
        """It differs, or nobody can say whether."""
        return self.variance != 0


@dataclass(frozen=True)
class Review:
    """All lines with their sums."""

    lines: tuple[ReviewLine, ...]
    """Under special control first, then the dearest difference."""

    @property
    def differing(self) -> tuple[ReviewLine, ...]:
        """That need a look."""
        return tuple(line for line in self.lines if line.needs_a_look)

    @property
    def over_vnd(self) -> Decimal:
        """Worth of what is too much."""
        return sum((line.value_vnd for line in self.lines if line.value_vnd and line.value_vnd > 0), Decimal(0))

    @property
    def short_vnd(self) -> Decimal:
        """Worth of what is missing, as a positive number."""
        return sum((-line.value_vnd for line in self.lines if line.value_vnd and line.value_vnd < 0), Decimal(0))

    @property
    def without_cost(self) -> int:
        """Lines that differ and whose cost nobody knows."""
        return sum(bool(line.variance) and line.unit_cost_vnd is None for line in self.lines)

    @property
    def without_reason(self) -> int:
        """Lines that differ, or are disputed, and of which nobody has said why."""
        return sum(line.needs_a_look and bool(line.line.counts) and not line.reason_code for line in self.lines)

    @property
    def uncounted(self) -> int:
        """Lines that nobody has counted: they stay as they are."""
        return sum(not line.line.counts for line in self.lines)


_FACTS: Final = (
    "SELECT l.account_id, l.product_id, l.lot, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, lot.expiry_date,"
    " coalesce(lot.unit_cost_vnd, p.unit_cost_vnd), l.reason_code, coalesce(r.name_vi, ''), coalesce(r.name_en, ''),"
    " l.reason_note, l.reason_by FROM stocktake_line l JOIN product p USING (product_id)"
    " LEFT JOIN lot ON lot.product_id = l.product_id AND lot.lot = l.lot"
    " LEFT JOIN reason r USING (reason_code) WHERE l.stocktake_id = %s"
)


def review(connection: Connection, stocktake_id: uuid.UUID) -> Review:
    """What it comes to by now.

    Raises:
        WorkNotFoundError: no such stocktake.
        WorkRefusedError: people are still counting, and must not see what is expected.
    """
    state = _state(connection, stocktake_id)
    if state in _BLIND:
        raise WorkRefusedError("stocktake_state", f"the stocktake is {state}: people count blind", state=state)
    facts = {LineKey(*row[:3]): row[3:] for row in connection.execute(_FACTS, (stocktake_id,))}
    lines = [ReviewLine(line, *facts[line.key]) for line in judged_lines(connection, stocktake_id)]
    lines.sort(key=_weight)
    return Review(tuple(lines))


def _weight(one: ReviewLine) -> tuple[object, ...]:
    value = abs(one.value_vnd or Decimal(0))
    return (not one.needs_a_look, not one.line.is_controlled, -value, one.name_vi, one.line.key)


@dataclass(frozen=True)
class ReasonGiven:
    """Why a line differs, as a person says."""

    key: LineKey
    reason_code: str
    note: str = ""


def give_reasons(
    connection: Connection, stocktake_id: uuid.UUID, given: Sequence[ReasonGiven], person: str, now: datetime
) -> int:
    """Note them until the differences are booked; an empty code takes one back. How many have changed.

    Raises:
        WorkNotFoundError: no such stocktake.
        WorkRefusedError: people still count, or it is over; or there is no such reason.
    """
    state = _state(connection, stocktake_id)
    if state not in _REASONS_TAKEN:
        raise WorkRefusedError("stocktake_state", f"the stocktake is {state}: no reasons are noted now", state=state)
    codes = sorted({one.reason_code for one in given if one.reason_code})
    row = connection.execute(
        "SELECT c FROM unnest(%s::text[]) AS c WHERE NOT EXISTS (SELECT FROM reason"
        " WHERE reason_code = c AND applies_to = 'count') LIMIT 1",
        (codes,),
    ).fetchone()
    if row is not None:
        raise WorkRefusedError("reason_missing", f"there is no reason {row[0]!r} for a count: choose one of the list")
    changed = connection.execute(
        "UPDATE stocktake_line l SET reason_code = nullif(v.code, ''), reason_note = v.note, reason_by = %s,"
        " reason_at = %s FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
        " AS v (a, p, l, code, note) WHERE stocktake_id = %s AND l.account_id = v.a AND l.product_id = v.p"
        " AND l.lot = v.l AND (coalesce(l.reason_code, ''), l.reason_note) <> (v.code, v.note)",
        (
            *(person, now),
            *([one.key[part] for one in given] for part in range(3)),
            *([one.reason_code for one in given], [storable(one.note[:500]) for one in given], stocktake_id),
        ),
    )
    return changed.rowcount


def _state(connection: Connection, stocktake_id: uuid.UUID) -> str:
    row = connection.execute("SELECT state FROM stocktake WHERE stocktake_id = %s", (stocktake_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("stocktake_unknown", f"no stocktake {stocktake_id}")
    return str(row[0])
