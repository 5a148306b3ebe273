-- How fast each product is used, for all products at once: what went between places and to patients, by week (from
-- Monday, in the day sums' zone) and without lots. The same name and columns on both engines, as posting_day.
DO $$
BEGIN
    IF (SELECT relkind <> 'p' FROM pg_class WHERE oid = 'reading'::regclass) THEN
        EXECUTE format($view$
            CREATE MATERIALIZED VIEW stock_use_week WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket(interval '7 days', occurred_at, %L) AS bucket, product_id, account_id, other_account_id,
                   sum(quantity) AS quantity
            FROM posting WHERE account_id LIKE 'place:%%' AND (other_account_id = 'dispensed' OR other_account_id LIKE 'place:%%')
            GROUP BY 1, 2, 3, 4 WITH NO DATA $view$, stock_zone());
        RETURN;
    END IF;
    CREATE TABLE stock_use_week (
        bucket timestamptz NOT NULL,               -- the first instant of a Monday
        product_id text NOT NULL,
        account_id text NOT NULL,                  -- of a place
        other_account_id text NOT NULL,            -- of a place, or dispensed
        quantity bigint NOT NULL,                  -- what came less what went
        PRIMARY KEY (bucket, product_id, account_id, other_account_id)
    ) WITH (fillfactor = 80);
    INSERT INTO stock_use_week
    SELECT date_trunc('week', bucket, stock_zone()), product_id, account_id, other_account_id, sum(quantity)
    FROM posting_day WHERE account_id LIKE 'place:%' AND (other_account_id = 'dispensed' OR other_account_id LIKE 'place:%')
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
    -- Rows of a product and account are shared by its lots, whose balances different people may hold: always in one
    -- order, and after everything else that a posting writes.
    CREATE FUNCTION sum_up_use() RETURNS trigger LANGUAGE plpgsql AS $function$
    BEGIN
        INSERT INTO stock_use_week AS kept
        SELECT date_trunc('week', occurred_at, stock_zone()), product_id, account_id, other_account_id, sum(quantity)
        FROM fresh WHERE account_id LIKE 'place:%' AND (other_account_id = 'dispensed' OR other_account_id LIKE 'place:%')
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (bucket, product_id, account_id, other_account_id) DO UPDATE SET
            quantity = kept.quantity + excluded.quantity;
        RETURN NULL;
    END $function$;
    CREATE TRIGGER posting_use_sums AFTER INSERT ON posting REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION sum_up_use();
END $$;
