-- What rows mean: places, visits, stock, alarms.

CREATE TABLE place (
    place_id text PRIMARY KEY,
    parent_place_id text REFERENCES place (place_id),
    kind text NOT NULL CHECK (kind IN ('site', 'store', 'fridge', 'shelf', 'ward', 'desk')),
    name_vi text NOT NULL,
    name_en text NOT NULL,
    -- Temperature limits of a place that is watched: strictly outside them, for alarm_after_s, raises an alarm.
    temperature_low_celsius double precision,
    temperature_high_celsius double precision,
    alarm_after_s integer NOT NULL DEFAULT 600 CHECK (alarm_after_s >= 0),
    CHECK (temperature_low_celsius < temperature_high_celsius)
);
ALTER TABLE device ADD FOREIGN KEY (place_id) REFERENCES place (place_id);

-- People and cards. patient_id is the pseudonym that stands everywhere else.
CREATE TABLE patient (
    patient_id uuid PRIMARY KEY,
    patient_number text NOT NULL UNIQUE,
    full_name text NOT NULL,
    birth_date date NOT NULL,
    sex text NOT NULL CHECK (sex IN ('male', 'female', 'other', 'unknown')),
    insurance_number text,
    allergy_flag boolean NOT NULL DEFAULT false
);
CREATE TABLE card (
    card_id text PRIMARY KEY CHECK (card_id ~ '^[0-9a-f]{32}$'),
    patient_id uuid NOT NULL REFERENCES patient (patient_id),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'lost', 'revoked', 'expired')),
    state_changed_at timestamptz NOT NULL DEFAULT now()
);

-- One visit of a patient a day, however many taps.
CREATE TABLE visit (
    visit_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL REFERENCES patient (patient_id),
    visit_date date NOT NULL,                      -- in the hospital's time zone
    queue_number integer NOT NULL,
    checked_in_at timestamptz NOT NULL,
    place_id text REFERENCES place (place_id),
    UNIQUE (patient_id, visit_date),
    UNIQUE (visit_date, queue_number)
);
-- Every card put on a reader, with what came of it.
CREATE TABLE tap (
    epoch_key integer NOT NULL,
    seq bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    device_key integer NOT NULL,
    card_id text,
    edge_verdict text NOT NULL,
    gateway_verdict text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN (
        'checked_in', 'already_checked_in', 'unknown_card', 'foreign_card', 'not_genuine', 'unverified',
        'lost_card', 'revoked_card', 'expired_card')),
    reason text NOT NULL DEFAULT '',
    visit_id uuid REFERENCES visit (visit_id),
    PRIMARY KEY (epoch_key, seq)
);
CREATE INDEX tap_time ON tap (occurred_at DESC);

-- Stock: integer base units, double entry.
CREATE TABLE product (
    gtin text PRIMARY KEY CHECK (gtin ~ '^[0-9]{14}$'),
    name_vi text NOT NULL,
    name_en text NOT NULL,
    registration_number text,
    base_unit_vi text NOT NULL,
    base_unit_en text NOT NULL,
    units_per_pack integer NOT NULL DEFAULT 1 CHECK (units_per_pack > 0)
);
-- A place is an account; so are supplier, dispensed, wasted, in_transit, returned and unexplained.
CREATE TABLE stock_account (
    account_id text PRIMARY KEY,
    place_id text UNIQUE REFERENCES place (place_id)
);
INSERT INTO stock_account (account_id) VALUES
    ('supplier'), ('in_transit'), ('dispensed'), ('wasted'), ('returned'), ('unexplained');
CREATE TABLE movement (
    movement_id uuid PRIMARY KEY,                  -- made from (edge node, epoch, seq) of the scan, or by the client
    kind text NOT NULL CHECK (kind IN ('receive', 'issue', 'found', 'reverse')),
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    gtin text NOT NULL REFERENCES product (gtin),
    lot text NOT NULL DEFAULT '',
    expiry_date date,
    serial_number text,
    quantity integer NOT NULL CHECK (quantity > 0), -- base units
    from_account_id text NOT NULL REFERENCES stock_account (account_id),
    to_account_id text NOT NULL REFERENCES stock_account (account_id),
    reverses_movement_id uuid UNIQUE REFERENCES movement (movement_id),
    device_key integer,
    epoch_key integer,
    seq bigint,
    person text,
    CHECK (from_account_id <> to_account_id)
);
CREATE INDEX movement_time ON movement (occurred_at DESC);
CREATE TABLE posting (
    movement_id uuid NOT NULL REFERENCES movement (movement_id),
    account_id text NOT NULL REFERENCES stock_account (account_id),
    gtin text NOT NULL,
    lot text NOT NULL,
    quantity integer NOT NULL,                     -- the two postings of a movement sum to zero
    PRIMARY KEY (movement_id, account_id)
);
-- Projection of postings, moved in the same transaction; provable by replay.
CREATE TABLE stock_balance (
    account_id text NOT NULL REFERENCES stock_account (account_id),
    gtin text NOT NULL,
    lot text NOT NULL,
    quantity bigint NOT NULL,
    expiry_date date,
    PRIMARY KEY (account_id, gtin, lot),
    CHECK (quantity >= 0 OR account_id IN ('supplier', 'unexplained'))
);
-- Serialised packs: where each is.
CREATE TABLE pack (
    gtin text NOT NULL REFERENCES product (gtin),
    serial_number text NOT NULL,
    lot text NOT NULL,
    expiry_date date,
    account_id text NOT NULL REFERENCES stock_account (account_id),
    last_movement_id uuid NOT NULL REFERENCES movement (movement_id),
    PRIMARY KEY (gtin, serial_number)
);
-- Every scanned code (barcode or NFC tag), with what came of it.
CREATE TABLE scan (
    epoch_key integer NOT NULL,
    seq bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    device_key integer NOT NULL,
    text text NOT NULL,
    kind text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('received', 'issued', 'looked_up', 'repeated', 'discrepancy', 'refused')),
    reason text NOT NULL DEFAULT '',
    parsed jsonb NOT NULL,
    movement_id uuid REFERENCES movement (movement_id),
    PRIMARY KEY (epoch_key, seq)
);
CREATE INDEX scan_time ON scan (occurred_at DESC);
CREATE TABLE discrepancy (
    discrepancy_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opened_at timestamptz NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    epoch_key integer,
    seq bigint,
    movement_id uuid REFERENCES movement (movement_id),
    resolved_at timestamptz,
    resolved_by text,
    resolution text
);
-- UHF tags as the readers see them now: a tag not seen is not a tag gone.
CREATE TABLE tag_presence (
    epc text NOT NULL,
    device_key integer NOT NULL,
    antenna_id integer NOT NULL,
    appeared_at timestamptz NOT NULL,
    disappeared_at timestamptz,
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (epc, device_key, antenna_id)
);

-- Alarms (ISA-18.2 states; acknowledged and returned to normal are two facts, both kept).
CREATE TABLE alarm (
    alarm_id uuid PRIMARY KEY,
    condition text NOT NULL CHECK (condition IN ('temperature_high', 'temperature_low')),
    device_key integer NOT NULL,
    place_id text NOT NULL REFERENCES place (place_id),
    limit_celsius double precision NOT NULL,
    started_at timestamptz NOT NULL,               -- first reading outside
    raised_at timestamptz NOT NULL,                -- reading that matured the condition
    returned_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    acknowledge_comment text,
    peak_celsius double precision NOT NULL,
    last_celsius double precision NOT NULL,
    last_at timestamptz NOT NULL
);
-- One open alarm for a condition of a device: open until returned to normal AND acknowledged.
CREATE UNIQUE INDEX alarm_open ON alarm (device_key, condition)
    WHERE returned_at IS NULL OR acknowledged_at IS NULL;
-- State of the judge between frames and restarts.
CREATE TABLE temperature_watch (
    device_key integer NOT NULL,
    condition text NOT NULL,
    judged_until timestamptz NOT NULL,
    outside_since timestamptz,
    peak_celsius double precision,
    PRIMARY KEY (device_key, condition)
);
-- The pager's own outbox: at least once to the channel, one page_id to the eye.
CREATE TABLE page (
    page_id uuid PRIMARY KEY,
    alarm_id uuid NOT NULL REFERENCES alarm (alarm_id),
    channel text NOT NULL,
    created_at timestamptz NOT NULL,
    message jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    delivered_at timestamptz,
    last_error text NOT NULL DEFAULT '',
    UNIQUE (alarm_id, channel)
);
CREATE INDEX page_due ON page (next_attempt_at) WHERE delivered_at IS NULL;
