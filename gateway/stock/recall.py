"""Recall of a lot or a pack: everything that became of it in one query, and a hold on all of it in one action.

What was repacked is followed into the lots it became, and a pack that was opened into what was taken out of it.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.people.people import Reading
from gateway.people.person import Patient
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock import holds, locks
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.stock.holds import NewHold
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.recall_query import TRACE

_PREFIX: Final = "TH"  # thu hồi


@dataclass(frozen=True)
class Subject:
    """What is traced: a lot, or one pack."""

    product_id: str
    lot: str | None = None
    gtin: str | None = None
    serial_number: str | None = None


class TracedMovement(Row):
    """One movement of it, the oldest first."""

    movement_id: uuid.UUID
    occurred_at: datetime
    kind: str
    product_id: str
    lot: str
    serial_number: str | None
    quantity: int
    from_account_id: str
    to_account_id: str
    person: str | None
    second_person: str | None
    document_number: str | None


class TracedStock(Row):
    """What of it stands on an account now."""

    account_id: str
    place_name_vi: str | None
    place_name_en: str | None
    product_id: str
    lot: str
    quantity: int
    serial_numbers: list[str]


class TracedPatient(Row):
    """To whom it was dispensed, less what came back."""

    patient_id: uuid.UUID | None
    patient_number: str | None = None
    prescription_number: str | None
    document_number: str | None
    first_at: datetime
    quantity: int


class Trace(Row):
    """Everything that is known of a lot or a pack."""

    product_id: str
    product_name_vi: str
    product_name_en: str
    base_unit_vi: str
    base_unit_en: str
    registration_numbers: list[str]
    lots: list[str]
    """All that belong to it: the lot itself, and what it was repacked into."""
    received: int
    """Base units from the supplier."""
    places: list[TracedStock]
    in_transit: list[TracedStock]
    outside: dict[str, int]
    """Base units on the accounts `dispensed`, `wasted`, `returned` and `unexplained`, by account."""
    patients: list[TracedPatient]
    movements: list[TracedMovement]


class RecallHead(Row):
    """A recall with how far it is."""

    recall_id: uuid.UUID
    number: str
    product_id: str
    product_name_vi: str
    product_name_en: str
    lot: str | None
    gtin: str | None
    serial_number: str | None
    source: str
    level: str
    reason: str
    opened_by: str
    opened_at: datetime
    holds_open: int
    release_asked_by: str | None


@dataclass(frozen=True)
class NewRecall:
    """What is called back; the id is made by the client."""

    recall_id: uuid.UUID
    subject: Subject
    reason: str
    opened_by: str
    source: str = ""
    """Who recalls: number and day of the letter."""
    level: str = ""
    zone: ZoneInfo = field(default=HOSPITAL_ZONE)

    def digest(self) -> bytes:
        """Of all that is said."""
        content = {**vars(self.subject), "reason": self.reason, "by": self.opened_by}
        content |= {"source": self.source, "level": self.level}
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).digest()


def trace(connection: Connection, subject: Subject, reading: Reading) -> Trace:
    """Every place, every movement, every patient, in one query.

    Raises:
        WorkNotFoundError: the books have never had it.
        WorkRefusedError: neither a lot nor a pack is named.
    """
    _refuse_nothing(subject)
    found = first_row(connection, Trace, TRACE, vars(subject))
    if found is None or not found.movements:
        if subject.serial_number:
            message = f"pack {subject.serial_number!r} of {subject.product_id!r} was never in the books"
            raise WorkNotFoundError("pack_never_here", message, pack=subject.serial_number, product=subject.product_id)
        message = f"lot {subject.lot!r} of {subject.product_id!r} was never in the books"
        raise WorkNotFoundError("lot_never_here", message, lot=subject.lot, product=subject.product_id)
    known = reading.read(connection, [one.patient_id for one in found.patients if one.patient_id is not None])
    patients = [_numbered(one, known) for one in found.patients]
    return found.model_copy(update={"patients": patients})


def _numbered(one: TracedPatient, known: Mapping[uuid.UUID, Patient]) -> TracedPatient:
    patient = None if one.patient_id is None else known.get(one.patient_id)
    return one if patient is None else one.model_copy(update={"patient_number": patient.patient_number})


def open_recall(connection: Connection, new: NewRecall, now: datetime) -> Literal["created", "exists"]:
    """Hold all of it, wherever it stands and whatever comes of it yet, in one action; a repetition changes nothing.

    Raises:
        WorkRefusedError: no reason, neither lot nor pack, or an unknown product.
        WorkConflictError: the id is known with other content.
    """
    subject = new.subject
    _refuse_nothing(subject)
    if not new.reason.strip():
        raise WorkRefusedError("no_reason", "why it is recalled is not said: a recall needs a reason")
    with connection.transaction():
        # Before anything else: all that is given out at this moment is finished first, and is in the trace.
        locks.enter_alone(connection)
        known = connection.execute(
            "SELECT content_sha256 FROM recall WHERE recall_id = %s", (new.recall_id,)
        ).fetchone()
        if known is not None:
            if bytes(known[0]) != new.digest():
                raise WorkConflictError("id_conflict", f"recall {new.recall_id} is known with other content")
            return "exists"
        if connection.execute("SELECT FROM product WHERE product_id = %s", (subject.product_id,)).fetchone() is None:
            message = f"product {subject.product_id!r} is not in the catalogue"
            raise WorkRefusedError("product_unknown", message, product=subject.product_id)
        number = _next_number(connection, now, new.zone)
        connection.execute(
            "INSERT INTO recall (recall_id, number, content_sha256, product_id, lot, gtin, serial_number, source,"
            " level, reason, opened_by, opened_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(new.recall_id, number, new.digest(), subject.product_id, subject.lot, subject.gtin),
                *(subject.serial_number, storable(new.source), storable(new.level), storable(new.reason)),
                *(new.opened_by, now),
            ),
        )
        for scope in _scopes(connection, subject):
            hold_id = uuid.uuid5(
                new.recall_id, json.dumps([scope.product_id, scope.lot, scope.gtin, scope.serial_number])
            )
            holds.place_hold(
                connection,
                NewHold(
                    hold_id=hold_id,
                    kind="recall",
                    product_id=scope.product_id,
                    lot=scope.lot,
                    gtin=scope.gtin,
                    serial_number=scope.serial_number,
                    reason=f"{number}: {new.reason}",
                    recall_id=new.recall_id,
                    placed_by=new.opened_by,
                    placed_at=now,
                ),
            )
    return "created"


def ask_end(connection: Connection, recall_id: uuid.UUID, person: str, reason: str, now: datetime) -> int:
    """The first person's half of taking a recall back: every hold of it waits for somebody else. How many.

    Raises:
        WorkNotFoundError: there is no such recall, or it is over.
        HoldStateError: no reason is given.
    """
    with connection.transaction():
        open_holds = _open_holds(connection, recall_id)
        for hold_id in open_holds:
            holds.ask_release(connection, hold_id, person, reason, now)
    return len(open_holds)


def confirm_end(connection: Connection, recall_id: uuid.UUID, person: str, now: datetime) -> int:
    """The second person's half: the recall is over. How many holds were released.

    Raises:
        WorkNotFoundError: there is no such recall, or it is over.
        SecondPersonError: it is the person who asked.
        HoldStateError: nobody asked.
    """
    with connection.transaction():
        open_holds = _open_holds(connection, recall_id)
        for hold_id in open_holds:
            holds.confirm_release(connection, hold_id, person, now)
    return len(open_holds)


_HEADS: Final = (
    "SELECT r.recall_id, r.number, r.product_id, p.name_vi AS product_name_vi, p.name_en AS product_name_en, r.lot,"
    " r.gtin, r.serial_number, r.source, r.level, r.reason, r.opened_by, r.opened_at,"
    " (SELECT count(*) FROM stock_hold h WHERE h.recall_id = r.recall_id AND h.released_at IS NULL) AS holds_open,"
    " (SELECT min(h.released_by) FROM stock_hold h WHERE h.recall_id = r.recall_id AND h.released_at IS NULL)"
    " AS release_asked_by FROM recall r JOIN product p USING (product_id)"
    " WHERE %(recall)s::uuid IS NULL OR recall_id = %(recall)s ORDER BY r.opened_at DESC, r.recall_id LIMIT %(limit)s"
)


def recalls(connection: Connection, limit: int = 200) -> list[RecallHead]:
    """The newest first, those that are over too."""
    return all_rows(connection, RecallHead, _HEADS, {"recall": None, "limit": limit})


def read_recall(connection: Connection, recall_id: uuid.UUID) -> RecallHead:
    """One of them.

    Raises:
        WorkNotFoundError: there is none of this id.
    """
    found = first_row(connection, RecallHead, _HEADS, {"recall": recall_id, "limit": 1})
    if found is None:
        raise WorkNotFoundError("no_recall", f"no recall {recall_id}")
    return found


def subject_of(head: RecallHead) -> Subject:
    """What it calls back."""
    return Subject(head.product_id, head.lot, head.gtin, head.serial_number)


def _refuse_nothing(subject: Subject) -> None:
    if subject.lot is None and subject.serial_number is None:
        raise WorkRefusedError("no_subject", "name the lot, or the pack by GTIN and serial number")


def _scopes(connection: Connection, subject: Subject) -> list[Subject]:
    """What is held: the lot or the pack, and what was repacked from it."""
    traced = first_row(connection, Trace, TRACE, vars(subject))
    scopes = [subject]
    if traced is not None:
        own = {(subject.product_id, subject.lot)}
        others = {(one.product_id, one.lot) for one in traced.movements if one.kind == "repack_in"} - own
        if subject.serial_number is None:
            scopes += [Subject(product_id, lot) for product_id, lot in sorted(others)]
    return scopes


def _open_holds(connection: Connection, recall_id: uuid.UUID) -> list[uuid.UUID]:
    rows = connection.execute(
        "SELECT hold_id FROM stock_hold WHERE recall_id = %s AND released_at IS NULL ORDER BY hold_id FOR UPDATE",
        (recall_id,),
    ).fetchall()
    if not rows:
        raise WorkNotFoundError("no_recall", f"recall {recall_id} is unknown or over")
    return [row[0] for row in rows]


def _next_number(connection: Connection, now: datetime, zone: ZoneInfo) -> str:
    year = now.astimezone(zone).year
    head = f"{_PREFIX}{year % 100:02d}-"
    # Whoever opens a recall is alone at the books: nobody else takes this number. Recalls are never deleted.
    row: Any = connection.execute("SELECT count(*) + 1 FROM recall WHERE starts_with(number, %s)", (head,)).fetchone()
    return f"{head}{row[0]:06d}"
