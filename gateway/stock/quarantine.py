"""Quarantine and holds at work: placed by a scan or by hand, walked to by a list, released by two people."""

# ruff: noqa: S608 - put together from our own words only

import uuid
from datetime import datetime
from typing import Final

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows
from gateway.stock import holds
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError
from gateway.stock.holds import NewHold
from inventory.lot_state import HoldKind


class OpenHold(Row):
    """A hold that is not over, with who wants it released."""

    hold_id: uuid.UUID
    kind: HoldKind
    product_id: str
    product_name_vi: str
    product_name_en: str
    lot: str | None
    """Null: every lot."""
    account_id: str | None
    """Null: wherever it stands."""
    serial_number: str | None
    quantity: int | None
    """Base units; null: all that is in its scope."""
    reason: str
    recall_id: uuid.UUID | None
    recall_number: str | None
    placed_by: str
    placed_at: datetime
    released_by: str | None
    """Asks for the release, which waits for somebody else."""
    release_reason: str | None
    on_hand: int
    """Base units that it holds now."""


class HeldGoods(Row):
    """What stands under a hold in one place: where to walk to."""

    hold_id: uuid.UUID
    kind: HoldKind
    account_id: str
    place_name_vi: str
    place_name_en: str
    product_id: str
    product_name_vi: str
    product_name_en: str
    base_unit_vi: str
    base_unit_en: str
    lot: str
    quantity: int
    serial_numbers: list[str]
    """Of the serialised packs among them; none where only some units of the lot are held."""


_HELD: Final = (
    " h.released_at IS NULL AND b.quantity <> 0 AND b.product_id = h.product_id AND (h.lot IS NULL OR b.lot = h.lot)"
    " AND (h.account_id IS NULL OR b.account_id = h.account_id)"
)
_OPEN: Final = (
    "SELECT h.hold_id, h.kind, h.product_id, p.name_vi AS product_name_vi, p.name_en AS product_name_en, h.lot,"
    " h.account_id, h.serial_number, h.quantity, h.reason, h.recall_id, r.number AS recall_number, h.placed_by,"
    " h.placed_at, h.released_by, h.release_reason, coalesce(CASE WHEN h.serial_number IS NULL THEN"
    " least(h.quantity, (SELECT sum(b.quantity) FROM stock_balance b JOIN stock_account a USING (account_id)"
    " WHERE (a.place_id IS NOT NULL OR a.account_id = 'in_transit') AND" + _HELD + "))::bigint"
    " ELSE (SELECT k.units::bigint FROM pack k WHERE k.gtin = h.gtin AND k.serial_number = h.serial_number"
    " AND (k.account_id LIKE 'place:%%' OR k.account_id = 'in_transit')) END, 0) AS on_hand"
    " FROM stock_hold h JOIN product p USING (product_id) LEFT JOIN recall r USING (recall_id)"
    " WHERE h.released_at IS NULL AND (%(kind)s::text IS NULL OR h.kind = %(kind)s)"
    " AND (%(recall)s::uuid IS NULL OR h.recall_id = %(recall)s)"
    " ORDER BY h.released_by IS NULL, h.placed_at, h.hold_id LIMIT %(limit)s"
)
_WALK: Final = (
    "SELECT h.hold_id, h.kind, s.account_id, coalesce(pl.name_vi, s.account_id) AS place_name_vi,"
    " coalesce(pl.name_en, s.account_id) AS place_name_en, h.product_id, p.name_vi AS product_name_vi,"
    " p.name_en AS product_name_en, p.base_unit_vi, p.base_unit_en, s.lot, s.quantity, s.serial_numbers"
    " FROM stock_hold h JOIN product p USING (product_id) CROSS JOIN LATERAL ("
    " SELECT b.account_id, b.lot, least(h.quantity, b.quantity)::bigint AS quantity,"
    " coalesce((SELECT array_agg(k.serial_number ORDER BY k.serial_number)"
    " FROM pack k WHERE h.quantity IS NULL AND k.account_id = b.account_id AND k.product_id = b.product_id"
    " AND k.lot = b.lot AND k.units > 0),"
    " '{}') AS serial_numbers FROM stock_balance b WHERE h.serial_number IS NULL AND b.quantity > 0 AND"
    + _HELD
    + " UNION ALL SELECT k.account_id, k.lot, k.units::bigint, ARRAY[k.serial_number] FROM pack k"
    " WHERE k.gtin = h.gtin AND k.serial_number = h.serial_number AND k.units > 0) s"
    " JOIN stock_account a ON a.account_id = s.account_id LEFT JOIN place pl USING (place_id)"
    " WHERE (a.place_id IS NOT NULL OR a.account_id = 'in_transit')"
    " AND (%(recall)s::uuid IS NULL OR h.recall_id = %(recall)s)"
    " ORDER BY coalesce(pl.name_vi, s.account_id), p.name_vi, s.lot, h.hold_id LIMIT %(limit)s"
)


def place(connection: Connection, hold: NewHold) -> holds.Outcome:
    """Nothing in its scope is given out from now on.

    Raises:
        WorkRefusedError: an unknown product or place.
        HoldConflictError: the id is known with another scope.
        InventoryError: it says nothing or holds nothing.
    """
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM product WHERE product_id = %s), %s::text IS NULL"
        " OR EXISTS (SELECT FROM stock_account WHERE account_id = %s)",
        (hold.product_id, hold.account_id, hold.account_id),
    ).fetchone()
    if row is None or not row[0]:
        message = f"product {hold.product_id!r} is not in the catalogue"
        raise WorkRefusedError("product_unknown", message, product=hold.product_id)
    if not row[1]:
        raise WorkRefusedError("place_unknown", f"no stock is kept at {hold.account_id!r}", place=hold.account_id)
    return holds.place_hold(connection, hold)


def ask_release(connection: Connection, hold_id: uuid.UUID, person: str, reason: str, now: datetime) -> None:
    """The first person's half. A hold of a recall is released with the whole recall.

    Raises:
        WorkNotFoundError: there is none of this id.
        WorkRefusedError: it belongs to a recall.
        HoldStateError: it is over, or no reason is given.
    """
    _refuse_recall(connection, hold_id)
    with connection.transaction():
        holds.ask_release(connection, hold_id, person, reason, now)


def confirm_release(connection: Connection, hold_id: uuid.UUID, person: str, now: datetime) -> None:
    """The second person's half: the hold is over.

    Raises:
        WorkNotFoundError: there is none of this id.
        WorkRefusedError: it belongs to a recall.
        SecondPersonError: it is the person who asked.
        HoldStateError: it is over, or nobody asked.
    """
    _refuse_recall(connection, hold_id)
    with connection.transaction():
        holds.confirm_release(connection, hold_id, person, now)


def open_now(
    connection: Connection, *, kind: HoldKind | None = None, recall_id: uuid.UUID | None = None, limit: int = 500
) -> list[OpenHold]:
    """Those that wait for a second person first, then the oldest."""
    return all_rows(connection, OpenHold, _OPEN, {"kind": kind, "recall": recall_id, "limit": limit})


def walk(connection: Connection, *, recall_id: uuid.UUID | None = None, limit: int = 2000) -> list[HeldGoods]:
    """All that is held, in the order of places: the list to walk by."""
    return all_rows(connection, HeldGoods, _WALK, {"recall": recall_id, "limit": limit})


def _refuse_recall(connection: Connection, hold_id: uuid.UUID) -> None:
    row = connection.execute("SELECT recall_id FROM stock_hold WHERE hold_id = %s", (hold_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("hold_unknown", f"no hold {hold_id}")
    if row[0] is not None:
        raise WorkRefusedError("hold_of_recall", "this hold belongs to a recall: release the recall as a whole")
