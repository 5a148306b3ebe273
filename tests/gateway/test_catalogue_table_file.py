"""A catalogue file's bytes: every encoding, separator and workbook that a hospital's computers make."""

import csv
import io
import unicodedata
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from gateway.stock import table_file
from gateway.stock.table_file import TableFileError, read_table, short_name
from inventory.catalogue_products import read_products
from inventory.table_cell import Cell, NoValue

TEXT = "Mã thuốc;Tên thuốc;Đơn vị tính\r\nPARA500;Paracetamol 500 mg đặt trực tràng;viên\r\n"
ROWS = [
    (1, ("Mã thuốc", "Tên thuốc", "Đơn vị tính")),
    (2, ("PARA500", "Paracetamol 500 mg đặt trực tràng", "viên")),
]


def rows_of(data: bytes) -> list[tuple[int, tuple[Cell, ...]]]:
    return [(row.number, row.cells) for row in read_table(data, "products").rows if not row.empty]


def workbook(fill: Callable[[Any], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book.active)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_a_csv_file_is_read_in_any_encoding_and_with_any_separator(encoding: str, separator: str) -> None:
    assert rows_of(TEXT.replace(";", separator).encode(encoding)) == ROWS


def _as_windows_writes(letter: str) -> bytes:
    """Windows-1258 has the vowels and writes most tones as letters of their own behind them."""
    apart = unicodedata.normalize("NFD", letter)
    tone = "".join(mark for mark in apart if mark in "\u0300\u0301\u0303\u0309\u0323")
    vowel = unicodedata.normalize("NFC", "".join(mark for mark in apart if mark not in tone))
    return (vowel + tone).encode("cp1258")


def test_a_csv_file_of_vietnamese_windows_is_read() -> None:
    data = b"".join(map(_as_windows_writes, TEXT))
    checked = read_products(read_table(data, "products").rows)
    assert checked.findings == ()
    assert checked.items[0].name_vi == "Paracetamol 500 mg đặt trực tràng"
    assert read_table(data, "products").read_as == "csv, cp1258, separator ';'"


def test_the_first_line_of_excel_that_names_the_separator_is_no_row() -> None:
    assert rows_of(("sep=;\r\n" + TEXT).encode()) == [(2, ROWS[0][1]), (3, ROWS[1][1])]


def test_a_field_over_several_lines_is_one_and_rows_are_counted_as_an_editor_does() -> None:
    data = b'product_id,registration_numbers\nA,"VD-1-26\nVD-2-26"\nB,\n'
    assert rows_of(data)[1:] == [(2, ("A", "VD-1-26\nVD-2-26")), (4, ("B", None))]
    assert read_products(read_table(data, "products").rows).items[0].registration_numbers == ("VD-1-26", "VD-2-26")


def test_a_workbook_gives_texts_numbers_dates_and_saved_results() -> None:
    def fill(sheet: Any) -> None:  # noqa: ANN401 - openpyxl's stubs say the same
        sheet.append(["lot", "expiry_date"])
        sheet.append(["0012", datetime(2027, 6, 5)])  # noqa: DTZ001 - spreadsheets have no time zones
        sheet.append([8935006512344, 1.5])
        sheet["A5"] = "gap"
        sheet["B5"] = date(2027, 12, 1)
        sheet["B5"].number_format = "mmm-yy"
        sheet["A6"], sheet["B6"] = "=1+1", "#N/A"

    assert rows_of(workbook(fill)) == [
        (1, ("lot", "expiry_date")),
        (2, ("0012", datetime(2027, 6, 5))),  # noqa: DTZ001 - as above
        (3, (8935006512344, 1.5)),
        (5, ("gap", "12/2027")),
        (6, (NoValue("formula", "=1+1"), NoValue("error", "#N/A"))),
    ]


def test_a_formula_counts_by_its_saved_result() -> None:
    data = workbook(lambda sheet: sheet.append(["A", "=40+2"]))
    saved = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(saved, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("sheet1.xml"):
                assert b"<v></v>" in part or b"<v />" in part
                part = part.replace(b"<v></v>", b"<v>42</v>").replace(b"<v />", b"<v>42</v>")
            new.writestr(name, part)
    assert rows_of(saved.getvalue()) == [(1, ("A", 42))]


def test_hidden_and_empty_sheets_are_passed_over() -> None:
    book = openpyxl.Workbook()
    book.active.title = "empty"  # type: ignore[union-attr]
    hidden = book.create_sheet("hidden")
    hidden.append(["secret"])
    hidden.sheet_state = "hidden"
    book.create_sheet("Danh mục").append(["product_id"])
    out = io.BytesIO()
    book.save(out)
    table = read_table(out.getvalue(), "products")
    assert [row.cells for row in table.rows] == [("product_id",)]
    assert table.read_as == "workbook, sheet 'Danh mục'"


def _bomb() -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as part,
    ):
        for _ in range(table_file.UNPACKED_MAX // 1_000_000 + 1):
            part.write(bytes(1_000_000))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "old_workbook"),
        (b"%PDF-1.7", "not_a_table"),
        (b"PK\x03\x04 no archive", "broken_workbook"),
        (b"M\xe3,\xd2\n" + b"\xff\xfe\x9d", "encoding"),
        (b"a,b\n" * (table_file.ROWS_MAX + 1), "too_many_rows"),
        (bytes(table_file.BYTES_MAX + 1), "file_too_large"),
    ],
)
def test_a_file_that_is_no_table_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(TableFileError) as refused:
        read_table(data, "products")
    assert refused.value.code == code


def test_a_workbook_that_unpacks_to_something_huge_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(TableFileError) as refused:
        read_table(_bomb(), "products")
    assert refused.value.code == "file_too_large"


def test_a_damaged_workbook_is_refused_or_read_and_never_raises_anything_else() -> None:
    def fill(sheet: Any) -> None:  # noqa: ANN401 - openpyxl's stubs say the same
        for number in range(20):
            sheet.append(["product_id", f"x{number}"])

    whole = workbook(fill)
    refusals: set[str] = set()
    for place in range(0, len(whole), 97):
        data = bytearray(whole)
        data[place] ^= 0xFF
        try:
            read_table(bytes(data), "products")
        except TableFileError as error:
            refusals.add(error.code)
    assert "broken_workbook" in refusals
    # A size that is written in the archive can become huge, too; which byte that is depends on the time of writing.
    assert refusals <= {"broken_workbook", "not_a_table", "encoding", "file_too_large"}


def test_what_our_own_export_writes_is_read_again() -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["product_id", "name_vi"])
    writer.writerow(["A;1", 'Dung dịch "tiêm"\n10 %'])
    assert rows_of(out.getvalue().encode("utf-8-sig"))[1] == (2, ("A;1", 'Dung dịch "tiêm"\n10 %'))


def test_of_a_files_name_only_the_last_part_is_kept() -> None:
    assert short_name("C:\\Users\\duoc\\danh mục.xlsx") == "danh mục.xlsx"
    assert short_name("home/a/b.csv") == "b.csv"
