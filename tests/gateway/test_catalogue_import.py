"""A catalogue file into a real database: all of it or nothing, twice the same, and never against the stock."""

import io
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import openpyxl
import pytest

from gateway.stock import two_people
from gateway.stock.acts import Actor
from gateway.stock.books import Doing, Goods, Line, book, place_account, reverse
from gateway.stock.catalogue_import import ImportRequest, import_catalogue
from gateway.stock.errors import SecondPersonError
from gateway.stock.import_report import ImportReport
from inventory.catalogue_columns import ImportKind
from inventory.table_cell import Cell
from tests.gateway.ingest_kit import NOW, Database

BOX, CASE, OTHER = "8935006512344", "18935006512341", "8936000000017"
PRODUCTS = (
    ("product_id", "name_vi", "base_unit_vi", "active_ingredient", "registration_numbers", "box_gtin", "box_units"),
    ("PARA500", "Paracetamol 500 mg", "viên", "Paracetamol", "893100493025 (VD-4878-14)", BOX, 100),
    ("MOR10", "Morphin 10 mg/1 ml", "ống", "Morphin", "VD-24315-16", None, None),
)


@dataclass(frozen=True)
class Desk:
    """Someone who imports files."""

    database: Database

    def bring(self, kind: ImportKind, *rows: tuple[Cell, ...], dry_run: bool = False) -> ImportReport:
        """Import a workbook with these rows."""
        workbook = openpyxl.Workbook()
        sheet: Any = workbook.active
        for row in rows:
            sheet.append(row)
        out = io.BytesIO()
        workbook.save(out)
        return self.bring_bytes(kind, out.getvalue(), dry_run=dry_run)

    def bring_bytes(self, kind: ImportKind, data: bytes, *, dry_run: bool = False) -> ImportReport:
        """Import this file."""
        request = ImportRequest(kind, data, "C:\\danh-mục.xlsx", "lan", NOW, "cli", dry_run)
        with self.database.pool.connection() as connection:
            return import_catalogue(connection, request)

    def stock(self, product_id: str, quantity: int, lot: str = "L1") -> None:
        """Receive some into the first place."""
        with self.database.pool.connection() as connection:
            place = self.database.value("SELECT min(place_id) FROM place")
            goods = Goods(product_id, lot, date(2028, 1, 31), quantity)
            line = Line(uuid.uuid4(), "receive", goods, "supplier", place_account(connection, place))
            book(connection, Doing(NOW, NOW, "cli", "lan", scan_text=product_id), [line])


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.new, report.changed, report.same, report.problems


def codes(report: ImportReport, severity: Literal["problem", "hint"] = "problem") -> list[tuple[int, str]]:
    return [(each.row, each.code) for each in report.findings if each.severity == severity]


def test_products_are_entered_with_packs_and_numbers_and_a_second_time_nothing_changes(desk: Desk) -> None:
    report = desk.bring("products", *PRODUCTS)
    assert (counts(report), report.written) == ((2, 0, 0, 0), True)
    rows = desk.database.rows
    assert rows("SELECT name_vi, active_ingredient FROM product WHERE product_id = 'PARA500'") == [
        ("Paracetamol 500 mg", "Paracetamol")
    ]
    assert rows("SELECT gtin, units FROM trade_item WHERE product_id = 'PARA500'") == [("0" + BOX, 100)]
    assert rows("SELECT registration_number FROM product_registration WHERE product_id = 'PARA500' ORDER BY 1") == [
        ("893100493025",),
        ("VD-4878-14",),
    ]
    assert counts(desk.bring("products", *PRODUCTS)) == (0, 0, 2, 0)


def test_a_dry_run_says_what_would_change_from_what_to_what_and_writes_nothing(desk: Desk) -> None:
    desk.bring("products", *PRODUCTS)
    changed = (
        ("product_id", "name_vi", "box_gtin", "box_units", "unit_cost_vnd", "retired"),
        ("PARA500", "Paracetamol 500", BOX, 50, 850.5, "có"),
        ("NEW", None, None, None, None, None),
    )
    report = desk.bring("products", *changed, dry_run=True)
    assert (counts(report), report.written) == ((0, 1, 0, 2), False)
    assert [(c.field, c.old, c.new) for c in report.outcomes[0].changes] == [
        ("name_vi", "Paracetamol 500 mg", "Paracetamol 500"),
        ("unit_cost_vnd", "", "850.5"),
        ("retired", "no", "yes"),
        ("GTIN 0" + BOX, "100", "50"),
    ]
    assert codes(report) == [(3, "required_new"), (3, "required_new")]
    assert counts(desk.bring("products", *PRODUCTS)) == (0, 0, 2, 0)
    good = desk.bring("products", *changed[:2], dry_run=True)
    assert (counts(good), good.written) == ((0, 1, 0, 0), False)
    assert desk.bring("products", *changed[:2]).written
    assert desk.database.value("SELECT retired_at FROM product WHERE product_id = 'PARA500'") == NOW
    assert counts(desk.bring("products", *changed[:2])) == (0, 0, 1, 0)


def test_one_wrong_row_keeps_the_whole_file_out(desk: Desk) -> None:
    before = desk.database.value("SELECT count(*) FROM product")
    report = desk.bring("products", *PRODUCTS, ("X", "x", "viên", "", "", "8935006512340", 10))
    assert codes(report) == [(4, "gtin_check_digit")]
    assert not report.written
    assert desk.database.value("SELECT count(*) FROM product") == before


def test_an_empty_cell_and_a_missing_column_blank_nothing(desk: Desk) -> None:
    desk.bring("products", *PRODUCTS)
    report = desk.bring("products", ("product_id", "active_ingredient"), ("PARA500", None), ("MOR10", None))
    assert counts(report) == (0, 0, 2, 0)
    assert counts(desk.bring("products", ("product_id", "active_ingredient"), ("MOR10", "-"))) == (0, 1, 0, 0)
    assert desk.database.rows("SELECT active_ingredient, name_vi FROM product WHERE product_id = 'MOR10'") == [
        ("", "Morphin 10 mg/1 ml")
    ]


def test_a_gtin_of_another_product_is_refused(desk: Desk) -> None:
    desk.bring("products", *PRODUCTS)
    report = desk.bring("products", ("product_id", "box_gtin", "box_units"), ("MOR10", "0" + BOX, 10))
    assert codes(report) == [(2, "gtin_of_other_product")]
    assert report.findings[0].values == {"product": "PARA500"}


def test_base_unit_and_pack_size_stay_while_there_is_stock(desk: Desk) -> None:
    desk.bring("products", *PRODUCTS)
    change = (("product_id", "base_unit_vi", "box_gtin", "box_units"), ("PARA500", "vỉ", BOX, 10))
    desk.stock("PARA500", 100)
    report = desk.bring("products", *change)
    assert codes(report) == [(2, "base_unit_with_stock"), (2, "pack_size_with_stock")]
    assert [each.values["old"] for each in report.findings] == ["viên", "100"]
    spelling = desk.bring("products", ("product_id", "base_unit_vi", "retired"), ("PARA500", "Viên", "x"))
    assert (codes(spelling), codes(spelling, "hint"), spelling.written) == ([], [(2, "retired_with_stock")], True)
    assert counts(desk.bring("products", change[0], ("MOR10", "hộp", CASE, 10))) == (0, 1, 0, 0)


def test_who_imported_which_file_when_and_what_it_changed_stays_in_the_audit(desk: Desk) -> None:
    report = desk.bring("products", *PRODUCTS)
    desk.bring("products", *PRODUCTS, dry_run=True)
    [(at, username, kind, detail)] = desk.database.rows(
        "SELECT at, username, object, detail FROM audit WHERE action = 'catalogue_import'"
    )
    assert (at, username, kind) == (NOW, "lan", "products")
    assert (detail["file"], detail["sha256"]) == ("danh-mục.xlsx", report.file_sha256)
    assert [one["key"] for one in detail["changes"]] == ["PARA500", "MOR10"]


def test_lots_need_their_product_and_a_later_expiry_is_told(desk: Desk) -> None:
    desk.bring("products", *PRODUCTS)
    head = ("product_id", "lot", "expiry_date", "production_date")
    report = desk.bring("lots", head, ("PARA500", "A1", "06/2028", "01/05/2026"), ("NONE", "A1", "06/2028", None))
    assert codes(report) == [(3, "unknown_product")]
    assert counts(desk.bring("lots", head, ("PARA500", "A1", "06/2028", "01/05/2026"))) == (1, 0, 0, 0)
    assert counts(desk.bring("lots", head[:3], ("PARA500", "A1", "30/06/2028"))) == (0, 0, 1, 0)
    later = desk.bring("lots", head[:3], ("PARA500", "A1", "31/07/2028"))
    assert (counts(later), codes(later, "hint")) == ((0, 1, 0, 0), [(2, "expiry_later")])
    assert desk.database.rows("SELECT expiry_date, production_date FROM lot WHERE lot = 'A1'") == [
        (date(2028, 7, 31), date(2026, 5, 1))
    ]
    assert codes(desk.bring("lots", head[:3], ("PARA500", "A1", "30/04/2026"))) == [(2, "expiry_before_production")]


def test_places_are_entered_in_any_order_and_a_circle_is_refused(desk: Desk) -> None:
    head = ("place_id", "parent_place_id", "kind", "name_vi", "storage_class")
    rows = (
        ("ke-1", "kho-2", "kệ", "Kệ 1", "mát"),
        ("kho-2", "bv", "kho", "Kho 2", None),
        ("bv", None, "site", "BV", None),
    )
    assert counts(desk.bring("places", head, *rows)) == (3, 0, 0, 0)
    assert counts(desk.bring("places", head, *rows)) == (0, 0, 3, 0)
    assert desk.database.rows("SELECT parent_place_id, storage_class FROM place WHERE place_id = 'ke-1'") == [
        ("kho-2", "cool")
    ]
    assert desk.database.value("SELECT count(*) FROM stock_account WHERE place_id = 'ke-1'") == 1
    circle = desk.bring("places", head, ("bv", "ke-1", "site", "Bệnh viện", None))
    assert codes(circle) == [(2, "parent_circle")]
    assert circle.findings[0].values == {"circle": "bv → ke-1 → kho-2 → bv"}
    assert codes(desk.bring("places", head, ("x", "nowhere", "kho", "X", None))) == [(2, "unknown_place")]
    moved = desk.bring("places", head, ("ke-1", "-", "kệ", "Kệ 1", "-"))
    assert [(c.field, c.old, c.new) for c in moved.outcomes[0].changes] == [
        ("parent_place_id", "kho-2", ""),
        ("storage_class", "cool", ""),
    ]


def test_levels_are_merged_with_what_is_known(desk: Desk) -> None:
    desk.bring("products", *PRODUCTS)
    desk.bring("places", ("place_id", "kind", "name_vi"), ("kho-2", "kho", "Kho 2"))
    head = ("place_id", "product_id", "reorder_point", "min_units", "max_units")
    assert counts(desk.bring("levels", head, ("kho-2", "PARA500", 200, 100, 1000))) == (1, 0, 0, 0)
    assert codes(desk.bring("levels", head, ("kho-2", "PARA500", None, None, 50))) == [(2, "max_below_min")]
    assert counts(desk.bring("levels", head, ("kho-2", "PARA500", None, "-", 500))) == (0, 1, 0, 0)
    assert desk.database.rows("SELECT reorder_point, min_units, max_units FROM stock_level_rule") == [(200, None, 500)]
    assert codes(desk.bring("levels", head, ("kho-9", "NONE", 1, 1, 1))) == [
        (2, "unknown_place"),
        (2, "unknown_product"),
    ]


def test_a_file_that_is_no_table_is_told_and_not_raised(desk: Desk) -> None:
    report = desk.bring_bytes("products", b"%PDF-1.7")
    assert (codes(report), report.ok, report.rows) == ([(0, "not_a_table")], False, 0)


@pytest.mark.parametrize("products_wanted", [150, pytest.param(1500, marks=pytest.mark.slow)])
def test_a_whole_hospitals_catalogue_is_entered_set_by_set(desk: Desk, products_wanted: int) -> None:
    lots_wanted = products_wanted * 8
    products = [("product_id", "name_vi", "base_unit_vi", "registration_numbers")]
    products += [(f"P{n:04}", f"Thuốc số {n}", "viên", f"VD-{n}-26") for n in range(products_wanted)]
    data = "\n".join(";".join(row) for row in products).encode()
    assert counts(desk.bring_bytes("products", data)) == (products_wanted, 0, 0, 0)
    assert counts(desk.bring_bytes("products", data)) == (0, 0, products_wanted, 0)
    lots = "product_id;lot;expiry_date\n" + "".join(
        f"P{n % products_wanted:04};L{n // products_wanted:02};{n % 27 + 1:02}/05/2028\n" for n in range(lots_wanted)
    )
    assert counts(desk.bring_bytes("lots", lots.encode())) == (lots_wanted, 0, 0, 0)
    assert counts(desk.bring_bytes("lots", lots.encode())) == (0, 0, lots_wanted, 0)
    opening = "place_id;product_id;lot;quantity\n" + "".join(
        f"kho-2;P{n % products_wanted:04};L{n // products_wanted:02};{n + 1}\n" for n in range(lots_wanted)
    )
    desk.bring("places", ("place_id", "kind", "name_vi"), ("kho-2", "kho", "Kho 2"))
    assert counts(desk.bring_bytes("opening-stock", opening.encode())) == (lots_wanted, 0, 0, 0)
    assert counts(desk.bring_bytes("opening-stock", opening.encode())) == (0, 0, lots_wanted, 0)


STANDING = "SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE quantity > 0 ORDER BY 1, 2"
OPENING = ("place_id", "product_id", "lot", "expiry_date", "quantity")


def _furnish(desk: Desk) -> None:
    desk.bring("products", *PRODUCTS, ("MOR5", "Morphin 5 mg", "viên", "", "", None, None))
    desk.bring("products", ("product_id", "control_class"), ("MOR10", "gây nghiện"))
    desk.bring("places", ("place_id", "kind", "name_vi"), ("kho-2", "kho", "Kho 2"), ("kho-3", "kho", "Kho 3"))


def test_opening_stock_is_booked_once_however_often_the_file_is_brought(desk: Desk) -> None:
    _furnish(desk)
    rows: tuple[tuple[Cell, ...], ...] = (
        ("kho-2", "PARA500", "A1", "06/2028", 1200),
        ("kho-3", "PARA500", "A1", "06/2028", 30),
        ("kho-2", "MOR10", "-", None, 40),
    )
    report = desk.bring("opening-stock", OPENING, *rows)
    assert (counts(report), report.written) == ((3, 0, 0, 0), True)
    assert codes(report, "hint") == [(4, "controlled_opened"), (4, "no_expiry")]
    assert counts(desk.bring("opening-stock", OPENING, *reversed(rows))) == (0, 0, 3, 0)
    assert desk.database.rows(STANDING) == [
        ("place:kho-2", "PARA500", "A1", 1200),
        ("place:kho-3", "PARA500", "A1", 30),
    ]
    assert desk.database.rows(
        "SELECT d.number, d.to_place_id, d.state, count(m.*), min(m.person), min(m.reason_code) FROM stock_document d"
        " LEFT JOIN movement m USING (document_id) GROUP BY 1, 2, 3 ORDER BY 1"
    ) == [
        ("PN26-000001", "kho-2", "posted", 1, "lan", "opening"),
        ("PN26-000002", "kho-2", "waiting_second", 0, None, None),
        ("PN26-000003", "kho-3", "posted", 1, "lan", "opening"),
    ]
    assert desk.database.value("SELECT sum(quantity) FROM posting") == 0
    more = desk.bring("opening-stock", OPENING, *rows, ("kho-3", "MOR5", "M", "06/2028", 5))
    assert counts(more) == (1, 0, 3, 0)


def test_a_dry_run_tells_what_the_database_says_of_sound_rows_although_another_row_is_wrong(desk: Desk) -> None:
    _furnish(desk)
    rows = (("kho-2", "PARA500", "A1", "06/2028", "nhiều"), ("kho-9", "NONE", "A1", "06/2028", 1))
    report = desk.bring("opening-stock", OPENING, *rows, ("kho-2", "MOR5", "B", "06/2028", 5), dry_run=True)
    assert codes(report)[1:] == [(3, "unknown_place"), (3, "unknown_product")], "all at once, and not one after another"
    assert (codes(report)[0][0], counts(report)) == (2, (1, 0, 0, 3))
    assert (desk.bring("opening-stock", OPENING, *rows).written, desk.database.rows(STANDING)) == (False, [])


def test_a_controlled_drug_is_opened_when_a_second_person_has_counted_it_blind(desk: Desk) -> None:
    _furnish(desk)
    row = ("kho-2", "MOR10", "-", None, 40)
    dry = desk.bring("opening-stock", OPENING, row, dry_run=True)
    assert (counts(dry), codes(dry, "hint")[0]) == ((1, 0, 0, 0), (2, "controlled_opened")), "the dry run says it"
    desk.bring("opening-stock", OPENING, row)
    assert codes(desk.bring("opening-stock", OPENING, (*row[:4], 41))) == [(2, "opening_differs")], "while it waits too"
    [(document_id,)] = desk.database.rows("SELECT document_id FROM stock_document WHERE state = 'waiting_second'")
    with desk.database.pool.connection() as connection:
        [line] = two_people.waiting_lines(connection, document_id)
        assert (line.product_id, line.quantity) == ("MOR10", None), "nobody tells how many there should be"
        with pytest.raises(SecondPersonError), connection.transaction():
            two_people.confirm(connection, document_id, Actor("lan", NOW, NOW), {"MOR10": 40})
        two_people.confirm(connection, document_id, Actor("minh", NOW, NOW), {"MOR10": 40})
    assert desk.database.rows(STANDING) == [("place:kho-2", "MOR10", "", 40)]
    assert desk.database.rows("SELECT person, second_person FROM movement") == [("lan", "minh")]
    assert counts(desk.bring("opening-stock", OPENING, row)) == (0, 0, 1, 0)


def test_a_cancelled_opening_of_a_controlled_drug_can_be_brought_again_with_another_quantity(desk: Desk) -> None:
    _furnish(desk)
    desk.bring("opening-stock", OPENING, ("kho-2", "MOR10", "-", None, 40))
    with desk.database.pool.connection() as connection:
        [(document_id,)] = connection.execute("SELECT document_id FROM stock_document").fetchall()
        two_people.cancel(connection, document_id, Actor("minh", NOW, NOW))
    again = ("kho-2", "MOR10", "-", None, 38)
    assert counts(desk.bring("opening-stock", OPENING, again)) == (1, 0, 0, 0)
    assert counts(desk.bring("opening-stock", OPENING, again)) == (0, 0, 1, 0)


def test_what_is_quarantined_on_receipt_is_opened_on_hold(desk: Desk) -> None:
    _furnish(desk)
    desk.database.run("UPDATE product SET quarantine_on_receipt = true WHERE product_id = 'PARA500'")
    row = ("kho-2", "PARA500", "A1", "06/2028", 1200)
    dry = desk.bring("opening-stock", OPENING, row, dry_run=True)
    assert codes(dry, "hint") == [(2, "quarantined_opened")], "the dry run says it"
    desk.bring("opening-stock", OPENING, row)
    assert desk.database.rows(STANDING) == [("place:kho-2", "PARA500", "A1", 1200)]
    holds = "SELECT kind, product_id, lot, placed_by FROM stock_hold WHERE released_at IS NULL"
    assert desk.database.rows(holds) == [("quarantine", "PARA500", "A1", "lan")]


def test_another_quantity_of_what_was_opened_is_refused_until_that_is_reversed(desk: Desk) -> None:
    _furnish(desk)
    desk.bring("opening-stock", OPENING, ("kho-2", "PARA500", "A1", "06/2028", 1200))
    again = ("kho-2", "PARA500", "A1", "06/2028", 1300)
    report = desk.bring("opening-stock", OPENING, again)
    assert codes(report) == [(2, "opening_differs")]
    assert report.findings[0].values == {"old": "1200"}
    with desk.database.pool.connection() as connection:
        [(original,)] = desk.database.rows("SELECT movement_id FROM movement")
        reverse(connection, Doing(NOW, NOW, "cli", "lan", scan_text="sai"), original, uuid.uuid4())
    assert counts(desk.bring("opening-stock", OPENING, again)) == (1, 0, 0, 0)
    assert desk.database.value("SELECT quantity FROM stock_balance WHERE account_id = 'place:kho-2'") == 1300
    assert counts(desk.bring("opening-stock", OPENING, again)) == (0, 0, 1, 0)


def test_opening_stock_of_unknown_goods_or_against_the_known_expiry_is_refused(desk: Desk) -> None:
    _furnish(desk)
    desk.bring("lots", ("product_id", "lot", "expiry_date"), ("PARA500", "A1", "30/06/2028"))
    report = desk.bring(
        "opening-stock",
        OPENING,
        ("kho-2", "PARA500", "A1", "31/07/2028", 1),
        ("kho-9", "NONE", "A1", "31/07/2028", 1),
        ("kho-2", "MOR5", "A1", "31/07/2028", 1),
        ("kho-3", "MOR5", "A1", "31/08/2028", 1),
    )
    assert codes(report) == [
        (2, "expiry_differs"),
        (3, "unknown_place"),
        (3, "unknown_product"),
        (5, "contradicts_row"),
    ]
    assert desk.database.value("SELECT count(*) FROM movement") == 0
