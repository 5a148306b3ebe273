"""Products of a catalogue table: one row a product; a further row of the same product adds packs and numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from inventory.catalogue_row import (
    Checked,
    Finding,
    Row,
    TableRow,
    choice_words,
    open_table,
    read_gtin,
    read_registrations,
)
from inventory.table_cell import Cell, CellError, Read, clean, read_money, read_whole

PRODUCT_ID_LENGTH_MAX: Final = 64
UNITS_MAX: Final = 1_000_000
"""Base units in one pack, and packs in one case."""
STABILITY_MINUTES_MAX: Final = 525_600
"""A year: longer is no allowance."""
STORAGE_WORDS: Final = choice_words(
    {
        "room": ("phòng", "nhiệt độ phòng", "thường", "thoáng", "15-30", "15-30C", "dưới 30C", "<30C", "≤30C", "<=30C"),
        "cool": ("mát", "8-15", "8-15C", "mát 8-15C"),
        "refrigerator": ("lạnh", "tủ lạnh", "fridge", "2-8", "2-8C", "lạnh 2-8C"),
        "freezer": ("đông", "tủ đông", "đông lạnh", "-25--15C", "-20C"),
        "ultra_cold": ("âm sâu", "siêu lạnh", "-80C", "-70C"),
    }
)
"""Viet Nam's GSP, Circular 36/2018/TT-BYT: room below 30 °C, cool 8 to 15 °C, cold 2 to 8 °C."""
CONTROL_WORDS: Final = choice_words(
    {
        "none": ("không", "thường", "no", "0"),
        "narcotic": ("gây nghiện", "thuốc gây nghiện", "GN"),
        "psychotropic": ("hướng thần", "thuốc hướng thần", "HT", "HTT"),
        "precursor": ("tiền chất", "thuốc tiền chất", "TC"),
        "toxic": ("độc", "thuốc độc", "Đ"),
    }
)
"""Classes of medicines under special control (Law on Pharmacy 105/2016/QH13, article 2; Circular 20/2017/TT-BYT)."""


@dataclass(frozen=True)
class PackItem:
    """A pack with a GTIN."""

    gtin: str
    """Fourteen digits."""
    units: int
    """Base units in one of it."""
    contains_gtin: str | None = None
    contains_count: int | None = None
    """A case: so many of the smaller pack."""


@dataclass(frozen=True)
class ProductItem:
    """What a file says of one product. None: nothing, so what is known stays."""

    row: int
    product_id: str
    name_vi: str | None = None
    name_en: str | None = None
    active_ingredient: str | None = None
    strength: str | None = None
    dosage_form: str | None = None
    storage_class: str | None = None
    control_class: str | None = None
    base_unit_vi: str | None = None
    base_unit_en: str | None = None
    unit_cost_vnd: Decimal | None = None
    quarantine_on_receipt: bool | None = None
    stability_minutes: int | None = None
    """What its maker allows above its storage class's upper limit in its whole life."""
    stability_celsius: int | None = None
    """Never warmer than that."""
    stability_source: str | None = None
    retired: bool | None = None
    registration_numbers: tuple[str, ...] = ()
    """Numbers that it has; others that are known stay, because older packs bear them."""
    packs: tuple[PackItem, ...] = ()


_PLAIN: Final = (
    *("name_vi", "name_en", "active_ingredient", "strength", "dosage_form", "storage_class", "control_class"),
    *("base_unit_vi", "base_unit_en", "unit_cost_vnd", "quarantine_on_receipt", "retired"),
    *("stability_minutes", "stability_celsius", "stability_source"),
)
"""Of the product itself: two rows of one product must agree in them."""
_NAMES: Final = ("name_vi", "base_unit_vi")
"""May not be taken away with a hyphen."""


def read_products(table: Sequence[TableRow]) -> Checked[ProductItem]:
    """Check the whole table; the items are complete only if there is no problem."""
    opened = open_table("products", table)
    findings = list(opened.findings)
    items: dict[str, ProductItem] = {}
    for row in opened.rows:
        item = _read_row(row)
        if item is not None:
            before = items.get(item.product_id)
            items[item.product_id] = item if before is None else _join(row, before, item)
        findings += row.findings
    findings += _gtins_of_two(items.values())
    return Checked(tuple(items.values()), tuple(findings), len(opened.rows))


def _read_row(row: Row) -> ProductItem | None:
    product_id = row.identifier("product_id", PRODUCT_ID_LENGTH_MAX)
    for key in _NAMES:
        if row.says_none(key):
            row.problem(key, "required")
    item = ProductItem(
        row=row.number,
        product_id=product_id or "",
        name_vi=row.text("name_vi"),
        name_en=row.text("name_en"),
        active_ingredient=row.text("active_ingredient", 500),
        strength=row.text("strength"),
        dosage_form=row.text("dosage_form"),
        storage_class=row.choice("storage_class", STORAGE_WORDS),
        control_class=row.choice("control_class", CONTROL_WORDS)
        or ("none" if row.says_none("control_class") else None),
        base_unit_vi=row.text("base_unit_vi", 50),
        base_unit_en=row.text("base_unit_en", 50),
        unit_cost_vnd=row.read("unit_cost_vnd", read_money),
        quarantine_on_receipt=row.flag("quarantine_on_receipt"),
        stability_minutes=row.read("stability_minutes", _minutes),
        stability_celsius=row.read("stability_celsius", _celsius),
        stability_source=row.text("stability_source"),
        retired=row.flag("retired"),
        registration_numbers=row.read("registration_numbers", read_registrations) or (),
        packs=_packs(row),
    )
    return item if product_id else None


def _packs(row: Row) -> tuple[PackItem, ...]:
    """The unit, the box and the case of one row, the smaller first."""
    unit, box, case = (row.read(key, read_gtin) for key in ("unit_gtin", "box_gtin", "case_gtin"))
    box_units = row.read("box_units", _count)
    case_boxes = row.read("case_boxes", _count)
    for key, needs, count in (("box_units", "box_gtin", box_units), ("case_boxes", "case_gtin", case_boxes)):
        if row.has(needs) and not row.says_none(needs) and count is None and not row.has(key):
            row.problem(key, "pack_count_missing", pack=row.names.get(needs, needs))
    if row.has("case_gtin") and not row.has("box_gtin") and not row.has("box_units"):
        row.problem("box_units", "pack_count_missing", pack=row.names.get("case_gtin", "case_gtin"))
    packs = [PackItem(unit, 1)] if unit else []
    if box and box_units:
        packs.append(PackItem(box, box_units, unit, box_units if unit else None))
    if case and case_boxes and box_units:
        if box_units * case_boxes > UNITS_MAX:
            row.problem("case_boxes", "number_range", low="1", high=str(UNITS_MAX // box_units))
        packs.append(PackItem(case, box_units * case_boxes, box, case_boxes if box else None))
    for at, pack in enumerate(packs):
        if pack.gtin in {earlier.gtin for earlier in packs[:at]}:
            row.problem("case_gtin" if pack.gtin == case else "box_gtin", "gtin_of_two_packs", gtin=pack.gtin)
    return tuple(packs)


def _minutes(cell: Cell) -> Read[int]:
    return read_whole(cell, 0, STABILITY_MINUTES_MAX)


def _celsius(cell: Cell) -> Read[int]:
    return read_whole(cell, -100, 100)


def _count(cell: Cell) -> Read[int]:
    """A count of what is in a pack. `10 vỉ x 10 viên` is told apart, because it is what people write there.

    Raises:
        CellError: `pack_description`, or what `read_whole` refuses.
    """
    if isinstance(cell, str) and any(each.isalpha() for each in clean(cell)):
        raise CellError("pack_description")
    return read_whole(cell, 1, UNITS_MAX)


def _join(row: Row, before: ProductItem, item: ProductItem) -> ProductItem:
    """A further row of the same product."""
    values = {}
    for name in _PLAIN:
        old, new = getattr(before, name), getattr(item, name)
        if old is not None and new is not None and old != new:
            row.problem(name, "contradicts_row", row=str(before.row), other=str(old))
        values[name] = old if new is None else new
    packs = {pack.gtin: pack for pack in before.packs}
    for pack in item.packs:
        known = packs.setdefault(pack.gtin, pack)
        if known.units != pack.units:
            row.problem("box_units", "contradicts_row", row=str(before.row), other=f"{pack.gtin}: {known.units}")
        elif known.contains_gtin is None:
            packs[pack.gtin] = pack
    numbers = tuple(dict.fromkeys((*before.registration_numbers, *item.registration_numbers)))
    joined: ProductItem = replace(before, **values, packs=tuple(packs.values()), registration_numbers=numbers)
    return joined


def _gtins_of_two(items: Iterable[ProductItem]) -> list[Finding]:
    owners: dict[str, ProductItem] = {}
    findings = []
    for item in items:
        for pack in item.packs:
            owner = owners.setdefault(pack.gtin, item)
            if owner is not item:
                values = {"row": str(owner.row), "product": owner.product_id}
                findings.append(Finding(item.row, "GTIN", "gtin_of_two_products", pack.gtin, values))
    return findings
