-- Several codes of one pack are judged together: what waits for its other code, and which scans belong together.

-- What this scanner sends in place of GS; whether a code with a GTIN and no lot waits here for the code with the lot;
-- how far apart two codes of one pack may be scanned, in the scanner's own time (0: codes are never joined).
ALTER TABLE device
    ADD COLUMN separator text NOT NULL DEFAULT E'\x1d' CHECK (length(separator) BETWEEN 1 AND 8),
    ADD COLUMN expects_lot text NOT NULL DEFAULT 'by_product' CHECK (expects_lot IN ('by_product', 'always', 'never')),
    ADD COLUMN join_within_s integer NOT NULL DEFAULT 20 CHECK (join_within_s BETWEEN 0 AND 120);

-- `joined`: said part of a pack; the scan `joined_seq` of the same epoch says all of it.
ALTER TABLE scan ADD COLUMN joined_seq bigint;
ALTER TABLE scan DROP CONSTRAINT scan_outcome_check;
ALTER TABLE scan ADD CONSTRAINT scan_outcome_check CHECK (outcome IN (
    'received', 'issued', 'looked_up', 'repeated', 'discrepancy', 'refused', 'waiting_for_second', 'joined'));
ALTER TABLE scan ADD CONSTRAINT scan_joined_to_a_later_one
    CHECK ((outcome = 'joined') = (joined_seq IS NOT NULL) AND joined_seq > seq);
CREATE INDEX scan_of_device ON scan (device_key, epoch_key, seq);
CREATE INDEX scan_joined ON scan (epoch_key, joined_seq) WHERE joined_seq IS NOT NULL;
CREATE INDEX scan_waiting ON scan (received_at) WHERE outcome = 'waiting_for_second';
CREATE INDEX discrepancy_scan ON discrepancy (epoch_key, seq) WHERE seq IS NOT NULL;
