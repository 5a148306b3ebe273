"""`medtap coldchain export`: what happened at watched places, as WHO E006/DS01 JSON or as CSV, for other programs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from medtap.cli.output import fail, say
from medtap.cli.stock import Database, dsn_of

if TYPE_CHECKING:
    from gateway.db.pool import Connection

_BAD_INPUT = 2
_ZONE = "Asia/Ho_Chi_Minh"
_FORMATS = ("ds01-json", "csv")
_DAYS = 1


def export(
    database: Database,
    file_format: Annotated[str, typer.Option("--format", help="ds01-json or csv.")] = "ds01-json",
    since: Annotated[str, typer.Option("--from", help="ISO 8601; 24 hours before the end, if absent.")] = "",
    until: Annotated[str, typer.Option("--to", help="ISO 8601; now, if absent.")] = "",
    place: Annotated[list[str] | None, typer.Option(help="Id of a place; may be repeated. All, if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; standard output, if absent.")] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="Of times without offset.")] = _ZONE,
    country: Annotated[str, typer.Option(help="Two letters (ISO 3166-1), for DS01.")] = "VN",
    source: Annotated[str, typer.Option(help="URI of the sender, for DS01.")] = "medtap",
) -> None:
    """Write what thermometers measured, corrected by their certificates, with gaps, alarms and doors.

    DS01 has one record for each 15 minutes; a period without a reading is told, never left out. CSV has every reading
    (or minute, or hour, by the length of the time) and every gap. Exit status 0 if it could be written, 2 if not.
    """
    import psycopg

    from gateway.records.errors import RecordError

    zone = _zone(timezone)
    now = datetime.now(UTC)
    span = _span(since, until, now, zone)
    if file_format not in _FORMATS:
        fail(f"--format {file_format!r}: expected one of {', '.join(_FORMATS)}", _BAD_INPUT)
    try:
        with psycopg.connect(dsn_of(database), connect_timeout=10) as connection:
            connection.read_only = True
            places = place or _watched(connection)
            if file_format == "csv":
                data = _csv(connection, places, span, now, zone)
            else:
                from gateway.records.ds01_transfer import transmission

                data = transmission(connection, places, span, now, zone, source=source, country=country)
    except RecordError as error:
        fail(str(error), _BAD_INPUT)
    except psycopg.Error as error:
        fail(f"the database can't be read: {str(error).strip()}", _BAD_INPUT)
    if out is None:
        typer.echo(data.decode(), nl=False)
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        fail(f"--out {str(out)!r}: {error}", _BAD_INPUT)
    say(f"{out}: {len(data)} bytes, {len(places)} places, {span[0].isoformat()} to {span[1].isoformat()}")


def _csv(
    connection: "Connection", places: list[str], span: tuple[datetime, datetime], now: datetime, zone: ZoneInfo
) -> bytes:
    from gateway.records.place_record import read_record
    from gateway.records.readings_csv import COLUMNS, rows
    from gateway.reports.csv_export import write_csv

    records = (read_record(connection, place_id, span, now, zone) for place_id in places)
    return write_csv(COLUMNS, (row for record in records for row in rows(record)), excel=False)


def _watched(connection: "Connection") -> list[str]:
    found = connection.execute(
        "SELECT place_id FROM place WHERE temperature_low_celsius IS NOT NULL OR temperature_high_celsius IS NOT NULL"
        " OR storage_class IS NOT NULL ORDER BY place_id"
    ).fetchall()
    return [row[0] for row in found]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fail(f"--timezone {name!r}: expected a name such as {_ZONE} or UTC", _BAD_INPUT)


def _span(since: str, until: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    ended = _moment("--to", until, zone) if until else now
    began = _moment("--from", since, zone) if since else ended - timedelta(days=_DAYS)
    if began >= ended:
        fail(f"--from {began.isoformat()}, --to {ended.isoformat()}: expected the earlier time first", _BAD_INPUT)
    return began, ended


def _moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{name} {text!r}: expected a time such as 2026-11-01 or 2026-11-01T08:00+07:00", _BAD_INPUT)
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)
