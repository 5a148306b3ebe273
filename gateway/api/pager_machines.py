"""What machines tell the pager: Alertmanager its alerts, receivers that a message came, watchers that they are."""

import secrets
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from gateway.alarms.conditions import Condition, clear_condition, raise_condition
from gateway.api.access import PUBLIC
from gateway.api.pager import config_of
from gateway.api.problems import Problem, not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.pager.alertmanager import Notification, external
from gateway.pager.apprise_channel import read_secret
from gateway.pager.health import note_receipt
from gateway.pager.heartbeat import is_proof, read_key, signed, vitals
from gateway.pager.keeper import watcher_asked
from gateway.pager.receipts import opened, probe_came_back
from gateway.pages.translations import N_
from gateway.services.live_events import publish

router: Final = APIRouter(prefix=f"{PREFIX}/pager", tags=["cold chain"])


class AlertsTaken(BaseModel):
    """How many alerts were taken."""

    taken: int


class Heartbeat(BaseModel):
    """A sign of life; what is signed is these members, as they are spelt here."""

    at: str
    nonce: str
    parts: dict[str, bool]
    signature: str


class ReceiptTaken(BaseModel):
    """The token was known."""

    known: bool


@router.post("/alertmanager", status_code=202, summary="Alerts of another system", dependencies=[Depends(PUBLIC)])
def alertmanager(request: Request, body: Notification) -> AlertsTaken:
    """Alertmanager's web hook, version 4, with our token: firing alerts become incidents, resolved ones return."""
    services = web_of(request).services
    file = config_of(services).alertmanager_token_file
    given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if file is None or not secrets.compare_digest(given.encode(), read_secret(file).encode()):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "bad_token",
            N_("Please sign in"),
            N_("The bearer token is missing or wrong. It stands in the file named by pager.alertmanager_token_file."),
            headers={"WWW-Authenticate": "Bearer"},
        )
    now = services.clock()
    for alert in body.alerts:
        known = external(alert)
        with services.pool.connection() as connection:
            if alert.status == "resolved":
                live = clear_condition(connection, "external", known.subject, now, now=now)
            else:
                facts = {"name": known.name, "summary": known.summary, "url": alert.generatorURL[:500]}
                started_at = min(alert.startsAt, now)
                condition = Condition("external", known.subject, None, None, known.severity, started_at, now, facts)
                live = raise_condition(connection, condition, now)
            publish(connection, live)
    if services.pager is not None:
        services.pager.wake()
    return AlertsTaken(taken=len(body.alerts))


@router.get("/receipts/{token}", summary="A message has arrived, by a link", dependencies=[Depends(PUBLIC)])
@router.post("/receipts/{token}", summary="A message has arrived", dependencies=[Depends(PUBLIC)])
def receipt(request: Request, token: str) -> ReceiptTaken:
    """Whoever knows a page's or a probe's token has it: called by a mail robot, a web hook, an app."""
    services = web_of(request).services
    now = services.clock()
    with services.pool.connection() as connection:
        channel = probe_came_back(connection, token, "http", now)
        known = channel is not None or opened(connection, token, now)
    if channel is not None:
        with services.pool.connection() as connection:
            publish(connection, note_receipt(connection, channel, now))
    if not known:
        raise not_found(N_("There is nothing at this address. Check the link."))
    return ReceiptTaken(known=True)


@router.get("/heartbeat", summary="A signed sign of life", dependencies=[Depends(PUBLIC)])
def heartbeat(
    request: Request,
    nonce: Annotated[str, Query(min_length=16, max_length=128, pattern=r"^[0-9A-Za-z_-]+$")],
    watcher: Annotated[str, Query(max_length=63, pattern=r"^[0-9A-Za-z._-]*$")] = "",
    every_s: Annotated[float, Query(ge=1, le=86400)] = 30.0,
    proof: Annotated[str, Query(max_length=64)] = "",
) -> Heartbeat:
    """For `medtap pager watch`: what works, with the asker's number, signed with the key that both have."""
    services = web_of(request).services
    file = config_of(services).heartbeat.key_file
    if file is None:
        raise not_found(N_("There is nothing at this address. Check the link."))
    key, now = read_key(file), services.clock()
    found = services.pager.vitals() if services.pager is not None else vitals(services.pool, now, {})
    if watcher and is_proof(key, watcher, nonce, proof) and found.parts["database"]:
        # Only who has the key is missed when it stops: anyone else could make up watchers.
        with services.pool.connection() as connection:
            watcher_asked(connection, watcher, every_s, now)
    return Heartbeat.model_validate(signed(key, found, nonce))
