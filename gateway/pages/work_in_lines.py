"""Lines that a work page begins with or takes over with F4, as its script keeps them: as if they had been scanned."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from gateway.db.pool import Connection
from gateway.pages.speech import Speech
from gateway.services.reads_rows import Row, all_rows
from gateway.stock.order_proposal import Proposal
from gateway.stock.order_reads import OrderLine
from gateway.stock.transfers import OnTheWay


class _Names(Row):
    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str


def product_line(
    product: OrderLine | Proposal | _Names,
    speech: Speech,
    quantity: int,
    **known: Any,  # noqa: ANN401 - fields of `LineRead`
) -> dict[str, Any]:
    """So many base units; what is not known is left to a person."""
    line: dict[str, Any] = {
        "product_id": product.product_id,
        "name": speech.named(product.name_vi, product.name_en),
        "unit": speech.named(product.base_unit_vi, product.base_unit_en),
        "units": 1,
        "quantity": quantity,
        "lot": None,
        "expiry_date": None,
        "gtin": None,
        "serial_number": None,
        "lots": [],
        "scan_text": None,
    }
    return line | known


def lines_on_the_way(connection: Connection, way: Sequence[OnTheWay], speech: Speech) -> list[Mapping[str, Any]]:
    """What of a transfer has not arrived."""
    rows = all_rows(
        connection,
        _Names,
        "SELECT product_id, name_vi, name_en, base_unit_vi, base_unit_en FROM product WHERE product_id = ANY(%(ids)s)",
        {"ids": [each.product_id for each in way]},
    )
    names = {row.product_id: row for row in rows}
    return [
        product_line(
            names[each.product_id],
            speech,
            each.quantity,
            units=each.quantity if each.serial_number else 1,
            lot=each.lot,
            expiry_date=_day(each.expiry_date),
            gtin=each.gtin,
            serial_number=each.serial_number,
        )
        for each in way
    ]


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
