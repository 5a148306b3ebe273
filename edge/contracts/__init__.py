"""The wire between an edge node and the gateway: pydantic models, JSON, topics. No I/O."""
