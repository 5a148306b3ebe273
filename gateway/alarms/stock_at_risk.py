"""From an excursion that alarmed to the goods that were there: written down, and held in the same transaction.

Held is what stands in the place now, with all places in it that have no limits of their own, and what has left it
since the excursion began: packs wherever they are, loose units of a lot as so many units of it in the place they went
to. What was given to a patient, wasted or returned is written down and can't be held. It is done when the excursion
alarms and again when it ends, so that goods which came in between are found too. Two people release a hold, after
judging.
"""

# ruff: noqa: S608 - put together from our own words only

import uuid
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.cold_chain.scope import INSIDE
from gateway.db.pool import Connection
from gateway.pager.messages import celsius_vi
from gateway.stock import locks
from gateway.stock.holds import NewHold, write_holds
from inventory.cold_chain.rule import Rule

PLACED_BY: Final = "cold chain"
_SCOPE: Final = f"WITH RECURSIVE {INSIDE}, scope AS (SELECT account_id FROM stock_account JOIN inside USING (place_id))"
_STANDING: Final = (
    _SCOPE + " SELECT product_id, lot, account_id, NULL::text, NULL::text, quantity FROM stock_balance"
    " JOIN scope USING (account_id) JOIN product p USING (product_id) WHERE quantity > 0"
    " AND (%(class)s::text IS NULL OR p.storage_class = %(class)s) ORDER BY 1, 2, 3"
)
# What left through in transit is looked for where the same document brought it; a reversal belongs to nowhere.
_LEFT: Final = (
    _SCOPE + ", gone AS (SELECT m.* FROM movement m WHERE m.from_account_id IN (SELECT account_id FROM scope)"
    " AND m.to_account_id NOT IN (SELECT account_id FROM scope) AND m.occurred_at >= %(since)s"
    " AND (%(until)s::timestamptz IS NULL OR m.occurred_at <= %(until)s) AND m.kind <> 'reverse'"
    " AND NOT EXISTS (SELECT FROM movement r WHERE r.reverses_movement_id = m.movement_id))"
    " SELECT g.product_id, g.lot, coalesce(k.account_id, a.to_account_id, g.to_account_id),"
    " CASE WHEN g.serial_number IS NOT NULL THEN g.gtin END, g.serial_number,"
    " sum(coalesce(k.units, g.quantity))::bigint"
    " FROM gone g LEFT JOIN pack k ON k.gtin = g.gtin AND k.serial_number = g.serial_number AND k.units > 0"
    " LEFT JOIN LATERAL (SELECT DISTINCT m.to_account_id FROM movement m WHERE g.to_account_id = 'in_transit'"
    " AND m.document_id = g.document_id AND m.kind = 'transfer_in' AND m.product_id = g.product_id"
    " AND m.lot = g.lot LIMIT 1) a ON true JOIN product p ON p.product_id = g.product_id"
    " WHERE %(class)s::text IS NULL OR p.storage_class = %(class)s GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
)
Found = tuple[str, str, str, str | None, str | None, int]
"""Product, lot, account; GTIN and serial number of a pack; base units."""
_KNOWN: Final = "SELECT product_id, lot, account_id, gtin, serial_number FROM excursion_stock WHERE excursion_id = %s"
_GOODS: Final = uuid.UUID("6e0a5b0e-54f4-5d7b-9a52-6a4d9c6a6f0e")
"""Names of holds are made from the excursion and the goods: found twice, it is one hold."""


def hold_stock(connection: Connection, excursion_id: uuid.UUID, rule: Rule, zone: ZoneInfo, now: datetime) -> int:
    """Find and hold the goods of an excursion that alarmed; how many lots and packs are held new.

    A rule that does not hold finds nothing; one of a storage class finds goods of that class only.
    """
    if not rule.holds_stock:
        return 0
    row = connection.execute(
        "SELECT e.place_id, p.name_vi, e.started_at, e.ended_at, e.storage_class FROM excursion e"
        " JOIN place p USING (place_id) WHERE excursion_id = %s",
        (excursion_id,),
    ).fetchone()
    if row is None:
        return 0
    place_id, place_name, started_at, ended_at, storage_class = row
    # Nobody moves goods between finding and holding them.
    locks.enter_alone(connection)
    scope = {"place": place_id, "since": started_at, "until": ended_at, "class": storage_class}
    standing: list[Found] = connection.execute(_STANDING.encode(), scope).fetchall()
    left: list[Found] = connection.execute(_LEFT.encode(), scope).fetchall()
    known = set(connection.execute(_KNOWN, (excursion_id,)).fetchall())
    reason = _reason(place_name, rule, started_at.astimezone(zone))
    fresh = [
        (found, _hold_of(excursion_id, found, reason, now, is_part=is_part))
        for is_part, goods in ((False, standing), (True, left))
        for found in goods
        if found[:5] not in known
    ]
    write_holds(connection, [hold for _, hold in fresh if hold is not None])
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO excursion_stock (excursion_id, product_id, lot, account_id, gtin, serial_number, quantity,"
            " found_at, hold_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(excursion_id, *found, now, None if hold is None else hold.hold_id) for found, hold in fresh],
        )
    return sum(hold is not None for _, hold in fresh)


def _hold_of(excursion_id: uuid.UUID, found: Found, reason: str, now: datetime, *, is_part: bool) -> NewHold | None:
    """None: out of the hospital's hands."""
    product_id, lot, account_id, gtin, serial_number, quantity = found
    if not account_id.startswith("place:") and account_id != "in_transit":
        return None
    is_pack = serial_number is not None
    hold_id = uuid.uuid5(_GOODS, f"{excursion_id}/{'/'.join(map(str, found[:5]))}")
    return NewHold(
        *(hold_id, "on_hold", product_id, reason, PLACED_BY, now, lot),
        account_id=None if is_pack else account_id,
        gtin=gtin,
        serial_number=serial_number,
        reason_code="hold_cold_chain",
        quantity=quantity if is_part and not is_pack else None,
    )


def _reason(place_name: str, rule: Rule, since: datetime) -> str:
    side = "cao hơn" if rule.side == "high" else "thấp hơn"
    limit = celsius_vi(rule.threshold)
    return f"{place_name}: nhiệt độ {side} {limit} từ {since:%H:%M} ngày {since:%d/%m/%Y}; chờ dược sĩ đánh giá"
