-- What happens more than once: the same bad message resent, an alarm that comes back before anyone acknowledged it,
-- a card's proof shown a second time.

-- A sender that can't be understood sends again and again: equal messages are one letter that counts.
ALTER TABLE dead_letter
    ADD COLUMN repeat_count integer NOT NULL DEFAULT 0,
    ADD COLUMN last_received_at timestamptz,
    ADD COLUMN payload_bytes bigint;               -- length as received; payload may have been cut to what is kept
CREATE INDEX dead_letter_same ON dead_letter (topic, code, sha256(payload)) WHERE resolved_at IS NULL AND seq IS NULL;

-- A returned, unacknowledged alarm whose condition comes back is the same alarm raised again, and is paged again.
ALTER TABLE alarm ADD COLUMN times_raised integer NOT NULL DEFAULT 1;
ALTER TABLE page ADD COLUMN occasion integer NOT NULL DEFAULT 1;
ALTER TABLE page DROP CONSTRAINT page_alarm_id_channel_key;
ALTER TABLE page ADD CONSTRAINT page_once_an_occasion UNIQUE (alarm_id, channel, occasion);

-- The nonces of verified taps: a proof of possession counts once.
CREATE TABLE card_challenge (
    challenge_sha256 bytea PRIMARY KEY,
    epoch_key integer NOT NULL,
    seq bigint NOT NULL,
    seen_at timestamptz NOT NULL
);

-- Since when an edge node is up or down: a frame sent after the death shows that the death was of an older connection.
ALTER TABLE edge_node ADD COLUMN state_changed_at timestamptz;
