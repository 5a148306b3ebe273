"""Opening stock: what stands in each place on the day the books begin, booked as receipts.

It comes from `supplier`, because that is where it once came from: `unexplained` is kept for what nobody can explain,
and a hospital's whole stock is not that. The reason `opening` tells it apart from deliveries. A movement's id is made
from its place, product and lot, so that a second import books nothing; another quantity is refused, because by then it
is a count or an adjustment. Only after a reversal can the same lot be opened again.

Drugs under special control stand on documents of their own, which wait until a second person has counted them
(`two_people`). A product that is quarantined on receipt is held, lot by lot, until two people release it.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.stock import locks
from gateway.stock.acts import Notice
from gateway.stock.books import Doing, Goods, Line, book, place_account
from gateway.stock.documents import Document, NewDocument, open_document, read_document
from gateway.stock.holds import NewHold, place_hold
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
    quarantined: bool
    """On receipt."""


class _Wanted(NamedTuple):
    """A row that is to be booked."""

    item: OpeningItem
    movement_id: uuid.UUID
    product: _Product


@dataclass
class _Opened:
    """What was opened before, or waits for its second person."""

    quantity: int | None = None
    """Base units that stand; None: all of it was reversed or cancelled."""
    times: int = 0
    """How often it was written down."""


def plan_opening(connection: Connection, items: Sequence[OpeningItem], opener: Opener) -> Plan:
    """Compare with the books."""
    plan = Plan("opening-stock")
    places = {str(row[0]) for row in connection.execute("SELECT place_id FROM place")}
    products = _products(connection, [item.product_id for item in items])
    lots = read_lot_facts(connection, [item.product_id for item in items])
    opened = _opened(connection, [item.product_id for item in items])
    wanted: list[_Wanted] = []
    said: dict[LotKey, OpeningItem] = {}
    for item in items:
        key = (item.place_id, item.product_id, item.lot)
        before = opened.get(key, _Opened())
        _check(plan, item, places, products)
        _check_lot(plan, item, lots, said)
        if before.quantity is not None and before.quantity != item.quantity:
            plan.problem(item.row, "quantity", "opening_differs", item.quantity, old=before.quantity)
        if plan.note(item.row, " / ".join(key), new=before.quantity is None, changes=()):
            wanted.append(_Wanted(item, movement_id(key, before.times), products[item.product_id]))
    plan.write = lambda: _write(connection, wanted, lots, opener)
    return plan


def movement_id(key: _StockKey, times_before: int) -> uuid.UUID:
    """Of the opening movement: the same however often the file is brought."""
    return uuid.uuid5(_NAMESPACE, "\x1f".join((*key, str(times_before))))


def _products(connection: Connection, ids: Sequence[str]) -> dict[str, _Product]:
    rows = connection.execute(
        "SELECT product_id, retired_at IS NOT NULL, control_class <> 'none', quarantine_on_receipt FROM product"
        " WHERE product_id = ANY(%s)",
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
    for place_id, state, lines in connection.execute(
        "SELECT to_place_id, state, body -> 'opening' FROM stock_document WHERE kind = 'receipt' AND reason_code = %s"
        " AND state IN ('waiting_second', 'cancelled')",
        (REASON,),
    ):
        for _, product_id, lot, quantity in lines:
            opened = found.setdefault((place_id, product_id, lot), _Opened())
            opened.times += 1
            if state == "waiting_second":
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
    if product.quarantined:
        plan.hint(item.row, "product_id", "quarantined_opened", item.product_id)


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


def _write(connection: Connection, wanted: Sequence[_Wanted], lots: Mapping[LotKey, LotFacts], opener: Opener) -> None:
    facts: dict[LotKey, LotFacts] = {}
    for item, _, _ in wanted:
        key = (item.product_id, item.lot)
        before = facts.get(key, lots.get(key))
        facts[key] = merged(before, item.expiry_date, item.production_date, item.unit_cost_vnd)
    write_lot_facts(connection, facts)
    # The planner still believes a lot table that was just filled to be empty, and would read all of it for each line.
    connection.execute("ANALYZE product, lot")
    if any(each.product.quarantined for each in wanted):
        locks.enter_alone(connection)  # holds are placed too

    def document_of(each: _Wanted) -> tuple[str, bool]:
        return each.item.place_id, each.product.controlled

    for (place_id, controlled), group in groupby(sorted(wanted, key=document_of), key=document_of):
        rows = list(group)
        for start in range(0, len(rows), _LINES_A_DOCUMENT):
            _open(connection, place_id, rows[start : start + _LINES_A_DOCUMENT], opener, waits=controlled)


def _open(connection: Connection, place_id: str, rows: Sequence[_Wanted], opener: Opener, *, waits: bool) -> None:
    """One receipt: booked, or left to the second person."""
    document_id = uuid.uuid5(_NAMESPACE, ",".join(sorted(str(each.movement_id) for each in rows)))
    body = {
        "opening": [[str(each.movement_id), each.item.product_id, each.item.lot, each.item.quantity] for each in rows]
    }
    document = NewDocument(
        document_id,
        "receipt",
        opener.person,
        opener.now,
        opener.now,
        state="waiting_second" if waits else "posted",
        body=body,
        to_place_id=place_id,
        reason_code=REASON,
        note=opener.note,
        zone=opener.zone,
    )
    open_document(connection, document)
    if waits:
        return
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
    post_waiting(connection, read_document(connection, document_id), doing)


def post_waiting(connection: Connection, document: Document, doing: Doing) -> tuple[Notice, ...]:
    """Book an opening as its document has it, and hold what is quarantined on receipt.

    Raises:
        LedgerError: as `books.book`.
    """
    account = place_account(connection, document.to_place_id or "")
    opened = [(uuid.UUID(line[0]), str(line[1]), str(line[2]), int(line[3])) for line in document.body["opening"]]
    product_ids = sorted({product_id for _, product_id, _, _ in opened})
    products, lots = _products(connection, product_ids), read_lot_facts(connection, product_ids)
    quarantined = sorted({(one, lot) for _, one, lot, _ in opened if products[one].quarantined})
    if quarantined:
        locks.enter_alone(connection)
    lines = [
        Line(
            movement_id,
            "receive",
            Goods(product_id, lot, lots.get((product_id, lot), LotFacts()).expiry_date, quantity),
            "supplier",
            account,
        )
        for movement_id, product_id, lot, quantity in opened
    ]
    book(connection, doing, lines)
    return tuple(_hold(connection, document, product_id, lot, doing) for product_id, lot in quarantined)


def _hold(connection: Connection, document: Document, product_id: str, lot: str, doing: Doing) -> Notice:
    hold = NewHold(
        hold_id=uuid.uuid5(document.document_id, f"hold {product_id} {lot}"),
        kind="quarantine",
        product_id=product_id,
        lot=lot,
        reason="waits for the check on receipt",
        reason_code="hold_receipt",
        placed_by=doing.person or "",
        placed_at=doing.occurred_at,
        document_id=document.document_id,
    )
    place_hold(connection, hold)
    return Notice("in_quarantine", {"product": product_id, "lot": lot or "-"})
