"""Goods that an excursion found on their way: held where they arrive, in the transaction that books the arrival.

Packs are held one by one and stay held wherever they go. Loose units are held as so many units in transit; when a
transfer that left the place while it was too warm arrives, as many are held at its target.
"""

import uuid
from datetime import datetime
from typing import Final

from gateway.db.pool import Connection
from gateway.stock.holds import NewHold, write_holds

PLACED_BY: Final = "cold chain"
_NAMES: Final = uuid.UUID("d1a0a8f2-54f4-5d7b-9a52-6a4d9c6a6f0e")

# The transfer left while the excursion was there: its lots that are held in transit for it.
_HELD: Final = (
    "SELECT s.excursion_id, s.product_id, s.lot, h.hold_id, h.reason, h.reason_code, h.quantity"
    " FROM excursion_stock s JOIN stock_hold h USING (hold_id) JOIN excursion e USING (excursion_id)"
    " WHERE s.account_id = 'in_transit' AND s.serial_number IS NULL AND h.released_at IS NULL AND EXISTS ("
    " SELECT FROM movement m WHERE m.document_id = %(transfer)s AND m.kind = 'transfer_out'"
    " AND m.product_id = s.product_id AND m.lot = s.lot AND m.serial_number IS NULL AND m.occurred_at >= e.started_at"
    " AND (e.ended_at IS NULL OR m.occurred_at <= e.ended_at)) ORDER BY s.excursion_id, s.product_id, s.lot"
)
_ARRIVED: Final = (
    "SELECT to_account_id, sum(quantity)::bigint FROM movement WHERE document_id = %(arrival)s AND kind = 'transfer_in'"
    " AND product_id = %(product)s AND lot = %(lot)s AND serial_number IS NULL GROUP BY 1"
)


def follow_arrival(
    connection: Connection, transfer_id: uuid.UUID, arrival_id: uuid.UUID, number: str, now: datetime
) -> int:
    """Hold what arrived of goods that are held on their way; how many lots."""
    held = connection.execute(_HELD, {"transfer": transfer_id}).fetchall()
    followed = 0
    for excursion_id, product_id, lot, way_hold_id, reason, reason_code, waiting in held:
        values = {"arrival": arrival_id, "product": product_id, "lot": lot}
        for account_id, quantity in connection.execute(_ARRIVED, values).fetchall():
            part = min(quantity, waiting or quantity)
            hold_id = uuid.uuid5(_NAMES, f"{excursion_id}/{arrival_id}/{product_id}/{lot}/{account_id}")
            hold = NewHold(
                *(hold_id, "on_hold", product_id, reason, PLACED_BY, now, lot),
                account_id=account_id,
                reason_code=reason_code,
                quantity=part,
            )
            write_holds(connection, [hold])
            connection.execute(
                "INSERT INTO excursion_stock (excursion_id, product_id, lot, account_id, quantity, found_at, hold_id)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (excursion_id, product_id, lot, account_id, part, now, hold_id),
            )
            _shorten(connection, way_hold_id, part, number, now)
            followed += 1
    return followed


def _shorten(connection: Connection, way_hold_id: uuid.UUID, part: int, number: str, now: datetime) -> None:
    """So many fewer are on their way; when none is, that hold ends: the same units are held where they arrived."""
    rest = connection.execute(
        "UPDATE stock_hold SET quantity = quantity - %(part)s WHERE hold_id = %(hold)s AND quantity > %(part)s"
        " AND released_at IS NULL RETURNING quantity",
        {"part": part, "hold": way_hold_id},
    ).fetchone()
    if rest is None:
        connection.execute(
            "UPDATE stock_hold SET released_by = %(by)s, release_asked_at = %(now)s, release_reason = %(number)s,"
            " released_second = %(number)s, released_at = %(now)s WHERE hold_id = %(hold)s AND released_at IS NULL",
            {"by": PLACED_BY, "now": now, "number": number, "hold": way_hold_id},
        )
