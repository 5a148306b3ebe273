"""Guardians: who answers for a child. Siblings have the same one, found by citizen number, or by name and telephone."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from gateway.db.pool import Connection
from gateway.people.blind_index import exact_index, fold
from gateway.people.keys import PeopleKeys
from gateway.people.person import Guardian, NewGuardian, Relation
from gateway.people.sealing import seal, unseal

TABLE: Final = "guardian"
SEALED: Final = ("full_name", "citizen_id", "phone")
_COLUMNS: Final = "guardian_id, full_name_sealed, citizen_id_sealed, phone_sealed"
_OF: Final = (
    "SELECT g.guardian_id, g.full_name_sealed, g.citizen_id_sealed, g.phone_sealed, s.relation FROM guardianship s"
    " JOIN guardian g USING (guardian_id) WHERE s.patient_id IN"
    " (SELECT a FROM canonical_patient(%s) c, patient_aliases(c) a) ORDER BY s.since, g.guardian_id"
)


def guardians_of(connection: Connection, keys: PeopleKeys, patient_id: UUID) -> list[Guardian]:
    """In the order in which they were entered, each once."""
    found: dict[UUID, Guardian] = {}
    for row in connection.execute(_OF, (patient_id,)):
        found.setdefault(row[0], _guardian(keys, row[:4], row[4]))
    return list(found.values())


def children_of(connection: Connection, guardian_id: UUID) -> list[UUID]:
    """Surviving records of the children that this guardian answers for."""
    rows = connection.execute(
        "SELECT DISTINCT canonical_patient(patient_id) AS child FROM guardianship WHERE guardian_id = %s"
        " ORDER BY child",
        (guardian_id,),
    )
    return [row[0] for row in rows]


def enter(
    connection: Connection, keys: PeopleKeys, patient_id: UUID, new: NewGuardian, *, by: str, at: datetime
) -> UUID:
    """Make this guardian answer for the child: the one who is known by these papers, or a new one."""
    guardian_id = _known(connection, keys, new) or uuid4()
    values = {name: getattr(new, name) for name in SEALED}
    sealed = [
        None if text is None else seal(keys, TABLE, name, guardian_id, text.encode()) for name, text in values.items()
    ]
    indexes = [
        None if new.citizen_id is None else exact_index(keys, "citizen_id", new.citizen_id),
        None if new.phone is None else exact_index(keys, "phone", new.phone),
    ]
    connection.execute(
        "INSERT INTO guardian AS g (guardian_id, full_name_sealed, citizen_id_sealed, phone_sealed, citizen_id_index,"
        " phone_index, sealed_with, changed_at, changed_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (guardian_id) DO UPDATE SET full_name_sealed = excluded.full_name_sealed,"
        " citizen_id_sealed = coalesce(excluded.citizen_id_sealed, g.citizen_id_sealed),"
        " phone_sealed = coalesce(excluded.phone_sealed, g.phone_sealed),"
        " citizen_id_index = coalesce(excluded.citizen_id_index, g.citizen_id_index),"
        " phone_index = coalesce(excluded.phone_index, g.phone_index),"
        " sealed_with = least(excluded.sealed_with, g.sealed_with),"
        " changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        (guardian_id, *sealed, *indexes, keys.current, at, by),
    )
    answer_for(connection, patient_id, guardian_id, new.relation, by=by, at=at)
    return guardian_id


def answer_for(
    connection: Connection, patient_id: UUID, guardian_id: UUID, relation: Relation, *, by: str, at: datetime
) -> None:
    """Someone who is entered already answers for this child too."""
    connection.execute(
        "INSERT INTO guardianship (patient_id, guardian_id, relation, since, said_by) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (patient_id, guardian_id) DO UPDATE SET relation = excluded.relation, said_by = excluded.said_by",
        (patient_id, guardian_id, relation, at, by),
    )


def leave(connection: Connection, patient_id: UUID, guardian_id: UUID) -> None:
    """They do not answer for this child any more."""
    connection.execute(
        "DELETE FROM guardianship WHERE guardian_id = %s AND patient_id IN"
        " (SELECT a FROM canonical_patient(%s) c, patient_aliases(c) a)",
        (guardian_id, patient_id),
    )


def find(connection: Connection, keys: PeopleKeys, text: str) -> list[Guardian]:
    """By citizen number or telephone, as it may be written."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM guardian WHERE citizen_id_index = %s OR phone_index = %s LIMIT 20",  # noqa: S608 - a constant
        (exact_index(keys, "citizen_id", text), exact_index(keys, "phone", text)),
    )
    return [_guardian(keys, row, None) for row in rows]


def _known(connection: Connection, keys: PeopleKeys, new: NewGuardian) -> UUID | None:
    if new.citizen_id is not None:
        for one in find(connection, keys, new.citizen_id):
            if one.citizen_id == new.citizen_id:
                return one.guardian_id
    if new.phone is not None:
        for one in find(connection, keys, new.phone):
            # A telephone is shared by a family: the name must be the same, and no other citizen number known.
            if fold(one.full_name) == fold(new.full_name) and (one.citizen_id is None or new.citizen_id is None):
                return one.guardian_id
    return None


def _guardian(keys: PeopleKeys, row: Any, relation: Relation | None) -> Guardian:  # noqa: ANN401 - a row
    guardian_id = row[0]
    told = {
        name: None if one is None else unseal(keys, TABLE, name, guardian_id, bytes(one)).decode()
        for name, one in zip(SEALED, row[1:], strict=True)
    }
    return Guardian(guardian_id, told["full_name"] or "", told["phone"], told["citizen_id"], relation)
