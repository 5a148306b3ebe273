"""Consumption: what left some places for use, by day, week or month; how long the stock will last; what lies still.

What counts: units that went from a place of the set to a patient (`dispensed`) or to a ward outside the set, less what
came back from there. Issuing, dispensing, returning and taking back a movement are all told by the pair of accounts, so
that nothing is counted by its name. What is moved within the set, destroyed, counted or corrected is no consumption.

The present rate: consumption of the last `RATE_WEEKS` whole weeks (from Monday), by day; whole weeks, because a Sunday
is not a Monday. A product that came into these places later is judged by the days since then, at least
`RATE_DAYS_MIN`: a product of three days has no rate to plan by yet, and is reckoned slow rather than fast.
"""
# ruff: noqa: S608 - put together from our own words only

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from pydantic import computed_field

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows
from gateway.stock.series import Scope, day_begin, day_zone

Period = Literal["day", "week", "month"]
RATE_WEEKS: Final = 13
RATE_DAYS_MIN: Final = 14
SLOW_DAYS: Final = 90


class Consumed(Row):
    """Of one period. Below zero where more came back than went."""

    period_begin: date
    """A day, a Monday, or the first of a month."""
    to_wards: int
    """Base units."""
    to_patients: int

    @property
    def units(self) -> int:
        """Both."""
        return self.to_wards + self.to_patients


_USED: Final = (
    "account_id = ANY(%(inside)s) AND (other_account_id = 'dispensed' OR other_account_id = ANY(%(wards)s))"
    " AND bucket >= %(low)s AND bucket < %(high)s"
)
_BY_PERIOD: Final = (
    "SELECT date_trunc(%(period)s, bucket AT TIME ZONE stock_zone())::date AS period_begin,"
    " coalesce(-sum(quantity) FILTER (WHERE other_account_id <> 'dispensed'), 0)::bigint AS to_wards,"
    " coalesce(-sum(quantity) FILTER (WHERE other_account_id = 'dispensed'), 0)::bigint AS to_patients"
    f" FROM posting_day WHERE product_id = %(product)s AND {_USED} GROUP BY 1 ORDER BY 1"
)


def consumption(
    connection: Connection, scope: Scope, product_id: str, period: Period, *, days: tuple[date, date]
) -> list[Consumed]:
    """From the first to the last of `days`, both included; a period in which nothing went or came has no entry."""
    values = {
        **_accounts(scope),
        "product": product_id,
        "period": period,
        "low": day_begin(days[0], connection),
        "high": day_begin(days[1] + timedelta(days=1), connection),
    }
    return all_rows(connection, Consumed, _BY_PERIOD, values)


class Supply(Row):
    """A product on hand, and how long it lasts."""

    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    control_class: str
    on_hand: int
    """Base units in the set of places; what has expired is not counted."""
    expired: int
    """Base units that lie there expired."""
    next_expiry: date | None
    """The earliest of what is still usable."""
    value_vnd: Decimal
    """Of all that lies there, expired or not; by the lot's own cost, else the product's."""
    without_cost: int
    """Base units of which no cost is known: not in the value."""
    consumed: int
    """Base units in the rate's days."""
    rate_days: int
    last_consumed_on: date | None = None
    """Only where it is asked for."""

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own form
    @property
    def daily_rate(self) -> float:
        """Base units a day; never below zero."""
        return max(0, self.consumed) / self.rate_days

    @computed_field  # type: ignore[prop-decorator]
    @property
    def days_of_stock(self) -> float | None:
        """Days until the usable stock is gone at the present rate; None: nothing is consumed."""
        return self.on_hand / self.daily_rate if self.daily_rate > 0 else None


# What was used in the first week was there before; of the rest it is looked up since when it has been in these places.
# A lot without a cost of its own has the product's: multiplied once for each product, not for each balance.
_SUPPLY: Final = (
    "WITH there AS (SELECT b.product_id,"
    " coalesce(sum(b.quantity) FILTER (WHERE l.expiry_date IS NULL OR l.expiry_date >= %(today)s), 0)::bigint"
    " AS on_hand, coalesce(sum(b.quantity) FILTER (WHERE l.expiry_date < %(today)s), 0)::bigint AS expired,"
    " min(l.expiry_date) FILTER (WHERE l.expiry_date >= %(today)s) AS next_expiry,"
    " coalesce(sum(b.quantity * l.unit_cost_vnd), 0) AS lots_value,"
    " coalesce(sum(b.quantity) FILTER (WHERE l.unit_cost_vnd IS NULL), 0)::bigint AS lots_without"
    " FROM stock_balance b JOIN lot l USING (product_id, lot)"
    " WHERE b.quantity > 0 AND b.account_id = ANY(%(inside)s) GROUP BY 1),"
    # Nearly all that the weeks hold is asked for: the accounts are joined, not looked up for each product of a week.
    " used AS (SELECT product_id, (-sum(quantity))::bigint AS consumed, min(bucket) AS first FROM stock_use_week"
    " JOIN unnest(%(inside)s::text[]) AS i (account_id) USING (account_id)"
    " JOIN unnest(%(wards)s::text[] || 'dispensed'::text) AS o (other_account_id) USING (other_account_id)"
    " WHERE bucket >= %(low)s AND bucket < %(high)s GROUP BY 1),"
    " fresh AS MATERIALIZED (SELECT t.product_id, (SELECT min(f.bucket) FROM unnest(%(inside)s::text[]) AS a (account)"
    " CROSS JOIN LATERAL (SELECT d.bucket FROM posting_day d WHERE d.product_id = t.product_id"
    " AND d.account_id = a.account ORDER BY d.bucket LIMIT 1) AS f) AS since FROM there t LEFT JOIN used u"
    " USING (product_id) WHERE u.first IS NULL OR u.first > %(low)s)"
    " SELECT p.product_id, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, p.control_class, t.on_hand, t.expired,"
    " t.next_expiry, t.lots_value + t.lots_without * coalesce(p.unit_cost_vnd, 0) AS value_vnd,"
    " CASE WHEN p.unit_cost_vnd IS NULL THEN t.lots_without ELSE 0 END AS without_cost,"
    " coalesce(u.consumed, 0) AS consumed, greatest(%(days_min)s,"
    " least(%(days)s, coalesce(%(end)s - (f.since AT TIME ZONE stock_zone())::date, %(days)s))) AS rate_days"
    " FROM there t JOIN product p USING (product_id) LEFT JOIN used u USING (product_id)"
    " LEFT JOIN fresh f USING (product_id) ORDER BY p.name_vi, p.product_id"
)


def supply(connection: Connection, scope: Scope, today: date, *, rate_weeks: int = RATE_WEEKS) -> list[Supply]:
    """Every product that lies in the set of places, with its consumption of the last `rate_weeks` whole weeks."""
    monday = today - timedelta(days=today.weekday())
    return _supply(connection, scope, today, (monday - timedelta(weeks=rate_weeks), monday))


def _supply(connection: Connection, scope: Scope, today: date, span: tuple[date, date]) -> list[Supply]:
    """With the consumption from one Monday to the other, which is not counted."""
    begin, end = span
    values = {
        **_accounts(scope),
        "today": today,
        "low": day_begin(begin, connection),
        "high": day_begin(end, connection),
        "end": end,
        "days": (end - begin).days,
        "days_min": min(RATE_DAYS_MIN, (end - begin).days),
    }
    return all_rows(connection, Supply, _SUPPLY, values)


# Looked up by product and account, from the newest day back: only what has not moved lately gets here.
_LAST_USED: Final = (
    "SELECT k.p, (SELECT max(f.bucket) FROM unnest(%(inside)s::text[]) AS a (account) CROSS JOIN LATERAL"
    " (SELECT d.bucket FROM posting_day d WHERE d.product_id = k.p AND d.account_id = a.account AND d.units_out > 0"
    " AND (d.other_account_id = 'dispensed' OR d.other_account_id = ANY(%(wards)s))"
    " ORDER BY d.bucket DESC LIMIT 1) AS f) FROM unnest(%(products)s::text[]) AS k (p)"
)


def slow_movers(connection: Connection, scope: Scope, today: date, days: int = SLOW_DAYS) -> list[Supply]:
    """What lies there and was not used in the last `days` days, nor earlier in the week in which these begin.

    What is worth most first. A product that came within this time is not slow yet, and is left out.
    """
    first = today - timedelta(days=days)
    begin = first - timedelta(days=first.weekday())
    end = today + timedelta(days=7 - today.weekday())
    whole = (end - begin).days
    found = [
        one for one in _supply(connection, scope, today, (begin, end)) if one.consumed <= 0 and one.rate_days >= whole
    ]
    rows = connection.execute(_LAST_USED, {**_accounts(scope), "products": [one.product_id for one in found]})
    zone = day_zone(connection)
    last: dict[str, datetime | None] = {str(product): bucket for product, bucket in rows.fetchall()}
    dated = [
        one.model_copy(update={"last_consumed_on": at.astimezone(zone).date() if at else None})
        for one in found
        for at in [last.get(one.product_id)]
    ]
    return sorted(dated, key=lambda one: (-one.value_vnd, one.name_vi, one.product_id))


def _accounts(scope: Scope) -> dict[str, list[str]]:
    return {"inside": list(scope.inside), "wards": list(scope.wards)}
