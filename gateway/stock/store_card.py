"""The lines of a store card (thẻ kho): what came and went of a product in some places, with the balance carried.

A line is all that one document did on one day with one lot and one other side; what moves within the places is none.
Opening balance and lines come of one query, so that they are of one instant.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows
from gateway.stock.series import Scope, day_begin

LINES_MAX: Final = 2000
"""Of a card that is printed: longer periods are cut by whoever asks, or exported."""


class CardLine(Row):
    """One line."""

    day: date
    document_number: str | None
    kind: str
    """Of the movement."""
    other_account_id: str
    other_name_vi: str | None
    """Null: no place of ours."""
    other_name_en: str | None
    lot: str
    expiry_date: date | None
    units_in: int
    units_out: int


@dataclass(frozen=True)
class Card:
    """Lines in the order in which they happened."""

    first_day: date
    last_day: date
    opening: int
    """Base units at the first day's begin."""
    lines: tuple[CardLine, ...]
    complete: bool
    """False: there are more lines than were asked for, and the balance goes no further than the last of them."""


class _Line(Row):
    opening: int
    line: CardLine | None


_LINES: Final = """\
    WITH opening AS (SELECT coalesce(sum(quantity), 0)::bigint AS units FROM posting_day
        WHERE product_id = %(product)s AND account_id = ANY(%(inside)s) AND bucket < %(low)s),
    lines AS (SELECT (stock_day(p.occurred_at) AT TIME ZONE stock_zone())::date AS day, d.number AS document_number,
            m.kind, p.other_account_id, p.lot, sum(p.quantity) FILTER (WHERE p.quantity > 0) AS units_in,
            -sum(p.quantity) FILTER (WHERE p.quantity < 0) AS units_out, min(p.occurred_at) AS first_at
        FROM posting p JOIN movement m USING (movement_id) LEFT JOIN stock_document d USING (document_id)
        WHERE p.product_id = %(product)s AND p.account_id = ANY(%(inside)s) AND p.other_account_id <> ALL(%(inside)s)
          AND p.occurred_at >= %(low)s AND p.occurred_at < %(high)s
        GROUP BY 1, 2, 3, 4, 5, p.quantity > 0)
    SELECT o.units AS opening, CASE WHEN l.day IS NOT NULL THEN jsonb_build_object('day', l.day, 'document_number',
        l.document_number, 'kind', l.kind, 'other_account_id', l.other_account_id, 'other_name_vi', pl.name_vi,
        'other_name_en', pl.name_en, 'lot', l.lot, 'expiry_date', lot.expiry_date, 'units_in', coalesce(l.units_in, 0),
        'units_out', coalesce(l.units_out, 0)) END AS line
    FROM opening o LEFT JOIN lines l ON true LEFT JOIN stock_account a ON a.account_id = l.other_account_id
    LEFT JOIN place pl USING (place_id) LEFT JOIN lot ON lot.product_id = %(product)s AND lot.lot = l.lot
    ORDER BY l.first_at, l.document_number, l.lot, l.other_account_id LIMIT %(limit)s"""


def store_card_lines(
    connection: Connection, scope: Scope, product_id: str, days: tuple[date, date], *, limit: int = LINES_MAX
) -> Card:
    """From the first to the last of `days`, both included."""
    values = {
        "product": product_id,
        "inside": list(scope.inside),
        "low": day_begin(days[0], connection),
        "high": day_begin(days[1] + timedelta(days=1), connection),
        "limit": limit + 1,
    }
    rows = all_rows(connection, _Line, _LINES, values)
    lines = tuple(row.line for row in rows if row.line is not None)
    return Card(*days, rows[0].opening if rows else 0, lines[:limit], len(lines) <= limit)
