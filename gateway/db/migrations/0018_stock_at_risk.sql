-- Which goods an excursion that alarmed found in its place, and where those have gone that left meanwhile.
CREATE TABLE excursion_stock (
    excursion_id uuid NOT NULL REFERENCES excursion (excursion_id),
    product_id text NOT NULL,
    lot text NOT NULL,
    account_id text NOT NULL REFERENCES stock_account (account_id),   -- where they were when found: the place, or beyond
    gtin text,
    serial_number text,                            -- with gtin: this one pack, which had left
    quantity integer NOT NULL CHECK (quantity > 0),   -- base units
    found_at timestamptz NOT NULL,
    hold_id uuid REFERENCES stock_hold (hold_id),  -- null: out of the hospital's hands (given, wasted, returned)
    CHECK ((gtin IS NULL) = (serial_number IS NULL)),
    FOREIGN KEY (product_id, lot) REFERENCES lot (product_id, lot)
);
CREATE UNIQUE INDEX excursion_stock_once
    ON excursion_stock (excursion_id, product_id, lot, account_id, coalesce(gtin, ''), coalesce(serial_number, ''));
