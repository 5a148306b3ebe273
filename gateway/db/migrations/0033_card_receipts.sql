-- Who took a card, with the name under their signature: sealed as all names of people are.
CREATE TABLE card_receipt (
    receipt_id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES card_request (request_id),
    at timestamptz NOT NULL,
    by text NOT NULL,
    received_by text NOT NULL CHECK (received_by IN ('patient', 'guardian')),
    name_sealed bytea NOT NULL,
    sealed_with integer NOT NULL,
    second_identifier text NOT NULL
);
CREATE INDEX card_receipt_request ON card_receipt (request_id, at DESC);
CREATE INDEX card_receipt_sealed_with ON card_receipt (sealed_with);
