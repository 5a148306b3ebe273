"""A place's time as CSV: each reading (or minute, or hour) as it counts, what was added to it, and what happened."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from gateway.records.place_record import DeviceRecord, PlaceRecord
from gateway.reports.csv_export import Cell, CsvColumn, write_csv

_TEXTS: Final = ("time", "time_zone", "place_id", "device", "serial_number", "kind")
_VALUES: Final = (
    *("temperature_celsius", "lowest_celsius", "highest_celsius", "readings", "raw_celsius", "offset_celsius"),
    "uncertainty_celsius",
)
_LAST: Final = ("certificate", "flags", "until")
COLUMNS: Final = (
    *(CsvColumn(title) for title in _TEXTS),
    *(CsvColumn(title, "VALUE") for title in _VALUES),
    *(CsvColumn(title) for title in _LAST),
)
"""`kind`: reading, minute, hour, gap, excursion, door_open. Titles are names for programs, in every language."""
_DIGITS: Final = 4


def readings_csv(record: PlaceRecord, *, excel: bool) -> bytes:
    """The whole file; `excel`: so that a double click opens it right."""
    return write_csv(COLUMNS, rows(record), excel=excel)


def rows(record: PlaceRecord) -> Iterator[tuple[Cell, ...]]:
    """By thermometer and time: readings, and where one was missing, the gap; then excursions and doors."""
    for device in record.devices:
        yield from _device_rows(record, device)
    for each in record.excursions:
        flags = each.side if each.triggered_at is not None else f"{each.side},no_alarm"
        yield _row(
            record, "excursion", (each.started_at, each.ended_at), each.device_id, peak=each.peak_celsius, flags=flags
        )
    for door in record.doors or ():
        yield _row(record, "door_open", (door.opened_at, door.closed_at), "")


def _device_rows(record: PlaceRecord, device: DeviceRecord) -> Iterator[tuple[Cell, ...]]:
    series = device.series
    serial = series.sensor.serial_number if series.sensor else ""
    low, high = record.place.low_celsius, record.place.high_celsius
    gaps = list(series.gaps)
    for point in series.points:
        while gaps and gaps[0][1] <= point.at:
            yield _row(record, "gap", gaps.pop(0), series.device_id, serial=serial)
        correction = series.corrections.at(series.device_key, point.at)
        flags = ["above"] if high is not None and point.high_celsius > high else []
        flags += ["below"] if low is not None and point.low_celsius < low else []
        yield (
            *(_iso(record, point.at), record.zone.key, record.place.place_id, series.device_id, serial),
            *(series.resolution, round(point.mean_celsius, _DIGITS), round(point.low_celsius, _DIGITS)),
            *(round(point.high_celsius, _DIGITS), point.readings, round(point.raw_celsius, _DIGITS)),
            None if correction is None else round(point.mean_celsius - point.raw_celsius, _DIGITS),
            None if correction is None else correction.uncertainty(point.raw_celsius),
            *("" if correction is None else correction.certificate_number, ",".join(flags), ""),
        )
    for gap in gaps:
        yield _row(record, "gap", gap, series.device_id, serial=serial)


def _row(
    record: PlaceRecord,
    kind: str,
    span: tuple[datetime, datetime | None],
    device_id: str,
    *,
    serial: str = "",
    peak: float | None = None,
    flags: str = "",
) -> tuple[Cell, ...]:
    return (
        *(_iso(record, span[0]), record.zone.key, record.place.place_id, device_id, serial, kind),
        *(peak, None, None, None, None, None, None),
        *("", flags, "" if span[1] is None else _iso(record, span[1])),
    )


def _iso(record: PlaceRecord, at: datetime) -> str:
    return at.astimezone(record.zone).isoformat()
