"""Stocktakes as lists: which there are and how far they are, what is still to be counted, who has not handed in."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock.stocktake_draft import KEPT
from gateway.stock.stocktake_lines import judged_lines


class StocktakeProgress(Row):
    """A stocktake and how far it is; while people count, without anything that the books say."""

    stocktake_id: uuid.UUID
    number: str
    state: str
    frozen_at: datetime
    started_by: str
    submitted_by: str | None
    verified_by: str | None
    verified_at: datetime | None
    posted_by: str | None
    posted_at: datetime | None
    note: str
    accounts: list[str]
    product_ids: list[str] | None
    lines: int
    counted: int
    """Lines that somebody has counted."""
    differing: int | None
    """Lines whose difference was verified or booked; None: not settled yet."""
    cases: int | None
    """Opened by its posting; None: not posted."""
    undone_by_number: str | None
    """The reversal that took it back."""


_PROGRESS: Final = (
    "SELECT s.stocktake_id, s.number, s.state, s.frozen_at, s.started_by, s.submitted_by, s.verified_by,"
    " s.verified_at, s.posted_by, s.posted_at, s.note, s.product_ids,"
    " ARRAY(SELECT account_id FROM stocktake_place p WHERE p.stocktake_id = s.stocktake_id ORDER BY 1) AS accounts,"
    " (SELECT count(*) FROM stocktake_line l WHERE l.stocktake_id = s.stocktake_id) AS lines,"
    " (SELECT count(*) FROM stocktake_count c WHERE c.stocktake_id = s.stocktake_id AND c.attempt = 1) AS counted,"
    " CASE WHEN s.state IN ('verified', 'posted') THEN (SELECT count(*) FROM stocktake_line l"
    " WHERE l.stocktake_id = s.stocktake_id AND l.verified_variance <> 0) END AS differing,"
    " (d.body ->> 'cases')::int AS cases, (SELECT r.number FROM stock_document r"
    " WHERE r.kind = 'reversal' AND r.state = 'posted'"
    " AND r.body ? 'about_document_id' AND r.body ->> 'about_document_id' = s.stocktake_id::text LIMIT 1)"
    " AS undone_by_number"
    " FROM stocktake s LEFT JOIN stock_document d ON d.document_id = s.stocktake_id"
)


def stocktakes_by_progress(connection: Connection, limit: int, offset: int) -> list[StocktakeProgress]:
    """Those that are open first, then the latest."""
    order = " ORDER BY s.state IN ('posted', 'cancelled'), s.frozen_at DESC, s.number DESC"
    page = " LIMIT %(limit)s OFFSET %(offset)s"
    return all_rows(connection, StocktakeProgress, _PROGRESS + order + page, {"limit": limit, "offset": offset})


def progress_of(connection: Connection, stocktake_id: uuid.UUID) -> StocktakeProgress | None:
    """One; None if there is none of this id."""
    return first_row(connection, StocktakeProgress, _PROGRESS + " WHERE s.stocktake_id = %(id)s", {"id": stocktake_id})


class LineToCount(Row):
    """One lot in one place, without any quantity."""

    account_id: str
    product_id: str
    lot: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    is_controlled: bool
    expiry_date: date | None
    counts: int
    """How often it was counted."""
    mine: bool
    """This person has counted it."""


_TO_COUNT: Final = (
    "SELECT l.account_id, l.product_id, l.lot, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, l.is_controlled,"
    " lot.expiry_date, 0 AS counts, false AS mine FROM stocktake_line l JOIN product p USING (product_id)"
    " LEFT JOIN lot ON lot.product_id = l.product_id AND lot.lot = l.lot WHERE l.stocktake_id = %(id)s"
    # Looked up in one hash, however fresh the table is: an anti-join is planned by statistics that lag behind a count.
    " AND (l.account_id, l.product_id, l.lot) NOT IN (SELECT c.account_id, c.product_id, c.lot FROM stocktake_count c"
    " WHERE c.stocktake_id = %(id)s AND c.attempt = 1)"
    " AND (%(account)s = '' OR l.account_id = %(account)s)"
)
_TO_COUNT_AGAIN: Final = (
    "SELECT l.account_id, l.product_id, l.lot, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, l.is_controlled,"
    " lot.expiry_date, c.counts, c.mine FROM unnest(%(accounts)s::text[], %(products)s::text[], %(lots)s::text[])"
    " AS k (a, p, t) JOIN stocktake_line l ON l.stocktake_id = %(id)s AND (l.account_id, l.product_id, l.lot)"
    " = (k.a, k.p, k.t) JOIN product p USING (product_id)"
    " LEFT JOIN lot ON lot.product_id = l.product_id AND lot.lot = l.lot CROSS JOIN LATERAL (SELECT count(*) AS counts,"
    " coalesce(bool_or(c.counted_by = %(person)s), false) AS mine FROM stocktake_count c"
    " WHERE c.stocktake_id = l.stocktake_id AND c.account_id = l.account_id AND c.product_id = l.product_id"
    " AND c.lot = l.lot) AS c"
)
_WALK: Final = (
    ' ORDER BY l.account_id COLLATE "C", p.name_vi, l.product_id, l.lot COLLATE "C" LIMIT %(limit)s OFFSET %(offset)s'
)


def lines_to_count(
    connection: Connection, stocktake_id: uuid.UUID, *, account_id: str = "", limit: int, offset: int
) -> list[LineToCount]:
    """What nobody has counted yet, by place and name; `account_id`: only there."""
    values = {"id": stocktake_id, "account": account_id, "limit": limit, "offset": offset}
    return all_rows(connection, LineToCount, _TO_COUNT + _WALK, values)


def lines_to_count_again(connection: Connection, stocktake_id: uuid.UUID, person: str) -> list[LineToCount]:
    """Of which no two counts agree, by place and name: those that this person may count first."""
    keys = [line.key for line in judged_lines(connection, stocktake_id) if line.verdict.verdict == "recount"]
    values: dict[str, Any] = {
        "id": stocktake_id,
        "person": person,
        "accounts": [key.account_id for key in keys],
        "products": [key.product_id for key in keys],
        "lots": [key.lot for key in keys],
        "limit": len(keys),
        "offset": 0,
    }
    found = all_rows(connection, LineToCount, _TO_COUNT_AGAIN + _WALK, values)
    return sorted(found, key=lambda line: line.mine)


class OpenDraft(Row):
    """Scans that somebody has not handed in."""

    person: str
    scans: int
    newest_at: datetime


def open_drafts(connection: Connection, stocktake_id: uuid.UUID) -> list[OpenDraft]:
    """By person."""
    query = (
        "SELECT person, count(*) AS scans, max(at) AS newest_at FROM stocktake_scan s WHERE stocktake_id = %(id)s"
        " AND request_id IS NULL AND act IN ('add', 'set') AND verdict IN ('counted', 'lot_missing') AND NOT EXISTS"
        " (SELECT FROM stocktake_scan u WHERE u.act = 'undo' AND u.about = s.scan_id) GROUP BY 1 ORDER BY 1"
    )
    return all_rows(connection, OpenDraft, query, {"id": stocktake_id})


class KeptScan(Row):
    """Something that was scanned and is in no line."""

    at: datetime
    person: str
    text: str
    verdict: str
    detail: str
    account_id: str | None
    product_id: str | None
    name_vi: str | None
    name_en: str | None
    lot: str | None
    serial_number: str | None


def kept_scans(connection: Connection, stocktake_id: uuid.UUID, limit: int) -> list[KeptScan]:
    """What was scanned and is in no line, the newest first; without what was taken back."""
    query = (
        "SELECT s.at, s.person, s.text, s.verdict, s.detail, s.account_id, s.product_id, p.name_vi, p.name_en, s.lot,"
        " s.serial_number FROM stocktake_scan s LEFT JOIN product p USING (product_id) WHERE s.stocktake_id = %(id)s"
        " AND s.verdict = ANY(%(kept)s) AND (s.verdict <> 'lot_missing' OR s.request_id IS NULL AND NOT EXISTS"
        " (SELECT FROM stocktake_scan l WHERE l.act = 'lot' AND l.about = s.scan_id))"
        " AND NOT EXISTS (SELECT FROM stocktake_scan u WHERE u.act = 'undo' AND u.about = s.scan_id)"
        " ORDER BY s.scan_number DESC LIMIT %(limit)s"
    )
    return all_rows(connection, KeptScan, query, {"id": stocktake_id, "kept": sorted(KEPT), "limit": limit})


def account_names(connection: Connection, accounts: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Vietnamese and English names of places, in the order of the Vietnamese ones."""
    rows = connection.execute(
        "SELECT account_id, name_vi, name_en FROM stock_account JOIN place USING (place_id)"
        " WHERE account_id = ANY(%s) ORDER BY name_vi, account_id",
        (list(accounts),),
    )
    return {str(row[0]): (str(row[1]), str(row[2])) for row in rows}
