"""What the pharmacy reads: scans with what came of them, movements, stock on hand, open discrepancies."""

from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from gateway.services.app_services import DbConnection
from gateway.services.reads_rows import Row, all_rows
from inventory.movement import MovementKind

ScanOutcome = Literal[
    "received", "issued", "looked_up", "repeated", "discrepancy", "refused", "waiting_for_second", "joined"
]


class Scan(Row):
    """One scanned code, and what came of it."""

    epoch_key: int
    seq: int
    occurred_at: datetime
    received_at: datetime
    text: str
    kind: str
    outcome: ScanOutcome
    reason: str
    parsed: dict[str, Any]
    """As `medtap scan parse --json` prints it; of a pack with several codes, what they say together."""
    joined_seq: int | None
    """The later scan of the same epoch that this code was judged with; null unless the outcome is `joined`."""
    device_key: int
    device_separator: str | None
    """What this scanner sends in place of GS."""
    device_place_name_vi: str | None
    device_place_name_en: str | None
    movement_id: UUID | None
    gtin: str | None
    product_id: str | None
    """Null: the product is not in the catalogue."""
    product_name_vi: str | None
    product_name_en: str | None
    base_unit_vi: str | None
    base_unit_en: str | None
    lot: str | None
    expiry_date: date | None
    serial_number: str | None
    quantity: int | None
    """Base units."""
    from_account_id: str | None
    from_name_vi: str | None
    from_name_en: str | None
    to_account_id: str | None
    to_name_vi: str | None
    to_name_en: str | None
    on_hand: int | None
    """Base units of this product in all places now; null: the product is not in the catalogue."""
    case_code: str | None
    """Of the discrepancy case that this scan opened."""


class Movement(Row):
    """One posted movement of stock."""

    movement_id: UUID
    kind: MovementKind
    occurred_at: datetime
    received_at: datetime
    product_id: str
    gtin: str | None
    """Of the packs that were moved; null: loose units."""
    product_name_vi: str
    product_name_en: str
    lot: str
    expiry_date: date | None
    serial_number: str | None
    quantity: int
    """Base units."""
    from_account_id: str
    to_account_id: str
    reverses_movement_id: UUID | None
    device_key: int | None
    epoch_key: int | None
    seq: int | None
    document_id: UUID | None
    person: str | None
    second_person: str | None
    reason_code: str | None
    note: str


class StockLine(Row):
    """Stock on hand of one lot in one place."""

    account_id: str
    place_id: str
    place_name_vi: str
    place_name_en: str
    product_id: str
    product_name_vi: str
    product_name_en: str
    base_unit_vi: str
    base_unit_en: str
    lot: str
    expiry_date: date | None
    quantity: int
    """Base units."""


class Discrepancy(Row):
    """Where what happened contradicts the books."""

    discrepancy_id: int
    opened_at: datetime
    code: str
    detail: str
    epoch_key: int | None
    seq: int | None
    movement_id: UUID | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


# A movement says what was moved; a scan that moved nothing has only what was parsed from the code. A value that the
# parser refused is still shown to the person, so the casts from text are guarded. `own`: labels of this hospital, see
# gateway/stock/own_labels.py.
_SCANS: Final = (
    "SELECT s.epoch_key, s.seq, s.occurred_at, s.received_at, s.text, s.kind, s.outcome, s.reason, s.parsed,"
    " s.joined_seq, s.device_key, d.separator AS device_separator,"
    " dp.name_vi AS device_place_name_vi, dp.name_en AS device_place_name_en, s.movement_id,"
    " coalesce(m.gtin, s.parsed->>'gtin') AS gtin, pr.product_id, pr.name_vi AS product_name_vi,"
    " pr.name_en AS product_name_en, pr.base_unit_vi, pr.base_unit_en,"
    " coalesce(m.lot, s.parsed->>'lot', s.own->>'92') AS lot,"
    r" coalesce(m.expiry_date, CASE WHEN s.parsed->>'expiry_date' ~ '^\d{4}-\d\d-\d\d$'"
    " THEN (s.parsed->>'expiry_date')::date END) AS expiry_date,"
    " coalesce(m.serial_number, s.parsed->>'serial_number', s.own->>'94') AS serial_number, m.quantity,"
    " m.from_account_id, fp.name_vi AS from_name_vi, fp.name_en AS from_name_en, m.to_account_id,"
    " tp.name_vi AS to_name_vi, tp.name_en AS to_name_en,"
    " CASE WHEN pr.product_id IS NOT NULL THEN (SELECT coalesce(sum(b.quantity), 0)::bigint"
    " FROM stock_balance b JOIN stock_account ba USING (account_id)"
    " WHERE b.product_id = pr.product_id AND ba.place_id IS NOT NULL) END AS on_hand,"
    " CASE WHEN s.outcome = 'discrepancy' THEN (SELECT min(c.code) FROM discrepancy c"
    " WHERE c.epoch_key = s.epoch_key AND c.seq = s.seq) END AS case_code"
    " FROM (SELECT *, CASE WHEN parsed->>'gtin' IS NULL THEN parsed->'elements' END AS own"
    " FROM scan ORDER BY occurred_at DESC, received_at DESC, seq DESC LIMIT %(limit)s) s"
    " LEFT JOIN movement m USING (movement_id) LEFT JOIN trade_item ti ON ti.gtin = s.parsed->>'gtin'"
    " LEFT JOIN product pr ON pr.product_id = coalesce(m.product_id, ti.product_id, s.own->>'91')"
    " LEFT JOIN device d ON d.device_key = s.device_key LEFT JOIN place dp ON dp.place_id = d.place_id"
    " LEFT JOIN stock_account fa ON fa.account_id = m.from_account_id LEFT JOIN place fp ON fp.place_id = fa.place_id"
    " LEFT JOIN stock_account ta ON ta.account_id = m.to_account_id LEFT JOIN place tp ON tp.place_id = ta.place_id"
    " ORDER BY s.occurred_at DESC, s.received_at DESC, s.seq DESC"
)
_MOVEMENTS: Final = (
    "SELECT m.movement_id, m.kind, m.occurred_at, m.received_at, m.product_id, m.gtin, pr.name_vi AS product_name_vi,"
    " pr.name_en AS product_name_en, m.lot, m.expiry_date, m.serial_number, m.quantity, m.from_account_id,"
    " m.to_account_id, m.reverses_movement_id, m.device_key, m.epoch_key, m.seq, m.document_id, m.person,"
    " m.second_person, m.reason_code, m.note FROM movement m JOIN product pr USING (product_id)"
    " WHERE %(before)s::timestamptz IS NULL OR m.occurred_at < %(before)s"
    " ORDER BY m.occurred_at DESC, m.movement_id LIMIT %(limit)s"
)
_STOCK: Final = (
    "SELECT b.account_id, a.place_id, pl.name_vi AS place_name_vi, pl.name_en AS place_name_en, b.product_id,"
    " pr.name_vi AS product_name_vi, pr.name_en AS product_name_en, pr.base_unit_vi, pr.base_unit_en, b.lot,"
    " l.expiry_date, b.quantity FROM stock_balance b JOIN stock_account a USING (account_id)"
    " JOIN place pl USING (place_id) JOIN product pr USING (product_id) JOIN lot l USING (product_id, lot)"
    " WHERE b.quantity <> 0 ORDER BY pl.name_vi, pr.name_vi, l.expiry_date, b.lot LIMIT %(limit)s"
)


def latest_scans(connection: DbConnection, limit: int) -> list[Scan]:
    """The latest scans by device time, newest first."""
    return all_rows(connection, Scan, _SCANS, {"limit": limit})


def latest_movements(connection: DbConnection, limit: int, before: datetime | None = None) -> list[Movement]:
    """The latest movements, newest first."""
    return all_rows(connection, Movement, _MOVEMENTS, {"limit": limit, "before": before})


def stock_on_hand(connection: DbConnection, limit: int) -> list[StockLine]:
    """Every lot in every place, by place, product and expiry (first to expire first)."""
    return all_rows(connection, StockLine, _STOCK, {"limit": limit})


def open_discrepancies(connection: DbConnection, limit: int) -> list[Discrepancy]:
    """What someone still has to resolve, newest first."""
    return all_rows(
        connection,
        Discrepancy,
        "SELECT discrepancy_id, opened_at, code, detail, epoch_key, seq, movement_id, resolved_at, resolved_by,"
        " resolution FROM discrepancy WHERE resolved_at IS NULL ORDER BY opened_at DESC, discrepancy_id DESC"
        " LIMIT %(limit)s",
        {"limit": limit},
    )
