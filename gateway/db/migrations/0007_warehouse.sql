-- The warehouse: a medicinal product is the hospital's article, trade items (GTINs) are its packs; stock is kept in the
-- product's base units, by lot.

-- 1. Catalogue. A product's id is the hospital's own code: many Vietnamese medicines carry no GTIN.
ALTER TABLE movement DROP CONSTRAINT movement_gtin_fkey;
ALTER TABLE pack DROP CONSTRAINT pack_gtin_fkey;
ALTER TABLE product RENAME COLUMN gtin TO product_id;
ALTER TABLE product DROP CONSTRAINT product_gtin_check;
ALTER TABLE product ADD CONSTRAINT product_id_is_a_code
    CHECK (length(product_id) BETWEEN 1 AND 64 AND product_id = btrim(product_id));
CREATE TABLE trade_item (
    gtin text PRIMARY KEY CHECK (gtin ~ '^[0-9]{14}$'),
    product_id text NOT NULL REFERENCES product (product_id),
    units integer NOT NULL CHECK (units > 0),      -- base units in one of it
    contains_gtin text REFERENCES trade_item (gtin),   -- a case: so many of this smaller pack
    contains_count integer CHECK (contains_count > 0),
    CHECK ((contains_gtin IS NULL) = (contains_count IS NULL)),
    CHECK (contains_gtin <> gtin)
);
CREATE INDEX trade_item_product ON trade_item (product_id);
INSERT INTO trade_item (gtin, product_id, units) SELECT product_id, product_id, units_per_pack FROM product;
CREATE TABLE product_registration (                -- Vietnamese registration numbers: text, more than one over time
    product_id text NOT NULL REFERENCES product (product_id),
    registration_number text NOT NULL,
    PRIMARY KEY (product_id, registration_number)
);
INSERT INTO product_registration
    SELECT product_id, registration_number FROM product WHERE registration_number IS NOT NULL;
ALTER TABLE product
    DROP COLUMN registration_number,
    DROP COLUMN units_per_pack,
    ADD COLUMN active_ingredient text NOT NULL DEFAULT '',
    ADD COLUMN strength text NOT NULL DEFAULT '',
    ADD COLUMN dosage_form text NOT NULL DEFAULT '',
    ADD COLUMN storage_class text NOT NULL DEFAULT 'room'
        CHECK (storage_class IN ('room', 'cool', 'refrigerator', 'freezer', 'ultra_cold')),
    ADD COLUMN control_class text NOT NULL DEFAULT 'none'
        CHECK (control_class IN ('none', 'narcotic', 'psychotropic', 'precursor', 'toxic')),
    ADD COLUMN unit_cost_vnd numeric(18, 4) CHECK (unit_cost_vnd >= 0),   -- of a base unit; a lot's own goes before it
    ADD COLUMN quarantine_on_receipt boolean NOT NULL DEFAULT false,
    ADD COLUMN search_text text NOT NULL DEFAULT '',   -- names, ingredient, codes: lower case, no accents
    ADD COLUMN retired_at timestamptz;
UPDATE product SET search_text = '|' || replace(regexp_replace(normalize(lower(concat_ws('|', name_vi, name_en, product_id,
        (SELECT string_agg(registration_number, '|') FROM product_registration r
         WHERE r.product_id = product.product_id))), NFD), '[\u0300-\u036f]', '', 'g'), 'đ', 'd') || '|';
-- What is known of a lot. Its state is not stored: it follows from the open holds and the expiry date.
CREATE TABLE lot (
    product_id text NOT NULL REFERENCES product (product_id),
    lot text NOT NULL,                             -- '' where a pack names none
    expiry_date date,                              -- the earliest that anything said: never given out too late
    production_date date,
    unit_cost_vnd numeric(18, 4) CHECK (unit_cost_vnd >= 0),
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, lot)
);
INSERT INTO lot (product_id, lot, expiry_date, first_seen_at)
    SELECT gtin, lot, min(expiry_date), min(occurred_at) FROM movement GROUP BY gtin, lot;
CREATE TABLE stock_level_rule (                    -- of one product in one place, in base units
    place_id text NOT NULL REFERENCES place (place_id),
    product_id text NOT NULL REFERENCES product (product_id),
    reorder_point integer CHECK (reorder_point >= 0),
    min_units integer CHECK (min_units >= 0),
    max_units integer CHECK (max_units >= min_units),
    PRIMARY KEY (place_id, product_id)
);
ALTER TABLE place ADD COLUMN storage_class text
    CHECK (storage_class IN ('room', 'cool', 'refrigerator', 'freezer', 'ultra_cold'));

-- 2. Documents: the act that movements belong to, and who answers for it.
CREATE TABLE reason (
    reason_code text PRIMARY KEY,
    applies_to text NOT NULL
        CHECK (applies_to IN ('adjustment', 'destruction', 'return', 'reversal', 'hold', 'release')),
    name_vi text NOT NULL,
    name_en text NOT NULL
);
CREATE TABLE stock_document (
    document_id uuid PRIMARY KEY,                  -- made by the client: the idempotency key
    number text NOT NULL UNIQUE,                   -- for people: PN26-000123, without holes in a kind and year
    kind text NOT NULL CHECK (kind IN ('receipt', 'put_away', 'transfer', 'issue', 'dispensing', 'return',
        'adjustment', 'destruction', 'repack', 'count', 'reversal')),
    state text NOT NULL CHECK (state IN ('draft', 'waiting_second', 'in_transit', 'posted', 'cancelled')),
    content_sha256 bytea NOT NULL,                 -- of the request: the same id with other content is refused
    from_place_id text REFERENCES place (place_id),
    to_place_id text REFERENCES place (place_id),
    supplier_name text,
    order_id uuid,
    patient_id uuid REFERENCES patient (patient_id),
    prescription_number text,
    reason_code text,
    note text NOT NULL DEFAULT '',
    body jsonb NOT NULL DEFAULT '{}',              -- the lines as asked for
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    second_person text,                            -- never created_by
    second_at timestamptz,
    closed_at timestamptz,
    CONSTRAINT two_different_people CHECK (second_person <> created_by),
    CHECK ((second_person IS NULL) = (second_at IS NULL))
);
CREATE INDEX stock_document_time ON stock_document (created_at DESC);
CREATE INDEX stock_document_waiting ON stock_document (kind, created_at)
    WHERE state IN ('draft', 'waiting_second', 'in_transit');
CREATE TABLE stock_document_number (               -- the last number given in a kind and local year
    kind text NOT NULL,
    year integer NOT NULL,
    last_number integer NOT NULL CHECK (last_number > 0),
    PRIMARY KEY (kind, year)
);

-- 3. The books. A movement is of a product; it names the trade item only where packs of one kind were moved.
ALTER TABLE movement
    ADD COLUMN product_id text,
    ADD COLUMN document_id uuid REFERENCES stock_document (document_id),
    ADD COLUMN second_person text,
    ADD COLUMN reason_code text,
    ADD COLUMN note text NOT NULL DEFAULT '',
    ADD COLUMN client text,
    ADD COLUMN scan_text text,
    DROP CONSTRAINT movement_kind_check,
    ALTER COLUMN gtin DROP NOT NULL;
UPDATE movement SET product_id = gtin, client = CASE WHEN epoch_key IS NULL THEN 'cli' ELSE 'edge' END;
ALTER TABLE movement
    ALTER COLUMN product_id SET NOT NULL,
    ALTER COLUMN client SET NOT NULL,
    ADD FOREIGN KEY (product_id) REFERENCES product (product_id),
    ADD FOREIGN KEY (gtin) REFERENCES trade_item (gtin),
    ADD CONSTRAINT movement_client_check CHECK (client IN ('edge', 'web', 'api', 'cli')),
    ADD CONSTRAINT movement_kind_check CHECK (kind IN (
        'receive', 'put_away', 'transfer_out', 'transfer_in', 'issue', 'dispense', 'return_in', 'return_out',
        'adjust_in', 'adjust_out', 'waste', 'repack_out', 'repack_in', 'count_in', 'count_out', 'found', 'reverse')),
    ADD CONSTRAINT movement_serial_needs_gtin CHECK (serial_number IS NULL OR gtin IS NOT NULL),
    ADD CONSTRAINT movement_two_people CHECK (second_person <> person),
    ADD CONSTRAINT movement_reversal CHECK ((kind = 'reverse') = (reverses_movement_id IS NOT NULL));
CREATE INDEX movement_goods ON movement (product_id, lot, occurred_at DESC);
CREATE INDEX movement_pack ON movement (gtin, serial_number) WHERE serial_number IS NOT NULL;
CREATE INDEX movement_document ON movement (document_id) WHERE document_id IS NOT NULL;

-- occurred_at stands in the posting too: what is on an account at a time is asked of postings alone.
ALTER TABLE posting RENAME COLUMN gtin TO product_id;
ALTER TABLE posting ADD COLUMN occurred_at timestamptz;
UPDATE posting SET occurred_at = movement.occurred_at FROM movement
    WHERE movement.movement_id = posting.movement_id;
ALTER TABLE posting ALTER COLUMN occurred_at SET NOT NULL;

-- What is repacked leaves one lot and enters another: the lots of this account may be below zero, its products never.
INSERT INTO stock_account (account_id) VALUES ('repacked');
ALTER TABLE stock_balance RENAME COLUMN gtin TO product_id;
ALTER TABLE stock_balance
    DROP COLUMN expiry_date,                       -- a lot's, not a balance's
    DROP CONSTRAINT stock_balance_check,
    ADD CONSTRAINT stock_balance_never_below_zero
        CHECK (quantity >= 0 OR account_id IN ('supplier', 'unexplained', 'repacked')),
    ADD FOREIGN KEY (product_id, lot) REFERENCES lot (product_id, lot);
CREATE INDEX stock_balance_goods ON stock_balance (product_id, lot) WHERE quantity <> 0;

-- Serialised packs: where each is, and how much is left in it.
ALTER TABLE pack
    ADD COLUMN product_id text,
    ADD COLUMN units integer,
    ADD COLUMN epc text UNIQUE CHECK (epc = upper(epc)),             -- hexadecimal digits of its UHF tag
    ADD COLUMN nfc_uid text UNIQUE CHECK (nfc_uid = upper(nfc_uid)); -- of its NFC tag
UPDATE pack SET product_id = pack.gtin, units = trade_item.units FROM trade_item WHERE trade_item.gtin = pack.gtin;
ALTER TABLE pack
    ALTER COLUMN product_id SET NOT NULL,
    ALTER COLUMN units SET NOT NULL,
    ADD CHECK (units >= 0),
    ADD FOREIGN KEY (gtin) REFERENCES trade_item (gtin),
    ADD FOREIGN KEY (product_id, lot) REFERENCES lot (product_id, lot);
CREATE INDEX pack_place ON pack (account_id, product_id, lot);
CREATE INDEX pack_goods ON pack (product_id, lot);

-- Which person works at a scanner: a scan there is theirs.
CREATE TABLE device_operator (
    device_key integer NOT NULL REFERENCES device (device_key),
    username text NOT NULL REFERENCES login_account (username),
    since timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (device_key, since),
    CHECK (until >= since)
);
CREATE UNIQUE INDEX device_operator_now ON device_operator (device_key) WHERE until IS NULL;

-- 4. Reservations: pending counts against what is free, until posted, voided or expired.
CREATE TABLE stock_reservation (
    reservation_id uuid PRIMARY KEY,
    account_id text NOT NULL REFERENCES stock_account (account_id),
    product_id text NOT NULL REFERENCES product (product_id),
    lot text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
    document_id uuid REFERENCES stock_document (document_id),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    settled_at timestamptz,
    movement_id uuid REFERENCES movement (movement_id),
    CHECK ((state = 'pending') = (settled_at IS NULL)),
    CHECK ((state = 'posted') = (movement_id IS NOT NULL)),
    CHECK (expires_at > created_at)
);
CREATE INDEX stock_reservation_pending ON stock_reservation (account_id, product_id, lot) WHERE state = 'pending';

-- 5. Holds: why stock may not be given out.
CREATE TABLE stock_hold (
    hold_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('quarantine', 'on_hold', 'recall', 'damaged')),
    product_id text NOT NULL REFERENCES product (product_id),
    lot text,                                      -- null: every lot of the product
    account_id text REFERENCES stock_account (account_id),   -- null: wherever it is
    gtin text,
    serial_number text,                            -- with gtin: this one pack
    reason_code text,
    reason text NOT NULL CHECK (reason <> ''),
    recall_id uuid,
    placed_by text NOT NULL,                       -- a person, or 'cold chain'
    placed_at timestamptz NOT NULL,
    released_by text,                              -- asks for the release; it waits for
    release_asked_at timestamptz,
    release_reason text,
    released_second text,                          -- somebody else, who confirms it
    released_at timestamptz,
    CHECK ((gtin IS NULL) = (serial_number IS NULL)),
    CONSTRAINT released_by_two_different_people CHECK (released_by <> released_second),
    CHECK ((released_by IS NULL) = (release_asked_at IS NULL) AND (released_by IS NULL) = (release_reason IS NULL)),
    CHECK (released_at IS NULL OR released_by IS NOT NULL),
    CHECK ((released_at IS NULL) = (released_second IS NULL))
);
CREATE INDEX stock_hold_open ON stock_hold (product_id, lot) WHERE released_at IS NULL;
CREATE INDEX stock_hold_recall ON stock_hold (recall_id) WHERE recall_id IS NOT NULL;
