-- What every watched place went through: each time outside a rule, whether or not it alarmed, by event time.
-- A reading that comes late can change or take back what was found; then the row says so and its former content is kept.
CREATE TABLE excursion (
    excursion_id uuid PRIMARY KEY,
    device_key integer NOT NULL,
    place_id text NOT NULL REFERENCES place (place_id),
    rule_name text NOT NULL,
    rule jsonb NOT NULL,                           -- the whole rule it was judged by
    started_at timestamptz NOT NULL,               -- first reading outside
    triggered_at timestamptz,                      -- null: it has not lasted long enough
    ended_at timestamptz,                          -- first reading back inside; null: goes on
    outside_s double precision NOT NULL,           -- gaps left out
    shortest_s double precision NOT NULL,
    longest_s double precision NOT NULL,
    peak_celsius double precision NOT NULL,
    taken_back_at timestamptz                      -- readings that came late show that it never was
);
CREATE UNIQUE INDEX excursion_once ON excursion (device_key, rule_name, started_at);
CREATE INDEX excursion_of_place ON excursion (place_id, started_at DESC);
CREATE TABLE excursion_change (
    excursion_id uuid NOT NULL REFERENCES excursion (excursion_id),
    changed_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL CHECK (reason IN ('late_readings', 'rule_changed', 'device_moved')),
    before jsonb NOT NULL,
    PRIMARY KEY (excursion_id, changed_at)
);
-- The judge's memory for each rule of a device, in place of temperature_watch.
DROP TABLE temperature_watch;
CREATE TABLE rule_watch (
    device_key integer NOT NULL,
    rule_name text NOT NULL,
    rule jsonb NOT NULL,                           -- another rule than the one in force: judged again by it
    state jsonb NOT NULL,
    judged_until timestamptz NOT NULL,
    PRIMARY KEY (device_key, rule_name)
);
-- Readings from before belong to the place where the device was then.
ALTER TABLE device ADD COLUMN placed_at timestamptz;
