-- Counting: stocktakes by people, counts by RFID. Nothing here is stock: what comes of a count is booked as movements.

-- 1. Stocktakes. The state follows inventory/stocktake.py; verdicts are derived from the counts, never stored.
CREATE TABLE stocktake (
    stocktake_id uuid PRIMARY KEY,                 -- made by the client: the idempotency key
    number text NOT NULL UNIQUE,                   -- for people: KK26-000001
    content_sha256 bytea NOT NULL,                 -- of the request: the same id with other content is refused
    state text NOT NULL CHECK (state IN
        ('counting', 'recounting', 'waiting_verification', 'verified', 'posted', 'cancelled')),
    tolerance_units integer NOT NULL CHECK (tolerance_units >= 0),
    tolerance_permille integer NOT NULL CHECK (tolerance_permille BETWEEN 0 AND 1000),
    counts_max integer NOT NULL CHECK (counts_max >= 2),
    recount_by_another boolean NOT NULL,
    product_ids text[],                            -- null: whatever stands there
    note text NOT NULL DEFAULT '',
    frozen_at timestamptz NOT NULL,                -- when the expectation was taken
    started_by text NOT NULL,
    submitted_by text,
    submitted_at timestamptz,
    verified_by text,                              -- nobody who counted or submitted
    verified_at timestamptz,
    posted_by text,
    posted_at timestamptz,
    cancelled_by text,
    cancelled_at timestamptz,
    CONSTRAINT verified_by_somebody_else CHECK (verified_by <> submitted_by)
);
CREATE INDEX stocktake_time ON stocktake (frozen_at DESC);
CREATE TABLE stocktake_place (
    stocktake_id uuid NOT NULL REFERENCES stocktake (stocktake_id),
    account_id text NOT NULL REFERENCES stock_account (account_id),
    PRIMARY KEY (stocktake_id, account_id)
);
CREATE INDEX stocktake_place_account ON stocktake_place (account_id);
CREATE TABLE stocktake_line (
    stocktake_id uuid NOT NULL REFERENCES stocktake (stocktake_id),
    account_id text NOT NULL REFERENCES stock_account (account_id),
    product_id text NOT NULL REFERENCES product (product_id),
    lot text NOT NULL,
    frozen_quantity bigint NOT NULL,               -- what the books said at frozen_at
    is_controlled boolean NOT NULL,
    was_expected boolean NOT NULL,                 -- false: somebody counted what the books did not have there
    verified_variance bigint,                      -- as the second person saw it; null: not settled
    booked_variance bigint,                        -- null: not booked
    PRIMARY KEY (stocktake_id, account_id, product_id, lot)
);
CREATE TABLE stocktake_request (                   -- a person's handing in of counts: repeated, it changes nothing
    request_id uuid PRIMARY KEY,
    stocktake_id uuid NOT NULL REFERENCES stocktake (stocktake_id),
    content_sha256 bytea NOT NULL
);
CREATE TABLE stocktake_count (
    stocktake_id uuid NOT NULL,
    account_id text NOT NULL,
    product_id text NOT NULL,
    lot text NOT NULL,
    attempt integer NOT NULL CHECK (attempt > 0),
    request_id uuid NOT NULL REFERENCES stocktake_request (request_id),
    quantity bigint NOT NULL CHECK (quantity >= 0),
    counted_by text NOT NULL,
    counted_at timestamptz NOT NULL,               -- compared with what the books have at this instant
    received_at timestamptz NOT NULL,
    packs jsonb,                                   -- [[gtin, serial number], …] if every pack of it was scanned
    PRIMARY KEY (stocktake_id, account_id, product_id, lot, attempt),
    FOREIGN KEY (stocktake_id, account_id, product_id, lot)
        REFERENCES stocktake_line (stocktake_id, account_id, product_id, lot)
);

-- 2. Counts by RFID: the books as they were, what each pass read, and what that comes to.
CREATE TABLE tag_count (
    tag_count_id uuid PRIMARY KEY,                 -- made by the client: the idempotency key
    content_sha256 bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('reading', 'reconciled', 'closed')),
    company_prefixes text[] NOT NULL,              -- of the house itself
    note text NOT NULL DEFAULT '',
    frozen_at timestamptz NOT NULL,
    started_by text NOT NULL,
    reconciled_at timestamptz,
    summary jsonb,                                 -- numbers, estimates, tallies
    closed_by text,
    closed_at timestamptz
);
CREATE INDEX tag_count_time ON tag_count (frozen_at DESC);
CREATE TABLE tag_count_place (
    tag_count_id uuid NOT NULL REFERENCES tag_count (tag_count_id),
    account_id text NOT NULL REFERENCES stock_account (account_id),
    PRIMARY KEY (tag_count_id, account_id)
);
CREATE TABLE tag_count_expected (
    tag_count_id uuid NOT NULL REFERENCES tag_count (tag_count_id),
    epc text NOT NULL,
    account_id text NOT NULL,
    product_id text NOT NULL,
    lot text NOT NULL,
    units integer NOT NULL,
    gtin text NOT NULL,
    serial_number text NOT NULL,
    last_movement_id uuid NOT NULL,                -- another one by now: the pack has moved, and says nothing
    PRIMARY KEY (tag_count_id, epc)
);
CREATE TABLE tag_count_pass (
    request_id uuid NOT NULL,                      -- made by the client; one of fixed readers takes a pass of each place
    tag_count_id uuid NOT NULL REFERENCES tag_count (tag_count_id),
    content_sha256 bytea NOT NULL,
    account_id text NOT NULL REFERENCES stock_account (account_id),
    pass_number integer NOT NULL CHECK (pass_number > 0),
    source text NOT NULL CHECK (source IN ('readers', 'upload')),
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    taken_by text NOT NULL,
    epcs text[] NOT NULL,
    PRIMARY KEY (request_id, account_id),
    UNIQUE (tag_count_id, pass_number)
);
CREATE TABLE tag_count_finding (                   -- all but what is seen where the books have it
    tag_count_id uuid NOT NULL REFERENCES tag_count (tag_count_id),
    epc text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('not_seen', 'seen_elsewhere', 'unknown', 'foreign')),
    proposal text NOT NULL,
    confidence text NOT NULL CHECK (confidence IN ('high', 'low', 'none')),
    account_id text,                               -- where the books have it
    product_id text,
    lot text,
    units integer,
    gtin text,
    serial_number text,
    seen_at text[] NOT NULL,
    passes_seen integer NOT NULL,
    passes_made integer NOT NULL,
    decision text CHECK (decision IN ('seen_by_eye', 'move_in_the_books', 'missing', 'noted')),
    decided_by text,
    decided_at timestamptz,
    confirmed_by text,                             -- of a missing pack: never decided_by
    movement_id uuid REFERENCES movement (movement_id),
    PRIMARY KEY (tag_count_id, epc),
    CONSTRAINT missing_confirmed_by_another CHECK (confirmed_by <> decided_by),
    CHECK ((decision IS NULL) = (decided_by IS NULL))
);
-- What the readers of a place saw since a pass began.
CREATE INDEX tag_presence_device ON tag_presence (device_key, last_seen_at DESC);
