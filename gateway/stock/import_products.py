"""Products of a catalogue file, into the database: what is new, what changes, and what stock forbids to change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.db.pool import Connection
from gateway.stock.import_report import Change, Plan, changes_of
from inventory.catalogue_products import PackItem, ProductItem
from inventory.folding import folded, search_text

_FIELDS: Final = (
    *("name_vi", "name_en", "base_unit_vi", "base_unit_en", "active_ingredient", "strength", "dosage_form"),
    *("storage_class", "control_class", "unit_cost_vnd", "quarantine_on_receipt"),
    *("stability_minutes", "stability_celsius", "stability_source"),
)
_DEFAULTS: Final[dict[str, object]] = {
    **dict.fromkeys(_FIELDS, ""),
    "storage_class": "room",
    "control_class": "none",
    "unit_cost_vnd": None,
    "quarantine_on_receipt": False,
    "stability_minutes": None,
    "stability_celsius": None,
}
_REQUIRED: Final = ("name_vi", "base_unit_vi")
_UNITS: Final = ("base_unit_vi", "base_unit_en")


@dataclass(frozen=True)
class _Known:
    """A product as the database has it."""

    values: dict[str, object]
    retired_at: datetime | None
    numbers: tuple[str, ...]
    has_stock: bool


@dataclass(frozen=True)
class _Pack:
    """A trade item as the database has it."""

    product_id: str
    units: int
    contains_gtin: str | None
    contains_count: int | None


_PRODUCTS: Final = (
    "SELECT product_id, name_vi, name_en, base_unit_vi, base_unit_en, active_ingredient, strength, dosage_form,"
    " storage_class, control_class, unit_cost_vnd, quarantine_on_receipt, stability_minutes, stability_celsius,"
    " stability_source, retired_at,"
    " ARRAY(SELECT registration_number FROM product_registration r WHERE r.product_id = p.product_id ORDER BY 1),"
    " EXISTS (SELECT FROM stock_balance b JOIN stock_account a USING (account_id) WHERE b.product_id = p.product_id"
    " AND b.quantity <> 0 AND (a.place_id IS NOT NULL OR a.account_id = 'in_transit'))"
    " FROM product p WHERE product_id = ANY(%s)"
)


def plan_products(connection: Connection, items: Sequence[ProductItem], now: datetime) -> Plan:
    """Compare with the database."""
    plan = Plan("products")
    known = _read_products(connection, [item.product_id for item in items])
    packs = _read_packs(connection, [pack.gtin for item in items for pack in item.packs])
    wanted = []
    for item in items:
        before = known.get(item.product_id)
        changes = _changes(plan, item, before)
        changes += _pack_changes(plan, item, packs, has_stock=before is not None and before.has_stock)
        if plan.note(item.row, item.product_id, new=before is None, changes=changes):
            wanted.append(item)
    plan.write = lambda: _write(connection, wanted, known, now)
    return plan


def _read_products(connection: Connection, ids: list[str]) -> dict[str, _Known]:
    rows = connection.execute(_PRODUCTS, (ids,))
    at = len(_FIELDS) + 1
    return {
        row[0]: _Known(dict(zip(_FIELDS, row[1:at], strict=True)), row[at], tuple(row[at + 1]), row[at + 2])
        for row in rows
    }


def _read_packs(connection: Connection, gtins: list[str]) -> dict[str, _Pack]:
    rows = connection.execute(
        "SELECT gtin, product_id, units, contains_gtin, contains_count FROM trade_item WHERE gtin = ANY(%s)", (gtins,)
    )
    return {row[0]: _Pack(*row[1:]) for row in rows}


def _changes(plan: Plan, item: ProductItem, before: _Known | None) -> list[Change]:
    if before is None:
        for key in _REQUIRED:
            if not getattr(item, key):
                plan.problem(item.row, key, "required_new", product=item.product_id)
        return []
    changes = changes_of((key, before.values[key], getattr(item, key)) for key in _FIELDS)
    changes += changes_of([("retired", before.retired_at is not None, item.retired)])
    fresh = [number for number in item.registration_numbers if number not in before.numbers]
    if fresh:
        old = "; ".join(before.numbers)
        changes.append(Change("registration_numbers", old, "; ".join([*before.numbers, *fresh])))
    if before.has_stock:
        for key in _UNITS:
            old, new = str(before.values[key]), getattr(item, key)
            if new is not None and old and folded(old) != folded(new):
                plan.problem(item.row, key, "base_unit_with_stock", new, old=old)
        if item.retired and before.retired_at is None:
            plan.hint(item.row, "retired", "retired_with_stock")
    return changes


def _pack_changes(plan: Plan, item: ProductItem, packs: dict[str, _Pack], *, has_stock: bool) -> list[Change]:
    changes = []
    for pack in item.packs:
        before = packs.get(pack.gtin)
        if before is None:
            changes.append(Change(f"GTIN {pack.gtin}", "", _said(pack.units, pack.contains_gtin, pack.contains_count)))
        elif before.product_id != item.product_id:
            plan.problem(item.row, "box_gtin", "gtin_of_other_product", pack.gtin, product=before.product_id)
        elif before.units != pack.units and has_stock:
            plan.problem(item.row, "box_units", "pack_size_with_stock", pack.units, old=before.units, gtin=pack.gtin)
        elif _differs(before, pack):
            old = _said(before.units, before.contains_gtin, before.contains_count)
            changes.append(Change(f"GTIN {pack.gtin}", old, _said(pack.units, pack.contains_gtin, pack.contains_count)))
    return changes


def _differs(before: _Pack, pack: PackItem) -> bool:
    inner = (pack.contains_gtin, pack.contains_count)
    return before.units != pack.units or (
        pack.contains_gtin is not None and inner != (before.contains_gtin, before.contains_count)
    )


def _said(units: int, contains_gtin: str | None, contains_count: int | None) -> str:
    return str(units) if contains_gtin is None else f"{units} ({contains_count} x {contains_gtin})"


_UPSERT: Final = (
    "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, active_ingredient, strength,"
    " dosage_form, storage_class, control_class, unit_cost_vnd, quarantine_on_receipt, stability_minutes,"
    " stability_celsius, stability_source, retired_at)"
    " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
    " %s::text[], %s::text[], %s::text[], %s::numeric[], %s::boolean[], %s::integer[],"
    " %s::float8[], %s::text[], %s::timestamptz[])"
    " ON CONFLICT (product_id) DO UPDATE SET name_vi = excluded.name_vi, name_en = excluded.name_en,"
    " base_unit_vi = excluded.base_unit_vi, base_unit_en = excluded.base_unit_en,"
    " active_ingredient = excluded.active_ingredient, strength = excluded.strength,"
    " dosage_form = excluded.dosage_form, storage_class = excluded.storage_class,"
    " control_class = excluded.control_class, unit_cost_vnd = excluded.unit_cost_vnd,"
    " quarantine_on_receipt = excluded.quarantine_on_receipt, stability_minutes = excluded.stability_minutes,"
    " stability_celsius = excluded.stability_celsius, stability_source = excluded.stability_source,"
    " retired_at = excluded.retired_at"
)


def _write(connection: Connection, items: Sequence[ProductItem], known: dict[str, _Known], now: datetime) -> None:
    rows = [_row(item, known.get(item.product_id), now) for item in items]
    if rows:
        connection.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)])
    packs = [(pack, item.product_id) for item in items for pack in item.packs]
    connection.execute(
        "INSERT INTO trade_item (gtin, product_id, units) SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[])"
        " ON CONFLICT (gtin) DO UPDATE SET units = excluded.units",
        ([pack.gtin for pack, _ in packs], [owner for _, owner in packs], [pack.units for pack, _ in packs]),
    )
    inner = [(pack.gtin, pack.contains_gtin, pack.contains_count) for pack, _ in packs if pack.contains_gtin]
    connection.execute(
        "UPDATE trade_item t SET contains_gtin = k.inner_gtin, contains_count = k.count"
        " FROM unnest(%s::text[], %s::text[], %s::integer[]) AS k (gtin, inner_gtin, count) WHERE t.gtin = k.gtin",
        [list(column) for column in zip(*inner, strict=True)] or [[], [], []],
    )
    numbers = [(item.product_id, number) for item in items for number in item.registration_numbers]
    connection.execute(
        "INSERT INTO product_registration (product_id, registration_number)"
        " SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING",
        ([owner for owner, _ in numbers], [number for _, number in numbers]),
    )
    note_search_texts(connection, [item.product_id for item in items])


def _row(item: ProductItem, before: _Known | None, now: datetime) -> tuple[object, ...]:
    values = before.values if before is not None else _DEFAULTS
    merged = [values[key] if getattr(item, key) is None else getattr(item, key) for key in _FIELDS]
    retired_at = before.retired_at if before is not None else None
    if item.retired is not None:
        retired_at = (retired_at or now) if item.retired else None
    return (item.product_id, *merged, retired_at)


def note_search_texts(connection: Connection, product_ids: Iterable[str]) -> None:
    """Write down anew what these products are found by: names, ingredient, codes, GTINs, registration numbers."""
    rows = connection.execute(
        "SELECT product_id, name_vi, name_en, active_ingredient,"
        " ARRAY(SELECT gtin FROM trade_item t WHERE t.product_id = p.product_id ORDER BY gtin),"
        " ARRAY(SELECT registration_number FROM product_registration r WHERE r.product_id = p.product_id ORDER BY 1)"
        " FROM product p WHERE product_id = ANY(%s)",
        (list(product_ids),),
    ).fetchall()
    texts = [search_text(*row[1:4], row[0], *row[4], *row[5]) for row in rows]
    connection.execute(
        "UPDATE product p SET search_text = k.text FROM unnest(%s::text[], %s::text[]) AS k (product_id, text)"
        " WHERE p.product_id = k.product_id AND p.search_text <> k.text",
        ([row[0] for row in rows], texts),
    )
