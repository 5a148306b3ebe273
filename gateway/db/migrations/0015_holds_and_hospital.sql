-- Holds of a quantity, holds that end with the document that placed them, and whose papers these are.

-- 1. A hold may be of so many units of a lot in one place: what a ward gave back, and not what stood there before.
ALTER TABLE stock_hold
    ADD COLUMN quantity integer CHECK (quantity > 0),   -- base units; null: all that is in its scope
    ADD COLUMN document_id uuid REFERENCES stock_document (document_id),   -- placed it; taken back, it ends the hold
    ADD CONSTRAINT stock_hold_part_of_a_lot CHECK (
        quantity IS NULL OR (lot IS NOT NULL AND account_id IS NOT NULL AND serial_number IS NULL));
CREATE INDEX stock_hold_document ON stock_hold (document_id) WHERE document_id IS NOT NULL;

-- 2. The hospital as its papers name it. Empty texts are filled in by hand.
CREATE TABLE hospital (
    the_only_one boolean PRIMARY KEY DEFAULT true CHECK (the_only_one),
    authority text NOT NULL DEFAULT '',            -- above it: a health department, a ministry
    name text NOT NULL DEFAULT '',                 -- empty: the place of kind `site`
    department text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    signature_titles jsonb NOT NULL DEFAULT '{}'   -- what is printed above signatures in place of the usual title
);
