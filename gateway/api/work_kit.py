"""What all routes of the store's work share: who may, idempotency keys, goods in a request, answers, refusals."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Header, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from gateway.api.access import RolesRequired
from gateway.api.problems import PROBLEM_MEDIA_TYPE, Problem, ProblemBody
from gateway.api.web import web_of
from gateway.db.pool import Connection
from gateway.pages import work_words
from gateway.pages.refusal_words import REFUSALS
from gateway.pages.refusals import TITLE
from gateway.pages.speech import Speech
from gateway.pages.translations import N_
from gateway.reports.document import Letterhead
from gateway.services.roles import STOCK_ROLES, Role
from gateway.services.sessions import SignedIn
from gateway.stock.acts import ActLine, Actor, Done, Notice
from gateway.stock.errors import WarehouseError, WorkConflictError, WorkNotFoundError
from gateway.stock.letterhead import letterhead_of
from inventory.errors import CodeError, InventoryError, MovementConflictError

WORK_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ProblemBody, "description": text, "content": {PROBLEM_MEDIA_TYPE: {}}}
    for status, text in (
        (HTTPStatus.UNAUTHORIZED.value, "Nobody is signed in"),
        (HTTPStatus.FORBIDDEN.value, "No role that may do this"),
        (HTTPStatus.NOT_FOUND.value, "There is no such document or order"),
        (HTTPStatus.CONFLICT.value, "The id is known with other content: a new act needs a new id"),
        (HTTPStatus.UNPROCESSABLE_ENTITY.value, "It can't be done; nothing was changed, and the detail says why"),
        (HTTPStatus.SERVICE_UNAVAILABLE.value, "The database does not answer: send it again, with the same id"),
    )
}
WORK_ROLES: Final = frozenset({Role.PHARMACIST})
"""Who may move stock."""
Worker = Annotated[SignedIn, Depends(RolesRequired(WORK_ROLES))]
READERS: Final = [Depends(RolesRequired(STOCK_ROLES))]
IdempotencyKey = Annotated[
    str | None, Header(max_length=200, description="Instead of document_id: the same key is the same act")
]
PRINTABLE: Final = r"\A[^\x00-\x1f]*\z"
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=PRINTABLE)]
Note = Annotated[str, Field(max_length=1000)]
Quantity = Annotated[int, Field(ge=1, le=2**31 - 1, description="Base units")]
_NOT_FOUND: Final = frozenset({"order_unknown", "document_unknown", "transfer_unknown"})
_KEY_SPACE: Final = uuid.UUID("6ba1d0d4-0c0f-5f4e-9b53-3f0f6f5d1c4e")
"""Ours, for ids made of keys that are none."""


class GoodsGiven(BaseModel):
    """One lot, or one pack of it, as it was scanned or entered."""

    product_id: Name
    quantity: Quantity
    lot: Annotated[str, Field(max_length=64, pattern=PRINTABLE, description="Empty where the packs name none")] = ""
    expiry_date: date | None = None
    gtin: Annotated[str | None, Field(pattern=r"\A[0-9]{14}\z", description="Of the pack; null: loose units")] = None
    serial_number: Annotated[str | None, Field(min_length=1, max_length=20, pattern=PRINTABLE)] = None
    scan_text: Annotated[str | None, Field(max_length=4096)] = None


Goods = Annotated[list[GoodsGiven], Field(min_length=1, max_length=2000)]


class Act(BaseModel):
    """What every act says."""

    document_id: uuid.UUID | None = Field(
        default=None, description="Made by the client: told again, it answers with what there is"
    )
    occurred_at: AwareDatetime | None = Field(default=None, description="When it happened; now, if left out")
    note: Note = ""


class NoticeAnswer(BaseModel):
    """Something that a person should know; it did not stop the act."""

    code: str
    mood: str
    text: str
    line: int | None = Field(description="Index of the line, from 0; null: about the whole act")


class DoneAnswer(BaseModel):
    """What came of an act."""

    outcome: Literal["created", "exists"]
    document_id: uuid.UUID
    number: str
    state: str
    notices: list[NoticeAnswer]


def act_lines(goods: list[GoodsGiven]) -> tuple[ActLine, ...]:
    """For the services."""
    return tuple(ActLine(**given.model_dump()) for given in goods)


def actor_of(request: Request, person: SignedIn, occurred_at: datetime | None = None) -> Actor:
    """Who acts; without a time, now."""
    services = web_of(request).services
    now = services.clock()
    if occurred_at is not None and occurred_at > now:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "time_ahead",
            N_("This can't be done"),
            N_("It can't have happened later than now. Check the clock of the device."),
        )
    return Actor(person.username, occurred_at or now, now, "web", ZoneInfo(services.config.time_zone))


def id_of(person: SignedIn, given: uuid.UUID | None, key: str | None) -> uuid.UUID:
    """The act's id: of the body, or of the header.

    Raises:
        Problem: neither is there, or they differ.
    """
    by_key = None
    if key:
        try:
            by_key = uuid.UUID(key)
        except ValueError:
            by_key = uuid.uuid5(_KEY_SPACE, f"{person.username} {key}")
    if given is not None and by_key in {None, given}:
        return given
    if given is None and by_key is not None:
        return by_key
    raise Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "id_missing",
        N_("Something in the request is wrong"),
        N_("Send one document_id, or one Idempotency-Key, made for this act alone."),
    )


def answer_of(request: Request, response: Response, done: Done) -> DoneAnswer:
    """With the status 201 if it is new, and its notices in the reader's language."""
    response.status_code = HTTPStatus.CREATED if done.outcome == "created" else HTTPStatus.OK
    response.headers["Location"] = f"/api/v1/stock/documents/{done.document_id}"
    speech = web_of(request).speech(request)
    return DoneAnswer(
        outcome=done.outcome,
        document_id=done.document_id,
        number=done.number,
        state=done.state,
        notices=[say_notice(notice, speech) for notice in done.notices],
    )


def say_notice(notice: Notice, speech: Speech) -> NoticeAnswer:
    """A notice in words."""
    state = work_words.NOTICES[notice.code]
    text = speech.text(state.sentence, **notice.values)
    return NoticeAnswer(code=notice.code, mood=state.mood, text=text, line=notice.line)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the store's rules and the books refuse into a problem: 404 not there, 409 in conflict, 422 else."""
    try:
        yield
    except (WarehouseError, InventoryError) as error:
        raise problem_of(error) from None


def problem_of(error: WarehouseError | InventoryError) -> Problem:
    """What is refused, by its code and facts; `detail_of` says it with what mends it."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(error, WorkNotFoundError) or error.code in _NOT_FOUND:
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, WorkConflictError | MovementConflictError):
        status = HTTPStatus.CONFLICT
    code, facts = error.code, dict(error.values)
    if isinstance(error, CodeError):
        code, facts = "unreadable", {"problem": error.code}
    if code not in REFUSALS:
        code = "refused"
    return Problem(status, code, TITLE, REFUSALS[code], facts=facts)


def zone_of(request: Request) -> ZoneInfo:
    """Where the hospital's days begin."""
    return ZoneInfo(web_of(request).services.config.time_zone)


def now_of(request: Request) -> datetime:
    """Now, by the server."""
    return web_of(request).services.clock()


def letterhead(connection: Connection, request: Request, person: SignedIn) -> Letterhead:
    """The pharmacy's, printed now by this person."""
    return letterhead_of(connection, now_of(request).astimezone(zone_of(request)), person.display_name)


def pdf(content: bytes, name: str) -> Response:
    """A document to be looked at and printed, kept by no cache."""
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/pdf", headers=headers)
