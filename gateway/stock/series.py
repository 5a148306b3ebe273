"""Stock over time: what stood where at any past moment, and how it went up and down day by day.

`posting` is the series of changes, `posting_day` its sums by the hospital's day; both have the same columns on either
engine. What stood at a moment is what stands now less what came since: the nearer the moment, the quicker. One query
is one snapshot of the books, so a movement that is entered meanwhile is in both or in none.
"""
# ruff: noqa: S608 - put together from our own words only

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic, sleep
from typing import Final, LiteralString
from zoneinfo import ZoneInfo

from gateway.db.engine import read_engine
from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock.verify_sql import SETTINGS

SETTLING_S: Final = 150.0
"""What came late is in TimescaleDB's sums after so long at most: its jobs run each minute, and take some time."""


@dataclass(frozen=True)
class Scope:
    """A set of places whose stock is looked at together."""

    place_id: str | None
    inside: tuple[str, ...]
    """Accounts of the set."""
    wards: tuple[str, ...]
    """Accounts of wards outside it: what goes there is used up, as far as these places are concerned."""


_SCOPE: Final = (
    "WITH RECURSIVE within AS (SELECT place_id, kind FROM place WHERE CASE WHEN %(place)s::text IS NULL"
    " THEN parent_place_id IS NULL AND kind <> 'ward' ELSE place_id = %(place)s END"
    " UNION ALL SELECT p.place_id, p.kind FROM within w JOIN place p ON p.parent_place_id = w.place_id"
    " WHERE %(place)s::text IS NOT NULL OR p.kind <> 'ward'), wards AS (SELECT place_id FROM place WHERE kind = 'ward'"
    " UNION SELECT p.place_id FROM wards w JOIN place p ON p.parent_place_id = w.place_id)"
    " SELECT account_id, place_id IN (SELECT place_id FROM within), place_id IN (SELECT place_id FROM wards)"
    " FROM stock_account WHERE place_id IS NOT NULL ORDER BY account_id"
)


def scope_of(connection: Connection, place_id: str | None = None) -> Scope:
    """A place with all that stands within it; without one, every place that is no ward and stands in none."""
    rows = connection.execute(_SCOPE, {"place": place_id}).fetchall()
    return Scope(
        place_id,
        tuple(str(account) for account, inside, _ward in rows if inside),
        tuple(str(account) for account, inside, ward in rows if ward and not inside),
    )


class StockThen(Row):
    """What stood of a lot in a place at a moment."""

    account_id: str
    product_id: str
    lot: str
    quantity: int
    """Base units."""


_AT: Final = (
    "SELECT account_id, product_id, lot, sum(quantity)::bigint AS quantity FROM ("
    "SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE {only}"
    " UNION ALL SELECT account_id, product_id, lot, -quantity FROM posting_day WHERE {only} AND bucket >= %(next_day)s"
    " UNION ALL SELECT account_id, product_id, lot, -quantity FROM posting WHERE {only}"
    " AND occurred_at > %(moment)s AND occurred_at < %(next_day)s) AS changes"
    " GROUP BY 1, 2, 3 HAVING sum(quantity) <> 0 ORDER BY 1, 2, 3 LIMIT %(limit)s"
)


def stock_at(
    connection: Connection,
    moment: datetime,
    *,
    accounts: Sequence[str],
    product_id: str | None = None,
    lot: str | None = None,
    limit: int = 5000,
) -> list[StockThen]:
    """What stood on these accounts, everything up to and at the moment counted, late entries too."""
    only: list[LiteralString] = ["account_id = ANY(%(accounts)s)"]
    if product_id is not None:
        only.append("product_id = %(product)s")
    if lot is not None:
        only.append("lot = %(lot)s")
    query = _AT.replace("{only}", " AND ".join(only))
    values = {
        "accounts": list(accounts),
        "product": product_id,
        "lot": lot,
        "moment": moment,
        "next_day": day_begin(moment.astimezone(day_zone(connection)).date() + timedelta(days=1), connection),
        "limit": limit,
    }
    return all_rows(connection, StockThen, query, values)


class DayChange(Row):
    """A day on which something came or went."""

    day: date
    units_in: int
    units_out: int
    closing: int
    """Base units at the day's end."""


@dataclass(frozen=True)
class Series:
    """Stock of a product in some places, day by day."""

    first_day: date
    last_day: date
    opening: int
    """Base units at the first day's begin."""
    changes: tuple[DayChange, ...]

    @property
    def closing(self) -> int:
        """At the last day's end."""
        return self.changes[-1].closing if self.changes else self.opening


# What moves between two places of the set neither comes nor goes.
_DAYS: Final = (
    "SELECT bucket, coalesce(sum(units_in) FILTER (WHERE other_account_id <> ALL(%(inside)s)), 0)::bigint,"
    " coalesce(sum(units_out) FILTER (WHERE other_account_id <> ALL(%(inside)s)), 0)::bigint, sum(quantity)::bigint"
    " FROM posting_day WHERE product_id = %(product)s AND account_id = ANY(%(inside)s) AND bucket >= %(low)s"
    " AND bucket < %(high)s GROUP BY bucket ORDER BY bucket"
)
_BEFORE: Final = (
    "SELECT coalesce(sum(quantity), 0)::bigint FROM posting_day WHERE product_id = %(product)s"
    " AND account_id = ANY(%(inside)s) AND bucket < %(low)s"
)


def stock_by_day(connection: Connection, scope: Scope, product_id: str, first_day: date, last_day: date) -> Series:
    """From the first to the last day, both included; days without a change have no entry."""
    zone = day_zone(connection)
    values = {
        "product": product_id,
        "inside": list(scope.inside),
        "low": _begin(first_day, zone),
        "high": _begin(last_day + timedelta(days=1), zone),
    }
    # Two queries, one snapshot: a movement in between would stand in one of them only.
    rows = connection.execute(
        f"SELECT NULL::timestamptz, 0, 0, ({_BEFORE}) UNION ALL ({_DAYS})".encode(),
        values,
    ).fetchall()
    opening = next(int(row[3]) for row in rows if row[0] is None)
    level, changes = opening, []
    for bucket, units_in, units_out, net in sorted((row for row in rows if row[0] is not None), key=lambda row: row[0]):
        level += int(net)
        if units_in or units_out:
            day = bucket.astimezone(zone).date()
            changes.append(DayChange(day=day, units_in=units_in, units_out=units_out, closing=level))
    return Series(first_day, last_day, opening, tuple(changes))


def day_zone(connection: Connection) -> ZoneInfo:
    """The zone of the day sums, as it was settled when the database got its tables."""
    row = connection.execute("SELECT stock_zone()").fetchone()
    return ZoneInfo(str(row[0]) if row else "Asia/Ho_Chi_Minh")


def day_begin(day: date, connection: Connection) -> datetime:
    """A day's first instant, in the zone of the day sums."""
    return _begin(day, day_zone(connection))


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


class DaySumProof(Row):
    """Whether the day sums are those of the postings."""

    postings: int
    day_sums: int
    differences: int
    """Sums that the postings do not give."""

    @property
    def ok(self) -> bool:
        """They are."""
        return self.differences == 0


_KEY: Final = "account_id, other_account_id, product_id, lot"
# Each sum weighs a number of its own: where all sums agree the totals do, and almost never else.
_WEIGHT: Final = "hashint8extended(hash_record_extended(ROW(%s, {key}), 0), 0) >> 33"
_TOTALS: Final = (
    "SELECT p.n AS postings, d.n AS day_sums,"
    " d.wrong > 0 OR (p.n, p.came, p.went) IS DISTINCT FROM (d.c, d.came, d.went) AS differ FROM"
    " (SELECT count(*) AS n, sum(w * greatest(quantity, 0)) AS came, sum(w * greatest(-quantity, 0))"
    f" AS went FROM (SELECT quantity, {_WEIGHT % 'stock_day(occurred_at)'} AS w FROM posting) AS weighed) AS p,"
    " (SELECT count(*) AS n, sum(posting_count) AS c, sum(w * units_in) AS came, sum(w * units_out) AS went,"
    " count(*) FILTER (WHERE quantity <> units_in - units_out) AS wrong FROM (SELECT quantity, units_in, units_out,"
    f" posting_count, {_WEIGHT % 'bucket'} AS w FROM posting_day) AS weighed) AS d"
).format(key=_KEY)
_DIFFERENCES: Final = (
    f"SELECT count(*) FROM (SELECT stock_day(occurred_at) AS bucket, {_KEY}, sum(quantity) AS q, count(*) AS n,"
    " sum(greatest(quantity, 0)) AS came, sum(greatest(-quantity, 0)) AS went"
    f" FROM posting GROUP BY 1, {_KEY}) AS told FULL JOIN (SELECT bucket, {_KEY}, quantity AS q, posting_count AS n,"
    f" units_in AS came, units_out AS went FROM posting_day) AS kept USING (bucket, {_KEY})"
    " WHERE (told.q, told.n, told.came, told.went) IS DISTINCT FROM (kept.q, kept.n, kept.came, kept.went)"
)


# The sums by week are made of the same postings, so they are proven against the sums by day.
_WEEK: Final = (
    "WITH told AS (SELECT date_trunc('week', bucket AT TIME ZONE stock_zone()) AS week, product_id, account_id,"
    " other_account_id, sum(quantity) AS q FROM posting_day WHERE account_id LIKE 'place:%%'"
    " AND (other_account_id = 'dispensed' OR other_account_id LIKE 'place:%%') GROUP BY 1, 2, 3, 4),"
    " kept AS (SELECT bucket AT TIME ZONE stock_zone() AS week, product_id, account_id, other_account_id,"
    " quantity AS q FROM stock_use_week) SELECT count(*) FROM told FULL JOIN kept"
    " USING (week, product_id, account_id, other_account_id) WHERE coalesce(told.q, 0) <> coalesce(kept.q, 0)"
).replace("%%", "%")


class _Totals(Row):
    postings: int
    day_sums: int
    differ: bool


def verify_day_sums(connection: Connection) -> DaySumProof:
    """Prove the sums by day and week against the postings, in the caller's transaction; nothing is changed.

    On TimescaleDB what came late shows as a difference until its job has run (each minute), or `refresh_day_sums`.
    """
    connection.execute(SETTINGS)
    totals = first_row(connection, _Totals, _TOTALS, {})
    if totals is None:
        return DaySumProof(postings=0, day_sums=0, differences=0)
    differences = sum(
        int(row[0])
        for query in ((_DIFFERENCES, _WEEK) if totals.differ else (_WEEK,))
        for row in connection.execute(query.encode())
    )
    return DaySumProof(postings=totals.postings, day_sums=totals.day_sums, differences=differences)


def settled_day_sums(
    connection: Connection, say: Callable[[str], None], *, patience_s: float = SETTLING_S, pause_s: float = 5.0
) -> DaySumProof:
    """Prove the sums from the caller's transaction; on TimescaleDB, once its job has summed up what came late.

    What differs there is asked again, each time of a new instant, as long as its job may need.
    """
    proof = verify_day_sums(connection)
    if proof.ok or read_engine(connection) != "timescaledb":
        return proof
    deadline = monotonic() + patience_s
    while not proof.ok and monotonic() < deadline:
        say(f"{proof.differences} sums differ: they may be of late movements, which the database sums up each minute")
        connection.rollback()
        sleep(pause_s)
        proof = verify_day_sums(connection)
    return proof


def refresh_day_sums(connection: Connection, low: datetime, high: datetime) -> None:
    """On TimescaleDB, do now what its job does each minute; elsewhere nothing is left to do.

    No transaction may be open.
    """
    engine = read_engine(connection)
    connection.commit()
    if engine != "timescaledb":
        return
    zone = day_zone(connection)
    connection.commit()
    window = (
        _begin(low.astimezone(zone).date(), zone),
        _begin(high.astimezone(zone).date() + timedelta(days=1), zone),
    )
    autocommit = connection.autocommit
    connection.set_autocommit(True)
    try:
        for view, margin in (("posting_day", timedelta(0)), ("stock_use_week", timedelta(days=7))):
            connection.execute(
                "CALL refresh_continuous_aggregate(%s, %s::timestamptz, %s::timestamptz)",
                (view, window[0] - margin, window[1] + margin),
            )
    finally:
        connection.set_autocommit(autocommit)
