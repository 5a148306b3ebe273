-- Issuing health cards: requests, the chips they went onto, stations, batches, blanks, prints.

-- 1. A request is one card to be made for one patient. Its number is printed; it says nothing of the patient.
CREATE TABLE card_request (
    request_id uuid PRIMARY KEY,
    card_number text NOT NULL UNIQUE CHECK (card_number ~ '^[0-9]{10}$'),  -- eight drawn digits, two of ISO/IEC 7064
    patient_id uuid NOT NULL REFERENCES patient (patient_id),
    profile text NOT NULL CHECK (profile IN ('piv', 'ntag424')),
    reason text NOT NULL CHECK (reason IN ('first', 'lost', 'damaged', 'expired', 'replaced')),
    urgent boolean NOT NULL DEFAULT false,
    note text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'requested'
        CHECK (state IN ('requested', 'personalising', 'personalised', 'printed', 'handed_over', 'cancelled')),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- Of the finished card.
    card_id text CHECK (card_id ~ '^([0-9a-f]{32}|[0-9a-f]{14})$'),
    key_version integer,
    certificate_der bytea,
    tag_counter integer,                           -- the counter of the reading that proved an NTAG card
    valid_from date,
    valid_until date,
    CHECK (state NOT IN ('personalised', 'printed', 'handed_over') OR (card_id IS NOT NULL AND key_version IS NOT NULL))
);
CREATE UNIQUE INDEX card_request_open ON card_request (patient_id, profile)
    WHERE state IN ('requested', 'personalising', 'personalised', 'printed');
CREATE UNIQUE INDEX card_request_card ON card_request (card_id) WHERE state IN ('personalised', 'printed');
CREATE INDEX card_request_of_card ON card_request (card_id);
CREATE INDEX card_request_state ON card_request (state, urgent DESC, requested_at);
-- Who did what when; nothing is ever taken out.
CREATE TABLE card_request_step (
    step_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES card_request (request_id),
    step text NOT NULL,
    at timestamptz NOT NULL,
    by text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX card_request_step_of ON card_request_step (request_id, step_id);

-- 2. A chip that writing was begun on, and for which request. The chip itself says how far it is.
CREATE TABLE card_chip (
    chip_key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card_id text NOT NULL CHECK (card_id ~ '^([0-9a-f]{32}|[0-9a-f]{14})$'),
    uid text NOT NULL DEFAULT '',                  -- as the reader says it; empty from a contact reader
    request_id uuid NOT NULL REFERENCES card_request (request_id),
    state text NOT NULL DEFAULT 'begun' CHECK (state IN ('begun', 'finished', 'wiped', 'spoiled')),
    key_version integer,
    blank_booked boolean NOT NULL DEFAULT false,
    begun_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX card_chip_alive ON card_chip (card_id) WHERE state IN ('begun', 'finished');
CREATE INDEX card_chip_request ON card_chip (request_id);

-- 3. Blank cards: what came and went; the sum is what should be in the drawer.
CREATE TABLE card_blank_movement (
    movement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    profile text NOT NULL CHECK (profile IN ('piv', 'ntag424')),
    kind text NOT NULL CHECK (kind IN ('received', 'used', 'wiped', 'spoiled', 'counted')),
    quantity integer NOT NULL,                     -- cards; more or less of them in the drawer
    at timestamptz NOT NULL,
    by text NOT NULL,
    request_id uuid REFERENCES card_request (request_id),
    note text NOT NULL DEFAULT ''
);
CREATE INDEX card_blank_movement_time ON card_blank_movement (at DESC);
CREATE TABLE card_blank_level (
    profile text PRIMARY KEY CHECK (profile IN ('piv', 'ntag424')),
    low_at integer NOT NULL CHECK (low_at >= 0)    -- so many or fewer are said to be few
);
INSERT INTO card_blank_level VALUES ('piv', 20), ('ntag424', 20);

-- 4. Each printing of a face: the first, and why any other.
CREATE TABLE card_print (
    print_id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES card_request (request_id),
    copy_number integer NOT NULL CHECK (copy_number >= 1),
    at timestamptz NOT NULL,
    by text NOT NULL,
    reason text NOT NULL DEFAULT '',
    UNIQUE (request_id, copy_number),
    CHECK (copy_number = 1 OR reason <> '')
);
CREATE INDEX card_print_time ON card_print (at DESC);

-- 5. Batches: many cards one after the other, to be made, or to be brought to the current keys.
CREATE TABLE card_batch (
    batch_id uuid PRIMARY KEY,
    batch_number integer NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind text NOT NULL CHECK (kind IN ('new', 'rekey')),
    profile text NOT NULL CHECK (profile IN ('piv', 'ntag424')),
    title text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'paused', 'finished', 'cancelled')),
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE TABLE card_batch_item (
    batch_id uuid NOT NULL REFERENCES card_batch (batch_id),
    position integer NOT NULL CHECK (position >= 1),
    request_id uuid NOT NULL REFERENCES card_request (request_id),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'skipped')),
    note text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (batch_id, position),
    UNIQUE (batch_id, request_id)
);
CREATE INDEX card_batch_item_request ON card_batch_item (request_id);

-- 6. Stations: readers of the issuing desk. What one is to do with the next card outlives a restart.
CREATE TABLE card_station (
    station_id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    place_id text REFERENCES place (place_id),
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    link_sha256 bytea UNIQUE,                      -- one-time; gone when it was used
    link_until timestamptz,
    token_sha256 bytea UNIQUE,
    enrolled_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    seen_at timestamptz,
    connected boolean NOT NULL DEFAULT false,
    task text NOT NULL DEFAULT 'look' CHECK (task IN ('look', 'personalise', 'batch')),
    request_id uuid REFERENCES card_request (request_id),
    batch_id uuid REFERENCES card_batch (batch_id),
    task_by text NOT NULL DEFAULT '',
    showing jsonb NOT NULL DEFAULT '{}',           -- what lies there and what came of it: codes, ids and numbers
    CHECK ((task = 'personalise') = (request_id IS NOT NULL)),
    CHECK ((task = 'batch') = (batch_id IS NOT NULL))
);

-- 7. What a card's holder may learn of its use: written to the card where it has room, when it lies on a station.
CREATE TABLE card_log (
    log_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card_id text NOT NULL,
    at timestamptz NOT NULL,
    act text NOT NULL CHECK (act IN ('issued', 'handed_over', 'pin', 'emergency', 'record_read', 'break_glass', 'keys')),
    by_role text NOT NULL DEFAULT '',
    on_card boolean NOT NULL DEFAULT false
);
CREATE INDEX card_log_of_card ON card_log (card_id, log_id DESC);
