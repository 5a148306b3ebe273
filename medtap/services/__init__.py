"""Services that a trial, a test or a benchmark starts by itself: PostgreSQL, MQTT broker, processes, free ports."""
