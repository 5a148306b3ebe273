"""Problems: every refusal as RFC 9457 problem+json for programs and as a clear page for people, in their language."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import Any, Final, cast

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from psycopg_pool import PoolTimeout
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from gateway.api.web import web_of
from gateway.pages.refusals import Teller, subjects
from gateway.pages.translations import N_
from gateway.stock.names import Names, names_of

_LOG: Final = logging.getLogger(__name__)
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"


class ProblemBody(BaseModel):
    """What the body of an error says (RFC 9457 section 3.1)."""

    type: str
    """`urn:medtap:problem:` and the code."""
    title: str
    status: int
    detail: str
    """What failed and what mends it, in the reader's language."""
    instance: str
    """The path that was asked for."""
    code: str
    """Stable name of the problem, for programs."""
    errors: list[str] = []
    """For a wrong request: each wrong member with what was expected."""
    values: dict[str, Any] = {}
    """The facts of a refusal by their names: ids, base units, days and times by ISO 8601."""


@dataclass
class Problem(Exception):  # noqa: N818 - named after RFC 9457, whose word this is
    """A refusal that the person or program asking is told about."""

    status: HTTPStatus
    code: str
    title: str
    """A msgid."""
    detail: str
    """A msgid."""
    values: dict[str, object] = field(default_factory=dict)
    """What fills the detail's `%(name)s`."""
    headers: dict[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] | None = None
    """Of a refusal of the store: they are told with names, units and days as people write them."""


def not_signed_in() -> Problem:
    """Nobody is signed in, or the session is over."""
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "not_signed_in",
        N_("Please sign in"),
        N_("Nobody is signed in here, or the session has ended. Sign in and try again."),
    )


def not_allowed() -> Problem:
    """Signed in, but without a role that this is for."""
    return Problem(
        HTTPStatus.FORBIDDEN,
        "role_missing",
        N_("Not for your role"),
        N_("Your account has no role that may do this. Ask your administrator for the role."),
    )


def not_found(what: str) -> Problem:
    """The thing asked for does not exist. `what` is a msgid."""
    return Problem(HTTPStatus.NOT_FOUND, "not_found", N_("Not found"), what)


_BY_STATUS: Final = {
    HTTPStatus.NOT_FOUND: (N_("Not found"), N_("There is nothing at this address. Check the link.")),
    HTTPStatus.METHOD_NOT_ALLOWED: (N_("Not possible here"), N_("This address does not take that kind of request.")),
}


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every exception as a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(psycopg.OperationalError, _on_database_down)
    app.add_exception_handler(PoolTimeout, _on_database_down)
    app.add_exception_handler(Exception, _on_bug)


def _on_problem(request: Request, error: Exception) -> Response:
    return respond(request, cast("Problem", error))


async def _on_http(request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    status = HTTPStatus(refused.status_code)
    title, detail = _BY_STATUS.get(status, (N_("Not possible"), N_("The request could not be answered.")))
    return respond(request, Problem(status, status.name.lower(), title, detail, headers=dict(refused.headers or {})))


async def _on_invalid(request: Request, error: Exception) -> Response:
    problem = Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        N_("Something in the request is wrong"),
        N_("A value is missing or wrong. Correct it and try again."),
    )
    # The offending value itself stays out: it may be a password.
    errors = [
        f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}"
        for item in cast("RequestValidationError", error).errors()
    ]
    return respond(request, problem, errors)


async def _on_database_down(request: Request, error: Exception) -> Response:
    _LOG.warning("No answer from the database for %s: %s", request.url.path, error)
    return respond(
        request,
        Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "database_down",
            N_("The database does not answer"),
            N_("Taps, scans and temperatures are kept safely on the edge nodes meanwhile. Try again in a moment."),
            headers={"Retry-After": "5"},
        ),
    )


async def _on_bug(request: Request, error: Exception) -> Response:
    _LOG.error("Unexpected error answering %s", request.url.path, exc_info=error)
    return respond(
        request,
        Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "unexpected",
            N_("An error in the program"),
            N_("The program made a mistake here. Nothing was changed. Tell your administrator what you did and when."),
        ),
    )


def respond(request: Request, problem: Problem, errors: list[str] | None = None) -> Response:
    """The problem as a page for a browser that asked for one, else as problem+json."""
    web = web_of(request)
    speech = web.speech(request)
    wants_page = not request.url.path.startswith(("/api/", "/live/")) and "text/html" in request.headers.get(
        "accept", ""
    )
    if wants_page and problem.status is HTTPStatus.UNAUTHORIZED and request.method == "GET":
        return RedirectResponse(web.sign_in_path(request), HTTPStatus.SEE_OTHER)
    title, detail = speech.text(problem.title), detail_of(request, problem)
    if wants_page:
        return web.page(
            request,
            "problem.html",
            {"title": title, "detail": detail, "errors": errors or []},
            status=problem.status,
            headers=problem.headers,
        )
    body: dict[str, Any] = ProblemBody(
        type=f"urn:medtap:problem:{problem.code}",
        title=title,
        status=int(problem.status),
        detail=detail,
        instance=request.url.path,
        code=problem.code,
        errors=errors or [],
        values={name: _machine(value) for name, value in (problem.facts or {}).items()},
    ).model_dump()
    headers = {**problem.headers, "Content-Language": speech.language}
    return JSONResponse(body, problem.status, headers=headers, media_type=PROBLEM_MEDIA_TYPE)


def detail_of(request: Request, problem: Problem) -> str:
    """What failed and what mends it, in the reader's language."""
    web = web_of(request)
    speech = web.speech(request)
    if problem.facts is None:
        return speech.text(problem.detail, **problem.values)
    try:
        with web.services.pool.connection() as connection:
            names = names_of(connection, *subjects(problem.facts))
    except (psycopg.OperationalError, PoolTimeout):
        names = Names()  # ids are better than no answer
    return Teller(speech, names).sentence(problem.code, problem.facts)


def _machine(value: object) -> object:
    """A fact for programs."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _machine(one) for name, one in value.items()}
    if isinstance(value, str | int) or value is None:
        return value
    return [_machine(one) for one in value] if isinstance(value, Iterable) else str(value)
