"""Drugs under special control: which they are, which acts on them take two people, and a blind count that differs.

The two people are demanded by the books themselves (`guard.refuse_one_person`): whoever writes an act, by whichever
page or program, can't leave the second person out. What an edge node's scanner tells has happened already: it is booked
and becomes a case.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from gateway.db.pool import Connection
from gateway.stock import cases
from gateway.stock.documents import Document


def controlled_among(connection: Connection, product_ids: Collection[str]) -> set[str]:
    """Those of the products that are under special control."""
    rows = connection.execute(
        "SELECT product_id FROM product WHERE product_id = ANY(%s) AND control_class <> 'none'", (list(product_ids),)
    )
    return {str(row[0]) for row in rows}


@dataclass(frozen=True)
class BlindCount:
    """What a second person counted of a drug after an act, and what the books have then."""

    product_id: str
    counted: int
    """Base units."""
    expected: int
    account_ids: tuple[str, ...]


def open_count_case(connection: Connection, document: Document, count: BlindCount, now: datetime) -> None:
    """What was counted is not what the books have."""
    places = ", ".join(count.account_ids)
    detail = (
        f"{document.number}: {count.counted} base units of {count.product_id} counted at {places},"
        f" the books have {count.expected}"
    )
    cases.open_case(
        connection, now, "controlled_count", detail, product_id=count.product_id, document_id=document.document_id
    )
