"""The second person's half of receipts, returns, adjustments and reversals of drugs under special control.

The first person writes the document, which waits; nothing is booked. The second, who is never the first, counts the
goods of a receipt or a return without being shown how many were written down, and confirms: then it is booked, in both
names. A count that differs stops nothing, because the goods are there: it opens a case. Issues, dispensings and
destructions have their own second half (`handing_over`, `destruction`), counts too (`stocktakes`).
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from gateway.db.pool import Connection
from gateway.stock import acts, adjustments, cases, documents, import_opening, outgoing, receiving, returns, undoing
from gateway.stock.acts import Actor, Done, Notice
from gateway.stock.controlled_rules import controlled_among
from gateway.stock.documents import Document
from gateway.stock.errors import DocumentStateError, WorkNotFoundError, WorkRefusedError
from gateway.stock.lines import Doing

CONFIRMED_HERE: Final = frozenset({"receipt", "return", "adjustment", "reversal"})
_COUNTED: Final = frozenset({"receipt", "return"})


@dataclass(frozen=True)
class WaitingLine:
    """A line of a document that waits, as it is shown to who confirms it."""

    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str
    lot: str
    expiry_date: date | None
    serial_number: str | None
    quantity: int | None
    """Base units; None: the second person is to count it."""


def confirm(connection: Connection, document_id: uuid.UUID, actor: Actor, counted: Mapping[str, int]) -> Done:
    """Book it in the caller's transaction. The same second person telling it again changes nothing.

    Args:
        connection: in a transaction.
        document_id: of the waiting document.
        actor: the second person.
        counted: of each product of `to_count` how many base units there are of it, all lots together.

    Raises:
        WorkNotFoundError: `document_unknown`.
        WorkRefusedError: `goods_not_counted`, and as posting the act says: things may have changed since.
        SecondPersonError: it is the person who made it.
        DocumentStateError: it waits for nobody.
        LedgerError: as `books.book`.
    """
    before = _locked(connection, document_id)
    needed = to_count(connection, before)
    if before.created_by != actor.person and before.state == "waiting_second":
        for product_id in needed:
            if product_id not in counted:
                message = f"how much came of {product_id!r} was not counted: count it before you confirm"
                raise WorkRefusedError("goods_not_counted", message, product=product_id)
    document = documents.confirm_second(connection, document_id, actor.person, actor.received_at)
    if before.state == "posted":
        return acts.done(connection, document_id, "exists")
    doing = replace(
        acts.doing_of(actor, document_id, document.reason_code, document.note),
        occurred_at=document.occurred_at,
        person=document.created_by,
        second_person=actor.person,
    )
    notices = _post(connection, document, doing)
    notices += _compare(connection, document, {one: counted[one] for one in needed}, actor)
    return acts.done(connection, document_id, "created", notices)


def cancel(connection: Connection, document_id: uuid.UUID, actor: Actor) -> Done:
    """Nothing is booked: it was written wrongly, or the second person found something else. Told again: as before.

    Raises:
        WorkNotFoundError: `document_unknown`.
        DocumentStateError: it is booked already.
    """
    document = _locked(connection, document_id)
    if document.state not in {"waiting_second", "cancelled"}:
        message = f"{document.number} is {document.state}: it does not wait any more"
        raise DocumentStateError("document_state", message, number=document.number, state=document.state)
    outgoing.add_to_body(connection, document_id, {"cancelled_by": actor.person})
    documents.change_state(connection, document_id, "cancelled", actor.received_at)
    return acts.done(connection, document_id, "exists" if document.state == "cancelled" else "created")


def to_count(connection: Connection, document: Document) -> tuple[str, ...]:
    """The drugs under special control that the second person counts, in the order of their codes."""
    if document.kind not in _COUNTED:
        return ()
    return tuple(sorted(controlled_among(connection, _written(document))))


def waiting_lines(connection: Connection, document_id: uuid.UUID) -> list[WaitingLine]:
    """What is to be confirmed; empty if the document waits for nobody, or waits elsewhere."""
    document = documents.read_document(connection, document_id)
    if document.state != "waiting_second" or document.kind not in CONFIRMED_HERE:
        return []
    about = document.body.get("about_document_id")
    query = _OF_REVERSAL if about else _OF_OPENING if "opening" in document.body else _OF_LINES
    blind = set(to_count(connection, document))
    rows = connection.execute(query, {"document": about or document_id}).fetchall()
    lines = [WaitingLine(*row) for row in rows]
    return [replace(line, quantity=None) if line.product_id in blind else line for line in lines]


_SHOWN: Final = "p.product_id, p.name_vi, p.name_en, p.base_unit_vi, p.base_unit_en"
_OF_LINES: Final = (
    f"SELECT {_SHOWN}, coalesce(l ->> 'lot', ''), (l ->> 'expiry_date')::date, l ->> 'serial_number',"  # noqa: S608 - ours
    " (l ->> 'quantity')::bigint FROM stock_document d CROSS JOIN LATERAL jsonb_array_elements(d.body -> 'lines')"
    " WITH ORDINALITY AS lines (l, place) JOIN product p ON p.product_id = l ->> 'product_id'"
    " WHERE d.document_id = %(document)s ORDER BY place"
)
_OF_OPENING: Final = (
    f"SELECT {_SHOWN}, o ->> 2, t.expiry_date, NULL, (o ->> 3)::bigint FROM stock_document d"  # noqa: S608 - ours
    " CROSS JOIN LATERAL jsonb_array_elements(d.body -> 'opening') WITH ORDINALITY AS opened (o, place)"
    " JOIN product p ON p.product_id = o ->> 1 LEFT JOIN lot t ON t.product_id = p.product_id AND t.lot = o ->> 2"
    " WHERE d.document_id = %(document)s ORDER BY place"
)
_OF_REVERSAL: Final = (
    f"SELECT {_SHOWN}, m.lot, coalesce(m.expiry_date, t.expiry_date), m.serial_number, m.quantity"  # noqa: S608 - ours
    " FROM movement m JOIN product p USING (product_id) LEFT JOIN lot t USING (product_id, lot)"
    " WHERE m.document_id = %(document)s::uuid ORDER BY p.product_id, m.lot, m.movement_id"
)


def _locked(connection: Connection, document_id: uuid.UUID) -> Document:
    try:
        document = documents.read_document(connection, document_id, lock=True)
    except DocumentStateError:
        document = None
    if document is None or document.kind not in CONFIRMED_HERE:
        raise WorkNotFoundError("document_unknown", f"no stock document {document_id} that is confirmed here")
    return document


def _written(document: Document) -> Counter[str]:
    """Base units of each product as the first person wrote them."""
    written: Counter[str] = Counter()
    for line in document.body.get("lines", ()):
        written[line["product_id"]] += line["quantity"]
    for _, product_id, _, quantity in document.body.get("opening", ()):
        written[product_id] += quantity
    return written


def _post(connection: Connection, document: Document, doing: Doing) -> tuple[Notice, ...]:
    if document.kind == "return":
        return returns.post(connection, document, doing)
    if document.kind == "receipt" and "opening" in document.body:
        return import_opening.post_waiting(connection, document, doing)
    if document.kind == "receipt":
        return receiving.post_waiting(connection, document, doing)
    post = adjustments.post if document.kind == "adjustment" else undoing.post
    post(connection, document, doing)
    return ()


def _compare(
    connection: Connection, document: Document, counted: Mapping[str, int], actor: Actor
) -> tuple[Notice, ...]:
    """Keep the blind count, and open a case where it is not what the first person wrote."""
    if not counted:
        return ()
    outgoing.add_to_body(connection, document.document_id, {"counted_goods": dict(counted)})
    written = _written(document)
    notices = []
    for product_id, quantity in sorted(counted.items()):
        if quantity == written[product_id]:
            continue
        detail = (
            f"{document.number}: {document.created_by} wrote {written[product_id]} base units of {product_id},"
            f" {actor.person} counted {quantity}"
        )
        cases.open_case(
            *(connection, actor.received_at, "controlled_count", detail),
            product_id=product_id,
            document_id=document.document_id,
        )
        values = {"product": product_id, "written": written[product_id], "counted": quantity}
        notices.append(Notice("count_differs", values))
    return tuple(notices)
