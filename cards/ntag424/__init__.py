"""NTAG 424 DNA profile: messages it signs at every tap (SUN), its keys, its secure messaging, its personalisation."""
