"""The public page that an NTAG 424 card's address opens on any telephone: the card is genuine, and whom to call.

It names no patient and no card number. A reload shows that the address was opened already.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from gateway.api.access import PUBLIC
from gateway.api.rate_limit import RateLimit
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, zone_of
from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.services.hospital import read_hospital
from gateway.taps.phone import OpenedAddress, open_address

_QUERY_CHARACTERS_MAX: Final = 200
_CALL: Final = N_("Bring it to the hospital, or call.")

_BY_STATE: Final[Mapping[str, State]] = MappingProxyType(
    {
        "active": State(
            "ok",
            N_("Genuine health card"),
            N_("This card was issued by the hospital and is in use."),
            N_("Show it at the registration desk."),
        ),
        "lost": State(
            "stop",
            N_("Card reported lost"),
            N_("This genuine card was reported lost and can't be used."),
            _CALL,
            "lost",
        ),
        "found": State(
            "attention",
            N_("Card not released"),
            N_("This genuine card was lost and found. The hospital has not released it yet."),
            _CALL,
            "lost",
        ),
        "stolen": State(
            "stop",
            N_("Card reported stolen"),
            N_("This genuine card was reported stolen and can't be used."),
            _CALL,
            "locked",
        ),
        "revoked": State(
            "stop", N_("Card withdrawn"), N_("The hospital has withdrawn this card. It can't be used any more."), _CALL
        ),
        "expired": State(
            "attention",
            N_("Card expired"),
            N_("This card's validity is over."),
            N_("Ask for a new one at the hospital."),
            "clock",
        ),
        "replaced": State(
            "attention",
            N_("Card was replaced"),
            N_("A newer card was given out in place of this one."),
            N_("Use the newer card."),
            "replaced",
        ),
    }
)
_NOT_HANDED_OVER: Final = State(
    "attention",
    N_("Card not in use yet"),
    N_("This card was made by the hospital and has not been given to a patient."),
    _CALL,
    "whose",
)
_OTHERS: Final[Mapping[str, State]] = MappingProxyType(
    {
        "already_opened": State(
            "info",
            N_("Already opened"),
            N_("This address of the card has been opened before. Each tap makes a new one."),
            N_("Hold the card to the telephone again to check it."),
            "again",
        ),
        "not_genuine": State(
            "stop",
            N_("Not a genuine card"),
            N_("This address was not made by a health card of this hospital."),
            N_("Do not rely on this card. Call the hospital."),
            "copy",
        ),
        "not_judged": State(
            "unknown",
            N_("Can't be checked now"),
            N_("The hospital's server can't check cards at the moment."),
            N_("Try again later, or show the card at the registration desk."),
            "keys",
        ),
        "too_often": State(
            "unknown",
            N_("Too many requests"),
            N_("Cards are being checked too often from this network."),
            N_("Wait a minute, then hold the card to the telephone again."),
            "clock",
        ),
    }
)
_LIMIT: Final = {"each_per_s": 0.5, "each_at_once": 30, "all_per_s": 50.0, "all_at_once": 500}
"""A family behind one telephone network taps some cards; a whole hospital's guests share one address at most times."""


def card_address_router() -> APIRouter:
    """`/t`, with a limit of its own."""
    limit = RateLimit(
        each_per_s=_LIMIT["each_per_s"],
        each_at_once=int(_LIMIT["each_at_once"]),
        all_per_s=_LIMIT["all_per_s"],
        all_at_once=int(_LIMIT["all_at_once"]),
    )
    router = APIRouter(include_in_schema=False)

    @router.get("/t", dependencies=[Depends(PUBLIC)])
    def card_address(request: Request) -> Response:
        """What the card is worth; a browser that merely looks ahead is told nothing and uses nothing up."""
        if "prefetch" in request.headers.get("sec-purpose", ""):
            return Response(status_code=HTTPStatus.NO_CONTENT)
        address = request.client.host if request.client is not None else ""
        if not limit.allows(address, now_of(request)):
            return _show(request, _OTHERS["too_often"], HTTPStatus.TOO_MANY_REQUESTS)
        return _show(request, _state(_open(request)), HTTPStatus.OK)

    return router


def _open(request: Request) -> OpenedAddress:
    services, query = web_of(request).services, request.url.query
    if services.taps is None:
        return OpenedAddress("not_judged")
    if len(query) > _QUERY_CHARACTERS_MAX:
        return OpenedAddress("not_genuine")
    now = now_of(request)
    with services.pool.connection() as connection:
        today = now.astimezone(zone_of(request)).date()
        return open_address(connection, services.taps.address_keys(), query, today, now)


def _state(opened: OpenedAddress) -> State:
    if opened.found != "genuine":
        return _OTHERS[opened.found]
    return _NOT_HANDED_OVER if opened.card_state is None else _BY_STATE[opened.card_state]


def _show(request: Request, state: State, status: HTTPStatus) -> Response:
    web = web_of(request)
    with web.services.pool.connection() as connection:
        hospital = read_hospital(connection)
    taps = web.services.taps
    values = {
        "state": state,
        "hospital": hospital.name or "",
        "phone": "" if taps is None else taps.public_phone,
    }
    return web.page(request, "card_address.html", values, status=status, headers={"X-Robots-Tag": "noindex"})
