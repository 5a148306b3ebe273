-- Who waits where: clinics and their doors, a visit's way through queues as append-only events, appointments, what the
-- insurance said, boards of waiting rooms, and load and waiting times as a series without any person in it.

CREATE TABLE clinic (
    clinic_id text PRIMARY KEY CHECK (clinic_id ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Z]{1,3}$'),   -- stands before its queue numbers: TM-012
    name_vi text NOT NULL,
    name_en text NOT NULL,
    place_id text UNIQUE REFERENCES place (place_id),          -- the desk whose check-ins join this queue by themselves
    active boolean NOT NULL DEFAULT true
);
CREATE TABLE room (
    room_id text PRIMARY KEY CHECK (room_id ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    clinic_id text NOT NULL REFERENCES clinic (clinic_id),
    door_vi text NOT NULL,                                     -- as the door says it: Phòng 12
    door_en text NOT NULL,
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX room_clinic ON room (clinic_id);

ALTER TABLE visit
    ADD COLUMN source text NOT NULL DEFAULT 'tap' CHECK (source IN ('tap', 'walk_in', 'guardian', 'api')),
    ADD COLUMN identified_by text NOT NULL DEFAULT 'card' CHECK (identified_by IN (
        'card', 'citizen_card', 'insurance_card', 'patient_number', 'search', 'guardian', 'registered', 'program')),
    ADD COLUMN presence text,                                  -- signed proof that the card was at this desk, if it was
    ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now(); -- when the gateway heard of it; later than checked_in_at
                                                               -- by an edge node's time without network

-- One stay in one clinic's queue. What changes is a projection of visit_event, made in the same transaction.
CREATE TABLE queue_entry (
    entry_id uuid PRIMARY KEY,
    visit_id uuid NOT NULL REFERENCES visit (visit_id),
    visit_date date NOT NULL,
    clinic_id text NOT NULL REFERENCES clinic (clinic_id),
    queue_number integer NOT NULL CHECK (queue_number > 0),    -- given under the day's lock, from 1 without a hole
    state text NOT NULL CHECK (state IN (
        'waiting', 'called', 'in_room', 'absent', 'done', 'left', 'transferred', 'withdrawn')),
    priority text NOT NULL CHECK (priority IN (
        'none', 'emergency', 'child_under_6', 'elderly', 'pregnant', 'disabled', 'merit', 'appointment')),
    priority_settled boolean NOT NULL DEFAULT false,           -- the age was looked at, or a person has said it
    due_at timestamptz,                                        -- of the appointment
    arrived_at timestamptz NOT NULL,
    ordered_at timestamptz NOT NULL,                           -- place in line; later than arrived_at after a missed call
    room_id text REFERENCES room (room_id),
    times_called integer NOT NULL DEFAULT 0,
    first_called_at timestamptz,
    called_at timestamptz,
    entered_at timestamptz,
    ended_at timestamptz,
    UNIQUE (clinic_id, visit_date, queue_number)
);
-- A patient is in one queue at a time.
CREATE UNIQUE INDEX queue_entry_open ON queue_entry (visit_id)
    WHERE state IN ('waiting', 'called', 'in_room', 'absent');
CREATE INDEX queue_entry_visit ON queue_entry (visit_id);
-- A door calls one patient at a time.
CREATE UNIQUE INDEX queue_entry_called ON queue_entry (room_id, visit_date) WHERE state = 'called';

-- What happened to a visit, and who did it: append-only, an undone step stays.
CREATE TABLE visit_event (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,                             -- made by the client: told again, it is the same act
    visit_id uuid NOT NULL REFERENCES visit (visit_id),
    entry_id uuid REFERENCES queue_entry (entry_id),
    kind text NOT NULL CHECK (kind IN (
        'opened', 'came_again', 'queued', 'prioritised', 'called', 'recalled', 'entered', 'missed', 'returned',
        'finished', 'left', 'transferred', 'withdrawn', 'undone')),
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    username text,                                             -- null: the system, such as a tap
    undoes_event_id uuid UNIQUE REFERENCES visit_event (event_id),
    facts jsonb NOT NULL DEFAULT '{}'                          -- keys, numbers and times, never a name
);
CREATE INDEX visit_event_visit ON visit_event (visit_id, position);
CREATE INDEX visit_event_entry ON visit_event (entry_id, position);
CREATE FUNCTION refuse_visit_event_change() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    RAISE EXCEPTION 'visit_event is append-only: % refused', TG_OP;
END $function$;
CREATE TRIGGER visit_event_append_only BEFORE UPDATE OR DELETE ON visit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_visit_event_change();

CREATE TABLE appointment (
    appointment_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL REFERENCES patient (patient_id),
    clinic_id text NOT NULL REFERENCES clinic (clinic_id),
    due_on date NOT NULL,
    due_at timestamptz,                                        -- null: any time of that day
    state text NOT NULL DEFAULT 'booked' CHECK (state IN ('booked', 'kept', 'cancelled')),
    visit_id uuid REFERENCES visit (visit_id),                 -- that kept it
    source text NOT NULL,                                      -- the system that booked it
    reference text NOT NULL,                                   -- its own number there
    UNIQUE (source, reference)
);
CREATE INDEX appointment_patient ON appointment (patient_id, due_on);
CREATE INDEX appointment_day ON appointment (due_on, clinic_id);

-- Questions to the insurance, outside any check-in: one that can't be asked now waits and is asked again.
CREATE TABLE insurance_check (
    check_id uuid PRIMARY KEY,
    visit_id uuid NOT NULL REFERENCES visit (visit_id),
    asked_at timestamptz NOT NULL,
    asked_by text,                                             -- null: the system
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'answered', 'given_up')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    last_error text NOT NULL DEFAULT '',                       -- a code of ours, never the service's text
    answered_at timestamptz,
    result_code text,
    valid_from date,
    valid_until date
);
CREATE INDEX insurance_check_due ON insurance_check (next_attempt_at) WHERE state = 'waiting';
CREATE INDEX insurance_check_visit ON insurance_check (visit_id, asked_at);

-- A screen in a waiting room needs no account: its link carries a secret and can be taken back.
CREATE TABLE board_link (
    board_id uuid PRIMARY KEY,
    name text NOT NULL,
    token_sha256 bytea NOT NULL UNIQUE,
    clinic_ids text[] NOT NULL,
    language text NOT NULL DEFAULT 'vi' CHECK (language IN ('vi', 'en')),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    last_seen_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);

ALTER TABLE live_event DROP CONSTRAINT live_event_audience_check;
ALTER TABLE live_event ADD CONSTRAINT live_event_audience_check
    CHECK (audience IN ('pharmacy', 'desk', 'on_call', 'queue'));

-- Load and waiting times: no visit, no patient. `minutes` is the wait at a first call, the length at an end. An undone
-- step is a second row with weight -1.
CREATE TABLE visit_moment (
    occurred_at timestamptz NOT NULL,
    clinic_id text NOT NULL,                                   -- '': the registration desk
    measure text NOT NULL CHECK (measure IN ('checked_in', 'queued', 'called', 'done', 'left')),
    minutes integer NOT NULL DEFAULT 0 CHECK (minutes >= 0),
    weight smallint NOT NULL CHECK (weight IN (1, -1))
) PARTITION BY RANGE (occurred_at);

DO $$
DECLARE
    hypertables boolean := (SELECT relkind <> 'p' FROM pg_class WHERE oid = 'reading'::regclass);
BEGIN
    IF hypertables THEN
        CREATE TABLE visit_moment_plain (LIKE visit_moment INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        DROP TABLE visit_moment;
        ALTER TABLE visit_moment_plain RENAME TO visit_moment;
        PERFORM create_hypertable('visit_moment', by_range('occurred_at', interval '30 days'),
            create_default_indexes => false);
        CREATE INDEX visit_moment_time ON visit_moment (occurred_at DESC);
        EXECUTE $view$
            CREATE MATERIALIZED VIEW visit_load_hour
            WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket(interval '1 hour', occurred_at) AS bucket, clinic_id, measure, minutes,
                   sum(weight) AS visit_count
            FROM visit_moment GROUP BY 1, 2, 3, 4 WITH NO DATA $view$;
    ELSE
        CREATE TABLE visit_moment_default PARTITION OF visit_moment DEFAULT;
        CREATE TABLE visit_load_hour (
            bucket timestamptz NOT NULL,
            clinic_id text NOT NULL,
            measure text NOT NULL,
            minutes integer NOT NULL,
            visit_count bigint NOT NULL,
            PRIMARY KEY (bucket, clinic_id, measure, minutes)
        ) WITH (fillfactor = 80);
        -- Whoever writes moments holds the lock of their day: nobody else waits for these rows.
        CREATE FUNCTION sum_up_visit_moments() RETURNS trigger LANGUAGE plpgsql AS $function$
        BEGIN
            INSERT INTO visit_load_hour AS kept (bucket, clinic_id, measure, minutes, visit_count)
            SELECT date_bin('1 hour', occurred_at, '2000-01-01 00:00+00'), clinic_id, measure, minutes, sum(weight)
            FROM fresh GROUP BY 1, 2, 3, 4
            ON CONFLICT (bucket, clinic_id, measure, minutes)
            DO UPDATE SET visit_count = kept.visit_count + excluded.visit_count;
            RETURN NULL;
        END $function$;
        CREATE TRIGGER visit_load_sums AFTER INSERT ON visit_moment REFERENCING NEW TABLE AS fresh
            FOR EACH STATEMENT EXECUTE FUNCTION sum_up_visit_moments();
    END IF;
END $$;

INSERT INTO visit_event (event_id, visit_id, kind, occurred_at)
SELECT gen_random_uuid(), visit_id, 'opened', checked_in_at FROM visit ORDER BY checked_in_at, visit_id;
INSERT INTO visit_moment (occurred_at, clinic_id, measure, weight)
SELECT checked_in_at, '', 'checked_in', 1 FROM visit;
