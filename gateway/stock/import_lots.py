"""Lots of a catalogue file, into the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gateway.db.pool import Connection
from gateway.stock.import_report import Plan, changes_of
from inventory.catalogue_stock_rows import LotItem

_FIELDS = ("expiry_date", "production_date", "unit_cost_vnd")


@dataclass(frozen=True)
class LotFacts:
    """What is known of a lot."""

    expiry_date: date | None = None
    production_date: date | None = None
    unit_cost_vnd: Decimal | None = None


LotKey = tuple[str, str]
"""(product, lot)."""


def plan_lots(connection: Connection, items: Sequence[LotItem]) -> Plan:
    """Compare with the database. A later expiry date is taken, because it may mend a wrong one, but it is told."""
    plan = Plan("lots")
    products = known_products(connection, [item.product_id for item in items])
    known = read_lot_facts(connection, [item.product_id for item in items])
    wanted: dict[LotKey, LotFacts] = {}
    for item in items:
        key = (item.product_id, item.lot)
        before = known.get(key)
        if item.product_id not in products:
            plan.problem(item.row, "product_id", "unknown_product", item.product_id)
        if before is not None and before.expiry_date is not None and item.expiry_date > before.expiry_date:
            plan.hint(item.row, "expiry_date", "expiry_later", item.expiry_date, old=before.expiry_date)
        after = merged(before, item.expiry_date, item.production_date, item.unit_cost_vnd)
        changes = changes_of((name, getattr(before, name), getattr(after, name)) for name in _FIELDS if before)
        _check_order(plan, item, after)
        if plan.note(item.row, f"{item.product_id} / {item.lot}", new=before is None, changes=changes):
            wanted[key] = after
    plan.write = lambda: write_lot_facts(connection, wanted)
    return plan


def _check_order(plan: Plan, item: LotItem, after: LotFacts) -> None:
    """Of what is said and what is known together."""
    if item.production_date is None and after.production_date and item.expiry_date <= after.production_date:
        plan.problem(
            item.row, "expiry_date", "expiry_before_production", item.expiry_date, production=after.production_date
        )


def merged(before: LotFacts | None, expiry: date | None, production: date | None, cost: Decimal | None) -> LotFacts:
    """What a file says over what is known; nothing said blanks nothing."""
    known = before or LotFacts()
    return LotFacts(
        known.expiry_date if expiry is None else expiry,
        known.production_date if production is None else production,
        known.unit_cost_vnd if cost is None else cost,
    )


def known_products(connection: Connection, wanted: Sequence[str]) -> set[str]:
    """Those of these products that are in the catalogue."""
    rows = connection.execute("SELECT product_id FROM product WHERE product_id = ANY(%s)", (sorted(set(wanted)),))
    return {str(row[0]) for row in rows}


def read_lot_facts(connection: Connection, product_ids: Sequence[str]) -> dict[LotKey, LotFacts]:
    """Every known lot of these products."""
    rows = connection.execute(
        "SELECT product_id, lot, expiry_date, production_date, unit_cost_vnd FROM lot WHERE product_id = ANY(%s)",
        (sorted(set(product_ids)),),
    )
    return {(row[0], row[1]): LotFacts(*row[2:]) for row in rows}


def write_lot_facts(connection: Connection, facts: Mapping[LotKey, LotFacts]) -> None:
    """Enter or change these lots."""
    keys = sorted(facts)
    connection.execute(
        "INSERT INTO lot (product_id, lot, expiry_date, production_date, unit_cost_vnd)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::date[], %s::date[], %s::numeric[])"
        " ON CONFLICT (product_id, lot) DO UPDATE SET expiry_date = excluded.expiry_date,"
        " production_date = excluded.production_date, unit_cost_vnd = excluded.unit_cost_vnd",
        (
            *([key[0] for key in keys], [key[1] for key in keys]),
            *([getattr(facts[key], name) for key in keys] for name in _FIELDS),
        ),
    )
