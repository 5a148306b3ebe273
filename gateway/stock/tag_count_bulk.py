"""Decisions about many tags of an RFID count at once: each is an act of its own, one refusal undoes no other."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock.errors import WarehouseError, WorkRefusedError
from gateway.stock.tag_count_decisions import Confirmation, Decision, DecisionMade, confirm_missing, decide
from inventory.errors import InventoryError

AT_ONCE_MAX: Final = 500
"""Tags of one request: each that is moved or confirmed is a document of its own."""
_WITH_REASON: Final = frozenset({"missing"})


@dataclass(frozen=True)
class ManyDecisions:
    """The same decision about many tags."""

    tag_count_id: uuid.UUID
    epcs: tuple[str, ...]
    decision: Decision
    person: str
    reason_code: str = ""
    """Why, of the reasons of counts; needed for what is called missing."""
    note: str = ""


@dataclass(frozen=True)
class ManyDone:
    """What became of many acts."""

    done: int
    refused: tuple[tuple[str, WarehouseError | InventoryError], ...]
    """EPC and why."""


def decide_many(connection: Connection, many: ManyDecisions, now: datetime, zone: ZoneInfo) -> ManyDone:
    """Note what a person decided about each; told again, it changes nothing. Each is committed by itself.

    Raises:
        WorkRefusedError: no tag or too many, no such reason, or a pack is called missing without one.
    """
    _refuse_reason(connection, many)

    def act(epc: str) -> None:
        with connection.transaction():
            decide(connection, DecisionMade(many.tag_count_id, epc, many.decision, many.person), now, zone)
            connection.execute(
                "UPDATE tag_count_finding SET reason_code = nullif(%s, ''), reason_note = %s"
                " WHERE tag_count_id = %s AND epc = %s AND decided_by = %s",
                (many.reason_code, storable(many.note[:500]), many.tag_count_id, epc, many.person),
            )

    return _each(connection, many.epcs, act)


def confirm_many(
    connection: Connection, tag_count_id: uuid.UUID, epcs: Sequence[str], person: str, now: datetime, *, zone: ZoneInfo
) -> ManyDone:
    """The second person's word that packs are missing. Each is committed by itself.

    Raises:
        WorkRefusedError: no tag or too many.
    """
    return _each(
        connection, epcs, lambda epc: confirm_missing(connection, Confirmation(tag_count_id, epc, person), now, zone)
    )


def tags_waiting(connection: Connection, tag_count_id: uuid.UUID, outcome: str, *, to_confirm: bool) -> list[str]:
    """EPCs of one outcome that nobody has decided, or that are called missing and not confirmed; as many as at once.

    Drugs under special control are not among those to decide: each of them is looked at by itself.
    """
    rows = connection.execute(
        "SELECT f.epc FROM tag_count_finding f LEFT JOIN product p USING (product_id) WHERE f.tag_count_id = %s"
        " AND f.outcome = %s AND CASE WHEN %s THEN f.decision = 'missing' AND f.confirmed_by IS NULL"
        " ELSE f.decision IS NULL AND coalesce(p.control_class, 'none') = 'none' END ORDER BY f.epc LIMIT %s",
        (tag_count_id, outcome, to_confirm, AT_ONCE_MAX),
    )
    return [str(row[0]) for row in rows]


def _refuse_reason(connection: Connection, many: ManyDecisions) -> None:
    known = (
        many.reason_code
        and connection.execute(
            "SELECT FROM reason WHERE reason_code = %s AND applies_to = 'count'", (many.reason_code,)
        ).fetchone()
    )
    if (many.reason_code or many.decision in _WITH_REASON) and known in {None, ""}:
        message = f"reason {many.reason_code!r}: expected one of the reasons of counts, for what is called missing"
        raise WorkRefusedError("reason_missing", message)


def _each(connection: Connection, epcs: Sequence[str], act: Callable[[str], None]) -> ManyDone:
    wanted = list(dict.fromkeys(epcs))
    if not 1 <= len(wanted) <= AT_ONCE_MAX:
        message = f"{len(wanted)} tags: expected 1 to {AT_ONCE_MAX} at once"
        raise WorkRefusedError("tags_at_once", message, count=len(wanted), most=AT_ONCE_MAX)
    connection.commit()  # what follows is not one transaction: an act waits for no other's locks
    refused: list[tuple[str, WarehouseError | InventoryError]] = []
    for epc in wanted:
        try:
            act(epc)
        except (WarehouseError, InventoryError) as error:
            refused.append((epc, error))
    return ManyDone(len(wanted) - len(refused), tuple(refused))
