-- A citizen number finds merged records too: the unique index is of surviving ones only.
CREATE INDEX patient_citizen_id_of_any ON patient (citizen_id_index);
