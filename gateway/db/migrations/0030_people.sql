-- People: who somebody is stands here sealed by the application (AES-256-GCM for each column, key id in front), found
-- again by blind indexes (HMAC). patient_id is the pseudonym that stands everywhere else.

ALTER TABLE patient
    ALTER COLUMN patient_number DROP NOT NULL,
    ALTER COLUMN full_name DROP NOT NULL,
    ALTER COLUMN birth_date DROP NOT NULL,
    ALTER COLUMN sex DROP NOT NULL,
    ALTER COLUMN allergy_flag DROP NOT NULL,
    ALTER COLUMN allergy_flag DROP DEFAULT,
    ADD COLUMN patient_number_sealed bytea,
    ADD COLUMN full_name_sealed bytea,
    ADD COLUMN birth_date_sealed bytea,
    ADD COLUMN sex_sealed bytea,
    ADD COLUMN insurance_number_sealed bytea,
    ADD COLUMN citizen_id_sealed bytea,
    ADD COLUMN phone_sealed bytea,
    ADD COLUMN address_sealed bytea,
    ADD COLUMN allergy_flag_sealed bytea,
    ADD COLUMN patient_number_index bytea UNIQUE,
    ADD COLUMN insurance_number_index bytea,
    ADD COLUMN citizen_id_index bytea,
    ADD COLUMN phone_index bytea,
    ADD COLUMN same_person_index bytea,            -- of folded name and birth date together: possible duplicates
    ADD COLUMN name_index bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN identity_confidence text NOT NULL DEFAULT 'documented'
        CHECK (identity_confidence IN ('proven', 'documented', 'stated', 'unknown')),
    ADD COLUMN is_newborn boolean NOT NULL DEFAULT false,
    ADD COLUMN merged_into uuid REFERENCES patient (patient_id) CHECK (merged_into <> patient_id),
    ADD COLUMN sealed_with integer,                -- id of the newest key that this row's columns are sealed with
    ADD COLUMN registered_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN registered_by text NOT NULL DEFAULT 'import',
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN changed_by text NOT NULL DEFAULT 'import';
CREATE UNIQUE INDEX patient_citizen_id ON patient (citizen_id_index) WHERE merged_into IS NULL;
CREATE INDEX patient_insurance_number ON patient (insurance_number_index);
CREATE INDEX patient_phone ON patient (phone_index);
CREATE INDEX patient_same_person ON patient (same_person_index);
CREATE INDEX patient_name ON patient USING gin (name_index) WITH (fastupdate = off);
CREATE INDEX patient_merged_into ON patient (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX patient_sealed_with ON patient (sealed_with);
CREATE INDEX patient_registered_at ON patient (registered_at DESC);

-- The record that survives of one, which is itself where it was merged into none; null if there is no such record.
CREATE FUNCTION canonical_patient(one uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    WITH RECURSIVE way AS (
        SELECT patient_id, merged_into FROM patient WHERE patient_id = one
        UNION ALL SELECT p.patient_id, p.merged_into FROM way JOIN patient p ON p.patient_id = way.merged_into)
    SELECT patient_id FROM way WHERE merged_into IS NULL
$$;
-- A surviving record and all that were merged into it.
CREATE FUNCTION patient_aliases(one uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    WITH RECURSIVE way AS (
        SELECT one AS patient_id
        UNION ALL SELECT p.patient_id FROM way JOIN patient p ON p.merged_into = way.patient_id)
    SELECT patient_id FROM way
$$;

-- Which keys this database was sealed with, each by a check value that only the key itself gives.
CREATE TABLE people_key (
    key_id integer PRIMARY KEY,                    -- 0: the key of the blind indexes
    key_check bytea NOT NULL,
    first_used_at timestamptz NOT NULL
);
-- The last number given in a year, for patients who come without one.
CREATE TABLE patient_number_series (
    year integer PRIMARY KEY,
    last_number integer NOT NULL
);

-- Who answers for a child; not a patient. Siblings have the same one.
CREATE TABLE guardian (
    guardian_id uuid PRIMARY KEY,
    full_name_sealed bytea NOT NULL,
    citizen_id_sealed bytea,
    phone_sealed bytea,
    citizen_id_index bytea UNIQUE,
    phone_index bytea,
    sealed_with integer NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
CREATE INDEX guardian_phone ON guardian (phone_index);
CREATE INDEX guardian_sealed_with ON guardian (sealed_with);
CREATE TABLE guardianship (
    patient_id uuid NOT NULL REFERENCES patient (patient_id),
    guardian_id uuid NOT NULL REFERENCES guardian (guardian_id),
    relation text NOT NULL CHECK (relation IN ('mother', 'father', 'grandparent', 'relative', 'legal_guardian', 'other')),
    since timestamptz NOT NULL,
    said_by text NOT NULL,
    PRIMARY KEY (patient_id, guardian_id)
);
CREATE INDEX guardianship_guardian ON guardianship (guardian_id);

-- What must be known in an emergency.
CREATE TABLE patient_emergency (
    patient_id uuid PRIMARY KEY REFERENCES patient (patient_id),
    record_sealed bytea NOT NULL,
    sealed_with integer NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
CREATE INDEX patient_emergency_sealed_with ON patient_emergency (sealed_with);

-- Two records that are one person. Nothing is moved: what points to the merged one is found by merged_into.
CREATE TABLE patient_merge (
    merge_id uuid PRIMARY KEY,
    survivor_id uuid NOT NULL REFERENCES patient (patient_id),
    merged_id uuid NOT NULL REFERENCES patient (patient_id),
    merged_at timestamptz NOT NULL,
    merged_by text NOT NULL,
    undo_until timestamptz NOT NULL,
    before_sealed bytea NOT NULL,                  -- the survivor as it was, and as the merge left it
    sealed_with integer NOT NULL,
    undone_at timestamptz,
    undone_by text,
    CHECK (survivor_id <> merged_id)
);
CREATE UNIQUE INDEX patient_merge_open ON patient_merge (merged_id) WHERE undone_at IS NULL;
CREATE INDEX patient_merge_survivor ON patient_merge (survivor_id);

-- Every read of a person: who, why, whom, when, from where. Rows are only ever added.
CREATE TABLE people_audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    username text NOT NULL,
    purpose text NOT NULL,
    act text NOT NULL CHECK (act IN ('read', 'search', 'emergency', 'register', 'correct', 'merge', 'undo_merge')),
    patient_ids uuid[] NOT NULL,
    source text NOT NULL DEFAULT '',               -- network address and page, never what was searched for
    break_glass boolean NOT NULL DEFAULT false,
    reason_id uuid UNIQUE,                         -- the row that the reason is sealed for
    reason_sealed bytea,                           -- in the reader's own words, which may name somebody
    CHECK ((reason_id IS NULL) = (reason_sealed IS NULL) AND break_glass = (reason_id IS NOT NULL))
);
CREATE INDEX people_audit_time ON people_audit (at DESC);
CREATE INDEX people_audit_person ON people_audit (username, at DESC);
CREATE INDEX people_audit_patients ON people_audit USING gin (patient_ids) WITH (fastupdate = off);
CREATE INDEX people_audit_break_glass ON people_audit (at DESC) WHERE break_glass;
CREATE TABLE people_audit_review (
    audit_id bigint PRIMARY KEY REFERENCES people_audit (audit_id),
    reviewed_at timestamptz NOT NULL,
    reviewed_by text NOT NULL,
    finding text NOT NULL CHECK (finding IN ('justified', 'not_justified'))
);
-- Runs of audit rows, each sealed over the seal before it with a key that the database does not have.
CREATE TABLE people_audit_seal (
    last_audit_id bigint PRIMARY KEY,
    rows bigint NOT NULL,
    seal bytea NOT NULL,
    sealed_at timestamptz NOT NULL
);

CREATE FUNCTION only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME;
END $$;
CREATE TRIGGER people_audit_only_added BEFORE UPDATE OR DELETE ON people_audit
    FOR EACH ROW EXECUTE FUNCTION only_added();
CREATE TRIGGER people_audit_seal_only_added BEFORE UPDATE OR DELETE ON people_audit_seal
    FOR EACH ROW EXECUTE FUNCTION only_added();
