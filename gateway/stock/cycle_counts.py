"""Which products to count next: the dear and the dangerous ones more often, the longest uncounted first.

A product's class is by what lies there is worth (ABC analysis): the dearest that together make 80 % of the value are A,
up to 95 % B, the rest C; drugs under special control come before all of them. Each class has an interval, and what is
proposed is what is furthest beyond its own. The intervals are this program's, not a rule of law.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows

CountClass = Literal["controlled", "A", "B", "C"]
INTERVAL_DAYS: Final[dict[CountClass, int]] = {"controlled": 30, "A": 90, "B": 180, "C": 365}
_A_UP_TO, _B_UP_TO = Decimal("0.80"), Decimal("0.95")
_NEVER: Final = 10.0
"""Times of its interval that a product which was never counted is taken to be overdue."""
_OPEN_CASE: Final = 1.0
"""The same for a product of which a discrepancy is open."""


class StockToCount(Row):
    """A product that lies in the places, and what speaks for counting it."""

    product_id: str
    name_vi: str
    name_en: str
    control_class: str
    lots: int
    """Lots in places: so many lines are to be counted."""
    value_vnd: Decimal
    """Of what lies there, as far as costs are known."""
    counted_on: date | None
    """When it was last counted there; None: never."""
    open_cases: int


@dataclass(frozen=True)
class Proposed:
    """A product to be counted, and why."""

    stock: StockToCount
    count_class: CountClass
    days: int | None
    """Since it was counted; None: it never was."""
    urgency: float
    """Times of its interval; from 1 on it is due."""

    @property
    def is_due(self) -> bool:
        """Its interval is over."""
        return self.urgency >= 1


_STOCK: Final = (
    "SELECT p.product_id, p.name_vi, p.name_en, p.control_class, b.lots, b.value_vnd, c.counted_on,"
    " coalesce(d.open_cases, 0) AS open_cases FROM (SELECT b.product_id, count(*) AS lots,"
    " coalesce(sum(b.quantity * coalesce(l.unit_cost_vnd, p.unit_cost_vnd)), 0) AS value_vnd FROM stock_balance b"
    " JOIN product p USING (product_id) LEFT JOIN lot l ON l.product_id = b.product_id AND l.lot = b.lot"
    " WHERE b.account_id = ANY(%(accounts)s) AND b.quantity <> 0 GROUP BY 1) AS b JOIN product p USING (product_id)"
    " LEFT JOIN (SELECT k.product_id, (max(s.posted_at) AT TIME ZONE %(zone)s)::date AS counted_on"
    " FROM stocktake_line k JOIN stocktake s USING (stocktake_id) WHERE s.state = 'posted'"
    " AND k.account_id = ANY(%(accounts)s) AND k.verified_variance IS NOT NULL GROUP BY 1) AS c USING (product_id)"
    " LEFT JOIN (SELECT product_id, count(*) AS open_cases FROM discrepancy WHERE resolved_at IS NULL"
    " AND product_id IS NOT NULL GROUP BY 1) AS d USING (product_id)"
    " WHERE NOT EXISTS (SELECT FROM stocktake s JOIN stocktake_place a USING (stocktake_id)"
    " WHERE s.state NOT IN ('posted', 'cancelled') AND a.account_id = ANY(%(accounts)s)"
    " AND (s.product_ids IS NULL OR p.product_id = ANY(s.product_ids)))"
)


def propose(connection: Connection, accounts: Sequence[str], today: date, zone: str, limit: int = 20) -> list[Proposed]:
    """What lies in these places and nobody is counting there already, the most urgent first."""
    return ranked(all_rows(connection, StockToCount, _STOCK, {"accounts": list(accounts), "zone": zone}), today)[:limit]


def ranked(stock: Sequence[StockToCount], today: date) -> list[Proposed]:
    """The most urgent first; of equals the dearest."""
    whole = sum((one.value_vnd for one in stock), Decimal(0))
    proposed, before = [], Decimal(0)
    for one in sorted(stock, key=lambda one: (-one.value_vnd, one.product_id)):
        by_value: CountClass = "A" if before < whole * _A_UP_TO else "B" if before < whole * _B_UP_TO else "C"
        before += one.value_vnd
        count_class: CountClass = by_value if one.control_class == "none" else "controlled"
        days = None if one.counted_on is None else (today - one.counted_on).days
        urgency = _NEVER if days is None else days / INTERVAL_DAYS[count_class]
        proposed.append(Proposed(one, count_class, days, urgency + _OPEN_CASE * bool(one.open_cases)))
    proposed.sort(
        key=lambda one: (-one.urgency, one.count_class != "controlled", -one.stock.value_vnd, one.stock.product_id)
    )
    return proposed


def products_of_class(connection: Connection, storage_class: str) -> list[str]:
    """Codes of all products that are stored so."""
    rows = connection.execute(
        "SELECT product_id FROM product WHERE storage_class = %s AND retired_at IS NULL ORDER BY 1", (storage_class,)
    )
    return [str(row[0]) for row in rows]
