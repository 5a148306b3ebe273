"""Reports of loggers, as clinics and suppliers bring them: kept as they came, judged whether they may count.

A report counts if it is whole: a Berlinger report by its signature, with the key that this logger has always had; a CSV
file by being readable to its end, since nobody signs one. What does not count is kept all the same, with the reason.
Attached to a receipt or a transfer it fills the way there, attached to a place it is one more thermometer.
"""

import hashlib
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock.errors import WorkRefusedError
from inventory.cold_chain.errors import ColdChainError, FileProblemsError
from inventory.cold_chain.logger_report import SIZE_MOST_BYTES, LoggerReport, read_report
from inventory.cold_chain.logger_signature import check_signature
from inventory.cold_chain.readings_csv import read_csv
from inventory.cold_chain.series import Reading, Series

Outcome = Literal["counts", "cut_off", "altered", "other_key", "unreadable"]
_AHEAD_MOST: Final = timedelta(hours=24)
_PROBLEMS_MOST: Final = 20


@dataclass(frozen=True)
class NewReport:
    """A file as it was brought."""

    report_id: uuid.UUID
    file_name: str
    raw: bytes
    uploaded_by: str
    zone: ZoneInfo
    """Of the logger's clock."""
    document_id: uuid.UUID | None = None
    """The receipt or transfer that it travelled with."""
    place_id: str | None = None
    """Or the place where it stood."""


class ReportLine(Row):
    """A report in a list."""

    report_id: uuid.UUID
    file_name: str
    format: str
    outcome: Outcome
    problems: list[str]
    device: str
    serial_number: str
    signature: dict[str, Any]
    said: dict[str, Any]
    interval_s: float | None
    first_at: datetime | None
    last_at: datetime | None
    readings: int
    document_id: uuid.UUID | None
    document_number: str | None
    place_id: str | None
    place_name_vi: str | None
    place_name_en: str | None
    uploaded_at: datetime
    uploaded_by: str
    sha256: str


@dataclass(frozen=True)
class _Judged:
    format: Literal["berlinger", "csv"]
    outcome: Outcome
    problems: tuple[str, ...] = ()
    report: LoggerReport | None = None
    readings: tuple[Reading, ...] = ()
    interval_s: float | None = None


_LINES: Final = (
    "SELECT r.report_id, r.file_name, r.format, r.outcome, r.problems, r.device, r.serial_number, r.signature, r.said,"
    " r.interval_s, r.first_at, r.last_at, r.readings, r.document_id, d.number AS document_number, r.place_id,"
    " p.name_vi AS place_name_vi, p.name_en AS place_name_en, r.uploaded_at, r.uploaded_by, r.sha256"
    " FROM logger_report r LEFT JOIN stock_document d USING (document_id) LEFT JOIN place p ON p.place_id = r.place_id"
)


def import_report(connection: Connection, new: NewReport, now: datetime) -> ReportLine:
    """Keep it and say what it is worth; a file that is there already is told as it stands.

    Raises:
        WorkRefusedError: `report_too_big`, `report_for_nothing`, `document_unknown`, `place_unknown`.
    """
    if not new.raw or len(new.raw) > SIZE_MOST_BYTES:
        raise WorkRefusedError("report_too_big", f"{len(new.raw)} bytes: expected 1 to {SIZE_MOST_BYTES}")
    _check_target(connection, new)
    sha256 = hashlib.sha256(new.raw).hexdigest()
    known = first_row(connection, ReportLine, _LINES + " WHERE r.sha256 = %(sha256)s", {"sha256": sha256})
    if known is not None:
        return known
    judged = _with_known_key(connection, _judge(new, now))
    counts = judged.outcome == "counts"
    times = sorted(reading.occurred_at for reading in judged.readings)
    connection.execute(
        "INSERT INTO logger_report (report_id, sha256, file_name, raw, format, outcome, problems, device,"
        " serial_number, signature, said, interval_s, first_at, last_at, readings, document_id, place_id, uploaded_at,"
        " uploaded_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(new.report_id, sha256, storable(new.file_name)[:200], new.raw, judged.format, judged.outcome),
            Jsonb([storable(problem) for problem in judged.problems[:_PROBLEMS_MOST]]),
            *(_text(judged, "device"), _text(judged, "serial_number"), Jsonb(_signature(judged, new.raw))),
            *(Jsonb(_said(judged.report)), judged.interval_s),
            *(times[0] if times else None, times[-1] if times else None, len(times) if counts else 0),
            *(new.document_id, new.place_id, now, new.uploaded_by),
        ),
    )
    if counts:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO logger_reading (report_id, occurred_at, temperature_celsius) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [(new.report_id, reading.occurred_at, reading.value) for reading in judged.readings],
            )
    found = read_one(connection, new.report_id)
    if found is None:
        raise AssertionError(new.report_id)
    return found


def read_one(connection: Connection, report_id: uuid.UUID) -> ReportLine | None:
    """One; None if there is none of this id."""
    return first_row(connection, ReportLine, _LINES + " WHERE r.report_id = %(id)s", {"id": report_id})


def reports(connection: Connection, limit: int = 100) -> list[ReportLine]:
    """The newest first."""
    return all_rows(connection, ReportLine, _LINES + " ORDER BY r.uploaded_at DESC LIMIT %(limit)s", {"limit": limit})


def raw_of(connection: Connection, report_id: uuid.UUID) -> tuple[str, bytes] | None:
    """Name and bytes of the file as it came."""
    row = connection.execute("SELECT file_name, raw FROM logger_report WHERE report_id = %s", (report_id,)).fetchone()
    return None if row is None else (row[0], bytes(row[1]))


def attachable(connection: Connection, limit: int = 50) -> list[tuple[uuid.UUID, str, str]]:
    """Receipts and transfers that a report may belong to, the newest first: id, number, kind."""
    rows = connection.execute(
        "SELECT document_id, number, kind FROM stock_document WHERE kind IN ('receipt', 'transfer')"
        " AND NOT body ? 'about_document_id' AND state IN ('posted', 'in_transit', 'waiting_second')"
        " ORDER BY created_at DESC LIMIT %s",
        (limit,),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _check_target(connection: Connection, new: NewReport) -> None:
    if (new.document_id is None) == (new.place_id is None):
        raise WorkRefusedError("report_for_nothing", "a report belongs to a receipt, a transfer or a place: name one")
    if new.document_id is not None:
        row = connection.execute(
            "SELECT kind FROM stock_document WHERE document_id = %s", (new.document_id,)
        ).fetchone()
        if row is None or row[0] not in {"receipt", "transfer"}:
            raise WorkRefusedError("document_unknown", f"no receipt or transfer {new.document_id}")
    elif connection.execute("SELECT FROM place WHERE place_id = %s", (new.place_id,)).fetchone() is None:
        raise WorkRefusedError("place_unknown", f"no place {new.place_id!r}", place=new.place_id)


def _judge(new: NewReport, now: datetime) -> _Judged:
    found = _judge_berlinger(new) if b"Device:" in new.raw[:200] else _judge_csv(new)
    ahead = [reading for reading in found.readings if reading.occurred_at > now + _AHEAD_MOST]
    if ahead:
        problem = f"{len(ahead)} readings of the future, the last at {ahead[-1].occurred_at.isoformat()}"
        return _Judged(found.format, "unreadable", (f"{problem}: the logger's clock is wrong",), found.report)
    return found


def _judge_berlinger(new: NewReport) -> _Judged:
    state = check_signature(new.raw).state
    try:
        report = read_report(new.raw, new.zone)
    except FileProblemsError as error:
        outcome: Outcome = {"absent": "cut_off", "broken": "altered"}.get(state, "unreadable")  # type: ignore[assignment] # of these
        return _Judged("berlinger", outcome, error.problems)
    outcome = {"absent": "cut_off", "broken": "altered", "intact": "counts"}[state]  # type: ignore[assignment] # of these
    return _Judged("berlinger", outcome, (), report, report.readings, report.interval_s)


def _judge_csv(new: NewReport) -> _Judged:
    try:
        readings = read_csv(new.raw.decode("utf-8"), new.zone)
    except UnicodeDecodeError as error:
        return _Judged("csv", "unreadable", (f"not UTF-8 text (byte {error.start})",))
    except FileProblemsError as error:
        return _Judged("csv", "unreadable", error.problems)
    except ColdChainError as error:
        return _Judged("csv", "unreadable", (str(error),))
    if not readings:
        return _Judged("csv", "unreadable", ("no reading in it",))
    interval_us = Series.of(readings).interval_us
    return _Judged("csv", "counts", (), None, readings, interval_us / 1e6 if interval_us else None)


def _with_known_key(connection: Connection, judged: _Judged) -> _Judged:
    """A whole report that is signed by another key than this logger's reports before was made elsewhere."""
    report = judged.report
    if judged.outcome != "counts" or report is None:
        return judged
    row = connection.execute(
        "SELECT signature ->> 'public_key' FROM logger_report WHERE serial_number = %s AND outcome = 'counts'"
        " AND format = 'berlinger' ORDER BY uploaded_at LIMIT 1",
        (report.serial_number,),
    ).fetchone()
    if row is None or row[0] == report.signature.public_key:
        return judged
    return _Judged(judged.format, "other_key", ("signed by another key than this logger's reports before",), report)


def _text(judged: _Judged, name: Literal["device", "serial_number"]) -> str:
    return "" if judged.report is None else storable(str(getattr(judged.report, name)))[:200]


def _signature(judged: _Judged, raw: bytes) -> dict[str, str]:
    return asdict(check_signature(raw)) if judged.format == "berlinger" else {}


def _said(report: LoggerReport | None) -> dict[str, Any]:
    """The logger's own words."""
    if report is None:
        return {}
    return {
        "rules": [rule.name for rule in report.rules],
        "mkt_celsius": report.mkt_celsius,
        "alarms": [
            {
                "rule": alarm.rule,
                "side": alarm.side,
                "started_at": alarm.started_at and alarm.started_at.isoformat(),
                "triggered_at": alarm.triggered_at and alarm.triggered_at.isoformat(),
                "minutes": alarm.minutes,
            }
            for alarm in report.alarms
        ],
        "days": [
            {
                "date": day.date.isoformat(),
                "minutes_high": day.minutes_high,
                "minutes_low": day.minutes_low,
                "high_alarm": day.high_alarm,
                "low_alarm": day.low_alarm,
                "min_celsius": day.lowest_celsius,
                "max_celsius": day.highest_celsius,
            }
            for day in report.days
        ],
    }
