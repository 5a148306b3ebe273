-- Work that brings goods in and moves them: orders at suppliers, and the reasons that people choose from.

-- 1. Orders. What came of an order is not stored: it follows from the movements of its receipts.
CREATE TABLE purchase_order (
    order_id uuid PRIMARY KEY,                     -- made by the client: the idempotency key
    number text NOT NULL UNIQUE,                   -- for people: DH26-000001, without holes in a year
    content_sha256 bytea NOT NULL,                 -- of the request: the same id with other content is refused
    supplier_name text NOT NULL CHECK (supplier_name <> ''),
    place_id text NOT NULL REFERENCES place (place_id),   -- where it is to be delivered
    expected_on date,
    note text NOT NULL DEFAULT '',
    ordered_at timestamptz NOT NULL,
    ordered_by text NOT NULL,
    closed_at timestamptz,                         -- nothing more is expected
    closed_by text,
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX purchase_order_open ON purchase_order (ordered_at DESC) WHERE closed_at IS NULL;
CREATE TABLE purchase_order_line (
    order_id uuid NOT NULL REFERENCES purchase_order (order_id),
    product_id text NOT NULL REFERENCES product (product_id),
    quantity integer NOT NULL CHECK (quantity > 0),        -- base units
    PRIMARY KEY (order_id, product_id)
);
ALTER TABLE stock_document ADD FOREIGN KEY (order_id) REFERENCES purchase_order (order_id);
CREATE INDEX stock_document_order ON stock_document (order_id) WHERE order_id IS NOT NULL;

-- 2. A document that is about another one: what arrives of a transfer, what a reversal takes back.
CREATE INDEX stock_document_about ON stock_document ((body ->> 'about_document_id'))
    WHERE body ? 'about_document_id';

-- 3. Reasons. A hospital adds its own; these are there from the first day.
ALTER TABLE reason DROP CONSTRAINT reason_applies_to_check;
ALTER TABLE reason ADD CONSTRAINT reason_applies_to_check CHECK (applies_to IN
    ('adjustment', 'destruction', 'return', 'reversal', 'hold', 'release', 'storage'));
INSERT INTO reason (reason_code, applies_to, name_vi, name_en) VALUES
    ('adjust_miscounted', 'adjustment', 'Đếm nhầm trước đó', 'Miscounted before'),
    ('adjust_found', 'adjustment', 'Tìm thấy thêm', 'Found'),
    ('adjust_lost', 'adjustment', 'Mất, thất lạc', 'Lost'),
    ('adjust_broken', 'adjustment', 'Vỡ, đổ', 'Broken or spilt'),
    ('adjust_entered_wrong', 'adjustment', 'Nhập liệu sai', 'Entered wrongly'),
    ('adjust_wrong_lot', 'adjustment', 'Ghi sai số lô', 'Lot noted wrongly'),
    ('adjust_sample', 'adjustment', 'Lấy mẫu kiểm nghiệm', 'Taken as a sample for testing'),
    ('destroy_expired', 'destruction', 'Hết hạn dùng', 'Expired'),
    ('destroy_damaged', 'destruction', 'Hư hỏng', 'Damaged'),
    ('destroy_recalled', 'destruction', 'Bị thu hồi', 'Recalled'),
    ('destroy_cold_chain', 'destruction', 'Bảo quản sai nhiệt độ', 'Stored at a wrong temperature'),
    ('destroy_opened', 'destruction', 'Còn dư sau khi mở', 'Left over after opening'),
    ('return_not_needed', 'return', 'Khoa không dùng hết', 'The ward does not need it any more'),
    ('return_patient_left', 'return', 'Người bệnh ra viện, chuyển viện hoặc tử vong',
        'The patient left, was transferred or died'),
    ('return_treatment_changed', 'return', 'Đổi y lệnh', 'The treatment was changed'),
    ('return_issued_wrong', 'return', 'Cấp phát nhầm', 'Issued by mistake'),
    ('return_delivered_wrong', 'return', 'Nhà cung cấp giao nhầm', 'The supplier delivered the wrong goods'),
    ('return_delivered_damaged', 'return', 'Giao hàng bị hư hỏng', 'Delivered damaged'),
    ('return_short_expiry', 'return', 'Hạn dùng quá ngắn', 'Too short a shelf life'),
    ('return_recalled', 'return', 'Thuốc bị thu hồi', 'The medicine was recalled'),
    ('reverse_entered_wrong', 'reversal', 'Nhập liệu sai', 'Entered wrongly'),
    ('reverse_wrong_goods', 'reversal', 'Chọn sai thuốc hoặc sai lô', 'Wrong product or lot'),
    ('reverse_wrong_place', 'reversal', 'Chọn sai vị trí', 'Wrong place'),
    ('reverse_entered_twice', 'reversal', 'Ghi hai lần', 'Entered twice'),
    ('reverse_did_not_happen', 'reversal', 'Việc không xảy ra', 'It did not happen'),
    ('hold_quality', 'hold', 'Nghi ngờ chất lượng', 'Doubts about the quality'),
    ('hold_cold_chain', 'hold', 'Vượt giới hạn nhiệt độ', 'Outside its temperature limits'),
    ('hold_receipt', 'hold', 'Chờ kiểm nhập', 'Waits for the check on receipt'),
    ('hold_papers', 'hold', 'Thiếu giấy tờ', 'Papers are missing'),
    ('hold_authority', 'hold', 'Yêu cầu của cơ quan quản lý', 'Asked for by the authority'),
    ('release_checked', 'release', 'Đã kiểm tra đạt yêu cầu', 'Checked and found in order'),
    ('release_papers', 'release', 'Đã đủ giấy tờ', 'The papers are complete'),
    ('release_stable', 'release', 'Có bằng chứng độ ổn định', 'Stability data allow it'),
    ('release_mistake', 'release', 'Biệt trữ nhầm', 'Held by mistake'),
    ('storage_no_room', 'storage', 'Tạm thời hết chỗ', 'No room for the moment'),
    ('storage_monitored', 'storage', 'Vị trí có theo dõi nhiệt độ phù hợp', 'The place is watched and fits'),
    ('storage_label', 'storage', 'Nhãn thuốc cho phép', 'The label allows it');
