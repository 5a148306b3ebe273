-- The pager: who is on call, by which ways each person is reached, what was sent, what came back.

-- 1. The outbox. A row is one message by one channel to one person, or to no person (log, web hook, Alertmanager).
ALTER TABLE page ALTER COLUMN alarm_id DROP NOT NULL;
ALTER TABLE page DROP CONSTRAINT page_once_an_occasion;
ALTER TABLE page
    ADD COLUMN kind text NOT NULL DEFAULT 'alarm'
        CHECK (kind IN ('alarm', 'summary', 'returned', 'reply', 'probe', 'test')),
    ADD COLUMN incident_id uuid,
    ADD COLUMN run_id uuid,
    ADD COLUMN occasion_kind text NOT NULL DEFAULT 'raised'
        CHECK (occasion_kind IN ('raised', 'again', 'worse', 'still_out', 'returned', 'drill')),
    ADD COLUMN severity text NOT NULL DEFAULT 'critical' CHECK (severity IN ('warning', 'critical')),
    ADD COLUMN is_drill boolean NOT NULL DEFAULT false,
    ADD COLUMN username text REFERENCES login_account (username),
    ADD COLUMN address text NOT NULL DEFAULT '',       -- where on the channel: a number, a mailbox, a topic
    ADD COLUMN reason text NOT NULL DEFAULT 'house',   -- why this person by this way: level:1, fallback, second_channel, ...
    ADD COLUMN dedupe_key text UNIQUE,                 -- the same message asked for twice is one row
    ADD COLUMN receipt_token text UNIQUE,              -- whoever shows it has got the message
    ADD COLUMN channel_message_id text NOT NULL DEFAULT '',
    ADD COLUMN receipt_at timestamptz,                 -- the channel says that it arrived
    ADD COLUMN read_at timestamptz,                    -- the person has opened it, or answered
    ADD COLUMN failed_at timestamptz,                  -- the first attempt that failed, or the channel's word that it won't arrive
    ADD COLUMN seconded_at timestamptz,                -- the person's next channel was asked
    ADD COLUMN withdrawn_at timestamptz;               -- not needed any more before it was sent
DROP INDEX page_due;
CREATE INDEX page_due ON page (channel, next_attempt_at) WHERE delivered_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX page_of_incident ON page (incident_id);
CREATE INDEX page_of_person ON page (username, created_at) WHERE username IS NOT NULL;
CREATE INDEX page_without_receipt ON page (created_at)
    WHERE username IS NOT NULL AND seconded_at IS NULL AND receipt_at IS NULL AND read_at IS NULL;
-- A summary names several incidents.
CREATE TABLE page_incident (
    page_id uuid NOT NULL REFERENCES page (page_id),
    incident_id uuid NOT NULL,
    run_id uuid NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (page_id, incident_id)
);

-- 2. One run is one way through the escalation chain, for one occasion of one incident.
CREATE TABLE pager_run (
    run_id uuid PRIMARY KEY,
    incident_id uuid NOT NULL,
    occasion_kind text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
    is_drill boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL,
    step integer NOT NULL DEFAULT 0,                   -- steps of the chain that were taken
    repeats integer NOT NULL DEFAULT 0,
    next_step_at timestamptz,                          -- null: nothing more to do
    ended_at timestamptz,
    end_reason text NOT NULL DEFAULT ''
);
CREATE INDEX pager_run_open ON pager_run (next_step_at) WHERE ended_at IS NULL;
CREATE INDEX pager_run_of_incident ON pager_run (incident_id);

-- 3. People and how they are reached.
CREATE TABLE pager_contact (
    contact_id uuid PRIMARY KEY,
    username text NOT NULL REFERENCES login_account (username),
    channel text NOT NULL,                             -- a configured channel, or 'phone': for people to call
    address text NOT NULL,
    rank integer NOT NULL CHECK (rank BETWEEN 1 AND 9),   -- 1 is tried first
    created_at timestamptz NOT NULL,
    removed_at timestamptz
);
CREATE UNIQUE INDEX pager_contact_rank ON pager_contact (username, rank) WHERE removed_at IS NULL;
CREATE INDEX pager_contact_address ON pager_contact (address) WHERE removed_at IS NULL;
CREATE TABLE pager_person (
    username text PRIMARY KEY REFERENCES login_account (username),
    quiet_from time,                                   -- local time; warnings wait until quiet_to, critical pages never
    quiet_to time,
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
);

-- 4. The schedule. A layer covers some hours of some days by people in turn; of several layers of one level the one
-- with the highest priority counts, and an override counts before all of them.
CREATE TABLE rota_layer (
    layer_id uuid PRIMARY KEY,
    name text NOT NULL,
    level integer NOT NULL CHECK (level BETWEEN 1 AND 3),
    priority integer NOT NULL DEFAULT 0,
    members text[] NOT NULL CHECK (cardinality(members) > 0),
    first_day date NOT NULL,                           -- the first member's first turn begins on this day
    last_day date,
    hand_over_at time NOT NULL,                        -- local time at which a turn ends
    turn_days integer NOT NULL DEFAULT 7 CHECK (turn_days BETWEEN 1 AND 56),
    weekdays integer[] NOT NULL DEFAULT '{1,2,3,4,5,6,7}',   -- ISO: 1 is Monday
    holidays text NOT NULL DEFAULT 'as_usual' CHECK (holidays IN ('as_usual', 'only', 'never')),
    from_time time,                                    -- local; null: the whole day
    to_time time,                                      -- before from_time: on the next day
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    removed_at timestamptz,
    CHECK ((from_time IS NULL) = (to_time IS NULL)),
    CHECK (last_day >= first_day)
);
CREATE TABLE rota_override (
    override_id uuid PRIMARY KEY,
    level integer NOT NULL CHECK (level BETWEEN 1 AND 3),
    username text NOT NULL REFERENCES login_account (username),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    reason text NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    removed_at timestamptz
);
CREATE INDEX rota_override_ends ON rota_override (ends_at) WHERE removed_at IS NULL;
CREATE TABLE rota_holiday (
    day date PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE rota_note (
    note_id uuid PRIMARY KEY,
    written_at timestamptz NOT NULL,
    username text NOT NULL REFERENCES login_account (username),
    note text NOT NULL
);

-- 5. Health of the channels and of the pager itself.
CREATE TABLE pager_channel (
    channel text PRIMARY KEY,
    state text NOT NULL DEFAULT 'unknown' CHECK (state IN ('unknown', 'ok', 'failing', 'dead')),
    state_since timestamptz NOT NULL,
    detail text NOT NULL DEFAULT '',                   -- what the channel says of itself: network, signal, server
    failures integer NOT NULL DEFAULT 0,               -- in a row
    last_taken_at timestamptz,
    last_receipt_at timestamptz,
    last_error text NOT NULL DEFAULT '',
    last_error_at timestamptz,
    beat_at timestamptz                                -- its worker was round
);
CREATE TABLE pager_probe (
    token text PRIMARY KEY,
    channel text NOT NULL,
    sent_at timestamptz NOT NULL,
    returned_at timestamptz,
    returned_by text NOT NULL DEFAULT '',              -- http, sms, ntfy
    missed_at timestamptz
);
CREATE INDEX pager_probe_channel ON pager_probe (channel, sent_at);
CREATE TABLE pager_inbound (
    inbound_id uuid PRIMARY KEY,
    channel text NOT NULL,
    address text NOT NULL,
    username text,
    received_at timestamptz NOT NULL,
    body text NOT NULL,
    outcome text NOT NULL,
    incident_id uuid,
    same_key text NOT NULL UNIQUE                      -- a modem hands over a message again if it was cut off before
);
CREATE TABLE pager_watcher (
    watcher text PRIMARY KEY,
    last_seen_at timestamptz NOT NULL,
    every_s double precision NOT NULL
);

-- 6. Drills. The place is made so that nothing of a drill can be mistaken for a place of the hospital.
ALTER TABLE place DROP CONSTRAINT place_kind_check;
ALTER TABLE place ADD CONSTRAINT place_kind_check
    CHECK (kind IN ('site', 'store', 'fridge', 'shelf', 'ward', 'desk', 'drill'));
CREATE TABLE pager_drill (
    drill_id uuid PRIMARY KEY,
    started_at timestamptz NOT NULL,
    started_by text NOT NULL,                          -- a username, or 'schedule'
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'passed', 'failed')),
    incident_id uuid,
    steps jsonb NOT NULL DEFAULT '{}',
    finished_at timestamptz,
    why text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX pager_drill_running ON pager_drill (state) WHERE state = 'running';
CREATE TABLE pager_drill_schedule (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    weekday integer NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    at_time time NOT NULL,
    since timestamptz NOT NULL,
    changed_by text NOT NULL
);
