"""Records that may be one person: suggested, never merged by themselves."""

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from gateway.db.pool import Connection
from gateway.people.blind_index import exact_index, fold, name_index, same_person_index
from gateway.people.keys import PeopleKeys
from gateway.people.person import Patient
from gateway.people.records import read_rows

_LOOKED_AT_MAX: Final = 100
_SHOWN_MAX: Final = 20
_ALIKE: Final[LiteralString] = (
    "SELECT patient_id FROM patient WHERE merged_into IS NULL AND patient_id <> %(patient)s AND"
    " (same_person_index = %(same)s OR insurance_number_index = %(insurance)s OR phone_index = %(phone)s)"
    " LIMIT %(most)s"
)
_NAMED: Final[LiteralString] = (
    "SELECT patient_id FROM patient WHERE merged_into IS NULL AND patient_id <> %(patient)s"
    " AND name_index @> %(name)s::bigint[] ORDER BY registered_at DESC LIMIT %(most)s"
)
_PAIRS: Final[LiteralString] = (
    "SELECT array_agg(patient_id ORDER BY registered_at, patient_id) FROM patient"
    " WHERE merged_into IS NULL AND same_person_index IS NOT NULL GROUP BY same_person_index"
    " HAVING count(*) > 1 ORDER BY max(registered_at) DESC LIMIT %s"
)


@dataclass(frozen=True)
class Alike:
    """Somebody who may be the same person, and why: codes, the weightiest first."""

    patient: Patient
    why: tuple[str, ...]


def alike(connection: Connection, keys: PeopleKeys, patient: Patient) -> list[Alike]:
    """Who may be the same person as this one, the likeliest first."""
    wanted = {
        "patient": patient.patient_id,
        "same": same_person_index(keys, patient.full_name, patient.birth_date),
        "insurance": exact_index(keys, "insurance_number", patient.insurance_number or "\0"),
        "phone": exact_index(keys, "phone", patient.phone or "\0"),
        "name": name_index(keys, patient.full_name),
        "most": _LOOKED_AT_MAX,
    }
    ids = [row[0] for row in connection.execute(_ALIKE, wanted, prepare=False)]
    if wanted["name"]:
        ids += [row[0] for row in connection.execute(_NAMED, wanted, prepare=False)]
    found = []
    for other in read_rows(connection, keys, dict.fromkeys(ids)).values():
        why = _why(patient, other)
        if why:
            found.append(Alike(other, why))
    return sorted(found, key=lambda one: (_ORDER.index(one.why[0]), -len(one.why)))[:_SHOWN_MAX]


def pairs(connection: Connection, limit: int = 50) -> list[list[UUID]]:
    """Groups of records with the same name and birth date, the newest first."""
    return [row[0] for row in connection.execute(_PAIRS, (limit,))]


_ORDER: Final = ("same_citizen_id", "same_insurance", "same_name_and_birth", "same_name_birth_alike", "same_name_phone")


def _why(one: Patient, other: Patient) -> tuple[str, ...]:
    same_name = fold(one.full_name) == fold(other.full_name)
    found = {
        "same_citizen_id": one.citizen_id is not None and one.citizen_id == other.citizen_id,
        "same_insurance": one.insurance_number is not None
        and other.insurance_number is not None
        and one.insurance_number[-10:] == other.insurance_number[-10:],
        "same_name_and_birth": same_name and one.birth_date is not None and one.birth_date == other.birth_date,
        "same_name_birth_alike": same_name and _birth_alike(one, other),
        "same_name_phone": same_name and one.phone is not None and one.phone == other.phone,
    }
    return tuple(code for code in _ORDER if found[code])


def _birth_alike(one: Patient, other: Patient) -> bool:
    """Two of day, month and year are the same, or day and month are exchanged: slips of the pen."""
    if one.birth_date is None or other.birth_date is None or one.birth_date == other.birth_date:
        return False
    mine, theirs = one.birth_date, other.birth_date
    same = (mine.day == theirs.day) + (mine.month == theirs.month) + (mine.year == theirs.year)
    return same == 2 or (mine.year == theirs.year and (mine.day, mine.month) == (theirs.month, theirs.day))  # noqa: PLR2004 - of three
