"""Readings from CSV, `time,temperature_celsius`, as loggers and spreadsheets write it; every bad row is told."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from inventory.cold_chain.errors import ColdChainError, FileProblemsError
from inventory.cold_chain.series import Reading

_PROBLEMS_MOST = 50
TEMPERATURE_RANGE_CELSIUS = (-200.0, 200.0)
"""Outside of what any store, freezer or transport box can be: a fault or another unit."""


def read_csv(text: str, zone: tzinfo) -> tuple[Reading, ...]:
    """The readings of a file, in its order; times without offset are of `zone`.

    The first row names the columns; others than the two are ignored. Semicolons and decimal commas are taken too.

    Raises:
        FileProblemsError: what can't be read, by row; then nothing of the file is taken.
    """
    text = text.removeprefix("\ufeff")
    header, _, _ = text.partition("\n")
    delimiter = next((mark for mark in (",", ";", "\t") if mark in header), ",")
    try:
        rows = list(_rows(text, delimiter))
    except csv.Error as error:
        raise FileProblemsError((f"not CSV: {error}",)) from error
    if not rows:
        raise FileProblemsError(("the file is empty: expected the columns time,temperature_celsius",))
    names = [name.strip().lower() for name in rows[0][1]]
    if names.count("time") != 1 or names.count("temperature_celsius") != 1:
        found = ", ".join(names)[:200]
        raise FileProblemsError((f"row 1: expected the columns time and temperature_celsius once each, found {found}",))
    columns = names.index("time"), names.index("temperature_celsius")
    readings: list[Reading] = []
    problems: list[str] = []
    for number, row in rows[1:]:
        try:
            readings.append(_reading(row, columns, zone))
        except ColdChainError as error:
            problems.append(f"row {number}: {error}")
    if len(problems) > _PROBLEMS_MOST:
        problems[_PROBLEMS_MOST:] = [f"and {len(problems) - _PROBLEMS_MOST} rows more"]
    if problems:
        raise FileProblemsError(tuple(problems))
    return tuple(readings)


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, with their line numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    for row in reader:
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _reading(row: list[str], columns: tuple[int, int], zone: tzinfo) -> Reading:
    if len(row) <= max(columns):
        raise ColdChainError(f"{len(row)} cells: expected a time and a temperature; is the file cut off?")
    time, value = row[columns[0]].strip(), row[columns[1]].strip()
    return Reading(_time(time, zone), _temperature(value))


def _time(text: str, zone: tzinfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ColdChainError(f"time {text!r}: expected ISO 8601 such as 2026-11-22T03:00:00+07:00") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    try:
        return at.astimezone(UTC) if at.utcoffset() is None else at
    except OverflowError as error:
        raise ColdChainError(f"time {text!r}: out of range") from error


def _temperature(text: str) -> float:
    low, high = TEMPERATURE_RANGE_CELSIUS
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError as error:
        raise ColdChainError(f"temperature {text!r}: expected a number of degrees Celsius") from error
    if not low <= value <= high:
        raise ColdChainError(f"temperature {text!r}: expected {low:g} to {high:g} degrees Celsius")
    return value
