"""A small warehouse on a real database: two stores, a ward, two products, and short ways to say what is done."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from gateway.services.site_file import import_site, parse_site
from gateway.stock import books
from gateway.stock.lines import Availability, Doing, Goods, Line
from inventory.movement import MovementKind
from tests.gateway.ingest_kit import NOW

PARA = "PARA500"
PARA_BOX = "08935234500007"
VITAMIN = "VIT-C"
"""A product without GTIN."""
STORE, WARD = "place:store", "place:ward"
EXPIRY = date(2027, 12, 31)
SITE: dict[str, Any] = {
    "products": [
        {
            "product_id": PARA,
            "name_vi": "Paracetamol 500 mg",
            "name_en": "Paracetamol 500 mg",
            "base_unit_vi": "viên",
            "base_unit_en": "tablet",
            "trade_items": [{"gtin": PARA_BOX, "units": 100}],
        },
        {
            "product_id": VITAMIN,
            "name_vi": "Vitamin C",
            "name_en": "Vitamin C",
            "base_unit_vi": "viên",
            "base_unit_en": "tablet",
        },
    ]
}


def goods(
    quantity: int, *, lot: str = "L1", product: str = PARA, expiry: date | None = EXPIRY, serial: str | None = None
) -> Goods:
    """So many base units of a lot; or a pack of paracetamol."""
    return Goods(product, lot, expiry, quantity, PARA_BOX if serial else None, serial)


def line(kind: MovementKind, what: Goods, source: str, target: str, movement_id: uuid.UUID | None = None) -> Line:
    """One line with an id of its own."""
    return Line(movement_id or uuid.uuid4(), kind, what, source, target)


def doing(person: str | None = "lan", *, at: datetime = NOW, **more: Any) -> Doing:  # noqa: ANN401 - fields of Doing
    """A person's act, by a scan on a page."""
    fields: dict[str, Any] = {"occurred_at": at, "received_at": at, "client": "web", "person": person, "scan_text": "x"}
    return Doing(**fields | more)


@dataclass
class Warehouse:
    """A connection that commits each act."""

    dsn: str
    now: datetime = NOW
    connection: psycopg.Connection[Any] = field(init=False)

    def __post_init__(self) -> None:
        """Connect, and enter the products."""
        self.connection = psycopg.connect(self.dsn)
        import_site(self.connection, parse_site(SITE))
        self.connection.commit()

    def later(self, **length: float) -> datetime:
        """A time after now."""
        return self.now + timedelta(**length)

    def book(self, *lines: Line, guard: bool = True, by: Doing | None = None) -> str:
        """Book, and commit or roll back."""
        with self.connection.transaction():
            return books.book(self.connection, by or doing(at=self.now), lines, guard=guard)

    def receive(self, what: Goods, place: str = STORE) -> Line:
        """From the supplier."""
        one = line("receive", what, "supplier", place)
        assert self.book(one) == "created"
        return one

    def issue(self, what: Goods, source: str = STORE) -> Line:
        """To a patient."""
        one = line("issue", what, source, "dispensed")
        assert self.book(one) == "created"
        return one

    def there(self, account: str = STORE, *, lot: str = "L1", product: str = PARA) -> Availability:
        """What stands there."""
        with self.connection.transaction():
            return books.availability(self.connection, account, product, lot, now=self.now)

    def rows(self, query: str, *parameters: object) -> Sequence[tuple[Any, ...]]:
        """Rows of a query."""
        with self.connection.transaction():
            return self.connection.execute(query.encode(), parameters).fetchall()

    def run(self, statement: str, *parameters: object) -> None:
        """A statement, committed; also one that the books would never make."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")
            self.connection.execute(statement.encode(), parameters)
