"""Orders as people look for them: lists, one with its lines, what came of it and what was changed.

What came is derived from the movements of the order's receipts each time: a receipt taken back did not come. So is the
state, from what came and whether somebody has closed the order.
"""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, LiteralString

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock.errors import WorkRefusedError
from inventory.folding import folded

OrderState = Literal["open", "partly", "received", "closed", "cancelled"]
"""Nothing came yet; some; all; some, and no more is expected; none, and none is expected."""
OPEN_STATES: Final[frozenset[OrderState]] = frozenset({"open", "partly"})
"""Something may still come."""


class Order(Row):
    """An order as it stands."""

    order_id: uuid.UUID
    number: str
    supplier_name: str
    place_id: str
    place_vi: str
    place_en: str
    expected_on: date | None
    note: str
    revision: int
    """How often it was changed."""
    ordered_at: datetime
    ordered_by: str
    closed_at: datetime | None
    closed_by: str | None
    state: OrderState
    lines: int
    lines_complete: int
    """Of which all came."""


class OrderLine(Row):
    """What of a product was ordered and came, in base units."""

    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    quantity: int
    pack_units: int
    """Base units of the pack that it is counted in."""
    received: int

    @property
    def outstanding(self) -> int:
        """What has not come."""
        return max(0, self.quantity - self.received)

    @property
    def packs(self) -> int | None:
        """Ordered, in packs; None: in base units."""
        whole = self.pack_units > 1 and self.quantity % self.pack_units == 0
        return self.quantity // self.pack_units if whole else None


class OrderReceipt(Row):
    """A delivery against an order."""

    document_id: uuid.UUID
    number: str
    occurred_at: datetime
    created_by: str
    taken_back: bool


class OrderHistory(Row):
    """What somebody did to an order."""

    change_id: uuid.UUID
    kind: Literal["changed", "closed", "reopened"]
    changed_at: datetime
    changed_by: str


CAME: Final[LiteralString] = (
    "coalesce((SELECT sum(m.quantity) FROM stock_document d JOIN movement m USING (document_id)"
    " WHERE d.order_id = l.order_id AND m.product_id = l.product_id AND m.kind = 'receive' AND NOT EXISTS"
    " (SELECT FROM movement r WHERE r.reverses_movement_id = m.movement_id)), 0)::bigint"
)
"""Base units of line `l` that were received and not taken back."""
_LINE: Final[LiteralString] = (
    "SELECT l.product_id, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, l.quantity, l.pack_units, "
)
_LINES: Final[LiteralString] = (
    _LINE + CAME + " AS received FROM purchase_order_line l JOIN product p USING (product_id)"
    " WHERE l.order_id = %(order)s ORDER BY p.name_vi, l.product_id"
)
_HEAD: Final[LiteralString] = (
    "SELECT o.order_id, o.number, o.supplier_name, o.place_id, p.name_vi AS place_vi, p.name_en AS place_en,"
    " o.expected_on, o.note, o.revision, o.ordered_at, o.ordered_by, o.closed_at, o.closed_by, s.lines,"
    " s.lines_complete, CASE WHEN s.lines_complete = s.lines THEN 'received' WHEN o.closed_at IS NULL THEN"
    " CASE WHEN s.begun THEN 'partly' ELSE 'open' END WHEN s.begun THEN 'closed' ELSE 'cancelled' END AS state"
    " FROM purchase_order o JOIN place p USING (place_id) CROSS JOIN LATERAL (SELECT count(*) AS lines,"
    " count(*) FILTER (WHERE came >= quantity) AS lines_complete, bool_or(came > 0) AS begun FROM"
    " (SELECT l.quantity, "
)
_ORDERS: Final[LiteralString] = (
    _HEAD + CAME + " AS came FROM purchase_order_line l WHERE l.order_id = o.order_id) each) s"
)
_ANY: Final[LiteralString] = "SELECT * FROM ("
_FILTERED: Final[LiteralString] = (
    ") o WHERE (%(closed)s::boolean IS NULL OR (closed_at IS NOT NULL) = %(closed)s)"
    " AND (%(suppliers)s::text[] IS NULL OR supplier_name = ANY(%(suppliers)s))"
    " AND (%(number)s::text IS NULL OR number = %(number)s)"
    " AND (cardinality(%(states)s::text[]) = 0 OR state = ANY(%(states)s::text[]))"
    " ORDER BY ordered_at DESC, number DESC LIMIT %(limit)s OFFSET %(offset)s"
)
_RECEIPTS: Final = (
    "SELECT d.document_id, d.number, d.occurred_at, d.created_by, NOT EXISTS (SELECT FROM movement m"
    " WHERE m.document_id = d.document_id AND NOT EXISTS (SELECT FROM movement r"
    " WHERE r.reverses_movement_id = m.movement_id)) AS taken_back FROM stock_document d"
    " WHERE d.order_id = %(order)s AND d.kind = 'receipt' ORDER BY d.created_at, d.number"
)
_HISTORY: Final = (
    "SELECT change_id, kind, changed_at, changed_by FROM purchase_order_change WHERE order_id = %(order)s"
    " ORDER BY revision"
)


def read_order(connection: Connection, order_id: uuid.UUID) -> Order:
    """One order.

    Raises:
        WorkRefusedError: `order_unknown`.
    """
    found = first_row(connection, Order, _ORDERS + " WHERE o.order_id = %(order)s", {"order": order_id})
    if found is None:
        raise WorkRefusedError("order_unknown", f"no order {order_id}: choose one from the list")
    return found


def order_lines(connection: Connection, order_id: uuid.UUID) -> list[OrderLine]:
    """What was ordered and what came of it."""
    return all_rows(connection, OrderLine, _LINES, {"order": order_id})


def order_receipts(connection: Connection, order_id: uuid.UUID) -> list[OrderReceipt]:
    """What was delivered against it, the oldest first."""
    return all_rows(connection, OrderReceipt, _RECEIPTS, {"order": order_id})


def order_history(connection: Connection, order_id: uuid.UUID) -> list[OrderHistory]:
    """What was done to it since it was written, the oldest first."""
    return all_rows(connection, OrderHistory, _HISTORY, {"order": order_id})


def list_orders(
    connection: Connection,
    states: frozenset[OrderState] = OPEN_STATES,
    *,
    supplier: str = "",
    number: str = "",
    limit: int = 200,
    offset: int = 0,
) -> list[Order]:
    """Those in one of these states, the newest first; without states all.

    Args:
        connection: to read from.
        states: empty: every one.
        supplier: part of its name, without accents if one likes.
        number: of one order.
        limit: at most so many.
        offset: so many are left out first.
    """
    named = [name for name in suppliers_like(connection, supplier, limit=500) if supplier.strip()]
    values: dict[str, Any] = {
        "states": sorted(states),
        "closed": _closed(states),
        "suppliers": named if supplier.strip() else None,
        "number": storable(number.strip().upper()) or None,
        "limit": limit,
        "offset": offset,
    }
    return all_rows(connection, Order, _ANY + _ORDERS + _FILTERED, values)


def _closed(states: frozenset[OrderState]) -> bool | None:
    """Whether orders in these states are closed; None: some are, some are not."""
    if not states or "received" in states:
        return None
    kinds = {state not in OPEN_STATES for state in states}
    return kinds.pop() if len(kinds) == 1 else None


def suppliers_like(connection: Connection, text: str = "", limit: int = 20) -> Sequence[str]:
    """Names that were used before, the latest first: the same supplier shall not be written in two ways."""
    rows = connection.execute(
        "SELECT supplier_name FROM (SELECT supplier_name, max(created_at) AS last FROM stock_document"
        " WHERE supplier_name <> '' GROUP BY 1 UNION ALL SELECT supplier_name, max(ordered_at) FROM purchase_order"
        " GROUP BY 1) named GROUP BY 1 ORDER BY max(last) DESC LIMIT 500"
    )
    names = [str(row[0]) for row in rows]
    return [name for name in names if folded(text) in folded(name)][:limit]
