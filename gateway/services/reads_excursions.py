"""What is read of an alarm afterwards: excursions, the goods they found, and what late readings changed."""

from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from gateway.services.app_services import DbConnection
from gateway.services.reads_rows import Row, all_rows, first_row


class ExcursionLine(Row):
    """A time outside a rule, by event time."""

    excursion_id: UUID
    place_id: str
    place_name_vi: str
    place_name_en: str
    device_id: str
    side: Literal["high", "low"]
    threshold: float
    minutes_allowed: float
    severity: Literal["warning", "critical"]
    holds_stock: bool
    storage_class: str | None
    """Only goods of this class are meant: they are guests there. Null: all that stand there."""
    interval_s: float | None
    """Between two readings: the duration may be off by one at each end. Null: judged before it was kept."""
    is_certain: bool
    """Any course between the readings would have led to the same verdict."""
    started_at: datetime
    triggered_at: datetime | None
    """Null: it has not lasted long enough to alarm."""
    ended_at: datetime | None
    """Null: it goes on."""
    outside_s: float
    """Gaps left out."""
    shortest_s: float
    longest_s: float
    """Between two readings nobody knows: it lasted between the two."""
    peak_celsius: float
    taken_back_at: datetime | None
    """Readings that came late show that it never was."""
    changes: int
    """How often late readings, a new rule or a move changed it."""
    goods: int
    """Lots and packs that it found."""


class GoodsAtRisk(Row):
    """Goods that an excursion found, and what became of them."""

    product_id: str
    product_name_vi: str
    product_name_en: str
    base_unit_vi: str
    base_unit_en: str
    lot: str
    expiry_date: date | None
    serial_number: str | None
    account_id: str
    place_name_vi: str | None
    """Null: out of the hospital's hands."""
    place_name_en: str | None
    quantity: int
    value_vnd: float | None
    hold_id: UUID | None
    """Null: it could not be held."""
    released_at: datetime | None


class ExcursionChange(Row):
    """What stood there before."""

    changed_at: datetime
    reason: Literal["late_readings", "rule_changed", "device_moved", "interval_changed", "recalibrated"]
    before: dict[str, Any]


_EXCURSIONS: Final = (
    "SELECT e.excursion_id, e.place_id, p.name_vi AS place_name_vi, p.name_en AS place_name_en, d.device_id,"
    " e.rule->>'side' AS side, (e.rule->>'threshold')::float8 AS threshold,"
    " (e.rule->>'minutes')::float8 AS minutes_allowed, coalesce(e.rule->>'severity', 'critical') AS severity,"
    " coalesce((e.rule->>'holds_stock')::boolean, true) AS holds_stock, e.storage_class, e.interval_s,"
    " (e.shortest_s >= (e.rule->>'minutes')::float8 * 60) = (e.longest_s >= (e.rule->>'minutes')::float8 * 60)"
    " AS is_certain, e.started_at, e.triggered_at, e.ended_at, e.outside_s,"
    " e.shortest_s, e.longest_s, e.peak_celsius, e.taken_back_at,"
    " (SELECT count(*) FROM excursion_change c WHERE c.excursion_id = e.excursion_id) AS changes,"
    " (SELECT count(*) FROM excursion_stock s WHERE s.excursion_id = e.excursion_id) AS goods"
    " FROM excursion e JOIN place p USING (place_id) JOIN device d USING (device_key)"
)
_GOODS: Final = (
    "SELECT s.product_id, p.name_vi AS product_name_vi, p.name_en AS product_name_en, p.base_unit_vi, p.base_unit_en,"
    " s.lot, l.expiry_date, s.serial_number, s.account_id, pl.name_vi AS place_name_vi, pl.name_en AS place_name_en,"
    " s.quantity, (s.quantity * coalesce(l.unit_cost_vnd, p.unit_cost_vnd))::float8 AS value_vnd, s.hold_id,"
    " h.released_at FROM excursion_stock s JOIN product p USING (product_id) JOIN lot l USING (product_id, lot)"
    " JOIN stock_account a USING (account_id) LEFT JOIN place pl USING (place_id)"
    " LEFT JOIN stock_hold h USING (hold_id) WHERE s.excursion_id = %(excursion_id)s"
    " ORDER BY s.hold_id IS NULL, p.name_vi, s.lot, s.account_id, s.serial_number"
)


def excursions(
    connection: DbConnection, *, only_alarmed: bool = False, place_id: str | None = None, limit: int = 100
) -> list[ExcursionLine]:
    """Newest first; with those that were taken back."""
    return all_rows(
        connection,
        ExcursionLine,
        _EXCURSIONS + " WHERE (%(place)s::text IS NULL OR e.place_id = %(place)s)"
        " AND (NOT %(alarmed)s OR e.triggered_at IS NOT NULL)"
        " ORDER BY e.started_at DESC, e.excursion_id LIMIT %(limit)s",
        {"place": place_id, "alarmed": only_alarmed, "limit": limit},
    )


def find_excursion(connection: DbConnection, excursion_id: UUID) -> ExcursionLine | None:
    """One; None if there is none of this id."""
    return first_row(connection, ExcursionLine, _EXCURSIONS + " WHERE e.excursion_id = %(id)s", {"id": excursion_id})


def goods_of(connection: DbConnection, excursion_id: UUID) -> list[GoodsAtRisk]:
    """What it found; what could be held first."""
    return all_rows(connection, GoodsAtRisk, _GOODS, {"excursion_id": excursion_id})


def changes_of(connection: DbConnection, excursion_id: UUID) -> list[ExcursionChange]:
    """Oldest first."""
    return all_rows(
        connection,
        ExcursionChange,
        "SELECT changed_at, reason, before FROM excursion_change WHERE excursion_id = %(id)s ORDER BY changed_at",
        {"id": excursion_id},
    )
