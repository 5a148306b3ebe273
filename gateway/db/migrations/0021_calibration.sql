-- Thermometers as instruments: which one is connected where and when, its calibration certificates, and where each device
-- hung. Readings stay as the wire brought them; a certificate's corrections are applied where they are used.

CREATE TABLE sensor (
    sensor_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    serial_number text NOT NULL CHECK (serial_number <> ''),
    maker text NOT NULL DEFAULT '',
    model text NOT NULL DEFAULT '',
    range_low_celsius double precision,            -- what the maker says it can measure
    range_high_celsius double precision,
    interval_s double precision CHECK (interval_s > 0),   -- how often it measures; null: taken from its readings
    battery text NOT NULL DEFAULT '',              -- which; empty: none
    battery_changed_on date,
    battery_months integer CHECK (battery_months > 0),    -- how long one lasts
    note text NOT NULL DEFAULT '',
    shares_serial boolean NOT NULL DEFAULT false,  -- a person has looked: two instruments really carry this number
    entered_at timestamptz NOT NULL DEFAULT now(),
    entered_by text NOT NULL DEFAULT '',
    CHECK (range_low_celsius < range_high_celsius)
);
-- Two of one serial number are a slip of the pen, or a copy: only by a person's express word.
CREATE UNIQUE INDEX sensor_serial ON sensor (lower(maker), lower(serial_number)) WHERE NOT shares_serial;

-- Which instrument a device's readings are from, and since when.
CREATE TABLE sensor_connection (
    sensor_id uuid NOT NULL REFERENCES sensor (sensor_id),
    device_key integer NOT NULL REFERENCES device (device_key),
    connected_at timestamptz NOT NULL,
    disconnected_at timestamptz,                   -- null: it is there now
    connected_by text NOT NULL DEFAULT '',
    PRIMARY KEY (sensor_id, connected_at),
    CHECK (disconnected_at >= connected_at)
);
CREATE UNIQUE INDEX sensor_at_device ON sensor_connection (device_key) WHERE disconnected_at IS NULL;
CREATE UNIQUE INDEX sensor_connected_once ON sensor_connection (sensor_id) WHERE disconnected_at IS NULL;

-- A certificate. device_key is the device whose readings it counts for now: it moves with the instrument, and is null for
-- an instrument in the cupboard and for a certificate that was withdrawn. The last one of a device (by performed_on, then
-- entered_at) is the one in force.
CREATE TABLE calibration (
    calibration_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    sensor_id uuid NOT NULL REFERENCES sensor (sensor_id),
    device_key integer REFERENCES device (device_key),
    performed_on date NOT NULL,                    -- the hospital's day
    valid_until date NOT NULL,                     -- the last day on which it is valid
    offset_celsius double precision NOT NULL DEFAULT 0,   -- to be ADDED to a reading; the one with the greatest size of its points
    uncertainty_celsius double precision NOT NULL DEFAULT 0 CHECK (uncertainty_celsius >= 0),   -- expanded (k = 2), the greatest of its points
    certificate_number text NOT NULL,
    laboratory text NOT NULL,
    applies_from timestamptz NOT NULL DEFAULT now(),   -- readings from then on are corrected: begin of performed_on
    entered_at timestamptz NOT NULL DEFAULT now(),
    entered_by text NOT NULL DEFAULT '',
    withdrawn_at timestamptz,                      -- never deleted: withdrawn with a reason
    withdrawn_by text,
    withdrawn_reason text,
    CHECK (valid_until >= performed_on)
);
CREATE INDEX calibration_of_device ON calibration (device_key, performed_on DESC) WHERE device_key IS NOT NULL;
CREATE INDEX calibration_of_sensor ON calibration (sensor_id, performed_on DESC);
CREATE UNIQUE INDEX calibration_once ON calibration (sensor_id, certificate_number) WHERE withdrawn_at IS NULL;
CREATE TABLE calibration_point (
    calibration_id uuid NOT NULL REFERENCES calibration (calibration_id),
    indicated_celsius double precision NOT NULL,   -- what the instrument showed
    offset_celsius double precision NOT NULL,      -- reference minus indicated (số hiệu chính): to be added
    uncertainty_celsius double precision NOT NULL CHECK (uncertainty_celsius >= 0),
    PRIMARY KEY (calibration_id, indicated_celsius)
);
-- The certificate itself, as the laboratory sent it.
CREATE TABLE calibration_file (
    calibration_id uuid PRIMARY KEY REFERENCES calibration (calibration_id),
    file_name text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    pdf bytea NOT NULL
);

-- Where a device hung, whoever moved it: kept by the database itself.
CREATE TABLE device_place (
    device_key integer NOT NULL REFERENCES device (device_key),
    place_id text NOT NULL REFERENCES place (place_id),
    placed_at timestamptz,                         -- null: since ever
    moved_away_at timestamptz                      -- null: it hangs there now
);
CREATE INDEX device_place_of_device ON device_place (device_key, placed_at);
CREATE INDEX device_place_of_place ON device_place (place_id);
CREATE UNIQUE INDEX device_place_now ON device_place (device_key) WHERE moved_away_at IS NULL;
INSERT INTO device_place (device_key, place_id, placed_at)
SELECT device_key, place_id, placed_at FROM device WHERE place_id IS NOT NULL;
CREATE FUNCTION keep_device_place() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.place_id IS NOT DISTINCT FROM OLD.place_id THEN
            RETURN NULL;
        END IF;
        -- clock_timestamp: two moves in one transaction are two moves.
        UPDATE device_place SET moved_away_at = greatest(clock_timestamp(), placed_at)
        WHERE device_key = NEW.device_key AND moved_away_at IS NULL;
    END IF;
    IF NEW.place_id IS NOT NULL THEN
        INSERT INTO device_place (device_key, place_id, placed_at)
        VALUES (NEW.device_key, NEW.place_id, CASE WHEN EXISTS (
            SELECT FROM device_place WHERE device_key = NEW.device_key) THEN clock_timestamp() END);
    END IF;
    RETURN NULL;
END $function$;
CREATE TRIGGER device_place_kept AFTER INSERT OR UPDATE OF place_id ON device
    FOR EACH ROW EXECUTE FUNCTION keep_device_place();
