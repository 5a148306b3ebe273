"""Goods that stand where another class belongs, such as vaccines on a shelf: watched by their own class's rules.

They are looked for each minute. Since when a class is there is asked of the books once, when it is found; goods that
came and went between two looks are not found here, but what they went through is told on their own page.
"""

# ruff: noqa: S608 - put together from our own words only

from typing import Final

from gateway.cold_chain.scope import OWN_CLIMATE
from gateway.db.pool import Connection

_PRESENT: Final = (
    "WITH RECURSIVE inside AS (SELECT p.place_id AS root, p.storage_class AS fit_for, p.place_id FROM place p"
    " WHERE EXISTS (SELECT FROM device d JOIN sensor_interval USING (device_key) WHERE d.place_id = p.place_id)"
    " UNION ALL SELECT i.root, i.fit_for, p.place_id FROM place p JOIN inside i ON p.parent_place_id = i.place_id"
    f" WHERE NOT {OWN_CLIMATE})"
    " SELECT DISTINCT i.root, p.storage_class FROM inside i JOIN stock_account a USING (place_id)"
    " JOIN stock_balance b USING (account_id) JOIN product p USING (product_id)"
    " WHERE b.quantity > 0 AND p.storage_class IS DISTINCT FROM i.fit_for"
)
# A lot came when its account rose from nothing for the last time.
_SINCE: Final = (
    "WITH RECURSIVE inside AS (SELECT p.place_id FROM place p WHERE p.place_id = %(place)s UNION ALL"
    " SELECT p.place_id FROM place p JOIN inside i ON p.parent_place_id = i.place_id"
    f" WHERE NOT {OWN_CLIMATE}),"
    " there AS (SELECT b.account_id, b.product_id, b.lot FROM inside JOIN stock_account a USING (place_id)"
    " JOIN stock_balance b USING (account_id) JOIN product p USING (product_id)"
    " WHERE b.quantity > 0 AND p.storage_class = %(class)s),"
    " running AS (SELECT t.account_id, t.product_id, t.lot, s.occurred_at, sum(s.quantity) OVER (PARTITION BY"
    " t.account_id, t.product_id, t.lot ORDER BY s.occurred_at, s.movement_id) - s.quantity AS before"
    " FROM there t JOIN posting s USING (account_id, product_id, lot)),"
    " came AS (SELECT max(occurred_at) AS at FROM running WHERE before <= 0 GROUP BY account_id, product_id, lot)"
    " SELECT coalesce(min(at), now()) FROM came"
)


def refresh(connection: Connection) -> int:
    """Write down which classes are guests where; how many came or went."""
    present = {(row[0], row[1]) for row in connection.execute(_PRESENT.encode())}
    known = {(row[0], row[1]) for row in connection.execute("SELECT place_id, storage_class FROM guest_class")}
    for place_id, storage_class in sorted(known - present):
        connection.execute(
            "DELETE FROM guest_class WHERE place_id = %s AND storage_class = %s", (place_id, storage_class)
        )
    for place_id, storage_class in sorted(present - known):
        connection.execute(
            f"INSERT INTO guest_class (place_id, storage_class, since)"
            f" SELECT %(place)s, %(class)s, ({_SINCE})".encode(),
            {"place": place_id, "class": storage_class},
        )
    return len(known ^ present)
