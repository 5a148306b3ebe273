"""Lots, places, levels and opening stock of a catalogue's tables."""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar

from inventory.catalogue_products import PRODUCT_ID_LENGTH_MAX, STORAGE_WORDS
from inventory.catalogue_row import Checked, Finding, Row, TableRow, check_expiry, choice_words, open_table
from inventory.movement import QUANTITY_MAX
from inventory.table_cell import Cell, CellError, Read, clean, read_identifier, read_money, read_whole
from inventory.table_date import read_date

T = TypeVar("T")
LOT_LENGTH_MAX: Final = 50
GS1_LOT_LENGTH_MAX: Final = 20
"""Characters of AI (10) (GS1 General Specifications 3.4.1); a longer lot can't be in a code on a pack."""
PLACE_KINDS: Final = choice_words(
    {
        "site": ("cơ sở", "bệnh viện", "hospital"),
        "store": ("kho", "kho lẻ", "kho chẵn", "nhà thuốc", "room", "phòng"),
        "fridge": ("tủ lạnh", "tủ mát", "tủ đông", "tủ vắc-xin", "freezer"),
        "shelf": ("kệ", "giá", "ngăn", "tủ thuốc", "tủ"),
        "ward": ("khoa", "khoa lâm sàng", "department"),
        "desk": ("bàn", "quầy", "counter"),
    }
)
LEVELS: Final = ("reorder_point", "min_units", "max_units")
_PLACE_ID: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class LotItem:
    """A lot of a product."""

    row: int
    product_id: str
    lot: str
    expiry_date: date
    production_date: date | None = None
    unit_cost_vnd: Decimal | None = None


@dataclass(frozen=True)
class PlaceItem:
    """A place in the tree of places. None: nothing is said, so what is known stays."""

    row: int
    place_id: str
    kind: str
    name_vi: str
    name_en: str | None = None
    parent_place_id: str | None = None
    """Empty: it has none."""
    storage_class: str | None = None


@dataclass(frozen=True)
class LevelItem:
    """How much of a product a place should have, in base units. None: nothing is said, so what is known stays."""

    row: int
    place_id: str
    product_id: str
    reorder_point: int | None
    min_units: int | None
    max_units: int | None
    cleared: frozenset[str] = frozenset()
    """Levels that the file says there are none of."""


@dataclass(frozen=True)
class OpeningItem:
    """What stands in a place on the day the books begin."""

    row: int
    place_id: str
    product_id: str
    lot: str
    """Empty: the pack names none."""
    expiry_date: date | None
    production_date: date | None
    quantity: int
    """Base units."""
    unit_cost_vnd: Decimal | None = None


def read_lots(table: Sequence[TableRow], today: date) -> Checked[LotItem]:
    """Check the whole table; the items are complete only if there is no problem."""

    def read_row(row: Row) -> LotItem | None:
        product_id, lot = row.identifier("product_id", PRODUCT_ID_LENGTH_MAX), _lot(row, required=True)
        expiry, production = row.read("expiry_date", read_date, required=True), row.read("production_date", read_date)
        check_expiry(row, expiry, production, today)
        cost = row.read("unit_cost_vnd", read_money)
        if product_id is None or not lot or expiry is None:
            return None
        return LotItem(row.number, product_id, lot, expiry, production, cost)

    opened = open_table("lots", table, ("expiry_date", "production_date"))
    return _read_all(opened.rows, opened.findings, read_row, lambda item: (item.product_id, item.lot))


def read_places(table: Sequence[TableRow]) -> Checked[PlaceItem]:
    """Check the whole table; whether a parent exists elsewhere is the caller's to say."""

    def read_row(row: Row) -> PlaceItem | None:
        place_id, kind = row.read("place_id", read_place_id, required=True), row.choice("kind", PLACE_KINDS)
        parent = "" if row.says_none("parent_place_id") else row.read("parent_place_id", read_place_id)
        name_vi = row.text("name_vi")
        for key, value in (("kind", kind), ("name_vi", name_vi)):
            if not value and (not row.has(key) or row.says_none(key)):
                row.problem(key, "required")
        if place_id is not None and place_id == parent:
            row.problem("parent_place_id", "own_parent")
        storage = "" if row.says_none("storage_class") else row.choice("storage_class", STORAGE_WORDS)
        name_en = row.text("name_en")
        if place_id is None or kind is None or not name_vi:
            return None
        return PlaceItem(row.number, place_id, kind, name_vi, name_en, parent, storage)

    opened = open_table("places", table)
    return _read_all(opened.rows, opened.findings, read_row, lambda item: item.place_id)


def read_levels(table: Sequence[TableRow]) -> Checked[LevelItem]:
    """Check the whole table."""

    def read_row(row: Row) -> LevelItem | None:
        place_id = row.read("place_id", read_place_id, required=True)
        product_id = row.identifier("product_id", PRODUCT_ID_LENGTH_MAX)
        reorder, low, high = (row.read(key, _units) for key in LEVELS)
        if low is not None and high is not None and high < low:
            row.problem("max_units", "max_below_min", other=str(low))
        if reorder is not None and high is not None and reorder > high:
            row.problem("reorder_point", "reorder_above_max", other=str(high))
        if place_id is None or product_id is None:
            return None
        cleared = frozenset(key for key in LEVELS if row.says_none(key))
        return LevelItem(row.number, place_id, product_id, reorder, low, high, cleared)

    opened = open_table("levels", table)
    return _read_all(opened.rows, opened.findings, read_row, lambda item: (item.place_id, item.product_id))


def read_opening_stock(table: Sequence[TableRow], today: date) -> Checked[OpeningItem]:
    """Check the whole table. A hyphen as lot says that the packs name none."""

    def read_row(row: Row) -> OpeningItem | None:
        place_id = row.read("place_id", read_place_id, required=True)
        product_id, lot = row.identifier("product_id", PRODUCT_ID_LENGTH_MAX), _lot(row, required=False)
        expiry, production = row.read("expiry_date", read_date), row.read("production_date", read_date)
        check_expiry(row, expiry, production, today)
        quantity = row.read("quantity", lambda cell: read_whole(cell, 1, QUANTITY_MAX), required=True)
        cost = row.read("unit_cost_vnd", read_money)
        if place_id is None or product_id is None or lot is None or quantity is None:
            return None
        return OpeningItem(row.number, place_id, product_id, lot, expiry, production, quantity, cost)

    opened = open_table("opening-stock", table, ("expiry_date", "production_date"))
    return _read_all(opened.rows, opened.findings, read_row, lambda item: (item.place_id, item.product_id, item.lot))


def _read_all(
    rows: Sequence[Row],
    findings: Sequence[Finding],
    read_row: Callable[[Row], T | None],
    key_of: Callable[[T], Hashable],
) -> Checked[T]:
    """Every row, and none of a thing that stands twice."""
    found = list(findings)
    items: dict[Hashable, T] = {}
    first_rows: dict[Hashable, int] = {}
    for row in rows:
        item = read_row(row)
        if item is not None:
            key = key_of(item)
            if key in items:
                row.problem("", "twice", row=str(first_rows[key]))
            else:
                items[key], first_rows[key] = item, row.number
        found += row.findings
    return Checked(tuple(items.values()), tuple(found), len(rows))


def _lot(row: Row, *, required: bool) -> str | None:
    if row.says_none("lot") and not required:
        return ""
    lot = row.read("lot", lambda cell: read_identifier(cell, LOT_LENGTH_MAX), required=True)
    if lot is not None and len(lot) > GS1_LOT_LENGTH_MAX:
        row.hint("lot", "lot_long", limit=str(GS1_LOT_LENGTH_MAX))
    return lot


def _units(cell: Cell) -> Read[int]:
    return read_whole(cell, 0, QUANTITY_MAX)


def read_place_id(cell: Cell) -> Read[str]:
    """A place's id, as the site file has it.

    Raises:
        CellError: `place_id`, or what `read_identifier` refuses.
    """
    read = read_identifier(cell, 63)
    text = clean(read.value).lower()
    if not _PLACE_ID.fullmatch(text):
        raise CellError("place_id")
    return Read(text)
