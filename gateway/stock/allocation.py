"""Allocation over real stock: which lots to take for a need, in which place, and of each unit that stays why it does.

The rules are `inventory.fefo`. Here the stock, holds and promises are read for it, and under locks what is proposed is
promised: whoever asks next is told who has it.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.stock import locks
from gateway.stock.count_scope import accounts_of
from gateway.stock.guard import open_holds_of
from gateway.stock.lines import HOSPITAL_ZONE
from inventory.fefo import Allocation, Candidate, Need, PackPolicy, Reservation, SerialPack, allocate
from inventory.ledger import BalanceKey
from inventory.lot_state import Hold

_LAST_TAKEN_MAX: Final = 3


@dataclass(frozen=True)
class Wanted:
    """So much of a product from a place and what is inside it."""

    product_id: str
    quantity: int
    """Base units."""
    account_ids: tuple[str, ...]
    """In order of preference."""
    shelf_life_days: int = 0
    pack_policy: PackPolicy = "loose"


@dataclass(frozen=True)
class TakenBefore:
    """Who took the product from there lately: what a person who finds none wants to know."""

    at: datetime
    person: str | None
    quantity: int
    lot: str
    to_account_id: str
    document_number: str | None


def accounts_of_place(connection: Connection, place_id: str) -> tuple[str, ...]:
    """The place's own account first, then those of all that is inside it.

    Raises:
        WorkRefusedError: there is no such place.
    """
    own = f"place:{place_id}"
    found = accounts_of(connection, [place_id], below=True)
    return tuple(sorted(found, key=lambda account: (account != own, account)))


def lock_stock(connection: Connection, product_ids: Collection[str], account_ids: Collection[str]) -> None:
    """Until the transaction ends nobody else promises or takes any of these products there."""
    locks.enter_with_others(connection)
    rows = connection.execute(
        "SELECT account_id, product_id, lot FROM stock_balance"
        " WHERE quantity <> 0 AND product_id = ANY(%s) AND account_id = ANY(%s)",
        (list(product_ids), list(account_ids)),
    )
    locks.lock_existing_balances(connection, [BalanceKey(*row) for row in rows])


def propose(
    connection: Connection,
    wanted: Wanted,
    now: datetime,
    *,
    zone: ZoneInfo = HOSPITAL_ZONE,
    besides: Collection[uuid.UUID] = (),
) -> Allocation:
    """What to take, first expired first out; all other stock of the product in the house is explained.

    What reservations in `besides` hold counts as free. Nothing is locked or promised by this alone.

    Raises:
        InventoryError: a need that nothing can answer.
    """
    need = Need(
        product_id=wanted.product_id,
        quantity=wanted.quantity,
        today=now.astimezone(zone).date(),
        accounts=wanted.account_ids,
        shelf_life_days=wanted.shelf_life_days,
        pack_policy=wanted.pack_policy,
    )
    holds = open_holds_of(connection, [wanted.product_id])
    values = {"product": wanted.product_id, "zone": zone.key, "now": now, "besides": list(besides)}
    return allocate(need, _candidates(connection, values, holds), holds)


def taken_lately(connection: Connection, product_id: str, account_ids: Sequence[str]) -> list[TakenBefore]:
    """The last few that gave the product out from there, the newest first."""
    rows = connection.execute(
        "SELECT m.occurred_at, m.person, m.quantity, m.lot, m.to_account_id, d.number FROM movement m"
        " LEFT JOIN stock_document d USING (document_id) WHERE m.product_id = %s AND m.from_account_id = ANY(%s)"
        " AND m.kind IN ('issue', 'dispense', 'transfer_out', 'repack_out', 'waste', 'return_out')"
        " ORDER BY m.occurred_at DESC, m.movement_id LIMIT %s",
        (product_id, list(account_ids), _LAST_TAKEN_MAX),
    )
    return [TakenBefore(*row) for row in rows]


def _candidates(connection: Connection, values: Mapping[str, Any], holds: Sequence[Hold]) -> list[Candidate]:
    """Every lot of the product in every place, and what is on its way."""
    promised: dict[tuple[str, str], list[Reservation]] = defaultdict(list)
    for account_id, lot, quantity, by in connection.execute(_PROMISED, values):
        promised[account_id, lot].append(Reservation(int(quantity), str(by)))
    held = _held_packs(connection, values["product"], holds)
    return [
        Candidate(
            account_id=str(row[0]),
            lot=str(row[1]),
            expiry_date=row[2],
            on_hand=int(row[3]),
            pack_units=int(row[5]),
            reservations=tuple(promised[row[0], row[1]]),
            serial_packs=tuple(held[row[0], row[1]]),
            first_seen=row[4],
        )
        for row in connection.execute(_STANDING, values)
    ]


_STANDING: Final = (
    "SELECT b.account_id, b.lot, l.expiry_date, b.quantity, (l.first_seen_at AT TIME ZONE %(zone)s)::date,"
    " coalesce((SELECT min(units) FROM trade_item t WHERE t.product_id = b.product_id AND units > 1), 1)"
    " FROM stock_balance b JOIN lot l USING (product_id, lot) JOIN stock_account a USING (account_id)"
    " WHERE b.product_id = %(product)s AND b.quantity <> 0 AND (a.place_id IS NOT NULL OR account_id = 'in_transit')"
)
_PROMISED: Final = (
    "SELECT r.account_id, r.lot, r.quantity, concat_ws(', ', r.created_by, d.number) FROM stock_reservation r"
    " LEFT JOIN stock_document d USING (document_id) WHERE r.product_id = %(product)s AND r.state = 'pending'"
    " AND r.expires_at > %(now)s AND NOT r.reservation_id = ANY(%(besides)s) ORDER BY r.created_at, r.reservation_id"
)


def _held_packs(
    connection: Connection, product_id: str, holds: Sequence[Hold]
) -> dict[tuple[str, str], list[SerialPack]]:
    """Packs that a hold names one by one, by account and lot."""
    keys = sorted({(hold.gtin or "", hold.serial_number or "") for hold in holds if hold.is_of_a_pack})
    found: dict[tuple[str, str], list[SerialPack]] = defaultdict(list)
    if not keys:
        return found
    rows: Sequence[tuple[Any, ...]] = connection.execute(
        "SELECT account_id, lot, gtin, serial_number, units FROM unnest(%s::text[], %s::text[]) AS k (g, s)"
        " JOIN pack ON gtin = k.g AND serial_number = k.s WHERE product_id = %s ORDER BY gtin, serial_number",
        ([key[0] for key in keys], [key[1] for key in keys], product_id),
    ).fetchall()
    for account_id, lot, gtin, serial_number, units in rows:
        found[account_id, lot].append(SerialPack(gtin, serial_number, units))
    return found
