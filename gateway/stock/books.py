"""The stock books in the database: movements, their postings and the balances, always together.

Integer base units, double entry: what leaves one account enters another, so that all postings sum to zero. Nothing is
ever changed or deleted; a balance is a projection of postings, moved in the same transaction and provable by replay.
`inventory.ledger.Balances` is the same in memory, and a test holds the one against the other.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Literal

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock import guard as guards
from gateway.stock import locks
from gateway.stock.lines import GIVING_KINDS, Availability, Doing, Goods, Line, movement_of
from gateway.stock.packs import Pack, PackKey, after, read_packs, write_packs
from inventory.errors import (
    InsufficientStockError,
    LedgerError,
    MovementConflictError,
    PackElsewhereError,
    StockHeldError,
    TwoPeopleNeededError,
)
from inventory.ledger import UNGUARDED_ACCOUNTS, BalanceKey, Movement
from inventory.movement import postings_of

__all__ = [
    "GIVING_KINDS",
    "Availability",
    "Doing",
    "Goods",
    "InsufficientStockError",
    "LedgerError",
    "Line",
    "MovementConflictError",
    "PackElsewhereError",
    "StockHeldError",
    "TwoPeopleNeededError",
    "availability",
    "book",
    "place_account",
    "reverse",
]

Outcome = Literal["created", "exists"]


def place_account(connection: Connection, place_id: str) -> str:
    """The account of a place, opened when it is first needed.

    Raises:
        LedgerError: there is no such place.
    """
    account_id = f"place:{place_id}"
    connection.execute(
        "INSERT INTO stock_account (account_id, place_id)"
        " SELECT %(account)s, place_id FROM place WHERE place_id = %(place)s"
        " AND NOT EXISTS (SELECT FROM stock_account WHERE account_id = %(account)s) ON CONFLICT DO NOTHING",
        {"account": account_id, "place": place_id},
    )
    row = connection.execute("SELECT account_id FROM stock_account WHERE place_id = %s", (place_id,)).fetchone()
    if row is None:
        message = f"no place {place_id!r}: enter it first, or give one that exists"
        raise LedgerError(message, code="place_unknown", place=place_id)
    return str(row[0])


def availability(
    connection: Connection, account_id: str, product_id: str, lot: str, *, now: datetime | None = None
) -> Availability:
    """What stands there and how much of it is free; reservations are judged at `now`, else by the database's clock."""
    key = BalanceKey(account_id, product_id, lot)
    row = connection.execute(
        "SELECT quantity FROM stock_balance WHERE account_id = %s AND product_id = %s AND lot = %s", key
    ).fetchone()
    return Availability(int(row[0]) if row else 0, guards.reserved(connection, [key], now).get(key, 0))


def book(
    connection: Connection,
    doing: Doing,
    lines: Sequence[Line],
    *,
    guard: bool = True,
    settles: Collection[uuid.UUID] = (),
) -> Outcome:
    """Write the lines, all or none, in the caller's transaction; a repetition writes nothing (`exists`).

    Nothing takes more than there is, guarded or not. With `guard` neither what is reserved is taken nor what is held
    or expired given out, nor does one person alone give out what is under special control. Without it the books follow
    what physically happened (an edge node's scan). What the reservations in `settles` hold is free for these lines (see
    `reservations.post`).

    Raises:
        LedgerError: no movement that the books can take, or one that nobody answers for.
        InsufficientStockError: too little there; says how much is on hand, reserved and free.
        StockHeldError: it may not be given out; says why, since when and by whom.
        TwoPeopleNeededError: it is under special control, and one person gives it out.
        PackElsewhereError: a serialised pack is not where it is taken from.
        MovementConflictError: a movement of this id is booked with other content.
    """
    guards.refuse_untraceable(doing)
    movements = [movement_of(line, doing.occurred_at) for line in lines]
    if not lines or len({line.movement_id for line in lines}) < len(lines):
        raise LedgerError(f"{len(lines)} lines: expected at least one, each with an id of its own")
    keys = {BalanceKey(side.account_id, side.product_id, side.lot) for one in movements for side in postings_of(one)}
    packs = sorted({(goods.gtin or "", goods.serial_number) for goods in _goods(lines) if goods.serial_number})
    with connection.transaction():
        guards.refuse_unknown(connection, lines)
        locks.enter_with_others(connection)
        locks.lock_packs(connection, packs)
        _note_lots(connection, lines)
        balances = locks.lock_balances(connection, keys)
        if _are_booked(connection, doing, lines):
            return "exists"
        moved = _packs_after(read_packs(connection, packs), lines, doing)
        taken = guards.reserved(connection, keys, doing.received_at, besides=settles) if guard else {}
        guards.refuse_too_little(movements, balances, taken)
        if guard:
            guards.refuse_one_person(connection, doing, lines)
            guards.refuse_held(connection, doing, lines, balances)
        _insert(connection, doing, lines)
        _move_balances(connection, movements)
        write_packs(connection, moved)
    return "created"


def reverse(connection: Connection, doing: Doing, original_movement_id: uuid.UUID, movement_id: uuid.UUID) -> Outcome:
    """Take a movement back: the same goods the other way; the original stays. A serialised pack is put back too.

    Raises:
        LedgerError: there is no such movement, it is a reversal itself, or was taken back already.
        PackElsewhereError: its pack has moved on since: take back its later movements first.
        InsufficientStockError: its goods are used or reserved by now.
        MovementConflictError: `movement_id` is booked with other content.
    """
    row = connection.execute(
        "SELECT m.product_id, m.lot, m.expiry_date, m.quantity, m.gtin, m.serial_number, m.from_account_id,"
        " m.to_account_id, m.kind, r.movement_id FROM movement m"
        " LEFT JOIN movement r ON r.reverses_movement_id = m.movement_id WHERE m.movement_id = %s",
        (original_movement_id,),
    ).fetchone()
    if row is None:
        raise LedgerError(f"no movement {original_movement_id}: nothing to take back", code="movement_unknown")
    goods, (source, target, kind, taken_back_by) = Goods(*row[:6]), row[6:]
    if kind == "reverse":
        message = f"movement {original_movement_id} is a reversal: book anew what it took back"
        raise LedgerError(message, code="movement_is_reversal")
    if taken_back_by not in {None, movement_id}:
        message = f"movement {original_movement_id} was taken back already, by {taken_back_by}"
        raise LedgerError(message, code="movement_taken_back")
    line = Line(
        *(movement_id, "reverse", goods, target, source),
        reverses_movement_id=original_movement_id,
        moves_pack=not {source, target} <= UNGUARDED_ACCOUNTS,
    )
    try:
        return book(connection, doing, [line])
    except PackElsewhereError as error:
        message = f"movement {original_movement_id} can't be taken back: {error}"
        raise PackElsewhereError(message, code=error.code, **error.values) from None


def _goods(lines: Sequence[Line]) -> list[Goods]:
    return [line.goods for line in lines]


def _note_lots(connection: Connection, lines: Sequence[Line]) -> None:
    """A lot that is new, or an expiry date that is earlier than the known one; never a blank."""
    earliest: dict[tuple[str, str], date | None] = {}
    for goods in _goods(lines):
        key = (goods.product_id, goods.lot)
        dates = [one for one in (earliest.get(key), goods.expiry_date) if one is not None]
        earliest[key] = min(dates, default=None)
    keys = sorted(earliest)
    connection.execute(
        "INSERT INTO lot (product_id, lot, expiry_date) SELECT k.p, k.l, k.e"
        " FROM unnest(%s::text[], %s::text[], %s::date[]) AS k (p, l, e) WHERE NOT EXISTS"
        " (SELECT FROM lot WHERE lot.product_id = k.p AND lot.lot = k.l AND (k.e IS NULL OR lot.expiry_date <= k.e))"
        ' ORDER BY k.p COLLATE "C", k.l COLLATE "C"'
        " ON CONFLICT (product_id, lot) DO UPDATE SET expiry_date = least(lot.expiry_date, excluded.expiry_date)",
        ([key[0] for key in keys], [key[1] for key in keys], [earliest[key] for key in keys]),
    )


def _are_booked(connection: Connection, doing: Doing, lines: Sequence[Line]) -> bool:
    """All of them are, as they are given here; times are not compared: a server may have set them.

    Raises:
        MovementConflictError: one is booked with other content, or only some are.
    """
    booked = {
        row[0]: tuple(row[1:])
        for row in connection.execute(
            "SELECT movement_id, kind, product_id, lot, quantity, gtin, serial_number, from_account_id, to_account_id,"
            " reverses_movement_id, document_id FROM movement WHERE movement_id = ANY(%s)",
            ([line.movement_id for line in lines],),
        )
    }
    for line in lines:
        goods = line.goods
        content = (
            *(line.kind, goods.product_id, goods.lot, goods.quantity, goods.gtin, goods.serial_number),
            *(line.from_account_id, line.to_account_id, line.reverses_movement_id, doing.document_id),
        )
        known = booked.get(line.movement_id, content)
        if known != content:
            raise MovementConflictError(f"movement {line.movement_id} is booked as {known!r}, and came as {content!r}")
    if booked and len(booked) < len(lines):
        missing = next(line.movement_id for line in lines if line.movement_id not in booked)
        raise MovementConflictError(f"{len(booked)} of {len(lines)} lines are booked already, {missing} is not")
    return bool(booked)


def _packs_after(known: dict[PackKey, Pack], lines: Sequence[Line], doing: Doing) -> dict[PackKey, Pack]:
    moved: dict[PackKey, Pack] = {}
    for line in lines:
        key = (line.goods.gtin or "", line.goods.serial_number or "")
        pack = after(line, moved.get(key, known.get(key)), doing.occurred_at)
        if pack is not None:
            moved[key] = pack
    return moved


def _insert(connection: Connection, doing: Doing, lines: Sequence[Line]) -> None:
    """The movements and their postings."""
    goods = _goods(lines)
    written = connection.execute(
        "WITH written AS (INSERT INTO movement (movement_id, kind, product_id, lot, expiry_date, gtin, serial_number,"
        " quantity, from_account_id, to_account_id, reverses_movement_id, occurred_at, received_at, client, person,"
        " second_person, document_id, reason_code, note, device_key, epoch_key, seq, scan_text)"
        " SELECT l.*, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM unnest(%s::uuid[], %s::text[], %s::text[],"
        " %s::text[], %s::date[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::uuid[]) AS l"
        " ON CONFLICT DO NOTHING RETURNING movement_id, occurred_at, product_id, lot, quantity,"
        " from_account_id, to_account_id) INSERT INTO posting (movement_id, occurred_at, account_id, other_account_id,"
        " product_id, lot, quantity) SELECT movement_id, occurred_at, from_account_id, to_account_id, product_id, lot,"
        " -quantity FROM written UNION ALL"
        " SELECT movement_id, occurred_at, to_account_id, from_account_id, product_id, lot, quantity FROM written",
        (
            *(doing.occurred_at, doing.received_at, doing.client, doing.person, doing.second_person),
            *(doing.document_id, doing.reason_code, storable(doing.note), doing.device_key, doing.epoch_key),
            *(doing.seq, storable(doing.scan_text)),
            *([line.movement_id for line in lines], [line.kind for line in lines], [one.product_id for one in goods]),
            *([one.lot for one in goods], [one.expiry_date for one in goods], [one.gtin for one in goods]),
            *([one.serial_number for one in goods], [one.quantity for one in goods]),
            *([line.from_account_id for line in lines], [line.to_account_id for line in lines]),
            [line.reverses_movement_id for line in lines],
        ),
    )
    if written.rowcount != 2 * len(lines):
        raise MovementConflictError(
            "a movement of one of these ids, or another reversal, was booked at the same moment"
        )


def _move_balances(connection: Connection, movements: Sequence[Movement]) -> None:
    """By what each account gets or gives in all; the rows are there and locked."""
    deltas: Counter[BalanceKey] = Counter()
    for movement in movements:
        for side in postings_of(movement):
            deltas[BalanceKey(side.account_id, side.product_id, side.lot)] += side.quantity
    keys = list(deltas)
    connection.execute(
        "UPDATE stock_balance b SET quantity = b.quantity + d.q"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS d (a, p, l, q)"
        " WHERE b.account_id = d.a AND b.product_id = d.p AND b.lot = d.l AND d.q <> 0",
        (*([key[part] for key in keys] for part in range(3)), [deltas[key] for key in keys]),
    )
