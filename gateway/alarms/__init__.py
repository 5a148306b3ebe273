"""Temperature alarms: judged in event time, kept as ISA-18.2 states, paged until a channel has taken them."""
