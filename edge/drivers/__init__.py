"""One module per driver; each reads real silicon through its real stack."""
