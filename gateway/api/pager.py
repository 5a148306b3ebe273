"""The pager for programs: who is on call, the schedule, contacts, channels, drills."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from gateway.api.access import RolesRequired
from gateway.api.problems import Problem, not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.pager import drill as drilling
from gateway.pager.config import PagerConfig
from gateway.pager.errors import PagerError, PagerNotFoundError
from gateway.pager.health import channel_states
from gateway.pager.people import NewContact, Person, add_contact, remove_contact
from gateway.pager.rota import Shift
from gateway.pager.schedule import NewOverride, Writer, add_override, remove_override
from gateway.pager.trial import write_trial
from gateway.pager.week import read_schedule
from gateway.pages.pager_words import REFUSALS
from gateway.pages.translations import N_
from gateway.services.accounts import audit
from gateway.services.app_services import AppServices
from gateway.services.roles import ADMIN_ROLES, ALARM_ROLES, DEVICE_ROLES
from gateway.services.sessions import SignedIn

router: Final = APIRouter(prefix=f"{PREFIX}/pager", tags=["cold chain"])
VIEW_ROLES: Final = ALARM_ROLES | ADMIN_ROLES
"""Who sees colleagues' telephone numbers."""
Keeper = Annotated[SignedIn, Depends(RolesRequired(DEVICE_ROLES))]
"""Who may change the schedule, contacts, and start drills."""
Reader = Annotated[SignedIn, Depends(RolesRequired(VIEW_ROLES))]
_SHOWN: Final = timedelta(days=14)


class OnCallAnswer(BaseModel):
    """Who is asked at one level now."""

    level: int
    username: str | None
    display_name: str | None
    phones: list[str]
    until: datetime | None


class ShiftAnswer(BaseModel):
    """A span of one level; a hole has no username."""

    level: int
    starts_at: datetime
    ends_at: datetime
    username: str | None
    source: Literal["layer", "override", "hole"]
    why: str | None


class ChannelAnswer(BaseModel):
    """One channel."""

    channel: str
    kind: str
    receipt: str
    state: str
    state_since: datetime | None
    detail: str
    last_taken_at: datetime | None
    last_receipt_at: datetime | None
    last_error: str
    waiting: int


class DrillAnswer(BaseModel):
    """One drill; `seconds` from the injection to each step that was reached."""

    drill_id: UUID
    started_at: datetime
    started_by: str
    state: Literal["running", "passed", "failed"]
    incident_id: UUID | None
    seconds: dict[str, float | None]
    finished_at: datetime | None
    why: str


class OverrideBody(BaseModel):
    """Somebody instead of whoever the schedule says."""

    level: Annotated[int, Field(ge=1, le=3)] = 1
    username: Annotated[str, Field(max_length=63)]
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: Annotated[str, Field(max_length=500)]


class ContactBody(BaseModel):
    """One more way to reach somebody."""

    username: Annotated[str, Field(max_length=63)]
    channel: Annotated[str, Field(max_length=31)]
    address: Annotated[str, Field(max_length=200)]
    rank: Annotated[int, Field(ge=1, le=9)] | None = None


class MessagesWritten(BaseModel):
    """How many test messages were written."""

    written: int


class Made(BaseModel):
    """The id of what was made."""

    id: UUID


@contextmanager
def pager_refusals() -> Iterator[None]:
    """Turn what the pager refuses into a problem: 404 not there, 409 in the way, 422 else."""
    try:
        yield
    except PagerError as error:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if isinstance(error, PagerNotFoundError):
            status = HTTPStatus.NOT_FOUND
        elif error.code == "drill_running":
            status = HTTPStatus.CONFLICT
        sentence = REFUSALS.get(error.code, REFUSALS["pager_refused"])
        values = dict(error.values) if error.code in REFUSALS else {}
        raise Problem(status, error.code, N_("This can't be done"), sentence, values) from None


def config_of(services: AppServices) -> PagerConfig:
    """The pager's configuration; of an application without a pager the plain one."""
    return services.pager.config if services.pager is not None else PagerConfig()


def zone_of(services: AppServices) -> ZoneInfo:
    """The hospital's."""
    return ZoneInfo(services.config.time_zone)


def to_people(config: PagerConfig) -> dict[str, str]:
    """Channels that reach people, by name, with their kind."""
    return {each.name: each.kind for each in config.channel if each.to_people}


@router.get("/on-call", summary="Who is on call now")
def on_call(request: Request, _person: Reader) -> list[OnCallAnswer]:
    """Each level, with telephone numbers; nobody in a hole."""
    services = web_of(request).services
    now = services.clock()
    with services.pool.connection() as connection:
        schedule = read_schedule(connection, config_of(services), zone_of(services), now, since=now)
    return [_on_call(each.level, each.person, each.until) for each in schedule.now]


def _on_call(level: int, person: Person | None, until: datetime | None) -> OnCallAnswer:
    return OnCallAnswer(
        level=level,
        username=person.username if person else None,
        display_name=person.display_name if person else None,
        phones=list(person.phones) if person else [],
        until=until,
    )


@router.get("/schedule", summary="Shifts, holes included")
def schedule_of(
    request: Request,
    _person: Reader,
    since: Annotated[AwareDatetime | None, Query(description="From; now if left out")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Two weeks later if left out")] = None,
) -> list[ShiftAnswer]:
    """All three levels, in order; at most a year."""
    services = web_of(request).services
    now = services.clock()
    start = since or now
    end = min(until or start + _SHOWN, start + timedelta(days=366))
    with services.pool.connection() as connection:
        rota = read_schedule(connection, config_of(services), zone_of(services), now, since=start).rota
    return [_shift(shift) for level in (1, 2, 3) for shift in (rota.shifts(level, start, end) if end > start else [])]


def _shift(shift: Shift) -> ShiftAnswer:
    return ShiftAnswer(
        level=shift.level,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        username=shift.username,
        source=shift.source,
        why=shift.why,
    )


@router.post("/overrides", status_code=201, summary="Somebody else is on call for a while")
def make_override(request: Request, person: Keeper, body: OverrideBody) -> Made:
    """Counts before every layer; the one made last before others."""
    services = web_of(request).services
    writer = Writer(person.username, services.clock())
    new = NewOverride(body.level, body.username, body.starts_at, body.ends_at, body.reason)
    with services.pool.connection() as connection, pager_refusals():
        known = list(read_known(connection))
        made = add_override(connection, new, known, writer)
        audit(connection, person.username, "rota_override", body.username, reason=body.reason)
    return Made(id=made)


def read_known(connection: Any) -> list[str]:  # noqa: ANN401 - a connection of the pool
    """Accounts in use."""
    return [row[0] for row in connection.execute("SELECT username FROM login_account WHERE disabled_at IS NULL")]


@router.delete("/overrides/{override_id}", status_code=204, summary="Back to what the layers say")
def drop_override(request: Request, person: Keeper, override_id: UUID) -> Response:
    """What was so until now stays in the records."""
    services = web_of(request).services
    with services.pool.connection() as connection, pager_refusals():
        remove_override(connection, override_id, Writer(person.username, services.clock()))
        audit(connection, person.username, "rota_override_removed", str(override_id))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/contacts", status_code=201, summary="Add a way to reach somebody")
def make_contact(request: Request, person: Keeper, body: ContactBody) -> Made:
    """A contact of the same rank moves down."""
    services = web_of(request).services
    config = config_of(services)
    new = NewContact(body.username, body.channel, body.address, body.rank)
    with services.pool.connection() as connection, pager_refusals():
        made = add_contact(connection, new, to_people(config), config.country_code, services.clock())
        audit(connection, person.username, "pager_contact_added", body.username, channel=body.channel)
    return Made(id=made)


@router.delete("/contacts/{contact_id}", status_code=204, summary="Use a contact no more")
def drop_contact(request: Request, person: Keeper, contact_id: UUID) -> Response:
    """What was sent there keeps its record."""
    services = web_of(request).services
    with services.pool.connection() as connection, pager_refusals():
        gone = remove_contact(connection, contact_id, services.clock())
        audit(connection, person.username, "pager_contact_removed", gone.username, channel=gone.channel)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/channels", summary="How each channel is")
def channels(request: Request, _person: Reader) -> list[ChannelAnswer]:
    """Those that are configured."""
    return read_channels(web_of(request).services)


def read_channels(services: AppServices) -> list[ChannelAnswer]:
    """Configured channels with their state."""
    config = config_of(services)
    kinds = {"log": ("log", "none")}
    if getattr(services.config, "webhook_url", ""):
        kinds["webhook"] = ("webhook", "none")
    kinds |= {each.name: (each.kind, each.receipt) for each in config.channel}
    if config.relay is not None:
        kinds[config.relay.name] = ("relay", "delivered")
    with services.pool.connection() as connection:
        states = channel_states(connection)
        rows = connection.execute(
            "SELECT channel, count(*) FROM page WHERE delivered_at IS NULL AND withdrawn_at IS NULL GROUP BY 1"
        )
        waiting: dict[str, int] = dict(rows.fetchall())
    found = []
    for name, (kind, receipt) in kinds.items():
        state = states.get(name)
        found.append(
            ChannelAnswer(
                channel=name,
                kind=kind,
                receipt=receipt,
                state=state.state if state else "unknown",
                state_since=state.state_since if state else None,
                detail=state.detail if state else "",
                last_taken_at=state.last_taken_at if state else None,
                last_receipt_at=state.last_receipt_at if state else None,
                last_error=state.last_error if state else "",
                waiting=int(waiting.get(name, 0)),
            )
        )
    return found


@router.post("/channels/{name}/test", status_code=202, summary="Send a test by a channel")
def test_channel(request: Request, person: Keeper, name: str) -> MessagesWritten:
    """To the asker's own contacts there; a channel without people gets it itself. How many messages were written."""
    return MessagesWritten(written=send_test(web_of(request).services, person.username, name))


def send_test(services: AppServices, username: str, name: str) -> int:
    """Write a test message, or sound the siren.

    Raises:
        Problem: 404, there is no such channel.
    """
    config, now = config_of(services), services.clock()
    if config.relay is not None and name == config.relay.name:
        if services.pager is not None and services.pager.siren is not None:
            services.pager.siren.pulse()
        return 1
    if name not in {each.channel for each in read_channels(services)}:
        raise not_found(N_("There is no such channel."))
    with services.pool.connection() as connection:
        at = now.astimezone(zone_of(services))
        written = write_trial(connection, name, username, has_people=name in to_people(config), at=at)
        audit(connection, username, "pager_channel_tested", name)
    return written


@router.get("/drills", summary="Drills")
def list_drills(request: Request, _person: Reader) -> list[DrillAnswer]:
    """The latest twenty, newest first."""
    with web_of(request).services.pool.connection() as connection:
        return [say_drill(each) for each in drilling.drills(connection)]


@router.post("/drills", status_code=201, summary="Begin a drill")
def begin_drill(request: Request, person: Keeper) -> DrillAnswer:
    """Whoever is on call gets a page marked as a drill, and must answer it."""
    return say_drill(start(web_of(request).services, person.username))


def start(services: AppServices, username: str) -> drilling.Drill:
    """Begin one.

    Raises:
        Problem: 409, one is running.
    """
    with services.pool.connection() as connection, pager_refusals():
        drill_id = drilling.start_drill(connection, username, services.clock())
        audit(connection, username, "drill_started", str(drill_id))
        made = drilling.drill_of(connection, drill_id)
    if services.pager is not None:
        services.pager.wake()
    if made is None:  # written above
        raise not_found(N_("There is no such drill."))
    return made


def say_drill(drill: drilling.Drill) -> DrillAnswer:
    """For programs."""
    return DrillAnswer.model_validate({**vars(drill), "seconds": drill.seconds()})
