-- What came of orders: receipts by document and product. Which orders are complete is asked of hundreds at once.
CREATE INDEX movement_received ON movement (document_id, product_id) INCLUDE (quantity, movement_id)
    WHERE kind = 'receive';
