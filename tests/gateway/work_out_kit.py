"""A pharmacy that gives out: a store with lots, a ward, patients with cards, a controlled drug, and short ways."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from gateway.stock import books, handing_over, issuing, outgoing, picking
from gateway.stock.documents import Document
from gateway.stock.outgoing import AskedLine, NewOutgoing
from tests.gateway.ingest_kit import NOW
from tests.gateway.people_kit import register
from tests.gateway.warehouse_kit import PARA, PARA_BOX, STORE, WARD, Warehouse, doing, goods, line

MORPHINE = "MOR10"
SOON, LATER = date(2026, 12, 31), date(2027, 12, 31)
PATIENT = uuid.UUID(int=0xA1)
PATIENT_NUMBER = "26000017"
CARD = f"{0xC1:032x}"
__all__ = ["MORPHINE", "NOW", "PARA", "PARA_BOX", "STORE", "WARD", "Counter", "doing", "goods", "line"]


def code(serial: str = "", lot: str = "L1", expiry: str = "271231") -> str:
    """A pack of paracetamol as its DataMatrix says it."""
    text = f"]d201{PARA_BOX}17{expiry}10{lot}"
    return f"{text}\x1d21{serial}" if serial else text


@dataclass
class Counter(Warehouse):
    """The warehouse with a controlled drug, a patient with a card, and people who give out."""

    taken: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Enter what the warehouse has not."""
        super().__post_init__()
        self.run(
            "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, control_class)"
            " VALUES (%s, 'Morphin 10 mg/ml', 'Morphine 10 mg/ml', 'ống', 'ampoule', 'narcotic')",
            MORPHINE,
        )
        with self.act() as connection:
            register(
                connection,
                "Nguyễn Bảo Ngọc",
                date(2020, 1, 2),
                patient_id=PATIENT,
                patient_number=PATIENT_NUMBER,
                sex="female",
                allergy_flag=True,
            )
        self.run("INSERT INTO card (card_id, patient_id, state) VALUES (%s, %s, 'active')", CARD, PATIENT)
        with self.act() as connection:
            for place in ("store", "ward"):
                books.place_account(connection, place)

    @contextmanager
    def act(self) -> Iterator[psycopg.Connection[Any]]:
        """One transaction."""
        with self.connection.transaction():
            yield self.connection

    def stock(self, quantity: int, lot: str = "L1", *, product: str = PARA, expiry: date = LATER, place: str = STORE,
              serial: str | None = None) -> None:  # fmt: skip
        """Received from the supplier, before two people."""
        one = line(
            "receive", goods(quantity, lot=lot, product=product, expiry=expiry, serial=serial), "supplier", place
        )
        assert self.book(one, by=doing("lan", at=self.now, second_person="dung")) == "created"

    def new_issue(self, *asked: tuple[str, int], person: str = "lan", **more: Any) -> NewOutgoing:  # noqa: ANN401
        """A request of a ward."""
        lines = tuple(AskedLine(*one) for one in asked)
        fields: dict[str, Any] = {
            "kind": "issue",
            "from_place_id": "store",
            "to_place_id": "ward",
            "created_by": person,
        }
        return NewOutgoing(document_id=uuid.uuid4(), lines=lines, **fields | more)

    def ask(self, *asked: tuple[str, int], **more: Any) -> uuid.UUID:  # noqa: ANN401 - fields of NewOutgoing
        """Begin an issue."""
        new = self.new_issue(*asked, **more)
        with self.act() as connection:
            assert issuing.begin_issue(connection, new, self.now) == "created"
        return new.document_id

    def scan(self, document_id: uuid.UUID, text: str, quantity: int | None = None, **more: Any) -> str:  # noqa: ANN401
        """Pick a pack."""
        fields: dict[str, Any] = {"pick_id": uuid.uuid4(), "person": "lan"} | more
        with self.act() as connection:
            new = picking.NewPick(document_id=document_id, code=text, quantity=quantity, **fields)
            return picking.pick(connection, new, self.now)

    def hand_over(self, document_id: uuid.UUID, person: str = "lan", *, as_proposed: bool = False) -> Document:
        """Complete."""
        with self.act() as connection:
            return handing_over.complete(connection, document_id, person, self.now, as_proposed=as_proposed)

    def confirm(self, document_id: uuid.UUID, person: str, **counted: int) -> Document:
        """The second person."""
        with self.act() as connection:
            return handing_over.confirm(connection, document_id, person, self.now, counted)

    def document(self, document_id: uuid.UUID) -> Document:
        """As it stands."""
        with self.act() as connection:
            return outgoing.read_outgoing(connection, document_id)

    def tap(self, outcome: str = "checked_in", *, minutes_ago: float = 1, device: str = "card-reader") -> None:
        """A card on a reader."""
        self.taken += 1
        at: datetime = self.now - timedelta(minutes=minutes_ago)
        visit = None
        if outcome in {"checked_in", "already_checked_in"}:
            visit = uuid.UUID(int=0xF1)
            self.run(
                "INSERT INTO visit VALUES (%s, %s, %s, 7, %s, 'desk') ON CONFLICT DO NOTHING",
                *(visit, PATIENT, at.date(), at),
            )
        self.run(
            "INSERT INTO tap SELECT 1, %s, %s, %s, device_key, %s, 'genuine', 'genuine', %s, '', %s FROM device"
            " WHERE device_id = %s",
            *(self.taken, at, at, CARD, outcome, visit, device),
        )
