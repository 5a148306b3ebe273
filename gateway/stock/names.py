"""Names of products, places and people by their ids, for whoever says a fact to a person."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gateway.db.pool import Connection


@dataclass(frozen=True)
class ProductName:
    """What people call a product, and its base unit."""

    name_vi: str
    name_en: str
    unit_vi: str
    unit_en: str


@dataclass(frozen=True)
class Names:
    """Of those that are known."""

    products: Mapping[str, ProductName] = field(default_factory=dict)
    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """(Vietnamese, English) by place id."""
    people: Mapping[str, str] = field(default_factory=dict)
    """Display names by user name."""


def names_of(
    connection: Connection, products: Collection[str], places: Collection[str], people: Collection[str]
) -> Names:
    """Of these ids; unknown ones are left out."""
    found = connection.execute(
        "SELECT product_id, concat_ws(' ', name_vi, nullif(strength, '')), concat_ws(' ', name_en, nullif(strength,"
        " '')), base_unit_vi, base_unit_en FROM product WHERE product_id = ANY(%s)",
        (list(products),),
    )
    named = {str(row[0]): ProductName(*row[1:]) for row in found}
    where = connection.execute("SELECT place_id, name_vi, name_en FROM place WHERE place_id = ANY(%s)", (list(places),))
    who = connection.execute(
        "SELECT username, display_name FROM login_account WHERE username = ANY(%s)", (list(people),)
    )
    return Names(named, {row[0]: (row[1], row[2]) for row in where}, {row[0]: row[1] for row in who})
