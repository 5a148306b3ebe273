-- From now on nobody is written plain. Rows of before are sealed when the gateway starts, which then validates this.
ALTER TABLE patient ADD CONSTRAINT patient_holds_nothing_plain CHECK (
    patient_number IS NULL AND full_name IS NULL AND birth_date IS NULL AND sex IS NULL
    AND insurance_number IS NULL AND allergy_flag IS NULL
    AND patient_number_sealed IS NOT NULL AND full_name_sealed IS NOT NULL AND sex_sealed IS NOT NULL
    AND allergy_flag_sealed IS NOT NULL AND sealed_with IS NOT NULL) NOT VALID;
-- The order of merges, whatever the clock says: they are undone from the newest back.
ALTER TABLE patient_merge ADD COLUMN merge_number bigint GENERATED ALWAYS AS IDENTITY;
