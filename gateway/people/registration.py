"""Registering somebody from what they bring: a citizen card's or an insurance card's QR code, or only a mother."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal
from uuid import UUID

from gateway.db.pool import Connection
from gateway.people.people import People
from gateway.people.person import NewGuardian, NewPatient, Reader, Sex, newborn_name
from gateway.stock.errors import WorkRefusedError
from inventory.citizen_card import normalise_number, parse_citizen_qr
from inventory.errors import CodeError
from inventory.insurance_card import parse_insurance_number, parse_insurance_qr

TWINS_MAX: Final = 9


@dataclass(frozen=True, repr=False)
class CardRead:
    """What a card's code says of a person, as far as it says it."""

    kind: Literal["citizen", "insurance"]
    citizen_id: str = ""
    insurance_number: str = ""
    full_name: str = ""
    birth_date: date | None = None
    sex: Sex = "unknown"
    address: str = ""
    hints: tuple[str, ...] = field(default=())
    """Codes of what is odd about it: compare with the printed card."""


def read_person_card(text: str) -> CardRead:
    """From a QR code, or a number alone, as a scanner or a person types it.

    Raises:
        WorkRefusedError: it is neither a citizen card nor an insurance card (`card_unreadable`).
    """
    text = text.strip()
    number = normalise_number(text)
    if number is not None:
        return CardRead("citizen", citizen_id=number)
    try:
        insurance = parse_insurance_qr(text) if "|" in text else parse_insurance_number(text)
    except CodeError:
        pass
    else:
        return CardRead(
            "insurance", insurance_number=insurance.number or insurance.bhxh_number, full_name=insurance.full_name
        )
    try:
        card, problems = parse_citizen_qr(text)
    except CodeError:
        raise WorkRefusedError("card_unreadable", "neither a citizen card nor an insurance card") from None
    return CardRead(
        "citizen",
        citizen_id=card.number,
        full_name=card.full_name,
        birth_date=card.birth_date,
        sex="male" if card.sex == "male" else "female" if card.sex == "female" else "unknown",
        address=card.address,
        hints=("compare_card",) if problems else (),
    )


@dataclass(frozen=True, repr=False)
class Newborn:
    """A child without name and number of its own."""

    mother: NewGuardian
    birth_date: date
    sex: Sex = "unknown"
    twin: int | None = None
    """1, 2, ... of several."""


def register_newborn(connection: Connection, people: People, child: Newborn, by: Reader) -> UUID:
    """Under the mother's name, with a number that stays when the child gets its own; the mother answers for it.

    Raises:
        WorkRefusedError: a birth date after today, or a twin's number that is none.
    """
    if child.twin is not None and not 0 < child.twin <= TWINS_MAX:
        raise WorkRefusedError("twin_number", f"of several children: expected 1 to {TWINS_MAX}")
    name = newborn_name(child.mother.full_name)
    new = NewPatient(
        f"{name} {child.twin}" if child.twin else name,
        child.birth_date,
        child.sex,
        identity_confidence="documented" if child.mother.citizen_id else "stated",
        is_newborn=True,
    )
    patient_id = people.register(connection, new, by)
    people.enter_guardian(connection, patient_id, child.mother, by)
    return patient_id
