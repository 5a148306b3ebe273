"""The questions of the proof (`gateway.stock.verify`): each over a whole table, none row by row."""
# ruff: noqa: S608 - put together from our own words only

from typing import Final

# A hundred thousand balances are grouped in memory; the server's own 4 MB would make it sort ten million rows. Each
# table is read by all processors: the planner takes the sums for larger than they are, and would read it by one.
SETTINGS: Final = (
    "SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true),"
    " set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true)"
)
_SIDES: Final = (
    "SELECT movement_id, occurred_at, from_account_id AS account_id, to_account_id AS other_account_id, product_id,"
    " lot, gtin, serial_number, -quantity AS quantity FROM movement UNION ALL"
    " SELECT movement_id, occurred_at, to_account_id, from_account_id, product_id, lot, gtin, serial_number, quantity"
    " FROM movement"
)
# A record's hash is a weighted sum of its columns' hashes: two rows with a column exchanged would sum to the same.
# Hashed once more they don't.
_CHECKSUM: Final = (
    "sum(hashint8extended(hash_record_extended(ROW(movement_id, occurred_at, {quantity}, {other}), 0), 0))"
)
# Movements are added up by the way they went before they are turned into two sides: a hundred thousand ways, not ten
# million sides.
GROUPS: Final = (
    "WITH ways AS (SELECT from_account_id, to_account_id, product_id, lot, count(*) AS rows,"
    f" sum(quantity) AS quantity, {_CHECKSUM.format(quantity='-quantity', other='to_account_id')} AS checksum_from,"
    f" {_CHECKSUM.format(quantity='quantity', other='from_account_id')} AS checksum_to FROM movement"
    " GROUP BY 1, 2, 3, 4),"
    " told AS (SELECT account_id, product_id, lot, sum(rows) AS rows, sum(quantity) AS quantity,"
    " sum(checksum) AS checksum FROM (SELECT from_account_id AS account_id, product_id, lot, rows,"
    " -quantity AS quantity, checksum_from AS checksum FROM ways UNION ALL SELECT to_account_id, product_id, lot, rows,"
    " quantity, checksum_to FROM ways) AS s GROUP BY 1, 2, 3),"
    " kept AS (SELECT account_id, product_id, lot, count(*) AS rows, sum(quantity) AS quantity,"
    f" {_CHECKSUM.format(quantity='quantity', other='other_account_id')} AS checksum FROM posting GROUP BY 1, 2, 3)"
    " SELECT account_id, product_id, lot, coalesce(told.rows, 0), coalesce(told.quantity, 0),"
    " coalesce(told.checksum, 0), coalesce(kept.rows, 0), coalesce(kept.quantity, 0), coalesce(kept.checksum, 0),"
    " coalesce(stock_balance.quantity, 0) FROM told FULL JOIN kept USING (account_id, product_id, lot)"
    " FULL JOIN stock_balance USING (account_id, product_id, lot) ORDER BY 1, 2, 3"
)
_ROWS: Final = (
    "SELECT movement_id, occurred_at, quantity, other_account_id FROM ({}) AS s WHERE account_id = %(account)s"
    " AND product_id = %(product)s AND lot = %(lot)s"
)
UNLIKE: Final = (
    f"WITH told AS ({_ROWS.format(_SIDES)}), kept AS ({_ROWS.format('SELECT * FROM posting')})"
    " (SELECT 'is missing', t.* FROM (TABLE told EXCEPT ALL TABLE kept) AS t) UNION ALL"
    " (SELECT 'is of no movement', k.* FROM (TABLE kept EXCEPT ALL TABLE told) AS k) ORDER BY 2, 1"
)
# A scan told to have moved stock must be there, from that device. Two queries, so that the second is one join.
UNTRACEABLE: Final = (
    "SELECT movement_id, kind, 'nobody and nothing is named' FROM movement WHERE CASE WHEN client = 'edge'"
    " THEN device_key IS NULL OR epoch_key IS NULL OR seq IS NULL"
    " ELSE person IS NULL OR (document_id IS NULL AND scan_text IS NULL) END"
    " UNION ALL SELECT m.movement_id, m.kind, 'its scan is not there' FROM movement m WHERE m.client = 'edge'"
    " AND m.device_key IS NOT NULL AND m.epoch_key IS NOT NULL AND m.seq IS NOT NULL AND NOT EXISTS"
    " (SELECT FROM scan s WHERE s.epoch_key = m.epoch_key AND s.seq = m.seq AND s.device_key = m.device_key)"
)
_INSIDE: Final = "(account_id LIKE 'place:%%' OR account_id = 'in_transit')"
_PACK_KEY: Final = "gtin, serial_number, account_id, product_id, lot"
# Each pack's position weighs a number of its own: where all positions agree the sums do, and almost never else.
_WEIGHT: Final = f"sum((hashint8extended(hash_record_extended(ROW({_PACK_KEY}), 0), 0) >> 33) * %s)"
PACK_SUMS: Final = (
    f"SELECT coalesce((SELECT {_WEIGHT % 'quantity'} FROM ({_SIDES}) AS s WHERE serial_number IS NOT NULL"
    f" AND {_INSIDE}), 0), coalesce((SELECT {_WEIGHT % 'units'} FROM pack WHERE {_INSIDE}), 0)"
)
PACK_POSITIONS: Final = (
    f"WITH told AS (SELECT {_PACK_KEY}, sum(quantity) AS units FROM ({_SIDES}) AS s WHERE serial_number IS NOT NULL"
    f" AND {_INSIDE} GROUP BY {_PACK_KEY} HAVING sum(quantity) <> 0),"
    f" kept AS (SELECT {_PACK_KEY}, units FROM pack WHERE {_INSIDE} AND units <> 0)"
    " SELECT gtin, serial_number, account_id, coalesce(told.units, 0), coalesce(kept.units, 0)"
    f" FROM told FULL JOIN kept USING ({_PACK_KEY}) WHERE told.units IS DISTINCT FROM kept.units ORDER BY 1, 2, 3"
)
LAST_MOVES: Final = (
    "SELECT p.gtin, p.serial_number, p.account_id, m.to_account_id FROM pack p LEFT JOIN movement m"
    " ON m.movement_id = p.last_movement_id WHERE m.gtin IS DISTINCT FROM p.gtin"
    " OR m.serial_number IS DISTINCT FROM p.serial_number OR (p.account_id <> m.to_account_id"
    " AND NOT (p.account_id LIKE 'place:%%' OR p.account_id = 'in_transit')) ORDER BY 1, 2"
)
REVERSALS: Final = (
    "SELECT r.movement_id, r.reverses_movement_id FROM movement r JOIN movement m"
    " ON m.movement_id = r.reverses_movement_id WHERE m.kind = 'reverse' OR (r.product_id, r.lot, r.quantity,"
    " r.from_account_id, r.to_account_id) <> (m.product_id, m.lot, m.quantity, m.to_account_id, m.from_account_id)"
    " OR (r.gtin, r.serial_number) IS DISTINCT FROM (m.gtin, m.serial_number) ORDER BY 1"
)
NUMBERS: Final = (
    "SELECT kind, given, written FROM (SELECT kind, sum(last_number) AS given FROM stock_document_number"
    " GROUP BY kind) AS n LEFT JOIN LATERAL (SELECT count(*) AS written FROM (SELECT number FROM stock_document d"
    " WHERE d.kind = n.kind UNION SELECT number FROM stocktake WHERE n.kind = 'count') AS numbers)"
    " AS d ON true WHERE written < given ORDER BY kind"
)
COUNTS: Final = "SELECT count(*), count(*) FILTER (WHERE client = 'edge' AND person IS NULL) FROM movement"
