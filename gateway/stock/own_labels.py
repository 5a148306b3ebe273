"""The hospital's own labels on packs of products without GTIN: (91) article, (92) lot, (93) expiry, (94) serial number.

`inventory.pack_identity.InternalIdentity` writes them. A label says no quantity: one scan of it is one base unit.
"""

from dataclasses import dataclass
from datetime import date

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock.lines import Goods
from inventory.pack_identity import INTERNAL_EXPIRY, INTERNAL_LOT, INTERNAL_PRODUCT, INTERNAL_SERIAL
from inventory.parsed_scan import ParsedScan
from inventory.scan import parse_scan

_ANY_GTIN = "00000000000000"


@dataclass(frozen=True)
class OwnLabel:
    """What a label of our own names."""

    goods: Goods
    """One base unit. The books keep packs by GTIN and serial number, so the goods have no serial number."""
    serial_number: str
    """Empty if the label has none."""


def own_label(connection: Connection, parsed: ParsedScan, today: date) -> OwnLabel | None:
    """None if it is no such label, or its product is not in the catalogue: other houses use (91) for other things."""
    elements = {element.ai: element.value for element in parsed.elements}
    product_id = elements.get(INTERNAL_PRODUCT)
    if parsed.gtin is not None or product_id is None or not parsed.valid:
        return None
    row = connection.execute("SELECT FROM product WHERE product_id = %s", (storable(product_id),))
    if row.rowcount == 0:
        return None
    goods = Goods(product_id, elements.get(INTERNAL_LOT, ""), _day(elements.get(INTERNAL_EXPIRY, ""), today), 1)
    return OwnLabel(goods, elements.get(INTERNAL_SERIAL, ""))


def last_account_of(connection: Connection, label: OwnLabel) -> str | None:
    """Where the last scan that booked this very label moved it; None if none did, or it has no serial number."""
    if not label.serial_number:
        return None
    row = connection.execute(
        "SELECT m.to_account_id FROM movement m JOIN scan s USING (epoch_key, seq)"
        " WHERE m.product_id = %s AND m.lot = %s AND s.movement_id = m.movement_id"
        " AND s.parsed->'elements'->>%s = %s ORDER BY m.occurred_at DESC LIMIT 1",
        (label.goods.product_id, label.goods.lot, INTERNAL_SERIAL, storable(label.serial_number)),
    ).fetchone()
    return None if row is None else str(row[0])


def _day(digits: str, today: date) -> date | None:
    """The expiry date is written as (17) is: the same rules for the century and for day 00."""
    return parse_scan(f"01{_ANY_GTIN}17{digits}", today).expiry_date if digits else None
