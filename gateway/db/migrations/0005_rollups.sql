-- The time series summed up by minute, hour and day: the same names and columns on TimescaleDB (continuous aggregates)
-- and on plain PostgreSQL (tables that the gateway's housekeeping keeps). Buckets begin at UTC; a bucket without
-- readings has no row.

-- No far-future chunk or partition: the ingest settles each time within two minutes of its reception; this is the net.
ALTER TABLE reading ADD CONSTRAINT reading_not_from_the_future CHECK (occurred_at <= received_at + interval '24 hours');
ALTER TABLE event ADD CONSTRAINT event_not_from_the_future CHECK (occurred_at <= received_at + interval '24 hours');

DO $$
DECLARE
    -- The migrator has looked at the extension: installed, new enough, wanted.
    hypertables boolean := current_setting('medtap.timescaledb', true) = 'on'
        AND NOT EXISTS (SELECT FROM reading) AND NOT EXISTS (SELECT FROM event);
BEGIN
    IF hypertables THEN
        CREATE TABLE reading_series (LIKE reading INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        CREATE TABLE event_series (LIKE event INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        DROP TABLE reading, event;
        ALTER TABLE reading_series RENAME TO reading;
        ALTER TABLE event_series RENAME TO event;
        CREATE INDEX reading_device_time ON reading (device_key, occurred_at DESC);
        CREATE INDEX event_device_time ON event (device_key, occurred_at DESC);
        PERFORM create_hypertable('reading', by_range('occurred_at', interval '7 days'), create_default_indexes => false);
        PERFORM create_hypertable('event', by_range('occurred_at', interval '30 days'), create_default_indexes => false);
        ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device_key',
            timescaledb.compress_orderby = 'occurred_at DESC');
        ALTER TABLE event SET (timescaledb.compress, timescaledb.compress_segmentby = 'device_key',
            timescaledb.compress_orderby = 'occurred_at DESC');
        -- Not materialized only: what is newer than the last refresh is summed up at the moment of the query.
        EXECUTE $view$
            CREATE MATERIALIZED VIEW reading_minute
            WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket(interval '1 minute', occurred_at) AS bucket, device_key,
                   min(temperature_celsius) AS min_celsius, max(temperature_celsius) AS max_celsius,
                   sum(temperature_celsius) AS sum_celsius, count(*) AS reading_count,
                   sum(temperature_celsius) / count(*) AS mean_celsius
            FROM reading GROUP BY 1, 2 WITH NO DATA $view$;
        EXECUTE $view$
            CREATE MATERIALIZED VIEW reading_hour
            WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket(interval '1 hour', occurred_at) AS bucket, device_key,
                   min(temperature_celsius) AS min_celsius, max(temperature_celsius) AS max_celsius,
                   sum(temperature_celsius) AS sum_celsius, count(*) AS reading_count,
                   sum(temperature_celsius) / count(*) AS mean_celsius
            FROM reading GROUP BY 1, 2 WITH NO DATA $view$;
        EXECUTE $view$
            CREATE MATERIALIZED VIEW reading_day
            WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket(interval '1 day', bucket) AS bucket, device_key,
                   min(min_celsius) AS min_celsius, max(max_celsius) AS max_celsius,
                   sum(sum_celsius) AS sum_celsius, sum(reading_count)::bigint AS reading_count,
                   sum(sum_celsius) / sum(reading_count)::bigint AS mean_celsius
            FROM reading_hour GROUP BY 1, 2 WITH NO DATA $view$;
    ELSE
        CREATE TABLE reading_minute (
            bucket timestamptz NOT NULL,
            device_key integer NOT NULL,
            min_celsius double precision NOT NULL,
            max_celsius double precision NOT NULL,
            sum_celsius double precision NOT NULL,
            reading_count bigint NOT NULL,
            mean_celsius double precision NOT NULL,
            PRIMARY KEY (device_key, bucket)
        ) PARTITION BY RANGE (bucket);
        CREATE TABLE reading_hour (LIKE reading_minute, PRIMARY KEY (device_key, bucket)) WITH (fillfactor = 80);
        CREATE TABLE reading_day (LIKE reading_minute, PRIMARY KEY (device_key, bucket)) WITH (fillfactor = 80);
        -- Ten-minute slots that got rows since they were summed up. Append-only and without a key: a writer never
        -- waits for another, and a mark that the keeper takes away is of rows that it sees.
        CREATE TABLE reading_dirty (slot timestamptz NOT NULL);
        -- Readings before this were dropped: their sums stand for them and are not made again from what is left.
        CREATE TABLE reading_floor (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), kept_from timestamptz NOT NULL);
        -- What the database holds already.
        INSERT INTO reading_dirty
        SELECT DISTINCT date_bin('10 minutes', occurred_at, '2000-01-01 00:00+00') FROM reading;
    END IF;
END $$;

-- Seconds that a device was outside strict limits, by hour, as exactly as a minute's extremes can say it: a minute with
-- a reading outside counts until the next minute with a reading, but not over more than 15 minutes (a gap in data is no
-- exposure; the judge's rule), and as 60 s if none follows. Hours that were wholly inside are not looked into.
CREATE FUNCTION reading_outside(
    device integer, low_celsius double precision, high_celsius double precision, since timestamptz, until timestamptz
) RETURNS TABLE (bucket timestamptz, seconds_outside double precision)
LANGUAGE sql STABLE AS $function$
    SELECT h.bucket, sum(extract(epoch FROM coalesce(n.bucket, m.bucket + interval '1 minute') - m.bucket))::double precision
    FROM reading_hour h
    JOIN LATERAL (
        SELECT bucket FROM reading_minute
        WHERE device_key = device AND bucket >= h.bucket AND bucket < h.bucket + interval '1 hour'
          AND bucket >= since AND bucket < until AND (max_celsius > high_celsius OR min_celsius < low_celsius)
    ) m ON true
    LEFT JOIN LATERAL (
        SELECT bucket FROM reading_minute
        WHERE device_key = device AND bucket > m.bucket AND bucket <= m.bucket + interval '15 minutes'
        ORDER BY bucket LIMIT 1
    ) n ON true
    WHERE h.device_key = device AND h.bucket > since - interval '1 hour' AND h.bucket < until
      AND (h.max_celsius > high_celsius OR h.min_celsius < low_celsius)
    GROUP BY h.bucket
$function$;
