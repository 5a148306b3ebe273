"""What the web application keeps for its routes: services, words, templates, sign-in delay, running live streams."""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.api.sign_in_delay import SignInDelay
from gateway.pages.navigation import NAVIGATION
from gateway.pages.reasons import PERSONAL_KINDS, readable
from gateway.pages.speech import Speech, family_name_first, grouped
from gateway.pages.translations import DEFAULT_LANGUAGE, LANGUAGES, Catalogue, read_catalogues
from gateway.services.app_services import AppServices
from gateway.services.passwords import Passwords
from gateway.services.sessions import SessionPolicy, SignedIn

LANGUAGE_COOKIE: Final = "medtap_language"


HEARTBEAT_S: Final = 15.0
"""Proxies cut silent connections after 30 to 60 s; the browser counts 40 s without a word as a lost link."""


class StreamEnd:
    """Tells one live stream to end; made inside its event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._set = asyncio.Event()

    async def wait(self) -> None:
        """Until it is told."""
        await self._set.wait()

    def set_from_anywhere(self) -> None:
        """Tell it, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: so is the stream
            self._loop.call_soon_threadsafe(self._set.set)


@dataclass(frozen=True)
class Web:
    """Made once by the application factory, kept on `app.state.web`."""

    services: AppServices
    catalogues: Mapping[str, Catalogue]
    templates: Environment
    passwords: Passwords
    sign_in_delay: SignInDelay
    policy: SessionPolicy
    heartbeat_s: float = HEARTBEAT_S
    streams: set["StreamEnd"] = field(default_factory=set)
    """One for each open live stream."""

    def stop_live(self) -> None:
        """End every live stream, from any thread: a server waits for open answers before it stops."""
        for end in tuple(self.streams):
            end.set_from_anywhere()

    @property
    def https(self) -> bool:
        """Whether browsers reach us by https: then cookies are Secure and carry the `__Host-` prefix (RFC 6265bis)."""
        return urlsplit(self.services.config.base_url).scheme == "https"

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie."""
        return "__Host-medtap_session" if self.https else "medtap_session"

    def speech(self, request: Request) -> Speech:
        """The language of the signed-in person, else of the cookie, else Vietnamese.

        A program asks for its own with Accept-Language (RFC 9110 section 12.5.4); pages send the language they are in.
        """
        wanted = _accepted(request.headers.get("accept-language", "")) if _is_api(request) else None
        if wanted is not None:
            return self.speech_in(wanted)
        person = person_of(request)
        language = person.language if person else request.cookies.get(LANGUAGE_COOKIE, DEFAULT_LANGUAGE)
        return self.speech_in(language)

    def speech_in(self, language: str) -> Speech:
        """This language; Vietnamese if it is none of ours."""
        catalogue = self.catalogues.get(language, self.catalogues[DEFAULT_LANGUAGE])
        return Speech(catalogue, ZoneInfo(self.services.config.time_zone))

    def sign_in_path(self, request: Request) -> str:
        """The sign-in page that leads back to the page asked for."""
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return "/sign-in" if path == "/" else f"/sign-in?{urlencode({'next': path})}"

    def render(self, template: str, speech: Speech, values: Mapping[str, Any]) -> str:
        """Fill a template in."""
        return self.templates.get_template(template).render(_=speech.text, t=speech, **values)

    def page(
        self,
        request: Request,
        template: str,
        values: Mapping[str, Any],
        *,
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """A whole page for whoever asks, never kept by a cache: it may show a patient."""
        html = self.render(
            template,
            self.speech(request),
            {"person": person_of(request), "path": request.url.path, "now": self.services.clock(), **values},
        )
        return HTMLResponse(html, status, {"Cache-Control": "no-store", **(headers or {})})


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _accepted(header: str) -> str | None:
    """The language of ours that the header likes best; None: it names none of them, or refuses it (q=0)."""
    found: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, weight = part.partition(";")
        language = tag.strip().partition("-")[0].lower()
        quality = _QUALITY.fullmatch(weight.strip())
        if language in LANGUAGES and (not weight.strip() or quality):
            found.append((float(quality[1]) if quality else 1.0, language))
    best = max(found, key=lambda one: one[0], default=(0.0, ""))
    return best[1] if best[0] > 0 else None


_QUALITY: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")


def make_web(services: AppServices, policy: SessionPolicy, *, heartbeat_s: float) -> Web:
    """Read words and templates."""
    templates = Environment(
        loader=PackageLoader("gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        navigation=NAVIGATION,
        personal_kinds=PERSONAL_KINDS,
        grouped=grouped,
        family_name_first=family_name_first,
        readable=readable,
    )
    return Web(services, read_catalogues(), templates, Passwords(), SignInDelay(), policy, heartbeat_s)


def web_of(request: Request) -> Web:
    """The application's `Web`."""
    web: Web = request.app.state.web
    return web


def person_of(request: Request) -> SignedIn | None:
    """Who is signed in, as far as this request's route has asked."""
    person: SignedIn | None = getattr(request.state, "person", None)
    return person
