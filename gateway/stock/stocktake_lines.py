"""The lines of a stocktake with their counts, each compared with what the books have at its instant."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from gateway.db.pool import Connection
from gateway.stock.errors import WorkNotFoundError
from inventory.stocktake import Count, LineVerdict, Rules, judge_line

CORRECTING_KINDS: Final = ("adjust_in", "adjust_out", "count_in", "count_out", "found", "reverse")
"""Movements that change what the books say without anything being carried."""


class LineKey(NamedTuple):
    """One lot in one place."""

    account_id: str
    product_id: str
    lot: str


@dataclass(frozen=True)
class JudgedLine:
    """What is known of one line."""

    key: LineKey
    frozen_quantity: int
    is_controlled: bool
    was_expected: bool
    counts: tuple[Count, ...]
    """In the order they were made."""
    packs: tuple[tuple[str, str], ...] | None
    """Of the last count, if all of it was scanned."""
    verdict: LineVerdict
    verified_variance: int | None
    booked_variance: int | None
    corrected_since: bool
    """After the last count the books were corrected by other means: its difference may be booked already."""


def read_rules(connection: Connection, stocktake_id: uuid.UUID) -> Rules:
    """By which its counts are judged.

    Raises:
        WorkNotFoundError: no such stocktake.
    """
    row = connection.execute(
        "SELECT tolerance_units, tolerance_permille, counts_max, recount_by_another FROM stocktake"
        " WHERE stocktake_id = %s",
        (stocktake_id,),
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("stocktake_unknown", f"no stocktake {stocktake_id}")
    return Rules(*row)


def verdict_of(line: JudgedLine, rules: Rules) -> LineVerdict:
    """By other rules than it was read with."""
    return judge_line(line.counts, rules, is_controlled=line.is_controlled)


@dataclass(frozen=True)
class _Counted:
    count: Count
    packs: tuple[tuple[str, str], ...] | None
    corrected_since: bool


_LINES: Final = (
    "SELECT account_id, product_id, lot, frozen_quantity, is_controlled, was_expected, verified_variance,"
    " booked_variance FROM stocktake_line c WHERE stocktake_id = %(id)s"
    " AND (%(accounts)s::text[] IS NULL OR (c.account_id, c.product_id, c.lot) IN"
    " (SELECT * FROM unnest(%(accounts)s::text[], %(products)s::text[], %(lots)s::text[])))"
    ' ORDER BY account_id COLLATE "C", product_id COLLATE "C", lot COLLATE "C"'
)
# What the books have at the instant of a count: today's balance without what occurred after it, which is
# `inventory.stocktake.expected_at`. So a movement that is delivered late still counts where it belongs. What the
# stocktake itself has booked is never expected. Once the stocktake is over this is settled, and not asked again.
_SUMS: Final = (
    " coalesce(sum(CASE WHEN m.to_account_id = c.account_id THEN m.quantity ELSE -m.quantity END), 0)::bigint AS moved,"
    " coalesce(bool_or(m.kind = ANY(%(correcting)s) AND m.document_id IS DISTINCT FROM c.stocktake_id), false)"
    " AS corrected"
)
_AFTER: Final = (
    " m.product_id = c.product_id AND m.lot = c.lot AND m.occurred_at >= c.counted_at"
    " AND (m.occurred_at > c.counted_at OR m.document_id = c.stocktake_id)"
    " AND c.account_id IN (m.from_account_id, m.to_account_id) AND c.settled_expected IS NULL"
)
_COLUMNS: Final = (
    "SELECT c.account_id, c.product_id, c.lot, c.quantity, c.counted_by, c.counted_at,"
    " coalesce(c.settled_expected, coalesce(b.quantity, 0) - coalesce(later.moved, 0)) AS expected, c.packs,"
    " coalesce(c.settled_corrected, later.corrected, false) AS corrected, c.attempt"
    " FROM stocktake_count c LEFT JOIN stock_balance b USING (account_id, product_id, lot)"
)
# Of some lines each is looked up; of all, what moved since the first of them is read once.
_COUNTS_OF: Final = (
    f"{_COLUMNS} CROSS JOIN LATERAL (SELECT{_SUMS} FROM movement m WHERE{_AFTER}) AS later"  # noqa: S608 - our own words
    " WHERE c.stocktake_id = %(id)s AND (c.account_id, c.product_id, c.lot) IN"
    " (SELECT * FROM unnest(%(accounts)s::text[], %(products)s::text[], %(lots)s::text[])) ORDER BY c.attempt"
)
_COUNTS: Final = (
    "WITH recent AS MATERIALIZED (SELECT * FROM movement WHERE occurred_at >= (SELECT min(counted_at)"  # noqa: S608 - our own words
    " FROM stocktake_count WHERE stocktake_id = %(id)s AND settled_expected IS NULL)),"
    f" sums AS (SELECT c.account_id, c.product_id, c.lot, c.attempt,{_SUMS} FROM stocktake_count c JOIN recent m"
    f" ON{_AFTER} WHERE c.stocktake_id = %(id)s GROUP BY c.account_id, c.product_id, c.lot, c.attempt)"
    f" {_COLUMNS} LEFT JOIN sums later USING (account_id, product_id, lot, attempt)"
    " WHERE c.stocktake_id = %(id)s ORDER BY c.attempt"
)


_SETTLE: Final = (
    "UPDATE stocktake_count kept SET settled_expected = told.expected,"  # noqa: S608 - put together from our own words
    " settled_corrected = told.corrected FROM ("
    + _COUNTS
    + ") AS told WHERE kept.stocktake_id = %(id)s AND (kept.account_id, kept.product_id, kept.lot, kept.attempt)"
    " = (told.account_id, told.product_id, told.lot, told.attempt)"
)


def settle_counts(connection: Connection, stocktake_id: uuid.UUID) -> None:
    """The stocktake is over: what was expected of each count stays as it is now, whatever is told late."""
    connection.execute(_SETTLE, _values(stocktake_id, None))


def _values(stocktake_id: uuid.UUID, keys: Sequence[LineKey] | None) -> dict[str, Any]:
    """Of the queries: of all lines, or of these."""
    values: dict[str, Any] = {"id": stocktake_id, "correcting": list(CORRECTING_KINDS)}
    for place, name in enumerate(("accounts", "products", "lots")):
        values[name] = None if keys is None else [key[place] for key in keys]
    return values


def judged_lines(
    connection: Connection, stocktake_id: uuid.UUID, keys: Sequence[LineKey] | None = None
) -> list[JudgedLine]:
    """All lines as they are now, or only these, by place, product and lot.

    Raises:
        WorkNotFoundError: no such stocktake.
    """
    rules = read_rules(connection, stocktake_id)
    counted: dict[LineKey, list[_Counted]] = defaultdict(list)
    values = _values(stocktake_id, keys)
    for row in connection.execute(_COUNTS if keys is None else _COUNTS_OF, values, prepare=False):
        packs = None if row[7] is None else tuple((str(gtin), str(serial)) for gtin, serial in row[7])
        counted[LineKey(*row[:3])].append(_Counted(Count(int(row[3]), row[4], row[5], int(row[6])), packs, row[8]))
    lines = []
    for row in connection.execute(_LINES, values, prepare=False):
        key = LineKey(*row[:3])
        made = counted.get(key, [])
        counts = tuple(one.count for one in made)
        lines.append(
            JudgedLine(
                key=key,
                frozen_quantity=int(row[3]),
                is_controlled=row[4],
                was_expected=row[5],
                counts=counts,
                packs=made[-1].packs if made else None,
                verdict=judge_line(counts, rules, is_controlled=row[4]),
                verified_variance=row[6],
                booked_variance=row[7],
                corrected_since=bool(made) and made[-1].corrected_since,
            )
        )
    return lines


@dataclass(frozen=True)
class StocktakeHead:
    """A stocktake without its lines."""

    stocktake_id: uuid.UUID
    number: str
    state: str
    frozen_at: datetime
    started_by: str
    submitted_by: str | None
    verified_by: str | None
    posted_by: str | None
    posted_at: datetime | None
    note: str
    accounts: tuple[str, ...]
    lines: int


_HEADS: Final = (
    "SELECT s.stocktake_id, s.number, s.state, s.frozen_at, s.started_by, s.submitted_by, s.verified_by, s.posted_by,"
    " s.posted_at, s.note, ARRAY(SELECT account_id FROM stocktake_place p WHERE p.stocktake_id = s.stocktake_id"
    " ORDER BY 1), (SELECT count(*) FROM stocktake_line l WHERE l.stocktake_id = s.stocktake_id) FROM stocktake s"
)


def head(connection: Connection, stocktake_id: uuid.UUID) -> StocktakeHead:
    """One stocktake.

    Raises:
        WorkNotFoundError: no such stocktake.
    """
    row = connection.execute(f"{_HEADS} WHERE s.stocktake_id = %s", (stocktake_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("stocktake_unknown", f"no stocktake {stocktake_id}")
    return _head(row)


def heads(connection: Connection, limit: int) -> list[StocktakeHead]:
    """The latest first."""
    rows = connection.execute(f"{_HEADS} ORDER BY s.frozen_at DESC, s.number DESC LIMIT %s", (limit,))
    return [_head(row) for row in rows]


def _head(row: tuple[Any, ...]) -> StocktakeHead:
    values = dict(zip(StocktakeHead.__dataclass_fields__, row, strict=True))
    return StocktakeHead(**{**values, "accounts": tuple(values["accounts"])})
