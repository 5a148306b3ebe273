"""A receipt's paper: the goods receipt (phiếu nhập kho) of a stock document, as PDF."""

import uuid
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.reports.goods_documents import GoodsLine, GoodsReceipt, goods_receipt_pdf
from gateway.stock import document_reads
from gateway.stock.letterhead import letterhead_of


def goods_receipt_paper(
    connection: Connection, document_id: uuid.UUID, printed_by: str, now: datetime, zone: ZoneInfo
) -> tuple[str, bytes] | None:
    """(number, PDF) in Vietnamese; None if there is no receipt of this id. One line for each lot."""
    head = document_reads.document_head(connection, document_id)
    if head is None or head.kind != "receipt":
        return None
    row = connection.execute(
        "SELECT body ->> 'supplier_document' FROM stock_document WHERE document_id = %s", (document_id,)
    ).fetchone()
    booked = [line for line in document_reads.movement_lines(connection, document_id) if not line.taken_back]
    totals: Counter[tuple[str, str]] = Counter()
    for line in booked:
        totals[line.product_id, line.lot] += line.quantity
    first = {(line.product_id, line.lot): line for line in reversed(booked)}
    lines = tuple(
        GoodsLine(
            product_id=line.product_id,
            product_name=line.name_vi,
            unit=line.base_unit_vi,
            lot=line.lot,
            expiry_date=line.expiry_date,
            quantity_asked=totals[key],
            quantity_real=totals[key],
            unit_price_vnd=None if line.unit_cost_vnd is None else round(line.unit_cost_vnd),
        )
        for key, line in sorted(first.items())
    )
    receipt = GoodsReceipt(
        number=head.number,
        day=head.occurred_at.astimezone(zone).date(),
        supplier=head.supplier_name or "",
        supplier_document=(row[0] if row else None) or "",
        place=head.to_name_vi or "",
        lines=lines,
    )
    return head.number, goods_receipt_pdf(receipt, letterhead_of(connection, now.astimezone(zone), printed_by))
