"""The emergency set as it lies on a card: blood group, allergies, conditions, medication, guardian, contacts.

It is written as a CWT claim set (RFC 8392) with one private claim. Codes go with their system; texts are for people.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from cards.cose.cbor import CoseError, decode, encode

Severity = Literal["mild", "moderate", "severe", "unknown"]

BLOOD_GROUPS: Final = ("O-", "O+", "A-", "A+", "B-", "B+", "AB-", "AB+")
SEVERITIES: Final[tuple[Severity, ...]] = ("unknown", "mild", "moderate", "severe")
CODE_SYSTEMS: Final = ("", "icd-10", "atc", "snomed-ct", "vn-drug")
"""By number on the card; new ones are added at the end. Empty: no code. `vn-drug`: national registration number."""
TEXT_CHARACTERS_MAX: Final = 120
ENTRIES_MAX: Final = 16
"""In each list: more does not fit a card anyway."""

_SUBJECT, _EXPIRES, _ISSUED = 2, 4, 6
"""Registered claims (RFC 8392, 3.1)."""
_EMERGENCY: Final = -70001
"""Private use (RFC 8392, 9.1: below -65536)."""
_VERSION: Final = 1
_CARD_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PHONE: Final = re.compile(r"\+?[0-9][0-9 .-]{2,20}", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9./-]{0,20}", re.ASCII)


class EmergencyRecordError(CoseError):
    """Not an emergency record, or one with a value that it can't have."""


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_CHARACTERS_MAX or not value.isprintable():
        raise EmergencyRecordError(f"{what}: expected 1 to {TEXT_CHARACTERS_MAX} printable characters")
    return value


@dataclass(frozen=True)
class CodedEntry:
    """An allergy, a chronic condition or a medication."""

    text: str
    """As a person reads it: substance, condition, or medicine with dose."""
    system: str = ""
    """One of CODE_SYSTEMS."""
    code: str = ""
    severity: Severity = "unknown"
    """Of an allergy."""

    def __post_init__(self) -> None:
        """Refuse what can't stand on a card.

        Raises:
            EmergencyRecordError: a text too long or unprintable, an unknown system, a code without one.
        """
        _text(self.text, "entry")
        if self.system not in CODE_SYSTEMS or bool(self.system) != bool(self.code) or not _CODE.fullmatch(self.code):
            raise EmergencyRecordError(
                f"code {self.code[:20]!r} of system {self.system[:20]!r}: expected one of "
                f"{', '.join(CODE_SYSTEMS[1:])} and a code of up to 20 letters and digits, or neither"
            )
        if self.severity not in SEVERITIES:
            raise EmergencyRecordError(f"severity {self.severity!r}: expected one of {', '.join(SEVERITIES)}")

    def to_list(self) -> list[Any]:
        """As it stands in the claim."""
        return [self.text, CODE_SYSTEMS.index(self.system), self.code, SEVERITIES.index(self.severity)]


@dataclass(frozen=True)
class Contact:
    """Someone to call: the guardian, or another."""

    name: str
    relation: str
    phone: str

    def __post_init__(self) -> None:
        """Refuse what can't be called.

        Raises:
            EmergencyRecordError: a text too long or unprintable, or no telephone number.
        """
        _text(self.name, "contact's name")
        _text(self.relation, "contact's relation")
        if not isinstance(self.phone, str) or not _PHONE.fullmatch(self.phone):
            raise EmergencyRecordError("contact's telephone number: expected digits, and a + before them at most")

    def to_list(self) -> list[Any]:
        """As it stands in the claim."""
        return [self.name, self.relation, self.phone]


@dataclass(frozen=True)
class EmergencyRecord:
    """One patient's, as of one day. It is bound to one card."""

    card_id: str
    """32 hexadecimal digits: a copy on another card is refused."""
    issued_at: datetime
    """Aware, whole seconds."""
    full_name: str
    birth_date: date
    """Both to be compared with the person before anyone acts on the rest."""
    blood_group: str = ""
    """One of BLOOD_GROUPS, or empty if not determined."""
    allergies: tuple[CodedEntry, ...] = ()
    conditions: tuple[CodedEntry, ...] = ()
    medication: tuple[CodedEntry, ...] = ()
    guardian: Contact | None = None
    contacts: tuple[Contact, ...] = ()
    expires_at: datetime | None = None
    """After it the record may still be read, marked as old: in an emergency an old allergy is better than none."""

    def __post_init__(self) -> None:
        """Refuse what can't stand on a card.

        Raises:
            EmergencyRecordError: naming the member and what was expected.
        """
        if not _CARD_ID.fullmatch(self.card_id):
            raise EmergencyRecordError(f"card id {self.card_id[:40]!r}: expected 32 lower-case hexadecimal digits")
        for when in (self.issued_at, self.expires_at):
            if when is not None and (when.tzinfo is None or when.microsecond):
                raise EmergencyRecordError(f"time {when!r}: expected an offset and whole seconds")
        _text(self.full_name, "full name")
        if self.blood_group and self.blood_group not in BLOOD_GROUPS:
            raise EmergencyRecordError(
                f"blood group {self.blood_group[:8]!r}: expected one of {', '.join(BLOOD_GROUPS)}"
            )
        for entries in (self.allergies, self.conditions, self.medication, self.contacts):
            if len(entries) > ENTRIES_MAX:
                raise EmergencyRecordError(f"{len(entries)} entries: expected at most {ENTRIES_MAX} in each list")

    def encode(self) -> bytes:
        """The claim set."""
        body = [
            _VERSION,
            self.full_name,
            int(f"{self.birth_date:%Y%m%d}"),
            BLOOD_GROUPS.index(self.blood_group) if self.blood_group else None,
            [each.to_list() for each in self.allergies],
            [each.to_list() for each in self.conditions],
            [each.to_list() for each in self.medication],
            self.guardian.to_list() if self.guardian else None,
            [each.to_list() for each in self.contacts],
        ]
        claims: dict[int, Any] = {
            _SUBJECT: self.card_id,
            _ISSUED: int(self.issued_at.timestamp()),
            _EMERGENCY: body,
        }
        if self.expires_at is not None:
            claims[_EXPIRES] = int(self.expires_at.timestamp())
        return encode(claims)


def decode_record(data: bytes) -> EmergencyRecord:
    """Read a claim set.

    Raises:
        CoseError: not CBOR in its one form.
        EmergencyRecordError: not an emergency record of a version that is known here.
    """
    claims = decode(data)
    try:
        version, name, birth, blood, allergies, conditions, medication, guardian, contacts = claims[_EMERGENCY]
        _check_version(version)
        record = EmergencyRecord(
            card_id=claims[_SUBJECT],
            issued_at=_time(claims[_ISSUED]),
            full_name=name,
            birth_date=_day(birth),
            blood_group="" if blood is None else BLOOD_GROUPS[_number(blood)],
            allergies=tuple(_entry(each) for each in allergies),
            conditions=tuple(_entry(each) for each in conditions),
            medication=tuple(_entry(each) for each in medication),
            guardian=None if guardian is None else Contact(*guardian),
            contacts=tuple(Contact(*each) for each in contacts),
            expires_at=_time(claims[_EXPIRES]) if _EXPIRES in claims else None,
        )
    except EmergencyRecordError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError, OSError) as error:
        raise EmergencyRecordError(f"not an emergency record: {type(error).__name__} {error!s:.80}") from None
    if record.encode() != data:
        raise EmergencyRecordError("an emergency record with something in it that is not understood")
    return record


def _check_version(version: object) -> None:
    if type(version) is not int or version != _VERSION:
        raise EmergencyRecordError(f"emergency record of version {version!r}: expected {_VERSION}")


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise EmergencyRecordError(f"emergency record: {type(value).__name__} where a number was expected")
    return value


def _time(value: object) -> datetime:
    return datetime.fromtimestamp(_number(value), UTC)


def _day(value: object) -> date:
    """YYYYMMDD as a number, as people read it in a dump."""
    number = _number(value)
    return date(number // 10000, number // 100 % 100, number % 100)


def _entry(value: list[Any]) -> CodedEntry:
    text, system, code, severity = value
    return CodedEntry(text, CODE_SYSTEMS[_number(system)], code, SEVERITIES[_number(severity)])
