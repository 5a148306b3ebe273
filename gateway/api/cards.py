"""The API of the issuing desk: requests, cards, batches, blanks, printings, stations. Pseudonyms only."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from pydantic import BaseModel

from gateway.api.access import RolesRequired
from gateway.api.card_acts import ACTS, Act, perform
from gateway.api.card_models import ActDone
from gateway.api.card_stations import BatchState, batch_state, issuing_of
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_PROBLEMS, now_of, refusals, zone_of
from gateway.issuing import batches, blanks, lifecycle, prints, requests, stations
from gateway.services.roles import CARD_DESK_ROLES, CARD_MAKING_ROLES
from gateway.services.sessions import SignedIn

router: Final = APIRouter(prefix=f"{PREFIX}/cards", tags=["cards"], responses=WORK_PROBLEMS)
_DESK: Final = [Depends(RolesRequired(CARD_DESK_ROLES))]
_MAKING: Final = [Depends(RolesRequired(CARD_MAKING_ROLES))]


class RequestDetail(BaseModel):
    """One request with all that was done for it."""

    request: requests.CardRequest
    steps: list[requests.Step]
    prints: list[prints.Print]


class StationState(BaseModel):
    """A station, without its secrets."""

    station_id: UUID
    name: str
    place_id: str | None
    connected: bool
    enrolled_at: datetime | None
    revoked_at: datetime | None
    seen_at: datetime | None
    task: str
    request_id: UUID | None
    batch_id: UUID | None
    showing: dict[str, Any]


@router.get("/requests", dependencies=_DESK, summary="Requests for cards")
def card_requests(
    request: Request,
    state: Annotated[list[requests.State] | None, Query()] = None,
    patient_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 200,
) -> list[requests.CardRequest]:
    """Open ones, unless states are named: the urgent first, then in their order."""
    with web_of(request).services.pool.connection() as connection:
        return requests.find_requests(
            connection, states=tuple(state or requests.OPEN_STATES), patient_id=patient_id, limit=limit
        )


@router.get("/requests/{request_id}", dependencies=_DESK, summary="One request, its steps and printings")
def card_request(request: Request, request_id: UUID) -> RequestDetail:
    """All that was done, by whom and when."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return RequestDetail(
            request=requests.read_request(connection, request_id),
            steps=requests.steps_of(connection, request_id),
            prints=prints.prints(connection, request_id=request_id),
        )


@router.get("/held/{card}", dependencies=_DESK, summary="A card that was handed over, by number or id")
def held_card(request: Request, card: str) -> lifecycle.HeldCard:
    """As its state is now."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return lifecycle.find_card(connection, card)


@router.get("/expiring", dependencies=_DESK, summary="Cards that end soon")
def expiring(request: Request, days: Annotated[int | None, Query(ge=1, le=3650)] = None) -> list[lifecycle.HeldCard]:
    """Within the configured days, unless a number is named."""
    today = now_of(request).astimezone(zone_of(request)).date()
    with web_of(request).services.pool.connection() as connection:
        return lifecycle.soon_over(connection, today, days or issuing_of(request).config.warn_days)


@router.get("/old-keys", dependencies=_MAKING, summary="Cards in use with keys of an older version")
def old_keys(request: Request) -> list[batches.OldKeys]:
    """Those with the oldest first."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return batches.cards_on_old_keys(connection, issuing_of(request).keyring.secrets().current)


@router.get("/blanks", dependencies=_MAKING, summary="Stock of blank cards")
def blank_stock(request: Request) -> list[blanks.BlankStock]:
    """What should be in the drawer."""
    with web_of(request).services.pool.connection() as connection:
        return blanks.stocks(connection)


@router.get("/blank-movements", dependencies=_MAKING, summary="What came and went of blank cards")
def blank_movements(request: Request, limit: Annotated[int, Query(ge=1, le=5000)] = 200) -> list[blanks.BlankMovement]:
    """The newest first."""
    with web_of(request).services.pool.connection() as connection:
        return blanks.movements(connection, limit)


@router.get("/prints", dependencies=_DESK, summary="Printings of cards' faces")
def printings(
    request: Request, only_again: bool = False, limit: Annotated[int, Query(ge=1, le=5000)] = 200
) -> list[prints.Print]:
    """Who printed what, and why again; the newest first."""
    with web_of(request).services.pool.connection() as connection:
        return prints.prints(connection, only_again=only_again, limit=limit)


@router.get("/batches", dependencies=_MAKING, summary="Batches of cards")
def all_batches(request: Request) -> list[BatchState]:
    """The newest first."""
    with web_of(request).services.pool.connection() as connection:
        return [batch_state(one) for one in batches.batches(connection)]


@router.get("/batches/{number}", dependencies=_MAKING, summary="How far a batch is")
def one_batch(request: Request, number: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> BatchState:
    """Its numbers."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return batch_state(batches.read_batch(connection, number))


@router.get("/stations", dependencies=_DESK, summary="Stations, and what lies on them")
def all_stations(request: Request) -> list[StationState]:
    """Those that are not revoked."""
    with web_of(request).services.pool.connection() as connection:
        found = stations.stations(connection)
    return [StationState.model_validate(vars(one) | {"showing": dict(one.showing)}) for one in found]


def _endpoint(act: Act) -> Callable[..., ActDone]:
    def do(
        request: Request,
        person: Annotated[SignedIn, Depends(RolesRequired(act.roles))],
        body: Annotated[act.model, Body()],  # type: ignore[name-defined]  # the model of this act
    ) -> ActDone:
        with refusals():
            return perform(request, person, act, body)

    return do


for _name, _act in ACTS.items():
    router.add_api_route(
        f"/acts/{_name}",
        _endpoint(_act),
        methods=["POST"],
        name=f"card_act_{_name}",
        summary=_act.summary,
        response_model=ActDone,
    )
