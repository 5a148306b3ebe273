"""What is to go out, to a ward or a patient: asked for, proposed and promised, then picked, then handed over.

The document is a draft until its goods are handed over. What was asked for, what was proposed, every lot that was not
offered and why, and what is short stay on it for good: nothing is skipped in silence.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock import allocation, documents, reservations
from gateway.stock.allocation import Wanted
from gateway.stock.documents import Document, NewDocument
from gateway.stock.errors import DocumentStateError, WorkNotFoundError, WorkRefusedError
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.reservations import NewReservation
from inventory.fefo import Allocation, PackPolicy

Outcome = Literal["created", "exists"]
OutgoingKind = Literal["issue", "dispensing"]
OUTGOING_KINDS: Final = ("issue", "dispensing")
PICKING_TIME: Final = timedelta(minutes=30)
"""So long is promised what was proposed: a round through the store; after it others may take it."""
WAITING_TIME: Final = timedelta(hours=24)
"""So long is promised what was picked and waits for its second person: to the next shift but one."""


@dataclass(frozen=True)
class AskedLine:
    """So much of a product."""

    product_id: str
    quantity: int
    """Base units."""


@dataclass(frozen=True)
class NewOutgoing:
    """What a person asks for; the id is made by the client."""

    document_id: uuid.UUID
    kind: OutgoingKind
    from_place_id: str
    lines: tuple[AskedLine, ...]
    created_by: str
    to_place_id: str | None = None
    patient_id: uuid.UUID | None = None
    prescription_number: str | None = None
    shelf_life_days: int = 0
    """It must be usable so many days after today."""
    pack_policy: PackPolicy = "loose"
    note: str = ""
    client: Literal["web", "api"] = "api"
    zone: ZoneInfo = field(default=HOSPITAL_ZONE)

    def body(self) -> dict[str, Any]:
        """What was asked for, as the document keeps it."""
        return {
            "lines": [{"product_id": line.product_id, "quantity": line.quantity} for line in self.lines],
            "shelf_life_days": self.shelf_life_days,
            "pack_policy": self.pack_policy,
            "client": self.client,
        }


def begin(connection: Connection, new: NewOutgoing, now: datetime) -> Outcome:
    """Write the draft, propose lots and promise them; a repetition changes nothing (`exists`).

    Raises:
        WorkRefusedError: no line, a product twice or unknown.
        DocumentConflictError: the id is known with other content.
        WorkRefusedError: there is no such place.
    """
    with connection.transaction():
        draft = NewDocument(
            document_id=new.document_id,
            kind=new.kind,
            created_by=new.created_by,
            occurred_at=now,
            created_at=now,
            state="draft",
            body=new.body(),
            from_place_id=new.from_place_id,
            to_place_id=new.to_place_id,
            patient_id=new.patient_id,
            prescription_number=new.prescription_number,
            note=new.note,
            zone=new.zone,
        )
        _refuse_wrong_lines(connection, new)
        accounts = allocation.accounts_of_place(connection, new.from_place_id)
        if documents.open_document(connection, draft) == "exists":
            return "exists"
        allocation.lock_stock(connection, [line.product_id for line in new.lines], accounts)
        proposed: list[dict[str, Any]] = []
        not_offered: list[dict[str, Any]] = []
        short: list[dict[str, Any]] = []
        for number, line in enumerate(new.lines, 1):
            wanted = Wanted(line.product_id, line.quantity, accounts, new.shelf_life_days, new.pack_policy)
            found = allocation.propose(connection, wanted, now, zone=new.zone)
            proposed += _promise(connection, new, number, found, now)
            not_offered += _explained(number, found)
            if found.shortage:
                short.append(_short(connection, number, wanted, found.shortage))
        add_to_body(
            connection, new.document_id, {"proposed": proposed, "not_offered": not_offered, "short_at_first": short}
        )
    return "created"


def cancel(connection: Connection, document_id: uuid.UUID, now: datetime) -> Document:
    """Nothing of it goes out, what was promised is free again. Told again, it answers as before.

    Raises:
        DocumentStateError: it was handed over already, or there is none of this id.
    """
    with connection.transaction():
        document = read_outgoing(connection, document_id, lock=True)
        if document.state == "cancelled":
            return document
        cancelled = documents.change_state(connection, document_id, "cancelled", now)
        void_all(connection, document_id, now)
    return cancelled


def read_outgoing(connection: Connection, document_id: uuid.UUID, *, lock: bool = False) -> Document:
    """One document of goods that go out.

    Raises:
        WorkNotFoundError: there is none of this id, or it is of another kind.
    """
    try:
        document = documents.read_document(connection, document_id, lock=lock)
    except DocumentStateError:
        document = None
    if document is None or document.kind not in OUTGOING_KINDS:
        raise WorkNotFoundError("document_unknown", f"no issue or dispensing {document_id}")
    return document


def void_all(connection: Connection, document_id: uuid.UUID, now: datetime) -> None:
    """Take back every promise of a document that was not taken."""
    rows = connection.execute(
        "SELECT reservation_id FROM stock_reservation WHERE document_id = %s AND state = 'pending'"
        " ORDER BY reservation_id",
        (document_id,),
    ).fetchall()
    for (reservation_id,) in rows:
        reservations.void(connection, reservation_id, now)


def add_to_body(connection: Connection, document_id: uuid.UUID, values: Mapping[str, Any]) -> None:
    """Keep what became of a document beside what was asked for, which stays as it is."""
    connection.execute(
        "UPDATE stock_document SET body = body || %s WHERE document_id = %s",
        (Jsonb(storable(dict(values))), document_id),
    )


def _refuse_wrong_lines(connection: Connection, new: NewOutgoing) -> None:
    products = [line.product_id for line in new.lines]
    if not products:
        raise WorkRefusedError("no_lines", "nothing is asked for: name at least one product")
    twice = next((product for product in products if products.count(product) > 1), None)
    if twice is not None:
        raise WorkRefusedError("product_twice", f"product {twice!r} is asked for twice: add it up", product=twice)
    wrong = next((line for line in new.lines if line.quantity < 1), None)
    if wrong is not None:
        text = f"{wrong.quantity} of product {wrong.product_id!r}: expected 1 base unit or more"
        raise WorkRefusedError("bad_quantity", text, product=wrong.product_id)
    row = connection.execute(
        "SELECT p FROM unnest(%s::text[]) AS p WHERE NOT EXISTS (SELECT FROM product WHERE product_id = p) LIMIT 1",
        (products,),
    ).fetchone()
    if row is not None:
        raise WorkRefusedError("product_unknown", f"product {row[0]!r} is not in the catalogue", product=row[0])


def _promise(
    connection: Connection, new: NewOutgoing, number: int, found: Allocation, now: datetime
) -> list[dict[str, Any]]:
    proposed = []
    for place, one in enumerate(found.taken, 1):
        reservation_id = uuid.uuid5(new.document_id, f"promise {number} {place}")
        reservations.reserve(
            connection,
            NewReservation(
                *(reservation_id, one.account_id, found.need.product_id, one.lot, one.quantity, new.created_by),
                *(now, now + PICKING_TIME, new.document_id),
            ),
        )
        proposed.append(
            {
                "line": number,
                "product_id": found.need.product_id,
                "account_id": one.account_id,
                "lot": one.lot,
                "expiry_date": None if one.expiry_date is None else one.expiry_date.isoformat(),
                "quantity": one.quantity,
            }
        )
    return proposed


def _explained(number: int, found: Allocation) -> list[dict[str, Any]]:
    """What is not offered of a line, as the document keeps it."""
    return [
        {
            "line": number,
            "product_id": found.need.product_id,
            "account_id": one.account_id,
            "lot": one.lot,
            "expiry_date": None if one.expiry_date is None else one.expiry_date.isoformat(),
            "quantity": one.quantity,
            "why": one.why,
            "text": one.text,
            "facts": dict(one.facts),
        }
        for one in found.not_offered
    ]


def _short(connection: Connection, number: int, wanted: Wanted, missing: int) -> dict[str, Any]:
    """How much is missing, and who had it last."""
    lately = allocation.taken_lately(connection, wanted.product_id, wanted.account_ids)
    return {
        "line": number,
        "product_id": wanted.product_id,
        "missing": missing,
        "taken_lately": [{**vars(one), "at": one.at.isoformat()} for one in lately],
    }
