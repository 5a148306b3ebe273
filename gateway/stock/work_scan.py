"""What a scan on a work page is about: the product, its lot, how many units, and what the books have of it there.

One door for every page: codes of packs and cases, the hospital's own labels, and article codes typed by hand. Nothing
is booked here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock.guard import open_holds_of
from gateway.stock.scanned_goods import Scanned, Verdict, read_symbols
from inventory.lot_state import StateName, holds_on, lot_state

_LOTS_MAX = 50


class Article(Row):
    """A product, as a line shows it."""

    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    storage_class: str
    control_class: str
    quarantine_on_receipt: bool
    retired_at: datetime | None


class LotThere(Row):
    """A lot on one account."""

    lot: str
    expiry_date: date | None
    on_hand: int
    """Base units."""
    free: int
    """Not reserved."""


@dataclass(frozen=True)
class Reading:
    """What a scan is about."""

    verdict: Verdict
    text: str
    """As scanned; empty for a person's card."""
    article: Article | None = None
    gtin: str | None = None
    units: int = 1
    """Base units in what was scanned: a case has those of all packs in it. Of an opened pack what is left in it."""
    contains_gtin: str | None = None
    contains_count: int | None = None
    """Of a case: how many of which smaller pack."""
    lot: str | None = None
    """None: the code names none, and nothing else says it."""
    expiry_date: date | None = None
    serial_number: str | None = None
    pack_account_id: str | None = None
    """Where the books have this very pack."""
    books_lot: str | None = None
    """The lot that the books have this pack with, where the code says another one."""
    state: StateName = "available"
    """Of the lot on the day of the scan: held, expired, or available."""
    lot_is_new: bool = False
    """The books have never had this lot."""
    lots: tuple[LotThere, ...] = ()
    """What stands of the product in the place that goods are taken from; the first to expire first."""
    problems: tuple[tuple[str, str], ...] = ()
    """(code, English sentence) of what is wrong with the code."""


_ARTICLE = (
    "SELECT product_id, name_vi, name_en, base_unit_vi, base_unit_en, storage_class, control_class,"
    " quarantine_on_receipt, retired_at FROM product WHERE product_id = %(product)s"
)
_LOTS = (
    "SELECT b.lot, l.expiry_date, b.quantity AS on_hand, b.quantity - coalesce((SELECT sum(r.quantity)"
    " FROM stock_reservation r WHERE (r.account_id, r.product_id, r.lot) = (b.account_id, b.product_id, b.lot)"
    " AND r.state = 'pending' AND r.expires_at > %(now)s), 0)::bigint AS free"
    " FROM stock_balance b JOIN lot l USING (product_id, lot)"
    " WHERE b.account_id = %(account)s AND b.product_id = %(product)s AND b.quantity > 0"
    " ORDER BY l.expiry_date, b.lot LIMIT %(limit)s"
)


def read_codes(
    connection: Connection,
    texts: Sequence[str],
    today: date,
    now: datetime,
    *,
    separator: str = "\x1d",
    from_place_id: str | None = None,
) -> Reading:
    """The symbols of one pack, or what a person typed; `separator` is what the scanner sends in place of GS."""
    found = read_symbols(connection, texts, today, separator=separator)
    return _filled(connection, _reading(connection, found, " + ".join(texts)), today, now, from_place_id)


def _reading(connection: Connection, found: Scanned, shown: str) -> Reading:
    """What the page is told of it; of a person's card not even the text."""
    goods, parsed = found.goods, found.parsed
    if found.verdict == "person":
        return Reading("person", "")
    if goods is None:
        reading = Reading(
            found.verdict, shown, gtin=parsed.gtin if parsed is not None else None, problems=found.problems
        )
        if found.verdict == "unknown_product" and parsed is not None:
            return replace(reading, lot=parsed.lot, expiry_date=parsed.expiry_date)
        return reading
    return Reading(
        "goods",
        shown,
        _article(connection, goods.product_id),
        gtin=goods.gtin,
        units=goods.units or 1,
        contains_gtin=goods.contains_gtin,
        contains_count=goods.contains_count,
        lot=goods.lot if goods.code_lot is None else goods.code_lot,
        expiry_date=goods.expiry_date,
        serial_number=goods.serial_number,
        pack_account_id=goods.pack.account_id if goods.pack is not None else None,
        books_lot=goods.lot if goods.code_lot is not None else None,
    )


def _article(connection: Connection, product_id: str) -> Article | None:
    return first_row(connection, Article, _ARTICLE, {"product": storable(product_id)})


def _filled(connection: Connection, reading: Reading, today: date, now: datetime, from_place_id: str | None) -> Reading:
    """With the lot's state, and what stands of it where it is taken from."""
    if reading.article is None:
        return reading
    product_id = reading.article.product_id
    account_id = f"place:{storable(from_place_id)}" if from_place_id else ""
    lots: list[LotThere] = []
    if account_id:
        values = {"account": account_id, "product": product_id, "now": now, "limit": _LOTS_MAX}
        lots = all_rows(connection, LotThere, _LOTS, values)
    lot = reading.lot
    if lot is None and len(lots) == 1:
        lot = lots[0].lot  # nothing else is there
    reading = replace(reading, lot=lot, lots=tuple(lots))
    if lot is None:
        return reading
    row = connection.execute(
        "SELECT expiry_date FROM lot WHERE product_id = %s AND lot = %s", (product_id, storable(lot))
    ).fetchone()
    known = row[0] if row else None
    dates = [one for one in (reading.expiry_date, known) if one is not None]
    pack = (reading.gtin, reading.serial_number) if reading.gtin and reading.serial_number else None
    holds = holds_on(open_holds_of(connection, [product_id]), product_id, lot, account_id, pack)
    return replace(
        reading,
        expiry_date=reading.expiry_date or known,
        state=lot_state(holds, min(dates, default=None), today).name,
        lot_is_new=row is None,
    )
