-- How far behind each edge node is, beside how far its clock is off.
ALTER TABLE edge_node
    ADD COLUMN ingest_lag_s double precision,      -- age of the newest row of the last frame, when it came in
    ADD COLUMN ingest_lag_at timestamptz;
