"""What the acts of the issuing desk are told, by programs and by forms."""

import uuid
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from gateway.api.work_kit import PRINTABLE
from gateway.issuing.desk_acts import ConsentBy
from gateway.issuing.handing_over import ReceivedBy, SecondIdentifier
from gateway.issuing.lifecycle import Report
from gateway.issuing.requests import Profile, Reason

Why = Annotated[str, StringConstraints(max_length=300, pattern=PRINTABLE, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=120, pattern=PRINTABLE, strip_whitespace=True)]
CardId = Annotated[str, StringConstraints(pattern=r"\A([0-9a-f]{32}|[0-9a-f]{14})\z")]
Pin = Annotated[str, StringConstraints(max_length=8)]
Count = Annotated[int, Field(ge=0, le=100_000)]


class Told(BaseModel):
    """Of an act. Empty fields of a form are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class AskForCard(Told):
    """A card for a patient, named by pseudonym or by number."""

    request_id: uuid.UUID = Field(default_factory=uuid.uuid4, description="Made by the client: told again, it is one")
    patient_id: uuid.UUID | None = None
    patient_number: Text = ""
    profile: Profile = "piv"
    reason: Reason = "first"
    urgent: bool = False
    note: Why = Field(default="", description="Nothing that names the patient")


class OfRequest(Told):
    """Something about one request."""

    request_id: uuid.UUID


class WithReason(OfRequest):
    """The same, with why."""

    why: Why = ""


class AtStation(OfRequest):
    """A request's card is to be made at a station."""

    station_id: uuid.UUID


class HandOver(OfRequest):
    """Who took the card."""

    received_by: ReceivedBy
    name: Text = Field(default="", description="As it stands under the signature; kept sealed")
    second_identifier: SecondIdentifier = "birth_date"
    matched: bool = False
    signed: bool = False


class OfCard(Told):
    """Something about a card that was handed over."""

    card_id: CardId
    what: Report
    why: Why = ""


class NewPin(Told):
    """A PIN for the card that lies on a station. Never logged, never kept."""

    card_id: CardId
    station_id: uuid.UUID
    new_pin: Pin
    again: Pin | None = Field(default=None, description="The same, where a person typed it")
    old_pin: Pin = Field(default="", description="Empty: forgotten or blocked; the hospital's key unblocks the card")
    consent_by: ConsentBy
    consent: bool = Field(default=False, description="Whether they agreed, here and now")

    def __repr__(self) -> str:
        """Without PINs."""
        return "NewPin()"


class WriteRecord(Told):
    """The emergency record is to be written anew."""

    card_id: CardId
    station_id: uuid.UUID
    consent_by: ConsentBy
    consent: bool = False


class WipeCard(Told):
    """The card on a station is to be made blank."""

    station_id: uuid.UUID
    why: Why = ""


class NewStation(Told):
    """A reader of the desk."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=PRINTABLE, strip_whitespace=True)]
    place_id: Text | None = None

    @field_validator("place_id")
    @classmethod
    def _none_if_empty(cls, value: str | None) -> str | None:
        return value or None


class OfStation(Told):
    """Something about one station."""

    station_id: uuid.UUID


class Blanks(Told):
    """So many blank cards."""

    profile: Profile
    quantity: Count
    why: Why = ""


class NewBatch(Told):
    """A batch of what waits, or of cards with older keys; or of these patients."""

    batch_id: uuid.UUID = Field(default_factory=uuid.uuid4)
    title: Text = ""
    profile: Profile = "piv"
    of: Literal["waiting", "old_keys", "patients"] = "waiting"
    patient_ids: list[uuid.UUID] = []
    reason: Reason = "first"


class OfBatch(Told):
    """Something about one batch."""

    batch_id: uuid.UUID


class BatchAtStation(OfBatch):
    """A station is to go on with it."""

    station_id: uuid.UUID


class BatchItemOut(OfBatch):
    """One card of it is to be left out."""

    position: Annotated[int, Field(ge=1)]
    why: Why = ""


class ActDone(BaseModel):
    """What came of an act."""

    page: str
    """Where a person sees it."""
    request_id: uuid.UUID | None = None
    card_number: str | None = None
    state: str | None = None
    batch_number: int | None = None
    link: str | None = Field(default=None, description="One-time link for a station: told once")
    pdf: str | None = Field(default=None, description="Address of the printing")
