"""CSV exports: what Excel makes of each cell, by its documented rules, and what a program reads back."""

import csv
import io
import re
from datetime import date, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.csv_export import CsvColumn, write_csv
from tests.gateway.report_samples import HANOI

CODE, VALUE = CsvColumn("Mã"), CsvColumn("Số lượng", "VALUE")


def cells(data: bytes, separator: str = ";") -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator))


def as_excel_sees_it(cell: str) -> str:
    """A literal `="..."` is its text; anything else that begins like a formula would be calculated."""
    literal = re.fullmatch(r'="((?:[^"]|"")*)"', cell)
    if literal:
        return literal[1].replace('""', '"')
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    return cell


def test_a_file_begins_with_its_mark_and_its_titles_and_nothing_else() -> None:
    """`sep=` would be a third way to name the separator, and make Excel ignore the byte order mark."""
    data = write_csv((CsvColumn("Tên thuốc"), VALUE), [("Ước mơ", 5)])
    assert data == "\ufeffTên thuốc;Số lượng\r\nƯớc mơ;5\r\n".encode()


@pytest.mark.parametrize(
    "code",
    ["08934567890120", "1E5", "1e10", "007", "3-12", "12/11", "MAR-7", "7 MAR 26", "1,5", "12:30", "TRUE", "5%", ".5"],
)
def test_codes_that_look_like_values_stay_text(code: str) -> None:
    [_, [cell]] = cells(write_csv((CODE,), [(code,)]))
    assert cell.startswith('="')
    assert as_excel_sees_it(cell) == code


@pytest.mark.parametrize("code", ["VD-12345-17", "L0012A", "A/B_1-%2", "893110123456x"])
def test_codes_that_are_clearly_text_are_written_as_they_are(code: str) -> None:
    assert cells(write_csv((CODE,), [(code,)]))[1] == [code]


@pytest.mark.parametrize(
    "hostile",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|'/C calc'!A0", '=HYPERLINK("http://x")', "\uff1d1+1"],
)
@pytest.mark.parametrize("excel", [True, False])
def test_no_text_of_other_people_becomes_a_formula(hostile: str, excel: bool) -> None:
    data = write_csv((CODE,), [(hostile,)], excel=excel)
    [_, [cell]] = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";" if excel else ","))
    assert cell.startswith('="') if excel else cell.startswith("'")
    if excel:
        assert as_excel_sees_it(cell).strip() == hostile.replace("\r", " ").strip()


@given(st.text(max_size=400), st.sampled_from([";", ","]))
def test_any_text_comes_back_and_none_is_calculated(text: str, separator: Literal[";", ","]) -> None:
    [_, [cell, _]] = cells(write_csv((CODE, VALUE), [(text, 1)], separator=separator), separator)
    seen = as_excel_sees_it(cell)
    whole = re.sub(r"[\r\n]+", " ", text.replace("\0", "")).encode("utf-8", "replace").decode()
    assert seen in {whole, f"'{whole}"}


def test_numbers_and_days_can_be_calculated_with() -> None:
    columns = tuple(CsvColumn(name, "VALUE") for name in ("số", "âm", "ngày", "lúc", "có", "trống"))
    moment = datetime(2026, 11, 22, 15, 4, 5, tzinfo=HANOI)
    rows = cells(write_csv(columns, [(1234567, -5, date(2026, 11, 22), moment, True, None)]))
    assert rows[1] == ["1234567", "-5", "2026-11-22", "2026-11-22 15:04:05", "1", ""]


def test_a_column_of_values_holds_no_text_and_every_row_has_every_cell() -> None:
    with pytest.raises(ValueError, match="'Số lượng' holds the text 'x'"):
        write_csv((VALUE,), [("x",)])
    with pytest.raises(ValueError, match="row 1 has 2 cells, expected 1"):
        write_csv((VALUE,), [(1, 2)])


def test_a_program_gets_plain_rfc_4180() -> None:
    data = write_csv((CODE, VALUE), [("007", 5), ('a,"b"\r\nc', 6)], excel=False)
    assert data == 'Mã,Số lượng\r\n007,5\r\n"a,""b"" c",6\r\n'.encode()
