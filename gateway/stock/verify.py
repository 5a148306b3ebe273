"""The proof of the books: from the movements alone, set by set in the database, at any time and while it is used.

Replay is a sum: what every movement took and gave, by account, product and lot, must be what the balances say. Postings
are compared by the same groups, with a checksum of each row's content, so that a lost, doubled or altered posting shows
although its sum may not. Only a group that differs is looked at row by row: five million movements take seconds.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.db.pool import Connection
from gateway.stock.verify_sql import (
    COUNTS,
    GROUPS,
    LAST_MOVES,
    NUMBERS,
    PACK_POSITIONS,
    PACK_SUMS,
    REVERSALS,
    SETTINGS,
    UNLIKE,
    UNTRACEABLE,
)
from inventory.ledger import UNGUARDED_ACCOUNTS

EXAMPLES_MAX: Final = 20
"""Of each kind of damage; the counts are of all."""


@dataclass(frozen=True)
class BooksProof:
    """What the proof found. Counts; `examples` says what, in words."""

    movements: int
    postings_sum: int
    """Of all postings; 0, or something was booked on one side only."""
    projection_differences: int
    """Balances that replay does not give."""
    negative_balances: int
    """Accounts that may not be below zero and are, by replay."""
    untraceable: int
    """Movements that lead to nobody (see `gateway.stock.guard.refuse_untraceable`)."""
    misplaced_packs: int
    """Serialised packs that are not where their movements left them, or not as full."""
    faults: int
    """Postings unlike their movement, reversals that are no opposite, repacking that made or lost stock, document
    numbers with holes."""
    without_person: int
    """Edge scans where nobody had signed on: traced by device and scan. Not a fault."""
    examples: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """The books are right."""
        return not (
            self.postings_sum
            or self.projection_differences
            or self.negative_balances
            or self.untraceable
            or self.misplaced_packs
            or self.faults
        )


@dataclass(frozen=True)
class _Group:
    """All that is known of one balance."""

    account_id: str
    product_id: str
    lot: str
    told_rows: int
    told_quantity: int
    told_checksum: int
    kept_rows: int
    kept_quantity: int
    kept_checksum: int
    balance: int

    @property
    def name(self) -> str:
        return f"account {self.account_id!r}, product {self.product_id}, lot {self.lot!r}"

    @property
    def postings_differ(self) -> bool:
        return (self.told_rows, self.told_quantity, self.told_checksum) != (
            self.kept_rows,
            self.kept_quantity,
            self.kept_checksum,
        )


def verify_books(connection: Connection, say: Callable[[str], None] = lambda _line: None) -> BooksProof:
    """Prove them as they are in the caller's transaction; nothing is changed.

    `say` takes a line about what comes next: large books take half a minute. In a transaction of isolation level
    REPEATABLE READ all is one instant, so it may run while others book.
    """
    connection.execute(SETTINGS)
    say("movements")
    movements, without_person = _rows(connection, COUNTS)[0]
    say(f"{movements} movements: postings and balances by replay")
    groups = [_Group(*row[:3], *map(int, row[3:])) for row in _rows(connection, GROUPS)]
    differing = [one for one in groups if one.balance != one.told_quantity]
    negative = [one for one in groups if one.told_quantity < 0 and one.account_id not in UNGUARDED_ACCOUNTS]
    say(f"{len(groups)} balances; who moved what")
    untraceable = _rows(connection, UNTRACEABLE)
    say("packs, reversals, numbers of documents")
    misplaced = _misplaced(connection)
    faults = [
        *_posting_faults(connection, [one for one in groups if one.postings_differ]),
        *_repack_faults(groups),
        *(f"movement {row[0]} is not the opposite of {row[1]}" for row in _rows(connection, REVERSALS)),
        *(
            f"{row[1]} numbers of kind {row[0]} were given, {row[2]} documents are there"
            for row in _rows(connection, NUMBERS)
        ),
    ]
    found = (
        [f"{one.name}: {one.balance} in the balance, {one.told_quantity} by replay" for one in differing],
        [f"{one.name}: {one.told_quantity} by replay" for one in negative],
        [f"movement {row[0]} ({row[1]}) can't be traced: {row[2]}" for row in untraceable],
        misplaced,
        faults,
    )
    return BooksProof(
        movements=int(movements),
        postings_sum=sum(one.kept_quantity for one in groups),
        projection_differences=len(differing),
        negative_balances=len(negative),
        untraceable=len(untraceable),
        misplaced_packs=len(misplaced),
        faults=len(faults),
        without_person=int(without_person),
        examples=tuple(text for texts in found for text in texts[:EXAMPLES_MAX]),
    )


def _rows(connection: Connection, query: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), parameters or {}).fetchall()


def _posting_faults(connection: Connection, groups: list[_Group]) -> list[str]:
    """Row by row in the groups that differ; beyond so many groups, one fault a group."""
    faults = []
    for group in groups[:EXAMPLES_MAX]:
        key = {"account": group.account_id, "product": group.product_id, "lot": group.lot}
        faults += [
            f"posting of {row[3]} in movement {row[1]} {row[0]}: {group.name}" for row in _rows(connection, UNLIKE, key)
        ]
    return faults + [f"postings unlike the movements: {group.name}" for group in groups[EXAMPLES_MAX:]]


def _repack_faults(groups: list[_Group]) -> list[str]:
    sums: Counter[str] = Counter()
    for group in groups:
        if group.account_id == "repacked":
            sums[group.product_id] += group.told_quantity
    return [f"repacking product {product}: {total} did not come back" for product, total in sums.items() if total]


def _misplaced(connection: Connection) -> list[str]:
    told, kept = _rows(connection, PACK_SUMS)[0]
    positions = _rows(connection, PACK_POSITIONS) if told != kept else []
    return [
        *(
            f"pack {row[1]!r} of {row[0]} at {row[2]!r}: {row[3]} base units by its movements, {row[4]} noted"
            for row in positions
        ),
        *(
            f"pack {row[1]!r} of {row[0]} is noted at {row[2]!r}, its last movement went to {row[3]!r}"
            for row in _rows(connection, LAST_MOVES)
        ),
    ]
