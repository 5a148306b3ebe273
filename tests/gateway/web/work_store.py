"""A pharmacist at a work page: a catalogue with a box and a case, and what pages and programs send."""

import uuid
from collections.abc import Callable
from typing import Any

import httpx

WORLD = Any
Token = Callable[[httpx.Client], str]
PRODUCT, GTIN, CASE = "PARA250", "08935006512344", "18935006512341"
"""Sachets; a box of 12 and a case of ten boxes."""


class Store:
    """A pharmacist's browser, with the token that changes need."""

    def __init__(self, world: WORLD, csrf_token: Token, *roles: str) -> None:
        self.browser: httpx.Client = world.signed_in(*(roles or ("pharmacist",)))
        self.headers = {"x-csrf-token": csrf_token(self.browser)}

    def post(self, address: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        """To the API."""
        return self.browser.post(address, json=body, headers=self.headers | headers)

    def scan(self, text: str, **more: object) -> dict[str, Any]:
        """What a page is told about a scan."""
        answer = self.post("/api/v1/work/scans", {"texts": [text], **more})
        assert answer.status_code == 200, answer.text
        read: dict[str, Any] = answer.json()
        return read

    @classmethod
    def stocked(cls, world: WORLD, csrf_token: Token) -> "Store":
        """A pharmacist's, with the product in the catalogue."""
        world.execute(
            "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en)"
            " VALUES (%s, 'Paracetamol 250 mg', 'Paracetamol 250 mg', 'gói', 'sachet')",
            PRODUCT,
        )
        world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 12)", GTIN, PRODUCT)
        world.execute("INSERT INTO trade_item VALUES (%s, %s, 120, %s, 10)", CASE, PRODUCT, GTIN)
        return cls(world, csrf_token)


def receipt(**more: object) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "document_id": str(uuid.uuid4()),
        "place_id": "main-store",
        "supplier_name": "Công ty Dược A",
        "lines": [{"product_id": PRODUCT, "lot": "B77", "expiry_date": "2028-01-31", "gtin": GTIN, "quantity": 12}],
    }
    return fields | more
