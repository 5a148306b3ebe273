-- Rules of the cold chain as data; what stood in which climate, hour by hour; loggers' reports; what two people decided
-- about goods that an excursion found.

-- 1. What the shipped rules of a storage class (inventory.cold_chain.storage_class) do not say, or say otherwise: one row
-- for a rule of a class or of a place. is_off: the rule of that name does not count there.
CREATE TABLE cold_rule (
    rule_id uuid PRIMARY KEY,
    storage_class text CHECK (storage_class IN ('room', 'cool', 'refrigerator', 'freezer', 'ultra_cold')),
    place_id text REFERENCES place (place_id),
    rule_name text NOT NULL,
    rule jsonb,                                    -- the whole rule; null: it is off
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    CHECK ((storage_class IS NULL) <> (place_id IS NULL))
);
CREATE UNIQUE INDEX cold_rule_of_class ON cold_rule (storage_class, rule_name) WHERE place_id IS NULL;
CREATE UNIQUE INDEX cold_rule_of_place ON cold_rule (place_id, rule_name) WHERE storage_class IS NULL;
-- Who changed what and why. Only ever added to.
CREATE TABLE cold_rule_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    by_whom text NOT NULL,
    why text NOT NULL CHECK (why <> ''),
    storage_class text,
    place_id text,
    rule_name text NOT NULL,
    before jsonb,                                  -- null: as shipped, or there was none
    after jsonb                                    -- null: as shipped again, or none
);
CREATE FUNCTION refuse_rule_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of rules is only added to';
END $$;
CREATE TRIGGER cold_rule_change_kept BEFORE UPDATE OR DELETE ON cold_rule_change
    FOR EACH ROW EXECUTE FUNCTION refuse_rule_history_change();

-- 2. Goods that stand where their class does not belong are watched by their own class's rules, from when they came.
CREATE TABLE guest_class (
    place_id text NOT NULL REFERENCES place (place_id),
    storage_class text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (place_id, storage_class)
);
ALTER TABLE excursion
    ADD COLUMN storage_class text,                 -- only goods of this class are meant; null: all that stand there
    ADD COLUMN interval_s double precision;        -- between readings: how sure the duration is
ALTER TABLE rule_watch ADD COLUMN interval_s double precision;
-- Median step of a sensor's own readings, where nobody entered its interval.
CREATE TABLE sensor_interval (
    device_key integer PRIMARY KEY,
    interval_s double precision NOT NULL CHECK (interval_s > 0),
    observed_at timestamptz NOT NULL
);

-- 3. The climate at a thermometer by whole hours (UTC): a sum of its readings, made again where one comes late.
CREATE TABLE climate_hour (
    device_key integer NOT NULL,
    hour timestamptz NOT NULL,
    known_us bigint NOT NULL,                      -- time that readings stand for; the rest of the hour nobody knows
    lowest_celsius double precision,
    highest_celsius double precision,
    heat double precision NOT NULL,                -- sum of microseconds times exp(dH/R (1/298.15 K - 1/T)): for the MKT
    PRIMARY KEY (device_key, hour)
);
CREATE TABLE climate_progress (
    device_key integer PRIMARY KEY,
    whole_until timestamptz NOT NULL,              -- every hour before it is summed up
    interval_s double precision NOT NULL           -- by which gaps were told
);
-- Late readings: from there on it is summed up again. Append-only, so that no writer waits.
CREATE TABLE climate_rewind (device_key integer NOT NULL, since timestamptz NOT NULL);

-- 4. What a product may go through in its whole life, by its maker.
ALTER TABLE product
    ADD COLUMN stability_minutes integer CHECK (stability_minutes >= 0),   -- above its storage class's upper limit
    ADD COLUMN stability_celsius double precision, -- never warmer than that, not even within the minutes
    ADD COLUMN stability_source text NOT NULL DEFAULT '';

-- 5. Reports of loggers that travelled with goods or stood in a place; every file is kept as it came.
CREATE TABLE logger_report (
    report_id uuid PRIMARY KEY,
    sha256 text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    file_name text NOT NULL,
    raw bytea NOT NULL,
    format text NOT NULL CHECK (format IN ('berlinger', 'csv')),
    outcome text NOT NULL CHECK (outcome IN ('counts', 'cut_off', 'altered', 'other_key', 'unreadable')),
    problems jsonb NOT NULL DEFAULT '[]',
    device text NOT NULL DEFAULT '',
    serial_number text NOT NULL DEFAULT '',
    signature jsonb NOT NULL DEFAULT '{}',
    said jsonb NOT NULL DEFAULT '{}',              -- the logger's own limits, alarms, days, mean kinetic temperature
    interval_s double precision,
    first_at timestamptz,
    last_at timestamptz,
    readings integer NOT NULL DEFAULT 0,
    document_id uuid REFERENCES stock_document (document_id),   -- a receipt or a transfer that it travelled with
    place_id text REFERENCES place (place_id),     -- or the place where it stood
    uploaded_at timestamptz NOT NULL,
    uploaded_by text NOT NULL,
    CHECK (document_id IS NULL OR place_id IS NULL)
);
CREATE INDEX logger_report_time ON logger_report (uploaded_at DESC);
CREATE INDEX logger_report_document ON logger_report (document_id) WHERE document_id IS NOT NULL;
CREATE TABLE logger_reading (
    report_id uuid NOT NULL REFERENCES logger_report (report_id),
    occurred_at timestamptz NOT NULL,
    temperature_celsius double precision NOT NULL,
    PRIMARY KEY (report_id, occurred_at, temperature_celsius)
);

-- 6. What became of the goods of an excursion: proposed by one, confirmed by another.
CREATE TABLE excursion_assessment (
    assessment_id uuid PRIMARY KEY,
    excursion_id uuid NOT NULL REFERENCES excursion (excursion_id),
    state text NOT NULL CHECK (state IN ('waiting_second', 'done', 'cancelled')),
    reason text NOT NULL CHECK (reason <> ''),
    lines jsonb NOT NULL,                          -- each hold: goods, what they went through as it was known, the decision
    destructions jsonb NOT NULL DEFAULT '[]',      -- ids of the documents, one for each place
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    second_at timestamptz,
    second_person text,
    CONSTRAINT assessed_by_two_different_people CHECK (second_person <> created_by),
    CHECK ((state = 'done') = (second_person IS NOT NULL) AND (second_person IS NULL) = (second_at IS NULL))
);
CREATE INDEX excursion_assessment_of ON excursion_assessment (excursion_id, created_at);
