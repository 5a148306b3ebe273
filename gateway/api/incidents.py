"""The API of incidents: what is wrong, what was done; acknowledge, pass on, shelve, out of service, figures."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from gateway.alarms import incidents
from gateway.alarms.errors import IncidentRefusedError
from gateway.alarms.incident_facts import IncidentFacts, incident_facts
from gateway.alarms.limits import DEFAULTS, load_limits, set_limit
from gateway.api.access import RolesRequired
from gateway.api.problems import Problem, not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import Web, web_of
from gateway.pager.escalation import pass_on
from gateway.pages.incident_words import REFUSALS, REFUSED
from gateway.pages.translations import N_
from gateway.services import reads_incidents as reads
from gateway.services.accounts import audit
from gateway.services.app_services import DbConnection
from gateway.services.live_events import publish
from gateway.services.roles import ALARM_ROLES, COLD_CHAIN_ROLES, Role
from gateway.services.sessions import SignedIn

LIMIT_ROLES: Final = frozenset({Role.ADMIN, Role.PHARMACIST})
"""Who may change by which figures conditions are judged."""
Reader = Annotated[SignedIn, Depends(RolesRequired(COLD_CHAIN_ROLES))]
Answerer = Annotated[SignedIn, Depends(RolesRequired(ALARM_ROLES))]
LimitKeeper = Annotated[SignedIn, Depends(RolesRequired(LIMIT_ROLES))]
Comment = Annotated[str, Field(max_length=incidents.COMMENT_LENGTH_MAX)]
router: Final = APIRouter(prefix=PREFIX, tags=["cold chain"])


class IncidentDetail(BaseModel):
    """One incident with all that is known of it."""

    state: incidents.State
    needs_hands_now: bool
    incident: IncidentFacts
    stock: list[reads.StockLine]
    journal: list[reads.JournalLine]


class Acknowledging(BaseModel):
    """What was found or done: obligatory."""

    comment: Comment


class Shelving(BaseModel):
    """For how long nothing more is paged, and why."""

    minutes: Annotated[int, Field(ge=1, le=14 * 24 * 60)]
    reason: Comment


class TakingOut(BaseModel):
    """A place or a device that is being worked on."""

    subject: Annotated[str, Field(max_length=100, examples=["place:fridge-1", "device:12"])]
    until: AwareDatetime
    reason: Comment


class Figure(BaseModel):
    """One figure by which conditions are judged."""

    kind: str
    name: str
    value: float
    """Built in."""
    least: float
    most: float
    source: str
    changed: dict[str, float]
    """By scope: '*', 'place:…' or 'device:…'."""


class NewFigure(BaseModel):
    """A changed figure; without a value, the change is taken back."""

    scope: Annotated[str, Field(pattern=r"\A(\*|place:[a-z0-9-]{1,63}|device:[0-9]{1,9})\z")] = "*"
    value: float | None
    source: Annotated[str, Field(min_length=1, max_length=300)]


@router.get("/incidents", summary="Incidents")
def incident_list(
    request: Request,
    _: Reader,
    only_open: bool = False,
    place_id: Annotated[str | None, Query(max_length=63)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[reads.IncidentLine]:
    """One for each fridge, outage or instrument; newest first, or the open ones in the order to look at them."""
    with web_of(request).services.pool.connection() as connection:
        if only_open:
            found = reads.open_incidents(connection)
            return [line for line in found if place_id is None or line.place_id == place_id]
        return reads.latest_incidents(connection, limit, place_id)


@router.get("/incidents/{incident_id}", summary="One incident")
def incident(request: Request, _: Reader, incident_id: UUID) -> IncidentDetail:
    """Its conditions, the goods that stand there now, its journal."""
    with web_of(request).services.pool.connection() as connection:
        return detail(connection, incident_id)


@router.post("/incidents/{incident_id}/acknowledge", summary="Acknowledge an incident")
def acknowledge(request: Request, person: Answerer, incident_id: UUID, body: Acknowledging) -> IncidentDetail:
    """The first who does so stays; a later comment is kept in the journal."""
    return act_acknowledge(request, person, incident_id, body.comment, "api")


@router.post("/incidents/{incident_id}/shelve", summary="Shelve an incident")
def shelve(request: Request, person: Answerer, incident_id: UUID, body: Shelving) -> IncidentDetail:
    """Ends by itself; what becomes worse is paged all the same."""
    return act_shelve(request, person, incident_id, minutes=body.minutes, reason=body.reason, channel="api")


@router.post("/incidents/{incident_id}/unshelve", summary="End the shelving before its time")
def unshelve(request: Request, person: Answerer, incident_id: UUID) -> IncidentDetail:
    """What is still so is paged again."""
    return act_unshelve(request, person, incident_id, "api")


@router.post("/incidents/{incident_id}/escalate", summary="Ask the next person now")
def escalate(request: Request, person: Answerer, incident_id: UUID) -> IncidentDetail:
    """The next step of the chain is taken at once."""
    return act_escalate(request, person, incident_id, "api")


@router.get("/out-of-service", summary="What is out of service")
def out_of_service(request: Request, _: Reader) -> list[reads.OutOfService]:
    """Nothing about it is paged until its end."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        return reads.out_of_service(connection, web.services.clock())


@router.post("/out-of-service", summary="Take a place or a device out of service")
def take_out(request: Request, person: Answerer, body: TakingOut) -> list[reads.OutOfService]:
    """Always with an end."""
    act_take_out(request, person, body.subject, until=body.until, reason=body.reason)
    return out_of_service(request, person)


@router.post("/out-of-service/{subject}/end", summary="Put it back in service")
def back(request: Request, person: Answerer, subject: Annotated[str, Path(max_length=100)]) -> list[reads.OutOfService]:
    """What is still so is paged."""
    act_back(request, person, subject)
    return out_of_service(request, person)


@router.get("/condition-limits", summary="Figures by which conditions are judged")
def figures(request: Request, _: Reader) -> list[Figure]:
    """Built-in ones with their source and range, and what was changed."""
    with web_of(request).services.pool.connection() as connection:
        changed = load_limits(connection).changed
    return [
        Figure(
            kind=kind,
            name=name,
            value=limit.value,
            least=limit.least,
            most=limit.most,
            source=limit.source,
            changed={scope: value for (k, scope, n), value in changed.items() if (k, n) == (kind, name)},
        )
        for kind, limits in DEFAULTS.items()
        for name, limit in limits.items()
    ]


@router.put("/condition-limits/{kind}/{name}", summary="Change a figure")
def change_figure(
    request: Request,
    person: LimitKeeper,
    kind: Annotated[str, Path(max_length=40)],
    name: Annotated[str, Path(max_length=40)],
    body: NewFigure,
) -> list[Figure]:
    """Of the hospital, a place or a device; audited."""
    with acting(request) as (connection, web):
        now = web.services.clock()
        set_limit(*(connection, kind, body.scope, name, body.value), by=person.username, source=body.source, at=now)
        told = "" if body.value is None else f"{body.value:g}"
        audit(connection, person.username, "condition_limit_changed", f"{kind}.{name} {body.scope}", comment=told)
    return figures(request, person)


def detail(connection: DbConnection, incident_id: UUID) -> IncidentDetail:
    """All that is known of one.

    Raises:
        Problem: there is none of this id.
    """
    facts = incident_facts(connection, incident_id)
    line = reads.find_line(connection, incident_id)
    if facts is None or line is None:
        raise not_found(N_("There is no such incident."))
    stock = reads.stock_there(connection, facts.place_id) if facts.place_id is not None else []
    journal = reads.journal_of(connection, incident_id)
    return IncidentDetail(
        state=line.state, needs_hands_now=facts.needs_hands_now, incident=facts, stock=stock, journal=journal
    )


@contextmanager
def acting(request: Request) -> Iterator[tuple[DbConnection, Web]]:
    """One transaction of somebody's act; what is refused is told in the reader's language."""
    web = web_of(request)
    try:
        with web.services.pool.connection() as connection:
            yield connection, web
    except IncidentRefusedError as error:
        raise problem_of(error) from None


def problem_of(error: IncidentRefusedError) -> Problem:
    """What is refused and what mends it."""
    statuses = {"incident_not_found": HTTPStatus.NOT_FOUND, "incident_over": HTTPStatus.CONFLICT}
    status = statuses.get(error.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Problem(status, error.code, REFUSED, REFUSALS[error.code], values=dict(error.values))


def act_acknowledge(
    request: Request, person: SignedIn, incident_id: UUID, comment: str, channel: str
) -> IncidentDetail:
    """Answer it, from the page or the API alike."""
    with acting(request) as (connection, web):
        now = web.services.clock()
        answered = incidents.acknowledge(connection, incident_id, person.username, comment, channel=channel, now=now)
        audit(connection, person.username, "incident_acknowledged", str(incident_id), comment=comment.strip())
        publish(connection, answered.live)
        return detail(connection, incident_id)


def act_shelve(
    request: Request, person: SignedIn, incident_id: UUID, *, minutes: int, reason: str, channel: str
) -> IncidentDetail:
    """Shelve it, from the page or the API alike."""
    with acting(request) as (connection, web):
        now = web.services.clock()
        until = now + timedelta(minutes=minutes)
        answered = incidents.shelve(
            connection, incident_id, person.username, reason, channel=channel, until=until, now=now
        )
        audit(connection, person.username, "incident_shelved", str(incident_id), comment=reason.strip())
        publish(connection, answered.live)
        return detail(connection, incident_id)


def act_unshelve(request: Request, person: SignedIn, incident_id: UUID, channel: str) -> IncidentDetail:
    """End its shelving."""
    with acting(request) as (connection, web):
        now = web.services.clock()
        answered = incidents.unshelve(connection, incident_id, person.username, channel=channel, now=now)
        audit(connection, person.username, "incident_unshelved", str(incident_id))
        publish(connection, answered.live)
        return detail(connection, incident_id)


def act_escalate(request: Request, person: SignedIn, incident_id: UUID, channel: str) -> IncidentDetail:
    """Ask the next person now."""
    with acting(request) as (connection, web):
        now = web.services.clock()
        found = detail(connection, incident_id)
        if not pass_on(connection, incident_id, person.username, channel=channel, now=now):
            raise Problem(
                HTTPStatus.CONFLICT,
                "not_being_paged",
                REFUSED,
                N_("Nobody is being paged for this now: it is answered, silenced or over."),
            )
        audit(connection, person.username, "incident_escalated", str(incident_id))
        return found.model_copy(update={"journal": reads.journal_of(connection, incident_id)})


def act_take_out(request: Request, person: SignedIn, subject: str, *, until: datetime, reason: str) -> None:
    """Take it out of service."""
    with acting(request) as (connection, web):
        now = web.services.clock()
        live = incidents.take_out_of_service(connection, subject, person.username, reason, until=until, now=now)
        audit(connection, person.username, "taken_out_of_service", subject, comment=reason.strip())
        publish(connection, live)


def act_back(request: Request, person: SignedIn, subject: str) -> None:
    """Put it back in service."""
    with acting(request) as (connection, web):
        live = incidents.back_in_service(connection, subject, person.username, web.services.clock())
        audit(connection, person.username, "put_back_in_service", subject)
        publish(connection, live)
