"""Card library: APDU, BER-TLV, PIV profile, verification. No network, no database, no reader."""
