"""Opening stock: what stands in each place on the day the books begin, booked as receipts.

It comes from `supplier`, because that is where it once came from: `unexplained` is kept for what nobody can explain,
and a hospital's whole stock is not that. The reason `opening` tells it apart from deliveries. A movement's id is made
from its place, product and lot, so that a second import books nothing; another quantity is refused, because by then it
is a count or an adjustment. Only after a reversal can the same lot be opened again.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.stock.books import Doing, Goods, Line, book, place_account
from gateway.stock.documents import NewDocument, open_document
from gateway.stock.import_lots import LotFacts, LotKey, merged, read_lot_facts, write_lot_facts
from gateway.stock.import_report import Plan
from inventory.catalogue_stock_rows import OpeningItem

REASON: Final = "opening"
_NAMESPACE: Final = uuid.UUID("5b0f6a52-5f0f-5e1c-9a57-0d7c1f7a2b10")
"""Of ids made from what is opened; any other would do, as long as it never changes."""
_LINES_A_DOCUMENT: Final = 1000
"""A receipt of a whole store is too long to print or to look at."""

_StockKey = tuple[str, str, str]
"""(place, product, lot)."""


@dataclass(frozen=True)
class Opener:
    """Who brings the file, when and by what."""

    person: str
    now: datetime
    client: Literal["web", "api", "cli"]
    zone: ZoneInfo
    note: str
    """Which file."""


@dataclass(frozen=True)
class _Product:
    retired: bool
    controlled: bool


@dataclass
class _Opened:
    """What was opened before."""

    quantity: int | None = None
    """Base units that stand; None: all of it was reversed."""
    times: int = 0


def plan_opening(connection: Connection, items: Sequence[OpeningItem], opener: Opener) -> Plan:
    """Compare with the books."""
    plan = Plan("opening-stock")
    places = {str(row[0]) for row in connection.execute("SELECT place_id FROM place")}
    products = _products(connection, [item.product_id for item in items])
    lots = read_lot_facts(connection, [item.product_id for item in items])
    opened = _opened(connection, [item.product_id for item in items])
    wanted: list[tuple[OpeningItem, uuid.UUID]] = []
    said: dict[LotKey, OpeningItem] = {}
    for item in items:
        key = (item.place_id, item.product_id, item.lot)
        before = opened.get(key, _Opened())
        _check(plan, item, places, products)
        _check_lot(plan, item, lots, said)
        if before.quantity is not None and before.quantity != item.quantity:
            plan.problem(item.row, "quantity", "opening_differs", item.quantity, old=before.quantity)
        if plan.note(item.row, " / ".join(key), new=before.quantity is None, changes=()):
            wanted.append((item, movement_id(key, before.times)))
    plan.write = lambda: _write(connection, wanted, lots, opener)
    return plan


def movement_id(key: _StockKey, times_before: int) -> uuid.UUID:
    """Of the opening movement: the same however often the file is brought."""
    return uuid.uuid5(_NAMESPACE, "\x1f".join((*key, str(times_before))))


def _products(connection: Connection, ids: Sequence[str]) -> dict[str, _Product]:
    rows = connection.execute(
        "SELECT product_id, retired_at IS NOT NULL, control_class <> 'none' FROM product WHERE product_id = ANY(%s)",
        (sorted(set(ids)),),
    )
    return {row[0]: _Product(*row[1:]) for row in rows}


def _opened(connection: Connection, product_ids: Sequence[str]) -> dict[_StockKey, _Opened]:
    rows = connection.execute(
        "SELECT a.place_id, m.product_id, m.lot, m.quantity, r.movement_id IS NOT NULL FROM movement m"
        " JOIN stock_account a ON a.account_id = m.to_account_id"
        " LEFT JOIN movement r ON r.reverses_movement_id = m.movement_id"
        " WHERE m.reason_code = %s AND m.kind = 'receive' AND m.product_id = ANY(%s)",
        (REASON, sorted(set(product_ids))),
    )
    found: dict[_StockKey, _Opened] = {}
    for place_id, product_id, lot, quantity, reversed_since in rows:
        opened = found.setdefault((place_id, product_id, lot), _Opened())
        opened.times += 1
        if not reversed_since:
            opened.quantity = quantity
    return found


def _check(plan: Plan, item: OpeningItem, places: set[str], products: Mapping[str, _Product]) -> None:
    if item.place_id not in places:
        plan.problem(item.row, "place_id", "unknown_place", item.place_id)
    product = products.get(item.product_id)
    if product is None:
        plan.problem(item.row, "product_id", "unknown_product", item.product_id)
        return
    if product.retired:
        plan.hint(item.row, "product_id", "retired_opened", item.product_id)
    if product.controlled:
        plan.hint(item.row, "product_id", "controlled_opened", item.product_id)


def _check_lot(plan: Plan, item: OpeningItem, lots: Mapping[LotKey, LotFacts], said: dict[LotKey, OpeningItem]) -> None:
    """A lot has one expiry date, in every place; two rows of the file must agree too."""
    if item.expiry_date is not None:
        first = said.setdefault((item.product_id, item.lot), item)
        if first.expiry_date != item.expiry_date:
            plan.problem(
                item.row, "expiry_date", "contradicts_row", item.expiry_date, row=first.row, other=first.expiry_date
            )
    known = lots.get((item.product_id, item.lot), LotFacts()).expiry_date
    if known is not None and item.expiry_date is not None and known != item.expiry_date:
        plan.problem(item.row, "expiry_date", "expiry_differs", item.expiry_date, old=known)
    elif known is None and item.expiry_date is None:
        plan.hint(item.row, "expiry_date", "no_expiry")


def _write(
    connection: Connection,
    wanted: Sequence[tuple[OpeningItem, uuid.UUID]],
    lots: Mapping[LotKey, LotFacts],
    opener: Opener,
) -> None:
    facts: dict[LotKey, LotFacts] = {}
    for item, _ in wanted:
        key = (item.product_id, item.lot)
        before = facts.get(key, lots.get(key))
        facts[key] = merged(before, item.expiry_date, item.production_date, item.unit_cost_vnd)
    write_lot_facts(connection, facts)
    # The planner still believes a lot table that was just filled to be empty, and would read all of it for each line.
    connection.execute("ANALYZE product, lot")
    by_place = sorted(wanted, key=lambda each: each[0].place_id)
    for place_id, group in groupby(by_place, key=lambda each: each[0].place_id):
        rows = list(group)
        for start in range(0, len(rows), _LINES_A_DOCUMENT):
            _book(connection, place_id, rows[start : start + _LINES_A_DOCUMENT], opener)


def _book(connection: Connection, place_id: str, rows: Sequence[tuple[OpeningItem, uuid.UUID]], opener: Opener) -> None:
    """One receipt."""
    account = place_account(connection, place_id)
    document_id = uuid.uuid5(_NAMESPACE, ",".join(sorted(str(each) for _, each in rows)))
    lines = [
        Line(each, "receive", Goods(item.product_id, item.lot, item.expiry_date, item.quantity), "supplier", account)
        for item, each in rows
    ]
    body = {"opening": [[str(each), item.product_id, item.lot, item.quantity] for item, each in rows]}
    document = NewDocument(
        document_id,
        "receipt",
        opener.person,
        opener.now,
        opener.now,
        body=body,
        to_place_id=place_id,
        reason_code=REASON,
        note=opener.note,
        zone=opener.zone,
    )
    open_document(connection, document)
    doing = Doing(
        opener.now,
        opener.now,
        opener.client,
        opener.person,
        document_id=document_id,
        reason_code=REASON,
        note=opener.note,
        zone=opener.zone,
    )
    book(connection, doing, lines)
