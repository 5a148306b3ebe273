"""Adjustments: what is there and not in the books, or in the books and not there, with a reason.

Controlled medicines are adjusted by two people: the document waits until somebody else confirms it.
"""

import uuid
from dataclasses import dataclass, replace
from typing import Literal

from gateway.db.pool import Connection
from gateway.stock import acts, books, documents
from gateway.stock.acts import ActLine, Actor, Done
from gateway.stock.documents import NewDocument
from gateway.stock.errors import DocumentStateError
from gateway.stock.lines import Line
from gateway.stock.work_errors import WorkRefusedError

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
    needs_two = _is_controlled(connection, act.lines)
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
    return acts.write_act(connection, document, lines, actor)


def confirm(connection: Connection, document_id: uuid.UUID, actor: Actor) -> Done:
    """The second person's half: now it is booked. The same person confirming again changes nothing.

    Raises:
        WorkRefusedError: `document_unknown`.
        SecondPersonError: it is the person who made it.
        DocumentStateError: it waits for nobody, or is no adjustment.
        LedgerError: as `books.book`: things may have changed since.
    """
    try:
        kind = documents.read_document(connection, document_id).kind
    except DocumentStateError:
        raise WorkRefusedError("document_unknown", f"no stock document {document_id}") from None
    if kind != "adjustment":
        raise DocumentStateError(f"document {document_id} is no adjustment but a {kind}")
    document = documents.confirm_second(connection, document_id, actor.person, actor.received_at)
    given = [ActLine.from_json(line) for line in document.body["lines"]]
    place_id = document.to_place_id or document.from_place_id
    account_id = acts.account_of(connection, place_id)
    doing = replace(
        acts.doing_of(actor, document_id, document.reason_code, document.note),
        occurred_at=document.occurred_at,
        person=document.created_by,
        second_person=actor.person,
    )
    outcome = books.book(connection, doing, _lines(document_id, document.body["direction"], given, account_id))
    return acts.done(connection, document_id, outcome)


def _lines(
    document_id: uuid.UUID, direction: Direction, lines: tuple[ActLine, ...] | list[ActLine], account_id: str
) -> list[Line]:
    if direction == "more":
        return acts.numbered(document_id, "adjust_in", lines, "unexplained", account_id)
    return acts.numbered(document_id, "adjust_out", lines, account_id, "unexplained")


def _is_controlled(connection: Connection, lines: tuple[ActLine, ...]) -> bool:
    row = connection.execute(
        "SELECT FROM product WHERE product_id = ANY(%s) AND control_class <> 'none' LIMIT 1",
        ([line.product_id for line in lines],),
    ).fetchone()
    return row is not None
