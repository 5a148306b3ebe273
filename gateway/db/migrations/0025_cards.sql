-- Health cards of both profiles, their states with history; taps judged twice; counters of NTAG addresses; presence;
-- the status list that edge nodes are given.

ALTER TABLE card DROP CONSTRAINT card_card_id_check, DROP CONSTRAINT card_state_check;
ALTER TABLE card
    ADD COLUMN profile text NOT NULL DEFAULT 'piv' CHECK (profile IN ('piv', 'ntag424')),
    ADD COLUMN key_version integer CHECK (key_version BETWEEN 1 AND 255),
    ADD COLUMN issued_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN valid_until date,                   -- the last day on which it is accepted; NULL: no end of its own
    ADD COLUMN state_changed_by text NOT NULL DEFAULT '',
    ADD COLUMN state_reason text NOT NULL DEFAULT '',
    ADD CONSTRAINT card_state_check CHECK (state IN (
        'active', 'lost', 'found', 'stolen', 'revoked', 'expired', 'replaced')),
    -- PIV: the GUID; NTAG 424 DNA: the chip's UID.
    ADD CONSTRAINT card_card_id_check CHECK (
        CASE profile WHEN 'piv' THEN card_id ~ '^[0-9a-f]{32}$' ELSE card_id ~ '^[0-9a-f]{14}$' END);
CREATE INDEX card_not_active ON card (card_id) WHERE state <> 'active';
CREATE INDEX card_of_patient ON card (patient_id);
CREATE INDEX card_valid_until ON card (valid_until) WHERE valid_until IS NOT NULL;

CREATE TABLE card_state_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card_id text NOT NULL REFERENCES card (card_id),
    from_state text NOT NULL,
    to_state text NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    reason text NOT NULL
);
CREATE INDEX card_state_change_of_card ON card_state_change (card_id, change_id);

-- Keys that the gateway makes for itself: status lists, presence tokens.
CREATE TABLE signing_key (
    purpose text PRIMARY KEY CHECK (purpose IN ('card_status', 'presence')),
    private_key bytea NOT NULL,                    -- PKCS #8, DER
    certificate bytea,                             -- DER; where others verify what it signs
    made_at timestamptz NOT NULL
);

-- The list of cards to refuse, as it was signed last: one row.
CREATE TABLE card_status_list (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    number bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    content_sha256 bytea NOT NULL
);

-- NTAG 424 DNA: key version * 2^24 + counter, which only rises. Conditional UPDATE decides between two lanes.
CREATE TABLE sun_counter (
    card_id text PRIMARY KEY,
    highest bigint NOT NULL,
    highest_at timestamptz NOT NULL
);
-- Each address that was shown, so that a tap told late can be told from one shown twice.
CREATE TABLE sun_use (
    card_id text NOT NULL,
    value bigint NOT NULL,
    used_at timestamptz NOT NULL,                  -- device time of the tap
    source text NOT NULL CHECK (source IN ('desk', 'phone')),
    epoch_key integer,
    seq bigint,
    PRIMARY KEY (card_id, value)
);

ALTER TABLE tap DROP CONSTRAINT tap_outcome_check;
ALTER TABLE tap
    ADD COLUMN profile text NOT NULL DEFAULT 'piv',
    ADD COLUMN edge_reason text NOT NULL DEFAULT '',
    ADD COLUMN edge_card_state text NOT NULL DEFAULT 'unknown',
    ADD COLUMN edge_list_number bigint,
    ADD COLUMN edge_list_age_s double precision,
    ADD COLUMN edge_list_stale boolean NOT NULL DEFAULT false,
    -- What the desk was told meanwhile, where the gateway says otherwise.
    ADD COLUMN difference text NOT NULL DEFAULT '' CHECK (difference IN ('', 'accepted_there', 'refused_there')),
    ADD COLUMN difference_seen_by text,
    ADD COLUMN difference_seen_at timestamptz,
    ADD COLUMN presence_token text,
    ADD COLUMN second_identifier text,             -- which question the desk is to ask
    ADD COLUMN second_identifier_matched boolean,  -- NULL: not asked yet
    ADD COLUMN second_identifier_by text,
    ADD COLUMN second_identifier_at timestamptz,
    ADD CONSTRAINT tap_outcome_check CHECK (outcome IN (
        'checked_in', 'already_checked_in', 'unknown_card', 'foreign_card', 'not_genuine', 'replayed', 'unreadable',
        'unverified', 'lost_card', 'stolen_card', 'revoked_card', 'expired_card', 'replaced_card'));
CREATE INDEX tap_of_card ON tap (card_id, occurred_at DESC);
CREATE INDEX tap_difference ON tap (occurred_at DESC) WHERE difference <> '';
