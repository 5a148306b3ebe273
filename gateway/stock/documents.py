"""Stock documents: the act that movements belong to, its number for people, and the second person where one is needed.

A document's id is made by the client. Numbers run without holes in each kind and local year: the number is taken in the
transaction that writes the document, so documents of one kind are written one after the other.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock.errors import DocumentConflictError, DocumentStateError, SecondPersonError
from gateway.stock.lines import HOSPITAL_ZONE

DocumentKind = Literal[
    "receipt",
    "put_away",
    "transfer",
    "issue",
    "dispensing",
    "return",
    "adjustment",
    "destruction",
    "repack",
    "count",
    "reversal",
]
DocumentState = Literal["draft", "waiting_second", "in_transit", "posted", "cancelled"]
Outcome = Literal["created", "exists"]

NUMBER_PREFIX: Final[Mapping[DocumentKind, str]] = {
    "receipt": "PN",  # phiếu nhập
    "put_away": "PC",  # phiếu cất
    "transfer": "PD",  # phiếu điều chuyển
    "issue": "PX",  # phiếu xuất
    "dispensing": "PP",  # phiếu phát
    "return": "PT",  # phiếu trả
    "adjustment": "DC",  # điều chỉnh
    "destruction": "PH",  # phiếu hủy
    "repack": "DG",  # đóng gói lại
    "count": "KK",  # kiểm kê
    "reversal": "BD",  # bút toán đảo
}
"""First letters of the Vietnamese name, without accents: they are typed and read out on the telephone."""
_NEXT_STATES: Final[Mapping[DocumentState, frozenset[DocumentState]]] = {
    "draft": frozenset({"waiting_second", "in_transit", "posted", "cancelled"}),
    "waiting_second": frozenset({"in_transit", "posted", "cancelled"}),
    "in_transit": frozenset({"posted"}),
    "posted": frozenset(),
    "cancelled": frozenset(),
}
"""What is posted is corrected by a reversal, never changed; what is on its way arrives, if only in part."""
_CLOSED: Final = frozenset({"posted", "cancelled"})
_LOCK: Final = 7_203_007


@dataclass(frozen=True)
class NewDocument:
    """What a client asks to be written."""

    document_id: uuid.UUID
    kind: DocumentKind
    created_by: str
    occurred_at: datetime
    created_at: datetime
    """When it was entered; its local year is the number's."""
    state: DocumentState = "posted"
    body: Mapping[str, Any] = field(default_factory=dict)
    """The lines as asked for; JSON values."""
    from_place_id: str | None = None
    to_place_id: str | None = None
    supplier_name: str | None = None
    order_id: uuid.UUID | None = None
    patient_id: uuid.UUID | None = None
    prescription_number: str | None = None
    reason_code: str | None = None
    note: str = ""
    zone: ZoneInfo = HOSPITAL_ZONE

    def content_sha256(self) -> bytes:
        """What makes it the same request when it comes again. Times and state are not in it: a server sets them."""
        content = {
            "kind": self.kind,
            "created_by": self.created_by,
            "body": storable(dict(self.body)),
            "from_place_id": self.from_place_id,
            "to_place_id": self.to_place_id,
            "supplier_name": self.supplier_name,
            "order_id": str(self.order_id),
            "patient_id": str(self.patient_id),
            "prescription_number": self.prescription_number,
            "reason_code": self.reason_code,
            "note": self.note,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).digest()


@dataclass(frozen=True)
class Document:
    """One that is written."""

    document_id: uuid.UUID
    number: str
    kind: DocumentKind
    state: DocumentState
    from_place_id: str | None
    to_place_id: str | None
    supplier_name: str | None
    order_id: uuid.UUID | None
    patient_id: uuid.UUID | None
    prescription_number: str | None
    reason_code: str | None
    note: str
    body: dict[str, Any]
    occurred_at: datetime
    created_at: datetime
    created_by: str
    second_person: str | None
    second_at: datetime | None
    closed_at: datetime | None


_COLUMNS: Final = (
    "document_id, number, kind, state, from_place_id, to_place_id, supplier_name, order_id, patient_id,"
    " prescription_number, reason_code, note, body, occurred_at, created_at, created_by, second_person, second_at,"
    " closed_at"
)


def line_id(document_id: uuid.UUID, line_number: int) -> uuid.UUID:
    """The movement id of a document's line: the same however often the document is sent."""
    return uuid.uuid5(document_id, str(line_number))


def open_document(connection: Connection, document: NewDocument) -> Outcome:
    """Write it and give it its number; a repetition changes nothing (`exists`), whatever became of it since.

    Raises:
        DocumentConflictError: a document of this id has other content.
        psycopg.errors.ForeignKeyViolation: it names a place or patient that there is not.
    """
    sha256 = document.content_sha256()
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (f"document {document.document_id}", _LOCK)
    )
    row = connection.execute(
        "SELECT content_sha256, number, kind FROM stock_document WHERE document_id = %s", (document.document_id,)
    ).fetchone()
    if row is not None:
        if row[0] != sha256:
            raise DocumentConflictError(
                "id_conflict",
                f"document {document.document_id} is {row[1]} ({row[2]}) and has other content:"
                " make a new id for a new act",
                number=row[1],
            )
        return "exists"
    connection.execute(
        "INSERT INTO stock_document (document_id, number, kind, state, content_sha256, from_place_id, to_place_id,"
        " supplier_name, order_id, patient_id, prescription_number, reason_code, note, body, occurred_at, created_at,"
        " created_by, closed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(document.document_id, _next_number(connection, document), document.kind, document.state, sha256),
            *(document.from_place_id, document.to_place_id, storable(document.supplier_name), document.order_id),
            *(document.patient_id, storable(document.prescription_number), document.reason_code),
            *(storable(document.note), Jsonb(storable(dict(document.body))), document.occurred_at),
            *(document.created_at, document.created_by),
            document.created_at if document.state in _CLOSED else None,
        ),
    )
    return "created"


def read_document(connection: Connection, document_id: uuid.UUID, *, lock: bool = False) -> Document:
    """One document; `lock` keeps its state until the transaction ends.

    Raises:
        DocumentStateError: there is none of this id.
    """
    query = f"SELECT {_COLUMNS} FROM stock_document WHERE document_id = %s"  # noqa: S608 - our own column names
    row = connection.execute(f"{query}{' FOR UPDATE' if lock else ''}".encode(), (document_id,)).fetchone()
    if row is None:
        raise DocumentStateError("document_unknown", f"no stock document {document_id}")
    return Document(*row)


def confirm_second(
    connection: Connection,
    document_id: uuid.UUID,
    person: str,
    now: datetime,
    state: DocumentState = "posted",
) -> Document:
    """The second person confirms what waits for one; the caller books it in the same transaction.

    The same person confirming again gets the document as it is: movement ids made by `line_id` book nothing twice.

    Raises:
        SecondPersonError: it is the person who made it.
        DocumentStateError: there is none of this id, or it waits for nobody.
    """
    document = read_document(connection, document_id, lock=True)
    if document.created_by == person:
        message = f"{document.number} was made by {person!r}: somebody else has to confirm it"
        raise SecondPersonError("second_person", message, number=document.number)
    if document.second_person == person:
        return document
    if document.state != "waiting_second":
        message = f"{document.number} is {document.state}: it waits for no second person"
        raise DocumentStateError("document_state", message, number=document.number, state=document.state)
    connection.execute(
        "UPDATE stock_document SET second_person = %s, second_at = %s WHERE document_id = %s",
        (person, now, document_id),
    )
    return change_state(connection, document_id, state, now)


def change_state(connection: Connection, document_id: uuid.UUID, state: DocumentState, now: datetime) -> Document:
    """To a later state; to the one that it has: nothing happens.

    Raises:
        DocumentStateError: there is none of this id, or it can't come to this state.
    """
    document = read_document(connection, document_id, lock=True)
    if document.state == state:
        return document
    if state not in _NEXT_STATES[document.state]:
        message = f"{document.number} is {document.state} and can't become {state}"
        raise DocumentStateError("document_state", message, number=document.number, state=document.state)
    connection.execute(
        "UPDATE stock_document SET state = %s, closed_at = %s WHERE document_id = %s",
        (state, now if state in _CLOSED else None, document_id),
    )
    return read_document(connection, document_id)


def _next_number(connection: Connection, document: NewDocument) -> str:
    year = document.created_at.astimezone(document.zone).year
    row = connection.execute(
        "INSERT INTO stock_document_number AS n (kind, year, last_number) VALUES (%s, %s, 1)"
        " ON CONFLICT (kind, year) DO UPDATE SET last_number = n.last_number + 1 RETURNING last_number",
        (document.kind, year),
    ).fetchone()
    if row is None:
        raise RuntimeError("an upsert that returns its row returned none")
    return f"{NUMBER_PREFIX[document.kind]}{year % 100:02d}-{row[0]:06d}"
