"""The products of a site file: the hospital's articles and the trade items (GTINs) that are their packs."""

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.db.pool import Connection
from gateway.errors import SiteFileError
from inventory.folding import search_text

StorageClass = Literal["room", "cool", "refrigerator", "freezer", "ultra_cold"]
ControlClass = Literal["none", "narcotic", "psychotropic", "precursor", "toxic"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"\A[^\x00-\x1f]+\z")]
ProductId = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"\A[^\x00-\x20]([^\x00-\x1f]*[^\x00-\x20])?\z")
]
GtinText = Annotated[str, StringConstraints(pattern=r"\A[0-9]{14}\z")]
Units = Annotated[int, Field(ge=1, le=1_000_000)]


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TradeItem(_Item):
    """A pack that has a GTIN."""

    gtin: GtinText
    units: Units
    """Base units in one of it."""
    contains_gtin: GtinText | None = None
    """Of a case: the smaller pack in it."""
    contains_count: Units | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> "TradeItem":
        if (self.contains_gtin is None) != (self.contains_count is None) or self.contains_gtin == self.gtin:
            raise ValueError("contains_gtin and contains_count belong together, and name a smaller pack")
        return self


class ProductItem(_Item):
    """A medicinal product as the hospital names it.

    The short form is a product that is one trade item: `gtin` and `units_per_pack`; its id is the GTIN unless it has
    `product_id`. The long form has `product_id` and any number of `trade_items`, also none. What is left out stays as
    it is in the database.
    """

    product_id: ProductId = ""
    gtin: GtinText | None = None
    units_per_pack: Units = 1
    trade_items: tuple[TradeItem, ...] = ()
    name_vi: Text
    name_en: Text
    registration_number: Text | None = None
    registration_numbers: tuple[Text, ...] = ()
    base_unit_vi: Text
    base_unit_en: Text
    active_ingredient: Text | None = None
    strength: Text | None = None
    dosage_form: Text | None = None
    storage_class: StorageClass | None = None
    control_class: ControlClass | None = None
    unit_cost_vnd: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4)] | None = None
    quarantine_on_receipt: bool | None = None
    stability_minutes: Annotated[int, Field(ge=0, le=525_600)] | None = None
    """What its maker allows above its storage class's upper limit in its whole life."""
    stability_celsius: Annotated[float, Field(ge=-100, le=100)] | None = None
    """Never warmer than that."""
    stability_source: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _id_from_gtin(cls, table: object) -> object:
        if isinstance(table, dict) and not table.get("product_id"):
            if not table.get("gtin"):
                raise ValueError("a product needs a product_id or a gtin")
            return {**table, "product_id": table["gtin"]}
        return table

    @model_validator(mode="after")
    def _cases_add_up(self) -> "ProductItem":
        items = {item.gtin: item for item in self.all_trade_items}
        if len(items) < len(self.all_trade_items):
            raise ValueError("a gtin stands twice among the trade items: leave one")
        for item in items.values():
            inner = items.get(item.contains_gtin or "")
            if inner is not None and item.units != inner.units * (item.contains_count or 0):
                raise ValueError(
                    f"{item.gtin} has {item.units} units, but contains {item.contains_count} x {inner.units}"
                )
        return self

    @property
    def all_trade_items(self) -> tuple[TradeItem, ...]:
        """Both forms'."""
        short = () if self.gtin is None else (TradeItem(gtin=self.gtin, units=self.units_per_pack),)
        return short + self.trade_items

    @property
    def all_registration_numbers(self) -> list[str]:
        """Both forms'."""
        single = () if self.registration_number is None else (self.registration_number,)
        return sorted({*single, *self.registration_numbers})


_PRODUCT: Final = """\
INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, active_ingredient, strength,
    dosage_form, storage_class, control_class, unit_cost_vnd, quarantine_on_receipt, stability_minutes,
    stability_celsius, stability_source)
VALUES (%(product_id)s, %(name_vi)s, %(name_en)s, %(base_unit_vi)s, %(base_unit_en)s,
    coalesce(%(active_ingredient)s, ''), coalesce(%(strength)s, ''), coalesce(%(dosage_form)s, ''),
    coalesce(%(storage_class)s, 'room'), coalesce(%(control_class)s, 'none'), %(unit_cost_vnd)s,
    coalesce(%(quarantine_on_receipt)s, false), %(stability_minutes)s, %(stability_celsius)s,
    coalesce(%(stability_source)s, ''))
ON CONFLICT (product_id) DO UPDATE SET name_vi = excluded.name_vi, name_en = excluded.name_en,
    base_unit_vi = excluded.base_unit_vi, base_unit_en = excluded.base_unit_en,
    active_ingredient = coalesce(%(active_ingredient)s, product.active_ingredient),
    strength = coalesce(%(strength)s, product.strength),
    dosage_form = coalesce(%(dosage_form)s, product.dosage_form),
    storage_class = coalesce(%(storage_class)s, product.storage_class),
    control_class = coalesce(%(control_class)s, product.control_class),
    unit_cost_vnd = coalesce(%(unit_cost_vnd)s, product.unit_cost_vnd),
    quarantine_on_receipt = coalesce(%(quarantine_on_receipt)s, product.quarantine_on_receipt),
    stability_minutes = coalesce(%(stability_minutes)s, product.stability_minutes),
    stability_celsius = coalesce(%(stability_celsius)s, product.stability_celsius),
    stability_source = coalesce(%(stability_source)s, product.stability_source)"""


def import_product(connection: Connection, product: ProductItem) -> None:
    """Take it over; twice it changes nothing.

    Raises:
        SiteFileError: one of its GTINs is another product's.
        psycopg.IntegrityError: it contradicts the database otherwise.
    """
    connection.execute(_PRODUCT, product.model_dump())
    for item in product.all_trade_items:
        _import_trade_item(connection, product.product_id, item)
    for item in product.all_trade_items:  # all are there now, in whichever order the file has them
        connection.execute(
            "UPDATE trade_item SET contains_gtin = %s, contains_count = %s WHERE gtin = %s",
            (item.contains_gtin, item.contains_count, item.gtin),
        )
    for number in product.all_registration_numbers:
        connection.execute(
            "INSERT INTO product_registration VALUES (%s, %s) ON CONFLICT DO NOTHING", (product.product_id, number)
        )
    _note_search_text(connection, product.product_id)


def _import_trade_item(connection: Connection, product_id: str, item: TradeItem) -> None:
    row = connection.execute(
        "INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, %s) ON CONFLICT (gtin) DO UPDATE SET"
        " units = CASE WHEN trade_item.product_id = excluded.product_id THEN excluded.units ELSE trade_item.units END"
        " RETURNING product_id",
        (item.gtin, product_id, item.units),
    ).fetchone()
    if row is None or row[0] != product_id:
        owner = row[0] if row else None
        raise SiteFileError(
            f"site file: products: {product_id!r}: GTIN {item.gtin} is a trade item of product {owner!r}: name it there"
        )


def _note_search_text(connection: Connection, product_id: str) -> None:
    row = connection.execute(
        "SELECT product_id, name_vi, name_en, active_ingredient, (SELECT string_agg(gtin, ' ' ORDER BY gtin)"
        " FROM trade_item t WHERE t.product_id = p.product_id), (SELECT string_agg(registration_number, ' '"
        " ORDER BY registration_number) FROM product_registration r WHERE r.product_id = p.product_id)"
        " FROM product p WHERE product_id = %s",
        (product_id,),
    ).fetchone()
    connection.execute(
        "UPDATE product SET search_text = %s WHERE product_id = %s",
        (search_text(*(part for part in row or () if part)), product_id),
    )
