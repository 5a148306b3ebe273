"""What all packs of the house went through: worked out once for each way that packs took together, not for each pack.

Packs of a delivery that were put into the same fridge at the same time have one way. The database groups them; the
climate is asked once for each stay (`ClimateReads` keeps its answers).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.cold_chain.climate_reads import ClimateReads
from gateway.cold_chain.thermal_history import advice_on, limits_of, read_goods, stability_of
from gateway.db.pool import Connection
from inventory.cold_chain.climate import Tally
from inventory.cold_chain.disposition import Recommendation
from inventory.cold_chain.exposure import Exposure
from inventory.cold_chain.instant import to_us
from inventory.cold_chain.journey import is_measured


@dataclass(frozen=True)
class Way:
    """Packs of one lot that stood in the same places at the same times."""

    product_id: str
    lot: str
    packs: tuple[tuple[str, str], ...]
    """GTIN and serial number."""
    exposure: Exposure
    minutes_left: float | None
    advice: Recommendation


# A movement that was taken back is left out with what took it back. In transit is each transfer's own.
_WAYS: Final = (
    "WITH moves AS (SELECT m.gtin, m.serial_number, m.product_id, m.lot, m.occurred_at, m.received_at, m.movement_id,"
    " CASE WHEN m.to_account_id IN ('in_transit', 'repacked') THEN m.to_account_id || '/' ||"
    " coalesce(d.body ->> 'about_document_id', m.document_id::text, '') ELSE m.to_account_id END AS spot"
    " FROM movement m LEFT JOIN stock_document d USING (document_id) WHERE m.serial_number IS NOT NULL"
    " AND m.kind <> 'reverse' AND NOT EXISTS (SELECT FROM movement r WHERE r.reverses_movement_id = m.movement_id)),"
    " ways AS (SELECT gtin, serial_number, min(product_id) AS product_id, min(lot) AS lot,"
    " array_agg(spot ORDER BY occurred_at, received_at, movement_id) AS spots,"
    " array_agg(occurred_at ORDER BY occurred_at, received_at, movement_id) AS times FROM moves GROUP BY 1, 2)"
    " SELECT w.product_id, w.lot, w.spots, w.times, array_agg(w.gtin ORDER BY w.gtin, w.serial_number),"
    " array_agg(w.serial_number ORDER BY w.gtin, w.serial_number) FROM ways w"
    " JOIN pack k USING (gtin, serial_number) JOIN stock_account a USING (account_id)"
    " WHERE k.units > 0 AND (a.place_id IS NOT NULL OR a.account_id = 'in_transit') GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"
)


def ways(connection: Connection, now: datetime) -> Iterator[Way]:
    """Of every pack that the hospital has."""
    reads = ClimateReads(connection)
    now_us = to_us(now)
    for product_id, lot, spots, times, gtins, serials in connection.execute(_WAYS).fetchall():
        goods = read_goods(connection, product_id, lot)
        if goods is None:
            continue
        limits = limits_of(goods)
        total = Tally()
        for spot, begin, end in _stays(spots, [to_us(at) for at in times], now_us):
            total.add(reads.at_spot(spot, begin, end, limits))
        exposure = total.exposure()
        packs = tuple(zip(gtins, serials, strict=True))
        left = stability_of(goods).remaining(exposure)
        yield Way(product_id, lot, packs, exposure, left, advice_on(goods, exposure))


def _stays(spots: list[Any], times: list[int], now_us: int) -> Iterator[tuple[str, int, int]]:
    for spot, begin, end in zip(spots, times, [*times[1:], now_us], strict=True):
        if is_measured(spot) and end > begin:
            yield spot, begin, end
