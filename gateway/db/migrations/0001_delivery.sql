-- Delivery: who sends, how far each stream is committed, what could not be understood, and the raw rows themselves.

-- One row: the identity of this database. Restoring an older backup draws a new generation.
CREATE TABLE server (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation text NOT NULL CHECK (generation ~ '^[0-9a-f]{32}$')
);
INSERT INTO server (generation) VALUES (replace(gen_random_uuid()::text, '-', ''));

CREATE TABLE edge_node (
    site text NOT NULL,
    edge_node text NOT NULL,
    state text NOT NULL DEFAULT 'unknown' CHECK (state IN ('up', 'down', 'unknown')),
    boot_id text,
    software_version text,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_heard_at timestamptz,
    clock_offset_s double precision,               -- device clock minus gateway clock, at the last frame or birth
    PRIMARY KEY (site, edge_node)
);

-- A device is known from its node's birth; place and scan_action are the hospital's decision and come from the site file.
CREATE TABLE device (
    device_key integer GENERATED ALWAYS AS IDENTITY UNIQUE,   -- short key for the time series
    site text NOT NULL,
    edge_node text NOT NULL,
    device_id text NOT NULL,
    driver text,
    description text NOT NULL DEFAULT '',
    place_id text,                                 -- foreign key added in 0002
    scan_action text NOT NULL DEFAULT 'lookup' CHECK (scan_action IN ('receive', 'issue', 'lookup')),
    state text NOT NULL DEFAULT 'unknown' CHECK (state IN ('up', 'down', 'unknown')),
    state_reason text NOT NULL DEFAULT '',
    state_changed_at timestamptz,
    PRIMARY KEY (site, edge_node, device_id)
);

-- The contiguous high-water mark of one stream of one outbox file; moves in the transaction that stores the rows.
CREATE TABLE ingest_mark (
    epoch_key integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    site text NOT NULL,
    edge_node text NOT NULL,
    stream text NOT NULL CHECK (stream IN ('events', 'telemetry')),
    epoch text NOT NULL,
    mark bigint NOT NULL DEFAULT 0 CHECK (mark >= 0),
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, edge_node, stream, epoch)
);

-- Runs of an edge node's monotonic clock.
CREATE TABLE boot (
    boot_key integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    site text NOT NULL,
    edge_node text NOT NULL,
    boot_id text NOT NULL,
    PRIMARY KEY (site, edge_node, boot_id)
);

CREATE TABLE dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now(),
    topic text NOT NULL,
    site text,
    edge_node text,
    stream text,
    epoch text,
    seq bigint,                                    -- null: the whole message, not one row of it
    code text NOT NULL,
    reason text NOT NULL,
    payload bytea NOT NULL,
    resolved_at timestamptz,
    resolved_by text,
    resolution text
);
CREATE INDEX dead_letter_open ON dead_letter (received_at) WHERE resolved_at IS NULL;

CREATE TABLE declared_gap (
    epoch_key integer NOT NULL REFERENCES ingest_mark (epoch_key),
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
    reason text NOT NULL,
    oldest_occurred_at timestamptz NOT NULL,
    newest_occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch_key, first_seq)
);

-- Temperatures. occurred_at is device time, or the gateway's receive time where the device clock is suspect
-- (more than 120 s off, or before 2025): then device_time says what the device claimed.
CREATE TABLE reading (
    occurred_at timestamptz NOT NULL,
    device_key integer NOT NULL,
    temperature_celsius double precision NOT NULL,
    received_at timestamptz NOT NULL,
    device_time timestamptz,                       -- null: the same as occurred_at
    epoch_key integer NOT NULL,
    seq bigint NOT NULL,
    boot_key integer NOT NULL,
    monotonic_ns bigint NOT NULL
) PARTITION BY RANGE (occurred_at);
CREATE INDEX reading_device_time ON reading (device_key, occurred_at DESC);

-- Every row of the events stream, once, as it came; what it meant is in the tables of 0002.
CREATE TABLE event (
    occurred_at timestamptz NOT NULL,
    device_key integer NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    device_time timestamptz,
    epoch_key integer NOT NULL,
    seq bigint NOT NULL,
    boot_key integer NOT NULL,
    monotonic_ns bigint NOT NULL
) PARTITION BY RANGE (occurred_at);
CREATE INDEX event_device_time ON event (device_key, occurred_at DESC);

-- What a page shows as it happens. Ids are given under an advisory lock, so a reader that has seen id n
-- has seen all below it: a browser can resume with Last-Event-ID.
CREATE TABLE live_event (
    live_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    audience text NOT NULL CHECK (audience IN ('pharmacy', 'desk', 'on_call')),
    kind text NOT NULL,
    payload jsonb NOT NULL                         -- keys and numbers only, never a patient's name
);
