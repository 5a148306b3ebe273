"""A card station: a reader at the issuing desk, as a pipe of APDUs between its card and the gateway."""
