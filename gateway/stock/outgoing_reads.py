"""What people see of a document that goes out: lines with what is still missing, proposals, explanations, picks."""

import uuid
from datetime import date, datetime
from typing import Any, Final

from gateway.db.pool import Connection
from gateway.people.people import Reading
from gateway.services.reads_rows import Row, all_rows
from gateway.stock.documents import DocumentState
from gateway.stock.outgoing import OutgoingKind, read_outgoing
from gateway.stock.picking import Note, picks_of


class Proposed(Row):
    """Take so much of this lot there."""

    line: int
    product_id: str
    account_id: str
    lot: str
    expiry_date: date | None
    quantity: int


class NotOffered(Proposed):
    """So much of a lot was not offered, and why."""

    why: str
    text: str
    facts: dict[str, str]


class LatelyTaken(Row):
    """Who gave the product out last."""

    at: datetime
    person: str | None
    quantity: int
    lot: str
    to_account_id: str
    document_number: str | None


class Short(Row):
    """How much was missing when it was asked for."""

    line: int
    product_id: str
    missing: int
    taken_lately: list[LatelyTaken]


class Picked(Row):
    """A pack, or a part of one, in the basket."""

    pick_id: uuid.UUID
    account_id: str
    product_id: str
    lot: str
    expiry_date: date | None
    serial_number: str | None
    quantity: int
    note: Note
    picked_by: str


class OutgoingLine(Row):
    """One product that was asked for."""

    line: int
    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    control_class: str
    asked: int
    picked: int
    given: int | None
    """Null: not handed over yet."""
    short: int | None
    """Asked for and not given; null: not handed over yet."""


class Outgoing(Row):
    """A document that goes out, whole."""

    document_id: uuid.UUID
    number: str
    kind: OutgoingKind
    state: DocumentState
    from_place_id: str | None
    to_place_id: str | None
    patient_id: uuid.UUID | None
    patient_number: str | None
    allergy_flag: bool | None
    prescription_number: str | None
    note: str
    created_by: str
    created_at: datetime
    second_person: str | None
    lines: list[OutgoingLine]
    proposed: list[Proposed]
    not_offered: list[NotOffered]
    short_at_first: list[Short]
    picks: list[Picked]
    to_count: list[str]
    """Products that the second person counts blind before confirming."""


class Waiting(Row):
    """One that is not handed over, in a list."""

    document_id: uuid.UUID
    number: str
    kind: str
    state: DocumentState
    created_by: str
    created_at: datetime
    from_name_vi: str | None
    from_name_en: str | None
    to_name_vi: str | None
    to_name_en: str | None
    prescription_number: str | None


_WAITING: Final = (
    "SELECT d.document_id, d.number, d.kind, d.state, d.created_by, d.created_at, f.name_vi AS from_name_vi,"
    " f.name_en AS from_name_en, t.name_vi AS to_name_vi, t.name_en AS to_name_en, d.prescription_number"
    " FROM stock_document d LEFT JOIN place f ON f.place_id = d.from_place_id"
    " LEFT JOIN place t ON t.place_id = d.to_place_id WHERE d.kind = ANY(%(kinds)s)"
    " AND d.state IN ('draft', 'waiting_second') ORDER BY d.state = 'draft', d.created_at LIMIT 200"
)


def waiting(connection: Connection, *kinds: str) -> list[Waiting]:
    """What waits for its second person first, then drafts; the oldest first."""
    return all_rows(connection, Waiting, _WAITING, {"kinds": list(kinds)})


def read_whole(connection: Connection, document_id: uuid.UUID, reading: Reading) -> Outgoing:
    """One document; without what the books have of it while somebody is to count controlled drugs blind.

    Raises:
        WorkNotFoundError: there is none of this id.
    """
    document = read_outgoing(connection, document_id)
    picks = picks_of(connection, document_id)
    patient = reading.one(connection, document.patient_id)
    lines = _lines(connection, document.body, {one.pick_id: (one.product_id, one.quantity) for one in picks})
    given = {one["product_id"] for one in document.body.get("given", ())}
    to_count = [line.product_id for line in lines if line.control_class != "none" and line.product_id in given]
    told = {} if to_count and document.state == "waiting_second" else document.body
    return Outgoing(
        document_id=document_id,
        number=document.number,
        kind="issue" if document.kind == "issue" else "dispensing",
        state=document.state,
        from_place_id=document.from_place_id,
        to_place_id=document.to_place_id,
        patient_id=document.patient_id,
        patient_number=patient.patient_number if patient else None,
        allergy_flag=patient.allergy_flag if patient else None,
        prescription_number=document.prescription_number,
        note=document.note,
        created_by=document.created_by,
        created_at=document.created_at,
        second_person=document.second_person,
        lines=lines,
        proposed=[Proposed.model_validate(one) for one in told.get("proposed", ())],
        not_offered=[NotOffered.model_validate(one) for one in told.get("not_offered", ())],
        short_at_first=[Short.model_validate(one) for one in told.get("short_at_first", ())],
        picks=[Picked.model_validate(vars(one)) for one in picks],
        to_count=to_count,
    )


def _lines(connection: Connection, body: dict[str, Any], picks: dict[uuid.UUID, tuple[str, int]]) -> list[OutgoingLine]:
    asked = {one["product_id"]: int(one["quantity"]) for one in body["lines"]}
    results = {one["product_id"]: one for one in body.get("results", ())}
    rows = connection.execute(
        "SELECT product_id, name_vi, name_en, base_unit_vi, base_unit_en, control_class FROM product"
        " WHERE product_id = ANY(%s)",
        (list(asked),),
    )
    names = {str(row[0]): row[1:] for row in rows}
    lines = []
    for number, (product_id, quantity) in enumerate(asked.items(), 1):
        name_vi, name_en, unit_vi, unit_en, control_class = names[product_id]
        result = results.get(product_id)
        lines.append(
            OutgoingLine(
                line=number,
                product_id=product_id,
                name_vi=name_vi,
                name_en=name_en,
                base_unit_vi=unit_vi,
                base_unit_en=unit_en,
                control_class=control_class,
                asked=quantity,
                picked=sum(units for product, units in picks.values() if product == product_id),
                given=result["given"] if result else None,
                short=result["short"] if result else None,
            )
        )
    return lines
