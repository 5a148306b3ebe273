-- Alarms of every kind. A row of `alarm` is one condition at one thing (ISA-18.2: active or returned); what a person is
-- paged for and answers is the incident that groups them: one for a fridge, one for an outage.

CREATE SEQUENCE incident_number AS integer MINVALUE 1000 MAXVALUE 9999 CYCLE;
CREATE TABLE incident (
    incident_id uuid PRIMARY KEY,
    incident_number integer NOT NULL CHECK (incident_number BETWEEN 1000 AND 9999),   -- for `ACK 4711`
    scope text NOT NULL,                           -- what it is about: 'place:fridge-1', 'node:site/node', ...
    place_id text REFERENCES place (place_id),
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),   -- the worst so far
    is_drill boolean NOT NULL DEFAULT false,
    cause text,                                    -- where it is known; in words on the pages
    started_at timestamptz NOT NULL,               -- of the earliest condition
    opened_at timestamptz NOT NULL,                -- the gateway's clock
    returned_at timestamptz,                       -- null: at least one condition is active
    acknowledged_at timestamptz,
    acknowledged_by text,
    acknowledged_channel text,
    acknowledge_comment text,
    silenced_until timestamptz,                    -- shelved or out of service: always with an end
    silence_kind text CHECK (silence_kind IN ('shelved', 'out_of_service')),
    silenced_by text,
    silence_reason text,
    times_raised integer NOT NULL DEFAULT 1,
    last_paged_at timestamptz,
    next_page_at timestamptz,                      -- when it is paged again if it is still as it is
    closed_at timestamptz,                         -- returned, acknowledged and not silenced: over
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CHECK (acknowledged_at IS NULL OR acknowledge_comment <> ''),
    CHECK ((silenced_until IS NULL) = (silence_kind IS NULL)
        AND (silenced_until IS NULL) = (silence_reason IS NULL) AND (silenced_until IS NULL) = (silenced_by IS NULL))
);
CREATE UNIQUE INDEX incident_open_number ON incident (incident_number) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX incident_open_scope ON incident (scope) WHERE closed_at IS NULL;
CREATE INDEX incident_opened ON incident (opened_at DESC);
CREATE INDEX incident_of_place ON incident (place_id, opened_at DESC);

-- All that happened to an incident, by whom and on which channel. Only ever added to.
CREATE TABLE incident_journal (
    journal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident (incident_id),
    at timestamptz NOT NULL,
    what text NOT NULL,
    by_whom text,                                  -- null: the gateway itself
    channel text,                                  -- page, api, sms, telegram, ...
    comment text NOT NULL DEFAULT '',
    facts jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX incident_journal_of ON incident_journal (incident_id, journal_id);
CREATE FUNCTION refuse_journal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal of incidents is only added to';
END $$;
CREATE TRIGGER incident_journal_kept BEFORE UPDATE OR DELETE ON incident_journal
    FOR EACH ROW EXECUTE FUNCTION refuse_journal_change();

ALTER TABLE alarm
    DROP CONSTRAINT alarm_condition_check,
    ALTER COLUMN device_key DROP NOT NULL,
    ALTER COLUMN place_id DROP NOT NULL,
    ALTER COLUMN limit_celsius DROP NOT NULL,
    ALTER COLUMN peak_celsius DROP NOT NULL,
    ALTER COLUMN last_celsius DROP NOT NULL,
    ADD COLUMN subject text,                       -- what the condition is true of, within its kind
    ADD COLUMN severity text NOT NULL DEFAULT 'critical' CHECK (severity IN ('warning', 'critical')),
    ADD COLUMN facts jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN incident_id uuid REFERENCES incident (incident_id),
    ADD COLUMN end_reason text NOT NULL DEFAULT '';   -- why it is not active any more, if not by itself: 'moved', ...
UPDATE alarm SET subject = 'device:' || device_key || '/' || condition;

-- What was there: one incident for all open alarms of a place, one for each alarm that is over.
CREATE TEMPORARY TABLE old_alarm ON COMMIT DROP AS
SELECT alarm_id, returned_at IS NULL OR acknowledged_at IS NULL AS is_open, place_id,
       CASE WHEN returned_at IS NULL OR acknowledged_at IS NULL
            THEN md5('incident of ' || place_id)::uuid ELSE md5('incident of ' || alarm_id)::uuid END AS incident_id
FROM alarm;
INSERT INTO incident (incident_id, incident_number, scope, place_id, severity, started_at, opened_at, returned_at,
    acknowledged_at, acknowledged_by, acknowledged_channel, acknowledge_comment, times_raised, last_paged_at,
    next_page_at, closed_at)
SELECT o.incident_id, nextval('incident_number'), 'place:' || o.place_id, o.place_id, 'critical', min(a.started_at),
       min(a.raised_at),
       CASE WHEN bool_and(a.returned_at IS NOT NULL) THEN max(a.returned_at) END,
       CASE WHEN bool_and(a.acknowledged_at IS NOT NULL) THEN max(a.acknowledged_at) END,
       CASE WHEN bool_and(a.acknowledged_at IS NOT NULL) THEN max(coalesce(a.acknowledged_by, '?')) END,
       CASE WHEN bool_and(a.acknowledged_at IS NOT NULL) THEN 'page' END,
       CASE WHEN bool_and(a.acknowledged_at IS NOT NULL) THEN max(coalesce(nullif(a.acknowledge_comment, ''), '-')) END,
       max(a.times_raised), min(a.raised_at),
       CASE WHEN bool_or(a.returned_at IS NULL) THEN now() END,
       CASE WHEN bool_and(NOT o.is_open) THEN greatest(max(a.returned_at), max(a.acknowledged_at)) END
FROM old_alarm o JOIN alarm a USING (alarm_id) GROUP BY o.incident_id, o.place_id, o.is_open;
UPDATE alarm SET incident_id = o.incident_id FROM old_alarm o WHERE o.alarm_id = alarm.alarm_id;
INSERT INTO incident_journal (incident_id, at, what) SELECT incident_id, opened_at, 'raised' FROM incident;

DROP INDEX alarm_open;
CREATE UNIQUE INDEX alarm_open ON alarm (condition, subject) WHERE returned_at IS NULL OR acknowledged_at IS NULL;
CREATE INDEX alarm_of_incident ON alarm (incident_id);
CREATE INDEX alarm_of_place ON alarm (place_id, raised_at DESC);

-- A place or a device that is being worked on: nothing about it is paged until then. Always with an end.
CREATE TABLE out_of_service (
    out_of_service_id uuid PRIMARY KEY,
    subject text NOT NULL,                         -- 'place:fridge-1' or 'device:12'
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > since),
    by_whom text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    ended_at timestamptz,                          -- before its time, or when it was over
    ended_by text
);
CREATE INDEX out_of_service_now ON out_of_service (subject) WHERE ended_at IS NULL;

-- Where a place, a device or the whole hospital judges a condition otherwise than by the built-in numbers.
CREATE TABLE condition_limit (
    kind text NOT NULL,
    scope text NOT NULL,                           -- '*', 'place:fridge-1' or 'device:12'
    name text NOT NULL,                            -- of the number, such as 'open_for_s'
    value double precision NOT NULL,
    source text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL,
    PRIMARY KEY (kind, scope, name)
);

-- Doors and mains supply, as contacts say them.
CREATE TABLE contact_state (
    device_key integer NOT NULL REFERENCES device (device_key),
    contact text NOT NULL CHECK (contact IN ('door', 'mains_power')),
    state text NOT NULL CHECK (state IN ('open', 'closed', 'on', 'off')),
    since timestamptz NOT NULL,                    -- event time
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_key, contact)
);
CREATE TABLE contact_change (
    device_key integer NOT NULL REFERENCES device (device_key),
    contact text NOT NULL,
    occurred_at timestamptz NOT NULL,
    state text NOT NULL,
    place_id text REFERENCES place (place_id),     -- where the contact was then
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_key, contact, occurred_at)
);
CREATE INDEX contact_change_of_place ON contact_change (place_id, occurred_at DESC);
CREATE TABLE battery_state (
    device_key integer PRIMARY KEY REFERENCES device (device_key),
    percent double precision CHECK (percent BETWEEN 0 AND 100),
    volts double precision,
    measured_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    CHECK (percent IS NOT NULL OR volts IS NOT NULL)
);

-- The judge's memory of each thermometer, beside that of its rules: rate of rise, what can't be true.
CREATE TABLE sensor_watch (
    device_key integer PRIMARY KEY,
    state jsonb NOT NULL,
    judged_until timestamptz NOT NULL
);
-- When conditions of silence were judged last: a gap in it is the gateway's own, not the sensors'.
CREATE TABLE alarm_sweep (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    swept_at timestamptz NOT NULL,
    watching_since timestamptz NOT NULL            -- since then without a gap
);
