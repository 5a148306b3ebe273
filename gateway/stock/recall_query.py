"""The query of a recall: every place, movement and patient of a lot or a pack, in one statement."""

# ruff: noqa: S608 - put together from our own words only

from typing import Final

# A lot is followed through repacking (documents of that kind; always within its product). A pack is followed into what
# was taken out of it loose, in the document that opened it; from there on it can't be told from its lot.
_SUBJECT: Final = (
    "WITH RECURSIVE scope (product_id, lot) AS (SELECT %(product_id)s::text, %(lot)s::text"
    " WHERE %(serial_number)s::text IS NULL UNION SELECT i.product_id, i.lot FROM scope s"
    " JOIN movement o ON o.product_id = s.product_id AND o.lot = s.lot AND o.kind = 'repack_out'"
    " JOIN stock_document d ON d.document_id = o.document_id AND d.kind = 'repack'"
    " JOIN movement i ON i.document_id = o.document_id AND i.product_id = o.product_id AND i.kind = 'repack_in'),"
    " ids AS (SELECT m.movement_id FROM scope s JOIN movement m ON m.product_id = s.product_id AND m.lot = s.lot"
    " UNION SELECT movement_id FROM movement WHERE gtin = %(gtin)s AND serial_number = %(serial_number)s"
    " AND product_id = %(product_id)s"
    " UNION SELECT m.movement_id FROM movement o JOIN movement m ON m.document_id = o.document_id"
    " AND m.product_id = o.product_id AND m.lot = o.lot AND m.serial_number IS NULL WHERE o.gtin = %(gtin)s"
    " AND o.serial_number = %(serial_number)s AND o.product_id = %(product_id)s AND o.kind = 'repack_out'),"
    # A reversal belongs to the document of what it takes back.
    " traced AS MATERIALIZED (SELECT m.*, d.number, coalesce(od.patient_id, d.patient_id) AS patient_id,"
    " coalesce(od.prescription_number, d.prescription_number) AS prescription_number,"
    " coalesce(od.number, d.number) AS given_on FROM ids JOIN movement m USING (movement_id)"
    " LEFT JOIN stock_document d USING (document_id)"
    " LEFT JOIN movement o ON o.movement_id = m.reverses_movement_id"
    " LEFT JOIN stock_document od ON od.document_id = o.document_id),"
)
_SUMS: Final = (
    " sums AS (SELECT account_id, product_id, lot, sum(quantity)::bigint AS quantity FROM"
    " (SELECT to_account_id AS account_id, product_id, lot, quantity FROM traced UNION ALL"
    " SELECT from_account_id, product_id, lot, -quantity FROM traced) s GROUP BY 1, 2, 3),"
    " standing AS (SELECT s.account_id, pl.name_vi AS place_name_vi, pl.name_en AS place_name_en, s.product_id, s.lot,"
    " s.quantity, coalesce((SELECT array_agg(k.serial_number ORDER BY k.serial_number) FROM pack k"
    " WHERE k.account_id = s.account_id AND k.product_id = s.product_id AND k.lot = s.lot AND k.units > 0"
    " AND (%(serial_number)s::text IS NULL OR (k.gtin = %(gtin)s AND k.serial_number = %(serial_number)s))), '{}')"
    " AS serial_numbers FROM sums s JOIN stock_account a USING (account_id) LEFT JOIN place pl USING (place_id)"
    " WHERE s.quantity <> 0 AND (a.place_id IS NOT NULL OR s.account_id = 'in_transit')),"
    " given AS (SELECT CASE WHEN p.merged_into IS NULL THEN p.patient_id ELSE canonical_patient(p.patient_id) END"
    " AS patient_id, CASE WHEN t.patient_id IS NULL THEN t.prescription_number END"
    " AS alone, string_agg(DISTINCT t.prescription_number, ', ') AS prescription_number,"
    " string_agg(DISTINCT t.given_on, ', ') AS document_number, min(t.occurred_at) AS first_at,"
    " sum(CASE WHEN t.to_account_id = 'dispensed' THEN t.quantity ELSE -t.quantity END)::bigint AS quantity"
    " FROM traced t LEFT JOIN patient p USING (patient_id)"
    " WHERE 'dispensed' IN (t.to_account_id, t.from_account_id) GROUP BY 1, 2)"
)
TRACE: Final = (
    _SUBJECT + _SUMS + " SELECT p.product_id, p.name_vi AS product_name_vi, p.name_en AS product_name_en,"
    " p.base_unit_vi, p.base_unit_en, ARRAY(SELECT registration_number FROM product_registration r"
    " WHERE r.product_id = p.product_id ORDER BY 1) AS registration_numbers,"
    " ARRAY(SELECT DISTINCT lot FROM traced ORDER BY lot) AS lots,"
    " coalesce((SELECT -sum(quantity)::bigint FROM sums WHERE account_id = 'supplier'), 0) AS received,"
    " coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.place_name_vi, s.lot) FROM standing s"
    " WHERE s.account_id <> 'in_transit'), '[]') AS places,"
    " coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.lot) FROM standing s WHERE s.account_id = 'in_transit'), '[]')"
    " AS in_transit, coalesce((SELECT jsonb_object_agg(o.account_id, o.quantity) FROM (SELECT account_id,"
    " sum(quantity)::bigint AS quantity FROM sums"
    " WHERE account_id IN ('dispensed', 'wasted', 'returned', 'unexplained')"
    " GROUP BY 1 HAVING sum(quantity) <> 0) o), '{}') AS outside,"
    " coalesce((SELECT jsonb_agg(to_jsonb(g) - 'alone' ORDER BY g.first_at, g.patient_id) FROM given g), '[]')"
    " AS patients, coalesce((SELECT jsonb_agg(jsonb_build_object('movement_id', t.movement_id,"
    " 'occurred_at', t.occurred_at, 'kind', t.kind, 'product_id', t.product_id, 'lot', t.lot,"
    " 'serial_number', t.serial_number, 'quantity', t.quantity, 'from_account_id', t.from_account_id,"
    " 'to_account_id', t.to_account_id, 'person', t.person, 'second_person', t.second_person,"
    " 'document_number', t.number) ORDER BY t.occurred_at, t.received_at, t.movement_id) FROM traced t), '[]')"
    " AS movements FROM product p WHERE p.product_id = %(product_id)s"
)
