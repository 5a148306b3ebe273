-- Records of the cold chain: refrigerators as appliances, temperature mappings, and what was changed in any record.

-- The refrigerator or cold room of a place, as its plate says it.
CREATE TABLE appliance (
    place_id text PRIMARY KEY REFERENCES place (place_id),
    maker text NOT NULL DEFAULT '',
    model text NOT NULL DEFAULT '',
    serial_number text NOT NULL DEFAULT '',
    pqs_code text NOT NULL DEFAULT '',             -- WHO PQS, such as E003/123; empty: none
    made_on date,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL DEFAULT ''
);

-- A mapping: where in a room or a refrigerator the extremes are, by thermometers at many positions for some time.
CREATE TABLE mapping_study (
    mapping_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    place_id text NOT NULL REFERENCES place (place_id),
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    load text NOT NULL CHECK (load IN ('empty', 'part', 'full')),
    conditions text NOT NULL DEFAULT '',           -- season, doors, weather: what made it representative
    low_celsius double precision,                  -- the limits that the positions are judged by
    high_celsius double precision,
    grid_columns integer NOT NULL CHECK (grid_columns BETWEEN 1 AND 20),   -- of the sketch, seen from above
    grid_rows integer NOT NULL CHECK (grid_rows BETWEEN 1 AND 20),
    entered_at timestamptz NOT NULL DEFAULT now(),
    entered_by text NOT NULL DEFAULT '',
    withdrawn_at timestamptz,
    withdrawn_by text,
    withdrawn_reason text,
    CHECK (ended_at > began_at)
);
CREATE INDEX mapping_of_place ON mapping_study (place_id, began_at DESC);
CREATE TABLE mapping_position (
    mapping_id uuid NOT NULL REFERENCES mapping_study (mapping_id),
    position text NOT NULL CHECK (position <> ''), -- as it stands on the sketch: A1, door, ...
    grid_column integer NOT NULL CHECK (grid_column >= 1),
    grid_row integer NOT NULL CHECK (grid_row >= 1),
    level text NOT NULL CHECK (level IN ('top', 'middle', 'bottom')),
    device_key integer REFERENCES device (device_key),   -- null: a logger whose file was read in
    logger_serial text NOT NULL DEFAULT '',
    file_name text NOT NULL DEFAULT '',
    file_sha256 text NOT NULL DEFAULT '',
    PRIMARY KEY (mapping_id, position)
);
-- Of loggers that are no devices of ours; readings of devices are in `reading`.
CREATE TABLE mapping_reading (
    mapping_id uuid NOT NULL,
    position text NOT NULL,
    occurred_at timestamptz NOT NULL,
    temperature_celsius double precision NOT NULL,
    FOREIGN KEY (mapping_id, position) REFERENCES mapping_position (mapping_id, position)
);
CREATE INDEX mapping_reading_of_position ON mapping_reading (mapping_id, position, occurred_at);

-- Who changed which record, what stood there before, and why. Only ever added to.
CREATE TABLE record_change (
    record_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by text NOT NULL,
    what text NOT NULL,                            -- sensor, connection, calibration, appliance, mapping
    subject text NOT NULL,                         -- its id
    act text NOT NULL,
    reason text NOT NULL DEFAULT '',
    before jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX record_change_of ON record_change (what, subject, record_change_id);
CREATE FUNCTION refuse_record_change() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    RAISE EXCEPTION 'the journal of records is only added to';
END $function$;
CREATE TRIGGER record_change_kept BEFORE UPDATE OR DELETE ON record_change
    FOR EACH ROW EXECUTE FUNCTION refuse_record_change();
