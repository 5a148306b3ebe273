"""The bench warehouse's past besides its movements: orders, monthly stocktakes, holds and recalls that are over, cases.

Set by set in the server, on books that `medtap.bench.stock_years` has filled; nothing here moves stock.
"""

from datetime import datetime
from typing import Any, Final

import psycopg

Connection = psycopg.Connection[Any]
ORDERS_OPEN: Final = 60
"""The newest orders wait for more; a third of these have nothing yet."""
_RECEIPTS_AN_ORDER: Final = 8
_STOCKTAKES: Final = 24
_STOCKTAKE_LINES: Final = 3000
_RECALLS: Final = 40
_PAST: Final = (
    """\
    UPDATE product SET control_class = (ARRAY['narcotic', 'psychotropic', 'precursor', 'toxic'])[1 + n %% 4]
    FROM (SELECT product_id, row_number() OVER (ORDER BY product_id) AS n FROM product) AS numbered
    WHERE numbered.product_id = product.product_id AND n %% 40 = 8""",
    """\
    INSERT INTO product_registration SELECT product_id, 'VD-' || right(product_id, 4) || '-' || n FROM product
    CROSS JOIN generate_series(21, 22) n""",
    # Receipts in the order of time, eight to an order.
    """\
    CREATE TEMPORARY TABLE bench_order ON COMMIT DROP AS SELECT document_id, from_place_id, occurred_at, supplier_name,
    (row_number() OVER (ORDER BY occurred_at, number) - 1) / %(receipts)s AS n FROM stock_document
    WHERE kind = 'receipt'""",
    """\
    INSERT INTO purchase_order (order_id, number, content_sha256, supplier_name, place_id, expected_on, ordered_at,
    ordered_by, closed_at, closed_by) SELECT md5('order' || n)::uuid, 'BD-' || lpad(n::text, 6, '0'),
    sha256(n::text::bytea), min(supplier_name), 'bench-main', min(occurred_at)::date, min(occurred_at) - interval
    '5 days', 'lan', CASE WHEN n < last - %(open)s THEN max(occurred_at) END, CASE WHEN n < last - %(open)s THEN 'lan'
    END FROM bench_order CROSS JOIN (SELECT max(n) AS last FROM bench_order) l GROUP BY n, last""",
    """\
    UPDATE stock_document d SET order_id = md5('order' || n)::uuid FROM bench_order o WHERE o.document_id =
    d.document_id AND n %% 3 < 2 + (n < (SELECT max(n) - %(open)s FROM bench_order))::integer""",
    """\
    INSERT INTO purchase_order_line SELECT md5('order' || o.n)::uuid, m.product_id, sum(m.quantity) + CASE WHEN o.n %% 5
    = 0 THEN 500 ELSE 0 END FROM bench_order o JOIN movement m USING (document_id) GROUP BY 1, 2, o.n""",
    """\
    INSERT INTO stock_hold (hold_id, kind, product_id, lot, reason, placed_by, placed_at, released_by, release_asked_at,
    release_reason, released_second, released_at) SELECT md5('past hold' || lot)::uuid, 'quarantine', product_id, lot,
    'Chờ kiểm nhập', 'lan', first_seen_at, 'lan', first_seen_at + interval '1 day', 'Đã kiểm tra đạt yêu cầu',
    'minh', first_seen_at + interval '1 day' FROM (SELECT *, row_number() OVER (ORDER BY first_seen_at) AS n FROM lot)
    l WHERE n %% 4 = 1""",
    """\
    INSERT INTO recall (recall_id, number, content_sha256, product_id, lot, source, level, reason, opened_by,
    opened_at) SELECT md5('recall' || n)::uuid, 'BR-' || lpad(n::text, 6, '0'), sha256(n::text::bytea), product_id, lot,
    'CV ' || n || '/QLD-CL', '2', 'Không đạt chất lượng', 'lan', first_seen_at + interval '30 days' FROM (SELECT *,
    row_number() OVER (ORDER BY md5(lot)) AS n FROM lot LIMIT %(recalls)s) l""",
    """\
    INSERT INTO stock_hold (hold_id, kind, product_id, lot, reason, recall_id, placed_by, placed_at, released_by,
    release_asked_at, release_reason, released_second, released_at) SELECT recall_id, 'recall', product_id, lot, reason,
    recall_id, 'lan', opened_at, 'lan', opened_at + interval '9 days', 'Hết hiệu lực', 'minh', opened_at + interval
    '9 days' FROM recall""",
    """\
    INSERT INTO stocktake (stocktake_id, number, content_sha256, state, tolerance_units, tolerance_permille, counts_max,
    recount_by_another, frozen_at, started_by, submitted_by, submitted_at, verified_by, verified_at, posted_by,
    posted_at) SELECT md5('stocktake' || n)::uuid, 'BK-' || lpad(n::text, 6, '0'), sha256(n::text::bytea), 'posted', 0,
    0, 3, true, at, 'lan', 'lan', at + interval '6 hours', 'minh', at + interval '8 hours', 'minh', at + interval
    '9 hours' FROM (SELECT n, %(until)s::timestamptz - n * interval '30 days' AS at FROM generate_series(1,
    %(stocktakes)s) n) t""",
    """\
    INSERT INTO stocktake_place SELECT stocktake_id, 'place:bench-main' FROM stocktake WHERE number LIKE 'BK-%%'""",
    """\
    INSERT INTO stocktake_line SELECT stocktake_id, 'place:bench-main', product_id, lot, 100, false, true, 0, 0 FROM
    stocktake CROSS JOIN (SELECT product_id, lot FROM lot ORDER BY md5(lot || 'count') LIMIT %(lines)s) l""",
    """\
    INSERT INTO stocktake_request SELECT stocktake_id, stocktake_id, content_sha256 FROM stocktake""",
    """\
    INSERT INTO stocktake_count (stocktake_id, account_id, product_id, lot, attempt, request_id, quantity, counted_by,
    counted_at, received_at, settled_expected, settled_corrected) SELECT l.stocktake_id, l.account_id, l.product_id,
    l.lot, 1, l.stocktake_id, 100, 'lan', s.frozen_at + interval '2 hours', s.frozen_at + interval '2 hours', 100, false
    FROM stocktake_line l JOIN stocktake s USING
    (stocktake_id)""",
    """\
    INSERT INTO discrepancy (opened_at, code, detail, product_id, lot, document_id) SELECT occurred_at,
    'received_differently', 'found by the bench', m.product_id, m.lot, m.document_id FROM movement m JOIN product p
    USING (product_id) WHERE p.control_class <> 'none' AND m.document_id IS NOT NULL AND m.kind = 'receive' AND
    m.serial_number IS NULL LIMIT 60""",
    """\
    INSERT INTO discrepancy_act SELECT discrepancy_id, n, opened_at + n * interval '1 hour', 'lan', 'noted',
    'Đã hỏi khoa, chờ trả lời' FROM discrepancy CROSS JOIN generate_series(1, 4) n""",
    """\
    INSERT INTO device_operator SELECT device_key, 'bench', %(until)s::timestamptz - interval '2 hours', NULL FROM
    device WHERE site = 'bench'""",
)


def add_past(connection: Connection, until: datetime) -> None:
    """Add it all, in the caller's transaction."""
    values = {
        "until": until,
        "receipts": _RECEIPTS_AN_ORDER,
        "open": ORDERS_OPEN,
        "recalls": _RECALLS,
        "stocktakes": _STOCKTAKES,
        "lines": _STOCKTAKE_LINES,
    }
    for statement in _PAST:
        connection.execute(statement, values)
