"""The pages of temperature mappings: the list, a new one, one with its sketch and advice, and its PDF."""

from collections import defaultdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.records_kit import (
    RECORD_ROLES,
    Given,
    GivenForm,
    Keeper,
    Reader,
    download,
    moment_of,
    problem_of,
    refusals,
    today,
    zone_of,
)
from gateway.api.web import web_of
from gateway.pages import records_words as words
from gateway.records import appliances, mapping
from gateway.records.errors import RecordError
from gateway.records.mapping_document import mapping_document
from gateway.records.sensors import measuring_devices
from gateway.reports.pdf import render
from gateway.stock.letterhead import letterhead_of

router: Final = APIRouter(prefix="/on-call/records/mappings", include_in_schema=False)
LINES: Final = 15
"""Positions on the form: 9 to 15 are usual for a room of a store; programs may send more."""
_GRID: Final = 6


@router.get("")
def mapping_list(request: Request, person: Reader, place: Annotated[str, Query(max_length=63)] = "") -> HTMLResponse:
    """Newest first; of one place or of all."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        studies = mapping.studies(connection, place or None)
    values = {"studies": studies, "place": place, "loads": words.LOADS, "may_write": person.may(*RECORD_ROLES)}
    return web.page(request, "mapping_list.html", values)


@router.get("/new")
def new_mapping(request: Request, _person: Keeper, place: Annotated[str, Query(max_length=63)] = "") -> HTMLResponse:
    """The form."""
    return _form(request, {"place_id": place})


def _form(request: Request, typed: dict[str, str], error: RecordError | None = None) -> HTMLResponse:
    web = web_of(request)
    with web.services.pool.connection() as connection:
        values = {
            "places": appliances.places(connection, today(request)),
            "devices": measuring_devices(connection),
            "typed": defaultdict(str, typed),
            "lines": LINES,
            "grid": _GRID,
            "loads": words.LOADS,
            "levels": words.LEVELS,
            "problem": "",
        }
    if error is not None:
        problem = problem_of(request, error)
        values["problem"] = web.speech(request).text(problem.detail, **problem.values)
    status = HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return web.page(request, "mapping_new.html", values, status=status)


@router.post("")
def enter_mapping(request: Request, person: Keeper, given: Given) -> Response:
    """Enter it, with the files of its loggers."""
    try:
        study = _study(request, given)
        with web_of(request).services.pool.connection() as connection, connection.transaction():
            mapping_id = mapping.enter_study(connection, study, person.username, zone_of(request))
    except RecordError as error:
        return _form(request, given.typed, error)
    return RedirectResponse(f"/on-call/records/mappings/{mapping_id}", HTTPStatus.SEE_OTHER)


def _study(request: Request, given: GivenForm) -> mapping.NewStudy:
    typed = given.typed
    zone = zone_of(request)
    nowhen = datetime(1, 1, 1, tzinfo=UTC)
    positions = []
    for number in range(1, LINES + 1):
        name = typed.get(f"position_{number}", "").strip()[:40]
        device, file = typed.get(f"device_{number}", ""), given.files.get(f"file_{number}")
        if name or file is not None:
            level = typed.get(f"level_{number}", "middle")
            positions.append(
                mapping.NewPosition(
                    name,
                    _whole(typed.get(f"column_{number}", "")),
                    _whole(typed.get(f"row_{number}", "")),
                    "top" if level == "top" else "bottom" if level == "bottom" else "middle",
                    int(device) if device.isdecimal() and file is None else None,
                    file,
                )
            )
    load = typed.get("load", "part")
    return mapping.NewStudy(
        typed.get("place_id", ""),
        moment_of(typed.get("began_at", ""), zone) or nowhen,
        moment_of(typed.get("ended_at", ""), zone) or nowhen,
        "empty" if load == "empty" else "full" if load == "full" else "part",
        typed.get("conditions", "")[:1000],
        min(max(_whole(typed.get("grid_columns", "")), 1), 20),
        min(max(_whole(typed.get("grid_rows", "")), 1), 20),
        tuple(positions),
    )


def _whole(text: str) -> int:
    return int(text) if text.strip().isdecimal() and len(text) < 5 else 0  # noqa: PLR2004 - a grid is small


@router.get("/{mapping_id}")
def mapping_page(request: Request, person: Reader, mapping_id: UUID) -> HTMLResponse:
    """One, worked out."""
    web = web_of(request)
    with web.services.pool.connection() as connection, refusals(request):
        result = mapping.result_of(connection, mapping_id)
    values = {
        "result": result,
        "study": result.study,
        "levels": words.LEVELS,
        "loads": words.LOADS,
        "doubts": words.DOUBTS,
        "may_write": person.may(*RECORD_ROLES),
    }
    return web.page(request, "mapping.html", values)


@router.get("/{mapping_id}/report.pdf")
def mapping_pdf(request: Request, person: Reader, mapping_id: UUID) -> Response:
    """The report. It is a Vietnamese document."""
    web = web_of(request)
    zone, now = zone_of(request), web.services.clock()
    with web.services.pool.connection() as connection, refusals(request):
        result = mapping.result_of(connection, mapping_id)
        letterhead = letterhead_of(connection, now.astimezone(zone), person.display_name)
    name = f"phan-bo-nhiet-do-{result.study.began_at.astimezone(zone):%Y%m%d}.pdf"
    return download(name, render(mapping_document(result, letterhead, zone)), "application/pdf", inline=True)


@router.post("/{mapping_id}/withdraw")
def withdraw_mapping(
    request: Request, person: Keeper, mapping_id: UUID, reason: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """It does not count any more."""
    with web_of(request).services.pool.connection() as connection, refusals(request), connection.transaction():
        mapping.withdraw_study(connection, mapping_id, person.username, reason)
    return RedirectResponse(f"/on-call/records/mappings/{mapping_id}", HTTPStatus.SEE_OTHER)
