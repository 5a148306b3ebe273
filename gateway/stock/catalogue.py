"""What is read of the catalogue: products by word or code, one product whole, the tree of places, what runs short."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from inventory.errors import CodeError
from inventory.folding import folded, like_pattern
from inventory.gtin import LENGTHS, Gtin
from inventory.scan import parse_scan

_WORDS_MAX: Final = 8
"""Of a query; a person types three."""
_QUERY_LENGTH_MAX: Final = 300


class ProductLine(Row):
    """A product in a list."""

    product_id: str
    name_vi: str
    name_en: str
    active_ingredient: str
    strength: str
    dosage_form: str
    storage_class: str
    control_class: str
    base_unit_vi: str
    base_unit_en: str
    retired_at: datetime | None
    on_hand: int
    """Base units in all places."""
    next_expiry: date | None
    """The earliest of what is on hand."""


class PackLine(Row):
    """A pack with a GTIN."""

    gtin: str
    units: int
    """Base units in one of it."""
    contains_gtin: str | None
    contains_count: int | None


class LotLine(Row):
    """A lot in one place, or in none."""

    lot: str
    """Empty: the packs name none."""
    expiry_date: date | None
    production_date: date | None
    unit_cost_vnd: Decimal | None
    place_id: str | None
    """Null: there is none of it anywhere."""
    place_name_vi: str | None
    place_name_en: str | None
    quantity: int
    """Base units."""


class LevelLine(Row):
    """How much of a product a place should have and has, in base units."""

    place_id: str
    place_name_vi: str
    place_name_en: str
    product_id: str
    product_name_vi: str
    product_name_en: str
    base_unit_vi: str
    base_unit_en: str
    reorder_point: int | None
    min_units: int | None
    max_units: int | None
    on_hand: int
    """In the place and in all within it, what has expired not counted."""

    @property
    def to_order(self) -> int:
        """Base units up to the maximum; up to the reorder point where no maximum is set."""
        wanted = self.reorder_point if self.max_units is None else self.max_units
        return max(0, (wanted or 0) - self.on_hand)


class Product(ProductLine):
    """One product whole."""

    unit_cost_vnd: Decimal | None
    """Of a base unit."""
    quarantine_on_receipt: bool
    registration_numbers: tuple[str, ...] = ()
    packs: tuple[PackLine, ...] = ()
    lots: tuple[LotLine, ...] = ()
    levels: tuple[LevelLine, ...] = ()


class PlaceLine(Row):
    """A place in the tree."""

    place_id: str
    parent_place_id: str | None
    kind: str
    name_vi: str
    name_en: str
    storage_class: str | None
    temperature_low_celsius: float | None
    temperature_high_celsius: float | None
    depth: int
    """0: it stands in no other."""


class CountedPlace(PlaceLine):
    """With what lies there."""

    products: int
    """Different products on hand in it, not in what is within it."""


_ON_HAND: Final = (
    " LEFT JOIN (SELECT b.product_id, sum(b.quantity)::bigint AS on_hand, min(l.expiry_date) AS next_expiry"
    " FROM stock_balance b JOIN stock_account a USING (account_id) JOIN lot l USING (product_id, lot)"
    " WHERE b.quantity > 0 AND a.place_id IS NOT NULL GROUP BY b.product_id) s USING (product_id)"
)
_LINE: Final = (
    "SELECT p.product_id, p.name_vi, p.name_en, p.active_ingredient, p.strength, p.dosage_form, p.storage_class,"
    " p.control_class, p.base_unit_vi, p.base_unit_en, p.retired_at, coalesce(s.on_hand, 0) AS on_hand, s.next_expiry"
)
# What has this very code comes first, then what begins with the words.
_SEARCH: Final = (
    _LINE + " FROM product p" + _ON_HAND + " WHERE p.product_id = ANY(%(exact)s) OR ((%(retired)s"
    " OR p.retired_at IS NULL) AND p.search_text LIKE ALL (%(patterns)s::text[]))"
    " ORDER BY (p.product_id = ANY(%(exact)s)) DESC, (p.search_text LIKE '|' || %(first)s) DESC,"
    " p.retired_at IS NOT NULL, p.name_vi, p.product_id LIMIT %(limit)s OFFSET %(offset)s"
)
_EXACT: Final = (
    "SELECT product_id FROM product WHERE upper(product_id) = upper(%(text)s)"
    " UNION SELECT product_id FROM trade_item WHERE gtin = %(gtin)s"
    " UNION SELECT product_id FROM product_registration WHERE upper(registration_number) = upper(%(text)s)"
)


def find_exactly(connection: Connection, query: str, today: date) -> list[str]:
    """Products that have this very code: their own, a GTIN, a registration number, or a scanned code with a GTIN."""
    text = " ".join(storable(query).split())[:_QUERY_LENGTH_MAX]
    if not text:
        return []
    rows = connection.execute(_EXACT, {"text": text, "gtin": _gtin_in(query[:_QUERY_LENGTH_MAX], today)})
    return sorted(str(row[0]) for row in rows)


def _gtin_in(query: str, today: date) -> str | None:
    text = query.strip()
    if text.isascii() and text.isdigit() and len(text) in LENGTHS:
        try:
            return Gtin.parse(text).value
        except CodeError:
            return None
    parsed = parse_scan(text, today)
    return parsed.gtin if parsed.valid else None


@dataclass(frozen=True)
class Found:
    """What a search finds."""

    exact: tuple[str, ...]
    """Ids of products that have this very code."""
    products: tuple[ProductLine, ...]
    """Those first, then those in whose names, ingredient or codes every word stands."""


def search_products(
    connection: Connection, query: str, today: date, *, retired: bool = False, limit: int = 50, offset: int = 0
) -> Found:
    """Search without case and accents; a code that was scanned is a query too."""
    exact = find_exactly(connection, query, today)
    words = folded(storable(query)[:_QUERY_LENGTH_MAX]).split()[:_WORDS_MAX]
    values = {
        "exact": exact,
        "patterns": [like_pattern(word) for word in words],
        "first": like_pattern(" ".join(words))[1:],
        "retired": retired,
        "limit": limit,
        "offset": offset,
    }
    return Found(tuple(exact), tuple(all_rows(connection, ProductLine, _SEARCH, values)))


_PRODUCT: Final = (
    _LINE + ", p.unit_cost_vnd, p.quarantine_on_receipt FROM product p" + _ON_HAND + " WHERE p.product_id = %(product)s"
)
_PACKS: Final = (
    "SELECT gtin, units, contains_gtin, contains_count FROM trade_item WHERE product_id = %(product)s"
    " ORDER BY units, gtin"
)
_LOTS: Final = (
    "SELECT l.lot, l.expiry_date, l.production_date, l.unit_cost_vnd, pl.place_id, pl.name_vi AS place_name_vi,"
    " pl.name_en AS place_name_en, coalesce(b.quantity, 0) AS quantity FROM lot l LEFT JOIN (SELECT b.product_id,"
    " b.lot, b.quantity, a.place_id FROM stock_balance b JOIN stock_account a USING (account_id) WHERE b.quantity > 0"
    " AND a.place_id IS NOT NULL AND b.product_id = %(product)s) b USING (product_id, lot)"
    " LEFT JOIN place pl USING (place_id) WHERE l.product_id = %(product)s"
    " ORDER BY b.quantity IS NULL, l.expiry_date, l.lot, pl.name_vi LIMIT 500"
)

# A store's stock is what stands in it and in its fridges and shelves. Expired goods are none to count on. Of one
# product and of all are two texts: a plan that is made once for both suits neither.
_WITHIN: Final = (
    "WITH RECURSIVE within AS (SELECT DISTINCT place_id AS rule_place, place_id FROM stock_level_rule"
    " UNION SELECT w.rule_place, p.place_id FROM within w JOIN place p ON p.parent_place_id = w.place_id),"
    " stock AS MATERIALIZED (SELECT a.place_id, b.product_id, sum(b.quantity)::bigint AS quantity"
    " FROM stock_balance b JOIN stock_account a USING (account_id) JOIN lot l USING (product_id, lot)"
    " WHERE b.quantity > 0 AND a.place_id IS NOT NULL AND (l.expiry_date IS NULL OR l.expiry_date >= %(today)s)"
)
_RULES: Final = (
    " GROUP BY 1, 2), there AS MATERIALIZED (SELECT w.rule_place AS place_id, s.product_id,"
    " sum(s.quantity)::bigint AS quantity FROM within w JOIN stock s USING (place_id) GROUP BY 1, 2)"
    " SELECT r.place_id, pl.name_vi AS place_name_vi, pl.name_en AS place_name_en, r.product_id,"
    " p.name_vi AS product_name_vi, p.name_en AS product_name_en, p.base_unit_vi, p.base_unit_en, r.reorder_point,"
    " r.min_units, r.max_units, coalesce(t.quantity, 0) AS on_hand FROM stock_level_rule r"
    " JOIN product p USING (product_id) JOIN place pl USING (place_id)"
    " LEFT JOIN there t USING (place_id, product_id)"
)
_LEVELS: Final = (
    _WITHIN + " AND b.product_id = %(product)s" + _RULES + " WHERE r.product_id = %(product)s ORDER BY pl.name_vi"
)
_BELOW: Final = (
    _WITHIN + _RULES + " WHERE p.retired_at IS NULL AND (coalesce(t.quantity, 0) <= r.reorder_point"
    " OR coalesce(t.quantity, 0) < r.min_units) AND (%(place)s::text IS NULL OR r.place_id = %(place)s)"
    " ORDER BY coalesce(t.quantity, 0)::numeric / greatest(r.reorder_point, r.min_units, 1), pl.name_vi, p.name_vi"
    " LIMIT %(limit)s"
)


def read_product(connection: Connection, product_id: str, today: date) -> Product | None:
    """One product with its numbers, packs, lots and levels; None if there is none of this id."""
    values = {"product": product_id, "today": today}
    found = first_row(connection, Product, _PRODUCT, values)
    if found is None:
        return None
    numbers = connection.execute(
        "SELECT registration_number FROM product_registration WHERE product_id = %(product)s ORDER BY 1", values
    )
    return found.model_copy(
        update={
            "registration_numbers": tuple(str(row[0]) for row in numbers),
            "packs": tuple(all_rows(connection, PackLine, _PACKS, values)),
            "lots": tuple(all_rows(connection, LotLine, _LOTS, values)),
            "levels": tuple(all_rows(connection, LevelLine, _LEVELS, values)),
        }
    )


def below_reorder_point(
    connection: Connection, today: date, *, place_id: str | None = None, limit: int = 500
) -> list[LevelLine]:
    """What has come down to its reorder point, or below its minimum; what is shortest first."""
    values = {"place": place_id, "today": today, "limit": limit}
    return all_rows(connection, LevelLine, _BELOW, values)


_PLACES: Final = (
    "WITH RECURSIVE tree AS (SELECT place_id, 0 AS depth, ARRAY[name_vi, place_id] AS way FROM place"
    " WHERE parent_place_id IS NULL UNION ALL SELECT p.place_id, t.depth + 1, t.way || ARRAY[p.name_vi, p.place_id]"
    " FROM tree t JOIN place p ON p.parent_place_id = t.place_id)"
    " SELECT p.place_id, p.parent_place_id, p.kind, p.name_vi, p.name_en, p.storage_class, p.temperature_low_celsius,"
    " p.temperature_high_celsius, t.depth{also} FROM tree t JOIN place p USING (place_id){of} ORDER BY t.way"
)
# All balances are read once, whatever the number of places.
_COUNTED: Final = (
    " LEFT JOIN (SELECT a.place_id, count(*) AS products FROM (SELECT DISTINCT account_id, product_id"
    " FROM stock_balance WHERE quantity > 0) b JOIN stock_account a USING (account_id) GROUP BY 1) c USING (place_id)"
)


def place_tree(connection: Connection) -> list[PlaceLine]:
    """Every place, each behind what it stands in."""
    return all_rows(connection, PlaceLine, _PLACES.format(also="", of=""), {})


def counted_places(connection: Connection) -> list[CountedPlace]:
    """The same, with how many products lie in each."""
    counted = _PLACES.format(also=", coalesce(c.products, 0) AS products", of=_COUNTED)
    return all_rows(connection, CountedPlace, counted, {})
