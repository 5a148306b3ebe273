"""Where each serialised pack is, and how much is left in it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from gateway.db.pool import Connection
from gateway.stock.lines import Line
from inventory.errors import PackElsewhereError
from inventory.ledger import UNGUARDED_ACCOUNTS

PackKey = tuple[str, str]
"""GTIN and serial number."""


@dataclass(frozen=True)
class Pack:
    """Where the books have a serialised pack."""

    product_id: str
    lot: str
    expiry_date: date | None
    units: int
    """Base units left in it."""
    account_id: str
    last_movement_id: uuid.UUID
    last_moved_at: datetime


def read_packs(connection: Connection, keys: Sequence[PackKey]) -> dict[PackKey, Pack]:
    """The packs that the books have; lock them first to rely on it."""
    if not keys:
        return {}
    rows = connection.execute(
        "SELECT pack.gtin, pack.serial_number, pack.product_id, pack.lot, pack.expiry_date, pack.units,"
        " pack.account_id, pack.last_movement_id, movement.occurred_at"
        " FROM unnest(%s::text[], %s::text[]) AS k (g, s) JOIN pack ON pack.gtin = k.g AND pack.serial_number = k.s"
        " JOIN movement ON movement_id = last_movement_id",
        ([key[0] for key in keys], [key[1] for key in keys]),
    )
    return {(str(row[0]), str(row[1])): Pack(*row[2:]) for row in rows}


def after(line: Line, pack: Pack | None, occurred_at: datetime) -> Pack | None:
    """The pack after the movement; None if the line moves none.

    A part taken out of a pack leaves the pack where it is, with less in it; a part that comes back to where its pack
    is goes into it again; a pack that comes back from outside holds what came back.

    Raises:
        PackElsewhereError: the books have it elsewhere, or nowhere, or in another lot.
    """
    goods = line.goods
    if goods.serial_number is None or not line.moves_pack:
        return None
    name = f"pack {goods.serial_number!r} of {goods.gtin}"
    account_id, units = line.to_account_id, goods.quantity
    expiry_date = goods.expiry_date
    if pack is None:
        if line.from_account_id not in UNGUARDED_ACCOUNTS:
            message = f"{name}: the books have none, so it can't be taken from {line.from_account_id!r}"
            raise PackElsewhereError(message, code="pack_unknown", pack=goods.serial_number)
    elif (pack.product_id, pack.lot) != (goods.product_id, goods.lot):
        raise PackElsewhereError(
            f"{name}: the books have it in lot {pack.lot!r} of {pack.product_id}, not {goods.lot!r} of"
            f" {goods.product_id}",
            code="pack_other_lot",
            pack=goods.serial_number,
            books_product=pack.product_id,
            books_lot=pack.lot,
            product=goods.product_id,
            lot=goods.lot,
        )
    elif pack.account_id == line.to_account_id and not is_inside(line.from_account_id):
        account_id, units = pack.account_id, pack.units + goods.quantity
    elif pack.account_id != line.from_account_id:
        message = f"{name}: it is at {pack.account_id!r}, not at {line.from_account_id!r}"
        raise PackElsewhereError(message, pack=goods.serial_number, account=pack.account_id)
    elif goods.quantity > pack.units and is_inside(pack.account_id):
        message = f"{name}: {pack.units} base units are left in it, {goods.quantity} wanted"
        facts = {"pack": goods.serial_number, "product": goods.product_id, "wanted": goods.quantity}
        raise PackElsewhereError(message, code="more_than_pack", units=pack.units, **facts)
    elif goods.quantity < pack.units and is_inside(pack.account_id):
        account_id, units = pack.account_id, pack.units - goods.quantity
    if pack is not None:
        expiry_date = pack.expiry_date or goods.expiry_date
    return Pack(goods.product_id, goods.lot, expiry_date, units, account_id, line.movement_id, occurred_at)


def is_inside(account_id: str) -> bool:
    """Goods there are ours and can be counted: in a place, or on the way between two."""
    return account_id.startswith("place:") or account_id == "in_transit"


def write_packs(connection: Connection, packs: dict[PackKey, Pack]) -> None:
    """Note where they are now; a known expiry date is never blanked."""
    if not packs:
        return
    keys, values = list(packs), list(packs.values())
    connection.execute(
        "INSERT INTO pack (gtin, serial_number, product_id, lot, expiry_date, units, account_id, last_movement_id)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::date[], %s::integer[], %s::text[],"
        " %s::uuid[]) ON CONFLICT (gtin, serial_number) DO UPDATE SET units = excluded.units,"
        " account_id = excluded.account_id, last_movement_id = excluded.last_movement_id,"
        " expiry_date = coalesce(pack.expiry_date, excluded.expiry_date)",
        (
            *([key[0] for key in keys], [key[1] for key in keys], [pack.product_id for pack in values]),
            *([pack.lot for pack in values], [pack.expiry_date for pack in values], [pack.units for pack in values]),
            *([pack.account_id for pack in values], [pack.last_movement_id for pack in values]),
        ),
    )
