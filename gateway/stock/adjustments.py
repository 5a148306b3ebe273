"""Adjustments: what is there and not in the books, or in the books and not there, with a reason.

Controlled medicines are adjusted by two people: the document waits until somebody else confirms it (`two_people`).
"""

import uuid
from dataclasses import dataclass, replace
from typing import Literal

from gateway.db.pool import Connection
from gateway.stock import acts, books
from gateway.stock.acts import ActLine, Actor, Done, Notice
from gateway.stock.controlled_rules import controlled_among
from gateway.stock.documents import Document, NewDocument
from gateway.stock.lines import Doing, Line

Direction = Literal["more", "less"]


@dataclass(frozen=True)
class Adjustment:
    """What is corrected, in one direction."""

    document_id: uuid.UUID
    place_id: str
    direction: Direction
    """`more`: more is there than the books have."""
    lines: tuple[ActLine, ...]
    reason_code: str
    note: str = ""


def adjust(connection: Connection, act: Adjustment, actor: Actor) -> Done:
    """Book it in the caller's transaction, or let it wait for a second person; a repetition changes nothing.

    Raises:
        WorkRefusedError: `reason_missing`, `place_unknown`, and what `acts.refuse_no_lines` says.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`.
    """
    acts.refuse_no_lines(act.lines)
    acts.refuse_unknown_reason(connection, act.reason_code, "adjustment")
    account_id = acts.account_of(connection, act.place_id)
    needs_two = bool(controlled_among(connection, {line.product_id for line in act.lines}))
    document = NewDocument(
        document_id=act.document_id,
        kind="adjustment",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        state="waiting_second" if needs_two else "posted",
        from_place_id=act.place_id if act.direction == "less" else None,
        to_place_id=act.place_id if act.direction == "more" else None,
        reason_code=act.reason_code,
        note=act.note,
        zone=actor.zone,
        body=acts.body_of(act.lines, direction=act.direction),
    )
    lines = [] if needs_two else _lines(act.document_id, act.direction, act.lines, account_id)
    done = acts.write_act(connection, document, lines, actor)
    return replace(done, notices=(Notice("waits_second"),)) if needs_two and done.outcome == "created" else done


def post(connection: Connection, document: Document, doing: Doing) -> None:
    """Book an adjustment as its document has it.

    Raises:
        LedgerError: as `books.book`: things may have changed since it was written.
    """
    given = [ActLine.from_json(line) for line in document.body["lines"]]
    account_id = acts.account_of(connection, document.to_place_id or document.from_place_id)
    books.book(connection, doing, _lines(document.document_id, document.body["direction"], given, account_id))


def _lines(
    document_id: uuid.UUID, direction: Direction, lines: tuple[ActLine, ...] | list[ActLine], account_id: str
) -> list[Line]:
    if direction == "more":
        return acts.numbered(document_id, "adjust_in", lines, "unexplained", account_id)
    return acts.numbered(document_id, "adjust_out", lines, account_id, "unexplained")
