"""What people make of an RFID count's findings: a pack moved in the books, a pack missing by two people, or a case."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.stock import books, locks
from gateway.stock.documents import NewDocument, confirm_second, line_id, open_document
from gateway.stock.errors import SecondPersonError, WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.tag_count_passes import lock_open
from inventory.movement import MovementKind

Decision = Literal["seen_by_eye", "move_in_the_books", "missing", "noted"]
UNEXPLAINED: Final = "unexplained"
_FITS: Final[dict[str, frozenset[Decision]]] = {
    "not_seen": frozenset({"seen_by_eye", "missing", "noted"}),
    "seen_elsewhere": frozenset({"move_in_the_books", "noted"}),
    "unknown": frozenset({"noted"}),
    "foreign": frozenset({"noted"}),
}
"""Which decisions an outcome allows. `seen_by_eye`: it stands there, the reader did not see it."""


@dataclass(frozen=True)
class DecisionMade:
    """A person's decision about one tag."""

    tag_count_id: uuid.UUID
    epc: str
    decision: Decision
    person: str


@dataclass(frozen=True)
class _Finding:
    outcome: str
    account_id: str | None
    product_id: str | None
    lot: str | None
    units: int | None
    gtin: str | None
    serial_number: str | None
    seen_at: tuple[str, ...]
    decision: str | None
    decided_by: str | None
    confirmed_by: str | None


def decide(connection: Connection, made: DecisionMade, now: datetime, zone: ZoneInfo) -> None:
    """Note what a person decided; moving is done at once, a missing pack waits for a second person.

    The same decision of the same person again changes nothing.

    Raises:
        WorkNotFoundError: no such count or finding.
        WorkRefusedError: it is closed, decided otherwise already, or the decision does not fit the finding.
        LedgerError: the books can't move the pack; it says why.
    """
    with connection.transaction():
        locks.enter_with_others(connection)  # before anything else is locked: see locks.py
        lock_open(connection, made.tag_count_id)
        finding = _finding(connection, made.tag_count_id, made.epc)
        if (finding.decision, finding.decided_by) == (made.decision, made.person):
            return
        if finding.decision is not None:
            message = f"tag {made.epc}: {finding.decided_by} has decided {finding.decision} already"
            raise WorkConflictError(
                *("tag_decided", message), epc=made.epc, person=finding.decided_by, decision=finding.decision
            )
        if made.decision not in _FITS[finding.outcome]:
            fitting = sorted(_FITS[finding.outcome])
            message = f"a tag that is {finding.outcome} is not {made.decision}: expected {', '.join(fitting)}"
            raise WorkRefusedError(
                *("decision_unfit", message), outcome=finding.outcome, decision=made.decision, fitting=fitting
            )
        movement_id = None
        if made.decision == "move_in_the_books":
            if len(finding.seen_at) != 1 or not str(finding.account_id).startswith("place:"):
                raise WorkRefusedError(
                    "tag_moved_apart",
                    f"tag {made.epc}: the books have it at {finding.account_id}, read at {', '.join(finding.seen_at)}:"
                    " moved is only from one place to one other; note it, and it becomes a case",
                    epc=made.epc,
                    account=finding.account_id,
                    elsewhere=finding.seen_at,
                )
            movement_id = _Act(connection, made, finding, now, zone).book("put_away", finding.seen_at[0])
        connection.execute(
            "UPDATE tag_count_finding SET decision = %s, decided_by = %s, decided_at = %s, movement_id = %s"
            " WHERE tag_count_id = %s AND epc = %s",
            (made.decision, made.person, now, movement_id, made.tag_count_id, made.epc),
        )


@dataclass(frozen=True)
class Confirmation:
    """A second person's word that a pack is missing."""

    tag_count_id: uuid.UUID
    epc: str
    person: str


def confirm_missing(connection: Connection, given: Confirmation, now: datetime, zone: ZoneInfo) -> None:
    """The pack goes to `unexplained`. Again, it changes nothing.

    Raises:
        WorkNotFoundError: no such count or finding.
        WorkRefusedError: it is closed, nobody called it missing, or it was the same person.
        LedgerError: the pack has moved since; it says where it is.
    """
    with connection.transaction():
        locks.enter_with_others(connection)  # before anything else is locked: see locks.py
        lock_open(connection, given.tag_count_id)
        finding = _finding(connection, given.tag_count_id, given.epc)
        if finding.confirmed_by is not None:
            return
        if finding.decision != "missing" or finding.decided_by is None:
            raise WorkRefusedError("not_missing", f"tag {given.epc}: nobody has called it missing", epc=given.epc)
        if finding.decided_by == given.person:
            message = f"tag {given.epc}: {given.person} called it missing: somebody else confirms it"
            raise SecondPersonError("second_person", message)
        made = DecisionMade(given.tag_count_id, given.epc, "missing", finding.decided_by)
        act = _Act(connection, made, finding, now, zone)
        movement_id = act.book("count_out", UNEXPLAINED, second_person=given.person)
        connection.execute(
            "UPDATE tag_count_finding SET confirmed_by = %s, movement_id = %s WHERE tag_count_id = %s AND epc = %s",
            (given.person, movement_id, given.tag_count_id, given.epc),
        )


def close(connection: Connection, tag_count_id: uuid.UUID, person: str, now: datetime) -> int:
    """End the count; what nobody decided, or nobody confirmed, becomes a case each, as does a noted tag of ours.

    Returns how many cases were opened. Foreign tags are nobody's business here.

    Raises:
        WorkNotFoundError: no such count.
        WorkRefusedError: it is closed, or was not reconciled since its last pass.
    """
    with connection.transaction():
        lock_open(connection, tag_count_id)
        state = connection.execute("SELECT state FROM tag_count WHERE tag_count_id = %s", (tag_count_id,)).fetchone()
        if state != ("reconciled",):
            message = "the RFID count has passes that were not compared yet: reconcile it first"
            raise WorkRefusedError("not_reconciled", message)
        opened = connection.execute(
            "INSERT INTO discrepancy (opened_at, code, product_id, lot, detail) SELECT %s, 'tag_' || outcome,"
            " coalesce(product_id, (SELECT t.product_id FROM trade_item t WHERE t.gtin = tag_count_finding.gtin)), lot,"
            " format('RFID count: tag %%s%%s%%s%%s', epc, coalesce(format(', pack %%s of product %%s, lot %%s',"
            " serial_number, product_id, lot), ''), coalesce(', by the books at ' || account_id, ''),"
            " CASE WHEN seen_at = '{}' THEN format(', not seen in %%s passes', passes_made)"
            " ELSE ', read at ' || array_to_string(seen_at, ', ') END)"
            " FROM tag_count_finding WHERE tag_count_id = %s AND outcome <> 'foreign'"
            " AND (decision IS NULL OR decision = 'noted' OR decision = 'missing' AND confirmed_by IS NULL)"
            " ORDER BY outcome, epc",
            (now, tag_count_id),
        ).rowcount
        connection.execute(
            "UPDATE tag_count SET state = 'closed', closed_by = %s, closed_at = %s WHERE tag_count_id = %s",
            (person, now, tag_count_id),
        )
    return opened


def _finding(connection: Connection, tag_count_id: uuid.UUID, epc: str) -> _Finding:
    row = connection.execute(
        "SELECT outcome, account_id, product_id, lot, units, gtin, serial_number, seen_at, decision, decided_by,"
        " confirmed_by FROM tag_count_finding WHERE tag_count_id = %s AND epc = %s",
        (tag_count_id, epc),
    ).fetchone()
    if row is None:
        message = f"RFID count {tag_count_id} has found nothing about tag {epc}"
        raise WorkNotFoundError("tag_unknown", message, epc=epc)
    values = dict(zip(_Finding.__dataclass_fields__, row, strict=True))
    return _Finding(**{**values, "seen_at": tuple(values["seen_at"])})


@dataclass(frozen=True)
class _Act:
    connection: Connection
    made: DecisionMade
    finding: _Finding
    now: datetime
    zone: ZoneInfo

    def book(self, kind: MovementKind, to_account_id: str, *, second_person: str | None = None) -> uuid.UUID:
        """One pack, on a document of its own; its ids are made from the count's and the tag's."""
        document_id = uuid.uuid5(self.made.tag_count_id, f"{self.made.decision} {self.made.epc}")
        open_document(
            self.connection,
            NewDocument(
                document_id=document_id,
                kind="put_away" if kind == "put_away" else "count",
                created_by=self.made.person,
                occurred_at=self.now,
                created_at=self.now,
                state="posted" if second_person is None else "waiting_second",
                body={"tag_count_id": str(self.made.tag_count_id), "epc": self.made.epc},
                zone=self.zone,
            ),
        )
        if second_person is not None:
            confirm_second(self.connection, document_id, second_person, self.now)
        pack = self.finding
        goods = Goods(pack.product_id or "", pack.lot or "", None, pack.units or 0, pack.gtin, pack.serial_number)
        line = Line(line_id(document_id, 1), kind, goods, self.finding.account_id or "", to_account_id)
        doing = Doing(
            occurred_at=self.now,
            received_at=self.now,
            client="api",
            person=self.made.person,
            second_person=second_person,
            document_id=document_id,
            zone=self.zone,
        )
        # Where it stands, or that it is missing, is so whether or not it is held or reserved.
        books.book(self.connection, doing, [line], guard=False)
        return line.movement_id
