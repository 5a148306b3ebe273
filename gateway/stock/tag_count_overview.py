"""RFID counts for people: which there are, how far the readers are, what no reader can see, what was found.

A pack whose tag the books do not know is not expected and can't be missed, loose units have no tag: how many those are
is told, and a stocktake of their products counts them by hand.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock import stocktakes
from gateway.stock.errors import WorkRefusedError
from gateway.stock.stocktakes import NewStocktake, Outcome


class TagCountOverview(Row):
    """An RFID count without its findings."""

    tag_count_id: uuid.UUID
    state: str
    frozen_at: datetime
    started_by: str
    note: str
    accounts: list[str]
    expected: int
    """Tags that the books had in these places when it began."""
    passes: int
    """Looks, however many places each was of."""
    reconciled_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None
    summary: dict[str, Any] | None
    undecided: int
    """Findings of ours that nobody has decided yet, or nobody has confirmed."""


_COUNTS: Final = (
    "SELECT c.tag_count_id, c.state, c.frozen_at, c.started_by, c.note, c.reconciled_at, c.closed_by, c.closed_at,"
    " c.summary, ARRAY(SELECT account_id FROM tag_count_place p WHERE p.tag_count_id = c.tag_count_id ORDER BY 1)"
    " AS accounts, (SELECT count(*) FROM tag_count_expected e WHERE e.tag_count_id = c.tag_count_id) AS expected,"
    " (SELECT count(DISTINCT request_id) FROM tag_count_pass p WHERE p.tag_count_id = c.tag_count_id) AS passes,"
    " (SELECT count(*) FROM tag_count_finding f WHERE f.tag_count_id = c.tag_count_id AND f.outcome <> 'foreign'"
    " AND (f.decision IS NULL OR f.decision = 'missing' AND f.confirmed_by IS NULL)) AS undecided FROM tag_count c"
)


def tag_counts_by_progress(connection: Connection, limit: int, offset: int) -> list[TagCountOverview]:
    """Those that are open first, then the latest."""
    query = _COUNTS + " ORDER BY c.state = 'closed', c.frozen_at DESC LIMIT %(limit)s OFFSET %(offset)s"
    return all_rows(connection, TagCountOverview, query, {"limit": limit, "offset": offset})


def tag_count_overview(connection: Connection, tag_count_id: uuid.UUID) -> TagCountOverview | None:
    """One; None if there is none of this id."""
    return first_row(connection, TagCountOverview, _COUNTS + " WHERE c.tag_count_id = %(id)s", {"id": tag_count_id})


class ReaderThere(Row):
    """An RFID reader in a counted place."""

    device_key: int
    account_id: str
    edge_node: str
    device_id: str
    description: str
    state: str
    tags: int
    """That it sees now."""
    known: int
    """Of those, how many the books have in the places counted."""
    last_seen_at: datetime | None


# An EPC is compared without the zero words behind it: readers hand them over or not (see inventory.tag_count).
_READERS: Final = (
    "WITH expected AS (SELECT regexp_replace(upper(epc), '(0000)+$', '') AS epc FROM tag_count_expected"
    " WHERE tag_count_id = %(id)s) SELECT d.device_key, a.account_id, d.edge_node, d.device_id, d.description, d.state,"
    " count(DISTINCT t.epc) AS tags, count(DISTINCT e.epc) AS known, max(t.last_seen_at) AS last_seen_at"
    " FROM tag_count_place p JOIN stock_account a USING (account_id) JOIN device d USING (place_id)"
    " LEFT JOIN tag_presence t ON t.device_key = d.device_key AND t.disappeared_at IS NULL"
    " LEFT JOIN expected e ON e.epc = regexp_replace(upper(t.epc), '(0000)+$', '')"
    " WHERE p.tag_count_id = %(id)s AND (d.driver = 'llrp'"
    " OR EXISTS (SELECT FROM tag_presence o WHERE o.device_key = d.device_key)) GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 2, 1"
)


def readers_of(connection: Connection, tag_count_id: uuid.UUID) -> list[ReaderThere]:
    """The readers of its places, each with what it sees now."""
    return all_rows(connection, ReaderThere, _READERS, {"id": tag_count_id})


class SeenSoFar(Row):
    """What passes and readers have seen of what is expected."""

    expected: int
    in_passes: int
    """Expected tags that were in a pass."""
    by_now: int
    """The same, with what the readers see now and no pass has taken yet."""
    other_tags: int
    """Tags that are not expected in these places, in passes or seen now."""


_SEEN: Final = (
    "WITH expected AS (SELECT regexp_replace(upper(epc), '(0000)+$', '') AS epc FROM tag_count_expected"
    " WHERE tag_count_id = %(id)s), passed AS (SELECT DISTINCT regexp_replace(upper(e), '(0000)+$', '') AS epc"
    " FROM tag_count_pass, unnest(epcs) AS e WHERE tag_count_id = %(id)s), seen AS (SELECT epc FROM passed UNION"
    " SELECT regexp_replace(upper(t.epc), '(0000)+$', '') FROM tag_count_place p"
    " JOIN stock_account a USING (account_id) JOIN device d USING (place_id) JOIN tag_presence t USING (device_key)"
    " WHERE p.tag_count_id = %(id)s AND t.disappeared_at IS NULL AND d.state IS DISTINCT FROM 'down')"
    " SELECT (SELECT count(*) FROM expected) AS expected, (SELECT count(*) FROM passed JOIN expected USING (epc))"
    " AS in_passes, (SELECT count(*) FROM seen JOIN expected USING (epc)) AS by_now,"
    " (SELECT count(*) FROM seen LEFT JOIN expected x USING (epc) WHERE x.epc IS NULL) AS other_tags"
)


def seen_so_far(connection: Connection, tag_count_id: uuid.UUID) -> SeenSoFar:
    """How far the readers are."""
    found = first_row(connection, SeenSoFar, _SEEN, {"id": tag_count_id})
    return found or SeenSoFar(expected=0, in_passes=0, by_now=0, other_tags=0)


class Invisible(Row):
    """A product of which there is something that no reader can see."""

    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    control_class: str
    packs: int
    """Serialised packs whose tag nobody has registered."""
    units: int
    """Base units without a known tag: of those packs, and loose ones."""


_INVISIBLE: Final = (
    "SELECT p.product_id, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en, p.control_class,"
    " coalesce(k.packs, 0) AS packs, b.units - coalesce(k.tagged, 0) AS units"
    " FROM (SELECT product_id, sum(quantity)::bigint AS units FROM stock_balance WHERE account_id = ANY(%(accounts)s)"
    " AND quantity > 0 GROUP BY 1) AS b JOIN product p USING (product_id) LEFT JOIN (SELECT product_id,"
    " count(*) FILTER (WHERE epc IS NULL) AS packs, coalesce(sum(units) FILTER (WHERE epc IS NOT NULL), 0)::bigint"
    " AS tagged FROM pack WHERE account_id = ANY(%(accounts)s) AND units > 0 GROUP BY 1) AS k USING (product_id)"
    " WHERE b.units > coalesce(k.tagged, 0) ORDER BY p.control_class = 'none', p.name_vi, p.product_id"
)


def invisible_to_readers(connection: Connection, accounts: list[str]) -> list[Invisible]:
    """What the books have in these places and no reader can see, drugs under special control first."""
    return all_rows(connection, Invisible, _INVISIBLE, {"accounts": accounts})


def by_hand_id(tag_count_id: uuid.UUID) -> uuid.UUID:
    """The stocktake that counts by hand what this RFID count can't see: one for each count."""
    return uuid.uuid5(tag_count_id, "counted by hand")


def count_by_hand(
    connection: Connection, tag_count_id: uuid.UUID, person: str, now: datetime, *, zone: ZoneInfo, note: str
) -> Outcome:
    """Begin a stocktake of all products of which no reader can see everything. Again, it is the same stocktake.

    Raises:
        WorkRefusedError: there is nothing that readers can't see.
        WorkConflictError: an open stocktake counts some of it already.
    """
    stocktake_id = by_hand_id(tag_count_id)
    if connection.execute("SELECT FROM stocktake WHERE stocktake_id = %s", (stocktake_id,)).fetchone() is not None:
        return "exists"
    rows = connection.execute(
        "SELECT account_id, place_id FROM tag_count_place JOIN stock_account USING (account_id)"
        " WHERE tag_count_id = %s ORDER BY 1",
        (tag_count_id,),
    ).fetchall()
    products = [one.product_id for one in invisible_to_readers(connection, [str(row[0]) for row in rows])]
    if not products:
        raise WorkRefusedError("nothing_to_count", "the readers can see all that the books have there")
    new = NewStocktake(
        stocktake_id=stocktake_id,
        place_ids=tuple(str(row[1]) for row in rows),
        started_by=person,
        product_ids=tuple(products),
        places_below=False,
        note=note,
    )
    return stocktakes.start(connection, new, now, zone)


class PlaceWithReaders(Row):
    """A place in which, or in places inside it, RFID readers stand."""

    place_id: str
    readers: int
    up: int
    tags: int
    """Packs that the books have there and whose tag is known."""
    packs_without_tag: int


_PLACES: Final = (
    "WITH RECURSIVE inside (top, place_id) AS (SELECT place_id, place_id FROM place UNION"
    " SELECT inside.top, place.place_id FROM place JOIN inside ON place.parent_place_id = inside.place_id),"
    " readers AS (SELECT i.top, count(*) AS readers, count(*) FILTER (WHERE d.state = 'up') AS up FROM inside i"
    " JOIN device d USING (place_id) WHERE d.driver = 'llrp'"
    " OR EXISTS (SELECT FROM tag_presence o WHERE o.device_key = d.device_key) GROUP BY 1)"
    " SELECT r.top AS place_id, r.readers, r.up, count(k.epc) AS tags,"
    " count(k.gtin) FILTER (WHERE k.epc IS NULL) AS packs_without_tag FROM readers r JOIN inside i ON i.top = r.top"
    " LEFT JOIN stock_account a ON a.place_id = i.place_id"
    " LEFT JOIN pack k ON k.account_id = a.account_id AND k.units > 0 GROUP BY 1, 2, 3 ORDER BY 1"
)


def places_with_readers(connection: Connection) -> dict[str, PlaceWithReaders]:
    """By place; each with the places inside it."""
    return {one.place_id: one for one in all_rows(connection, PlaceWithReaders, _PLACES, {})}


@dataclass(frozen=True)
class FindingsPage:
    """Some of the findings of one outcome."""

    findings: list["FindingShown"]
    whole: int
    undecided: int
    to_confirm: int
    """Called missing, and waiting for a second person."""


class FindingShown(Row):
    """A tag that is not simply seen where the books have it."""

    epc: str
    proposal: str
    confidence: str
    account_id: str | None
    product_id: str | None
    name_vi: str | None
    name_en: str | None
    base_unit_vi: str | None
    base_unit_en: str | None
    control_class: str
    lot: str | None
    units: int | None
    gtin: str | None
    serial_number: str | None
    seen_at: list[str]
    passes_seen: int
    passes_made: int
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    confirmed_by: str | None
    reason_vi: str | None
    reason_en: str | None
    reason_note: str


_FINDINGS: Final = (
    "SELECT f.epc, f.proposal, f.confidence, f.account_id, f.product_id, p.name_vi, p.name_en, p.base_unit_vi,"
    " p.base_unit_en, coalesce(p.control_class, 'none') AS control_class, f.lot, f.units, f.gtin, f.serial_number,"
    " f.seen_at, f.passes_seen, f.passes_made, f.decision, f.decided_by, f.decided_at, f.confirmed_by,"
    " r.name_vi AS reason_vi, r.name_en AS reason_en, f.reason_note FROM tag_count_finding f"
    " LEFT JOIN trade_item t ON t.gtin = f.gtin"
    " LEFT JOIN product p ON p.product_id = coalesce(f.product_id, t.product_id)"
    " LEFT JOIN reason r USING (reason_code) WHERE f.tag_count_id = %(id)s AND f.outcome = %(outcome)s"
)
_WHAT_FIRST: Final = (
    # Drugs under special control first, then what waits for somebody, then the surest finding.
    " ORDER BY coalesce(p.control_class, 'none') = 'none', f.decision IS NOT NULL AND (f.decision <> 'missing'"
    " OR f.confirmed_by IS NOT NULL), f.decision IS NOT NULL, f.confidence <> 'high', p.name_vi, f.epc"
    " LIMIT %(limit)s OFFSET %(offset)s"
)


def findings_of(
    connection: Connection, tag_count_id: uuid.UUID, outcome: str, *, limit: int, offset: int = 0
) -> FindingsPage:
    """A page of one outcome's findings, drugs under special control first."""
    values = {"id": tag_count_id, "outcome": outcome, "limit": limit, "offset": offset}
    numbers = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE decision IS NULL),"
        " count(*) FILTER (WHERE decision = 'missing' AND confirmed_by IS NULL) FROM tag_count_finding"
        " WHERE tag_count_id = %(id)s AND outcome = %(outcome)s",
        values,
    ).fetchone() or (0, 0, 0)
    return FindingsPage(all_rows(connection, FindingShown, _FINDINGS + _WHAT_FIRST, values), *numbers)
