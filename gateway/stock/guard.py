"""What the books refuse: unknown goods, more than there is, what is reserved, what is held or expired."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from gateway.db.pool import Connection
from gateway.stock.lines import GIVING_KINDS, Availability, Doing, Line
from inventory.errors import InsufficientStockError, LedgerError, StockHeldError, TwoPeopleNeededError
from inventory.ledger import UNGUARDED_ACCOUNTS, BalanceKey, Movement
from inventory.lot_state import Hold, holds_on, lot_state, part_holds_on, units_held
from inventory.movement import MovementKind, postings_of

TWO_PEOPLE_KINDS: Final[frozenset[MovementKind]] = frozenset(
    {"receive", "issue", "dispense", "waste", "return_in", "return_out", "adjust_in", "adjust_out", "reverse"}
)
"""Movements of drugs under special control that two people answer for, each time (circular 20/2017/TT-BYT has receipts,
issues and destruction witnessed; which acts these are here is ours to say). What moves between places of the house and
what is repacked stays in the house: one person does it, and another one receives a transfer (`transfers.arrive`)."""


def refuse_unknown(connection: Connection, lines: Sequence[Line]) -> None:
    """Products, trade items and accounts must exist.

    Raises:
        LedgerError: naming the first that doesn't.
    """
    goods = [line.goods for line in lines]
    accounts = sorted({account for line in lines for account in (line.from_account_id, line.to_account_id)})
    row = connection.execute(
        "SELECT (SELECT g.p FROM unnest(%(products)s::text[]) AS g (p)"
        " WHERE NOT EXISTS (SELECT FROM product WHERE product_id = g.p) LIMIT 1),"
        " (SELECT ARRAY[g.g, g.p] FROM unnest(%(gtins)s::text[], %(products)s::text[]) AS g (g, p)"
        " WHERE g.g IS NOT NULL AND NOT EXISTS (SELECT FROM trade_item t WHERE t.gtin = g.g AND t.product_id = g.p)"
        " LIMIT 1), (SELECT a.a FROM unnest(%(accounts)s::text[]) AS a (a)"
        " WHERE NOT EXISTS (SELECT FROM stock_account WHERE account_id = a.a) LIMIT 1)",
        {"products": [one.product_id for one in goods], "gtins": [one.gtin for one in goods], "accounts": accounts},
    ).fetchone()
    product, trade_item, account = row or (None, None, None)
    if product is not None:
        message = f"product {product!r} is not in the catalogue: enter it first"
        raise LedgerError(message, code="product_unknown", product=product)
    if trade_item is not None:
        message = f"GTIN {trade_item[0]} is no trade item of product {trade_item[1]!r}: enter it in the catalogue first"
        raise LedgerError(message, code="gtin_of_another", gtin=trade_item[0], product=trade_item[1])
    if account is not None:
        message = f"no stock account {account!r}: see books.place_account"
        raise LedgerError(message, code="place_unknown", place=account)


def reserved(
    connection: Connection,
    keys: Iterable[BalanceKey],
    now: datetime | None = None,
    *,
    besides: Collection[uuid.UUID] = (),
) -> dict[BalanceKey, int]:
    """Base units in pending reservations, without those of `besides`, that have not expired at `now`.

    `now` None: by the database's clock.
    """
    wanted = sorted(set(keys))
    rows = connection.execute(
        "SELECT r.account_id, r.product_id, r.lot, sum(r.quantity) FROM stock_reservation r"
        " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS k (a, p, l)"
        " ON r.account_id = k.a AND r.product_id = k.p AND r.lot = k.l"
        " WHERE r.state = 'pending' AND r.expires_at > coalesce(%s, now())"
        " AND NOT r.reservation_id = ANY(%s) GROUP BY 1, 2, 3",
        (*([key[part] for key in wanted] for part in range(3)), now, list(besides)),
    )
    return {BalanceKey(*row[:3]): int(row[3]) for row in rows}


def refuse_too_little(
    movements: Sequence[Movement], balances: Mapping[BalanceKey, int], reserved_there: Mapping[BalanceKey, int]
) -> None:
    """Each in turn may take what is free then: a document may bring in what its later lines take.

    Raises:
        InsufficientStockError: saying what is on hand, reserved and free.
    """
    left = dict(balances)
    for movement in movements:
        for side in postings_of(movement):
            key = BalanceKey(side.account_id, side.product_id, side.lot)
            there = Availability(left[key], reserved_there.get(key, 0))
            if side.quantity < 0 and key.account_id not in UNGUARDED_ACCOUNTS and there.free + side.quantity < 0:
                raise too_little(key, -side.quantity, there)
            left[key] += side.quantity


def too_little(key: BalanceKey, wanted: int, there: Availability) -> InsufficientStockError:
    """What is said to someone who wants more than is free."""
    message = (
        f"account {key.account_id!r}, product {key.product_id}, lot {key.lot!r}: {wanted} wanted,"
        f" {max(there.free, 0)} free ({there.on_hand} on hand, {there.reserved} reserved)"
    )
    free, on_hand, promised = max(there.free, 0), there.on_hand, there.reserved
    facts = {"product": key.product_id, "lot": key.lot, "account": key.account_id}
    return InsufficientStockError(message, **facts, wanted=wanted, free=free, on_hand=on_hand, promised=promised)


def refuse_untraceable(doing: Doing) -> None:
    """Every movement leads to a person, a device and a scan, or to what stands for them.

    An edge node's: its device and the event of the scan; the person is whoever had signed on at the device, if anybody.
    Any other: a person, and the document on which the act was written or the text that was scanned for it.

    Raises:
        LedgerError: naming what is missing.
    """
    if doing.client == "edge":
        needed = {"device_key": doing.device_key, "epoch_key": doing.epoch_key, "seq": doing.seq}
        missing = [name for name, value in needed.items() if value is None]
    else:
        missing = [] if doing.person else ["person"]
        missing += [] if doing.document_id or doing.scan_text else ["document_id or scan_text"]
    if missing:
        raise LedgerError(f"a movement told by {doing.client!r} can't be traced without {', '.join(missing)}")


def refuse_one_person(connection: Connection, doing: Doing, lines: Sequence[Line]) -> None:
    """Drugs under special control don't come, leave or change in the books by one person's word.

    Raises:
        TwoPeopleNeededError: naming the product.
    """
    products = sorted({line.goods.product_id for line in lines if line.kind in TWO_PEOPLE_KINDS})
    if doing.second_person is not None or not products:
        return
    row = connection.execute(
        "SELECT product_id, control_class FROM product WHERE product_id = ANY(%s) AND control_class <> 'none'"
        " ORDER BY product_id LIMIT 1",
        (products,),
    ).fetchone()
    if row is not None:
        raise TwoPeopleNeededError(
            f"product {row[0]} is under special control ({row[1]}): a second person has to confirm", product=row[0]
        )


def refuse_held(
    connection: Connection, doing: Doing, lines: Sequence[Line], balances: Mapping[BalanceKey, int]
) -> None:
    """What is held or expired is not given out; of a lot of which some units are held, so many stay.

    `balances` is what stood there before these lines.

    Raises:
        StockHeldError: why, since when and by whom.
    """
    giving = [line for line in lines if line.kind in GIVING_KINDS]
    if not giving:
        return
    products = sorted({line.goods.product_id for line in giving})
    holds = open_holds_of(connection, products)
    dates = _expiry_dates(connection, giving)
    for line in giving:
        goods = line.goods
        pack = (goods.gtin, goods.serial_number) if goods.gtin and goods.serial_number else None
        state = lot_state(
            holds_on(holds, goods.product_id, goods.lot, line.from_account_id, pack),
            min((one for one in (dates.get((goods.product_id, goods.lot)), goods.expiry_date) if one), default=None),
            doing.today,
        )
        if not state.may_be_given_out:
            message = f"product {goods.product_id}, lot {goods.lot!r} is not given out: {state.text}"
            raise StockHeldError(message, product=goods.product_id, lot=goods.lot, why=state.facts())
    _refuse_held_units(lines, holds, balances, doing.today)


def _refuse_held_units(
    lines: Sequence[Line], holds: Sequence[Hold], balances: Mapping[BalanceKey, int], today: date
) -> None:
    """Each line in turn. A serialised pack is held by its own hold: it is not among the units that look all alike."""
    left = Counter(balances)
    for line in lines:
        goods = line.goods
        source = BalanceKey(line.from_account_id, goods.product_id, goods.lot)
        left[source] -= goods.quantity
        left[BalanceKey(line.to_account_id, goods.product_id, goods.lot)] += goods.quantity
        if line.kind not in GIVING_KINDS or goods.serial_number is not None:
            continue
        parts = part_holds_on(holds, goods.product_id, goods.lot, line.from_account_id)
        held = sum(hold.quantity or 0 for hold in parts)
        if held and left[source] < held:
            state = lot_state(parts, None, today)
            raise StockHeldError(
                f"product {goods.product_id}, lot {goods.lot!r}: {goods.quantity} wanted of"
                f" {left[source] + goods.quantity} at {line.from_account_id!r}, of which {held} are held: {state.text}",
                product=goods.product_id,
                lot=goods.lot,
                why=state.facts(),
            )


def units_held_at(connection: Connection, key: BalanceKey) -> int:
    """Base units of a lot in a place that must stay there, while the rest of the lot may go."""
    return units_held(open_holds_of(connection, [key.product_id]), key.product_id, key.lot, key.account_id)


def open_holds_of(connection: Connection, products: Sequence[str]) -> list[Hold]:
    """Every open hold of these products, whatever its scope; the oldest first."""
    rows = connection.execute(
        "SELECT kind, product_id, reason, placed_by, placed_at, lot, account_id, gtin, serial_number, hold_id::text,"
        " quantity FROM stock_hold WHERE released_at IS NULL AND product_id = ANY(%s) ORDER BY placed_at, hold_id",
        (list(products),),
    )
    return [Hold(*row) for row in rows]


def expiry_date_of(connection: Connection, product_id: str, lot: str) -> date | None:
    """The last day of use that is known of the lot."""
    row = connection.execute(
        "SELECT expiry_date FROM lot WHERE product_id = %s AND lot = %s", (product_id, lot)
    ).fetchone()
    return row[0] if row else None


def _expiry_dates(connection: Connection, lines: Sequence[Line]) -> dict[tuple[str, str], date | None]:
    rows = connection.execute(
        "SELECT product_id, lot, expiry_date FROM lot WHERE (product_id, lot) IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[]))",
        ([line.goods.product_id for line in lines], [line.goods.lot for line in lines]),
    )
    return {(row[0], row[1]): row[2] for row in rows}
