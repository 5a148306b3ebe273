"""The API of card stations: enrolling one, the WebSocket that passes APDUs, and the batch it works at."""

import asyncio
import json
import logging
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, WebSocket, WebSocketDisconnect, status
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from cards.errors import CardGoneError
from gateway.api.access import STATION
from gateway.api.problems import not_found, not_signed_in
from gateway.api.v1 import PREFIX
from gateway.api.web import Web, web_of
from gateway.api.work_kit import WORK_PROBLEMS, refusals
from gateway.issuing import batches, stations
from gateway.issuing.doer import Doer
from gateway.issuing.parts import Issuing
from gateway.issuing.relay import STATION_WORDS, Relay
from gateway.issuing.stations import Station
from gateway.pages.translations import N_

_LOG: Final = logging.getLogger(__name__)
Secret = Annotated[str, Depends(STATION)]
BatchNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
router: Final = APIRouter(prefix=f"{PREFIX}/card-station", tags=["cards"], responses=WORK_PROBLEMS)


class Enrolled(BaseModel):
    """What a station keeps. The token is a secret."""

    station_id: uuid.UUID
    name: str
    token: str


class BatchState(BaseModel):
    """How far a batch is."""

    batch_id: uuid.UUID
    number: int
    kind: str
    profile: str
    title: str
    state: str
    total: int
    done: int
    skipped: int
    waiting: int


@router.post("/enrol", summary="Exchange a one-time link's secret for a station's token")
def enrol(request: Request, secret: Secret) -> Enrolled:
    """The secret stands in the Authorization header; it is worth nothing afterwards."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        station, token = stations.enrol(connection, secret, services.clock())
    return Enrolled(station_id=station.station_id, name=station.name, token=token)


@router.get("/batches/{number}", summary="How far a batch is")
def batch(request: Request, secret: Secret, number: BatchNumber) -> BatchState:
    """Numbers only: no name leaves for a station."""
    station_of(request, secret)
    with refusals(), web_of(request).services.pool.connection() as connection:
        return batch_state(batches.read_batch(connection, number))


@router.post("/batches/{number}/begin", summary="Go on with a batch at this station")
def begin(request: Request, secret: Secret, number: BatchNumber) -> BatchState:
    """The next card put on it is the batch's next."""
    station = station_of(request, secret)
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        found = batches.read_batch(connection, number)
        doer = Doer(f"station:{station.name}", services.clock())
        begun = batches.begin_batch(connection, found.batch_id, station.station_id, doer)
    issuing_of(request).hub.again(station.station_id)
    return batch_state(begun)


@router.post("/batches/{number}/pause", summary="Put a batch off")
def pause(request: Request, secret: Secret, number: BatchNumber) -> BatchState:
    """What is done stays done; a card that is half done is gone on with later."""
    station = station_of(request, secret)
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        found = batches.read_batch(connection, number)
        doer = Doer(f"station:{station.name}", services.clock())
        return batch_state(batches.pause_batch(connection, found.batch_id, doer))


@router.websocket("/relay")
async def relay(websocket: WebSocket, secret: Secret) -> None:
    """The station's APDUs; see `gateway.issuing.relay` for what is said."""
    web: Web = websocket.app.state.web
    issuing = web.services.issuing
    station = await run_in_threadpool(_station, web, secret)
    if station is None or issuing is None:
        await websocket.close(status.WS_1008_POLICY_VIOLATION)
        return
    await websocket.accept()
    loop = asyncio.get_running_loop()
    out: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()

    def send(message: Mapping[str, Any]) -> None:
        try:
            loop.call_soon_threadsafe(out.put_nowait, message)
        except RuntimeError:  # the loop is closed
            raise CardGoneError("the web server has stopped") from None

    link = Relay(send)
    issuing.hub.attach(station.station_id, link)
    sending = asyncio.create_task(_send_all(websocket, out))
    await websocket.send_text(json.dumps({"type": "hello", "station": station.name}))
    try:
        await _hear(websocket, issuing, station.station_id, link)
    finally:
        issuing.hub.detach(station.station_id, link)
        out.put_nowait(None)
        await sending


async def _hear(websocket: WebSocket, issuing: Issuing, station_id: uuid.UUID, link: Relay) -> None:
    while not link.closed:
        try:
            word = STATION_WORDS.validate_json(await websocket.receive_text())
        except WebSocketDisconnect:
            return
        except (ValidationError, KeyError):  # bytes instead of a text are a KeyError
            _LOG.warning("card station %s says something that is not understood: let go", station_id)
            await websocket.close(status.WS_1007_INVALID_FRAME_PAYLOAD_DATA)
            return
        issuing.hub.heard(station_id, link, word)


async def _send_all(websocket: WebSocket, out: "asyncio.Queue[Mapping[str, Any] | None]") -> None:
    while (message := await out.get()) is not None:
        try:
            await websocket.send_text(json.dumps(message))
            if message.get("what") == "let_go":
                await websocket.close(status.WS_1008_POLICY_VIOLATION)
        except (WebSocketDisconnect, RuntimeError):
            return  # whoever waits for an answer is told by `detach`


def station_of(request: Request, secret: str) -> Station:
    """Whose token it is.

    Raises:
        Problem: nobody's any more.
    """
    found = _station(web_of(request), secret)
    if found is None:
        raise not_signed_in()
    return found


def _station(web: Web, secret: str) -> Station | None:
    with web.services.pool.connection() as connection:
        return stations.station_of_token(connection, secret)


def issuing_of(request: Request) -> Issuing:
    """The issuing desk of this gateway.

    Raises:
        Problem: there is none.
    """
    issuing = web_of(request).services.issuing
    if issuing is None:
        raise not_found(N_("No health cards are made here."))
    return issuing


def batch_state(batch: batches.Batch) -> BatchState:
    """As programs are told."""
    return BatchState(
        batch_id=batch.batch_id,
        number=batch.batch_number,
        kind=batch.kind,
        profile=batch.profile,
        title=batch.title,
        state=batch.state,
        total=batch.total,
        done=batch.done,
        skipped=batch.skipped,
        waiting=batch.waiting,
    )
