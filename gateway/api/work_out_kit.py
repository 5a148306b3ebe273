"""What the routes of work that gives out share: refusals in the reader's words, printed files, the letterhead."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from gateway.api.problems import Problem
from gateway.api.web import web_of
from gateway.db.pool import Connection
from gateway.pages import work_words
from gateway.pages.translations import N_
from gateway.pages.work_out_words import REFUSALS
from gateway.reports.document import Letterhead
from gateway.services.sessions import SignedIn
from gateway.stock.count_scope import CountConflictError
from gateway.stock.errors import DocumentConflictError, HoldConflictError, SecondPersonError, WarehouseError
from gateway.stock.letterhead import letterhead_of
from gateway.stock.work_errors import WorkConflictError, WorkNotFoundError, WorkRefusedError
from inventory.errors import InventoryError, MovementConflictError, TwoPeopleNeededError

_CONFLICTS: Final = (
    WorkConflictError,
    DocumentConflictError,
    HoldConflictError,
    CountConflictError,
    MovementConflictError,
)


def zone_of(request: Request) -> ZoneInfo:
    """Where the hospital's days begin."""
    return ZoneInfo(web_of(request).services.config.time_zone)


def now_of(request: Request) -> datetime:
    """Now, by the server."""
    return web_of(request).services.clock()


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what is refused into a problem: 404 not there, 409 in conflict with what is there, 422 else."""
    try:
        yield
    except (WarehouseError, InventoryError) as error:
        raise problem_of(error) from None


def problem_of(error: WarehouseError | InventoryError) -> Problem:
    """What is refused, with what mends it."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(error, WorkNotFoundError):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, _CONFLICTS):
        status = HTTPStatus.CONFLICT
    title = N_("This can't be done")
    if isinstance(error, WorkRefusedError) and error.code in REFUSALS:
        values: dict[str, object] = {"reason": str(error), **error.values}
        return Problem(status, error.code, title, REFUSALS[error.code], values)
    if isinstance(error, SecondPersonError):
        return Problem(status, "second_person", title, REFUSALS["second_person"])
    if isinstance(error, TwoPeopleNeededError):
        return Problem(status, "two_people", title, REFUSALS["two_people"])
    code, words = work_words.books_refusal(error)
    return Problem(status, code, title, words, {"reason": str(error)})


def letterhead(connection: Connection, request: Request, person: SignedIn) -> Letterhead:
    """The pharmacy's, printed now by this person."""
    return letterhead_of(connection, now_of(request).astimezone(zone_of(request)), person.display_name)


def pdf(content: bytes, name: str) -> Response:
    """A document to be looked at and printed, kept by no cache."""
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/pdf", headers=headers)
