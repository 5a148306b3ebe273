-- What is true of a thing now is there once; what was true of it at another place waits there for its acknowledgement.
DROP INDEX alarm_open;
CREATE UNIQUE INDEX alarm_active ON alarm (condition, subject) WHERE returned_at IS NULL;
CREATE INDEX alarm_unacknowledged ON alarm (condition, subject) WHERE acknowledged_at IS NULL;
CREATE INDEX alarm_of_device ON alarm (device_key) WHERE returned_at IS NULL;
