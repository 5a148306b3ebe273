"""The JSON API, version 1: what the pages show, for programs; typed, with roles, described by its OpenAPI document."""

from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg_pool import PoolTimeout
from pydantic import AwareDatetime, BaseModel, Field

from gateway.api.access import ANYONE_SIGNED_IN, PUBLIC, RolesRequired
from gateway.api.acknowledge import COMMENT_LENGTH_MAX, acknowledge
from gateway.api.people_kit import reading_of
from gateway.api.problems import PROBLEM_MEDIA_TYPE, ProblemBody
from gateway.api.web import web_of
from gateway.services import reads_desk, reads_on_call, reads_operations, reads_pharmacy, reads_series, reads_tags
from gateway.services.roles import (
    ADMIN_ROLES,
    ALARM_ROLES,
    COLD_CHAIN_ROLES,
    DESK_ROLES,
    DEVICE_ROLES,
    STOCK_ROLES,
    Role,
)
from gateway.services.sessions import SignedIn

PREFIX: Final = "/api/v1"
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ProblemBody, "description": text, "content": {PROBLEM_MEDIA_TYPE: {}}}
    for status, text in (
        (HTTPStatus.UNAUTHORIZED.value, "Nobody is signed in"),
        (HTTPStatus.FORBIDDEN.value, "No role that may do this"),
        (HTTPStatus.SERVICE_UNAVAILABLE.value, "The database does not answer"),
    )
}
router: Final = APIRouter(prefix=PREFIX, responses=_PROBLEMS)
_READINGS_SPAN: Final = timedelta(hours=24)

Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many rows")]
Before = Annotated[
    AwareDatetime | None, Query(description="Only what occurred before this time (ISO 8601, with offset)")
]


class Session(BaseModel):
    """Who is signed in."""

    username: str
    display_name: str
    roles: list[Role]
    language: str
    csrf_token: str = Field(description="Send it as header X-CSRF-Token with every change")
    expires_at: datetime


class Acknowledgement(BaseModel):
    """What a person says when acknowledging an alarm."""

    comment: Annotated[str, Field(min_length=1, max_length=COMMENT_LENGTH_MAX)]


@router.get("/health", tags=["system"], summary="Whether the gateway can work", dependencies=[Depends(PUBLIC)])
def health(request: Request, response: Response) -> reads_operations.Health:
    """200 with `database: ok`, or 503 with `database: down`."""
    try:
        with web_of(request).services.pool.connection(timeout=2.0) as connection:
            return reads_operations.health(connection)
    except (psycopg.OperationalError, PoolTimeout):
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return reads_operations.Health(database="down", last_ingest_at=None)


@router.get("/session", tags=["system"], summary="Who is signed in, and the token for changes")
def session(person: Annotated[SignedIn, Depends(ANYONE_SIGNED_IN)]) -> Session:
    """The session of the cookie."""
    return Session(
        username=person.username,
        display_name=person.display_name,
        roles=sorted(person.roles),
        language=person.language,
        csrf_token=person.csrf_token,
        expires_at=person.expires_at,
    )


@router.get(
    "/live-summary", tags=["system"], summary="Counts of what is stored", dependencies=[Depends(ANYONE_SIGNED_IN)]
)
def live_summary(request: Request) -> reads_operations.LiveSummary:
    """Counted now."""
    with web_of(request).services.pool.connection() as connection:
        return reads_operations.live_summary(connection)


@router.get(
    "/visits",
    tags=["desk"],
    summary="Visits of a day, with the patients",
    dependencies=[Depends(RolesRequired(DESK_ROLES))],
)
def visits(
    request: Request,
    day: Annotated[date | None, Query(alias="date", description="Local date; today if left out")] = None,
    limit: Limit = 200,
) -> list[reads_desk.Visit]:
    """Highest queue number first."""
    services = web_of(request).services
    wanted = day or services.clock().astimezone(ZoneInfo(services.config.time_zone)).date()
    with services.pool.connection() as connection:
        return reads_desk.visits_of_day(connection, reading_of(request, "desk"), wanted, limit)


@router.get("/taps", tags=["desk"], summary="Cards put on readers", dependencies=[Depends(RolesRequired(DESK_ROLES))])
def taps(request: Request, before: Before = None, limit: Limit = 100) -> list[reads_desk.TapFact]:
    """Newest first; no personal data."""
    with web_of(request).services.pool.connection() as connection:
        return reads_desk.tap_facts(connection, limit, before)


@router.get("/scans", tags=["stock"], summary="Scanned codes", dependencies=[Depends(RolesRequired(STOCK_ROLES))])
def scans(request: Request, limit: Limit = 100) -> list[reads_pharmacy.Scan]:
    """Newest first, with what came of each."""
    with web_of(request).services.pool.connection() as connection:
        return reads_pharmacy.latest_scans(connection, limit)


@router.get(
    "/movements", tags=["stock"], summary="Movements of stock", dependencies=[Depends(RolesRequired(STOCK_ROLES))]
)
def movements(request: Request, before: Before = None, limit: Limit = 100) -> list[reads_pharmacy.Movement]:
    """Newest first."""
    with web_of(request).services.pool.connection() as connection:
        return reads_pharmacy.latest_movements(connection, limit, before)


@router.get("/stock", tags=["stock"], summary="Stock on hand", dependencies=[Depends(RolesRequired(STOCK_ROLES))])
def stock(request: Request, limit: Limit = 1000) -> list[reads_pharmacy.StockLine]:
    """Every lot in every place."""
    with web_of(request).services.pool.connection() as connection:
        return reads_pharmacy.stock_on_hand(connection, limit)


@router.get("/tags", tags=["stock"], summary="UHF tags seen now", dependencies=[Depends(RolesRequired(STOCK_ROLES))])
def tags(request: Request, limit: Limit = 1000) -> list[reads_tags.PresentTag]:
    """The latest to appear first, EPC decoded."""
    with web_of(request).services.pool.connection() as connection:
        return reads_tags.present_tags(connection, limit)


@router.get("/discrepancies", tags=["stock"], summary="Open cases", dependencies=[Depends(RolesRequired(STOCK_ROLES))])
def discrepancies(request: Request, limit: Limit = 100) -> list[reads_pharmacy.Discrepancy]:
    """Where what happened contradicts the books."""
    with web_of(request).services.pool.connection() as connection:
        return reads_pharmacy.open_discrepancies(connection, limit)


@router.get(
    "/places", tags=["cold chain"], summary="Watched places", dependencies=[Depends(RolesRequired(COLD_CHAIN_ROLES))]
)
def places(request: Request) -> list[reads_on_call.WatchedPlace]:
    """Each with its thermometers' last readings."""
    with web_of(request).services.pool.connection() as connection:
        return reads_on_call.watched_places(connection)


@router.get(
    "/readings", tags=["cold chain"], summary="Temperatures", dependencies=[Depends(RolesRequired(COLD_CHAIN_ROLES))]
)
def readings(
    request: Request,
    device_key: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    since: Annotated[AwareDatetime | None, Query(description="From; 24 hours before `until` if left out")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before; now if left out")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[reads_on_call.Reading]:
    """Newest first."""
    services = web_of(request).services
    end = until or services.clock()
    with services.pool.connection() as connection:
        return reads_on_call.readings(connection, device_key, since or end - _READINGS_SPAN, end, limit)


@router.get(
    "/series",
    tags=["cold chain"],
    summary="One thermometer over a span",
    dependencies=[Depends(RolesRequired(COLD_CHAIN_ROLES))],
)
def series(
    request: Request,
    device_key: Annotated[int, Query(ge=1, le=2**31 - 1)],
    since: Annotated[AwareDatetime | None, Query(description="From; 24 hours before `until` if left out")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before; now if left out")] = None,
) -> list[reads_series.SeriesPoint]:
    """Oldest first: each reading up to 36 hours, hours up to 62 days, days beyond."""
    services = web_of(request).services
    end = until or services.clock()
    with services.pool.connection() as connection:
        return reads_series.series(connection, device_key, since or end - _READINGS_SPAN, end)


@router.get("/alarms", tags=["cold chain"], summary="Alarms", dependencies=[Depends(RolesRequired(COLD_CHAIN_ROLES))])
def alarms(request: Request, only_open: bool = False, limit: Limit = 100) -> list[reads_on_call.Alarm]:
    """Newest first."""
    with web_of(request).services.pool.connection() as connection:
        return reads_on_call.open_alarms(connection) if only_open else reads_on_call.latest_alarms(connection, limit)


@router.get(
    "/alarms/{alarm_id}/pages",
    tags=["cold chain"],
    summary="Messages sent about an alarm",
    dependencies=[Depends(RolesRequired(COLD_CHAIN_ROLES))],
)
def pages(request: Request, alarm_id: UUID) -> list[reads_on_call.Page]:
    """With their delivery."""
    with web_of(request).services.pool.connection() as connection:
        return reads_on_call.pages_of(connection, [alarm_id])


@router.post("/alarms/{alarm_id}/acknowledge", tags=["cold chain"], summary="Acknowledge an alarm")
def acknowledge_alarm(
    request: Request,
    person: Annotated[SignedIn, Depends(RolesRequired(ALARM_ROLES))],
    alarm_id: UUID,
    body: Acknowledgement,
) -> reads_on_call.Alarm:
    """Idempotent: an alarm that is acknowledged already is answered as it is."""
    return acknowledge(web_of(request).services, alarm_id, person.username, body.comment)


@router.get("/edge-nodes", tags=["system"], summary="Edge nodes", dependencies=[Depends(RolesRequired(DEVICE_ROLES))])
def edge_nodes(request: Request) -> list[reads_operations.EdgeNode]:
    """Those that are down first."""
    with web_of(request).services.pool.connection() as connection:
        return reads_operations.edge_nodes(connection)


@router.get("/devices", tags=["system"], summary="Devices", dependencies=[Depends(RolesRequired(DEVICE_ROLES))])
def devices(request: Request) -> list[reads_operations.Device]:
    """By node."""
    with web_of(request).services.pool.connection() as connection:
        return reads_operations.devices(connection)


@router.get(
    "/dead-letters",
    tags=["system"],
    summary="What could not be understood",
    dependencies=[Depends(RolesRequired(ADMIN_ROLES))],
)
def dead_letters(request: Request, limit: Limit = 100, only_open: bool = True) -> list[reads_operations.DeadLetter]:
    """Newest first, with the reason."""
    with web_of(request).services.pool.connection() as connection:
        return reads_operations.dead_letters(connection, limit, only_open=only_open)


@router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(PUBLIC)])
def openapi(request: Request) -> dict[str, Any]:
    """This API's OpenAPI document."""
    document: dict[str, Any] = request.app.openapi()
    return document
