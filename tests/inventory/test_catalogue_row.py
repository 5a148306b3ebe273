"""A catalogue's rows: what a spreadsheet does to codes and dates is undone where it is certain, else refused."""

import json
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.catalogue_products import PackItem, read_products
from inventory.catalogue_row import Checked, TableRow
from inventory.catalogue_stock_rows import read_levels, read_lots, read_opening_stock, read_places
from inventory.folding import folded, like_pattern
from inventory.registration_number import is_known_form, split_numbers
from inventory.table_cell import Cell, CellError, NoValue, read_money, read_whole
from inventory.table_date import read_date

TODAY = date(2026, 11, 22)
GTIN_13 = "8935006512344"
GTIN_CASE = "18935006512341"


def table(*rows: tuple[Cell, ...]) -> list[TableRow]:
    return [TableRow(number, row) for number, row in enumerate(rows, start=1)]


def found(checked: Checked[Any]) -> list[tuple[int, str, str]]:
    return [(each.row, each.column, each.code) for each in checked.findings]


def product(**cells: Cell) -> Checked[Any]:
    cells = {"product_id": "T1", **cells}
    return read_products(table(tuple(cells), tuple(cells.values())))


def lot(**cells: Cell) -> Checked[Any]:
    cells = {"product_id": "T1", "lot": "A1", "expiry_date": "31/12/2027", **cells}
    return read_lots(table(tuple(cells), tuple(cells.values())), TODAY)


def test_a_product_is_read_from_vietnamese_headings_in_any_order_and_case() -> None:
    checked = read_products(
        table(
            ("BỆNH VIỆN NHI: DANH MỤC THUỐC",),
            ("SO DANG KY", "Đơn vị tính", "mã  thuốc", "ten_thuoc", "HOẠT CHẤT", "Điều kiện bảo quản", "Đơn giá (VNĐ)"),
            (
                "893100493025 (VD-4878-14)",
                "viên",
                "PARA500",
                "Paracetamol 500 mg",
                "Paracetamol",
                "2\N{EN DASH}8 °C",
                "850,5 đ",
            ),
        )
    )
    assert checked.findings == ()
    item = checked.items[0]
    assert (item.row, item.product_id, item.base_unit_vi) == (3, "PARA500", "viên")
    assert item.registration_numbers == ("893100493025", "VD-4878-14")
    assert (item.storage_class, item.unit_cost_vnd) == ("refrigerator", Decimal("850.5"))


def test_a_whole_product_row() -> None:
    checked = read_products(
        table(
            ("Mã thuốc", "Tên thuốc", "SĐK", "ĐVT", "Bảo quản", "Kiểm soát đặc biệt", "Đơn giá"),
            ("MOR10", "Morphin 10 mg/1 ml", "893111093823;\nVD-24315-16", "ống", "Nhiệt độ phòng", "Gây nghiện", 7000),
        )
    )
    assert checked.findings == ()
    item = checked.items[0]
    assert (item.product_id, item.name_vi, item.name_en) == ("MOR10", "Morphin 10 mg/1 ml", None)
    assert item.registration_numbers == ("893111093823", "VD-24315-16")
    assert (item.storage_class, item.control_class, item.unit_cost_vnd) == ("room", "narcotic", Decimal(7000))


def test_an_unknown_column_is_refused_with_the_nearest_known_one() -> None:
    checked = read_products(table(("Mã thuốc", "Hoạt chat chính"), ("T1", "x")))
    assert found(checked) == [(1, "Hoạt chat chính", "unknown_column")]
    assert checked.findings[0].values == {"other": "Hoạt chất (active_ingredient)"}


def test_a_missing_a_double_and_a_nameless_column_are_refused() -> None:
    checked = read_lots(table(("Số lô", "lot", None), ("A", "B", "loose")), TODAY)
    assert found(checked) == [
        (1, "lot", "double_column"),
        (1, "", "missing_column"),
        (1, "", "missing_column"),
        (2, "C", "unnamed_column"),
    ]


@pytest.mark.parametrize("empty", [[], table((None, " "), ("\u00a0",)), table(("Mã thuốc",))])
def test_a_table_without_rows_is_refused(empty: list[TableRow]) -> None:
    assert [each.code for each in read_products(empty).problems] == ["empty_file"]


def test_every_problem_of_every_row_is_listed_at_once() -> None:
    checked = read_lots(
        table(
            ("product_id", "lot", "expiry_date", "production_date"),
            (None, "A1", "31/02/2027", None),
            ("T1", "A2", "31/12/27", "01/01/2027"),
            ("T1", "A3", "sometime", None),
            ("T1", "A4", "01/2027", "05/02/2027"),
        ),
        TODAY,
    )
    assert found(checked) == [
        (2, "product_id", "required"),
        (2, "expiry_date", "date_impossible"),
        (3, "expiry_date", "date_short_year"),
        (3, "production_date", "production_future"),
        (4, "expiry_date", "date_format"),
        (5, "production_date", "production_future"),
        (5, "expiry_date", "expiry_before_production"),
    ]


def test_a_pack_hierarchy_counts_in_base_units() -> None:
    checked = product(
        name_vi="x", unit_gtin="12345670", box_gtin=GTIN_13, box_units="100", case_gtin=GTIN_CASE, case_boxes=24
    )
    assert checked.findings == ()
    assert checked.items[0].packs == (
        PackItem("00000012345670", 1),
        PackItem("08935006512344", 100, "00000012345670", 100),
        PackItem(GTIN_CASE, 2400, "08935006512344", 24),
    )


def test_a_pack_without_its_count_is_refused() -> None:
    assert found(product(box_gtin=GTIN_13)) == [(2, "box_units", "pack_count_missing")]
    assert found(product(box_gtin=GTIN_13, box_units="10 vỉ x 10 viên")) == [(2, "box_units", "pack_description")]
    assert found(product(case_gtin=GTIN_CASE, case_boxes="2")) == [(2, "box_units", "pack_count_missing")]
    assert found(product(box_gtin=GTIN_13, box_units=10, case_gtin=GTIN_13, case_boxes=2)) == [
        (2, "case_gtin", "gtin_of_two_packs")
    ]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("8.93501E+12", "digits_lost"),
        ("8,93501E+12", "digits_lost"),
        ("8935006512340", "gtin_check_digit"),
        ("893500651234", "gtin_check_digit"),
        ("89350065123", "gtin_length"),
        ("89350065123O7", "gtin_character"),
        (8.5, "gtin_character"),
        (-5, "gtin_length"),
        (True, "gtin_character"),
        (datetime(2027, 1, 1), "gtin_character"),  # noqa: DTZ001 - as a workbook gives it
        (NoValue("formula", "=A1"), "formula_without_value"),
        (NoValue("error", "#N/A"), "excel_error"),
    ],
)
def test_a_gtin_that_a_spreadsheet_has_spoilt_is_refused(cell: Cell, code: str) -> None:
    assert found(product(box_gtin=cell, box_units=1)) == [(2, "box_gtin", code)]


def test_a_wrong_check_digit_names_the_right_one() -> None:
    assert product(box_gtin="8935006512340", box_units=1).findings[0].values == {"digit": "4"}


def test_zeros_that_a_number_has_lost_come_back_with_a_hint() -> None:
    checked = product(box_gtin=12345678905, box_units=1)
    assert found(checked) == [(2, "box_gtin", "gtin_zeros")]
    assert checked.problems == ()
    assert checked.items[0].packs == (PackItem("00012345678905", 1),)


@pytest.mark.parametrize("cell", [GTIN_13, int(GTIN_13), float(GTIN_13), f"\u00a0{GTIN_13} ", "0" + GTIN_13])
def test_a_gtin_of_any_length_is_one_gtin(cell: Cell) -> None:
    checked = product(box_gtin=cell, box_units=1)
    assert [pack.gtin for pack in checked.items[0].packs] == ["08935006512344"]
    assert checked.findings == ()


def test_two_products_can_not_have_one_gtin() -> None:
    rows = table(("product_id", "box_gtin", "box_units"), ("A", GTIN_13, 1), ("B", "0" + GTIN_13, 1))
    checked = read_products(rows)
    assert found(checked) == [(3, "GTIN", "gtin_of_two_products")]
    assert checked.findings[0].values == {"row": "2", "product": "A"}


def test_a_further_row_of_a_product_adds_packs_and_must_not_contradict() -> None:
    head = ("product_id", "name_vi", "box_gtin", "box_units", "registration_numbers")
    first = ("A", "Thuốc A", GTIN_13, 100, "VD-1-26")
    checked = read_products(table(head, first, ("A", None, "12345670", 30, "893100493025")))
    assert checked.problems == ()
    assert [(pack.gtin, pack.units) for pack in checked.items[0].packs] == [
        ("08935006512344", 100),
        ("00000012345670", 30),
    ]
    assert checked.items[0].registration_numbers == ("VD-1-26", "893100493025")
    checked = read_products(table(head, first, ("A", "Thuốc B", GTIN_13, 30, None)))
    assert found(checked) == [(3, "name_vi", "contradicts_row"), (3, "box_units", "contradicts_row")]


def test_decomposed_letters_strange_spaces_and_invisible_marks_do_not_count() -> None:
    messy = unicodedata.normalize("NFD", "Dung dịch\u00a0 tiêm\u200b")
    assert product(name_vi=messy).items[0].name_vi == "Dung dịch tiêm"
    head = (unicodedata.normalize("NFD", "Mã\u00a0thuốc"), "\ufeffTên thuốc")
    assert read_products(table(head, ("A", "B"))).items[0].product_id == "A"


def test_a_control_character_and_an_overlong_text_are_refused() -> None:
    assert found(product(name_vi="a\x00b")) == [(2, "name_vi", "character")]
    assert found(product(name_vi="bi\ufffdn")) == [(2, "name_vi", "character")]
    assert found(product(name_vi="x" * 301)) == [(2, "name_vi", "too_long")]
    assert found(product(product_id="x" * 65)) == [(2, "product_id", "too_long")]


def test_a_code_that_came_as_a_number_is_taken_with_a_hint_and_one_that_lost_digits_is_refused() -> None:
    assert found(lot(lot=20240115)) == [(2, "lot", "number_cell")]
    assert lot(lot=20240115).items[0].lot == "20240115"
    assert found(lot(lot="2E+05")) == [(2, "lot", "digits_lost")]
    assert found(lot(lot=1.5)) == [(2, "lot", "text_is_number")]
    assert found(lot(lot=datetime(2027, 1, 24))) == [(2, "lot", "text_is_date")]  # noqa: DTZ001 - as a workbook gives it
    assert found(lot(lot="L" * 21)) == [(2, "lot", "lot_long")]


def test_registration_numbers_are_text_and_their_form_is_only_a_hint() -> None:
    published = json.loads((Path(__file__).parent / "registration_numbers.json").read_text())
    for text in published["known_forms"]:
        assert is_known_form(text), text
    assert product(registration_numbers=893100493025).items[0].registration_numbers == ("893100493025",)
    odd = product(registration_numbers="1234/QLD-KD")
    assert (found(odd), odd.problems) == ([(2, "registration_numbers", "registration_form")], ())
    assert found(product(registration_numbers="8.931E+11")) == [(2, "registration_numbers", "digits_lost")]
    assert found(product(registration_numbers="x" * 61)) == [(2, "registration_numbers", "too_long")]
    assert split_numbers("893100493025(VD-4878-14)") == ("893100493025", "VD-4878-14")


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("05/06/2027", date(2027, 6, 5)),
        ("5-6-2027", date(2027, 6, 5)),
        ("05.06.2027", date(2027, 6, 5)),
        ("2027-06-05", date(2027, 6, 5)),
        ("2027-06-05 00:00:00", date(2027, 6, 5)),
        ("02/2028", date(2028, 2, 29)),
        ("2/2027", date(2027, 2, 28)),
        ("2027-12", date(2027, 12, 31)),
        (datetime(2027, 6, 5), date(2027, 6, 5)),  # noqa: DTZ001 - as a workbook gives it
        (date(2027, 6, 5), date(2027, 6, 5)),
    ],
)
def test_a_date_is_read_as_viet_nam_writes_it(cell: Cell, day: date) -> None:
    assert read_date(cell).value == day
    assert read_date(cell).hint is None


def test_a_date_that_lost_its_format_is_read_from_its_number_with_a_hint() -> None:
    for cell in (46543, 46543.0, "46543"):
        read = read_date(cell)
        assert read.value == date(2027, 6, 5)
        assert read.hint is not None
        assert read.hint.values == {"date": "05/06/2027"}


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("31/06/2027", "date_impossible"),
        ("13/2027", "date_impossible"),
        ("00/06/2027", "date_impossible"),
        ("06/05/27", "date_short_year"),
        ("12/27", "date_short_year"),
        ("05/06/1927", "date_range"),
        ("05/06/0000", "date_impossible"),
        ("5 June 2027", "date_format"),
        ("2027", "date_format"),
        (7, "date_format"),
        (True, "date_format"),
        (NoValue("formula", "=TODAY()"), "formula_without_value"),
    ],
)
def test_a_date_that_can_be_read_two_ways_or_none_is_refused(cell: Cell, code: str) -> None:
    with pytest.raises(CellError) as refused:
        read_date(cell)
    assert refused.value.code == code


def test_dates_whose_day_and_month_a_spreadsheet_has_swapped_are_refused_together() -> None:
    head = ("product_id", "lot", "expiry_date")
    swapped: list[tuple[Cell, ...]] = [
        ("T1", "A1", datetime(2027, 5, 6)),  # noqa: DTZ001 - was 05/06/2027
        ("T1", "A2", "25/06/2027"),
    ]
    assert found(read_lots(table(head, *swapped), TODAY)) == [(1, "expiry_date", "date_swapped")]
    honest: list[tuple[Cell, ...]] = [*swapped, ("T1", "A3", datetime(2027, 5, 26))]  # noqa: DTZ001 - no American spreadsheet makes that of dd/mm
    assert found(read_lots(table(head, *honest), TODAY)) == []


def test_an_expired_lot_is_told_and_not_refused() -> None:
    checked = lot(expiry_date="31/10/2026")
    assert (found(checked), checked.problems) == ([(2, "expiry_date", "expired")], ())


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1000", 1000), ("1 000", 1000), ("1.234.567", 1234567), ("1,234,567", 1234567), (1000, 1000), (1e3, 1000)],
)
def test_a_whole_number_is_read_with_or_without_thousands_signs(cell: Cell, value: int) -> None:
    assert read_whole(cell, 1, 10**9).value == value


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("1.000", "number_ambiguous"),
        ("1,000", "number_ambiguous"),
        ("1,5", "number_not_whole"),
        (2.5, "number_not_whole"),
        ("0", "number_range"),
        ("-3", "number_range"),
        ("ten", "number_format"),
        ("1E+05", "digits_lost"),
        ("9" * 400, "number_format"),
        (float("nan"), "number_format"),
        (float("inf"), "number_format"),
        (True, "number_format"),
        (date(2026, 1, 1), "number_format"),
    ],
)
def test_a_number_that_can_be_read_two_ways_or_none_is_refused(cell: Cell, code: str) -> None:
    with pytest.raises(CellError) as refused:
        read_whole(cell, 1, 10**9)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("850", "850"),
        ("850,5 đ", "850.5"),
        ("12.345.678,25 VND", "12345678.25"),
        ("12,345,678.25", "12345678.25"),
        (0.1, "0.1"),
        ("0,125", "0.125"),
        (1234.56789, "1234.5679"),
    ],
)
def test_money_is_read_as_both_sides_of_the_world_write_it(cell: Cell, value: str) -> None:
    assert read_money(cell).value == Decimal(value)


def test_a_hyphen_takes_a_value_away_but_never_a_name() -> None:
    checked = product(active_ingredient="-", control_class="-")
    assert (checked.items[0].active_ingredient, checked.items[0].control_class) == ("", "none")
    assert found(product(name_vi="-", base_unit_vi="-")) == [
        (2, "name_vi", "required"),
        (2, "base_unit_vi", "required"),
    ]


def test_a_choice_that_is_none_says_which_there_are() -> None:
    checked = product(storage_class="warm", retired="maybe")
    assert found(checked) == [(2, "storage_class", "choice"), (2, "retired", "yes_no")]
    assert checked.findings[0].values == {"allowed": "room, cool, refrigerator, freezer, ultra_cold"}


def test_places_form_a_tree_and_are_known_by_their_id() -> None:
    checked = read_places(
        table(
            ("Mã vị trí", "Thuộc", "Loại", "Tên vị trí", "Điều kiện bảo quản"),
            ("KHO-CHINH", None, "Kho", "Kho chính", None),
            ("tu-1", "kho-chinh", "Tủ lạnh", "Tủ vắc-xin 1", "Lạnh"),
            ("tu 1", "kho-chinh", "Tủ lạnh", "x", None),
            ("tu-2", "tu-2", "Hầm", None, None),
            ("tu-1", None, "Kệ", "y", None),
        )
    )
    assert [(item.place_id, item.kind, item.parent_place_id) for item in checked.items] == [
        ("kho-chinh", "store", None),
        ("tu-1", "fridge", "kho-chinh"),
    ]
    assert found(checked) == [
        (4, "Mã vị trí", "place_id"),
        (5, "Loại", "choice"),
        (5, "Tên vị trí", "required"),
        (5, "Thuộc", "own_parent"),
        (6, "", "twice"),
    ]


def test_levels_are_in_order() -> None:
    head = ("place_id", "product_id", "reorder_point", "min_units", "max_units")
    good = read_levels(table(head, ("kho", "A", 100, 50, 500), ("kho", "B", None, "-", 0)))
    assert good.findings == ()
    assert [(item.reorder_point, item.min_units, item.max_units) for item in good.items] == [
        (100, 50, 500),
        (None, None, 0),
    ]
    bad = read_levels(table(head, ("kho", "A", 600, 501, 500), ("kho", "A", 1, 1, 1)))
    assert found(bad) == [
        (2, "max_units", "max_below_min"),
        (2, "reorder_point", "reorder_above_max"),
        (3, "", "twice"),
    ]


def test_opening_stock_needs_a_quantity_and_a_lot_or_the_word_that_there_is_none() -> None:
    head = ("place_id", "product_id", "lot", "expiry_date", "quantity")
    checked = read_opening_stock(
        table(head, ("kho", "A", "-", None, 10), ("kho", "A", None, None, 10), ("kho", "A", "B", None, 0)), TODAY
    )
    assert [(item.lot, item.quantity) for item in checked.items] == [("", 10)]
    assert found(checked) == [(3, "lot", "required"), (4, "quantity", "number_range")]


CELLS = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.builds(NoValue, st.sampled_from(["formula", "error"]), st.text(max_size=5)),
)


@settings(max_examples=60)
@given(st.lists(st.tuples(*[CELLS] * 6), max_size=4))
def test_whatever_stands_in_a_table_is_read_or_listed_and_never_raises(rows: list[tuple[Cell, ...]]) -> None:
    head = ("product_id", "name_vi", "box_gtin", "box_units", "registration_numbers", "unit_cost_vnd")
    checked = read_products(table(head, *rows))
    for item in checked.items:
        assert item.product_id == item.product_id.strip() != ""
    read_lots(table(("product_id", "lot", "expiry_date", "production_date"), *rows), TODAY)
    read_opening_stock(table(("place_id", "product_id", "lot", "expiry_date", "quantity"), *rows), TODAY)
    read_places(table(("place_id", "parent_place_id", "kind", "name_vi"), *rows))
    read_levels(table(("place_id", "product_id", "reorder_point", "min_units", "max_units"), *rows))
    for kind in (read_products, read_places, read_levels):
        kind(table(*rows))


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_accents_do_not_count_in_a_search() -> None:
    assert folded("ĐƯỜNG  Huyết") == folded(unicodedata.normalize("NFD", "đường huyết")) == "duong huyet"
    assert like_pattern("50%_a\\") == "%50\\%\\_a\\\\%"
