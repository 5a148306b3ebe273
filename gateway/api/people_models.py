"""People in the JSON API: what is sent and what is answered."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from gateway.people.duplicates import Alike
from gateway.people.emergency import EmergencyData
from gateway.people.person import (
    REASON_CHARACTERS_MAX,
    Confidence,
    Guardian,
    NewGuardian,
    NewPatient,
    Patient,
    Relation,
    Sex,
)
from gateway.people.registration import CardRead

Text = Annotated[str, Field(max_length=400)]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PatientGiven(_Sent):
    """Somebody to be registered, or all values of somebody who is corrected."""

    full_name: Text
    birth_date: date | None = None
    sex: Sex = "unknown"
    patient_number: Text | None = Field(default=None, description="Null: the next one, or the one there is")
    insurance_number: Text | None = None
    citizen_id: Text | None = None
    phone: Text | None = None
    address: Text | None = None
    allergy_flag: bool = False
    identity_confidence: Literal["documented", "stated", "unknown"] = "stated"
    is_newborn: bool = False

    def new(self, patient_id: UUID | None = None) -> NewPatient:
        """As the domain has it.

        Raises:
            WorkRefusedError: a member that can't be so.
        """
        return NewPatient(**self.model_dump(), patient_id=patient_id)


class PatientCorrected(PatientGiven):
    """All values, and what the person had before their eyes."""

    seen: datetime | None = Field(default=None, description="`changed_at` of what was read; null: whatever it was")


class NewbornGiven(_Sent):
    """A child without name and number of its own."""

    mother_name: Text
    birth_date: date
    sex: Sex = "unknown"
    mother_phone: Text | None = None
    mother_citizen_id: Text | None = None
    twin: int | None = Field(default=None, ge=1, le=9, description="1, 2, ... of several")


class GuardianGiven(_Sent):
    """Who answers for a child."""

    full_name: Text
    relation: Relation
    phone: Text | None = None
    citizen_id: Text | None = None

    def new(self) -> NewGuardian:
        """As the domain has it.

        Raises:
            WorkRefusedError: a member that can't be so.
        """
        return NewGuardian(**self.model_dump())


class SearchGiven(_Sent):
    """What is looked for: in the body, because addresses are kept in logs and histories."""

    text: Annotated[str, Field(min_length=1, max_length=800, description="A number, a card's QR code, or a name")]
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class CardGiven(_Sent):
    """A card's QR code or number as it was scanned."""

    text: Annotated[str, Field(min_length=1, max_length=800)]


class ReasonGiven(_Sent):
    """Why a record outside one's duty must be seen."""

    reason: Annotated[str, Field(min_length=1, max_length=REASON_CHARACTERS_MAX)]


class MergeGiven(_Sent):
    """Two records that are one person."""

    survivor_id: UUID
    merged_id: UUID
    chosen: dict[str, Literal["survivor", "merged"]] = Field(default={}, description="Whose value stays, by its name")


class ReviewGiven(_Sent):
    """What somebody found who looked at a break-glass read."""

    finding: Literal["justified", "not_justified"]


class PatientAnswer(BaseModel):
    """A patient."""

    patient_id: UUID
    patient_number: str
    full_name: str
    birth_date: date | None
    sex: Sex
    insurance_number: str | None
    citizen_id: str | None
    phone: str | None
    address: str | None
    allergy_flag: bool
    identity_confidence: Confidence
    is_newborn: bool
    guardian_ids: list[UUID]
    needs_guardian: bool = False
    """Under 14, and nobody is entered who answers for the child."""
    changed_at: datetime | None = None

    @classmethod
    def of(cls, patient: Patient, **more: Any) -> "PatientAnswer":  # noqa: ANN401 - members of this class
        """From the domain's."""
        names = set(cls.model_fields) - {"needs_guardian", "changed_at"}
        return cls(**{name: getattr(patient, name) for name in names}, **more)


class GuardianAnswer(BaseModel):
    """A guardian, with the children that they answer for."""

    guardian_id: UUID
    full_name: str
    phone: str | None
    citizen_id: str | None
    relation: Relation | None
    children: list[UUID]

    @classmethod
    def of(cls, guardian: Guardian, children: list[UUID]) -> "GuardianAnswer":
        """From the domain's."""
        return cls(
            guardian_id=guardian.guardian_id,
            full_name=guardian.full_name,
            phone=guardian.phone,
            citizen_id=guardian.citizen_id,
            relation=guardian.relation,
            children=children,
        )


class AlikeAnswer(BaseModel):
    """Somebody who may be the same person."""

    patient: PatientAnswer
    why: list[str]

    @classmethod
    def of(cls, one: Alike) -> "AlikeAnswer":
        """From the domain's."""
        return cls(patient=PatientAnswer.of(one.patient), why=list(one.why))


class CardAnswer(BaseModel):
    """What a card says, and who is registered with its number."""

    kind: str
    citizen_id: str
    insurance_number: str
    full_name: str
    birth_date: date | None
    sex: Sex
    address: str
    hints: list[str]
    patient_id: UUID | None

    @classmethod
    def of(cls, card: CardRead, patient_id: UUID | None) -> "CardAnswer":
        """From the domain's."""
        return cls(**{**vars(card), "hints": list(card.hints)}, patient_id=patient_id)


class EntryGiven(_Sent):
    """An allergy, a condition or a medication."""

    text: Annotated[str, Field(min_length=1, max_length=120)]
    system: Text = ""
    code: Text = ""
    severity: Text = "unknown"


class ContactGiven(_Sent):
    """Somebody to call."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    relation: Annotated[str, Field(min_length=1, max_length=120)]
    phone: Text


class EmergencyGiven(_Sent):
    """Emergency data, whole."""

    blood_group: Text = ""
    allergies: list[EntryGiven] = []
    conditions: list[EntryGiven] = []
    medication: list[EntryGiven] = []
    guardian: ContactGiven | None = None
    contacts: list[ContactGiven] = []

    def data(self) -> EmergencyData:
        """As the domain has it.

        Raises:
            WorkRefusedError: a member that can't be so.
        """
        return EmergencyData.from_plain(self.model_dump())

    @classmethod
    def of(cls, data: EmergencyData) -> "EmergencyGiven":
        """From the domain's."""
        return cls.model_validate(data.to_plain())
