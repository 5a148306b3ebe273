"""A file with a table, as bytes: CSV in whatever encoding and with whatever separator, or an Excel workbook.

CSV: UTF-8 with or without a byte order mark, UTF-16, else Windows-1258 (what Vietnamese Excel saves as CSV); `;`, tab,
`,` or `|`, whichever parts the header best. Workbook: its first visible sheet that is not empty; formulas by the result
that was saved with them, and one without a saved result is handed on as such.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

import openpyxl

from inventory.catalogue_columns import ImportKind, matches
from inventory.catalogue_row import TableRow
from inventory.table_cell import Cell, NoValue, clean

BYTES_MAX: Final = 20_000_000
"""Of the file: a catalogue of 50,000 rows has 5 MB."""
UNPACKED_MAX: Final = 150_000_000
"""Bytes of a workbook's parts unpacked: a packed bomb is refused before it is unpacked."""
ROWS_MAX: Final = 100_000
COLUMNS_MAX: Final = 200
"""A sheet may claim 16,384 columns because of one stray format."""
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
_ZIP: Final = b"PK\x03\x04"
_SEPARATORS: Final = (";", "\t", ",", "|")
_HEADER_SEARCHED: Final = 20


class TableFileError(Exception):
    """A file that can't be read as a table. `code` is for the words of a page, `values` fill them."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(f"{code}: {values}")
        self.code: Final = code
        self.values: Final = {name: str(value) for name, value in values.items()}


@dataclass(frozen=True)
class TableFile:
    """A table as it stands in the file."""

    rows: tuple[TableRow, ...]
    read_as: str
    """How it was understood, such as `csv, cp1258, separator ';'`."""


def read_table(data: bytes, kind: ImportKind) -> TableFile:
    """The rows of a file.

    Raises:
        TableFileError: `file_too_large`, `old_workbook`, `not_a_table`, `encoding`, `too_many_rows`, `broken_workbook`.
    """
    if len(data) > BYTES_MAX:
        raise TableFileError("file_too_large", limit=BYTES_MAX // 1_000_000, size=len(data) // 1_000_000)
    if data.startswith(_OLD_WORKBOOK):
        raise TableFileError("old_workbook")
    if data.startswith(_ZIP):
        return _workbook(data)
    if data.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"{\\rtf", b"<html", b"<!DOC")):
        raise TableFileError("not_a_table")
    text, encoding = _decoded(data)
    return _csv(text, encoding, kind)


def _decoded(data: bytes) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode(data, "utf-16"), "utf-16"
    if data[:200].count(0) * 4 > len(data[:200]):  # without a mark: ASCII letters in UTF-16 have a zero byte each
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
        return _decode(data, encoding), encoding
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return _decode(data, "cp1258"), "cp1258"


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TableFileError("encoding", byte=f"0x{data[error.start]:02X}", line=line) from None


def _csv(text: str, encoding: str, kind: ImportKind) -> TableFile:
    told = re.match(r"sep=(.)\r?\n", text)  # Excel's own first line
    skipped = 1 if told else 0
    body = text[told.end() :] if told else text
    separator = told[1] if told else _separator(body, kind)
    rows = []
    try:
        reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator)
        before = 0
        for cells in reader:
            # A field may span lines: a row is counted by the line that it begins in, as an editor shows it.
            rows.append(TableRow(before + 1 + skipped, tuple(cell if cell.strip() else None for cell in cells)))
            before = reader.line_num
            _refuse_too_many(len(rows))
    except csv.Error as error:
        raise TableFileError("not_a_table", why=error) from None
    return TableFile(tuple(rows), f"csv, {encoding}, separator {separator!r}")


def _separator(body: str, kind: ImportKind) -> str:
    """The one that gives the most known column names, then the most fields, in the first lines."""

    def worth(separator: str) -> tuple[int, int]:
        try:
            lines = csv.reader(io.StringIO(body, newline=""), delimiter=separator)
            first = [row for row, _ in zip(lines, range(_HEADER_SEARCHED), strict=False)]
        except csv.Error:
            return (0, 0)
        return max((matches(kind, row) for row in first), default=0), max(map(len, first), default=0)

    return max(_SEPARATORS, key=worth)


def _refuse_too_many(rows: int) -> None:
    if rows > ROWS_MAX:
        raise TableFileError("too_many_rows", limit=ROWS_MAX)


def _workbook(data: bytes) -> TableFile:
    try:
        has_formulas = _has_formulas(data)
        name, values = _sheet(data, saved_results=True)
        if has_formulas:
            _, formulas = _sheet(data, saved_results=False)
            values = [_with_formulas(row, other) for row, other in zip(values, formulas, strict=True)]
    except TableFileError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged archive or XML makes zipfile, zlib, expat, openpyxl raise anything
        raise TableFileError("broken_workbook", why=f"{type(error).__name__}: {error}") from None
    return TableFile(tuple(values), f"workbook, sheet {name!r}")


def _has_formulas(data: bytes) -> bool:
    """Only then the workbook has to be read twice: once for the results, once for the formulas."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > UNPACKED_MAX:
            raise TableFileError("file_too_large", limit=UNPACKED_MAX // 1_000_000, size=unpacked // 1_000_000)
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        return any(re.search(rb"<f[ >/]", archive.read(name)) for name in sheets)


def _sheet(data: bytes, *, saved_results: bool) -> tuple[str, list[TableRow]]:
    """The first visible sheet that holds something, or an empty one."""
    workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=saved_results, keep_links=False)
    try:
        for sheet in workbook.worksheets:
            if sheet.sheet_state != "visible":
                continue
            sheet.reset_dimensions()  # what a sheet claims of its own size may be wrong
            rows = list(_rows(sheet))
            if any(not row.empty for row in rows):
                return sheet.title, rows
        return "", []
    finally:
        workbook.close()


def _rows(sheet: object) -> Iterator[TableRow]:
    for number, cells in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX), start=1):  # type: ignore[attr-defined]
        _refuse_too_many(number)
        values = [_cell(cell) for cell in cells]
        while values and values[-1] is None:
            values.pop()
        yield TableRow(number, tuple(values))


_NO_VALUE: Final[dict[str, Literal["formula", "error"]]] = {"e": "error", "f": "formula"}
"""By openpyxl's type of a cell."""


def _cell(cell: object) -> Cell:
    value = getattr(cell, "value", None)
    why = _NO_VALUE.get(getattr(cell, "data_type", ""))
    if why is not None and value is not None:
        return NoValue(why, str(value))
    if isinstance(value, datetime):
        return _without_day(value, str(getattr(cell, "number_format", "")))
    if value is None or isinstance(value, (bool, int, float, date)):
        return value
    return str(value)  # a time of day or a length of time among them


def _without_day(value: datetime, shown_as: str) -> Cell:
    """Who types `12/2027` sees Dec-27, and the spreadsheet has kept 1 December: then the month is what was meant."""
    form = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", shown_as).lower()
    if value.day == 1 and "m" in form and "y" in form and "d" not in form:
        return f"{value.month:02d}/{value.year}"
    return value


def _with_formulas(values: TableRow, formulas: TableRow) -> TableRow:
    """A formula whose result was never saved reads as an empty cell; it is told apart by the formula itself."""
    cells = tuple(
        other if value is None and isinstance(other, NoValue) and other.why == "formula" else value
        for value, other in zip(values.cells, formulas.cells, strict=False)
    )
    return TableRow(values.number, cells)


def short_name(name: str) -> str:
    """A file's name as it is kept in the audit."""
    return clean(re.split(r"[/\\]", name)[-1])[:200]
