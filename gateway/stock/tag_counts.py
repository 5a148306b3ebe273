"""Counts by RFID in the database: the books frozen, passes taken, reconciled, decided upon by people, closed.

The logic is `inventory.tag_count`. Nothing is booked by a count itself: a person moves a pack in the books, or calls it
missing and a second person confirms that. What nobody decides becomes a case when the count is closed.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock import locks
from gateway.stock.count_scope import accounts_of, content_sha256, is_told_again
from gateway.stock.errors import WorkRefusedError
from gateway.stock.tag_count_books import freeze, known_tags
from gateway.stock.tag_count_passes import lock_open, read_passes
from inventory.tag_count import TagCount, TagFinding, reconcile

Outcome = Literal["created", "exists"]


@dataclass(frozen=True)
class NewTagCount:
    """Which places shall be counted."""

    tag_count_id: uuid.UUID
    place_ids: tuple[str, ...]
    started_by: str
    places_below: bool = True
    """Also the shelves and fridges inside them."""
    company_prefixes: tuple[str, ...] = ()
    """GS1 company prefixes of the house itself: its own tags are ours though no article has them."""
    note: str = ""


def start(connection: Connection, new: NewTagCount, now: datetime) -> Outcome:
    """Freeze which tagged packs the books have in the places.

    Raises:
        WorkRefusedError: no such place.
        WorkConflictError: the id is known with other content.
    """
    digest = content_sha256(asdict(new))
    with connection.transaction():
        # Nobody books while the books are read: what is frozen is whole.
        locks.enter_alone(connection)
        known = connection.execute(
            "SELECT content_sha256 FROM tag_count WHERE tag_count_id = %s", (new.tag_count_id,)
        ).fetchone()
        if is_told_again(known[0] if known else None, digest, "RFID count", new.tag_count_id):
            return "exists"
        accounts = accounts_of(connection, new.place_ids, below=new.places_below)
        connection.execute(
            "INSERT INTO tag_count (tag_count_id, content_sha256, state, company_prefixes, note, frozen_at, started_by)"
            " VALUES (%s, %s, 'reading', %s, %s, %s, %s)",
            (new.tag_count_id, digest, list(new.company_prefixes), storable(new.note), now, new.started_by),
        )
        connection.execute("INSERT INTO tag_count_place SELECT %s, unnest(%s::text[])", (new.tag_count_id, accounts))
        freeze(connection, new.tag_count_id, accounts)
    return "created"


@dataclass(frozen=True)
class Reconciled:
    """What a count comes to."""

    found: TagCount
    moved_since: int
    """Tags of packs that the books have moved since the count began: they say nothing."""


def reconcile_count(connection: Connection, tag_count_id: uuid.UUID, now: datetime) -> Reconciled:
    """Compare all passes with the books, and keep the findings; what people have decided already stays.

    Raises:
        WorkNotFoundError: no such count.
        WorkRefusedError: it is closed, or nothing was read yet.
    """
    with connection.transaction():
        count = lock_open(connection, tag_count_id)
        passes = read_passes(connection, count)
        if not any(one.account_id in count.counted for one in passes):
            message = "nothing was read yet: take a pass with the readers, or send what a reader read"
            raise WorkRefusedError("nothing_read", message)
        books = known_tags(connection, count, passes)
        found = reconcile(count.counted, books.tags, books.passes, books.ours)
        _keep(connection, tag_count_id, found.findings)
        summary = {
            "numbers": dict(found.numbers),
            "estimates": [
                {**asdict(one), "tags_unseen_hint": one.tags_unseen_hint} for one in found.estimates if one.passes
            ],
            "tallies": [asdict(one) for one in found.tallies],
            "moved_since": books.moved_since,
        }
        connection.execute(
            "UPDATE tag_count SET state = 'reconciled', reconciled_at = %s, summary = %s WHERE tag_count_id = %s",
            (now, Jsonb(summary), tag_count_id),
        )
    return Reconciled(found, books.moved_since)


_COLUMNS: Final = (
    "tag_count_id, epc, outcome, proposal, confidence, account_id, product_id, lot, units, gtin, serial_number,"
    " seen_at, passes_seen, passes_made"
)


def _keep(connection: Connection, tag_count_id: uuid.UUID, findings: Sequence[TagFinding]) -> None:
    """All but what is seen where the books have it; in one statement, however many."""
    connection.execute("DELETE FROM tag_count_finding WHERE tag_count_id = %s AND decision IS NULL", (tag_count_id,))
    rows = [_row(finding) for finding in findings if finding.outcome != "seen"]
    columns: list[list[object]] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(13)]
    seen_at = ["\n".join(places) for places in columns.pop(10)]  # type: ignore[arg-type]  # an array of arrays it is not
    connection.execute(
        f"INSERT INTO tag_count_finding ({_COLUMNS})"  # noqa: S608 - our own column names
        " SELECT %s, epc, outcome, proposal, confidence, account_id, product_id, lot, units, gtin, serial_number,"
        " CASE seen_at WHEN '' THEN '{}' ELSE string_to_array(seen_at, E'\\n') END, passes_seen, passes_made"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::integer[], %s::text[], %s::text[], %s::integer[], %s::integer[], %s::text[])"
        " AS f (epc, outcome, proposal, confidence, account_id, product_id, lot, units, gtin, serial_number,"
        " passes_seen, passes_made, seen_at)"
        " ON CONFLICT (tag_count_id, epc) DO NOTHING",
        (tag_count_id, *columns, seen_at),
    )


def _row(finding: TagFinding) -> tuple[object, ...]:
    tag = finding.known
    serial_number = finding.serial_number
    gtin = finding.gtin
    if tag is not None:
        gtin, _, serial_number = tag.pack.partition("/")
    return (
        *(storable(finding.epc), finding.outcome, finding.proposal, finding.confidence),
        *((tag.account_id, tag.product_id, tag.lot, tag.units) if tag else (None, None, None, None)),
        *(gtin, serial_number, finding.seen_at, finding.passes_seen, finding.passes_made),
    )
