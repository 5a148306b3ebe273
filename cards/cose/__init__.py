"""COSE (RFC 9052, RFC 9053) as the data on a card need it: one signer, and encryption for a few key holders."""
