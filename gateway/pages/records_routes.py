"""The pages of records: places with their reports, mappings, answers to alarms; and every file of them."""

import re
import uuid
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.problems import Problem
from gateway.api.records_kit import (
    RECORD_ROLES,
    Given,
    Keeper,
    Moment,
    Reader,
    Span,
    download,
    refusals,
    safe_name,
    span_of,
    today,
    zone_of,
)
from gateway.api.web import web_of
from gateway.pages import records_words as words
from gateway.pages.translations import N_
from gateway.pages.typed_day import typed_day
from gateway.records import appliances, ds01_transfer
from gateway.records.acknowledgements import JournalLine, journal
from gateway.records.excursion_document import excursion_document, read_excursion
from gateway.records.month_document import month_document
from gateway.records.place_record import days_span, month_span, read_record
from gateway.records.readings_csv import readings_csv
from gateway.reports.csv_export import CsvColumn, write_csv
from gateway.reports.pdf import render
from gateway.stock.letterhead import letterhead_of

router: Final = APIRouter(prefix="/on-call/records", include_in_schema=False)
_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
_ANSWERS_SHOWN: Final = 300
_ANSWER_DAYS: Final = 30
Day = Annotated[str, Query(max_length=10)]


@router.get("")
def home(request: Request, person: Reader) -> HTMLResponse:
    """Every watched place with what is due and its reports."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        lines = appliances.places(connection, today(request))
    now = web.services.clock().astimezone(zone_of(request))
    values = {
        "lines": lines,
        "due_words": words.DUE,
        "month": now.strftime("%Y-%m"),
        "last_month": (now.replace(day=1) - timedelta(days=1)).strftime("%Y-%m"),
        "may_write": person.may(*RECORD_ROLES),
    }
    return web.page(request, "records_home.html", values)


@router.post("/places/{place_id}/appliance")
def enter_appliance(request: Request, person: Keeper, given: Given, place_id: str) -> Response:
    """What the plate of the refrigerator says."""
    form = given.typed
    made_on = typed_day(form["made_on"]) if form.get("made_on", "").strip() else None
    maker, model, serial, pqs = (
        form.get(name, "").strip()[:200] for name in ("maker", "model", "serial_number", "pqs_code")
    )
    plate = appliances.Appliance(maker, model, serial, pqs, made_on)
    with web_of(request).services.pool.connection() as connection, refusals(request):
        appliances.enter(connection, place_id, plate, person.username)
    return RedirectResponse("/on-call/records", HTTPStatus.SEE_OTHER)


@router.get("/places/{place_id}/month.pdf")
def month_pdf(
    *, request: Request, person: Reader, place_id: str, month: Day = "", first: Day = "", last: Day = ""
) -> Response:
    """The report of a month, `2026-11`, or of whole days. It is a Vietnamese document."""
    web = web_of(request)
    zone, now = zone_of(request), web.services.clock()
    with web.services.pool.connection() as connection, refusals(request):
        if first or last:
            days = typed_day(first), typed_day(last)
            if days[0] is None or days[1] is None:
                raise _wrong_day()
            span = days_span(days[0], days[1], zone)
        else:
            span = month_span(*_month(month, now.astimezone(zone).date()), zone)
        record = read_record(connection, place_id, span, now, zone)
        letterhead = letterhead_of(connection, now.astimezone(zone), person.display_name)
    name = f"nhiet-do-{safe_name(place_id)}-{span[0].astimezone(zone):%Y%m%d}.pdf"
    return download(name, render(month_document(record, letterhead)), "application/pdf", inline=True)


@router.get("/excursions/{excursion_id}.pdf")
def excursion_pdf(request: Request, person: Reader, excursion_id: uuid.UUID) -> Response:
    """The report of one excursion. It is a Vietnamese document."""
    web = web_of(request)
    zone, now = zone_of(request), web.services.clock()
    with web.services.pool.connection() as connection, refusals(request):
        found = read_excursion(connection, excursion_id, now, zone)
        letterhead = letterhead_of(connection, now.astimezone(zone), person.display_name)
    name = f"vuot-gioi-han-{found.excursion.started_at.astimezone(zone):%Y%m%d-%H%M}.pdf"
    return download(name, render(excursion_document(found, letterhead)), "application/pdf", inline=True)


@router.get("/places/{place_id}/readings.csv")
def place_csv(
    request: Request, _person: Reader, place_id: str, span: Span = "24h", since: Moment = "", until: Moment = ""
) -> Response:
    """What the chart shows, for a spreadsheet: a double click opens it right."""
    web = web_of(request)
    times = span_of(request, span, since, until)
    with web.services.pool.connection() as connection, refusals(request):
        record = read_record(connection, place_id, times, web.services.clock(), zone_of(request))
    name = f"nhiet-do-{safe_name(place_id)}-{times[0].astimezone(record.zone):%Y%m%d-%H%M}.csv"
    return download(name, readings_csv(record, excel=True), "text/csv; charset=utf-8")


@router.get("/places/{place_id}/ds01.json")
def place_ds01(
    request: Request, _person: Reader, place_id: str, span: Span = "24h", since: Moment = "", until: Moment = ""
) -> Response:
    """What the chart shows, in the form of WHO E006/DS01."""
    services = web_of(request).services
    times = span_of(request, span, since, until)
    with services.pool.connection() as connection, refusals(request):
        data = ds01_transfer.transmission(
            connection,
            [place_id],
            times,
            services.clock(),
            zone_of(request),
            source=services.config.base_url,
        )
    name = f"ds01-{safe_name(place_id)}-{times[0]:%Y%m%d}.json"
    return download(name, data, "application/json")


@router.get("/answers")
def answers(
    request: Request, _person: Reader, first: Day = "", last: Day = "", place: str = "", people: bool = False
) -> HTMLResponse:
    """Everything that happened to alarms, newest first."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        began, ended = _days(request, first, last)
        span = _midnights(request, began, ended)
        lines = journal(connection, *span, place_id=place or None, only_people=people, limit=_ANSWERS_SHOWN + 1)
        places = appliances.places(connection, today(request))
    values = {
        "lines": lines[:_ANSWERS_SHOWN],
        "more": len(lines) > _ANSWERS_SHOWN,
        "places": places,
        "place": place,
        "people": people,
        "first": began,
        "last": ended,
        "kinds": words.KINDS,
        "journal_words": words.JOURNAL,
        "channels": words.CHANNELS,
    }
    return web.page(request, "records_answers.html", values)


@router.get("/answers.csv")
def answers_csv(
    request: Request, _person: Reader, first: Day = "", last: Day = "", place: str = "", people: bool = False
) -> Response:
    """The same as a file."""
    web = web_of(request)
    speech, zone = web.speech(request), zone_of(request)
    began, ended = _days(request, first, last)
    with web.services.pool.connection() as connection:
        lines = journal(connection, *_midnights(request, began, ended), place_id=place or None, only_people=people)
    titles = (
        *(N_("Time"), N_("Alarm number"), N_("Place"), N_("Alarm"), N_("What happened")),
        *(N_("Who"), N_("Way"), N_("Comment")),
    )
    columns = [CsvColumn(speech.text(title)) for title in titles]
    columns.append(CsvColumn(speech.text(N_("Seconds after the alarm")), "VALUE"))

    def said(line: JournalLine) -> tuple[str | int, ...]:
        place_name = speech.named(line.place_name_vi, line.place_name_en or "") if line.place_name_vi else line.scope
        kinds = ", ".join(speech.text(words.KINDS[kind]) if kind in words.KINDS else kind for kind in line.kinds)
        what = speech.text(words.JOURNAL[line.what]) if line.what in words.JOURNAL else line.what
        way = line.channel or ""
        channel = speech.text(words.CHANNELS[way]) if way in words.CHANNELS else way
        return (
            *(line.at.astimezone(zone).isoformat(timespec="seconds"), str(line.incident_number), place_name, kinds),
            *(what, line.by_name or speech.text(N_("the system")), channel, line.comment, round(line.since_raised_s)),
        )

    data = write_csv(columns, (said(line) for line in lines))
    return download(f"xu-ly-bao-dong-{began:%Y%m%d}-{ended:%Y%m%d}.csv", data, "text/csv; charset=utf-8")


def _days(request: Request, first: str, last: str) -> tuple[date, date]:
    ended = typed_day(last) if last else today(request)
    if ended is None:
        raise _wrong_day()
    began = typed_day(first) if first else ended - timedelta(days=_ANSWER_DAYS)
    if began is None or began > ended:
        raise _wrong_day()
    return began, ended


def _midnights(request: Request, first: date, last: date) -> tuple[datetime, datetime]:
    zone = zone_of(request)
    return (
        datetime.combine(first, time(), tzinfo=zone),
        datetime.combine(last + timedelta(days=1), time(), tzinfo=zone),
    )


def _month(text: str, day: date) -> tuple[int, int]:
    if not text:
        return day.year, day.month
    found = _MONTH.fullmatch(text)
    if found is None:
        raise _wrong_day()
    return int(found[1]), int(found[2])


def _wrong_day() -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "day_wrong",
        words.TITLE,
        N_("A day or a month can't be read, or the last day is before the first. Correct it."),
    )
