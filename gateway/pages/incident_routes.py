"""The pages of incidents: a list, and one for a phone at night; both work without scripts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.alarms import incidents
from gateway.alarms.incident_facts import AlarmFacts, IncidentFacts, incident_facts
from gateway.alarms.incident_life import figures_kind
from gateway.alarms.limits import load_limits
from gateway.api import incidents as api
from gateway.api.access import PUBLIC, RolesRequired
from gateway.api.problems import not_found
from gateway.api.web import Web, person_of, web_of
from gateway.pager import receipts
from gateway.pager.kind_words import words_of
from gateway.pager.people import people
from gateway.pager.schedule import read_rota
from gateway.pages import incident_words as words
from gateway.pages.sign_in_routes import local_path
from gateway.pages.sparkline import Sparkline, draw
from gateway.pages.speech import Speech
from gateway.pages.translations import N_
from gateway.services import reads_incidents as reads
from gateway.services import reads_on_call
from gateway.services.app_services import DbConnection
from gateway.services.roles import ALARM_ROLES, COLD_CHAIN_ROLES
from gateway.services.sessions import SignedIn

_PREFIX: Final = "/on-call/incidents"
router: Final = APIRouter(include_in_schema=False)
_LATEST: Final = 100
_STOCK_SHOWN: Final = 12
_LEVELS: Final = (1, 2, 3)
LINK_READS_FOR: Final = timedelta(minutes=15)
"""A page's link shows the incident without signing in for so long after it was first opened."""
LINK_OPENS_FOR: Final = timedelta(days=1)
"""It can be opened first within so long after the page was sent."""
Reader = Annotated[SignedIn, Depends(RolesRequired(COLD_CHAIN_ROLES))]
Text = Annotated[str, Form(max_length=incidents.COMMENT_LENGTH_MAX)]


@dataclass(frozen=True)
class OnCall:
    """Somebody to call."""

    level: int
    name: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class StockSum:
    """What stands there, in short."""

    lines: list[reads.StockLine]
    products: int
    lots: int
    value_vnd: int
    unpriced: int
    """Lots that nobody entered a price of."""


@router.get(_PREFIX)
def incident_list(request: Request, _: Reader) -> HTMLResponse:
    """What is open, in the order to look at it, and the latest that are over."""
    web = web_of(request)
    now = web.services.clock()
    with web.services.pool.connection() as connection:
        values = {
            "open": reads.open_incidents(connection),
            "over": reads.latest_incidents(connection, _LATEST, only_over=True),
            "out_of_service": reads.out_of_service(connection, now),
        }
    return web.page(request, "incident_list.html", {**values, **_words(), "now": now})


@router.get(_PREFIX + "/{incident_id}")
def incident_page(request: Request, _: Reader, incident_id: UUID) -> HTMLResponse:
    """One incident: value, limit, since when, cause, what to do, whom to call, what stands there."""
    return _page(request, incident_id, may_answer=True)


@router.get("/i/{number}", dependencies=[Depends(PUBLIC)])
def by_link(request: Request, number: int, r: Annotated[str, Query(max_length=64)] = "") -> Response:
    """A page's short link. Whoever is signed in is led to the incident; who is not reads it for a while.

    The token is the page's own: it proves that the page was received, and opens this incident alone.
    """
    web = web_of(request)
    now = web.services.clock()
    with web.services.pool.connection() as connection:
        incident_id, may_read = _of_token(connection, r, now)
        if incident_id is not None:
            receipts.opened(connection, r, now)
        else:
            incident_id = reads.open_by_number(connection, number)
    person = person_of(request)
    if person is None and not may_read:
        return RedirectResponse(web.sign_in_path(request), 303)
    if incident_id is None:
        return RedirectResponse(_PREFIX, 303)
    if person is not None:
        return RedirectResponse(f"{_PREFIX}/{incident_id}", 303)
    return _page(request, incident_id, may_answer=False)


@router.post(_PREFIX + "/{incident_id}/acknowledge")
def acknowledge(  # noqa: PLR0917 - a form's fields
    request: Request, person: api.Answerer, incident_id: UUID, comment: Text = "", chip: Text = "", then: Text = ""
) -> Response:
    """By a tap on a ready comment, or with words of one's own."""
    said = ". ".join(part for part in (chip.strip(), comment.strip()) if part)
    api.act_acknowledge(request, person, incident_id, said, "page")
    return RedirectResponse(local_path(then), 303) if then else _back(incident_id)


@router.post(_PREFIX + "/{incident_id}/escalate")
def escalate(request: Request, person: api.Answerer, incident_id: UUID) -> Response:
    """Ask the next person now."""
    api.act_escalate(request, person, incident_id, "page")
    return _back(incident_id)


@router.post(_PREFIX + "/{incident_id}/shelve")
def shelve(
    request: Request,
    person: api.Answerer,
    incident_id: UUID,
    minutes: Annotated[int, Form(ge=1, le=14 * 24 * 60)],
    reason: Text = "",
) -> Response:
    """Nothing more is paged for a while."""
    api.act_shelve(request, person, incident_id, minutes=minutes, reason=reason, channel="page")
    return _back(incident_id)


@router.post(_PREFIX + "/{incident_id}/unshelve")
def unshelve(request: Request, person: api.Answerer, incident_id: UUID) -> Response:
    """Before its time."""
    api.act_unshelve(request, person, incident_id, "page")
    return _back(incident_id)


@router.post(_PREFIX + "/{incident_id}/out-of-service")
def take_out(
    request: Request,
    person: api.Answerer,
    incident_id: UUID,
    hours: Annotated[int, Form(ge=1, le=24 * 30)],
    reason: Text = "",
) -> Response:
    """Somebody works on the place of this incident."""
    web = web_of(request)
    until = web.services.clock() + timedelta(hours=hours)
    api.act_take_out(request, person, _place_of(web, incident_id), until=until, reason=reason)
    return _back(incident_id)


@router.post(_PREFIX + "/{incident_id}/in-service")
def put_back(request: Request, person: api.Answerer, incident_id: UUID) -> Response:
    """The work is done."""
    api.act_back(request, person, _place_of(web_of(request), incident_id))
    return _back(incident_id)


def _place_of(web: Web, incident_id: UUID) -> str:
    with web.services.pool.connection() as connection:
        row = connection.execute("SELECT place_id FROM incident WHERE incident_id = %s", (incident_id,)).fetchone()
    if row is None or row[0] is None:
        raise not_found(N_("There is no such incident."))
    return f"place:{row[0]}"


def _back(incident_id: UUID) -> Response:
    return RedirectResponse(f"{_PREFIX}/{incident_id}", 303)


def _of_token(connection: DbConnection, token: str, now: datetime) -> tuple[UUID | None, bool]:
    """The incident of a page's token, and whether it may still be read without signing in."""
    if not token:
        return None, False
    row = connection.execute(
        "SELECT incident_id, coalesce(delivered_at, created_at), read_at FROM page WHERE receipt_token = %s", (token,)
    ).fetchone()
    if row is None or row[0] is None:
        return None, False
    incident_id, sent_at, read_at = row
    may_read = now - sent_at <= LINK_OPENS_FOR if read_at is None else now - read_at <= LINK_READS_FOR
    return incident_id, may_read


def _words() -> Mapping[str, Any]:
    return {
        "states": words.STATES,
        "severities": words.SEVERITIES,
        "causes": words.CAUSES,
        "words_of": words_of,
        "address": _PREFIX,
    }


def _page(request: Request, incident_id: UUID, *, may_answer: bool) -> HTMLResponse:
    web = web_of(request)
    now = web.services.clock()
    person = person_of(request)
    with web.services.pool.connection() as connection:
        facts, line = incident_facts(connection, incident_id), reads.find_line(connection, incident_id)
        if facts is None or line is None:
            raise not_found(N_("There is no such incident."))
        journal = reads.journal_of(connection, incident_id)
        limits = load_limits(connection)
        figures = figures_kind(facts.severity, [alarm.kind for alarm in facts.alarms])
        shelve_most_s = limits.of(figures, "shelve_most_s", place_id=facts.place_id)
        values = {
            "one": facts,
            "line": line,
            "lead": facts.leading,
            "journal": journal,
            "evidence": _evidence(web.speech(request), journal),
            "stock": _stock(connection, facts),
            "callables": _callables(web, connection, now),
            "spark": _spark(connection, facts, now),
            "device_names": {alarm.alarm_id: _name(alarm) for alarm in facts.alarms},
        }
    return web.page(
        request,
        "incident.html",
        {
            **values,
            **_words(),
            "may_answer": may_answer and person is not None and person.may(*ALARM_ROLES),
            "sign_in": web.sign_in_path(request),
            "step": words_of(facts.leading.kind),
            "valid_until": date.fromisoformat(facts.leading.facts["valid_until"])
            if "valid_until" in facts.leading.facts
            else None,
            "chips": words.CHIPS,
            "shelve_minutes": [each for each in words.SHELVE_MINUTES if each * 60 <= shelve_most_s],
            "evidence_words": words.EVIDENCE,
            "journal_words": words.JOURNAL,
            "end_reasons": words.END_REASONS,
            "doubts": words.DOUBTS,
            "occasions": words.OCCASIONS,
            "channels": words.CHANNELS,
            "levels": words.LEVELS,
            "now": now,
        },
    )


def _evidence(speech: Speech, journal: list[reads.JournalLine]) -> dict[str, Any]:
    """What shows the cause, numbers as the language writes them."""
    found = next((entry.facts for entry in reversed(journal) if entry.what == "cause"), {})
    return {name: speech.decimal(value) if isinstance(value, float) else value for name, value in found.items()}


def _stock(connection: DbConnection, facts: IncidentFacts) -> StockSum:
    lines = reads.stock_there(connection, facts.place_id) if facts.place_id is not None else []
    products = {(line.product_name_vi, line.product_name_en) for line in lines}
    return StockSum(
        lines[:_STOCK_SHOWN],
        len(products),
        len(lines),
        sum(line.value_vnd or 0 for line in lines),
        sum(line.value_vnd is None for line in lines),
    )


def _callables(web: Web, connection: DbConnection, now: datetime) -> list[OnCall]:
    """Who is on call, with numbers to call: each person once, at the first level."""
    everybody = people(connection)
    zone = ZoneInfo(web.services.config.time_zone)
    rota = read_rota(connection, zone, None, now - timedelta(days=1))
    found: dict[str, OnCall] = {}
    for level in _LEVELS:
        username = rota.who(level, now)
        person = everybody.get(username) if username is not None else None
        if person is not None and person.username not in found:
            found[person.username] = OnCall(level, person.display_name, person.phones)
    if not any(each.phones for each in found.values()):
        # A hole in the schedule, or nobody's number: then everybody who answers alarms and can be called.
        others = [each for each in everybody.values() if "on_call" in each.roles and each.username not in found]
        found |= {each.username: OnCall(0, each.display_name, each.phones) for each in others if each.phones}
    return list(found.values())


def _spark(connection: DbConnection, facts: IncidentFacts, now: datetime) -> Sparkline | None:
    key = next((alarm.device_key for alarm in facts.alarms if alarm.limit_celsius is not None), None)
    if key is None:
        return None
    until = now if facts.returned_at is None else min(now, facts.returned_at + timedelta(hours=1))
    span, points = reads_on_call.trend(connection, [key], until)
    high, low = _limit(facts, "temperature_high", min), _limit(facts, "temperature_low", max)
    return draw(points, low, high, span, until) if points else None


def _limit(facts: IncidentFacts, kind: str, nearest: Any) -> float | None:  # noqa: ANN401 - min or max
    values = [alarm.limit_celsius for alarm in facts.alarms if alarm.kind == kind and alarm.limit_celsius is not None]
    return nearest(values, default=None)  # type: ignore[no-any-return] # of floats


def _name(alarm: AlarmFacts) -> str:
    return alarm.device.rpartition("/")[2] if alarm.device else alarm.subject
