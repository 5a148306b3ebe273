-- What is known of how often a thermometer measures can change what was found: then it is judged again, and told.
ALTER TABLE excursion_change DROP CONSTRAINT excursion_change_reason_check;
ALTER TABLE excursion_change ADD CONSTRAINT excursion_change_reason_check
    CHECK (reason IN ('late_readings', 'rule_changed', 'device_moved', 'interval_changed'));
