"""The pages of the schedule, the channels and the drills; every form works without scripts."""

import uuid
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.pager import (
    Keeper,
    Reader,
    config_of,
    pager_refusals,
    read_channels,
    read_known,
    send_test,
    start,
    to_people,
    zone_of,
)
from gateway.api.web import Web, person_of, web_of
from gateway.pager import drill as drilling
from gateway.pager.errors import PagerError
from gateway.pager.people import PHONE, NewContact, add_contact, remove_contact, set_quiet_hours
from gateway.pager.rota import Layer
from gateway.pager.schedule import (
    NewOverride,
    Swap,
    Writer,
    add_layer,
    add_override,
    latest_notes,
    remove_layer,
    remove_override,
    set_holiday,
    swap,
    write_note,
)
from gateway.pager.week import monday_of, read_schedule, shifts_to_swap, week_days
from gateway.pages import pager_words as words
from gateway.pages.typed_day import typed_day
from gateway.services.accounts import audit
from gateway.services.roles import DEVICE_ROLES

router: Final = APIRouter(prefix="/on-call", include_in_schema=False)
_ROTA: Final = "/on-call/rota"
_CHANNELS: Final = "/on-call/channels"
_DRILLS: Final = "/on-call/drills"
Short = Annotated[str, Form(max_length=200)]
Long = Annotated[str, Form(max_length=2000)]


@router.get("/rota")
def rota_page(request: Request, _person: Reader, since: str = "") -> HTMLResponse:
    """Who is on call now, one week, and what can be changed."""
    web = web_of(request)
    services = web.services
    now, zone, config = services.clock(), zone_of(services), config_of(services)
    first = monday_of(typed_day(since) or now.astimezone(zone).date())
    start_at = datetime.combine(first, time(), tzinfo=zone)
    with services.pool.connection() as connection:
        schedule = read_schedule(connection, config, zone, now, since=start_at)
        notes = latest_notes(connection)
    people = schedule.everybody
    values = {
        "tab": _ROTA,
        "schedule": schedule,
        "days": week_days(schedule.rota, first, zone),
        "staffed": {layer.level for layer in schedule.rota.layers},
        "first": first,
        "earlier": first - timedelta(days=7),
        "later": first + timedelta(days=7),
        "today": now.astimezone(zone).date(),
        "swappable": shifts_to_swap(schedule.rota, now, zone),
        "notes": notes,
        "names": {username: person.display_name for username, person in people.items()},
        "channels": [PHONE, *to_people(config)],
        "may_change": _may_change(request),
    }
    return web.page(request, "pager_rota.html", {**_common(web), **values})


def _may_change(request: Request) -> bool:
    person = person_of(request)
    return person is not None and person.may(*DEVICE_ROLES)


def _common(web: Web) -> dict[str, Any]:
    return {
        "levels": words.LEVELS,
        "weekdays": words.WEEKDAYS,
        "holiday_words": words.HOLIDAYS,
        "sources": words.SOURCES,
        "hole_why": words.HOLE_WHY,
        "now": web.services.clock(),
    }


def _writer(request: Request, person: Keeper) -> Writer:
    return Writer(person.username, web_of(request).services.clock())


def _moment(request: Request, day: str, at: str) -> datetime:
    """A typed day and time, local."""
    found = typed_day(day)
    if found is None:
        raise PagerError("bad_time", f"{day!r}: expected a day such as 31/12/2026")
    return datetime.combine(found, _clock(at), tzinfo=zone_of(web_of(request).services))


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text.strip().replace("h", ":"))
    except ValueError:
        raise PagerError("bad_time", f"{text!r}: expected a time such as 07:30") from None


def _back(to: str, anchor: str = "") -> Response:
    return RedirectResponse(f"{to}{anchor}", HTTPStatus.SEE_OTHER)


@router.post("/rota/overrides")
def make_override(
    request: Request,
    person: Keeper,
    *,
    username: Short,
    from_day: Short,
    from_time: Short,
    to_day: Short,
    to_time: Short,
    reason: Long,
    level: Annotated[int, Form(ge=1, le=3)] = 1,
) -> Response:
    """Somebody instead of whoever the schedule says."""
    with web_of(request).services.pool.connection() as connection, pager_refusals():
        span = (_moment(request, from_day, from_time), _moment(request, to_day, to_time))
        new = NewOverride(level, username, *span, reason)
        add_override(connection, new, read_known(connection), _writer(request, person))
        audit(connection, person.username, "rota_override", username, reason=reason)
    return _back(_ROTA, "#changes")


@router.post("/rota/overrides/{override_id}/remove")
def drop_override(request: Request, person: Keeper, override_id: UUID) -> Response:
    """Back to what the layers say."""
    with web_of(request).services.pool.connection() as connection, pager_refusals():
        remove_override(connection, override_id, _writer(request, person))
        audit(connection, person.username, "rota_override_removed", str(override_id))
    return _back(_ROTA, "#changes")


@router.post("/rota/swaps")
def make_swap(request: Request, person: Keeper, first: Short, second: Short, reason: Long) -> Response:
    """Two people exchange two shifts."""
    services = web_of(request).services
    writer = _writer(request, person)
    with services.pool.connection() as connection, pager_refusals():
        rota = read_schedule(connection, config_of(services), zone_of(services), writer.now, since=writer.now).rota
        wanted = Swap(1, _span(first), _span(second), reason)
        swap(connection, rota, wanted, read_known(connection), writer)
        audit(connection, person.username, "rota_swap", "", reason=reason, first=first, second=second)
    return _back(_ROTA, "#changes")


def _span(text: str) -> tuple[datetime, datetime]:
    """As the page's choices have it: two instants."""
    try:
        start, end = (datetime.fromisoformat(part) for part in text.split("/", 1))
    except ValueError:
        raise PagerError("nothing_to_swap", f"{text!r}: expected two instants") from None
    if start.tzinfo is None or end.tzinfo is None:
        raise PagerError("nothing_to_swap", f"{text!r}: expected instants with their zone")
    return start, end


@router.post("/rota/notes")
def make_note(request: Request, person: Keeper, note: Long) -> Response:
    """For whoever comes next."""
    with web_of(request).services.pool.connection() as connection, pager_refusals():
        write_note(connection, note, _writer(request, person))
    return _back(_ROTA, "#notes")


@router.post("/rota/layers")
def make_layer(
    request: Request,
    person: Keeper,
    *,
    name: Short,
    members: Long,
    first_day: Short,
    hand_over_at: Short = "08:00",
    level: Annotated[int, Form(ge=1, le=3)] = 1,
    turn_days: Annotated[int, Form(ge=1, le=56)] = 7,
    weekdays: Annotated[list[int] | None, Form()] = None,
    holidays: Annotated[str, Form(pattern="^(as_usual|only|never)$")] = "as_usual",
    from_time: Short = "",
    to_time: Short = "",
    priority: Annotated[int, Form(ge=0, le=99)] = 0,
) -> Response:
    """People who take turns; their user names in the order of their turns, one a line."""
    with web_of(request).services.pool.connection() as connection, pager_refusals():
        day = typed_day(first_day)
        if day is None:
            raise PagerError("bad_time", f"{first_day!r}: expected a day such as 31/12/2026")
        try:
            layer = Layer(
                layer_id=uuid.uuid4(),
                name=name.strip() or "-",
                level=level,
                members=tuple(members.replace(",", " ").split()),
                first_day=day,
                hand_over_at=_clock(hand_over_at),
                turn_days=turn_days,
                weekdays=frozenset(weekdays or range(1, 8)),
                holidays=holidays,  # type: ignore[arg-type]  # the form's pattern allows no other
                from_time=_clock(from_time) if from_time.strip() else None,
                to_time=_clock(to_time) if to_time.strip() else None,
                priority=priority,
            )
        except ValueError as error:
            raise PagerError("bad_layer", str(error), what=str(error)) from None
        add_layer(connection, layer, read_known(connection), _writer(request, person))
        audit(connection, person.username, "rota_layer_added", name)
    return _back(_ROTA, "#layers")


@router.post("/rota/layers/{layer_id}/remove")
def drop_layer(request: Request, person: Keeper, layer_id: UUID) -> Response:
    """Take it out of the schedule."""
    with web_of(request).services.pool.connection() as connection, pager_refusals():
        name = remove_layer(connection, layer_id, _writer(request, person))
        audit(connection, person.username, "rota_layer_removed", name)
    return _back(_ROTA, "#layers")


@router.post("/rota/holidays")
def make_holiday(request: Request, person: Keeper, day: Short, name: Short = "") -> Response:
    """A holiday; without a name it is none any more."""
    found: date | None = typed_day(day)
    with web_of(request).services.pool.connection() as connection, pager_refusals():
        if found is None:
            raise PagerError("bad_time", f"{day!r}: expected a day such as 31/12/2026")
        set_holiday(connection, found, name)
        audit(connection, person.username, "rota_holiday", found.isoformat(), name=name)
    return _back(_ROTA, "#holidays")


@router.post("/rota/contacts")
def make_contact(request: Request, person: Keeper, username: Short, channel: Short, address: Short) -> Response:
    """One more way to reach somebody."""
    services = web_of(request).services
    config = config_of(services)
    with services.pool.connection() as connection, pager_refusals():
        new = NewContact(username, channel, address)
        add_contact(connection, new, to_people(config), config.country_code, services.clock())
        audit(connection, person.username, "pager_contact_added", username, channel=channel)
    return _back(_ROTA, "#people")


@router.post("/rota/contacts/{contact_id}/remove")
def drop_contact(request: Request, person: Keeper, contact_id: UUID) -> Response:
    """Use it no more."""
    services = web_of(request).services
    with services.pool.connection() as connection, pager_refusals():
        gone = remove_contact(connection, contact_id, services.clock())
        audit(connection, person.username, "pager_contact_removed", gone.username, channel=gone.channel)
    return _back(_ROTA, "#people")


@router.post("/rota/quiet")
def quiet_hours(
    request: Request, person: Keeper, username: Short, quiet_from: Short = "", quiet_to: Short = ""
) -> Response:
    """When warnings wait; both empty: never."""
    with web_of(request).services.pool.connection() as connection, pager_refusals():
        if username not in read_known(connection):
            raise PagerError("no_such_person", f"there is no active account {username!r}", person=username)
        wanted = bool(quiet_from.strip() or quiet_to.strip())
        set_quiet_hours(connection, username, (_clock(quiet_from), _clock(quiet_to)) if wanted else None)
        audit(connection, person.username, "pager_quiet_hours", username, quiet_from=quiet_from, quiet_to=quiet_to)
    return _back(_ROTA, "#people")


@router.get("/channels")
def channels_page(request: Request, _person: Reader, tested: str = "", written: int = -1) -> HTMLResponse:
    """How each channel is, what proves it, and a test."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        watching = connection.execute(
            "SELECT watcher, last_seen_at, every_s FROM pager_watcher ORDER BY watcher"
        ).fetchall()
    values = {
        "tab": _CHANNELS,
        "channels": read_channels(web.services),
        "states": words.CHANNEL_STATES,
        "details": words.CHANNEL_DETAILS,
        "receipts": words.RECEIPTS,
        "watching": watching,
        "tested": tested,
        "written": written,
        "may_change": _may_change(request),
        "now": web.services.clock(),
    }
    return web.page(request, "pager_channels.html", values)


@router.post("/channels/{name}/test")
def test_channel(request: Request, person: Keeper, name: str) -> Response:
    """Send a test to the asker."""
    written = send_test(web_of(request).services, person.username, name)
    return _back(_CHANNELS, f"?tested={name}&written={written}")


@router.get("/drills")
def drills_page(request: Request, _person: Reader) -> HTMLResponse:
    """The latest drills with each step's time, and the weekly one."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        values = {
            "tab": _DRILLS,
            "drills": drilling.drills(connection),
            "weekly": drilling.weekly_drill(connection),
            "steps": {step: words.STEPS[step] for step in drilling.STEPS},
            "step_words": words.STEPS,
            "states": words.DRILL_STATES,
            "weekdays": words.WEEKDAYS,
            "by_schedule": drilling.SCHEDULE,
            "may_change": _may_change(request),
            "now": web.services.clock(),
        }
    return web.page(request, "pager_drills.html", values)


@router.post("/drills")
def begin_drill(request: Request, person: Keeper) -> Response:
    """Whoever is on call gets a page marked as a drill."""
    start(web_of(request).services, person.username)
    return _back(_DRILLS)


@router.post("/drills/weekly")
def weekly_drill(
    request: Request, person: Keeper, weekday: Annotated[int, Form(ge=0, le=7)], at_time: Short = "09:30"
) -> Response:
    """Each week at this time; weekday 0: no more."""
    services = web_of(request).services
    with services.pool.connection() as connection, pager_refusals():
        when = (weekday, _clock(at_time)) if weekday else None
        drilling.schedule_weekly(connection, when, person.username, services.clock())
        audit(connection, person.username, "drill_scheduled", str(weekday), at=at_time)
    return _back(_DRILLS)
