"""The whole thermal history of a pack or a lot: each stay with what it did, the sum, what is left of the budget.

A pack is followed by itself. Units of a lot can't be told apart: a lot's figures are the worst that any unit which
stands there now can have gone through. Both are worked out of movements and the climate when asked for, so a late
reading, a late movement or a logger's report counts at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from gateway.cold_chain.climate_reads import ClimateReads
from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows
from inventory.cold_chain.climate import Limits, Tally
from inventory.cold_chain.disposition import Recommendation, Stability, recommend
from inventory.cold_chain.exposure import Exposure
from inventory.cold_chain.instant import from_us, to_us
from inventory.cold_chain.journey import LotJourney, Move, Stay, is_measured, stays_of_pack, without_taken_back
from inventory.cold_chain.storage_class import CLASSES

Source = Literal["thermometer", "logger", "both", "nothing", "not_asked"]


class Figures(Row):
    """What was gone through in a time."""

    minutes_above: float
    minutes_below: float
    minutes_inside: float
    minutes_unknown: float
    lowest_celsius: float | None
    highest_celsius: float | None
    mkt_celsius: float | None


class Leg(Row):
    """A stay."""

    account_id: str
    place_id: str | None
    place_name_vi: str | None
    place_name_en: str | None
    arrived_by: str
    """Kind of the movement that brought it."""
    document_id: str | None
    document_number: str | None
    from_at: datetime
    until_at: datetime | None
    """Null: it is there now."""
    quantity: int
    source: Source
    """Who measured; `not_asked`: out of the hospital's hands."""
    figures: Figures
    minutes_left: float | None
    """Of the budget, after it; of a lot null."""


class Goods(Row):
    """What it is about."""

    product_id: str
    product_name_vi: str
    product_name_en: str
    base_unit_vi: str
    base_unit_en: str
    storage_class: str
    low_celsius: float
    high_celsius: float
    lot: str
    expiry_date: date | None
    gtin: str | None
    serial_number: str | None
    stability_minutes: int | None
    stability_celsius: float | None
    stability_source: str


class Standing(Row):
    """Of a lot: what stands in one place now, or ended there."""

    account_id: str
    place_name_vi: str | None
    place_name_en: str | None
    quantity: int
    figures: Figures
    minutes_left: float | None
    advice: str
    ground: str


class ExcursionSeen(Row):
    """An excursion that it was there for."""

    excursion_id: str
    place_name_vi: str
    place_name_en: str
    side: str
    threshold: float
    started_at: datetime
    ended_at: datetime | None
    triggered_at: datetime | None
    peak_celsius: float
    changes: int


class ThermalHistory(Row):
    """All of it."""

    goods: Goods
    as_of: datetime
    legs: tuple[Leg, ...]
    total: Figures
    """From receipt to now, or until it was given away. Of a lot: the worst of what stands there now."""
    minutes_left: float | None
    """Of the product's budget; null: its maker said nothing. Time that nobody measured is taken off."""
    advice: str
    ground: str
    standing: tuple[Standing, ...] = ()
    excursions: tuple[ExcursionSeen, ...] = ()


@dataclass(frozen=True)
class Names:
    """Of places and documents."""

    places: dict[str, tuple[str, str]]
    documents: dict[str, str]


_MOVES: Final = (
    "SELECT m.movement_id::text, m.reverses_movement_id::text, m.occurred_at, m.kind, m.from_account_id,"
    " m.to_account_id, m.quantity, coalesce(d.body ->> 'about_document_id', m.document_id::text, '')"
    " FROM movement m LEFT JOIN stock_document d USING (document_id) WHERE m.gtin = %s AND m.serial_number = %s"
    " ORDER BY m.occurred_at, (m.to_account_id = 'in_transit') DESC, m.received_at, m.movement_id"
)
# Packs that were moved together are one movement of their lot.
_LOT_MOVES: Final = (
    "SELECT min(m.movement_id::text), NULL, m.occurred_at, m.kind, m.from_account_id, m.to_account_id,"
    " sum(m.quantity)::bigint, coalesce(d.body ->> 'about_document_id', m.document_id::text, '') AS document"
    " FROM movement m LEFT JOIN stock_document d USING (document_id) WHERE m.product_id = %s AND m.lot = %s"
    " AND m.kind <> 'reverse' AND NOT EXISTS (SELECT FROM movement r WHERE r.reverses_movement_id = m.movement_id)"
    " GROUP BY m.occurred_at, m.kind, m.from_account_id, m.to_account_id, document"
    " ORDER BY m.occurred_at, (m.to_account_id = 'in_transit') DESC, min(m.received_at), 1"
)
_GOODS: Final = (
    "SELECT p.product_id, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, p.storage_class, l.lot, l.expiry_date,"
    " p.stability_minutes, p.stability_celsius, p.stability_source FROM product p JOIN lot l USING (product_id)"
    " WHERE p.product_id = %s AND l.lot = %s"
)
_EXCURSIONS: Final = (
    "SELECT e.excursion_id::text, p.name_vi AS place_name_vi, p.name_en AS place_name_en, e.rule ->> 'side' AS side,"
    " (e.rule ->> 'threshold')::float8 AS threshold, e.started_at, e.ended_at, e.triggered_at, e.peak_celsius,"
    " (SELECT count(*) FROM excursion_change c WHERE c.excursion_id = e.excursion_id) AS changes"
    " FROM excursion e JOIN place p USING (place_id) WHERE e.taken_back_at IS NULL AND e.place_id = %(place)s"
    " AND (e.storage_class IS NULL OR e.storage_class = %(class)s) AND e.started_at < %(until)s"
    " AND (e.ended_at IS NULL OR e.ended_at > %(from)s) ORDER BY e.started_at LIMIT 200"
)


def of_pack(connection: Connection, gtin: str, serial_number: str, now: datetime) -> ThermalHistory | None:
    """Of one serialised pack; None: the books don't know it."""
    row = connection.execute(
        "SELECT product_id, lot FROM pack WHERE gtin = %s AND serial_number = %s", (gtin, serial_number)
    ).fetchone()
    goods = None if row is None else read_goods(connection, row[0], row[1], gtin, serial_number)
    if goods is None:
        return None
    moves = _moves(connection, gtin, serial_number)
    reads = ClimateReads(connection)
    stays = _with_the_way_here(reads, stays_of_pack(moves))
    legs = _legs(connection, reads, goods, stays, to_us(now))
    total = Tally()
    for _, tally in legs:
        total.add(tally)
    return _history(connection, goods, now, legs, total)


def of_lot(connection: Connection, product_id: str, lot: str, now: datetime) -> ThermalHistory | None:
    """Of all units of a lot; None: the books don't know it."""
    goods = read_goods(connection, product_id, lot)
    if goods is None:
        return None
    reads = ClimateReads(connection)
    journey = lot_journey(connection, reads, goods)
    now_us = to_us(now)
    stays = journey.all_stays()
    legs = _legs(connection, reads, goods, _with_the_way_here(reads, stays), now_us, cumulative=False)
    standing = {spot: journey.exposure_at(spot, now_us) for spot in journey.standing()}
    held = [tally for spot, tally in standing.items() if is_measured(spot)] or list(standing.values())
    total = max(held, key=lambda tally: (tally.above_us + tally.below_us, tally.unknown_us), default=Tally())
    history = _history(connection, goods, now, legs, total)
    names = read_names(connection, {*standing}, set())
    return history.model_copy(
        update={"standing": tuple(_standing(goods, spot, journey, standing[spot], names) for spot in sorted(standing))}
    )


def lot_journey(connection: Connection, reads: ClimateReads, goods: Goods) -> LotJourney:
    """All of a lot's movements, with what its units went through by them."""
    limits = limits_of(goods)
    rows = connection.execute(_LOT_MOVES, (goods.product_id, goods.lot)).fetchall()
    moves = without_taken_back((row[0], row[1], Move(to_us(row[2]), *row[3:])) for row in rows)
    journey = LotJourney(lambda spot, from_us, until_us: reads.at_spot(spot, from_us, until_us, limits))
    for move in moves:
        journey.move(move)
    return journey


def pack_exposure(connection: Connection, reads: ClimateReads, goods: Goods, now: datetime) -> Exposure:
    """Of one pack, without its page."""
    moves = _moves(connection, goods.gtin or "", goods.serial_number or "")
    total = Tally()
    for stay in _with_the_way_here(reads, stays_of_pack(moves)):
        total.add(_tally(reads, goods, stay, to_us(now)))
    return total.exposure()


def read_goods(
    connection: Connection, product_id: str, lot: str, gtin: str | None = None, serial_number: str | None = None
) -> Goods | None:
    """What a pack or lot is."""
    row = connection.execute(_GOODS, (product_id, lot)).fetchone()
    if row is None:
        return None
    storage = CLASSES[row[5]]
    return Goods(
        product_id=row[0],
        product_name_vi=row[1],
        product_name_en=row[2],
        base_unit_vi=row[3],
        base_unit_en=row[4],
        storage_class=row[5],
        low_celsius=storage.low_celsius,
        high_celsius=storage.high_celsius,
        lot=row[6],
        expiry_date=row[7],
        gtin=gtin,
        serial_number=serial_number,
        stability_minutes=row[8],
        stability_celsius=row[9],
        stability_source=row[10],
    )


def limits_of(goods: Goods) -> Limits:
    """Strictly outside of them is time above and below."""
    return Limits(goods.low_celsius, goods.high_celsius)


def stability_of(goods: Goods) -> Stability:
    """What its maker allows."""
    return Stability(goods.stability_minutes, goods.stability_celsius, goods.stability_source)


def advice_on(goods: Goods, exposure: Exposure) -> Recommendation:
    """What the figures say."""
    return recommend(exposure, stability_of(goods), may_freeze=goods.storage_class in {"freezer", "ultra_cold"})


def figures(exposure: Exposure) -> Figures:
    """For pages and programs."""
    return Figures(
        minutes_above=exposure.minutes_above,
        minutes_below=exposure.minutes_below,
        minutes_inside=exposure.minutes_inside,
        minutes_unknown=exposure.minutes_unknown,
        lowest_celsius=exposure.lowest_celsius,
        highest_celsius=exposure.highest_celsius,
        mkt_celsius=None if exposure.mkt_celsius is None else round(exposure.mkt_celsius, 4),
    )


def read_names(connection: Connection, spots: set[str], documents: set[str]) -> Names:
    """Of the places and documents of a history."""
    place_ids = [spot.removeprefix("place:") for spot in spots if spot.startswith("place:")]
    places = connection.execute(
        "SELECT place_id, name_vi, name_en FROM place WHERE place_id = ANY(%s)", (place_ids,)
    ).fetchall()
    numbers = connection.execute(
        "SELECT document_id::text, number FROM stock_document WHERE document_id::text = ANY(%s)", (sorted(documents),)
    ).fetchall()
    return Names({row[0]: (row[1], row[2]) for row in places}, dict(numbers))


def _moves(connection: Connection, gtin: str, serial_number: str) -> list[Move]:
    rows = connection.execute(_MOVES, (gtin, serial_number))
    return without_taken_back((row[0], row[1], Move(to_us(row[2]), *row[3:])) for row in rows)


def _with_the_way_here(reads: ClimateReads, stays: Sequence[Stay]) -> list[Stay]:
    """Before a receipt that a logger travelled with, the time that the logger tells of."""
    found: list[Stay] = []
    for stay in stays:
        if stay.arrived_by == "receive" and stay.document:
            spot = f"supplier/{stay.document}"
            begun = min((logger.from_us for logger in reads.loggers(spot)), default=stay.from_us)
            if begun < stay.from_us:
                found.append(Stay(spot, begun, stay.from_us, stay.quantity, "receive", stay.document))
        found.append(stay)
    return found


def _tally(reads: ClimateReads, goods: Goods, stay: Stay, now_us: int) -> Tally:
    is_asked = is_measured(stay.spot) or stay.spot.startswith("supplier/")
    until = now_us if stay.until_us is None else stay.until_us
    if not is_asked or until <= stay.from_us:
        return Tally()
    return reads.at_spot(stay.spot, stay.from_us, until, limits_of(goods))


def _legs(
    connection: Connection,
    reads: ClimateReads,
    goods: Goods,
    stays: Sequence[Stay],
    now_us: int,
    *,
    cumulative: bool = True,
) -> list[tuple[Leg, Tally]]:
    names = read_names(connection, {stay.spot for stay in stays}, {stay.document for stay in stays})
    sum_so_far = Tally()
    legs: list[tuple[Leg, Tally]] = []
    for stay in stays:
        tally = _tally(reads, goods, stay, now_us)
        sum_so_far.add(tally)
        place_id = stay.spot.removeprefix("place:") if stay.spot.startswith("place:") else None
        name = names.places.get(place_id or "", (None, None))
        values: dict[str, Any] = {
            "account_id": stay.account,
            "place_id": place_id,
            "place_name_vi": name[0],
            "place_name_en": name[1],
            "arrived_by": stay.arrived_by,
            "document_id": stay.document or None,
            "document_number": names.documents.get(stay.document),
            "from_at": from_us(stay.from_us),
            "until_at": None if stay.until_us is None else from_us(stay.until_us),
            "quantity": stay.quantity,
            "source": _source(reads, stay, tally),
            "figures": figures(tally.exposure()),
            "minutes_left": stability_of(goods).remaining(sum_so_far.exposure()) if cumulative else None,
        }
        legs.append((Leg(**values), tally))
    return legs


def _source(reads: ClimateReads, stay: Stay, tally: Tally) -> Source:
    if not is_measured(stay.spot) and not stay.spot.startswith("supplier/"):
        return "not_asked"
    if not tally.known_us:
        return "nothing"
    has_logger = bool(reads.loggers(stay.spot))
    if not stay.spot.startswith("place:"):
        return "logger"
    has_thermometer = bool(reads.thermometers(stay.spot.removeprefix("place:")))
    if has_logger and has_thermometer:
        return "both"
    return "logger" if has_logger else "thermometer"


def _history(
    connection: Connection, goods: Goods, now: datetime, legs: Sequence[tuple[Leg, Tally]], total: Tally
) -> ThermalHistory:
    exposure = total.exposure()
    advice = advice_on(goods, exposure)
    seen: dict[str, ExcursionSeen] = {}
    for leg, _ in legs:
        for one in _seen(connection, goods, leg, now):
            seen[one.excursion_id] = one
    return ThermalHistory(
        goods=goods,
        as_of=now,
        legs=tuple(leg for leg, _ in legs),
        total=figures(exposure),
        minutes_left=stability_of(goods).remaining(exposure),
        advice=advice.advice,
        ground=advice.ground,
        excursions=tuple(sorted(seen.values(), key=lambda one: one.started_at)),
    )


def _seen(connection: Connection, goods: Goods, leg: Leg, now: datetime) -> list[ExcursionSeen]:
    if leg.place_id is None:
        return []
    found: list[ExcursionSeen] = []
    for place_id in {thermometer.place_id for thermometer in ClimateReads(connection).thermometers(leg.place_id)}:
        values = {
            "place": place_id,
            "class": goods.storage_class,
            "from": leg.from_at,
            "until": leg.until_at or now,
        }
        found += all_rows(connection, ExcursionSeen, _EXCURSIONS, values)
    return found


def _standing(goods: Goods, spot: str, journey: LotJourney, tally: Tally, names: Names) -> Standing:
    exposure = tally.exposure()
    advice = advice_on(goods, exposure)
    name = names.places.get(spot.removeprefix("place:"), (None, None))
    return Standing(
        account_id=spot.partition("/")[0],
        place_name_vi=name[0],
        place_name_en=name[1],
        quantity=journey.standing()[spot],
        figures=figures(exposure),
        minutes_left=stability_of(goods).remaining(exposure),
        advice=advice.advice,
        ground=advice.ground,
    )
