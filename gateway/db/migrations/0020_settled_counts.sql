-- A stocktake that is over says for ever what it was decided upon: what the books had at the instant of each count, and
-- whether they were corrected by other means after it. As long as it is open both follow from the movements.
ALTER TABLE stocktake_count
    ADD COLUMN settled_expected bigint,
    ADD COLUMN settled_corrected boolean,
    ADD CONSTRAINT stocktake_count_settled_whole CHECK ((settled_expected IS NULL) = (settled_corrected IS NULL));
UPDATE stocktake_count kept SET settled_expected = told.expected, settled_corrected = told.corrected
    FROM (SELECT c.stocktake_id, c.account_id, c.product_id, c.lot, c.attempt,
            coalesce(b.quantity, 0) - later.moved AS expected, later.corrected
        FROM stocktake s JOIN stocktake_count c USING (stocktake_id)
        LEFT JOIN stock_balance b USING (account_id, product_id, lot)
        CROSS JOIN LATERAL (SELECT coalesce(sum(CASE WHEN m.to_account_id = c.account_id THEN m.quantity
                ELSE -m.quantity END), 0)::bigint AS moved,
            coalesce(bool_or(m.kind IN ('adjust_in', 'adjust_out', 'count_in', 'count_out', 'found', 'reverse')
                AND m.document_id IS DISTINCT FROM c.stocktake_id), false) AS corrected
            FROM movement m WHERE m.product_id = c.product_id AND m.lot = c.lot AND m.occurred_at >= c.counted_at
                AND (m.occurred_at > c.counted_at OR m.document_id = c.stocktake_id)
                AND c.account_id IN (m.from_account_id, m.to_account_id)) AS later
        WHERE s.state IN ('posted', 'cancelled')) AS told
    WHERE (kept.stocktake_id, kept.account_id, kept.product_id, kept.lot, kept.attempt)
        = (told.stocktake_id, told.account_id, told.product_id, told.lot, told.attempt);

-- The newest orders, whatever has become of them.
CREATE INDEX purchase_order_time ON purchase_order (ordered_at DESC, number DESC);
