"""What all routes of the cold chain's records share: who may, refusals in words, spans of time, files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from gateway.api.access import RolesRequired
from gateway.api.problems import Problem
from gateway.api.web import web_of
from gateway.pages.records_words import REFUSALS, TITLE
from gateway.pages.translations import N_
from gateway.records.calibration import FILE_BYTES_MAX
from gateway.records.errors import RecordError, RecordNotFoundError
from gateway.services.roles import COLD_CHAIN_ROLES, Role
from gateway.services.sessions import SignedIn

RECORD_ROLES: Final = frozenset({Role.PHARMACIST})
"""Who may enter records: a certificate changes what readings say, and with that what is held."""
Keeper = Annotated[SignedIn, Depends(RolesRequired(RECORD_ROLES))]
Reader = Annotated[SignedIn, Depends(RolesRequired(COLD_CHAIN_ROLES))]
Span = Literal["6h", "24h", "7d", "30d", "92d", "366d"]
SPANS: Final[dict[Span, timedelta]] = {
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "92d": timedelta(days=92),
    "366d": timedelta(days=366),
}
SPAN_MIN: Final = timedelta(minutes=10)
SPAN_MAX: Final = timedelta(days=3 * 366)
"""Three years are 26,352 hours of a thermometer: read and drawn in about a second."""
Moment = Annotated[str, Query(max_length=40, description="ISO 8601; without an offset it is the hospital's time")]


@dataclass(frozen=True)
class GivenForm:
    """What was typed, and the files that were chosen."""

    typed: dict[str, str]
    files: dict[str, tuple[str, bytes]]
    """Name and bytes of each, by its field; fields without a file are not there."""


async def given_form(request: Request) -> GivenForm:
    """Read the form in the event loop, so that the route itself may block on the database."""
    typed: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}
    for name, value in (await request.form()).items():
        if isinstance(value, str):
            typed[name] = value
            continue
        if value.filename:
            files[name] = (value.filename, await value.read(FILE_BYTES_MAX + 1))
        await value.close()
    return GivenForm(typed, files)


Given = Annotated[GivenForm, Depends(given_form)]


@contextmanager
def refusals(request: Request) -> Iterator[None]:
    """Turn what the records refuse into a problem: 404 not there, 422 else; told in the reader's language."""
    try:
        yield
    except RecordError as error:
        raise problem_of(request, error) from None


def problem_of(request: Request, error: RecordError) -> Problem:
    """What is refused and what mends it."""
    speech = web_of(request).speech(request)
    values: dict[str, object] = {}
    for name, value in error.values.items():
        if isinstance(value, datetime):
            values[name] = speech.day_and_clock(value)
        elif isinstance(value, date):
            values[name] = speech.day(value)
        elif isinstance(value, float):
            values[name] = speech.decimal(value, 2)
        else:
            values[name] = value
    status = HTTPStatus.NOT_FOUND if isinstance(error, RecordNotFoundError) else HTTPStatus.UNPROCESSABLE_ENTITY
    return Problem(status, error.code, TITLE, REFUSALS[error.code], values=values)


def zone_of(request: Request) -> ZoneInfo:
    """Where the hospital's days begin."""
    return ZoneInfo(web_of(request).services.config.time_zone)


def today(request: Request) -> date:
    """The hospital's day."""
    return web_of(request).services.clock().astimezone(zone_of(request)).date()


def span_of(request: Request, span: Span, since: str, until: str) -> tuple[datetime, datetime]:
    """From the two moments if both are given, else the latest of that length.

    Raises:
        Problem: a moment that is none, or a span that is too short, too long or upside down.
    """
    now = web_of(request).services.clock()
    if not since and not until:
        return now - SPANS[span], now
    zone = zone_of(request)
    began, ended = moment_of(since, zone), moment_of(until, zone)
    if began is None or ended is None or not SPAN_MIN <= ended - began <= SPAN_MAX:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "span_wrong",
            TITLE,
            N_("From and to must be two times, at least ten minutes and at most three years apart. Correct them."),
        )
    return began, ended


def moment_of(text: str, zone: ZoneInfo) -> datetime | None:
    """ISO 8601, of the hospital's zone where it has no offset; None: it is no time."""
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def download(name: str, data: bytes, media_type: str, *, inline: bool = False) -> Response:
    """A file, kept by no cache (RFC 6266: the name for every browser, and with its letters)."""
    ascii_name = name.encode("ascii", "ignore").decode().replace('"', "")
    kind = "inline" if inline else "attachment"
    headers = {
        "Content-Disposition": f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "no-store",
    }
    return Response(data, media_type=media_type, headers=headers)


def safe_name(text: str) -> str:
    """Of a part of a file's name."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in text)
