"""Stocktakes in the database: begun, counted blind, counted again, handed in, verified by somebody else, booked.

The rules are `inventory.stocktake`. The books are frozen behind the gate, so that no movement is half in them; stock
goes on moving meanwhile, and each count is compared with what the books have at its own instant.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, LiteralString
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock import locks
from gateway.stock.count_scope import accounts_of, content_sha256, is_told_again
from gateway.stock.documents import NUMBER_PREFIX
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.stock.stocktake_lines import LineKey, judged_lines, read_rules, settle_counts, verdict_of
from inventory import stocktake as rules_of
from inventory.stocktake import Rules, State

Outcome = Literal["created", "exists"]
_AHEAD_MAX: Final = timedelta(minutes=2)
"""A count may be so far in the future: a tablet's clock is never quite right (as an edge node's)."""
OPEN_STATES: Final = ("counting", "recounting", "waiting_verification", "verified")


@dataclass(frozen=True)
class NewStocktake:
    """What shall be counted, and by which rules."""

    stocktake_id: uuid.UUID
    place_ids: tuple[str, ...]
    started_by: str
    product_ids: tuple[str, ...] | None = None
    """Only these; None: whatever stands there."""
    places_below: bool = True
    """Also the shelves and fridges inside the places."""
    rules: Rules = field(default_factory=Rules)
    note: str = ""

    def digest(self) -> bytes:
        """Of all that the request says."""
        return content_sha256({**vars(self), "rules": vars(self.rules)})


@dataclass(frozen=True)
class CountedLine:
    """What a person counted of one lot in one place."""

    account_id: str
    product_id: str
    lot: str
    quantity: int
    """Base units."""
    packs: tuple[tuple[str, str], ...] | None = None
    """GTIN and serial number of each pack, if every one was scanned; None: which packs they are is not known."""
    counted_at: datetime | None = None
    """When this line was counted; None: with all that is handed in."""


@dataclass(frozen=True)
class HandIn:
    """Counts that a person hands in at once."""

    request_id: uuid.UUID
    """Made by the client: told again, it changes nothing."""
    stocktake_id: uuid.UUID
    counted_by: str
    counted_at: datetime
    lines: tuple[CountedLine, ...]

    def digest(self) -> bytes:
        """Of all that is handed in."""
        lines = sorted([vars(line) for line in self.lines], key=str)
        return content_sha256({"stocktake": self.stocktake_id, "by": self.counted_by, "lines": lines})


def start(connection: Connection, new: NewStocktake, now: datetime, zone: ZoneInfo) -> Outcome:
    """Freeze what the books have and open the counting.

    Raises:
        WorkRefusedError: no such place or product.
        WorkConflictError: the id is known with other content, or another open stocktake counts the same stock.
    """
    digest = new.digest()
    with connection.transaction():
        # Nobody books while the books are read: what is frozen is whole.
        locks.enter_alone(connection)
        known = connection.execute(
            "SELECT content_sha256 FROM stocktake WHERE stocktake_id = %s", (new.stocktake_id,)
        ).fetchone()
        if is_told_again(known[0] if known else None, digest, "stocktake", new.stocktake_id):
            return "exists"
        accounts = accounts_of(connection, new.place_ids, below=new.places_below)
        products = sorted(set(new.product_ids)) if new.product_ids is not None else None
        _refuse_unknown_products(connection, products)
        _refuse_overlap(connection, accounts, products)
        connection.execute(
            "INSERT INTO stocktake (stocktake_id, number, content_sha256, state, tolerance_units, tolerance_permille,"
            " counts_max, recount_by_another, product_ids, note, frozen_at, started_by)"
            " VALUES (%s, %s, %s, 'counting', %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(new.stocktake_id, _next_number(connection, now, zone), digest, new.rules.tolerance_units),
                *(new.rules.tolerance_permille, new.rules.counts_max, new.rules.recount_by_another, products),
                *(storable(new.note), now, new.started_by),
            ),
        )
        connection.execute("INSERT INTO stocktake_place SELECT %s, unnest(%s::text[])", (new.stocktake_id, accounts))
        connection.execute(
            "INSERT INTO stocktake_line (stocktake_id, account_id, product_id, lot, frozen_quantity, is_controlled,"
            " was_expected) SELECT %s, b.account_id, b.product_id, b.lot, b.quantity, p.control_class <> 'none', true"
            " FROM stock_balance b JOIN product p USING (product_id) WHERE b.account_id = ANY(%s) AND b.quantity <> 0"
            " AND (%s::text[] IS NULL OR b.product_id = ANY(%s::text[]))",
            (new.stocktake_id, accounts, products, products),
        )
    return "created"


def hand_in(connection: Connection, given: HandIn, now: datetime) -> Outcome:
    """Keep a person's counts; all or none.

    Raises:
        WorkNotFoundError: no such stocktake.
        WorkRefusedError: a line outside the stocktake, a time that can't be, or a line twice.
        WorkConflictError: the request's id is known with other content.
        StocktakeError: it is too late, or somebody else must count the line.
    """
    with connection.transaction():
        state, frozen_at = _lock(connection, given.stocktake_id)
        known = connection.execute(
            "SELECT content_sha256 FROM stocktake_request WHERE request_id = %s", (given.request_id,)
        ).fetchone()
        if is_told_again(known[0] if known else None, given.digest(), "request", given.request_id):
            return "exists"
        keys = [LineKey(line.account_id, line.product_id, line.lot) for line in given.lines]
        if not keys or len(set(keys)) < len(keys):
            message = f"{len(keys)} lines: expected at least one, and each lot in each place once"
            raise WorkRefusedError("line_twice" if keys else "no_lines", message)
        times = [given.counted_at, *(line.counted_at for line in given.lines if line.counted_at is not None)]
        if not frozen_at <= min(times) <= max(times) <= now + _AHEAD_MAX:
            raise WorkRefusedError(
                "count_time",
                f"counted at {given.counted_at.isoformat()}: expected a time since the stocktake began,"
                f" {frozen_at.isoformat()}, and not in the future",
                at=given.counted_at,
                began_at=frozen_at,
            )
        connection.execute(
            "INSERT INTO stocktake_request VALUES (%s, %s, %s)", (given.request_id, given.stocktake_id, given.digest())
        )
        _add_unexpected(connection, given)
        _keep_counts(connection, given, state, now)
    return "created"


def submit(
    connection: Connection, stocktake_id: uuid.UUID, person: str, now: datetime, *, leave_uncounted: bool
) -> State:
    """The counting is done so far: recounting, or waiting for somebody to verify it. Told again, it answers as before.

    Raises:
        WorkNotFoundError: no such stocktake.
        StocktakeError: not now.
    """
    with connection.transaction():
        state, _ = _lock(connection, stocktake_id)
        if (state, _who(connection, stocktake_id, "submitted_by")) == ("waiting_verification", person):
            return state
        lines = judged_lines(connection, stocktake_id)
        after = rules_of.submit(state, [line.verdict for line in lines], leave_uncounted=leave_uncounted)
        connection.execute(
            "UPDATE stocktake SET state = %s, submitted_by = %s, submitted_at = %s WHERE stocktake_id = %s",
            (after, person, now, stocktake_id),
        )
    return after


def verify(connection: Connection, stocktake_id: uuid.UUID, person: str, now: datetime) -> State:
    """A second person stands for the differences as they are now. Told again, it answers as before.

    Raises:
        WorkNotFoundError: no such stocktake.
        StocktakeError: not now, or this person counted or handed it in.
    """
    with connection.transaction():
        state, _ = _lock(connection, stocktake_id)
        if (state, _who(connection, stocktake_id, "verified_by")) == ("verified", person):
            return state
        lines = judged_lines(connection, stocktake_id)
        counted_by = {count.counted_by for line in lines for count in line.counts}
        after = rules_of.verify(state, person, counted_by | {_who(connection, stocktake_id, "submitted_by")})
        connection.execute(
            "UPDATE stocktake_line l SET verified_variance = v.variance"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS v (a, p, l, variance)"
            " WHERE stocktake_id = %s AND l.account_id = v.a AND l.product_id = v.p AND l.lot = v.l",
            (
                *([line.key[part] for line in lines] for part in range(3)),
                [line.verdict.variance for line in lines],
                stocktake_id,
            ),
        )
        connection.execute(
            "UPDATE stocktake SET state = %s, verified_by = %s, verified_at = %s WHERE stocktake_id = %s",
            (after, person, now, stocktake_id),
        )
    return after


def reopen(connection: Connection, stocktake_id: uuid.UUID) -> State:
    """Take a verification back, so that it can be given anew.

    Raises:
        WorkNotFoundError: no such stocktake.
        StocktakeError: it is not verified.
    """
    with connection.transaction():
        state, _ = _lock(connection, stocktake_id)
        after = rules_of.reopen(state)
        connection.execute(
            "UPDATE stocktake SET state = %s, verified_by = NULL, verified_at = NULL WHERE stocktake_id = %s",
            (after, stocktake_id),
        )
    return after


def cancel(connection: Connection, stocktake_id: uuid.UUID, person: str, now: datetime) -> State:
    """Nothing of it is booked. Told again, it answers as before.

    Raises:
        WorkNotFoundError: no such stocktake.
        StocktakeError: it is over.
    """
    with connection.transaction():
        state, _ = _lock(connection, stocktake_id)
        if (state, _who(connection, stocktake_id, "cancelled_by")) == ("cancelled", person):
            return state
        after = rules_of.cancel(state)
        connection.execute(
            "UPDATE stocktake SET state = %s, cancelled_by = %s, cancelled_at = %s WHERE stocktake_id = %s",
            (after, person, now, stocktake_id),
        )
        settle_counts(connection, stocktake_id)
    return after


def _lock(connection: Connection, stocktake_id: uuid.UUID) -> tuple[State, datetime]:
    """The stocktake is this transaction's until its end."""
    row = connection.execute(
        "SELECT state, frozen_at FROM stocktake WHERE stocktake_id = %s FOR UPDATE", (stocktake_id,)
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("stocktake_unknown", f"no stocktake {stocktake_id}")
    return row[0], row[1]


def _who(connection: Connection, stocktake_id: uuid.UUID, act: LiteralString) -> str:
    """Whose act it was, by its column; nobody's: empty."""
    query = f"SELECT {act} FROM stocktake WHERE stocktake_id = %s"  # noqa: S608 - our own column name
    row = connection.execute(query, (stocktake_id,)).fetchone()
    return str(row[0] or "") if row else ""


def _refuse_unknown_products(connection: Connection, products: Sequence[str] | None) -> None:
    if products is None:
        return
    row = connection.execute(
        "SELECT p FROM unnest(%s::text[]) AS p WHERE NOT EXISTS (SELECT FROM product WHERE product_id = p) LIMIT 1",
        (list(products),),
    ).fetchone()
    if row is not None or not products:
        if row is None:
            raise WorkRefusedError(
                "product_missing", "no product is named: name one, or leave it out to count everything"
            )
        message = f"product {row[0]!r} is not in the catalogue: name one that is, or none at all to count everything"
        raise WorkRefusedError("product_unknown", message, product=row[0])


def _refuse_overlap(connection: Connection, accounts: Sequence[str], products: Sequence[str] | None) -> None:
    """Two open stocktakes of the same stock would both book the same difference."""
    row = connection.execute(
        "SELECT s.number, p.account_id FROM stocktake s JOIN stocktake_place p USING (stocktake_id)"
        " WHERE s.state = ANY(%s) AND p.account_id = ANY(%s)"
        " AND (s.product_ids IS NULL OR %s::text[] IS NULL OR s.product_ids && %s::text[]) LIMIT 1",
        (list(OPEN_STATES), list(accounts), products, products),
    ).fetchone()
    if row is not None:
        message = f"stocktake {row[0]} counts {row[1]} already: finish or cancel it first"
        raise WorkConflictError("count_overlap", message, number=row[0], account=row[1])


def _next_number(connection: Connection, now: datetime, zone: ZoneInfo) -> str:
    """Of the local year, from the same series as other counts; a transaction that fails gives its number back."""
    year = now.astimezone(zone).year
    row = connection.execute(
        "INSERT INTO stock_document_number (kind, year, last_number) VALUES ('count', %s, 1)"
        " ON CONFLICT (kind, year) DO UPDATE SET last_number = stock_document_number.last_number + 1"
        " RETURNING last_number",
        (year,),
    ).fetchone()
    return f"{NUMBER_PREFIX['count']}{year % 100:02}-{row[0] if row else 0:06}"


def _add_unexpected(connection: Connection, given: HandIn) -> None:
    """Lines for what stands there and was not in the books."""
    columns = tuple([getattr(line, name) for line in given.lines] for name in ("account_id", "product_id", "lot"))
    row = connection.execute(
        "SELECT k.a, k.p FROM unnest(%s::text[], %s::text[]) AS k (a, p) JOIN stocktake s ON s.stocktake_id = %s"
        " WHERE NOT EXISTS (SELECT FROM stocktake_place w WHERE w.stocktake_id = s.stocktake_id AND w.account_id = k.a)"
        " OR NOT EXISTS (SELECT FROM product WHERE product_id = k.p)"
        " OR NOT k.p = ANY(coalesce(s.product_ids, ARRAY[k.p])) LIMIT 1",
        (columns[0], columns[1], given.stocktake_id),
    ).fetchone()
    if row is not None:
        raise WorkRefusedError(
            "not_in_stocktake",
            f"product {row[1]!r} at {row[0]!r} is not part of this stocktake: expected its places, products of the"
            " catalogue, and of those the ones it is about",
            product=row[1],
            account=row[0],
        )
    connection.execute(
        "INSERT INTO stocktake_line (stocktake_id, account_id, product_id, lot, frozen_quantity, is_controlled,"
        " was_expected) SELECT %s, k.a, k.p, k.l, 0, product.control_class <> 'none', false"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (a, p, l) JOIN product ON product_id = k.p"
        " ON CONFLICT DO NOTHING",
        (given.stocktake_id, *columns),
    )


def _keep_counts(connection: Connection, given: HandIn, state: State, now: datetime) -> None:
    rules = read_rules(connection, given.stocktake_id)
    keys = [LineKey(line.account_id, line.product_id, line.lot) for line in given.lines]
    before = {line.key: line for line in judged_lines(connection, given.stocktake_id, keys)}
    attempts = []
    for key in keys:
        so_far = before[key]
        rules_of.require_countable(state, so_far.counts, given.counted_by, rules, is_controlled=so_far.is_controlled)
        attempts.append(len(so_far.counts) + 1)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO stocktake_count VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    *(given.stocktake_id, line.account_id, line.product_id, line.lot, attempt, given.request_id),
                    *(line.quantity, given.counted_by, line.counted_at or given.counted_at, now),
                    None if line.packs is None else Jsonb(line.packs),
                )
                for line, attempt in zip(given.lines, attempts, strict=True)
            ],
        )
    if state != "waiting_verification":
        return
    for judged in judged_lines(connection, given.stocktake_id, keys):
        state = rules_of.after_count(state, verdict_of(judged, rules))
    connection.execute("UPDATE stocktake SET state = %s WHERE stocktake_id = %s", (state, given.stocktake_id))
