"""Stock and cold-chain domain: pure, no I/O, no clock of its own."""
