"""Orders at suppliers: written, changed, closed and taken up again. Each change keeps what was before it."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock import acts
from gateway.stock.acts import Actor, Outcome
from gateway.stock.errors import DocumentConflictError, WorkConflictError, WorkRefusedError
from gateway.stock.order_reads import Order, order_lines, read_order

_PREFIX: Final = "DH"
"""Đơn hàng."""
_LOCK: Final = 7_203_009


@dataclass(frozen=True)
class OrderedGoods:
    """So many base units of a product."""

    product_id: str
    quantity: int
    pack_units: int = 1
    """Base units of the pack that it is counted in."""


@dataclass(frozen=True)
class OrderContent:
    """What is ordered."""

    supplier_name: str
    place_id: str
    """Where it is to be delivered."""
    lines: tuple[OrderedGoods, ...]
    expected_on: date | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """For comparing and keeping; a pack of one base unit is left out of its line."""
        lines = sorted((line.product_id, line.quantity, line.pack_units) for line in self.lines)
        return {
            "supplier_name": storable(self.supplier_name),
            "place_id": self.place_id,
            "lines": [line if line[2] > 1 else line[:2] for line in lines],
            "expected_on": str(self.expected_on),
            "note": storable(self.note),
        }


@dataclass(frozen=True)
class NewOrder:
    """An order to be written."""

    order_id: uuid.UUID
    content: OrderContent


@dataclass(frozen=True)
class OrderChange:
    """What an order shall be from now on."""

    change_id: uuid.UUID
    order_id: uuid.UUID
    revision: int
    """Of the order that the person had before them."""
    content: OrderContent


def place_order(connection: Connection, order: NewOrder, actor: Actor) -> tuple[Outcome, Order]:
    """Write it and give it its number; a repetition changes nothing, whatever became of the order since.

    Raises:
        WorkRefusedError: `no_lines`, `bad_quantity`, `product_twice`, `supplier_missing`, `place_unknown`,
            `product_unknown`, `pack_multiple`.
        DocumentConflictError: an order of this id has other content.
    """
    content = order.content
    _refuse_bad(connection, content)
    sha256 = _sha256({"person": actor.person, **content.as_json()})
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
            *(storable(content.supplier_name.strip()), content.place_id, content.expected_on, storable(content.note)),
            *(actor.received_at, actor.person),
        ),
    )
    _write_lines(connection, order.order_id, content)
    return "created", read_order(connection, order.order_id)


def change_order(connection: Connection, change: OrderChange, actor: Actor) -> tuple[Outcome, Order]:
    """Put this in place of what was ordered; a repetition changes nothing.

    Raises:
        WorkRefusedError: `order_unknown`, `order_closed`, `below_received`, and what `place_order` refuses.
        WorkConflictError: `order_changed`, somebody else was first; `id_conflict`, this id has other content.
    """
    content = change.content
    _refuse_bad(connection, content)
    order = locked(connection, change.order_id)
    about = {"person": actor.person, "order_id": str(change.order_id), "revision": change.revision}
    sha256 = _sha256({**about, **content.as_json()})
    row = connection.execute(
        "SELECT content_sha256 FROM purchase_order_change WHERE change_id = %s", (change.change_id,)
    ).fetchone()
    if row is not None:
        if row[0] != sha256:
            message = (
                f"change {change.change_id} of order {order.number} has other content: make a new id for a new change"
            )
            raise DocumentConflictError("id_conflict", message, number=order.number)
        return "exists", order
    refuse_closed(order)
    _refuse_changed(connection, order, change.revision)
    _refuse_below_received(connection, order, content)
    _keep_before(connection, order, actor, "changed", change_id=change.change_id, sha256=sha256)
    connection.execute(
        "UPDATE purchase_order SET supplier_name = %s, place_id = %s, expected_on = %s, note = %s WHERE order_id = %s",
        (
            *(storable(content.supplier_name.strip()), content.place_id, content.expected_on, storable(content.note)),
            order.order_id,
        ),
    )
    connection.execute("DELETE FROM purchase_order_line WHERE order_id = %s", (order.order_id,))
    _write_lines(connection, order.order_id, content)
    return "created", read_order(connection, order.order_id)


def close_order(connection: Connection, order_id: uuid.UUID, actor: Actor) -> Order:
    """Nothing more is expected: cancelled, if nothing came. A second time changes nothing.

    Raises:
        WorkRefusedError: `order_unknown`.
    """
    order = locked(connection, order_id)
    if order.closed_at is not None:
        return order
    _keep_before(connection, order, actor, "closed")
    connection.execute(
        "UPDATE purchase_order SET closed_at = %s, closed_by = %s WHERE order_id = %s",
        (actor.received_at, actor.person, order_id),
    )
    return read_order(connection, order_id)


def reopen_order(connection: Connection, order_id: uuid.UUID, actor: Actor) -> Order:
    """It is expected after all; a second time changes nothing.

    Raises:
        WorkRefusedError: `order_unknown`.
    """
    order = locked(connection, order_id)
    if order.closed_at is None:
        return order
    _keep_before(connection, order, actor, "reopened")
    connection.execute("UPDATE purchase_order SET closed_at = NULL, closed_by = NULL WHERE order_id = %s", (order_id,))
    return read_order(connection, order_id)


def locked(connection: Connection, order_id: uuid.UUID) -> Order:
    """One order, which nobody else delivers to, changes or closes until the transaction ends.

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


def _refuse_bad(connection: Connection, content: OrderContent) -> None:
    acts.refuse_no_lines([acts.ActLine(line.product_id, line.quantity) for line in content.lines])
    if not content.supplier_name.strip():
        raise WorkRefusedError("supplier_missing", "no supplier: name who is to deliver")
    acts.account_of(connection, content.place_id)
    products = [line.product_id for line in content.lines]
    twice = next((one for one in products if products.count(one) > 1), None)
    if twice is not None:
        raise WorkRefusedError("product_twice", f"product {twice} stands there twice: add it up", product=twice)
    for line in content.lines:
        if line.pack_units < 1 or line.quantity % line.pack_units:
            raise WorkRefusedError(
                "pack_multiple",
                f"{line.quantity} base units of {line.product_id} are no whole packs of {line.pack_units}: order whole"
                " packs, or count in base units",
                product=line.product_id,
                units=line.pack_units,
                given=line.quantity,
            )
    row = connection.execute(
        "SELECT p FROM unnest(%s::text[]) AS p WHERE NOT EXISTS (SELECT FROM product WHERE product_id = p) LIMIT 1",
        (products,),
    ).fetchone()
    if row is not None:
        raise WorkRefusedError("product_unknown", f"product {row[0]} is not in the catalogue", product=row[0])


def _refuse_changed(connection: Connection, order: Order, revision: int) -> None:
    """Two people who change it at once: the second has to see what the first did."""
    if order.revision != revision:
        row = connection.execute(
            "SELECT changed_by FROM purchase_order_change WHERE order_id = %s ORDER BY revision DESC LIMIT 1",
            (order.order_id,),
        ).fetchone()
        person = str(row[0]) if row else order.ordered_by
        raise WorkConflictError(
            "order_changed",
            f"order {order.number} was changed by {person} meanwhile (revision {order.revision}, not {revision}):"
            " look at it again",
            number=order.number,
            person=person,
        )


def _refuse_below_received(connection: Connection, order: Order, content: OrderContent) -> None:
    """What has come was ordered; who wants no more of it orders just that."""
    wanted = {line.product_id: line.quantity for line in content.lines}
    for line in order_lines(connection, order.order_id):
        least = min(line.received, line.quantity)
        if wanted.get(line.product_id, 0) < least:
            raise WorkRefusedError(
                "below_received",
                f"of {line.product_id} {least} base units have come already: order at least these",
                product=line.product_id,
                received=least,
            )


def _keep_before(
    connection: Connection,
    order: Order,
    actor: Actor,
    kind: Literal["changed", "closed", "reopened"],
    *,
    change_id: uuid.UUID | None = None,
    sha256: bytes = b"",
) -> None:
    """What the order was before this, and its next revision."""
    lines = [(line.product_id, line.quantity, line.pack_units) for line in order_lines(connection, order.order_id)]
    facts = order.model_dump(mode="json", include={"supplier_name", "place_id", "expected_on", "note", "closed_by"})
    connection.execute(
        "INSERT INTO purchase_order_change (change_id, order_id, revision, kind, content_sha256, before, changed_at,"
        " changed_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(change_id or uuid.uuid4(), order.order_id, order.revision + 1, kind, sha256),
            *(Jsonb({**facts, "lines": lines}), actor.received_at, actor.person),
        ),
    )
    connection.execute("UPDATE purchase_order SET revision = revision + 1 WHERE order_id = %s", (order.order_id,))


def _write_lines(connection: Connection, order_id: uuid.UUID, content: OrderContent) -> None:
    connection.execute(
        "INSERT INTO purchase_order_line (order_id, product_id, quantity, pack_units)"
        " SELECT %s, * FROM unnest(%s::text[], %s::integer[], %s::integer[])",
        (
            order_id,
            [line.product_id for line in content.lines],
            [line.quantity for line in content.lines],
            [line.pack_units for line in content.lines],
        ),
    )


def _sha256(content: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).digest()


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
