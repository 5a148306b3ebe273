"""What every act of the store has in common: who does it, the lines asked for, one document, one booking.

A transaction writes an act's document and its movements, or neither. The document's id is the client's: sent again, the
act is known (`exists`) and nothing is booked twice.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.stock import books, documents
from gateway.stock.documents import NewDocument, line_id
from gateway.stock.errors import WorkRefusedError
from gateway.stock.lines import HOSPITAL_ZONE, Doing, Goods, Line
from inventory.movement import MovementKind

Outcome = Literal["created", "exists"]
ReasonFor = Literal["adjustment", "destruction", "return", "reversal", "hold", "release", "storage"]


@dataclass(frozen=True)
class Actor:
    """Who acts, when and by what."""

    person: str
    occurred_at: datetime
    received_at: datetime
    client: Literal["web", "api", "cli"] = "api"
    zone: ZoneInfo = HOSPITAL_ZONE

    @property
    def today(self) -> date:
        """The hospital's day when it happened."""
        return self.occurred_at.astimezone(self.zone).date()


@dataclass(frozen=True)
class ActLine:
    """Goods that an act is about."""

    product_id: str
    quantity: int
    """Base units."""
    lot: str = ""
    """Empty where the packs name none."""
    expiry_date: date | None = None
    gtin: str | None = None
    serial_number: str | None = None
    scan_text: str | None = None
    """What was scanned for it."""

    @property
    def goods(self) -> Goods:
        """For the books."""
        return Goods(self.product_id, self.lot, self.expiry_date, self.quantity, self.gtin, self.serial_number)

    def as_json(self) -> dict[str, Any]:
        """For the document's body; what is not known is left out."""
        fields = {
            "product_id": self.product_id,
            "quantity": self.quantity,
            "lot": self.lot,
            "expiry_date": self.expiry_date.isoformat() if self.expiry_date else None,
            "gtin": self.gtin,
            "serial_number": self.serial_number,
            "scan_text": self.scan_text,
        }
        return {name: value for name, value in fields.items() if value not in {None, ""}}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "ActLine":
        """As `as_json` wrote it."""
        day = fields.get("expiry_date")
        known = {name: fields[name] for name in ("lot", "gtin", "serial_number", "scan_text") if name in fields}
        return cls(
            product_id=fields["product_id"],
            quantity=fields["quantity"],
            expiry_date=date.fromisoformat(day) if day else None,
            **known,
        )


@dataclass(frozen=True)
class Notice:
    """Something that a person should know about an act; it does not stop it."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)
    line: int | None = None
    """Index of the line, from 0; None: about the whole act."""


@dataclass(frozen=True)
class Done:
    """What came of an act."""

    outcome: Outcome
    document_id: uuid.UUID
    number: str
    state: str
    notices: tuple[Notice, ...] = ()


def doing_of(actor: Actor, document_id: uuid.UUID, reason_code: str | None = None, note: str = "") -> Doing:
    """How the books trace the movements of an act."""
    return Doing(
        occurred_at=actor.occurred_at,
        received_at=actor.received_at,
        client=actor.client,
        person=actor.person,
        document_id=document_id,
        reason_code=reason_code,
        note=note,
        zone=actor.zone,
    )


def numbered(
    document_id: uuid.UUID, kind: MovementKind, lines: Sequence[ActLine], source: str, target: str
) -> list[Line]:
    """One movement for each line, from one account to another."""
    return [Line(line_id(document_id, place), kind, line.goods, source, target) for place, line in enumerate(lines, 1)]


def body_of(lines: Sequence[ActLine], **more: object) -> dict[str, Any]:
    """What a document keeps of the request."""
    return {"lines": [line.as_json() for line in lines], **{name: value for name, value in more.items() if value}}


def refuse_no_lines(lines: Sequence[ActLine]) -> None:
    """An act is about goods, and of each a positive number.

    Raises:
        WorkRefusedError: `no_lines`, `bad_quantity`, `pack_twice`.
    """
    if not lines:
        raise WorkRefusedError("no_lines", "no lines: scan or enter what it is about")
    seen: set[tuple[str | None, str]] = set()
    for line in lines:
        if line.quantity < 1:
            raise WorkRefusedError(
                "bad_quantity",
                f"quantity {line.quantity} of {line.product_id}: expected 1 or more base units",
                product=line.product_id,
            )
        if line.serial_number is not None:
            key = (line.gtin, line.serial_number)
            if key in seen:
                raise WorkRefusedError(
                    "pack_twice", f"pack {line.serial_number!r} stands there twice: leave one out", pack=key[1]
                )
            seen.add(key)


def refuse_unknown_reason(connection: Connection, reason_code: str | None, applies_to: ReasonFor) -> None:
    """One from the list.

    Raises:
        WorkRefusedError: `reason_missing`.
    """
    row = connection.execute(
        "SELECT FROM reason WHERE reason_code = %s AND applies_to = %s", (reason_code, applies_to)
    ).fetchone()
    if row is None:
        raise WorkRefusedError(
            "reason_missing", f"reason {reason_code!r} is none for {applies_to}: choose one from the list"
        )


def account_of(connection: Connection, place_id: str | None) -> str:
    """The account of a place that must exist.

    Raises:
        WorkRefusedError: `place_unknown`.
    """
    try:
        return books.place_account(connection, place_id or "")
    except books.LedgerError as error:
        raise WorkRefusedError(error.code, str(error), **error.values) from None


def refuse_same_place(source: str, target: str) -> None:
    """Goods that stay where they are were not moved.

    Raises:
        WorkRefusedError: `same_place`.
    """
    if source == target:
        raise WorkRefusedError("same_place", f"from and to are both {source!r}: choose two places", place=source)


def write_act(
    connection: Connection, document: NewDocument, lines: Sequence[Line], actor: Actor, *notices: Notice
) -> Done:
    """The document and its movements; a repetition writes nothing.

    Raises:
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`.
    """
    outcome = documents.open_document(connection, document)
    if outcome == "created" and lines:
        doing = doing_of(actor, document.document_id, document.reason_code, document.note)
        books.book(connection, doing, lines)
    return done(connection, document.document_id, outcome, notices)


def done(connection: Connection, document_id: uuid.UUID, outcome: Outcome, notices: Sequence[Notice] = ()) -> Done:
    """The answer, with the number that the document has."""
    written = documents.read_document(connection, document_id)
    return Done(outcome, document_id, written.number, written.state, tuple(notices))
