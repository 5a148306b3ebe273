"""A patient, a guardian, a reader: the values that people's data is made of."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, get_args
from uuid import UUID

from gateway.stock.errors import WorkRefusedError

Sex = Literal["male", "female", "other", "unknown"]
Confidence = Literal["proven", "documented", "stated", "unknown"]
"""proven: a card or chip that can't be copied; documented: papers were seen; stated: somebody said so; unknown."""
Relation = Literal["mother", "father", "grandparent", "relative", "legal_guardian", "other"]
SEXES: Final[tuple[Sex, ...]] = get_args(Sex)
CONFIDENCES: Final[tuple[Confidence, ...]] = get_args(Confidence)
RELATIONS: Final[tuple[Relation, ...]] = get_args(Relation)
GUARDIAN_UNDER_YEARS: Final = 14
"""Below this age somebody answers for the patient (Civil Code 91/2015 article 136: represented by a parent under 15;
the hospital asks below 14, where a citizen card is not yet required: Law 26/2023 article 19)."""
NAME_CHARACTERS_MAX: Final = 120
ADDRESS_CHARACTERS_MAX: Final = 300
NUMBER_CHARACTERS_MAX: Final = 40
REASON_CHARACTERS_MAX: Final = 500
_PURPOSE: Final = re.compile(r"[a-z][a-z_]{0,39}")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 .-]{2,20}")
_CITIZEN: Final = re.compile(r"[0-9]{12}")
_INSURANCE: Final = re.compile(r"([A-Z]{2}[1-5][0-9]{2})?[0-9]{10}")


@dataclass(frozen=True)
class Reader:
    """Who reads, and why: it is written down with each read."""

    username: str
    """Of the account; `system` where a program does it for nobody."""
    purpose: str
    """Small letters and underscores, such as `desk`, `visit`, `dispense`, `card`."""
    break_glass_reason: str = ""
    """Why a record outside one's duty is opened, in one's own words; not empty: marked and listed for review."""
    source: str = ""
    """From where: network address and page; never what was searched for."""
    live: bool = False
    """A page that shows the same patients again and again: each is written down once an hour."""

    def __post_init__(self) -> None:
        """Refuse what can't be written down.

        Raises:
            ValueError: no name, or a purpose out of form: a programming error.
        """
        if not self.username or not _PURPOSE.fullmatch(self.purpose):
            raise ValueError(f"reader {self.username!r} with purpose {self.purpose!r}: expected a name and a word")
        object.__setattr__(self, "source", "".join(one for one in self.source if one.isprintable())[:200])
        object.__setattr__(self, "break_glass_reason", self.break_glass_reason.strip()[:REASON_CHARACTERS_MAX])


@dataclass(frozen=True)
class Patient:
    """A patient as whoever may read them sees them. Personal data: never in a log."""

    patient_id: UUID
    """The pseudonym; of the surviving record, where two were merged."""
    patient_number: str
    full_name: str
    birth_date: date | None
    sex: Sex
    insurance_number: str | None
    citizen_id: str | None
    allergy_flag: bool
    identity_confidence: Confidence
    guardian_ids: tuple[UUID, ...] = ()
    is_newborn: bool = False
    merged_into: UUID | None = None
    phone: str | None = None
    address: str | None = None

    def __repr__(self) -> str:
        """By pseudonym: a traceback or a log names nobody."""
        return f"Patient({self.patient_id})"


@dataclass(frozen=True)
class NewPatient:
    """What somebody is registered or corrected with; valid if it exists."""

    full_name: str
    birth_date: date | None = None
    sex: Sex = "unknown"
    patient_number: str | None = None
    """None: the next one of the hospital's."""
    insurance_number: str | None = None
    citizen_id: str | None = None
    phone: str | None = None
    address: str | None = None
    allergy_flag: bool = False
    identity_confidence: Confidence = "stated"
    is_newborn: bool = False
    patient_id: UUID | None = None
    """None: a new pseudonym, by chance."""

    def __post_init__(self) -> None:
        """Bring it into its normal form, or refuse it.

        Raises:
            WorkRefusedError: a member that can't be so; the message says which and what is expected.
        """
        object.__setattr__(self, "full_name", _name(self.full_name))
        number, citizen, insurance, phone, address = (
            _tidy(one)
            for one in (self.patient_number, self.citizen_id, self.insurance_number, self.phone, self.address)
        )
        if number is not None and (len(number) > NUMBER_CHARACTERS_MAX or not number.isprintable()):
            raise WorkRefusedError("person_number", "patient number: expected up to 40 printable characters")
        citizen = None if citizen is None else re.sub(r"[ .-]", "", citizen)
        if citizen is not None and not _CITIZEN.fullmatch(citizen):
            raise WorkRefusedError("person_citizen_id", "citizen number: expected 12 digits")
        insurance = None if insurance is None else insurance.replace(" ", "").upper()
        if insurance is not None and not _INSURANCE.fullmatch(insurance):
            raise WorkRefusedError(
                "person_insurance", "insurance number: expected 15 characters such as TE1 79 7912345678, or 10 digits"
            )
        if phone is not None and not _PHONE.fullmatch(phone):
            raise WorkRefusedError("person_phone", "telephone number: expected digits, and a + before them at most")
        if address is not None and (len(address) > ADDRESS_CHARACTERS_MAX or not address.isprintable()):
            raise WorkRefusedError("person_address", "address: expected up to 300 characters in one line")
        tidy = {"patient_number": number, "citizen_id": citizen, "insurance_number": insurance}
        for name, value in (tidy | {"phone": phone, "address": address}).items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """Names nobody."""
        return f"NewPatient({self.patient_id})"


@dataclass(frozen=True)
class Guardian:
    """Who answers for a child."""

    guardian_id: UUID
    full_name: str
    phone: str | None
    citizen_id: str | None
    relation: Relation | None = None
    """To the child asked about; None: not asked about one."""

    def __repr__(self) -> str:
        """By pseudonym."""
        return f"Guardian({self.guardian_id})"


@dataclass(frozen=True)
class NewGuardian:
    """Who is entered for a child; valid if it exists."""

    full_name: str
    relation: Relation
    phone: str | None = None
    citizen_id: str | None = None

    def __post_init__(self) -> None:
        """As of a patient.

        Raises:
            WorkRefusedError: a member that can't be so.
        """
        checked = NewPatient(self.full_name, phone=self.phone, citizen_id=self.citizen_id)
        for name in ("full_name", "phone", "citizen_id"):
            object.__setattr__(self, name, getattr(checked, name))

    def __repr__(self) -> str:
        """Names nobody."""
        return "NewGuardian()"


def needs_guardian(birth_date: date | None, today: date) -> bool:
    """Whether somebody must answer for a patient born then."""
    return birth_date is not None and age_years(birth_date, today) < GUARDIAN_UNDER_YEARS


def age_years(birth_date: date, today: date) -> int:
    """Full years."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))


def newborn_name(mother_name: str) -> str:
    """As hospitals write it until the child has a name of its own."""
    return f"CON BÀ {_name(mother_name).upper()}"


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        raise WorkRefusedError("person_name", "name: expected 1 to 120 characters")
    return name


def _tidy(text: str | None) -> str | None:
    if text is None:
        return None
    return unicodedata.normalize("NFC", " ".join(text.split())) or None
