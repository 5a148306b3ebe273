r"""CSV that opens right in Excel by a double click, with every code as it was and no formula.

Decisions
- UTF-8 with byte order mark: without it Excel takes the file for one of the machine's single-byte code page.
- No first line `sep=;`: with it Excel ignores the byte order mark, and every Vietnamese letter is garbled (known from
  several exporters' issue lists). So the separator has to be the one that the machine's Excel expects: its list
  separator, a semicolon where the decimal mark is a comma (Vietnam, most of Europe), else a comma. Default: semicolon.
- Text that Excel would turn into something else is written as `="..."`: a formula whose value is that text. It is the
  only protection that survives a double click (a quoted `"007"` is still read as 7). It is used in columns of TEXT
  where the value looks like a number, a date or a formula: registration numbers, GTINs, lots such as 1E5.
- Formula injection: a text that begins with = + - @ or with tab or carriage return (also behind spaces) is data of
  other people. In the Excel form it is protected as above; in the plain form an apostrophe is put before it (OWASP).
- The plain form (`excel=False`) is for programs: comma, no mark, codes as they are (RFC 4180).
- Numbers: whole digits without thousands separators; decimals with the mark that goes with the separator (a comma for
  Excel behind semicolons), without digits that say nothing. Days: ISO 8601 (Excel recognises yyyy-mm-dd under every
  setting). Moments: `yyyy-mm-dd HH:MM:SS` in the time zone that the value carries: the column's title should name it.
- Line ends CR LF, line ends inside a text become spaces; NUL is removed.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

Cell = str | int | float | date | datetime | bool | None
_BOM: Final = "\ufeff"
_FORMULA: Final = re.compile(r"[\s\u200b\ufeff]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_LOOKS_LIKE_A_VALUE: Final = re.compile(
    r"\s*(?:[0-9.,][0-9.,:/\s-]*(?:[eE][+-]?[0-9]+)?\s*(?:%|[AaPp][Mm]?|đ|₫)?"
    r"|[0-9]{1,4}\s*[-/ ]\s*[A-Za-z]{3,9}[-/ 0-9]*"
    r"|[A-Za-z]{3,9}\s*[-/ ]\s*[0-9]{1,4}"
    r"|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])\s*\Z"
)
"""Numbers, percentages, times, dates (`1-2`, `3/MAR`, `MAR-7`), 1E5, TRUE: what Excel reads as something else."""
_EXCEL_TEXT_MAX: Final = 255
"""A literal in an Excel formula holds no more; longer texts are no codes, and are only neutralised."""


@dataclass(frozen=True)
class CsvColumn:
    """A column; `kind` TEXT must stay text to the letter."""

    title: str
    kind: Literal["TEXT", "VALUE"] = "TEXT"


def write_csv(
    columns: Sequence[CsvColumn],
    rows: Iterable[Sequence[Cell]],
    *,
    excel: bool = True,
    separator: Literal[";", ","] = ";",
) -> bytes:
    """The whole file. `separator` counts in the Excel form only.

    Raises:
        ValueError: a row has another number of cells than there are columns, or a VALUE column holds a text.
    """
    out = io.StringIO(newline="")
    if excel:
        out.write(_BOM)
    writer = csv.writer(out, delimiter=separator if excel else ",", lineterminator="\r\n")
    writer.writerow([_text(column.title, excel=excel) for column in columns])
    for place, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise ValueError(f"row {place} has {len(row)} cells, expected {len(columns)}")
        mark = "," if excel and separator == ";" else "."
        writer.writerow([_cell(value, column, mark, excel=excel) for value, column in zip(row, columns, strict=True)])
    return out.getvalue().encode("utf-8", errors="replace")


def _cell(value: Cell, column: CsvColumn, mark: str, *, excel: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if column.kind == "VALUE" and value:
            raise ValueError(f"column {column.title!r} holds the text {value!r}: expected a number, day or moment")
        return _text(value, excel=excel)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".").replace(".", mark)
    if isinstance(value, datetime):
        written = f"{value:%Y-%m-%d %H:%M:%S}"
    else:
        written = value.isoformat() if isinstance(value, date) else str(value)
    return _text(written, excel=excel) if column.kind == "TEXT" else written


def _text(text: str, *, excel: bool) -> str:
    line = re.sub(r"[\r\n]+", " ", text.replace("\0", ""))
    dangerous = _FORMULA.match(text.replace("\0", "")) is not None
    if excel and len(line) <= _EXCEL_TEXT_MAX and (dangerous or _LOOKS_LIKE_A_VALUE.match(line)):
        doubled = line.replace('"', '""')
        return f'="{doubled}"'
    return f"'{line}" if dangerous else line
