-- Work that gives out: what was picked for a document, recalls, and cases with the people who settle them.

CREATE TABLE stock_pick (
    pick_id uuid PRIMARY KEY,                      -- made by the client: a scan sent twice is one
    document_id uuid NOT NULL REFERENCES stock_document (document_id),
    account_id text NOT NULL REFERENCES stock_account (account_id),
    product_id text NOT NULL,
    lot text NOT NULL,
    expiry_date date,
    gtin text,
    serial_number text,
    quantity integer NOT NULL CHECK (quantity > 0),
    note text NOT NULL CHECK (note IN ('', 'other_lot', 'lot_as_proposed')),
    scan_text text NOT NULL,
    picked_by text NOT NULL,
    picked_at timestamptz NOT NULL,
    FOREIGN KEY (product_id, lot) REFERENCES lot (product_id, lot),
    CHECK (serial_number IS NULL OR gtin IS NOT NULL)
);
CREATE INDEX stock_pick_document ON stock_pick (document_id);
CREATE INDEX stock_pick_pack ON stock_pick (gtin, serial_number) WHERE serial_number IS NOT NULL;
CREATE INDEX stock_reservation_document ON stock_reservation (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX stock_document_patient ON stock_document (patient_id) WHERE patient_id IS NOT NULL;
CREATE INDEX stock_document_prescription ON stock_document (prescription_number) WHERE prescription_number IS NOT NULL;
CREATE INDEX pack_serial ON pack (serial_number);

-- A recall: what is called back, and why. Its holds are in stock_hold; it is over when they are released.
CREATE TABLE recall (
    recall_id uuid PRIMARY KEY,                    -- made by the client: the idempotency key
    number text NOT NULL UNIQUE,                   -- for people: TH26-000001 (thu hồi)
    content_sha256 bytea NOT NULL,
    product_id text NOT NULL REFERENCES product (product_id),
    lot text,                                      -- a whole lot, or
    gtin text,
    serial_number text,                            -- with gtin: one pack
    source text NOT NULL,                          -- who recalls: the letter's number and day
    level text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    CHECK ((gtin IS NULL) = (serial_number IS NULL)),
    CHECK (lot IS NOT NULL OR serial_number IS NOT NULL)
);
CREATE INDEX recall_time ON recall (opened_at DESC);
ALTER TABLE stock_hold ADD FOREIGN KEY (recall_id) REFERENCES recall (recall_id);

-- Cases: of which goods, and who settles them. The proposal waits where a second person has to confirm it.
ALTER TABLE discrepancy
    ADD COLUMN product_id text REFERENCES product (product_id),
    ADD COLUMN lot text,
    ADD COLUMN document_id uuid REFERENCES stock_document (document_id),   -- whose act opened it
    ADD COLUMN proposal jsonb,                     -- what the first person wants booked for it, and why
    ADD COLUMN proposed_by text,
    ADD COLUMN proposed_at timestamptz,
    ADD COLUMN resolved_second text,
    ADD COLUMN resolved_as text
        CHECK (resolved_as IN ('explained', 'adjusted', 'reversed', 'found_elsewhere')),
    ADD COLUMN resolution_document_id uuid REFERENCES stock_document (document_id),
    ADD CONSTRAINT resolved_by_two_different_people CHECK (resolved_second <> resolved_by);
CREATE INDEX discrepancy_open ON discrepancy (opened_at) WHERE resolved_at IS NULL;
CREATE TABLE discrepancy_act (                     -- what people did about a case, never changed
    discrepancy_id bigint NOT NULL REFERENCES discrepancy (discrepancy_id),
    act_number integer NOT NULL,
    at timestamptz NOT NULL,
    person text NOT NULL,
    act text NOT NULL CHECK (act IN ('noted', 'proposed', 'withdrawn', 'resolved', 'confirmed')),
    text text NOT NULL,
    PRIMARY KEY (discrepancy_id, act_number)
);
