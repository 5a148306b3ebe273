"""Orders at suppliers: what is expected, how much of it came, and what a place should order.

What came is derived from the movements of the order's receipts each time: a receipt taken back did not come.
"""

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock import acts
from gateway.stock.acts import Actor, Outcome
from gateway.stock.catalogue import below_reorder_point
from gateway.stock.errors import DocumentConflictError, WorkRefusedError
from inventory.folding import folded

_PREFIX: Final = "DH"
"""Đơn hàng."""
_LOCK: Final = 7_203_009


@dataclass(frozen=True)
class OrderedGoods:
    """So many base units of a product."""

    product_id: str
    quantity: int


@dataclass(frozen=True)
class NewOrder:
    """What is ordered."""

    order_id: uuid.UUID
    supplier_name: str
    place_id: str
    """Where it is to be delivered."""
    lines: tuple[OrderedGoods, ...]
    expected_on: date | None = None
    note: str = ""

    def content_sha256(self, person: str) -> bytes:
        """What makes it the same order when it comes again."""
        content = {
            "person": person,
            "supplier_name": storable(self.supplier_name),
            "place_id": self.place_id,
            "lines": sorted((line.product_id, line.quantity) for line in self.lines),
            "expected_on": str(self.expected_on),
            "note": storable(self.note),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).digest()


class Order(Row):
    """An order as it stands."""

    order_id: uuid.UUID
    number: str
    supplier_name: str
    place_id: str
    expected_on: date | None
    note: str
    ordered_at: datetime
    ordered_by: str
    closed_at: datetime | None
    closed_by: str | None


class OrderLine(Row):
    """What of a product was ordered and came, in base units."""

    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    quantity: int
    received: int

    @property
    def outstanding(self) -> int:
        """What has not come."""
        return max(0, self.quantity - self.received)


_COLUMNS: Final = (
    "SELECT order_id, number, supplier_name, place_id, expected_on, note, ordered_at, ordered_by, closed_at, closed_by"
    " FROM purchase_order"
)
_LINES: Final = (
    "SELECT l.product_id, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, l.quantity, coalesce((SELECT"
    " sum(m.quantity) FROM stock_document d JOIN movement m USING (document_id) WHERE d.order_id = l.order_id"
    " AND m.product_id = l.product_id AND m.kind = 'receive' AND NOT EXISTS (SELECT FROM movement r"
    " WHERE r.reverses_movement_id = m.movement_id)), 0)::bigint AS received FROM purchase_order_line l"
    " JOIN product p USING (product_id) WHERE l.order_id = %(order)s ORDER BY p.name_vi, l.product_id"
)


def place_order(connection: Connection, order: NewOrder, actor: Actor) -> tuple[Outcome, Order]:
    """Write it and give it its number; a repetition changes nothing.

    Raises:
        WorkRefusedError: `no_lines`, `bad_quantity`, `product_twice`, `supplier_missing`, `place_unknown`,
            `product_unknown`.
        DocumentConflictError: an order of this id has other content.
    """
    _refuse_bad(connection, order)
    sha256 = order.content_sha256(actor.person)
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (str(order.order_id), _LOCK))
    row = connection.execute(
        "SELECT content_sha256, number FROM purchase_order WHERE order_id = %s", (order.order_id,)
    ).fetchone()
    if row is not None:
        if row[0] != sha256:
            message = f"order {order.order_id} is {row[1]} and has other content: make a new id for a new order"
            raise DocumentConflictError("id_conflict", message, number=row[1])
        return "exists", read_order(connection, order.order_id)
    connection.execute(
        "INSERT INTO purchase_order (order_id, number, content_sha256, supplier_name, place_id, expected_on, note,"
        " ordered_at, ordered_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(order.order_id, _next_number(connection, actor.received_at, actor.zone), sha256),
            *(storable(order.supplier_name.strip()), order.place_id, order.expected_on, storable(order.note)),
            *(actor.received_at, actor.person),
        ),
    )
    connection.execute(
        "INSERT INTO purchase_order_line (order_id, product_id, quantity)"
        " SELECT %s, * FROM unnest(%s::text[], %s::integer[])",
        (order.order_id, [line.product_id for line in order.lines], [line.quantity for line in order.lines]),
    )
    return "created", read_order(connection, order.order_id)


def _refuse_bad(connection: Connection, order: NewOrder) -> None:
    acts.refuse_no_lines([acts.ActLine(line.product_id, line.quantity) for line in order.lines])
    if not order.supplier_name.strip():
        raise WorkRefusedError("supplier_missing", "no supplier: name who is to deliver")
    acts.account_of(connection, order.place_id)
    products = [line.product_id for line in order.lines]
    twice = next((one for one in products if products.count(one) > 1), None)
    if twice is not None:
        raise WorkRefusedError("product_twice", f"product {twice} stands there twice: add it up", product=twice)
    row = connection.execute(
        "SELECT p FROM unnest(%s::text[]) AS p WHERE NOT EXISTS (SELECT FROM product WHERE product_id = p) LIMIT 1",
        (products,),
    ).fetchone()
    if row is not None:
        raise WorkRefusedError("product_unknown", f"product {row[0]} is not in the catalogue", product=row[0])


def read_order(connection: Connection, order_id: uuid.UUID) -> Order:
    """One order.

    Raises:
        WorkRefusedError: `order_unknown`.
    """
    found = first_row(connection, Order, _COLUMNS + " WHERE order_id = %(order)s", {"order": order_id})
    if found is None:
        raise WorkRefusedError("order_unknown", f"no order {order_id}: choose one from the list")
    return found


def locked(connection: Connection, order_id: uuid.UUID) -> Order:
    """One order, which nobody else delivers to or closes until the transaction ends.

    Raises:
        WorkRefusedError: `order_unknown`.
    """
    connection.execute("SELECT FROM purchase_order WHERE order_id = %s FOR UPDATE", (order_id,))
    return read_order(connection, order_id)


def refuse_closed(order: Order) -> None:
    """Nothing more is expected of it.

    Raises:
        WorkRefusedError: `order_closed`.
    """
    if order.closed_at is not None:
        raise WorkRefusedError(
            "order_closed",
            f"order {order.number} was closed by {order.closed_by}: receive without an order, or order anew",
            number=order.number,
        )


def order_lines(connection: Connection, order_id: uuid.UUID) -> list[OrderLine]:
    """What was ordered and what came of it."""
    return all_rows(connection, OrderLine, _LINES, {"order": order_id})


def list_orders(connection: Connection, *, open_only: bool = True, limit: int = 200) -> list[Order]:
    """The newest first."""
    return all_rows(
        connection,
        Order,
        _COLUMNS + " WHERE closed_at IS NULL OR NOT %(open)s ORDER BY ordered_at DESC, number DESC LIMIT %(limit)s",
        {"open": open_only, "limit": limit},
    )


def close_order(connection: Connection, order_id: uuid.UUID, actor: Actor) -> Order:
    """Nothing more is expected; a second time changes nothing.

    Raises:
        WorkRefusedError: `order_unknown`.
    """
    locked(connection, order_id)
    connection.execute(
        "UPDATE purchase_order SET closed_at = %s, closed_by = %s WHERE order_id = %s AND closed_at IS NULL",
        (actor.received_at, actor.person, order_id),
    )
    return read_order(connection, order_id)


@dataclass(frozen=True)
class Proposal:
    """What a place should order of a product."""

    place_id: str
    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    on_hand: int
    ordered: int
    """Base units that are on order for this place already and have not come."""
    to_order: int
    """Base units that are still missing up to the maximum."""


def propose(connection: Connection, place_id: str, today: date) -> list[Proposal]:
    """What runs short there and is not on its way already; the shortest first."""
    ordered = {
        str(row[0]): int(row[1])
        for row in connection.execute(
            "SELECT l.product_id, sum(greatest(0, l.quantity - coalesce((SELECT sum(m.quantity) FROM stock_document d"
            " JOIN movement m USING (document_id) WHERE d.order_id = l.order_id AND m.product_id = l.product_id"
            " AND m.kind = 'receive' AND NOT EXISTS (SELECT FROM movement r WHERE"
            " r.reverses_movement_id = m.movement_id)), 0))) FROM purchase_order_line l JOIN purchase_order o"
            " USING (order_id) WHERE o.closed_at IS NULL AND o.place_id = %s GROUP BY 1",
            (place_id,),
        )
    }
    found = []
    for level in below_reorder_point(connection, today, place_id=place_id):
        on_its_way = ordered.get(level.product_id, 0)
        if level.to_order > on_its_way:
            names = (level.product_name_vi, level.product_name_en, level.base_unit_vi, level.base_unit_en)
            amounts = (level.on_hand, on_its_way, level.to_order - on_its_way)
            found.append(Proposal(level.place_id, level.product_id, *names, *amounts))
    return found


def suppliers_like(connection: Connection, text: str = "", limit: int = 20) -> Sequence[str]:
    """Names that were used before, the latest first: the same supplier shall not be written in two ways."""
    rows = connection.execute(
        "SELECT supplier_name FROM stock_document WHERE supplier_name <> '' GROUP BY 1 ORDER BY max(created_at) DESC"
        " LIMIT 500"
    )
    names = [str(row[0]) for row in rows]
    return [name for name in names if folded(text) in folded(name)][:limit]


def _next_number(connection: Connection, now: datetime, zone: ZoneInfo) -> str:
    """Orders of a year are written one after the other, so that none is missing between two."""
    stem = f"{_PREFIX}{now.astimezone(zone).year % 100:02d}-"
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (stem, _LOCK))
    row = connection.execute(
        "SELECT coalesce(max(substr(number, length(%(stem)s) + 1)::integer), 0) + 1 FROM purchase_order"
        " WHERE starts_with(number, %(stem)s)",
        {"stem": stem},
    ).fetchone()
    return f"{stem}{row[0] if row else 1:06d}"
