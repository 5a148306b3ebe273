"""Two records of one person: one survives with the values that a person chose, the other points to it.

Visits, cards and dispensings are not touched: they are found by `merged_into`. So an undo has to restore nothing but
the survivor's values and the pointer. What was corrected by hand since the merge is not taken back by an undo.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import psycopg

from gateway.db.pool import Connection
from gateway.people.emergency import EmergencyData, read_emergency, write_emergency
from gateway.people.keys import PeopleKeys
from gateway.people.person import Patient
from gateway.people.records import Values, change_row, read_rows, values_of
from gateway.people.sealing import seal, unseal
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError

Side = Literal["survivor", "merged"]
CHOSEN: Final = (
    *("full_name", "birth_date", "sex", "insurance_number", "citizen_id", "phone", "address"),
    "identity_confidence",
)
"""What a person chooses between. The surviving patient number stays: cards and papers of both lead to it."""
_TABLE: Final = "patient_merge"


@dataclass(frozen=True)
class Merge:
    """One merge, as a list shows it. Pseudonyms only."""

    merge_id: UUID
    survivor_id: UUID
    merged_id: UUID
    merged_at: datetime
    merged_by: str
    undo_until: datetime
    undone_at: datetime | None
    undone_by: str | None


@dataclass(frozen=True)
class Doing:
    """Who merges or parts, when, and how long it can be undone."""

    username: str
    at: datetime
    undo: timedelta


def merge(
    connection: Connection,
    keys: PeopleKeys,
    pair: tuple[UUID, UUID],
    chosen: Mapping[str, Side],
    doing: Doing,
) -> UUID:
    """The second of the pair into the first.

    Raises:
        WorkRefusedError: both are one record already, or a choice that there is none of.
        WorkNotFoundError: one of them is not there.
        WorkConflictError: one of them was merged into another meanwhile.
    """
    survivor_id, merged_id = pair
    if not set(chosen) <= set(CHOSEN) or not set(chosen.values()) <= {"survivor", "merged"}:
        raise WorkRefusedError("merge_choice", f"choices: expected survivor or merged for each of {', '.join(CHOSEN)}")
    if survivor_id == merged_id:
        raise WorkRefusedError("merge_same", "both are the same record")
    survivor, merged = _locked(connection, keys, survivor_id, merged_id)
    merge_id = uuid4()
    before = _State(values_of(survivor), read_emergency(connection, keys, survivor_id))
    after = _State(_chosen(survivor, merged, chosen), _both(before.emergency, connection, keys, merged_id))
    # First the pointer: of two open records only one may have a citizen number.
    connection.execute("UPDATE patient SET merged_into = %s WHERE patient_id = %s", (survivor_id, merged_id))
    _write(connection, keys, survivor_id, now=before, then=after, doing=doing)
    told = json.dumps({"before": before.to_plain(), "after": after.to_plain()}, ensure_ascii=False).encode()
    connection.execute(
        "INSERT INTO patient_merge (merge_id, survivor_id, merged_id, merged_at, merged_by, undo_until, before_sealed,"
        " sealed_with) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(merge_id, survivor_id, merged_id, doing.at, doing.username, doing.at + doing.undo),
            *(seal(keys, _TABLE, "before", merge_id, told), keys.current),
        ),
    )
    return merge_id


def undo(connection: Connection, keys: PeopleKeys, merge_id: UUID, doing: Doing) -> Merge:
    """Two records again, each as it was; what was corrected of the survivor since then stays.

    Raises:
        WorkNotFoundError: there is no such merge.
        WorkRefusedError: it was undone already, it is too late, or a later merge has to be undone first.
        WorkConflictError: the other record's citizen number was given to somebody since.
    """
    row = connection.execute("SELECT * FROM patient_merge WHERE merge_id = %s FOR UPDATE", (merge_id,)).fetchone()
    found = next(iter(merges(connection, merge_id=merge_id)), None)
    if row is None or found is None:
        raise WorkNotFoundError("merge_unknown", f"there is no merge {merge_id}")
    if found.undone_at is not None:
        raise WorkRefusedError("merge_undone", f"merge {merge_id} was undone already", at=found.undone_at)
    if doing.at > found.undo_until:
        raise WorkRefusedError("merge_too_old", f"merge {merge_id} can't be undone any more", at=found.undo_until)
    survivor = _lock(connection, keys, found.survivor_id)
    _refuse_buried(connection, found, survivor)
    before, after = _told(connection, keys, merge_id)
    now = _State(values_of(survivor), read_emergency(connection, keys, found.survivor_id))
    try:
        with connection.transaction():
            _write(connection, keys, found.survivor_id, now=now, then=_parted(now, before, after), doing=doing)
            connection.execute("UPDATE patient SET merged_into = NULL WHERE patient_id = %s", (found.merged_id,))
    except psycopg.errors.UniqueViolation:
        raise WorkConflictError(
            "citizen_id_taken", "somebody was registered with the other record's citizen number since"
        ) from None
    connection.execute(
        "UPDATE patient_merge SET undone_at = %s, undone_by = %s WHERE merge_id = %s",
        (doing.at, doing.username, merge_id),
    )
    return replace(found, undone_at=doing.at, undone_by=doing.username)


def merges(
    connection: Connection, *, merge_id: UUID | None = None, patient_id: UUID | None = None, limit: int = 100
) -> list[Merge]:
    """The newest first: one, those of a patient (either side), or all."""
    rows = connection.execute(
        "SELECT merge_id, survivor_id, merged_id, merged_at, merged_by, undo_until, undone_at, undone_by"
        " FROM patient_merge WHERE (%(merge)s::uuid IS NULL OR merge_id = %(merge)s)"
        " AND (%(patient)s::uuid IS NULL OR %(patient)s IN (survivor_id, merged_id))"
        " ORDER BY merge_number DESC LIMIT %(limit)s",
        {"merge": merge_id, "patient": patient_id, "limit": limit},
        prepare=False,
    )
    return [Merge(*row) for row in rows]


@dataclass(frozen=True)
class _State:
    """Of the survivor: what a merge changes."""

    values: Values
    emergency: EmergencyData | None

    def to_plain(self) -> dict[str, Any]:
        plain = {one.name: getattr(self.values, one.name) for one in fields(self.values)}
        birth_date = self.values.birth_date
        return {
            **plain,
            "birth_date": birth_date.isoformat() if birth_date else None,
            "emergency": self.emergency.to_plain() if self.emergency else None,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "_State":
        values = dict(plain)
        emergency, birth_date = values.pop("emergency"), values.pop("birth_date")
        return cls(
            Values(**values, birth_date=date.fromisoformat(birth_date) if birth_date else None),
            EmergencyData.from_plain(emergency) if emergency else None,
        )


def _told(connection: Connection, keys: PeopleKeys, merge_id: UUID) -> tuple[_State, _State]:
    row = connection.execute("SELECT before_sealed FROM patient_merge WHERE merge_id = %s", (merge_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("merge_unknown", f"there is no merge {merge_id}")
    told = json.loads(unseal(keys, _TABLE, "before", merge_id, bytes(row[0])))
    return _State.from_plain(told["before"]), _State.from_plain(told["after"])


def _locked(connection: Connection, keys: PeopleKeys, first: UUID, second: UUID) -> tuple[Patient, Patient]:
    """Always in one order, whoever merges what."""
    found = {one: _lock(connection, keys, one) for one in sorted((first, second), key=str)}
    for one in found.values():
        if one.merged_into is not None:
            raise WorkConflictError("merged_already", f"patient {one.patient_id} was merged into another")
    return found[first], found[second]


def _lock(connection: Connection, keys: PeopleKeys, patient_id: UUID) -> Patient:
    row = connection.execute("SELECT FROM patient WHERE patient_id = %s FOR UPDATE", (patient_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("unknown_patient", f"patient {patient_id} is not known here")
    return read_rows(connection, keys, [patient_id], follow=False)[patient_id]


def _chosen(survivor: Patient, merged: Patient, chosen: Mapping[str, Side]) -> Values:
    """As chosen; where nobody chose, the survivor's value, or the other's where it has none."""
    mine, theirs = values_of(survivor), values_of(merged)
    taken = {}
    for name in CHOSEN:
        value = getattr(mine, name)
        empty = value is None or (name in {"sex", "identity_confidence"} and value == "unknown")
        side = chosen.get(name, "merged" if empty else "survivor")
        taken[name] = getattr(theirs if side == "merged" else mine, name)
    return replace(mine, **taken, allergy_flag=mine.allergy_flag or theirs.allergy_flag)


def _both(
    mine: EmergencyData | None, connection: Connection, keys: PeopleKeys, merged_id: UUID
) -> EmergencyData | None:
    theirs = read_emergency(connection, keys, merged_id)
    return theirs if mine is None else mine if theirs is None else mine.with_all_of(theirs)


def _parted(now: _State, before: _State, after: _State) -> _State:
    """Member by member: what stands as the merge left it goes back to what it was; the rest was corrected since."""
    back = {
        one.name: getattr(before.values, one.name)
        for one in fields(Values)
        if getattr(now.values, one.name) == getattr(after.values, one.name)
    }
    emergency = before.emergency if now.emergency == after.emergency else now.emergency
    return _State(replace(now.values, **back), emergency)


def _refuse_buried(connection: Connection, found: Merge, survivor: Patient) -> None:
    later = connection.execute(
        "SELECT FROM patient_merge WHERE survivor_id = %s AND undone_at IS NULL AND merge_number >"
        " (SELECT merge_number FROM patient_merge WHERE merge_id = %s)",
        (found.survivor_id, found.merge_id),
    ).fetchone()
    if later is not None or survivor.merged_into is not None:
        raise WorkRefusedError("merge_later_first", f"a later merge hides merge {found.merge_id}: undo that first")


def _write(
    connection: Connection, keys: PeopleKeys, patient_id: UUID, *, now: _State, then: _State, doing: Doing
) -> None:
    """What differs."""
    if then.values != now.values:
        change_row(connection, keys, patient_id, then.values, by=doing.username, at=doing.at)
    if then.emergency != now.emergency:
        write_emergency(connection, keys, patient_id, then.emergency, by=doing.username, at=doing.at)
