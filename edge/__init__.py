"""The agent on an edge node: drivers, durable outbox, uplink."""
