"""Emergency data of a patient: blood group, allergies, conditions, medication, whom to call. Sealed as one value.

Its members are those of a card's record (`cards.emergency.record`), so that whoever personalises a card has only to add
whose card it is and since when.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cards.emergency.record import BLOOD_GROUPS, ENTRIES_MAX, CodedEntry, Contact, EmergencyRecord, EmergencyRecordError
from gateway.db.pool import Connection
from gateway.people.keys import PeopleKeys
from gateway.people.person import Patient
from gateway.people.sealing import SealError, seal, unseal
from gateway.stock.errors import WorkRefusedError

TABLE: Final = "patient_emergency"


@dataclass(frozen=True)
class EmergencyData:
    """What must be known of a patient in an emergency. Personal data of the sensitive kind: never in a log."""

    blood_group: str = ""
    """One of `cards.emergency.record.BLOOD_GROUPS`, or empty if not determined."""
    allergies: tuple[CodedEntry, ...] = ()
    conditions: tuple[CodedEntry, ...] = ()
    medication: tuple[CodedEntry, ...] = ()
    guardian: Contact | None = None
    contacts: tuple[Contact, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit a card.

        Raises:
            WorkRefusedError: an unknown blood group, or lists too long.
        """
        if self.blood_group and self.blood_group not in BLOOD_GROUPS:
            raise WorkRefusedError("emergency_data", f"blood group: expected one of {', '.join(BLOOD_GROUPS)}")
        if any(len(one) > ENTRIES_MAX for one in (self.allergies, self.conditions, self.medication, self.contacts)):
            raise WorkRefusedError("emergency_data", f"expected at most {ENTRIES_MAX} entries in each list")

    def __repr__(self) -> str:
        """Says nothing of anybody."""
        return "EmergencyData()"

    def with_all_of(self, other: "EmergencyData") -> "EmergencyData":
        """Both together, for two records that are one person: an allergy too many is better than one too few.

        Raises:
            WorkRefusedError: more than fits a card: somebody has to shorten one of them first.
        """

        def both(mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(dict.fromkeys((*mine, *theirs)))

        return replace(
            self,
            blood_group=self.blood_group or other.blood_group,
            allergies=both(self.allergies, other.allergies),
            conditions=both(self.conditions, other.conditions),
            medication=both(self.medication, other.medication),
            guardian=self.guardian or other.guardian,
            contacts=both(self.contacts, other.contacts),
        )

    def for_card(
        self, patient: Patient, card_id: str, issued_at: datetime, expires_at: datetime | None = None
    ) -> EmergencyRecord:
        """As it is written on a card; without an allergy that is only known to be there nobody is told of none.

        Raises:
            WorkRefusedError: the patient has no birth date yet: nobody could compare it with the person.
            EmergencyRecordError: a value that can't stand on a card.
        """
        if patient.birth_date is None:
            raise WorkRefusedError("no_birth_date", "a card's record needs a birth date to be compared with the person")
        return EmergencyRecord(
            card_id=card_id,
            issued_at=issued_at.replace(microsecond=0),
            full_name=patient.full_name,
            birth_date=patient.birth_date,
            blood_group=self.blood_group,
            allergies=self.allergies,
            conditions=self.conditions,
            medication=self.medication,
            guardian=self.guardian,
            contacts=self.contacts,
            expires_at=expires_at,
        )

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "blood_group": self.blood_group,
            **{name: [vars(one) for one in getattr(self, name)] for name in _ENTRIES},
            "guardian": vars(self.guardian) if self.guardian else None,
            "contacts": [vars(one) for one in self.contacts],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "EmergencyData":
        """From JSON, of our own or of a form.

        Raises:
            WorkRefusedError: a member that can't be so.
        """
        try:
            return cls(
                blood_group=plain["blood_group"],
                **{name: tuple(CodedEntry(**one) for one in plain[name]) for name in _ENTRIES},
                guardian=Contact(**plain["guardian"]) if plain["guardian"] else None,
                contacts=tuple(Contact(**one) for one in plain["contacts"]),
            )
        except (EmergencyRecordError, KeyError, TypeError) as error:
            raise WorkRefusedError("emergency_data", f"emergency data: {error}") from None


_ENTRIES: Final = ("allergies", "conditions", "medication")


def read_emergency(connection: Connection, keys: PeopleKeys, patient_id: UUID) -> EmergencyData | None:
    """Of a surviving record; None: nobody has entered any.

    Raises:
        SealError: it does not open.
    """
    row = connection.execute(
        "SELECT record_sealed FROM patient_emergency WHERE patient_id = %s", (patient_id,)
    ).fetchone()
    if row is None:
        return None
    try:
        return EmergencyData.from_plain(json.loads(unseal(keys, TABLE, "record", patient_id, bytes(row[0]))))
    except (WorkRefusedError, ValueError):
        raise SealError(f"emergency data of {patient_id}: opened, and not what was sealed") from None


def write_emergency(
    connection: Connection, keys: PeopleKeys, patient_id: UUID, data: EmergencyData | None, *, by: str, at: datetime
) -> None:
    """In place of what there was; None: there is none any more."""
    if data is None:
        connection.execute("DELETE FROM patient_emergency WHERE patient_id = %s", (patient_id,))
        return
    sealed = seal(keys, TABLE, "record", patient_id, json.dumps(data.to_plain(), ensure_ascii=False).encode())
    connection.execute(
        "INSERT INTO patient_emergency VALUES (%s, %s, %s, %s, %s) ON CONFLICT (patient_id) DO UPDATE SET"
        " record_sealed = excluded.record_sealed, sealed_with = excluded.sealed_with,"
        " changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        (patient_id, sealed, keys.current, at, by),
    )
