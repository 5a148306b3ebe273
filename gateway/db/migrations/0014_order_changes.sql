-- Orders that are changed, cancelled and taken up again; and the pack that a line was counted in.

ALTER TABLE purchase_order ADD COLUMN revision integer NOT NULL DEFAULT 0;   -- how often it was changed

-- What an order was before each change; the order's own row is what it is now.
CREATE TABLE purchase_order_change (
    change_id uuid PRIMARY KEY,                    -- made by the client: the idempotency key
    order_id uuid NOT NULL REFERENCES purchase_order (order_id),
    revision integer NOT NULL,                     -- that the order has since
    kind text NOT NULL CHECK (kind IN ('changed', 'closed', 'reopened')),
    content_sha256 bytea NOT NULL,                 -- of the request: the same id with other content is refused
    before jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    UNIQUE (order_id, revision)
);

-- Ten boxes of a hundred are ordered as boxes: the paper and the page say so. Quantities stay in base units.
ALTER TABLE purchase_order_line ADD COLUMN pack_units integer NOT NULL DEFAULT 1 CHECK (pack_units > 0);
