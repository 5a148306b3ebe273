"""The page of one watched place: its chart, its figures, what happened, its records."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from gateway.api.access import RolesRequired
from gateway.api.records_kit import SPAN_MAX, SPAN_MIN, SPANS, Moment, Span, refusals, span_of, today, zone_of
from gateway.api.web import web_of
from gateway.pages import records_words as words
from gateway.records.calibration import DueState, due_state
from gateway.records.chart_plan import ChartContent, plan
from gateway.records.place_record import DeviceRecord, PlaceRecord, read_record
from gateway.records.summary import HourLine, hours_of
from gateway.services.roles import COLD_CHAIN_ROLES

router: Final = APIRouter(
    prefix="/on-call/places", include_in_schema=False, dependencies=[Depends(RolesRequired(COLD_CHAIN_ROLES))]
)
_WIDE: Final = (1100.0, 360.0)
_NARROW: Final = (430.0, 320.0)
_HOURS_UP_TO: Final = timedelta(days=3)
"""A table of hours up to here, of days beyond."""
_ZOOM: Final = 2


@dataclass(frozen=True)
class Shown:
    """A thermometer on the page."""

    record: DeviceRecord
    due: DueState
    uncertainty_celsius: float | None
    hours: tuple[HourLine, ...]


@dataclass(frozen=True)
class Ways:
    """Links of the chart: the same place at another time."""

    earlier: str
    later: str
    nearer: str
    """Empty: it can't be looked at any closer."""
    wider: str
    """Empty: it can't be any longer."""


@router.get("/{place_id}")
def place_page(
    request: Request, place_id: str, span: Span = "24h", since: Moment = "", until: Moment = ""
) -> HTMLResponse:
    """The last 24 hours, or what is asked for."""
    web = web_of(request)
    speech, zone, now = web.speech(request), zone_of(request), web.services.clock()
    began, ended = span_of(request, span, since, until)
    with web.services.pool.connection() as connection, refusals(request):
        record = read_record(connection, place_id, (began, ended), now, zone)
    content = ChartContent(
        began, ended, record.place.low_celsius, record.place.high_celsius, record.excursions, record.doors or ()
    )
    series = [each.series for each in record.devices]
    said = words.chart_words(speech)
    hourly = ended - began <= _HOURS_UP_TO
    values = {
        "record": record,
        "place": record.place,
        "charts": [plan(series, content, said, zone, size=size) for size in (_WIDE, _NARROW)],
        "devices": [_shown(request, record, each, hourly=hourly) for each in record.devices],
        "hourly": hourly,
        "span": "" if since or until else span,
        "spans": {name: words.SPAN_WORDS[name] for name in SPANS},
        "ways": _ways(began, ended),
        "began": began,
        "ended": ended,
        "began_local": began.astimezone(zone).strftime("%Y-%m-%dT%H:%M"),
        "ended_local": ended.astimezone(zone).strftime("%Y-%m-%dT%H:%M"),
        "month": now.astimezone(zone).strftime("%Y-%m"),
        "due_words": words.DUE,
        "kinds": words.KINDS,
        "resolutions": words.RESOLUTIONS,
        "sides": {"high": words.KINDS["temperature_high"], "low": words.KINDS["temperature_low"]},
    }
    return web.page(request, "place.html", values)


def _shown(request: Request, record: PlaceRecord, device: DeviceRecord, *, hourly: bool) -> Shown:
    series = device.series
    correction = series.corrections.at(series.device_key, record.known_until)
    doubt = None
    if correction is not None:
        doubt = max(point.uncertainty_celsius for point in correction.points)
    return Shown(
        device,
        due_state(None if correction is None else correction.valid_until, today(request)),
        doubt,
        tuple(hours_of(series, record.zone)) if hourly else (),
    )


def _ways(began: datetime, ended: datetime) -> Ways:
    length = ended - began

    def way(first: datetime, last: datetime) -> str:
        return "?" + urlencode(
            {"since": first.isoformat(timespec="seconds"), "until": last.isoformat(timespec="seconds")}
        )

    quarter = length / (2 * _ZOOM)
    return Ways(
        way(began - length, began),
        way(ended, ended + length),
        way(began + quarter, ended - quarter) if length / _ZOOM >= SPAN_MIN else "",
        way(began - length / 2, ended + length / 2) if length * _ZOOM <= SPAN_MAX else "",
    )
