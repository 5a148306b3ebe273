"""People: who patients and guardians are, sealed by the application; every read is written down."""
