"""Who waits for whom while the books are written: always in one order, so that nobody waits in a circle.

1. The gate. A person's act (`book`) passes it with others; a frame of edge scans, which must be applied in the order in
   which it was scanned, goes through it alone. 2. Packs. 3. Lots. 4. Balances. Within each class in the order of keys.
A transaction calls `book` once, with all its lines; one that must call it twice, or places a hold too, goes through the
gate alone, and does that first. Before the gate come a document, its number, and reservations, each if there is one.
"""

from collections.abc import Iterable, Sequence

from gateway.db.pool import Connection
from inventory.ledger import BalanceKey

_GATE = 7_203_006
_PACK = 7_203_005


def enter_with_others(connection: Connection) -> None:
    """Until the transaction ends no frame of edge scans is booked."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_GATE,))


def enter_alone(connection: Connection) -> None:
    """Until the transaction ends nobody else books anything: locks may then be taken in any order."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_GATE,))


def lock_packs(connection: Connection, packs: Iterable[tuple[str, str]]) -> None:
    """Of each GTIN and serial number: nobody else can move it, or enter it, until the transaction ends."""
    names = sorted({f"{gtin}/{serial_number}" for gtin, serial_number in packs})
    if names:
        connection.execute(
            "SELECT pg_advisory_xact_lock(key) FROM (SELECT hashtextextended(name, %s) AS key"
            " FROM unnest(%s::text[]) AS name ORDER BY key) AS keys",
            (_PACK, names),
        )


def lock_balances(connection: Connection, keys: Iterable[BalanceKey]) -> dict[BalanceKey, int]:
    """Base units on each; opened at zero where there was nothing. Locked until the transaction ends."""
    unique = sorted(set(keys))
    columns = tuple([key[part] for key in unique] for part in range(3))
    # First all that is new, then all that there is: whoever waits for a new row does not yet hold an old one.
    connection.execute(
        "INSERT INTO stock_balance (account_id, product_id, lot, quantity) SELECT k.a, k.p, k.l, 0"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (a, p, l) WHERE NOT EXISTS"
        " (SELECT FROM stock_balance b WHERE (b.account_id, b.product_id, b.lot) = (k.a, k.p, k.l))"
        ' ORDER BY k.a COLLATE "C", k.p COLLATE "C", k.l COLLATE "C" ON CONFLICT DO NOTHING',
        columns,
    )
    return _lock(connection, columns)


def lock_existing_balances(connection: Connection, keys: Iterable[BalanceKey]) -> dict[BalanceKey, int]:
    """Base units on each that is open; locked until the transaction ends."""
    unique = sorted(set(keys))
    return _lock(connection, tuple([key[part] for key in unique] for part in range(3)))


def _lock(connection: Connection, columns: Sequence[Sequence[str]]) -> dict[BalanceKey, int]:
    rows = connection.execute(
        "SELECT b.account_id, b.product_id, b.lot, b.quantity FROM stock_balance b"
        " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS k (a, p, l)"
        " ON b.account_id = k.a AND b.product_id = k.p AND b.lot = k.l"
        ' ORDER BY b.account_id COLLATE "C", b.product_id COLLATE "C", b.lot COLLATE "C" FOR UPDATE OF b',
        columns,
    ).fetchall()
    return {BalanceKey(*row[:3]): int(row[3]) for row in rows}
