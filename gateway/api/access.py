"""Who may use a route: declared on every one of them, checked here and nowhere else.

A route says `Depends(PUBLIC)`, `Depends(RolesRequired(...))` or `Depends(STATION)`; the application refuses to start
with a route that says none of them. The same dependency refuses requests that another site makes in a signed-in
person's browser.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, WebSocketException, status
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount

from gateway.api.problems import Problem, not_allowed, not_signed_in
from gateway.api.web import Web, web_of
from gateway.pages.translations import N_
from gateway.services.roles import EVERY_ROLE, Role
from gateway.services.sessions import SignedIn, session_of

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf_token"


@dataclass(frozen=True)
class Public:
    """For everybody. Somebody who is signed in is recognised, so that the page can greet them."""

    async def __call__(self, request: Request) -> SignedIn | None:
        """Recognise the person; refuse a change that another site asks for."""
        refuse_other_sites(request)
        return await _recognise(request)


@dataclass(frozen=True)
class RolesRequired:
    """For people with one of these roles."""

    roles: frozenset[Role]

    async def __call__(self, request: Request) -> SignedIn:
        """The signed-in person.

        Raises:
            Problem: 401 nobody is signed in, 403 no such role, or a change without the session's token.
        """
        refuse_other_sites(request)
        person = await _recognise(request)
        if person is None:
            raise not_signed_in()
        if not person.may(*self.roles):
            raise not_allowed()
        if request.method not in _SAFE_METHODS and not await _has_token(request, person):
            raise _forged()
        return person


@dataclass(frozen=True)
class StationRequired:
    """For a card station, by the secret it holds: its token, or the one-time link's."""

    async def __call__(self, connection: HTTPConnection) -> str:
        """The secret as it came; whose it is, the route finds out.

        Raises:
            Problem: there is none.
            WebSocketException: the same, of a WebSocket.
        """
        kind, _, secret = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and secret.strip():
            return secret.strip()
        if connection.scope["type"] == "websocket":
            raise WebSocketException(status.WS_1008_POLICY_VIOLATION)
        raise not_signed_in()


PUBLIC: Final = Public()
STATION: Final = StationRequired()
ANYONE_SIGNED_IN: Final = RolesRequired(EVERY_ROLE)
Access = Public | RolesRequired | StationRequired


async def _recognise(request: Request) -> SignedIn | None:
    web = web_of(request)
    token = request.cookies.get(web.session_cookie, "")
    person = await run_in_threadpool(load_person, web, token) if token else None
    request.state.person = person
    return person


def load_person(web: Web, token: str) -> SignedIn | None:
    """Who this session token belongs to, now; blocks on the database."""
    with web.services.pool.connection() as connection:
        return session_of(connection, token, web.services.clock(), web.policy)


def refuse_other_sites(request: Request) -> None:
    """Refuse a change that another site's page asks for.

    Sec-Fetch-Site (W3C Fetch Metadata) where the browser sends it, else Origin; a program that is no browser sends
    neither, and has no cookies that another site could ride on.

    Raises:
        Problem: 403.
    """
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise _forged()
    origin = request.headers.get("origin")
    if origin is not None and origin not in _own_origins(request):
        raise _forged()


def _own_origins(request: Request) -> set[str]:
    configured = urlsplit(web_of(request).services.config.base_url)
    # The address that the browser used counts too: a trial is reached as 127.0.0.1 and as localhost.
    return {f"{configured.scheme}://{configured.netloc}", f"{request.url.scheme}://{request.headers.get('host', '')}"}


async def _has_token(request: Request, person: SignedIn) -> bool:
    given: object = request.headers.get(CSRF_HEADER)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if given is None and content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        given = (await request.form()).get(CSRF_FIELD)
    return isinstance(given, str) and secrets.compare_digest(given.encode(), person.csrf_token.encode())


def _forged() -> Problem:
    return Problem(
        HTTPStatus.FORBIDDEN,
        "cross_site_request",
        N_("Request refused for safety"),
        N_("The request did not come from a page of this system, or the page is too old. Reload it and try again."),
    )


def declared_accesses(dependant: Dependant) -> Iterator[Access]:
    """Every declaration among a route's dependencies, at whatever depth."""
    if isinstance(dependant.call, (Public, RolesRequired, StationRequired)):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from declared_accesses(inner)


def routes_with_access(app: FastAPI) -> Iterator[tuple[BaseRoute, Access | None]]:
    """Every route of the application with its one declaration; None where there is none or more than one."""
    public_mounts = getattr(app.state, "public_mounts", ())
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute | APIWebSocketRoute):
            declared = list(declared_accesses(context.dependant))
            yield route, declared[0] if len(declared) == 1 else None
        else:
            yield route, PUBLIC if isinstance(route, Mount) and route.path in public_mounts else None


def refuse_undeclared_routes(app: FastAPI) -> None:
    """Refuse to start with a route that does not say who it is for.

    Raises:
        RuntimeError: names the routes.
    """
    undeclared = [getattr(route, "path", repr(route)) for route, access in routes_with_access(app) if access is None]
    if undeclared:
        raise RuntimeError(
            f"Routes without exactly one declared access: {undeclared!r}; expected Depends(PUBLIC) or"
            " Depends(RolesRequired(...)) on each"
        )
