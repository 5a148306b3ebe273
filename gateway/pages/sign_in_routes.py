"""Routes of signing in and out: by password, by one-time link, and the first administrator."""

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from gateway.api.access import ANYONE_SIGNED_IN, PUBLIC
from gateway.api.web import LANGUAGE_COOKIE, Web, web_of
from gateway.pages.translations import DEFAULT_LANGUAGE, LANGUAGES, N_
from gateway.services.accounts import (
    AccountError,
    audit,
    create_first_admin,
    find_account,
    link_is_open,
    use_sign_in_link,
)
from gateway.services.app_services import DbConnection
from gateway.services.passwords import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN
from gateway.services.sessions import SignedIn, end_session, set_language, start_session

router: Final = APIRouter(include_in_schema=False)
_YEAR_S: Final = 365 * 86400

Token = Annotated[str, Query(max_length=100)]
FormToken = Annotated[str, Form(max_length=100)]
Username = Annotated[str, Form(max_length=63)]
Password = Annotated[str, Form(max_length=PASSWORD_LENGTH_MAX)]
Next = Annotated[str, Form(alias="next", max_length=2000)]

FAILURES: Final = {
    "wrong": N_("The account name or the password is wrong."),
    "wait": N_("Too many wrong tries. Wait %(seconds)s seconds, then try again."),
    "not_the_same": N_("The two passwords are not the same."),
    "bad_username": N_("The account name has a character that is not allowed."),
    "bad_display_name": N_("Write your name, at most 100 characters."),
    "bad_role": N_("This role does not exist."),
    "short_password": N_("The password is too short: at least %(minimum)s characters."),
    "long_password": N_("The password is too long: at most 200 characters."),
    "name_taken": N_("This account name is taken: choose another."),
    "link_over": N_("This link was used already or has expired: ask for a new one."),
    "no_account": N_("This account does not exist any more or is disabled."),
}


def local_path(path: str) -> str:
    """The path, if it leads to a page of ours; else the start page: a link must not lead to another site."""
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or not path.startswith("/") or path.startswith("//") or "\\" in path:
        return "/"
    return path if path.isprintable() else "/"


@router.get("/sign-in", dependencies=[Depends(PUBLIC)])
def sign_in_page(request: Request, next_: Annotated[str, Query(alias="next", max_length=2000)] = "/") -> HTMLResponse:
    """The form."""
    return _sign_in_form(request, next_)


@router.post("/sign-in", dependencies=[Depends(PUBLIC)])
async def sign_in(request: Request, username: Username, password: Password, next_: Next = "/") -> Response:
    """Check name and password; slow after failures, and as slow for a name that doesn't exist."""
    web = web_of(request)
    username = username.strip().lower()
    address = request.client.host if request.client else ""
    now = web.services.clock()
    seconds = web.sign_in_delay.wait_s(username, address, now)
    if seconds:
        response = _sign_in_form(request, next_, username, web.speech(request).text(FAILURES["wait"], seconds=seconds))
        response.status_code = HTTPStatus.TOO_MANY_REQUESTS
        response.headers["Retry-After"] = str(seconds)
        return response
    token = await run_in_threadpool(_check_and_start, request, username, password)
    if token is None:
        web.sign_in_delay.failed(username, address, now)
        response = _sign_in_form(request, next_, username, web.speech(request).text(FAILURES["wrong"]))
        response.status_code = HTTPStatus.UNAUTHORIZED
        return response
    web.sign_in_delay.succeeded(username, address)
    return _enter(web, token, local_path(next_))


def _check_and_start(request: Request, username: str, password: str) -> str | None:
    web = web_of(request)
    with web.services.pool.connection() as connection:
        account = find_account(connection, username)
    right = web.passwords.matches(account.password_hash if account else None, password)
    with web.services.pool.connection() as connection:
        if not right or account is None or account.disabled_at is not None:
            audit(connection, None, "sign_in_failed", username)
            return None
        return _begin(request, connection, username, "password")


def _begin(request: Request, connection: DbConnection, username: str, way: str) -> str:
    """End what this browser had, begin anew: a token planted before the sign-in is worth nothing."""
    web = web_of(request)
    now = web.services.clock()
    end_session(connection, request.cookies.get(web.session_cookie, ""), now)
    audit(connection, username, "signed_in", username, way=way)
    return start_session(connection, username, now, web.policy)


def _enter(web: Web, token: str, path: str) -> Response:
    response = RedirectResponse(path, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
    response.set_cookie(
        web.session_cookie,
        token,
        max_age=int(web.policy.absolute.total_seconds()),
        path="/",
        secure=web.https,
        httponly=True,
        samesite="lax",
    )
    return response


def _sign_in_form(request: Request, next_: str, username: str = "", failure: str = "") -> HTMLResponse:
    values = {"next": local_path(next_), "username": username, "failure": failure}
    return web_of(request).page(request, "sign_in.html", values)


@router.post("/sign-out")
def sign_out(request: Request, person: Annotated[SignedIn, Depends(ANYONE_SIGNED_IN)]) -> Response:
    """End the session here and now, live pages included."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        end_session(connection, request.cookies[web.session_cookie], web.services.clock())
        audit(connection, person.username, "signed_out", person.username)
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    response.delete_cookie(web.session_cookie, path="/", secure=web.https, httponly=True, samesite="lax")
    return response


@router.get("/enter", dependencies=[Depends(PUBLIC)])
def enter_page(request: Request, token: Token = "") -> HTMLResponse:
    """Only a button: a preview of the link that some program makes doesn't use it up."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        is_open = link_is_open(connection, token, "sign_in", web.services.clock())
    return web.page(request, "enter.html", {"open": is_open, "token": token})


@router.post("/enter", dependencies=[Depends(PUBLIC)])
def enter(request: Request, token: FormToken) -> Response:
    """Use the link up and sign in."""
    web = web_of(request)
    try:
        with web.services.pool.connection() as connection:
            account = use_sign_in_link(connection, token, web.services.clock())
            session_token = _begin(request, connection, account.username, "one_time_link")
    except AccountError:
        return web.page(request, "enter.html", {"open": False, "token": ""}, status=HTTPStatus.GONE)
    return _enter(web, session_token, "/")


@router.get("/setup", dependencies=[Depends(PUBLIC)])
def setup_page(request: Request, token: Token = "") -> HTMLResponse:
    """The form that makes the first administrator."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        is_open = link_is_open(connection, token, "first_admin", web.services.clock())
    return _setup_form(request, token, is_open=is_open)


@router.post("/setup", dependencies=[Depends(PUBLIC)])
def setup(
    request: Request,
    *,
    token: FormToken,
    username: Username,
    display_name: Annotated[str, Form(max_length=200)],
    password: Password,
    again: Password,
) -> Response:
    """Make the first administrator and sign them in; use the link up only if that works."""
    web = web_of(request)
    username = username.strip().lower()
    code = "not_the_same" if password != again else ""
    session_token = ""
    if not code:
        try:
            with web.services.pool.connection() as connection:
                create_first_admin(
                    connection,
                    token,
                    web.services.clock(),
                    username=username,
                    display_name=display_name,
                    password=password,
                )
                session_token = _begin(request, connection, username, "first_admin_link")
        except AccountError as error:
            code = error.code
    if not code:
        return _enter(web, session_token, "/")
    failure = web.speech(request).text(FAILURES[code], minimum=PASSWORD_LENGTH_MIN)
    response = _setup_form(request, token, username, display_name, failure, is_open=code != "link_over")
    response.status_code = HTTPStatus.GONE if code == "link_over" else HTTPStatus.UNPROCESSABLE_ENTITY
    return response


def _setup_form(
    request: Request, token: str, username: str = "", display_name: str = "", failure: str = "", *, is_open: bool
) -> HTMLResponse:
    values = {
        "open": is_open,
        "token": token,
        "username": username,
        "display_name": display_name,
        "failure": failure,
        "minimum": PASSWORD_LENGTH_MIN,
    }
    return web_of(request).page(request, "setup.html", values)


@router.post("/language")
def choose_language(
    request: Request,
    person: Annotated[SignedIn | None, Depends(PUBLIC)],
    language: Annotated[str, Form(max_length=8)],
    next_: Next = "/",
) -> Response:
    """Remember the language in a cookie, and with the account of who is signed in."""
    web = web_of(request)
    chosen = language if language in LANGUAGES else DEFAULT_LANGUAGE
    if person is not None:
        with web.services.pool.connection() as connection:
            set_language(connection, person.username, chosen)
    response = RedirectResponse(local_path(next_), HTTPStatus.SEE_OTHER)
    response.set_cookie(
        LANGUAGE_COOKIE, chosen, max_age=_YEAR_S, path="/", secure=web.https, httponly=True, samesite="lax"
    )
    return response
