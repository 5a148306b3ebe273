"""A warehouse for tests of work that brings goods in: places, a case of boxes, short ways to say what is done."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from gateway.stock.acts import ActLine, Actor, Done
from gateway.stock.receiving import Receipt, receive
from tests.gateway.ingest_kit import NOW
from tests.gateway.warehouse_kit import EXPIRY, PARA, PARA_BOX, Warehouse

PARA_CASE = "18935234500004"
"""Ten boxes of a hundred tablets."""
SUPPLIER = "Công ty Dược A"
Act = TypeVar("Act")


def para(quantity: int, *, lot: str = "L1", expiry: date | None = EXPIRY, serial: str | None = None) -> ActLine:
    """Loose tablets of paracetamol, or a box of them."""
    return ActLine(PARA, quantity, lot, expiry, PARA_BOX if serial else None, serial)


def actor(person: str = "lan", **more: Any) -> Actor:  # noqa: ANN401 - fields of Actor
    """Somebody, now."""
    fields: dict[str, Any] = {"person": person, "occurred_at": NOW, "received_at": NOW}
    return Actor(**fields | more)


@dataclass
class Store:
    """A warehouse in which acts are committed or rolled back."""

    warehouse: Warehouse

    @classmethod
    def on(cls, dsn: str) -> "Store":
        """With a shelf, a quarantine shelf, a case, and a vitamin that is checked when it comes."""
        store = cls(Warehouse(dsn))
        run = store.warehouse.run
        run("INSERT INTO trade_item VALUES (%s, %s, 1000, %s, 10)", PARA_CASE, PARA, PARA_BOX)
        for place_id, name in (("shelf", "Kệ A"), ("apart", "Kệ biệt trữ")):
            run("INSERT INTO place VALUES (%s, 'store', 'shelf', %s, %s)", place_id, name, name)
        return store

    def do(self, service: Callable[..., Done], act: Act, by: Actor | None = None) -> Done:
        """The act, committed; rolled back if it is refused."""
        with self.warehouse.connection.transaction():
            return service(self.warehouse.connection, act, by or actor())

    def receive(self, *lines: ActLine, **more: Any) -> Done:  # noqa: ANN401 - fields of Receipt
        """From the supplier."""
        fields: dict[str, Any] = {
            "document_id": uuid.uuid4(),
            "place_id": "store",
            "supplier_name": SUPPLIER,
            "lines": lines,
        }
        return self.do(receive, Receipt(**fields | more))

    def there(self, place_id: str = "store", lot: str = "L1", product: str = PARA) -> int:
        """Base units in a place, or on another account."""
        known = ("supplier", "in_transit", "dispensed", "unexplained", "returned", "repacked")
        account = place_id if place_id in known else f"place:{place_id}"
        return self.warehouse.there(account, lot=lot, product=product).on_hand

    def cases(self) -> list[tuple[str, str]]:
        """Open discrepancy cases: code and detail."""
        rows = self.warehouse.rows("SELECT code, detail FROM discrepancy WHERE resolved_at IS NULL ORDER BY 1, 2")
        return [(row[0], row[1]) for row in rows]
