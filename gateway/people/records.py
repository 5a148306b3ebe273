"""A patient's row: sealed when it is written, opened when it is read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import sql

from gateway.db.pool import Connection
from gateway.people.blind_index import exact_index, name_index, same_person_index
from gateway.people.keys import PeopleKeys
from gateway.people.person import CONFIDENCES, SEXES, Confidence, Patient, Sex
from gateway.people.sealing import SealError, seal, unseal

TABLE: Final = "patient"
TEXTS: Final = ("patient_number", "full_name", "sex", "insurance_number", "citizen_id", "phone", "address")
SEALED: Final = (*TEXTS, "birth_date", "allergy_flag")
"""Names of the sealed values; the column has `_sealed` behind it."""
_COLUMNS: Final[LiteralString] = (
    "p.patient_number_sealed, p.full_name_sealed, p.sex_sealed, p.insurance_number_sealed, p.citizen_id_sealed,"
    " p.phone_sealed, p.address_sealed, p.birth_date_sealed, p.allergy_flag_sealed"
)
"""In the order of SEALED."""
_READ: Final[LiteralString] = (
    "SELECT asked.patient_id, p.patient_id, p.identity_confidence, p.is_newborn, p.merged_into, ARRAY(SELECT"  # noqa: S608 - constants only
    " g.guardian_id FROM guardianship g WHERE g.patient_id IN (SELECT patient_aliases(p.patient_id))"
    " ORDER BY g.since, g.guardian_id), " + _COLUMNS
)
_FOLLOWED: Final[LiteralString] = (
    _READ + " FROM unnest(%s::uuid[]) AS asked (patient_id) JOIN patient p"
    " ON p.patient_id = canonical_patient(asked.patient_id)"
)
_ITSELF: Final[LiteralString] = (
    _READ + " FROM unnest(%s::uuid[]) AS asked (patient_id) JOIN patient p ON p.patient_id = asked.patient_id"
)


@dataclass(frozen=True)
class Values:
    """What is sealed of a patient, and what stands beside it."""

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

    def __repr__(self) -> str:
        """Names nobody."""
        return "Values()"

    def plain(self) -> dict[str, bytes | None]:
        """The values to be sealed, as bytes."""
        texts = {name: getattr(self, name) for name in TEXTS}
        return {
            **{name: None if text is None else text.encode() for name, text in texts.items()},
            "birth_date": None if self.birth_date is None else self.birth_date.isoformat().encode(),
            "allergy_flag": b"1" if self.allergy_flag else b"0",
        }


def values_of(patient: Patient) -> Values:
    """Of a patient that was read."""
    return Values(
        patient.patient_number,
        patient.full_name,
        patient.birth_date,
        patient.sex,
        patient.insurance_number,
        patient.citizen_id,
        patient.phone,
        patient.address,
        patient.allergy_flag,
        patient.identity_confidence,
        patient.is_newborn,
    )


def sealed_row(keys: PeopleKeys, patient_id: UUID, values: Values) -> dict[str, Any]:
    """All columns that hold the values: sealed, and the blind indexes."""
    sealed = {
        f"{name}_sealed": None if plain is None else seal(keys, TABLE, name, patient_id, plain)
        for name, plain in values.plain().items()
    }
    numbers = {
        "patient_number": values.patient_number,
        "insurance_number": values.insurance_number,
        "citizen_id": values.citizen_id,
        "phone": values.phone,
    }
    indexes = {
        f"{kind}_index": None if number is None else exact_index(keys, kind, number)  # type: ignore[arg-type]  # the names above
        for kind, number in numbers.items()
    }
    return {
        **sealed,
        **indexes,
        "same_person_index": same_person_index(keys, values.full_name, values.birth_date),
        "name_index": name_index(keys, values.full_name),
        "identity_confidence": values.identity_confidence,
        "is_newborn": values.is_newborn,
        "sealed_with": keys.current,
    }


def write_rows(connection: Connection, rows: Sequence[Mapping[str, Any]], *, replacing: bool) -> None:
    """Insert rows of `sealed_row` with their `patient_id`; replacing: or change the one that is there.

    Raises:
        psycopg.errors.UniqueViolation: somebody has the patient number or the citizen number already.
    """
    if not rows:
        return
    names = tuple(rows[0])
    clause: sql.Composable = sql.SQL("")
    if replacing:
        kept = {"patient_id", "registered_at", "registered_by"}
        changes = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names if name not in kept]
        clause = sql.SQL(" ON CONFLICT (patient_id) DO UPDATE SET {}").format(sql.SQL(", ").join(changes))
    statement = sql.SQL("INSERT INTO patient ({}) VALUES ({}){}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(map(sql.Placeholder, names)), clause
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def change_row(
    connection: Connection, keys: PeopleKeys, patient_id: UUID, values: Values, *, by: str, at: datetime
) -> None:
    """Seal everything anew with the current key.

    Raises:
        psycopg.errors.UniqueViolation: somebody else has the patient number or the citizen number.
    """
    row = {**sealed_row(keys, patient_id, values), "changed_at": at, "changed_by": by}
    statement = sql.SQL("UPDATE patient SET {} WHERE patient_id = %(patient_id)s").format(
        sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in row)
    )
    connection.execute(statement, {**row, "patient_id": patient_id})


def read_rows(
    connection: Connection, keys: PeopleKeys, patient_ids: Collection[UUID], *, follow: bool = True
) -> dict[UUID, Patient]:
    """By the ids asked for; who is not there is left out.

    Args:
        connection: of the database.
        keys: to open with.
        patient_ids: whom.
        follow: of a merged record, the surviving one.

    Raises:
        SealError: a value does not open.
    """
    statement = _FOLLOWED if follow else _ITSELF
    rows = connection.execute(statement, (list(patient_ids),), prepare=False).fetchall()
    return {row[0]: _patient(keys, row[1:]) for row in rows}


def open_values(keys: PeopleKeys, patient_id: UUID, sealed: Sequence[bytes | None]) -> dict[str, str | None]:
    """The sealed columns in the order of SEALED, as texts.

    Raises:
        SealError: a value does not open.
    """
    return {
        name: None if one is None else unseal(keys, TABLE, name, patient_id, bytes(one)).decode()
        for name, one in zip(SEALED, sealed, strict=True)
    }


def _patient(keys: PeopleKeys, row: Sequence[Any]) -> Patient:
    patient_id, confidence, is_newborn, merged_into, guardian_ids = row[:5]
    told = open_values(keys, patient_id, row[5:])
    sex, birth_date = told["sex"] or "unknown", told["birth_date"]
    if sex not in SEXES or confidence not in CONFIDENCES or told["patient_number"] is None or told["full_name"] is None:
        raise SealError(f"patient {patient_id}: opened, and not what a patient's row holds")
    return Patient(
        patient_id=patient_id,
        patient_number=told["patient_number"],
        full_name=told["full_name"],
        birth_date=date.fromisoformat(birth_date) if birth_date else None,
        sex=sex,
        insurance_number=told["insurance_number"],
        citizen_id=told["citizen_id"],
        allergy_flag=told["allergy_flag"] == "1",
        identity_confidence=confidence,
        guardian_ids=tuple(guardian_ids),
        is_newborn=is_newborn,
        merged_into=merged_into,
        phone=told["phone"],
        address=told["address"],
    )
