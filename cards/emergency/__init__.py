"""The emergency record: what a stranger must know to treat this patient now, signed, sealed, and on the card itself."""
