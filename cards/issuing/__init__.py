"""Issuing cards: the card CA, its certificates, the keys it keeps, and the personalisation of PIV cards."""
