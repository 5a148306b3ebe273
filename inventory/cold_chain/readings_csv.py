"""Readings from CSV, `time,temperature_celsius`, as loggers and spreadsheets write it; every bad row is told."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from inventory.cold_chain.errors import ColdChainError, FileProblemsError
from inventory.cold_chain.rule import Quantity
from inventory.cold_chain.series import Reading

_PROBLEMS_MOST = 50
TEMPERATURE_RANGE_CELSIUS = (-200.0, 200.0)
"""Outside of what any store, freezer or transport box can be: a fault or another unit."""


HUMIDITY_RANGE_PERCENT = (0.0, 100.0)
_RANGES: dict[Quantity, tuple[tuple[float, float], str, str]] = {
    "temperature_celsius": (TEMPERATURE_RANGE_CELSIUS, "temperature", "degrees Celsius"),
    "relative_humidity_percent": (HUMIDITY_RANGE_PERCENT, "humidity", "per cent"),
}


def read_csv(text: str, zone: tzinfo, quantity: Quantity = "temperature_celsius") -> tuple[Reading, ...]:
    """The readings of a file, in its order; times without offset are of `zone`.

    The first row names the columns `time` and the quantity; others are ignored. Semicolons and decimal commas are taken
    too.

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
        raise FileProblemsError((f"the file is empty: expected the columns time,{quantity}",))
    names = [name.strip().lower() for name in rows[0][1]]
    if names.count("time") != 1 or names.count(quantity) != 1:
        found = ", ".join(names)[:200]
        raise FileProblemsError((f"row 1: expected the columns time and {quantity} once each, found {found}",))
    columns = names.index("time"), names.index(quantity)
    readings: list[Reading] = []
    problems: list[str] = []
    for number, row in rows[1:]:
        try:
            readings.append(_reading(row, columns, zone, quantity))
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


def _reading(row: list[str], columns: tuple[int, int], zone: tzinfo, quantity: Quantity) -> Reading:
    if len(row) <= max(columns):
        raise ColdChainError(f"{len(row)} cells: expected a time and a temperature; is the file cut off?")
    time, value = row[columns[0]].strip(), row[columns[1]].strip()
    return Reading(_time(time, zone), _value(value, quantity))


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


def _value(text: str, quantity: Quantity) -> float:
    (low, high), name, unit = _RANGES[quantity]
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError as error:
        raise ColdChainError(f"{name} {text!r}: expected a number of {unit}") from error
    if not low <= value <= high:
        raise ColdChainError(f"{name} {text!r}: expected {low:g} to {high:g} {unit}")
    return value
