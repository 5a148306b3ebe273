"""What `medtap bench query --stock` asks for: products, lots, packs, documents, days, drawn anew for each request."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from gateway.stock.lines import HOSPITAL_ZONE
from medtap.bench.stock_work import bench_id
from medtap.services.errors import ServiceError

Connection = psycopg.Connection[Any]
_DRAWN_OF: Final = 200
_SOME: Final[Mapping[str, str]] = {
    "product_id": "SELECT product_id FROM product ORDER BY md5(product_id)",
    "controlled_id": "SELECT product_id FROM product WHERE control_class <> 'none' ORDER BY md5(product_id)",
    "words": "SELECT 'thuoc ' || lpad(n::text, 2, '0') FROM generate_series(0, 99) n ORDER BY md5(n::text)",
    "code": (
        "SELECT '01' || gtin || '10' || lot || chr(29) || '21' || serial_number FROM"
        " (SELECT * FROM pack LIMIT 20000) k ORDER BY md5(serial_number)"
    ),
    "place_id": "SELECT unnest(ARRAY['bench-main', 'bench-dispensary'])",
    "ward_id": "SELECT place_id FROM place WHERE kind = 'ward'",
    "document_id": "SELECT document_id FROM stock_document WHERE kind = 'receipt' ORDER BY md5(number)",
    "issue_id": "SELECT document_id FROM stock_document WHERE kind = 'issue' AND state = 'posted' ORDER BY md5(number)",
    "document_number": "SELECT number FROM stock_document WHERE kind = 'issue' ORDER BY md5(number)",
    "destruction_id": "SELECT document_id FROM stock_document WHERE kind = 'destruction' AND state = 'posted'",
    "outgoing_id": "SELECT document_id FROM stock_document WHERE kind IN ('issue', 'dispensing') AND state = 'draft'",
    "transfer_id": "SELECT document_id FROM stock_document WHERE kind = 'transfer' AND state = 'in_transit'",
    "order_id": "SELECT order_id FROM purchase_order WHERE closed_at IS NULL ORDER BY md5(number)",
    "past_stocktake_id": "SELECT stocktake_id FROM stocktake WHERE state = 'posted' ORDER BY md5(number)",
    "recall_id": "SELECT recall_id FROM recall ORDER BY opened_at DESC LIMIT 3",
    "hold_id": "SELECT hold_id FROM stock_hold WHERE released_at IS NULL ORDER BY md5(hold_id::text)",
    "discrepancy_id": "SELECT discrepancy_id FROM discrepancy WHERE resolved_at IS NULL",
    "device_key": "SELECT device_key FROM device",
    # The longest document of all: a day's put-away.
    "long_document_id": (
        "SELECT document_id FROM movement WHERE document_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    ),
}
_SAME: Final[Mapping[str, str]] = {"number": "discrepancy_id"}
"""What another name asks for."""
_FIXED: Final[Mapping[str, object]] = {
    "stocktake_id": bench_id("stocktake"),
    "second_stocktake_id": bench_id("stocktake", 1),
    "tag_count_id": bench_id("tags"),
    "compared_count_id": bench_id("tags", 1),
}
_PLAIN_DRAWS: Final[Mapping[str, Callable[[random.Random, datetime], str]]] = {
    "moment": lambda draw, now: (now - timedelta(minutes=draw.randrange(700 * 1440))).isoformat(),
    "offset": lambda draw, _now: str(draw.randrange(20_000)),
    "page": lambda draw, _now: str(draw.randint(1, 200)),
    "first_day": lambda draw, now: _day(now, 31 + draw.randrange(30)),
    "last_day": lambda draw, now: _day(now, draw.randrange(30)),
    "month_ago": lambda _draw, now: _day(now, 30),
    "year_ago": lambda _draw, now: _day(now, 365),
}
BUNDLES: Final[Mapping[str, tuple[str, ...]]] = {
    "lot": ("product_id", "lot"),
    "wide_lot": ("product_id", "lot"),
    "wide_code": ("code", "lot"),
    "pack": ("product_id", "gtin", "serial_number"),
}
"""Values that belong together."""
_BUNDLED: Final[Mapping[str, str]] = {
    "lot": "SELECT product_id, lot FROM lot ORDER BY md5(lot)",
    "wide_lot": "SELECT product_id, lot FROM recall WHERE lot IS NOT NULL ORDER BY opened_at DESC, number LIMIT 2",
    "wide_code": "SELECT product_id, lot FROM recall WHERE lot IS NOT NULL ORDER BY opened_at DESC, number LIMIT 2",
    "pack": (
        "SELECT product_id, gtin, serial_number FROM (SELECT * FROM pack LIMIT 20000) k ORDER BY md5(serial_number)"
    ),
}
DRAWN: Final = frozenset({*_SOME, *_SAME, *_FIXED, *_PLAIN_DRAWS})
"""All that `World.draw` knows."""


def _day(now: datetime, before: int) -> str:
    return (now.astimezone(HOSPITAL_ZONE).date() - timedelta(days=before)).isoformat()


class World:
    """The books, and what is asked of them; one sequence from its seed."""

    def __init__(self, connection: Connection, now: datetime, seed: int) -> None:
        self.connection = connection
        self.now = now
        self.random = random.Random(seed)  # noqa: S311 - which product to ask for is no secret
        self._drawn: dict[str, list[tuple[Any, ...]]] = {}

    def draw(self, name: str) -> str:
        """Any value of this name.

        Raises:
            ServiceError: the books hold nothing of the kind.
        """
        name = _SAME.get(name, name)
        if name in _PLAIN_DRAWS:
            return _PLAIN_DRAWS[name](self.random, self.now)
        return str(_FIXED[name]) if name in _FIXED else str(self._row(name, _SOME[name])[0])

    def bundle(self, name: str) -> dict[str, str]:
        """Values that belong together, by parameter.

        Raises:
            ServiceError: the books hold nothing of the kind.
        """
        return dict(zip(BUNDLES[name], map(str, self._row(name, _BUNDLED[name])), strict=True))

    def _row(self, name: str, query: str) -> tuple[Any, ...]:
        if name not in self._drawn:
            limited = f"SELECT * FROM ({query}) AS drawn LIMIT {_DRAWN_OF}"  # noqa: S608 - our own queries
            self._drawn[name] = self.connection.execute(limited.encode()).fetchall()
        if not self._drawn[name]:
            raise ServiceError(f"the books hold no {name}: fill a larger warehouse (--movements)")
        return self.random.choice(self._drawn[name])
