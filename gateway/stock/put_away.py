"""Putting away: from where goods arrived to their shelf or fridge, whose storage class must be the product's.

Held and expired goods may be put away too: that is how they come to the quarantine shelf.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.db.pool import Connection
from gateway.stock import acts, holds
from gateway.stock.acts import ActLine, Actor, Done, Notice
from gateway.stock.documents import NewDocument
from gateway.stock.errors import WorkRefusedError
from gateway.stock.guard import open_holds_of
from gateway.stock.holds import NewHold
from inventory.lot_state import part_holds_on


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
    done = acts.write_act(connection, document, lines, actor)
    if done.outcome == "exists":
        return done
    return replace(done, notices=tuple(_take_holds_along(connection, act, (source, target), actor)))


def _take_holds_along(
    connection: Connection, act: PutAway, accounts: tuple[str, str], actor: Actor
) -> Iterator[Notice]:
    """Units that are held stay held where they are put: those that the loose goods left behind can't be.

    Which of the units that look alike were moved nobody can tell, so the hold behind stays as it is too: it takes two
    people to end either. Serialised packs, and lots that are held as a whole, take their holds along by themselves.
    """
    source, target = accounts
    moved: Counter[tuple[str, str]] = Counter()
    for line in act.lines:
        if line.serial_number is None:
            moved[line.product_id, line.lot] += line.quantity
    holds_there = open_holds_of(connection, sorted({product_id for product_id, _ in moved}))
    for (product_id, lot), quantity in sorted(moved.items()):
        parts = part_holds_on(holds_there, product_id, lot, source)
        held = sum(hold.quantity or 0 for hold in parts)
        taken = min(quantity, held - min(held, _loose_left(connection, source, product_id, lot)))
        if taken < 1:
            continue
        hold = NewHold(
            hold_id=uuid.uuid5(act.document_id, f"hold {product_id} {lot}"),
            kind=parts[0].kind,
            product_id=product_id,
            lot=lot,
            account_id=target,
            quantity=taken,
            reason=parts[0].reason,
            reason_code="hold_quality",
            placed_by=actor.person,
            placed_at=actor.occurred_at,
            document_id=act.document_id,
        )
        holds.write_hold(connection, hold)
        yield Notice("in_quarantine", {"product": product_id, "lot": lot or "-"})


def _loose_left(connection: Connection, account_id: str, product_id: str, lot: str) -> int:
    """Base units that stand there outside serialised packs."""
    row = connection.execute(
        "SELECT coalesce((SELECT quantity FROM stock_balance WHERE (account_id, product_id, lot) ="
        " (%(account)s, %(product)s, %(lot)s)), 0) - coalesce((SELECT sum(units) FROM pack"
        " WHERE (account_id, product_id, lot) = (%(account)s, %(product)s, %(lot)s)), 0)",
        {"account": account_id, "product": product_id, "lot": lot},
    ).fetchone()
    return max(0, int(row[0])) if row else 0


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
            stored=row[2],
        )
