"""The pages of the issuing desk besides the live one: requests, cards, batches, blanks, lists, stations."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from gateway.api.access import RolesRequired
from gateway.api.card_acts import ACTS, PURPOSE, perform
from gateway.api.problems import detail_of, not_allowed, not_found
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, pdf, problem_of, refusals, zone_of
from gateway.db.pool import Connection
from gateway.issuing import batches, blanks, lifecycle, prints, requests, stations
from gateway.issuing.card_face import CardFace, render_faces
from gateway.issuing.card_number import read_card_number, spaced
from gateway.issuing.doer import Doer
from gateway.issuing.handing_over import receipts_of
from gateway.pages import card_words as words
from gateway.pages.people_kit import posted
from gateway.pages.translations import N_
from gateway.people.person import Patient, Reader
from gateway.services.hospital import read_hospital
from gateway.services.roles import CARD_DESK_ROLES, CARD_MAKING_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WarehouseError

router: Final = APIRouter(prefix="/cards", include_in_schema=False)
code_router: Final = APIRouter(include_in_schema=False)
Desk = Annotated[SignedIn, Depends(RolesRequired(CARD_DESK_ROLES))]
Maker = Annotated[SignedIn, Depends(RolesRequired(CARD_MAKING_ROLES))]
_FOUND_MAX: Final = 20
DONE: Final = {
    "ask": N_("The request is saved."),
    "cancel": N_("The request is cancelled."),
    "personalise": N_("Put a blank card on the reader."),
    "put-off": N_("The station looks at cards again."),
    "spoiled": N_("The chip is put aside; the request waits for another."),
    "wipe": N_("The card is blank again."),
    "print": N_("The printing is ordered. Open the file and print it at its actual size."),
    "hand-over": N_("The card is handed over and is accepted everywhere."),
    "take-back": N_("The card is at the desk again and is not accepted until it is handed over."),
    "report": N_("It is written down. Every desk knows within seconds."),
    "pin": N_("The PIN is set."),
    "record": N_("The emergency record is written."),
    "new-batch": N_("The batch is made. Choose the station that works at it."),
    "begin-batch": N_("Put the first card on the reader."),
    "pause-batch": N_("The batch is put off."),
    "cancel-batch": N_("The batch is given up; its requests stay."),
    "skip-card": N_("The card is left out; its request stays."),
    "receive-blanks": N_("It is booked."),
    "count-blanks": N_("It is booked."),
    "spoil-blanks": N_("It is booked."),
    "level-of-blanks": N_("It is set."),
    "revoke-station": N_("The station is let go."),
}
"""What is said on the page after an act."""


def _show(request: Request, template: str, values: Mapping[str, Any]) -> HTMLResponse:
    done = DONE.get(request.query_params.get("done", ""), "")
    common = {"words": words, "spaced": spaced, "card_navigation": words.NAVIGATION, "done": done}
    return web_of(request).page(request, template, {**common, **values})


def _reader(request: Request, person: SignedIn) -> Reader:
    return Reader(person.username, PURPOSE, source=request.url.path)


def _people(request: Request, person: SignedIn, connection: Connection, ids: set[UUID]) -> dict[UUID, Patient]:
    return web_of(request).services.people.read(connection, ids, _reader(request, person))


@router.get("/ask")
def ask_page(request: Request, person: Desk, q: Annotated[str, Query(max_length=120)] = "") -> HTMLResponse:
    """Who needs a card: found by number or name, then asked for."""
    found: list[Patient] = []
    cards: dict[UUID, list[lifecycle.HeldCard]] = {}
    with web_of(request).services.pool.connection() as connection:
        people = web_of(request).services.people
        if q.strip():
            found = people.search(connection, q, _reader(request, person), _FOUND_MAX)
        for one in found:
            cards[one.patient_id] = lifecycle.cards_of(connection, people.aliases(connection, one.patient_id))
    values = {"q": q, "found": found, "cards": cards, "new_ids": {one.patient_id: uuid4() for one in found}}
    return _show(request, "card_ask.html", values)


@router.get("/requests/{request_id}")
def request_page(request: Request, person: Desk, request_id: UUID, print_id: UUID | None = None) -> HTMLResponse:
    """One request: its steps, and the next one to be done."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        one = requests.read_request(connection, request_id)
        patient = _people(request, person, connection, {one.patient_id}).get(one.patient_id)
        values = {
            "one": one,
            "patient": patient,
            "steps": requests.steps_of(connection, request_id),
            "prints": prints.prints(connection, request_id=request_id),
            "receipts": receipts_of(connection, services.people.keys, request_id),
            "stations": stations.stations(connection),
            "print_id": print_id,
            "may_make": person.may(*CARD_MAKING_ROLES),
        }
    return _show(request, "card_request.html", values)


@router.get("/search")
def search(request: Request, person: Desk, q: Annotated[str, Query(max_length=200)] = "") -> Response:  # noqa: ARG001 - the check is what it is for
    """From a number on a card, its code or its id to the card, or to the request whose card it will be."""
    if not q.strip():
        return RedirectResponse("/cards", HTTPStatus.SEE_OTHER)
    number = read_card_number(q)
    with refusals(), web_of(request).services.pool.connection() as connection:
        if number is not None:
            found = requests.find_requests(connection, states=(*requests.OPEN_STATES, "cancelled"), card_number=number)
            if found:
                return RedirectResponse(f"/cards/requests/{found[0].request_id}", HTTPStatus.SEE_OTHER)
        card = lifecycle.find_card(connection, q)
    return RedirectResponse(f"/cards/held/{card.card_id}", HTTPStatus.SEE_OTHER)


@code_router.get("/c/{card_number}")
def from_code(card_number: Annotated[str, Path(max_length=40)], person: Desk) -> Response:  # noqa: ARG001 - as above
    """Where the code on a card leads: nowhere without signing in."""
    return RedirectResponse(f"/cards/search?q={read_card_number(card_number) or '-'}", HTTPStatus.SEE_OTHER)


@router.get("/held/{card_id}")
def held_page(request: Request, person: Desk, card_id: Annotated[str, Path(max_length=64)]) -> HTMLResponse:
    """A card that was handed over: its state, and what can be done with it."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        card = lifecycle.find_card(connection, card_id)
        patient = _people(request, person, connection, {card.patient_id}).get(card.patient_id)
        log = connection.execute(
            "SELECT at, act, by_role, on_card FROM card_log WHERE card_id = %s ORDER BY log_id DESC LIMIT 20",
            (card.card_id,),
        ).fetchall()
        changes = connection.execute(
            "SELECT changed_at, from_state, to_state, changed_by, reason FROM card_state_change WHERE card_id = %s"
            " ORDER BY change_id DESC LIMIT 50",
            (card.card_id,),
        ).fetchall()
        values = {
            "card": card,
            "patient": patient,
            "log": log,
            "changes": changes,
            "stations": stations.stations(connection),
        }
    return _show(request, "card_held.html", values)


@router.get("/lists")
def lists_page(request: Request, person: Desk) -> HTMLResponse:
    """Cards that end soon, and cards with older keys."""
    services = web_of(request).services
    issuing = services.issuing
    today = now_of(request).astimezone(zone_of(request)).date()
    with services.pool.connection() as connection:
        soon = lifecycle.soon_over(connection, today, issuing.config.warn_days) if issuing else []
        try:
            old = batches.cards_on_old_keys(connection, issuing.keyring.secrets().current) if issuing else []
        except WarehouseError:
            old = []
        people = _people(
            request, person, connection, {one.patient_id for one in soon} | {one.patient_id for one in old}
        )
    values = {"soon": soon, "old": old, "people": people, "may_make": person.may(*CARD_MAKING_ROLES)}
    return _show(request, "card_lists.html", values)


@router.get("/prints")
def prints_page(request: Request, person: Desk, only_again: bool = False) -> HTMLResponse:  # noqa: ARG001 - as above
    """Who printed what, and why again."""
    with web_of(request).services.pool.connection() as connection:
        found = prints.prints(connection, only_again=only_again)
    return _show(request, "card_prints.html", {"prints": found, "only_again": only_again})


@router.get("/prints/{print_id}.pdf")
def print_file(request: Request, person: Desk, print_id: UUID) -> Response:
    """The face, for whoever ordered this printing, for a quarter of an hour."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        found = prints.fetch_print(connection, print_id, Doer(person.username, now_of(request)))
        one = requests.read_request(connection, found.request_id)
        patient = _people(request, person, connection, {one.patient_id}).get(one.patient_id)
        hospital = read_hospital(connection)
    if patient is None:
        raise not_found(N_("This patient is not known here."))
    face = CardFace(
        hospital=hospital.name or "",
        address=hospital.address or "",
        full_name=patient.full_name,
        birth_year=patient.birth_date.year if patient.birth_date else None,
        card_number=one.card_number,
        valid_until=one.valid_until,
        code=f"{services.config.base_url}/c/{one.card_number}",
    )
    return pdf(render_faces([face], found.at), f"card-{one.card_number}-{found.copy_number}")


@router.get("/batches")
def batches_page(request: Request, person: Maker) -> HTMLResponse:  # noqa: ARG001 - as above
    """All batches, and a form for a new one."""
    with web_of(request).services.pool.connection() as connection:
        found = batches.batches(connection)
    return _show(request, "card_batches.html", {"batches": found, "batch_id": uuid4()})


@router.get("/batches/{number}")
def batch_page(request: Request, person: Maker, number: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> HTMLResponse:
    """One batch: how far, and each of its cards."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        one = batches.read_batch(connection, number)
        items = batches.items_of(connection, one.batch_id)
        people = _people(request, person, connection, {item.patient_id for item in items})
        there = stations.stations(connection)
    return _show(request, "card_batch.html", {"one": one, "items": items, "people": people, "stations": there})


@router.get("/blanks")
def blanks_page(request: Request, person: Maker) -> HTMLResponse:  # noqa: ARG001 - as above
    """The stock of blank cards and its book."""
    with web_of(request).services.pool.connection() as connection:
        values = {"stock": blanks.stocks(connection), "movements": blanks.movements(connection)}
    return _show(request, "card_blanks.html", values)


@router.get("/stations")
def stations_page(request: Request, person: Maker) -> HTMLResponse:  # noqa: ARG001 - as above
    """The readers of the desk, and a form for a new one."""
    with web_of(request).services.pool.connection() as connection:
        places = connection.execute(
            "SELECT place_id, name_vi, name_en FROM place WHERE kind = 'desk' ORDER BY place_id"
        ).fetchall()
        found = stations.stations(connection)
    return _show(request, "card_stations.html", {"stations": found, "places": places})


@router.post("/do/{name}")
async def do(request: Request, person: Desk, name: Annotated[str, Path(max_length=40)]) -> Response:
    """One act, from a form."""
    act = ACTS.get(name)
    if act is None:
        raise not_found(N_("There is nothing at this address. Check the link."))
    if not person.may(*act.roles):
        raise not_allowed()
    fields = await posted(request)
    return await run_in_threadpool(_do, request, person, name, {key: one for key, one in fields.items() if one})


def _do(request: Request, person: SignedIn, name: str, fields: Mapping[str, str]) -> Response:
    act = ACTS[name]
    try:
        done = perform(request, person, act, act.model.model_validate(fields))
    except ValidationError:
        return _refused(request, fields, web_of(request).speech(request).text(_INCOMPLETE))
    except WarehouseError as error:
        return _refused(request, fields, detail_of(request, problem_of(error)))
    if done.link:
        return _show(request, "card_link.html", {"command": f'medtap card station run --link "{done.link}"'})
    more = f"&print_id={done.pdf.rpartition('/')[2].removesuffix('.pdf')}" if done.pdf else ""
    return RedirectResponse(f"{done.page}?done={name}{more}", HTTPStatus.SEE_OTHER)


_INCOMPLETE: Final = N_("A value is missing or wrong. Correct it and try again.")


def _refused(request: Request, fields: Mapping[str, str], problem: str) -> HTMLResponse:
    back = fields.get("back", "")
    values = {"problem": problem, "back": back if back.startswith("/cards") else "/cards", "words": words, "done": ""}
    more = {"card_navigation": words.NAVIGATION, "spaced": spaced}
    return web_of(request).page(
        request, "card_refused.html", {**values, **more}, status=HTTPStatus.UNPROCESSABLE_ENTITY
    )
