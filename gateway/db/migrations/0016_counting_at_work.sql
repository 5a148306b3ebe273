-- Counting with a scanner in the hand: what was scanned is kept scan by scan until it is handed in, and why a count
-- differs is said line by line.

CREATE TABLE stocktake_scan (                      -- what a person scanned or typed while counting; never changed
    scan_id uuid PRIMARY KEY,                      -- made by the client: sent again, it changes nothing
    scan_number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    stocktake_id uuid NOT NULL REFERENCES stocktake (stocktake_id),
    person text NOT NULL,
    at timestamptz NOT NULL,                       -- when it was scanned: its line is compared with this instant
    received_at timestamptz NOT NULL,
    text text NOT NULL,                            -- as scanned; empty for a person's card
    act text NOT NULL CHECK (act IN ('add', 'times', 'set', 'lot', 'undo')),
    about uuid REFERENCES stocktake_scan (scan_id),-- which scan it multiplies, gives a lot or takes back
    verdict text NOT NULL,                         -- counted, or why not
    detail text NOT NULL DEFAULT '',               -- in English
    account_id text REFERENCES stock_account (account_id),
    product_id text REFERENCES product (product_id),
    lot text,                                      -- null: nothing says it
    gtin text,
    serial_number text,
    quantity bigint CHECK (quantity >= 0),         -- add: base units; set: base units of the line; times: packs
    request_id uuid REFERENCES stocktake_request (request_id), -- handed in with it; null: still in the draft
    CHECK ((act IN ('times', 'lot', 'undo')) = (about IS NOT NULL))
);
CREATE INDEX stocktake_scan_draft ON stocktake_scan (stocktake_id, person, scan_number) WHERE request_id IS NULL;
CREATE INDEX stocktake_scan_kept ON stocktake_scan (stocktake_id, scan_number) WHERE verdict <> 'counted';

ALTER TABLE reason DROP CONSTRAINT reason_applies_to_check;
ALTER TABLE reason ADD CONSTRAINT reason_applies_to_check CHECK (applies_to IN
    ('adjustment', 'destruction', 'return', 'reversal', 'hold', 'release', 'storage', 'count'));
INSERT INTO reason (reason_code, applies_to, name_vi, name_en) VALUES
    ('count_not_booked', 'count', 'Xuất hoặc nhập chưa ghi sổ', 'Came or went without being booked'),
    ('count_entered_wrong', 'count', 'Nhập liệu sai trước đó', 'Entered wrongly before'),
    ('count_wrong_lot', 'count', 'Nhầm số lô', 'Taken for another lot'),
    ('count_other_place', 'count', 'Để nhầm vị trí', 'Put in the wrong place'),
    ('count_broken', 'count', 'Vỡ, đổ, hư hỏng', 'Broken, spilt or damaged'),
    ('count_lost', 'count', 'Mất, thất lạc', 'Lost'),
    ('count_tag_silent', 'count', 'Thẻ RFID hỏng hoặc bị che', 'The RFID tag is broken or covered'),
    ('count_unclear', 'count', 'Chưa rõ nguyên nhân', 'The cause is not found yet');

ALTER TABLE stocktake_line
    ADD COLUMN reason_code text REFERENCES reason (reason_code), -- why it differs, as a person says
    ADD COLUMN reason_note text NOT NULL DEFAULT '',
    ADD COLUMN reason_by text,
    ADD COLUMN reason_at timestamptz;
ALTER TABLE tag_count_finding
    ADD COLUMN reason_code text REFERENCES reason (reason_code),
    ADD COLUMN reason_note text NOT NULL DEFAULT '';
