"""What a place should order: what has come down to its reorder point, less what is on its way, in whole packs."""

from dataclasses import dataclass
from datetime import date
from typing import Final, LiteralString

from gateway.db.pool import Connection
from gateway.stock.catalogue import below_reorder_point
from gateway.stock.order_reads import CAME

_MISSING: Final[LiteralString] = "SELECT l.product_id, sum(greatest(0, l.quantity - "


@dataclass(frozen=True)
class Proposal:
    """What a place should order of a product. Numbers are base units."""

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
    last_supplier: str
    """Where it was ordered last; empty if it never was."""

    @property
    def packs(self) -> int:
        """Whole packs that cover it."""
        return -(-self.to_order // self.pack_units)

    @property
    def quantity(self) -> int:
        """To be ordered, in whole packs."""
        return self.packs * self.pack_units


def propose(connection: Connection, place_id: str, today: date) -> list[Proposal]:
    """What runs short there and is not on its way already; the shortest first."""
    ordered = _on_order(connection, place_id)
    levels = below_reorder_point(connection, today, place_id=place_id)
    products = [level.product_id for level in levels]
    packs, suppliers = _smallest_packs(connection, products), _last_suppliers(connection, products)
    found = []
    for level in levels:
        on_its_way = ordered.get(level.product_id, 0)
        if level.to_order > on_its_way:
            found.append(
                Proposal(
                    place_id=level.place_id,
                    product_id=level.product_id,
                    name_vi=level.product_name_vi,
                    name_en=level.product_name_en,
                    base_unit_vi=level.base_unit_vi,
                    base_unit_en=level.base_unit_en,
                    on_hand=level.on_hand,
                    reorder_point=level.reorder_point,
                    min_units=level.min_units,
                    max_units=level.max_units,
                    ordered=on_its_way,
                    to_order=level.to_order - on_its_way,
                    pack_units=packs.get(level.product_id, 1),
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
