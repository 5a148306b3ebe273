"""From MQTT to committed rows: decode, one transaction, then (and only then) acknowledge."""
