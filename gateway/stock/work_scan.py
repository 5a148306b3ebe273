"""What a scan on a work page is about: the product, its lot, how many units, and what the books have of it there.

One door for every page: codes of packs and cases, the hospital's own labels, and article codes typed by hand. Nothing
is booked here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock.catalogue import find_exactly
from gateway.stock.guard import open_holds_of
from gateway.stock.packs import read_packs
from inventory.join import join_scans
from inventory.lot_state import StateName, holds_on, lot_state
from inventory.pack_identity import INTERNAL_EXPIRY, INTERNAL_LOT, INTERNAL_PRODUCT
from inventory.parsed_scan import ParsedScan
from inventory.scan import parse_scan

Verdict = Literal["goods", "unreadable", "doubtful", "no_product", "unknown_product", "person", "transport_label"]
PERSONAL_KINDS = frozenset({"cccd", "bhyt"})
_LOTS_MAX = 50
"""The house's own labels (`inventory.pack_identity.InternalIdentity`)."""


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
    reading = _read(connection, [parse_scan(text, today, separator=separator) for text in texts], texts, today)
    return _filled(connection, _known_pack(connection, reading), today, now, from_place_id)


def _read(connection: Connection, parsed: Sequence[ParsedScan], texts: Sequence[str], today: date) -> Reading:
    shown = " + ".join(texts)
    if any(one.kind in PERSONAL_KINDS for one in parsed):
        # An article code may look like a card's number: the catalogue is asked before a person is seen in it.
        return _typed(connection, shown, today) or Reading("person", "")
    try:
        scan = parsed[0] if len(parsed) == 1 else join_scans(parsed, today)
    except ValueError as error:
        return Reading("unreadable", shown, problems=(("repeated", str(error)),))
    if scan.valid and scan.gtin is not None:
        return _of_pack(connection, scan, scan.gtin, shown)
    return _typed(connection, shown, today) or _own_label(connection, scan, shown, today) or _refused(scan, shown)


def _of_pack(connection: Connection, scan: ParsedScan, gtin: str, shown: str) -> Reading:
    if scan.has("separator_lost"):
        doubts = tuple((one.code, one.message) for one in scan.warnings if one.code == "separator_lost")
        return Reading("doubtful", shown, gtin=gtin, problems=doubts)
    item = connection.execute(
        "SELECT product_id, units, contains_gtin, contains_count FROM trade_item WHERE gtin = %s", (gtin,)
    ).fetchone()
    if item is None:
        return Reading("unknown_product", shown, gtin=gtin, lot=scan.lot, expiry_date=scan.expiry_date)
    article = _article(connection, item[0])
    facts = (scan.lot, scan.expiry_date, scan.serial_number)
    return Reading("goods", shown, article, gtin, item[1], item[2], item[3], *facts)


def _refused(scan: ParsedScan, shown: str) -> Reading:
    problems = tuple((one.code, one.message) for one in scan.errors)
    if scan.sscc is not None:
        return Reading("transport_label", shown, problems=problems)
    return Reading("unreadable" if problems else "no_product", shown, problems=problems)


def _typed(connection: Connection, text: str, today: date) -> Reading | None:
    """An article code, a registration number, as a person types it."""
    found = find_exactly(connection, text, today)
    if len(found) != 1:
        return None
    return Reading("goods", text, _article(connection, found[0]))


def _own_label(connection: Connection, scan: ParsedScan, shown: str, today: date) -> Reading | None:
    """A pack without GTIN that carries the hospital's own label."""
    elements = {element.ai: element.value for element in scan.elements}
    article = _article(connection, elements.get(INTERNAL_PRODUCT, ""))
    if article is None or scan.errors:
        return None
    written = elements.get(INTERNAL_EXPIRY, "")
    # The expiry rides as (17) does: let the same rules read it.
    expiry = parse_scan(f"(01)00000000000000(17){written}", today).expiry_date if written else None
    return Reading("goods", shown, article, lot=elements.get(INTERNAL_LOT), expiry_date=expiry)


def _article(connection: Connection, product_id: str) -> Article | None:
    return first_row(connection, Article, _ARTICLE, {"product": storable(product_id)})


def _known_pack(connection: Connection, reading: Reading) -> Reading:
    """A scan never blanks what is known of its pack; of an opened one only what is left can be moved."""
    if reading.gtin is None or reading.serial_number is None:
        return reading
    pack = read_packs(connection, [(reading.gtin, reading.serial_number)]).get((reading.gtin, reading.serial_number))
    if pack is None:
        return reading
    return replace(
        reading,
        units=pack.units or reading.units,
        lot=reading.lot if reading.lot is not None else pack.lot,
        expiry_date=reading.expiry_date or pack.expiry_date,
        pack_account_id=pack.account_id,
    )


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
