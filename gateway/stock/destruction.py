"""Destruction by two people: one writes down what is to be destroyed, another was there and confirms it.

Nothing is booked before the second person confirms; until then the goods are promised to the destruction. Held and
expired stock may be destroyed, that is what it waits for.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.reports.destruction_minutes import DestroyedLine, DestructionMinutes
from gateway.stock import books, documents, locks, outgoing, reservations
from gateway.stock.documents import Document, NewDocument
from gateway.stock.errors import DocumentStateError, SecondPersonError, WorkNotFoundError, WorkRefusedError
from gateway.stock.handing_over import Given, book_given
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.packs import read_packs
from gateway.stock.reservations import NewReservation
from inventory.ledger import BalanceKey

Outcome = Literal["created", "exists"]
COMMITTEE_TIME: Final = timedelta(days=30)
"""So long the goods stay promised: a committee meets once a month."""
_CONTROL_WORDS: Final = {
    "none": "",
    "narcotic": "Gây nghiện",
    "psychotropic": "Hướng thần",
    "precursor": "Tiền chất",
    "toxic": "Thuốc độc",
}
"""On the minutes, which are a Vietnamese document."""


@dataclass(frozen=True)
class DestroyLine:
    """What is to be destroyed of one lot, or one pack."""

    product_id: str
    lot: str
    quantity: int
    """Base units."""
    gtin: str | None = None
    serial_number: str | None = None


@dataclass(frozen=True)
class NewDestruction:
    """What the first person writes down; the id is made by the client."""

    document_id: uuid.UUID
    place_id: str
    lines: tuple[DestroyLine, ...]
    created_by: str
    reason: str
    method: str = ""
    decision: str = ""
    """Number and day of the decision to destroy."""
    committee: tuple[tuple[str, str], ...] = ()
    """Name and office of each member."""
    reason_code: str | None = None
    client: Literal["web", "api"] = "api"
    zone: ZoneInfo = field(default=HOSPITAL_ZONE)

    def body(self) -> dict[str, Any]:
        """As the document keeps it."""
        return {
            "lines": [vars(line) for line in self.lines],
            "method": self.method,
            "decision": self.decision,
            "committee": [list(member) for member in self.committee],
            "client": self.client,
        }


def begin(connection: Connection, new: NewDestruction, now: datetime) -> Outcome:
    """Write it down; it waits for the second person, and its goods are promised to it. Repeated: `exists`.

    Raises:
        WorkRefusedError: no line or reason, an unknown lot, a pack that is not there.
        InsufficientStockError: less is free there.
        DocumentConflictError: the id is known with other content.
        LedgerError: there is no such place.
    """
    if not new.lines or any(line.quantity < 1 for line in new.lines):
        raise WorkRefusedError("no_lines", "nothing to destroy: name each lot with 1 base unit or more")
    if not new.reason.strip():
        raise WorkRefusedError("no_reason", "why it is destroyed is not said: a destruction needs a reason")
    with connection.transaction():
        account_id = books.place_account(connection, new.place_id)
        document = NewDocument(
            document_id=new.document_id,
            kind="destruction",
            created_by=new.created_by,
            occurred_at=now,
            created_at=now,
            state="waiting_second",
            body=new.body(),
            from_place_id=new.place_id,
            reason_code=new.reason_code,
            note=new.reason,
            zone=new.zone,
        )
        if documents.open_document(connection, document) == "exists":
            return "exists"
        wanted: Counter[BalanceKey] = Counter()
        for line in new.lines:
            wanted[BalanceKey(account_id, line.product_id, line.lot)] += line.quantity
        locks.enter_with_others(connection)
        locks.lock_existing_balances(connection, wanted)
        _refuse_unknown(connection, new.lines, account_id)
        for key in sorted(wanted):
            reservation_id = uuid.uuid5(new.document_id, f"promise {key.product_id} {key.lot}")
            reservations.reserve(
                connection,
                NewReservation(
                    *(reservation_id, *key, wanted[key], new.created_by, now, now + COMMITTEE_TIME, new.document_id)
                ),
            )
        given = [
            Given(account_id, one.product_id, one.lot, one.quantity, one.gtin, one.serial_number) for one in new.lines
        ]
        outgoing.add_to_body(connection, new.document_id, {"given": [one.to_json() for one in given]})
    return "created"


def confirm(
    connection: Connection, document_id: uuid.UUID, person: str, now: datetime, *, zone: ZoneInfo = HOSPITAL_ZONE
) -> Document:
    """The second person was there: it is booked as wasted. Told again: as before.

    Raises:
        SecondPersonError: it is the first person.
        DocumentStateError: it waits for nobody.
        LedgerError: the books refuse a line.
    """
    with connection.transaction():
        before = read_destruction(connection, document_id, lock=True)
        if before.state == "posted" and before.second_person == person:
            return before
        if before.created_by == person:
            message = f"{before.number} was made by {person!r}: somebody else has to confirm it"
            raise SecondPersonError("second_person", message, number=before.number)
        document = documents.confirm_second(connection, document_id, person, now)
        given = [Given.from_json(one) for one in document.body["given"]]
        book_given(connection, document, given, now, person=document.created_by, second_person=person, zone=zone)
    return document


def cancel(connection: Connection, document_id: uuid.UUID, now: datetime) -> Document:
    """Nothing is destroyed. Told again: as before.

    Raises:
        DocumentStateError: it is destroyed already.
    """
    with connection.transaction():
        document = read_destruction(connection, document_id, lock=True)
        if document.state != "cancelled":
            document = documents.change_state(connection, document_id, "cancelled", now)
            outgoing.void_all(connection, document_id, now)
    return document


def read_destruction(connection: Connection, document_id: uuid.UUID, *, lock: bool = False) -> Document:
    """One of them.

    Raises:
        WorkNotFoundError: there is none of this id.
    """
    try:
        document = documents.read_document(connection, document_id, lock=lock)
    except DocumentStateError:
        document = None
    if document is None or document.kind != "destruction":
        raise WorkNotFoundError("document_unknown", f"no destruction {document_id}")
    return document


def minutes(connection: Connection, document_id: uuid.UUID, zone: ZoneInfo = HOSPITAL_ZONE) -> DestructionMinutes:
    """For the printed minutes.

    Raises:
        WorkRefusedError: nobody has confirmed it yet.
        WorkNotFoundError: there is none of this id.
    """
    document = read_destruction(connection, document_id)
    if document.second_person is None or document.second_at is None:
        raise WorkRefusedError(
            "not_confirmed",
            f"{document.number} waits for its second person: there are no minutes yet",
            number=document.number,
        )
    names: dict[Any, Any] = dict(connection.execute("SELECT username, display_name FROM login_account").fetchall())
    place = connection.execute("SELECT name_vi FROM place WHERE place_id = %s", (document.from_place_id,)).fetchone()
    lines = connection.execute(
        "SELECT concat_ws(' ', p.name_vi, nullif(p.strength, '')), p.base_unit_vi, m.lot,"
        " coalesce(l.expiry_date, m.expiry_date), m.quantity, p.control_class FROM movement m"
        " JOIN product p USING (product_id) LEFT JOIN lot l USING (product_id, lot)"
        " WHERE m.document_id = %s AND m.kind = 'waste' ORDER BY p.name_vi, m.lot, m.movement_id",
        (document_id,),
    )
    return DestructionMinutes(
        number=document.number,
        at=document.second_at.astimezone(zone),
        place=str(place[0]) if place else "",
        method=document.body.get("method", ""),
        decision=document.body.get("decision", ""),
        committee=tuple((str(name), str(office)) for name, office in document.body.get("committee", ())),
        done_by=_named(names, document.created_by),
        witnessed_by=_named(names, document.second_person),
        lines=tuple(
            DestroyedLine(
                str(row[0]), str(row[1]), str(row[2]), row[3], int(row[4]), document.note, _CONTROL_WORDS[row[5]]
            )
            for row in lines
        ),
    )


def _named(names: dict[Any, Any], username: str) -> str:
    """The person's name with the account's, which is never two people's."""
    name = str(names.get(username, username))
    return name if name == username else f"{name} ({username})"


def _refuse_unknown(connection: Connection, lines: Sequence[DestroyLine], account_id: str) -> None:
    packs = [(line.gtin, line.serial_number) for line in lines if line.gtin and line.serial_number]
    known = read_packs(connection, sorted({(str(gtin), str(serial)) for gtin, serial in packs}))
    for line in lines:
        row = connection.execute(
            "SELECT FROM lot WHERE product_id = %s AND lot = %s", (line.product_id, line.lot)
        ).fetchone()
        if row is None:
            message = f"lot {line.lot!r} of {line.product_id!r} is not in the books"
            raise WorkRefusedError("lot_not_here", message, product=line.product_id, lot=line.lot, elsewhere=())
        if line.serial_number is None:
            continue
        pack = known.get((line.gtin or "", line.serial_number))
        if pack is None or pack.account_id != account_id:
            where = pack.account_id if pack else "-"
            message = f"pack {line.serial_number!r} is not here by the books, but at {where!r}"
            if pack is None:
                raise WorkRefusedError("pack_unknown", message, pack=line.serial_number)
            raise WorkRefusedError("pack_elsewhere", message, pack=line.serial_number, account=pack.account_id)
