"""Temperature mapping: many thermometers in one room for some days, to find where its extremes are.

EU GDP 2013/C 343/01 section 3.2.1: before use, under representative conditions; monitors are placed by its result,
where the extremes are; again by risk, or after significant changes. WHO TRS 992 annex 5 supplement 8: loggers
calibrated at three points, within 0.5 degrees, sampling every 1 to 15 minutes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.records import journal
from gateway.records.corrections import Corrections
from gateway.records.errors import RecordError, RecordNotFoundError
from gateway.services.reads_rows import Row, all_rows, first_row
from inventory.cold_chain.errors import ColdChainError, FileProblemsError
from inventory.cold_chain.logger_report import read_report
from inventory.cold_chain.mean_kinetic_temperature import mean_kinetic_temperature
from inventory.cold_chain.readings_csv import read_csv
from inventory.cold_chain.series import Reading, Series

Level = Literal["top", "middle", "bottom"]
Load = Literal["empty", "part", "full"]
POSITIONS_MAX: Final = 60
UNCERTAINTY_MAX_CELSIUS: Final = 0.5
"""WHO TRS 992 annex 5 supplement 8: error of a mapping logger at each point."""
INTERVAL_MAX_S: Final = 900.0
"""As above: samples every 1 to 15 minutes."""
_BERLINGER: Final = ".txt"


@dataclass(frozen=True)
class NewPosition:
    """One thermometer on the sketch: a device of ours, or a logger's file."""

    position: str
    grid_column: int
    grid_row: int
    level: Level
    device_key: int | None = None
    file: tuple[str, bytes] | None = None


@dataclass(frozen=True)
class NewStudy:
    """A mapping as it is entered; valid if it exists."""

    place_id: str
    began_at: datetime
    ended_at: datetime
    load: Load
    conditions: str
    grid_columns: int
    grid_rows: int
    positions: tuple[NewPosition, ...]

    def __post_init__(self) -> None:
        """Refuse what maps nothing.

        Raises:
            RecordError: an end before the begin, fewer than two positions or too many, two of one name, one outside the
                grid, or one with neither device nor file.
        """
        if self.ended_at <= self.began_at:
            raise RecordError("times_crossed", f"{self.began_at} to {self.ended_at}: expected the earlier time first")
        if not 2 <= len(self.positions) <= POSITIONS_MAX:  # noqa: PLR2004 - one position has no extremes
            raise RecordError(
                "positions_count", f"{len(self.positions)} positions: expected 2 to {POSITIONS_MAX}", most=POSITIONS_MAX
            )
        names = [each.position.strip() for each in self.positions]
        for each, name in zip(self.positions, names, strict=True):
            if not name or names.count(name) > 1:
                raise RecordError("position_twice", f"position {name!r}: expected a name, and each once", position=name)
            if not (1 <= each.grid_column <= self.grid_columns and 1 <= each.grid_row <= self.grid_rows):
                raise RecordError("position_outside", f"position {name!r} is outside the sketch", position=name)
            if each.device_key is None and each.file is None:
                raise RecordError(
                    "position_without_readings",
                    f"position {name!r}: choose a thermometer, or the file of a logger",
                    position=name,
                )


class Study(Row):
    """A mapping that was entered."""

    mapping_id: UUID
    place_id: str
    place_name_vi: str
    place_name_en: str
    began_at: datetime
    ended_at: datetime
    load: Load
    conditions: str
    low_celsius: float | None
    high_celsius: float | None
    grid_columns: int
    grid_rows: int
    entered_at: datetime
    entered_by: str
    withdrawn_at: datetime | None
    withdrawn_reason: str | None
    positions: int


@dataclass(frozen=True)
class PositionResult:
    """What one position went through."""

    position: str
    grid_column: int
    grid_row: int
    level: Level
    source: str
    """Serial number of the instrument or logger, or the device's name."""
    readings: int
    lowest_celsius: float | None
    highest_celsius: float | None
    mean_celsius: float | None
    mkt_celsius: float | None
    outside_s: float
    interval_s: float
    missing_s: float
    uncertainty_celsius: float | None
    """Of its calibration; None: none is known."""


@dataclass(frozen=True)
class MappingResult:
    """The study with its positions and what follows."""

    study: Study
    positions: tuple[PositionResult, ...]
    hottest: PositionResult | None
    """Where it was warmest at any time."""
    coldest: PositionResult | None
    monitor_at: tuple[PositionResult, ...]
    """Where thermometers belong: the one whose extreme is nearest to its limit, or beyond, first."""

    @property
    def spread_celsius(self) -> float | None:
        """Between the warmest and the coldest reading of all."""
        if self.hottest is None or self.coldest is None:
            return None
        return (self.hottest.highest_celsius or 0.0) - (self.coldest.lowest_celsius or 0.0)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Codes of what weakens it: see the words of the pages."""
        found = []
        if any(not each.readings for each in self.positions):
            found.append("position_empty")
        if any(each.uncertainty_celsius is None for each in self.positions):
            found.append("not_calibrated")
        if any((each.uncertainty_celsius or 0) > UNCERTAINTY_MAX_CELSIUS for each in self.positions):
            found.append("too_uncertain")
        if any(each.readings and each.interval_s > INTERVAL_MAX_S for each in self.positions):
            found.append("too_rare")
        if any(each.missing_s > 0 for each in self.positions):
            found.append("gaps")
        if (self.study.ended_at - self.study.began_at).total_seconds() < 86_400:  # noqa: PLR2004 - a day
            found.append("under_a_day")
        return tuple(found)


_STUDIES: Final = (
    "SELECT m.mapping_id, m.place_id, p.name_vi AS place_name_vi, p.name_en AS place_name_en, m.began_at, m.ended_at,"
    " m.load, m.conditions, m.low_celsius, m.high_celsius, m.grid_columns, m.grid_rows, m.entered_at, m.entered_by,"
    " m.withdrawn_at, m.withdrawn_reason,"
    " (SELECT count(*) FROM mapping_position o WHERE o.mapping_id = m.mapping_id) AS positions"
    " FROM mapping_study m JOIN place p USING (place_id)"
)


def enter_study(connection: Connection, study: NewStudy, by: str, zone: ZoneInfo) -> UUID:
    """Enter a mapping with the readings of its loggers' files.

    Raises:
        RecordError: there is no such place, or a file can't be read or has no reading in that time.
    """
    place = connection.execute(
        "SELECT temperature_low_celsius, temperature_high_celsius FROM place WHERE place_id = %s", (study.place_id,)
    ).fetchone()
    if place is None:
        raise RecordNotFoundError("place_unknown", f"there is no place {study.place_id!r}", place=study.place_id)
    row = connection.execute(
        "INSERT INTO mapping_study (place_id, began_at, ended_at, load, conditions, low_celsius, high_celsius,"
        " grid_columns, grid_rows, entered_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING mapping_id",
        (
            *(study.place_id, study.began_at, study.ended_at, study.load, study.conditions.strip(), *place),
            *(study.grid_columns, study.grid_rows, by),
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING returns
    mapping_id: UUID = row[0]
    for each in study.positions:
        _enter_position(connection, mapping_id, study, each, zone)
    journal.note(connection, by, "mapping", mapping_id, "entered")
    return mapping_id


def _enter_position(
    connection: Connection, mapping_id: UUID, study: NewStudy, each: NewPosition, zone: ZoneInfo
) -> None:
    name = each.position.strip()
    serial, readings = ("", ()) if each.file is None else _read_file(name, *each.file, zone)
    inside = [reading for reading in readings if study.began_at <= reading.occurred_at < study.ended_at]
    if each.file is not None and not inside:
        raise RecordError("file_outside", f"file of {name!r} has no reading in the time of the mapping", position=name)
    connection.execute(
        "INSERT INTO mapping_position (mapping_id, position, grid_column, grid_row, level, device_key, logger_serial,"
        " file_name, file_sha256) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(mapping_id, name, each.grid_column, each.grid_row, each.level, each.device_key, serial),
            *(each.file[0][:200] if each.file else "", hashlib.sha256(each.file[1]).hexdigest() if each.file else ""),
        ),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO mapping_reading VALUES (%s, %s, %s, %s)",
            [(mapping_id, name, reading.occurred_at, reading.value) for reading in inside],
        )


def _read_file(position: str, name: str, data: bytes, zone: ZoneInfo) -> tuple[str, Sequence[Reading]]:
    """A logger's text report, or CSV with the columns time and temperature_celsius."""
    try:
        if name.lower().endswith(_BERLINGER):
            report = read_report(data, zone)
            return report.serial_number, report.readings
        return "", read_csv(data.decode("utf-8"), zone)
    except FileProblemsError as error:
        problem = error.problems[0]
    except ColdChainError as error:
        problem = str(error)
    except UnicodeDecodeError:
        problem = "not UTF-8 text"
    raise RecordError(
        "file_unreadable", f"file {name!r} of {position!r}: {problem}", position=position, problem=problem
    )


def withdraw_study(connection: Connection, mapping_id: UUID, by: str, reason: str) -> None:
    """It does not count any more; it stays to be seen.

    Raises:
        RecordError: no reason, or no such mapping that counts.
    """
    if not reason.strip():
        raise RecordError("reason_missing", "no reason: say why the mapping does not count")
    row = connection.execute(
        "UPDATE mapping_study SET withdrawn_at = now(), withdrawn_by = %s, withdrawn_reason = %s WHERE mapping_id = %s"
        " AND withdrawn_at IS NULL RETURNING mapping_id",
        (by, reason.strip(), mapping_id),
    ).fetchone()
    if row is None:
        raise RecordNotFoundError("mapping_unknown", f"there is no mapping {mapping_id} that counts")
    journal.note(connection, by, "mapping", mapping_id, "withdrawn", reason=reason.strip())


def studies(connection: Connection, place_id: str | None = None) -> list[Study]:
    """Newest first; of one place or of all."""
    condition = " WHERE %(place)s::text IS NULL OR m.place_id = %(place)s ORDER BY m.began_at DESC, m.mapping_id"
    return all_rows(connection, Study, _STUDIES + condition, {"place": place_id})


def result_of(connection: Connection, mapping_id: UUID) -> MappingResult:
    """The mapping worked out, from the readings as they count now.

    Raises:
        RecordNotFoundError: there is none of this id.
    """
    study = first_row(connection, Study, _STUDIES + " WHERE m.mapping_id = %(id)s", {"id": mapping_id})
    if study is None:
        raise RecordNotFoundError("mapping_unknown", f"there is no mapping {mapping_id}")
    rows = connection.execute(
        "SELECT m.position, m.grid_column, m.grid_row, m.level, m.device_key,"
        " coalesce(nullif(m.logger_serial, ''), m.file_name), d.device_id,"
        " s.serial_number FROM mapping_position m LEFT JOIN device d USING (device_key)"
        " LEFT JOIN LATERAL (SELECT sensor_id FROM sensor_connection n WHERE n.device_key = m.device_key"
        " AND n.connected_at < %s AND coalesce(n.disconnected_at, 'infinity') > %s ORDER BY n.connected_at DESC"
        " LIMIT 1) n ON true LEFT JOIN sensor s USING (sensor_id) WHERE m.mapping_id = %s"
        " ORDER BY m.grid_row, m.grid_column, m.position",
        (study.ended_at, study.began_at, mapping_id),
    ).fetchall()
    corrections = Corrections.read(connection, [row[4] for row in rows if row[4] is not None])
    found = tuple(_position(connection, study, row, corrections) for row in rows)
    return conclude(study, found)


def conclude(study: Study, positions: tuple[PositionResult, ...]) -> MappingResult:
    """Where the extremes are, and where thermometers belong. Of equal extremes the one with the worse mean counts."""
    known = [each for each in positions if each.readings]
    if not known:
        return MappingResult(study, positions, None, None, ())
    hottest = max(known, key=lambda each: (each.highest_celsius or 0.0, each.mean_celsius or 0.0))
    coldest = min(known, key=lambda each: (each.lowest_celsius or 0.0, each.mean_celsius or 0.0))
    room_above = float("inf") if study.high_celsius is None else study.high_celsius - (hottest.highest_celsius or 0.0)
    room_below = float("inf") if study.low_celsius is None else (coldest.lowest_celsius or 0.0) - study.low_celsius
    order = (coldest, hottest) if room_below <= room_above else (hottest, coldest)
    return MappingResult(study, positions, hottest, coldest, tuple(dict.fromkeys(order)))


def _position(
    connection: Connection, study: Study, row: tuple[object, ...], corrections: Corrections
) -> PositionResult:
    position, column, grid_row, level, device_key, logger_serial, device_id, serial = row
    doubt: float | None = None
    if isinstance(device_key, int):
        raw = connection.execute(
            "SELECT occurred_at, temperature_celsius FROM reading WHERE device_key = %s AND occurred_at >= %s"
            " AND occurred_at < %s",
            (device_key, study.began_at, study.ended_at),
            prepare=False,
        ).fetchall()
        readings = [Reading(at, corrections.celsius(device_key, at, value)) for at, value in raw]
        if raw:
            doubt = corrections.uncertainty(device_key, raw[0][0], raw[0][1])
    else:
        raw = connection.execute(
            "SELECT occurred_at, temperature_celsius FROM mapping_reading WHERE mapping_id = %s AND position = %s",
            (study.mapping_id, position),
        ).fetchall()
        readings = [Reading(*each) for each in raw]
    series = Series.of(readings)
    weights, kinetic = series.weights_us(), mean_kinetic_temperature(series)
    total = sum(weights)
    outside = sum(
        weight
        for low, high, weight in zip(series.lowest, series.highest, weights, strict=True)
        if (study.high_celsius is not None and high > study.high_celsius)
        or (study.low_celsius is not None and low < study.low_celsius)
    )
    mean = sum(value * weight for value, weight in zip(series.highest, weights, strict=True)) / total if total else None
    return PositionResult(
        position=str(position),
        grid_column=int(str(column)),
        grid_row=int(str(grid_row)),
        level=level,  # type: ignore[arg-type] # one of three, by the table's check
        source=str(serial or logger_serial or device_id or "?"),
        readings=series.n,
        lowest_celsius=min(series.lowest, default=None),
        highest_celsius=max(series.highest, default=None),
        mean_celsius=mean,
        mkt_celsius=None if kinetic is None else kinetic.celsius,
        outside_s=outside / 1e6,
        interval_s=series.interval_us / 1e6,
        missing_s=sum(ended - began for began, ended in series.gaps_us()) / 1e6,
        uncertainty_celsius=doubt,
    )
