"""Reading the catalogue: a product is found by whatever a person types or scans; what runs short is listed."""

import unicodedata
import uuid
from collections.abc import Iterator
from datetime import date

import pytest

from gateway.db.pool import Connection
from gateway.stock.books import Doing, Goods, Line, book, place_account
from gateway.stock.catalogue import below_reorder_point, counted_places, read_product, search_products
from gateway.stock.catalogue_import import ImportRequest, import_catalogue
from inventory.catalogue_columns import ImportKind
from tests.gateway.ingest_kit import NOW, Database

TODAY = date(2026, 11, 22)
FILES: dict[ImportKind, str] = {
    "products": "product_id;name_vi;name_en;active_ingredient;base_unit_vi;registration_numbers;box_gtin;box_units\n"
    "PARA500;Paracetamol 500 mg;;Paracetamol;viên;893100493025 (VD-4878-14);8935006512344;100\n"
    "GLU30;Dung dịch đường Glucose 30%;Glucose solution;Glucose;chai;VD-1-26;;\n"
    "ORE;Oresol vị cam;;Glucose khan, muối khoáng;gói;;;\n",
    "places": "place_id;parent_place_id;kind;name_vi\nkho-9;;kho;Kho 9\ntu-9;kho-9;tủ lạnh;Tủ 9\nke-9;tu-9;kệ;Kệ 9\n",
    "levels": "place_id;product_id;reorder_point;min_units;max_units\nkho-9;PARA500;100;50;1000\nkho-9;ORE;;10;\n"
    "kho-9;GLU30;5;;20\n",
    "lots": "product_id;lot;expiry_date\nPARA500;A1;06/2028\nPARA500;OLD;06/2026\nPARA500;NONE;06/2027\n",
}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A small catalogue with some stock."""
    with database.pool.connection() as connection:
        for kind in ("products", "places", "levels", "lots"):
            request = ImportRequest(kind, FILES[kind].encode(), "f.csv", "lan", NOW, "cli")
            assert import_catalogue(connection, request).written
        _receive(connection, "tu-9", "PARA500", "A1", 90)
        _receive(connection, "ke-9", "PARA500", "OLD", 500)
        _receive(connection, "kho-9", "GLU30", "G", 6)
        yield connection


def _receive(connection: Connection, place: str, product: str, lot: str, quantity: int) -> None:
    line = Line(
        uuid.uuid4(), "receive", Goods(product, lot, None, quantity), "supplier", place_account(connection, place)
    )
    book(connection, Doing(NOW, NOW, "cli", "lan", scan_text=lot), [line])


def test_words_are_found_without_accents_and_in_any_order(connection: Connection) -> None:
    wanted: dict[str, list[str]] = {
        "duong": ["GLU30"],
        "DUONG  glucose": ["GLU30"],
        "đường": ["GLU30"],
        unicodedata.normalize("NFD", "Đường"): ["GLU30"],
        "glucose": ["GLU30", "ORE"],
        "ore": ["ORE"],
        "30%": ["GLU30"],
        "5_0": [],
        "4878": ["PARA500"],
        "nothing like it": [],
        "nothing\0like": [],
    }
    for query, products in wanted.items():
        found = search_products(connection, query, TODAY).products
        assert [each.product_id for each in found if each.product_id in {"PARA500", "GLU30", "ORE"}] == products, query


def test_a_typed_or_scanned_code_leads_to_its_one_product(connection: Connection) -> None:
    for code in (
        "para500",
        "8935006512344",
        "08935006512344",
        "010893500651234417270630\x1d10A1",
        "]d201089350065123441727063010A1",
        "(01)08935006512344(10)A1",
        "https://id.gs1.org/01/08935006512344/10/A1",
        "VD-4878-14",
        "vd-4878-14",
        "893100493025",
    ):
        found = search_products(connection, code, TODAY)
        assert found.exact == ("PARA500",), code
        assert found.products[0].product_id == "PARA500"


def test_an_exact_code_stands_before_what_only_contains_it(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, search_text)"
        " VALUES ('A', 'Zz ORE2', '', 'v', '', '|ore a|')"
    )
    found = search_products(connection, "ORE", TODAY)
    assert [line.product_id for line in found.products] == ["ORE", "A"]


def test_a_retired_product_is_listed_only_when_asked_for_or_named(connection: Connection) -> None:
    connection.execute("UPDATE product SET retired_at = now() WHERE product_id = 'GLU30'")
    assert [line.product_id for line in search_products(connection, "glucose", TODAY).products] == ["ORE"]
    with_retired = search_products(connection, "glucose", TODAY, retired=True).products
    assert [line.product_id for line in with_retired] == ["ORE", "GLU30"]
    assert search_products(connection, "GLU30", TODAY).exact == ("GLU30",)


def test_a_product_is_read_whole(connection: Connection) -> None:
    product = read_product(connection, "PARA500", TODAY)
    assert product is not None
    assert product.registration_numbers == ("893100493025", "VD-4878-14")
    assert [(pack.gtin, pack.units) for pack in product.packs] == [("08935006512344", 100)]
    assert [(lot.lot, lot.place_id, lot.quantity) for lot in product.lots] == [
        ("OLD", "ke-9", 500),
        ("A1", "tu-9", 90),
        ("NONE", None, 0),
    ]
    assert (product.on_hand, product.next_expiry) == (590, date(2026, 6, 30))
    assert [(level.place_id, level.on_hand, level.to_order) for level in product.levels] == [("kho-9", 90, 910)]
    assert read_product(connection, "NO", TODAY) is None


def test_what_runs_short_counts_what_stands_within_a_place_and_not_what_has_expired(connection: Connection) -> None:
    short = below_reorder_point(connection, TODAY)
    assert [(line.product_id, line.on_hand, line.to_order) for line in short] == [("ORE", 0, 0), ("PARA500", 90, 910)]
    assert below_reorder_point(connection, TODAY, place_id="tu-9") == []
    _receive(connection, "ke-9", "PARA500", "A1", 11)
    assert [line.product_id for line in below_reorder_point(connection, TODAY)] == ["ORE"]
    connection.execute("UPDATE product SET retired_at = now() WHERE product_id = 'ORE'")
    assert below_reorder_point(connection, TODAY) == []


def test_places_are_listed_as_a_tree(connection: Connection) -> None:
    places = [(place.place_id, place.depth, place.products) for place in counted_places(connection)]
    start = places.index(("kho-9", 0, 1))
    assert places[start : start + 3] == [("kho-9", 0, 1), ("tu-9", 1, 1), ("ke-9", 2, 1)]
