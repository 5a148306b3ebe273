"""What a place should order: what has come down to its reorder point, less what is on its way, in whole packs."""

from datetime import date
from typing import Final, LiteralString

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row
from gateway.stock.catalogue import below_reorder_point
from gateway.stock.order_reads import CAME

_OF_THE_LEVEL: Final = {"place_id", "product_id", "base_unit_vi", "base_unit_en", "on_hand"} | {
    *("reorder_point", "min_units", "max_units")
}
_MISSING: Final[LiteralString] = "SELECT l.product_id, sum(greatest(0, l.quantity - "


class Proposal(Row):
    """What a place should order of a product, and why. Numbers are base units, packs apart."""

    place_id: str
    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    on_hand: int
    reorder_point: int | None
    min_units: int | None
    max_units: int | None
    ordered: int
    """On order for this place already; it has not come."""
    to_order: int
    """Still missing up to the maximum; up to the reorder point where no maximum is set."""
    pack_units: int
    """Of the smallest pack that has a GTIN; 1 if there is none."""
    packs: int
    """Whole packs that cover it."""
    quantity: int
    """To be ordered: in whole packs."""
    last_supplier: str
    """Where it was ordered last; empty if it never was."""


def propose(connection: Connection, place_id: str, today: date) -> list[Proposal]:
    """What runs short there and is not on its way already; the shortest first."""
    ordered = _on_order(connection, place_id)
    levels = below_reorder_point(connection, today, place_id=place_id)
    products = [level.product_id for level in levels]
    sizes, suppliers = _smallest_packs(connection, products), _last_suppliers(connection, products)
    found = []
    for level in levels:
        missing = level.to_order - ordered.get(level.product_id, 0)
        if missing <= 0:
            continue
        size = sizes.get(level.product_id, 1)
        packs = -(-missing // size)
        facts = level.model_dump(include=_OF_THE_LEVEL)
        found.append(
            Proposal(
                **facts,
                name_vi=level.product_name_vi,
                name_en=level.product_name_en,
                ordered=level.to_order - missing,
                to_order=missing,
                pack_units=size,
                packs=packs,
                quantity=packs * size,
                last_supplier=suppliers.get(level.product_id, ""),
            )
        )
    return found


def _on_order(connection: Connection, place_id: str) -> dict[str, int]:
    """Of each product what was ordered for the place, has not come and is still expected."""
    rows = connection.execute(
        _MISSING + CAME + ")) FROM purchase_order_line l JOIN purchase_order o USING (order_id)"
        " WHERE o.closed_at IS NULL AND o.place_id = %s GROUP BY 1",
        (place_id,),
    )
    return {str(row[0]): int(row[1]) for row in rows}


def _smallest_packs(connection: Connection, products: list[str]) -> dict[str, int]:
    rows = connection.execute(
        "SELECT product_id, min(units) FROM trade_item WHERE product_id = ANY(%s) AND units > 1 GROUP BY 1",
        (products,),
    )
    return {str(row[0]): int(row[1]) for row in rows}


def _last_suppliers(connection: Connection, products: list[str]) -> dict[str, str]:
    rows = connection.execute(
        "SELECT DISTINCT ON (l.product_id) l.product_id, o.supplier_name FROM purchase_order_line l"
        " JOIN purchase_order o USING (order_id) WHERE l.product_id = ANY(%s)"
        " ORDER BY l.product_id, o.ordered_at DESC",
        (products,),
    )
    return {str(row[0]): str(row[1]) for row in rows}
