"""The API of records: instruments, certificates, mappings, a place's figures, answers to alarms, exports."""

import base64
import binascii
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, status
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, Field

from gateway.api.records_kit import Keeper, Moment, Reader, Span, download, refusals, span_of, today, zone_of
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.records import acknowledgements, calibration, mapping, sensors
from gateway.records.ds01_transfer import transmission
from gateway.records.errors import RecordError
from gateway.records.place_reads import PlaceAlarm, PlaceExcursion
from gateway.records.place_record import DeviceRecord, PlaceRecord, read_record
from gateway.records.readings_csv import COLUMNS, rows
from gateway.records.sensors import SINCE_EVER
from gateway.reports.csv_export import write_csv

router: Final = APIRouter(prefix=f"{PREFIX}/cold-chain", tags=["cold chain"])
Place = Annotated[str, Query(max_length=63)]
_PLACES_MAX: Final = 50
"""In one export by the API: more at the command line."""


class SensorGiven(BaseModel):
    """An instrument."""

    serial_number: Annotated[str, Field(min_length=1, max_length=100)]
    maker: Annotated[str, Field(max_length=200)] = ""
    model: Annotated[str, Field(max_length=200)] = ""
    range_low_celsius: float | None = None
    range_high_celsius: float | None = None
    interval_s: float | None = None
    battery: Annotated[str, Field(max_length=200)] = ""
    battery_changed_on: date | None = None
    battery_months: int | None = None
    note: Annotated[str, Field(max_length=1000)] = ""
    shares_serial: bool = Field(default=False, description="A person has looked: two instruments carry this number")
    device_key: int | None = Field(default=None, description="Connected to; null: in the cupboard")
    connected_at: AwareDatetime | None = Field(default=None, description="Ever since, if left out")


class ConnectionGiven(BaseModel):
    """Where an instrument is from a time on."""

    device_key: int | None = Field(description="Null: it is taken out")
    at: AwareDatetime | None = Field(default=None, description="Now, if left out")


class PointGiven(BaseModel):
    """One line of a certificate's table."""

    reference_celsius: float
    indicated_celsius: float
    uncertainty_celsius: float = Field(description="Expanded, k = 2")


class CertificateGiven(BaseModel):
    """A certificate."""

    certificate_number: Annotated[str, Field(min_length=1, max_length=200)]
    laboratory: Annotated[str, Field(min_length=1, max_length=200)]
    performed_on: date
    valid_until: date
    points: Annotated[list[PointGiven], Field(min_length=1, max_length=50)]
    file_name: Annotated[str, Field(max_length=200)] = "certificate.pdf"
    file_base64: Annotated[str | None, Field(max_length=14_000_000)] = None


class ReasonGiven(BaseModel):
    """Why."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Made(BaseModel):
    """What was made."""

    id: UUID


class DeviceFigures(BaseModel):
    """One thermometer's time."""

    device_key: int
    device_id: str
    serial_number: str | None
    resolution: Literal["reading", "minute", "hour"]
    readings: int
    lowest_celsius: float | None
    lowest_at: datetime | None
    highest_celsius: float | None
    highest_at: datetime | None
    mean_celsius: float | None
    mkt_celsius: float | None
    above_s: float
    below_s: float
    near_limit_s: float | None = Field(
        description="Too near a limit for the calibration's uncertainty; null: none known"
    )
    coverage: float = Field(description="Share of the time that is known")
    gaps: list[tuple[datetime, datetime]]
    days: list[dict[str, Any]]


class PlaceFigures(BaseModel):
    """A place's time."""

    place_id: str
    since: datetime
    until: datetime
    low_celsius: float | None
    high_celsius: float | None
    devices: list[DeviceFigures]
    excursions: list[PlaceExcursion]
    alarms: list[PlaceAlarm]
    door_openings: int | None = Field(description="Null: no contact")
    door_open_s: float


@router.get("/sensors", summary="Instruments with the certificate that counts")
def sensor_list(request: Request, _person: Reader) -> list[sensors.Sensor]:
    """Those in use first."""
    with web_of(request).services.pool.connection() as connection:
        return sensors.sensors(connection)


@router.post("/sensors", summary="Enter an instrument", status_code=status.HTTP_201_CREATED)
def enter_sensor(request: Request, person: Keeper, given: SensorGiven) -> Made:
    """And connect it, if a device is named."""
    with web_of(request).services.pool.connection() as connection, refusals(request), connection.transaction():
        facts = sensors.SensorFacts(**given.model_dump(exclude={"shares_serial", "device_key", "connected_at"}))
        sensor_id = sensors.register(connection, facts, person.username, shares_serial=given.shares_serial)
        if given.device_key is not None:
            at = given.connected_at or SINCE_EVER
            sensors.connect(connection, sensor_id, given.device_key, at, person.username)
    return Made(id=sensor_id)


@router.put("/sensors/{sensor_id}/connection", summary="Connect an instrument to a device, or take it out")
def connect_sensor(request: Request, person: Keeper, sensor_id: UUID, given: ConnectionGiven) -> sensors.Sensor:
    """Its certificates go with it."""
    at = given.at or web_of(request).services.clock()
    with web_of(request).services.pool.connection() as connection, refusals(request), connection.transaction():
        if given.device_key is None:
            sensors.disconnect(connection, sensor_id, at, person.username)
        else:
            sensors.connect(connection, sensor_id, given.device_key, at, person.username)
        return sensors.find(connection, sensor_id)


@router.get("/sensors/{sensor_id}/stays", summary="Through which places an instrument went")
def stays(request: Request, _person: Reader, sensor_id: UUID) -> list[sensors.Stay]:
    """Newest first."""
    with web_of(request).services.pool.connection() as connection, refusals(request):
        sensors.find(connection, sensor_id)
        return sensors.stays_of(connection, sensor_id)


@router.get("/sensors/{sensor_id}/certificates", summary="Certificates of an instrument")
def certificates(request: Request, _person: Reader, sensor_id: UUID) -> list[calibration.Certificate]:
    """Newest first, those that were withdrawn too."""
    with web_of(request).services.pool.connection() as connection, refusals(request):
        sensors.find(connection, sensor_id)
        return calibration.certificates_of(connection, sensor_id)


@router.post("/sensors/{sensor_id}/certificates", summary="Enter a certificate", status_code=status.HTTP_201_CREATED)
def enter_certificate(request: Request, person: Keeper, sensor_id: UUID, given: CertificateGiven) -> Made:
    """Readings from the day on which it was performed are corrected by it, and judged again."""
    with web_of(request).services.pool.connection() as connection, refusals(request), connection.transaction():
        certificate = calibration.NewCertificate(
            given.certificate_number,
            given.laboratory,
            given.performed_on,
            given.valid_until,
            tuple(calibration.MeasuredPoint(**point.model_dump()) for point in given.points),
        )
        file = _file(given)
        by, zone = person.username, zone_of(request)
        made = calibration.enter(connection, sensor_id, certificate, by, zone, today=today(request), file=file)
    return Made(id=made)


def _file(given: CertificateGiven) -> tuple[str, bytes] | None:
    if given.file_base64 is None:
        return None
    try:
        return given.file_name, base64.b64decode(given.file_base64, validate=True)
    except binascii.Error:
        raise RecordError("file_no_pdf", f"{given.file_name!r} is no base64", name=given.file_name) from None


@router.post("/certificates/{calibration_id}/withdraw", summary="Withdraw a certificate")
def withdraw(request: Request, person: Keeper, calibration_id: UUID, given: ReasonGiven) -> calibration.Certificate:
    """It stays to be seen, with the reason."""
    with web_of(request).services.pool.connection() as connection, refusals(request), connection.transaction():
        calibration.withdraw(connection, calibration_id, person.username, given.reason)
        return calibration.find_certificate(connection, calibration_id)


@router.get("/places/{place_id}/record", summary="What a place went through, in figures")
def place_record(
    request: Request, _person: Reader, place_id: str, span: Span = "24h", since: Moment = "", until: Moment = ""
) -> PlaceFigures:
    """Corrected by the certificates; gaps are told and count for nothing."""
    times = span_of(request, span, since, until)
    with web_of(request).services.pool.connection() as connection, refusals(request):
        record = read_record(connection, place_id, times, web_of(request).services.clock(), zone_of(request))
    return PlaceFigures(
        place_id=place_id,
        since=record.since,
        until=record.known_until,
        low_celsius=record.place.low_celsius,
        high_celsius=record.place.high_celsius,
        devices=[_figures(each) for each in record.devices],
        excursions=list(record.excursions),
        alarms=list(record.alarms),
        door_openings=None if record.doors is None else len(record.doors),
        door_open_s=record.door_s,
    )


def _figures(device: DeviceRecord) -> DeviceFigures:
    series, summary = device.series, device.summary
    lowest, highest = summary.lowest, summary.highest
    return DeviceFigures(
        device_key=series.device_key,
        device_id=series.device_id,
        serial_number=series.sensor.serial_number if series.sensor else None,
        resolution=series.resolution,
        readings=summary.readings,
        lowest_celsius=lowest.low_celsius if lowest else None,
        lowest_at=lowest.at if lowest else None,
        highest_celsius=highest.high_celsius if highest else None,
        highest_at=highest.at if highest else None,
        mean_celsius=summary.mean_celsius,
        mkt_celsius=summary.mkt_celsius,
        above_s=summary.above_s,
        below_s=summary.below_s,
        near_limit_s=summary.near_limit_s,
        coverage=summary.coverage,
        gaps=list(series.gaps),
        days=[vars(day) for day in device.days],
    )


@router.get("/mappings", summary="Temperature mappings")
def mappings(request: Request, _person: Reader, place: Place = "") -> list[mapping.Study]:
    """Newest first."""
    with web_of(request).services.pool.connection() as connection:
        return mapping.studies(connection, place or None)


@router.get("/answers", summary="Everything that happened to alarms")
def answers(
    *,
    request: Request,
    _person: Reader,
    span: Span = "30d",
    since: Moment = "",
    until: Moment = "",
    place: Place = "",
    only_people: bool = False,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[acknowledgements.JournalLine]:
    """Newest first; each acknowledgement with who, when, on which way and in which words."""
    times = span_of(request, span, since, until)
    with web_of(request).services.pool.connection() as connection:
        return acknowledgements.journal(
            connection, *times, place_id=place or None, only_people=only_people, limit=limit
        )


@dataclass(frozen=True)
class Asked:
    """What is to be exported."""

    place_ids: list[str]
    times: tuple[datetime, datetime]


def asked(
    request: Request,
    place: Annotated[list[str], Query(min_length=1, max_length=_PLACES_MAX)],
    span: Span = "24h",
    since: Moment = "",
    until: Moment = "",
) -> Asked:
    """Of the request."""
    return Asked(place, span_of(request, span, since, until))


Export = Annotated[Asked, Depends(asked)]


@router.get("/export/ds01", summary="Export as WHO E006/DS01 JSON", response_class=Response)
def export_ds01(request: Request, _person: Reader, export: Export) -> Response:
    """One record for each 15 minutes of each thermometer."""
    services = web_of(request).services
    zone, source = zone_of(request), services.config.base_url
    with services.pool.connection() as connection, refusals(request):
        data = transmission(connection, export.place_ids, export.times, services.clock(), zone, source=source)
    return download("ds01.json", data, "application/json")


@router.get("/export/csv", summary="Export as CSV", response_class=Response)
def export_csv(request: Request, _person: Reader, export: Export) -> Response:
    """Readings (or minutes, or hours, by the length of the time), gaps, excursions and doors; for programs."""
    now, zone = web_of(request).services.clock(), zone_of(request)
    with web_of(request).services.pool.connection() as connection, refusals(request):
        records: list[PlaceRecord] = [
            read_record(connection, each, export.times, now, zone) for each in export.place_ids
        ]
    data = write_csv(COLUMNS, (row for record in records for row in rows(record)), excel=False)
    return download("readings.csv", data, "text/csv; charset=utf-8")
