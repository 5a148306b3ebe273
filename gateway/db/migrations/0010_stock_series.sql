-- Stock over time: postings are the series of what came and went, summed up by the hospital's day. The same names and
-- columns on TimescaleDB (hypertable, continuous aggregate) and on plain PostgreSQL (partitions by month, sums made in
-- the transaction of the postings).

-- Whose side the other posting of the movement is: to a ward, to patients, back. Sums by pair are consumption.
ALTER TABLE posting ADD COLUMN other_account_id text;
UPDATE posting SET other_account_id = CASE posting.account_id
        WHEN movement.from_account_id THEN movement.to_account_id ELSE movement.from_account_id END
    FROM movement WHERE movement.movement_id = posting.movement_id;

-- No key and no foreign key: a movement's own key lets it be booked once, its two postings are made of it in the same
-- statement, and the proof of the books compares each posting with its movement.
CREATE TABLE posting_series (
    movement_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    account_id text NOT NULL,
    other_account_id text NOT NULL,
    product_id text NOT NULL,
    lot text NOT NULL,
    quantity integer NOT NULL                      -- the two postings of a movement sum to zero
) PARTITION BY RANGE (occurred_at);

DO $$
DECLARE
    hypertables boolean := (SELECT relkind <> 'p' FROM pg_class WHERE oid = 'reading'::regclass);
    -- The day sums' zone is settled here, once: a day can't be cut anew later.
    zone text := coalesce(nullif(current_setting('medtap.time_zone', true), ''), 'Asia/Ho_Chi_Minh');
BEGIN
    EXECUTE format('CREATE FUNCTION stock_zone() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L',
        format('SELECT %L::text', zone));
    EXECUTE format('CREATE FUNCTION stock_day(at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS %L',
        format('SELECT date_trunc(''day'', at, %L)', zone));
    IF hypertables THEN
        CREATE TABLE posting_plain (LIKE posting_series INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        DROP TABLE posting_series;
        ALTER TABLE posting_plain RENAME TO posting_series;
        PERFORM create_hypertable('posting_series', by_range('occurred_at', interval '30 days'),
            create_default_indexes => false);
    ELSE
        CREATE TABLE posting_default PARTITION OF posting_series DEFAULT;
    END IF;
    INSERT INTO posting_series (movement_id, occurred_at, account_id, other_account_id, product_id, lot, quantity)
        SELECT movement_id, occurred_at, account_id, other_account_id, product_id, lot, quantity FROM posting;
    DROP TABLE posting;
    ALTER TABLE posting_series RENAME TO posting;
    CREATE INDEX posting_goods ON posting (product_id, account_id, occurred_at);
    IF hypertables THEN
        -- Not materialized only: days since the last refresh are summed up at the moment of the query.
        EXECUTE format($view$
            CREATE MATERIALIZED VIEW posting_day WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket(interval '1 day', occurred_at, %L) AS bucket, account_id, other_account_id, product_id,
                   lot, sum(quantity) AS quantity, coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0) AS units_in,
                   coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0) AS units_out, count(*) AS posting_count
            FROM posting GROUP BY 1, 2, 3, 4, 5 WITH NO DATA $view$, zone);
    ELSE
        CREATE TABLE posting_day (
            bucket timestamptz NOT NULL,           -- the day's first instant
            account_id text NOT NULL,
            other_account_id text NOT NULL,
            product_id text NOT NULL,
            lot text NOT NULL,
            quantity bigint NOT NULL,              -- what came less what went
            units_in bigint NOT NULL,
            units_out bigint NOT NULL,
            posting_count bigint NOT NULL,
            PRIMARY KEY (product_id, account_id, bucket, lot, other_account_id)
        ) WITH (fillfactor = 80);
        CREATE INDEX posting_day_bucket ON posting_day (bucket);
        -- Whoever books holds the balance of account, product and lot: nobody else can wait for these rows.
        CREATE FUNCTION sum_up_postings() RETURNS trigger LANGUAGE plpgsql AS $function$
        BEGIN
            INSERT INTO posting_day AS kept (bucket, account_id, other_account_id, product_id, lot, quantity, units_in,
                units_out, posting_count)
            SELECT stock_day(occurred_at), account_id, other_account_id, product_id, lot, sum(quantity),
                   coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0),
                   coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0), count(*)
            FROM fresh GROUP BY 1, 2, 3, 4, 5
            ON CONFLICT (product_id, account_id, bucket, lot, other_account_id) DO UPDATE SET
                quantity = kept.quantity + excluded.quantity, units_in = kept.units_in + excluded.units_in,
                units_out = kept.units_out + excluded.units_out,
                posting_count = kept.posting_count + excluded.posting_count;
            RETURN NULL;
        END $function$;
        CREATE TRIGGER posting_day_sums AFTER INSERT ON posting REFERENCING NEW TABLE AS fresh
            FOR EACH STATEMENT EXECUTE FUNCTION sum_up_postings();
        INSERT INTO posting_day
        SELECT stock_day(occurred_at), account_id, other_account_id, product_id, lot, sum(quantity),
               coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0),
               coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0), count(*)
        FROM posting GROUP BY 1, 2, 3, 4, 5;
    END IF;
END $$;
