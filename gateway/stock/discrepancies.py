"""Discrepancy cases: the queue, what is known of each, and how people settle them.

A case is settled by an explanation alone, or with a movement that mends the books: an adjustment, a reversal, or goods
that were found in another place. Of drugs under special control one person proposes and another confirms. Every act on
a case is kept: who, when, and why.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock import books, documents, locks
from gateway.stock.documents import DocumentKind, NewDocument, line_id
from gateway.stock.errors import SecondPersonError, WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.stock.lines import HOSPITAL_ZONE, Doing, Goods, Line

ResolvedAs = Literal["explained", "adjusted", "reversed", "found_elsewhere"]
RESOLUTIONS: Final[tuple[ResolvedAs, ...]] = ("explained", "adjusted", "reversed", "found_elsewhere")
Act = Literal["noted", "proposed", "withdrawn", "resolved", "confirmed"]


class Case(Row):
    """One case."""

    discrepancy_id: int
    opened_at: datetime
    code: str
    detail: str
    product_id: str | None
    product_name_vi: str | None
    product_name_en: str | None
    lot: str | None
    control_class: str
    """`none` also where no product is known."""
    movement_id: uuid.UUID | None
    document_id: uuid.UUID | None
    document_number: str | None
    epoch_key: int | None
    seq: int | None
    proposal: dict[str, Any] | None
    proposed_by: str | None
    proposed_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolved_second: str | None
    resolved_as: ResolvedAs | None
    resolution: str | None
    resolution_document_number: str | None


class CaseAct(Row):
    """What somebody did about a case."""

    at: datetime
    person: str
    act: Act
    text: str


@dataclass(frozen=True)
class Resolution:
    """How a case is to be settled; the document's id is made by the client."""

    document_id: uuid.UUID
    resolve_as: ResolvedAs
    reason: str
    place_id: str | None = None
    """`adjusted`: where the books change. `found_elsewhere`: where the books have it."""
    to_place_id: str | None = None
    """`found_elsewhere`: where it was found."""
    product_id: str | None = None
    lot: str | None = None
    quantity: int | None = None
    """Base units; of an adjustment negative where the books have too much."""
    gtin: str | None = None
    serial_number: str | None = None
    """With `gtin`: one pack."""
    movement_id: uuid.UUID | None = None
    """`reversed`: what is taken back."""
    zone: ZoneInfo = field(default=HOSPITAL_ZONE)

    def to_json(self) -> dict[str, Any]:
        """As the case keeps it while it waits for the second person."""
        values = {name: value for name, value in vars(self).items() if name != "zone"}
        return {name: str(value) if isinstance(value, uuid.UUID) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, value: dict[str, Any], zone: ZoneInfo) -> "Resolution":
        """As the case has it."""
        movement = value.get("movement_id")
        fields = {**value, "document_id": uuid.UUID(value["document_id"])}
        return cls(**{**fields, "movement_id": None if movement is None else uuid.UUID(movement)}, zone=zone)


_CASES: Final = (
    "SELECT d.discrepancy_id, d.opened_at, d.code, d.detail, p.product_id, p.name_vi AS product_name_vi,"
    " p.name_en AS product_name_en, coalesce(d.lot, m.lot, s.parsed->>'lot') AS lot,"
    " coalesce(p.control_class, 'none') AS control_class, d.movement_id, d.document_id, od.number AS document_number,"
    " d.epoch_key, d.seq, d.proposal, d.proposed_by, d.proposed_at, d.resolved_at, d.resolved_by, d.resolved_second,"
    " d.resolved_as, d.resolution, rd.number AS resolution_document_number FROM discrepancy d"
    " LEFT JOIN movement m ON m.movement_id = d.movement_id"
    " LEFT JOIN scan s ON s.epoch_key = d.epoch_key AND s.seq = d.seq"
    " LEFT JOIN trade_item t ON t.gtin = s.parsed->>'gtin'"
    " LEFT JOIN product p ON p.product_id = coalesce(d.product_id, m.product_id, t.product_id)"
    " LEFT JOIN stock_document od ON od.document_id = d.document_id"
    " LEFT JOIN stock_document rd ON rd.document_id = d.resolution_document_id"
)
_QUEUE: Final = (
    _CASES + " WHERE (%(all)s OR d.resolved_at IS NULL) AND (NOT %(controlled)s OR p.control_class <> 'none')"
    " ORDER BY d.resolved_at IS NOT NULL, coalesce(p.control_class, 'none') = 'none', d.proposed_by IS NULL,"
    " d.opened_at, d.discrepancy_id LIMIT %(limit)s"
)
_ONE: Final = _CASES + " WHERE d.discrepancy_id = %(case)s"


def queue(
    connection: Connection, *, resolved_too: bool = False, only_controlled: bool = False, limit: int = 200
) -> list[Case]:
    """Open cases of drugs under special control first, then what waits for a second person, then the oldest."""
    return all_rows(connection, Case, _QUEUE, {"all": resolved_too, "controlled": only_controlled, "limit": limit})


def read_case(connection: Connection, discrepancy_id: int) -> Case:
    """One case.

    Raises:
        WorkNotFoundError: there is none of this number.
    """
    found = first_row(connection, Case, _ONE, {"case": discrepancy_id})
    if found is None:
        raise WorkNotFoundError("case_unknown", f"no case {discrepancy_id}")
    return found


def acts_on(connection: Connection, discrepancy_id: int) -> list[CaseAct]:
    """What people did about it, the first act first."""
    query = "SELECT at, person, act, text FROM discrepancy_act WHERE discrepancy_id = %(case)s ORDER BY act_number"
    return all_rows(connection, CaseAct, query, {"case": discrepancy_id})


def note(connection: Connection, discrepancy_id: int, person: str, text: str, now: datetime) -> None:
    """Something that was found out.

    Raises:
        WorkNotFoundError: there is no such case.
        WorkRefusedError: it says nothing.
    """
    if not text.strip():
        raise WorkRefusedError("no_reason", "the note says nothing")
    with connection.transaction():
        _lock(connection, discrepancy_id)
        _keep(connection, discrepancy_id, "noted", person, text, now=now)


def resolve(connection: Connection, discrepancy_id: int, wanted: Resolution, person: str, now: datetime) -> Case:
    """Settle it; of a drug under special control this is the first person's half. Told again: as before.

    Raises:
        WorkNotFoundError: there is no such case.
        WorkRefusedError: no reason, or a movement that is not told whole.
        WorkConflictError: it is settled otherwise already.
        LedgerError: the books refuse the movement.
    """
    _refuse_incomplete(wanted)
    with connection.transaction():
        locks.enter_alone(connection)
        case = _lock(connection, discrepancy_id)
        if case.resolved_at is not None or case.proposal is not None:
            if case.proposal == wanted.to_json() and person in {case.proposed_by, case.resolved_by}:
                return case
            by = case.resolved_by or case.proposed_by
            message = f"case {discrepancy_id} is settled, or waits for its second person, by {by}: withdraw that first"
            raise WorkConflictError("case_settled", message, person=by)
        connection.execute(
            "UPDATE discrepancy SET proposal = %s, proposed_by = %s, proposed_at = %s WHERE discrepancy_id = %s",
            (Jsonb(storable(wanted.to_json())), person, now, discrepancy_id),
        )
        if _is_controlled(connection, case, wanted):
            _keep(connection, discrepancy_id, "proposed", person, wanted.reason, now=now)
        else:
            _settle(connection, discrepancy_id, wanted, person, None, now=now)
            _keep(connection, discrepancy_id, "resolved", person, wanted.reason, now=now)
        return read_case(connection, discrepancy_id)


def confirm(connection: Connection, discrepancy_id: int, person: str, now: datetime, zone: ZoneInfo) -> Case:
    """The second person's half: what was proposed is booked. Told again: as before.

    Raises:
        WorkNotFoundError: there is no such case.
        SecondPersonError: it is the person who proposed.
        WorkRefusedError: nothing is proposed.
        LedgerError: the books refuse the movement.
    """
    with connection.transaction():
        locks.enter_alone(connection)
        case = _lock(connection, discrepancy_id)
        if case.resolved_at is not None and case.resolved_second == person:
            return case
        if case.proposal is None or case.proposed_by is None or case.resolved_at is not None:
            message = f"case {discrepancy_id}: nobody proposed how to settle it, or it is settled"
            raise WorkRefusedError("nothing_proposed", message)
        if case.proposed_by == person:
            message = f"case {discrepancy_id}: {person!r} proposed it: somebody else has to confirm it"
            raise SecondPersonError("second_person", message)
        wanted = Resolution.from_json(case.proposal, zone)
        _settle(connection, discrepancy_id, wanted, case.proposed_by, person, now=now)
        _keep(connection, discrepancy_id, "confirmed", person, wanted.reason, now=now)
        return read_case(connection, discrepancy_id)


def withdraw(connection: Connection, discrepancy_id: int, person: str, text: str, now: datetime) -> Case:
    """What was proposed is not to be; the case is open again.

    Raises:
        WorkNotFoundError: there is no such case.
        WorkRefusedError: nothing waits.
    """
    with connection.transaction():
        case = _lock(connection, discrepancy_id)
        if case.proposal is None or case.resolved_at is not None:
            raise WorkRefusedError("nothing_proposed", f"case {discrepancy_id}: nothing waits for a second person")
        connection.execute(
            "UPDATE discrepancy SET proposal = NULL, proposed_by = NULL, proposed_at = NULL WHERE discrepancy_id = %s",
            (discrepancy_id,),
        )
        _keep(connection, discrepancy_id, "withdrawn", person, text or case.proposal["reason"], now=now)
        return read_case(connection, discrepancy_id)


def _lock(connection: Connection, discrepancy_id: int) -> Case:
    connection.execute("SELECT FROM discrepancy WHERE discrepancy_id = %s FOR UPDATE", (discrepancy_id,))
    return read_case(connection, discrepancy_id)


def _keep(connection: Connection, discrepancy_id: int, act: Act, person: str, text: str, *, now: datetime) -> None:
    connection.execute(
        "INSERT INTO discrepancy_act (discrepancy_id, act_number, at, person, act, text) SELECT %(case)s,"
        " coalesce(max(act_number), 0) + 1, %(now)s, %(person)s, %(act)s, %(text)s FROM discrepancy_act"
        " WHERE discrepancy_id = %(case)s",
        {"case": discrepancy_id, "now": now, "person": person, "act": act, "text": storable(text)},
    )


def _is_controlled(connection: Connection, case: Case, wanted: Resolution) -> bool:
    """The case's product, or the one that the movement would be of."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM product WHERE control_class <> 'none' AND (product_id = %(case)s"
        " OR product_id = %(wanted)s"
        " OR product_id = (SELECT product_id FROM movement WHERE movement_id = %(movement)s)))",
        {"case": case.product_id, "wanted": wanted.product_id, "movement": wanted.movement_id},
    ).fetchone()
    return bool(row and row[0])


def _refuse_incomplete(wanted: Resolution) -> None:
    if not wanted.reason.strip():
        raise WorkRefusedError("no_reason", "why the case is settled is not said: say what was found out")
    if wanted.resolve_as == "reversed" and wanted.movement_id is None:
        raise WorkRefusedError("no_movement", "which movement is to be taken back is not said")
    if wanted.resolve_as not in {"adjusted", "found_elsewhere"}:
        return
    if wanted.place_id is None or wanted.product_id is None or not wanted.quantity:
        raise WorkRefusedError("goods_not_told", "which goods, where, and how many is not said")
    if wanted.resolve_as == "found_elsewhere" and (wanted.to_place_id is None or wanted.quantity < 1):
        raise WorkRefusedError("goods_not_told", "where the goods were found, or how many, is not said")


def _settle(
    connection: Connection, discrepancy_id: int, wanted: Resolution, person: str, second: str | None, *, now: datetime
) -> None:
    document_id = None
    if wanted.resolve_as != "explained":
        document_id = wanted.document_id
        _book(connection, discrepancy_id, wanted, person, second, now=now)
    connection.execute(
        "UPDATE discrepancy SET resolved_at = %s, resolved_by = %s, resolved_second = %s, resolved_as = %s,"
        " resolution = %s, resolution_document_id = %s WHERE discrepancy_id = %s",
        (now, person, second, wanted.resolve_as, storable(wanted.reason), document_id, discrepancy_id),
    )


def _book(
    connection: Connection, discrepancy_id: int, wanted: Resolution, person: str, second: str | None, *, now: datetime
) -> None:
    """What mends the books, on a document of its own."""
    kind: DocumentKind = "reversal" if wanted.resolve_as == "reversed" else "adjustment"
    document = NewDocument(
        document_id=wanted.document_id,
        kind=kind,
        created_by=person,
        occurred_at=now,
        created_at=now,
        body={"discrepancy_id": discrepancy_id, "resolution": wanted.to_json()},
        from_place_id=wanted.place_id,
        to_place_id=wanted.to_place_id,
        note=wanted.reason,
        zone=wanted.zone,
    )
    documents.open_document(connection, document)
    if second is not None:
        connection.execute(
            "UPDATE stock_document SET second_person = %s, second_at = %s WHERE document_id = %s",
            (second, now, wanted.document_id),
        )
    doing = Doing(
        occurred_at=now,
        received_at=now,
        client="api",
        person=person,
        second_person=second,
        document_id=wanted.document_id,
        note=wanted.reason,
        zone=wanted.zone,
    )
    movement_id = line_id(wanted.document_id, 1)
    if wanted.movement_id is not None and wanted.resolve_as == "reversed":
        books.reverse(connection, doing, wanted.movement_id, movement_id)
        return
    quantity = wanted.quantity or 0
    goods = Goods(wanted.product_id or "", wanted.lot or "", None, abs(quantity), wanted.gtin, wanted.serial_number)
    here = books.place_account(connection, wanted.place_id or "")
    if wanted.resolve_as == "found_elsewhere":
        there = books.place_account(connection, wanted.to_place_id or "")
        line = Line(movement_id, "found", goods, here, there)
    elif quantity > 0:
        line = Line(movement_id, "adjust_in", goods, "unexplained", here)
    else:
        line = Line(movement_id, "adjust_out", goods, here, "unexplained")
    books.book(connection, doing, [line])
