"""Other programs that bring MQTT messages into PostgreSQL, given medtap's work in the same run."""
