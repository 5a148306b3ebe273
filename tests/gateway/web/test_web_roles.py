"""Roles and forgery: every route says who it is for, and nobody else gets in; no other site can act for a person."""

import uuid
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from gateway.api.access import PUBLIC, Public, RolesRequired, refuse_undeclared_routes, routes_with_access
from gateway.services.roles import Role

WORLD = Any
ALARM_PATH: Final = "/api/v1/alarms/00000000-0000-4000-8000-00000000a1a1/acknowledge"


def test_every_route_declares_exactly_once_who_it_is_for(world: WORLD) -> None:
    found = list(routes_with_access(world.app))
    assert len(found) > 30
    assert [getattr(route, "path", route) for route, access in found if access is None] == []


def test_a_route_that_forgets_to_declare_stops_the_start(world: WORLD) -> None:
    async def forgotten() -> None:
        """Says nothing."""

    inner = APIRouter(prefix="/deep")
    inner.add_api_route("/forgotten", forgotten)
    outer = APIRouter()
    outer.include_router(inner)
    world.app.include_router(outer)
    with pytest.raises(RuntimeError, match="forgotten"):
        refuse_undeclared_routes(world.app)


def test_a_mounted_application_that_is_not_declared_stops_the_start(world: WORLD) -> None:
    world.app.mount("/hidden", FastAPI())
    with pytest.raises(RuntimeError, match="/hidden"):
        refuse_undeclared_routes(world.app)


def test_a_route_that_declares_twice_stops_the_start(world: WORLD) -> None:
    async def unsure() -> None:
        """Says two things."""

    declared = [Depends(PUBLIC), Depends(RolesRequired(frozenset({Role.ADMIN})))]
    world.app.add_api_route("/unsure", unsure, dependencies=declared)
    with pytest.raises(RuntimeError, match="/unsure"):
        refuse_undeclared_routes(world.app)


def test_the_public_routes_are_these_and_no_others(world: WORLD) -> None:
    public = {
        getattr(route, "path", "") for route, access in routes_with_access(world.app) if isinstance(access, Public)
    }
    assert public == {
        *("/sign-in", "/enter", "/setup", "/language", "/static", "/i/{number}"),
        *("/api/v1/health", "/api/v1/openapi.json"),
        # A screen of a waiting room, by a secret that can be taken back: numbers and doors only.
        *("/board/{token}", "/board/{token}/live"),
        "/t",  # a card's address, on anyone's telephone
        # Machines, each with a secret of its own: a bearer token, a message's token, a shared key.
        *("/api/v1/pager/alertmanager", "/api/v1/pager/receipts/{token}", "/api/v1/pager/heartbeat"),
    }


def _requests(world: WORLD) -> list[tuple[str, str, frozenset[Role]]]:
    wanted = []
    for route, access in routes_with_access(world.app):
        if not isinstance(access, RolesRequired) or not isinstance(route, APIRoute):
            continue
        # The sub-routers of v1 carry the prefix already; a path parameter is always an alarm here.
        path = route.path.replace("{alarm_id}", str(uuid.UUID(int=7)))
        wanted += [(method, path, access.roles) for method in sorted(route.methods or ()) if path != "/sign-out"]
    return wanted


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gets_into_its_routes_and_into_no_others(
    world: WORLD, csrf_token: Callable[[httpx.Client], str], role: Role
) -> None:
    world.feed.ends = True
    requests = _requests(world)
    assert len(requests) > 20
    browser = world.signed_in(role)
    headers = {"x-csrf-token": csrf_token(browser)}
    for number, (method, path, roles) in enumerate(requests):
        # Of those who may one a route does its work, and of those who may not one is refused: what a role may is
        # decided in one place for all routes (the test below), and pages take their time.
        alike = sorted(roles if role in roles else set(Role) - roles)
        if alike[number % len(alike)] is not role:
            continue
        answer = browser.request(method, path, headers=headers, json={} if path.startswith("/api") else None)
        refused = answer.status_code == 403
        assert refused is (role not in roles), (role, method, path, answer.status_code)
        assert answer.status_code < 500, (role, method, path)
        if refused:
            assert answer.json()["code"] == "role_missing"


def test_a_route_takes_exactly_the_roles_that_it_names(world: WORLD, csrf_token: Callable[[httpx.Client], str]) -> None:
    world.feed.ends = True
    path, roles = next((path, roles) for method, path, roles in _requests(world) if method == "GET" and len(roles) == 2)
    for role in Role:
        browser = world.signed_in(role)
        answer = browser.get(path, headers={"x-csrf-token": csrf_token(browser)})
        assert (answer.status_code == 403) is (role not in roles), (role, path)


def test_nobody_gets_in_without_signing_in(world: WORLD) -> None:
    browser = world.browser()
    for method, path, _roles in _requests(world):
        answer = browser.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.json()["code"] == "not_signed_in"


def test_a_made_up_session_token_gets_nobody_in(world: WORLD) -> None:
    browser = world.browser()
    for token in ("", "x", "0" * 43, "a" * 5000, "%00", "' OR 1=1 --"):
        browser.cookies.set("medtap_session", token)
        assert browser.get("/api/v1/session").status_code == 401


def test_a_change_without_the_sessions_token_is_refused(
    world: WORLD, csrf_token: Callable[[httpx.Client], str]
) -> None:
    browser = world.signed_in("on_call")
    body = {"comment": "door was open"}
    other = csrf_token(world.signed_in("on_call"))
    for headers in ({}, {"x-csrf-token": ""}, {"x-csrf-token": other}, {"x-csrf-token": "sai-mã"}):
        encoded = {name: value.encode() for name, value in headers.items()}
        answer = browser.post(ALARM_PATH, json=body, headers=encoded)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert world.rows("SELECT acknowledged_at FROM alarm") == [(None,)]
    assert browser.post(ALARM_PATH, json=body, headers={"x-csrf-token": csrf_token(browser)}).status_code == 200


def test_a_form_carries_the_token_in_a_field(world: WORLD, csrf_token: Callable[[httpx.Client], str]) -> None:
    browser = world.signed_in("on_call")
    path = "/on-call/incidents/00000000-0000-4000-8000-00000000c1c1/acknowledge"
    assert browser.post(path, data={"comment": "door was open"}).status_code == 403
    page = browser.get("/on-call").text
    token = csrf_token(browser)
    assert f'action="{path}"><input type="hidden" name="csrf_token" value="{token}">' in page
    form = {"comment": "door was open", "then": "/on-call", "csrf_token": token}
    answer = browser.post(path, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/on-call")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://testserver.evil.example"},
    ],
)
def test_a_change_that_another_site_asks_for_is_refused_even_with_the_token(
    world: WORLD, headers: dict[str, str], csrf_token: Callable[[httpx.Client], str]
) -> None:
    browser = world.signed_in("on_call")
    answer = browser.post(ALARM_PATH, json={"comment": "door"}, headers={"x-csrf-token": csrf_token(browser)} | headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    public = world.browser().post("/sign-in", data={"username": "a1", "password": "b"}, headers=headers)
    assert public.status_code == 403


def test_a_change_from_our_own_pages_passes(world: WORLD, csrf_token: Callable[[httpx.Client], str]) -> None:
    browser = world.signed_in("on_call")
    token = csrf_token(browser)
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": "http://testserver"}, {"origin": world.address}):
        answer = browser.post(ALARM_PATH, json={"comment": "door"}, headers={"x-csrf-token": token} | headers)
        assert answer.status_code == 200


def test_every_answer_carries_the_security_headers(world: WORLD) -> None:
    world.feed.ends = True
    browser = world.signed_in("clerk")
    for path in ("/", "/desk", "/live/desk", "/static/live.js", "/nothing", "/api/v1/health", "/api/v1/alarms"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; ")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"


def test_a_page_is_never_kept_by_a_cache(world: WORLD) -> None:
    browser = world.signed_in("clerk")
    for path in ("/", "/desk"):
        assert browser.get(path).headers["cache-control"] == "no-store"
