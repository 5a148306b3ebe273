"""Putting away: from where goods arrived to their shelf or fridge, whose storage class must be the product's.

Held and expired goods may be put away too: that is how they come to the quarantine shelf.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.db.pool import Connection
from gateway.stock import acts
from gateway.stock.acts import ActLine, Actor, Done
from gateway.stock.documents import NewDocument
from gateway.stock.work_errors import WorkRefusedError


@dataclass(frozen=True)
class PutAway:
    """What goes where."""

    document_id: uuid.UUID
    from_place_id: str
    to_place_id: str
    lines: tuple[ActLine, ...]
    override_reason: str | None = None
    """Why goods stand in a place of another storage class: a reason for `storage`."""
    note: str = ""


def put_away(connection: Connection, act: PutAway, actor: Actor) -> Done:
    """Book it in the caller's transaction; a repetition changes nothing.

    Raises:
        WorkRefusedError: `storage_class`, `reason_missing`, `place_unknown`, `same_place`, and what
            `acts.refuse_no_lines` says.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`.
    """
    acts.refuse_no_lines(act.lines)
    acts.refuse_same_place(act.from_place_id, act.to_place_id)
    source = acts.account_of(connection, act.from_place_id)
    target = acts.account_of(connection, act.to_place_id)
    if act.override_reason is None:
        refuse_wrong_storage(connection, act.to_place_id, [line.product_id for line in act.lines])
    else:
        acts.refuse_unknown_reason(connection, act.override_reason, "storage")
    document = NewDocument(
        document_id=act.document_id,
        kind="put_away",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        from_place_id=act.from_place_id,
        to_place_id=act.to_place_id,
        reason_code=act.override_reason,
        note=act.note,
        zone=actor.zone,
        body=acts.body_of(act.lines),
    )
    lines = acts.numbered(act.document_id, "put_away", act.lines, source, target)
    return acts.write_act(connection, document, lines, actor)


def refuse_wrong_storage(connection: Connection, place_id: str, products: Sequence[str]) -> None:
    """The class of a place is its own, else that of what it stands in; a place without any takes everything.

    Raises:
        WorkRefusedError: `storage_class`, naming the first product that belongs elsewhere.
    """
    row = connection.execute(
        "WITH RECURSIVE up AS (SELECT place_id, parent_place_id, storage_class, 0 AS height FROM place"
        " WHERE place_id = %(place)s UNION ALL SELECT p.place_id, p.parent_place_id, p.storage_class, u.height + 1"
        " FROM up u JOIN place p ON p.place_id = u.parent_place_id), own AS (SELECT storage_class FROM up"
        " WHERE storage_class IS NOT NULL ORDER BY height LIMIT 1)"
        " SELECT p.product_id, p.storage_class, own.storage_class FROM own JOIN product p"
        " ON p.product_id = ANY(%(products)s) AND p.storage_class <> own.storage_class ORDER BY 1 LIMIT 1",
        {"place": place_id, "products": list(products)},
    ).fetchone()
    if row is not None:
        raise WorkRefusedError(
            "storage_class",
            f"product {row[0]} is stored {row[1]}, place {place_id!r} is {row[2]}: choose another place, or give a"
            " reason",
            product=row[0],
            needed=row[1],
            there=row[2],
        )
