-- A certificate that is entered or withdrawn changes what readings say: their device is judged again from then on.
ALTER TABLE rule_watch ADD COLUMN rejudge_from timestamptz;
ALTER TABLE excursion_change DROP CONSTRAINT excursion_change_reason_check;
ALTER TABLE excursion_change ADD CONSTRAINT excursion_change_reason_check
    CHECK (reason IN ('late_readings', 'rule_changed', 'device_moved', 'interval_changed', 'recalibrated'));
