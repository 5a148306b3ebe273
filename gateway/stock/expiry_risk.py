"""Expiry risk: units that won't be used before they expire, at the present rate, and what they cost.

Each product's lots are used one after the other, first expired first out, at the rate of `gateway.stock.consumption`.
A lot's turn comes when the ones before it are used up or have expired; what is left of it at the end of its last day is
at risk. Lots without an expiry date are used last and never at risk. What is held is not used meanwhile, so that other
lots have their turn; it is told apart, and is not in what is at risk: what becomes of it is not decided.

>>> lots = [LotThere("A", date(2026, 1, 10), 50, None), LotThere("B", date(2026, 1, 20), 200, None)]
>>> [round(units) for units in left_over(lots, 10.0, date(2026, 1, 1))]  # A lasts 5 days; B has 15 left
[0, 50]
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from math import ceil
from operator import itemgetter
from typing import Any, Final

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row
from gateway.stock.consumption import RATE_WEEKS, Supply, supply
from gateway.stock.series import Scope

HORIZON_DAYS: Final = 180
"""Lots that expire later are not listed: the rate says little about that far."""
_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class LotThere:
    """A lot in the set of places."""

    lot: str
    expiry_date: date | None
    """The last day of use."""
    quantity: int
    """Base units."""
    unit_cost_vnd: Decimal | None
    held: int = 0
    """Base units of it that may not be given out."""

    @property
    def usable(self) -> int:
        """Base units that are not held."""
        return self.quantity - self.held


class RiskLine(Row):
    """A lot that won't be used up in time, or of which something is held."""

    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    lot: str
    expiry_date: date
    days_left: int
    """Of use, today included; 0 or less: expired."""
    on_hand: int
    """Base units of this lot."""
    daily_rate: float
    """Of the product, base units a day."""
    units_at_risk: int
    """Base units; part of a unit counts as a whole one. What is held is none of them."""
    held: int
    """Base units of this lot that may not be given out."""
    unit_cost_vnd: Decimal | None
    """None: unknown; then the risk has no value, and is not nothing."""

    @property
    def value_vnd(self) -> Decimal | None:
        """Of what is at risk."""
        return None if self.unit_cost_vnd is None else self.units_at_risk * self.unit_cost_vnd

    @property
    def held_value_vnd(self) -> Decimal | None:
        """Of what is held."""
        return None if self.unit_cost_vnd is None else self.held * self.unit_cost_vnd


def left_over(lots: Sequence[LotThere], daily_rate: float, today: date) -> list[float]:
    """Of each lot, in the order given (the order of use), the usable base units that are left when it expires."""
    left, free_from = [], 0.0
    for lot in lots:
        if lot.expiry_date is None:
            left.append(0.0)
            continue
        days = (lot.expiry_date - today).days + 1
        used = min(float(lot.usable), daily_rate * max(0.0, days - free_from))
        left.append(lot.usable - used)
        if daily_rate > 0:
            free_from += used / daily_rate
    return left


# Of a lot in a place: all of it, or so many units and the packs that are held one by one. Later lots are used later,
# and change nothing for those within the horizon.
_LOTS: Final = (
    "WITH held AS MATERIALIZED (SELECT product_id, lot, sum(units)::bigint AS units FROM (SELECT b.product_id, b.lot,"
    " CASE WHEN bool_or(h.quantity IS NULL AND h.serial_number IS NULL) THEN b.quantity"
    " ELSE least(b.quantity, sum(coalesce(h.quantity, k.units, 0))) END AS units FROM stock_hold h JOIN stock_balance b"
    " ON b.product_id = h.product_id AND b.lot = coalesce(h.lot, b.lot)"
    " AND b.account_id = coalesce(h.account_id, b.account_id) LEFT JOIN pack k ON k.gtin = h.gtin"
    " AND k.serial_number = h.serial_number AND k.account_id = b.account_id AND k.lot = b.lot"
    " WHERE h.released_at IS NULL AND b.quantity > 0 AND b.account_id = ANY(%(inside)s)"
    " GROUP BY b.account_id, b.product_id, b.lot, b.quantity) AS each GROUP BY 1, 2)"
    " SELECT b.product_id, b.lot, l.expiry_date, sum(b.quantity)::bigint AS quantity,"
    " coalesce(l.unit_cost_vnd, p.unit_cost_vnd) AS unit_cost_vnd, coalesce(h.units, 0)::bigint AS held"
    " FROM stock_balance b JOIN lot l USING (product_id, lot) JOIN product p USING (product_id)"
    " LEFT JOIN held h USING (product_id, lot) WHERE b.quantity > 0 AND b.account_id = ANY(%(inside)s)"
    " AND l.expiry_date <= %(last_day)s"
    " GROUP BY b.product_id, b.lot, l.expiry_date, l.first_seen_at, 5, h.units"
    ' ORDER BY b.product_id COLLATE "C", l.expiry_date, l.first_seen_at, b.lot COLLATE "C"'
)


@dataclass(frozen=True)
class ExpiryRisk:
    """All lots at risk in a set of places, and those of which something is held."""

    lines: tuple[RiskLine, ...]
    """What is worth most at risk first; what has no known cost after that, by units."""

    @property
    def units(self) -> int:
        """Base units, of all products."""
        return sum(line.units_at_risk for line in self.lines)

    @property
    def value_vnd(self) -> Decimal:
        """As far as costs are known."""
        return sum((line.value_vnd for line in self.lines if line.value_vnd is not None), Decimal(0))

    @property
    def held_units(self) -> int:
        """Base units that are held, of all products."""
        return sum(line.held for line in self.lines)

    @property
    def held_value_vnd(self) -> Decimal:
        """As far as costs are known."""
        return sum((line.held_value_vnd for line in self.lines if line.held_value_vnd is not None), Decimal(0))

    @property
    def without_cost(self) -> int:
        """Lines whose cost is not known."""
        return sum(line.value_vnd is None for line in self.lines)


def expiry_risk(
    connection: Connection,
    scope: Scope,
    today: date,
    *,
    horizon_days: int = HORIZON_DAYS,
    rate_weeks: int = RATE_WEEKS,
) -> ExpiryRisk:
    """Lots that expire within the horizon, or have, and of which something will be left or is held."""
    last_day = today + timedelta(days=horizon_days)
    rows = connection.execute(_LOTS, {"inside": list(scope.inside), "last_day": last_day}, prepare=False).fetchall()
    products = {one.product_id: one for one in supply(connection, scope, today, rate_weeks=rate_weeks)}
    lines = [
        line
        for product_id, lots in groupby(rows, key=itemgetter(0))
        if product_id in products
        for line in _lines(products[product_id], lots, today)
    ]
    lines.sort(key=lambda line: (line.value_vnd is None, -(line.value_vnd or 0), -line.units_at_risk, line.product_id))
    return ExpiryRisk(tuple(lines))


def _lines(product: Supply, rows: Iterable[tuple[Any, ...]], today: date) -> Iterable[RiskLine]:
    lots = [LotThere(*row[1:]) for row in rows]
    for lot, units in zip(lots, left_over(lots, product.daily_rate, today), strict=True):
        at_risk = ceil(units - _ROUNDING)
        if lot.expiry_date is not None and (at_risk > 0 or lot.held):
            yield RiskLine(
                product_id=product.product_id,
                name_vi=product.name_vi,
                name_en=product.name_en,
                base_unit_vi=product.base_unit_vi,
                base_unit_en=product.base_unit_en,
                lot=lot.lot,
                expiry_date=lot.expiry_date,
                days_left=(lot.expiry_date - today).days + 1,
                on_hand=lot.quantity,
                daily_rate=product.daily_rate,
                units_at_risk=at_risk,
                held=lot.held,
                unit_cost_vnd=lot.unit_cost_vnd,
            )
