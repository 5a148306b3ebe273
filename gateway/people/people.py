"""People: the one door to who patients are. It seals, opens, finds, and writes down who read whom and why.

One object for the whole gateway; it keeps nothing but the keys. Every method works in the caller's transaction.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import psycopg

from gateway.db.pool import Connection
from gateway.people import audit, duplicates, duty, guardians, merging, search
from gateway.people.blind_index import ExactKind
from gateway.people.duplicates import Alike
from gateway.people.emergency import EmergencyData, read_emergency, write_emergency
from gateway.people.keys import PeopleKeyError, PeopleKeys
from gateway.people.merging import Doing, Merge, Side
from gateway.people.person import Guardian, NewGuardian, NewPatient, Patient, Reader, Relation
from gateway.people.records import Values, change_row, read_rows, sealed_row, values_of, write_rows
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError

_NUMBER_DIGITS: Final = 6
"""Behind the two digits of the year."""
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Around:
    """Whom a patient's page shows besides the patient."""

    guardians: list[tuple[Guardian, list[UUID]]]
    """Each with the other children that they answer for."""
    siblings: dict[UUID, Patient]
    alike: list[Alike]


class People:
    """Patients, sealed. See the package's README for what is where."""

    def __init__(self, keys: PeopleKeys | None, clock: Callable[[], datetime], *, undo_merge_days: int = 30) -> None:
        """`keys`: None where nobody is stored and none are configured; `clock`: now, with offset."""
        self._keys: Final = keys
        self.clock: Final = clock
        self.undo_merge_within: Final = timedelta(days=undo_merge_days)

    @property
    def has_keys(self) -> bool:
        """Without keys nobody can be registered or read."""
        return self._keys is not None

    @property
    def keys(self) -> PeopleKeys:
        """To seal and open with.

        Raises:
            PeopleKeyError: there are none.
        """
        if self._keys is None:
            raise PeopleKeyError(
                "people.key_file is not set: nobody can be registered; name a file, and make it with: "
                "medtap gateway people-keys create FILE"
            )
        return self._keys

    def read(self, connection: Connection, patient_ids: Collection[UUID], reader: Reader) -> dict[UUID, Patient]:
        """Patients by the ids asked for, written down as one read. Of a merged record it is the surviving one.

        Raises:
            SealError: a value does not open: it was changed outside this program, or a key is missing.
        """
        found = read_rows(connection, self.keys, set(patient_ids)) if patient_ids else {}
        self.note(connection, "read", reader, [one.patient_id for one in found.values()])
        return found

    def read_one(self, connection: Connection, patient_id: UUID, reader: Reader) -> Patient:
        """As `read`.

        Raises:
            WorkNotFoundError: there is none of this id.
            SealError: as `read`.
        """
        found = self.read(connection, [patient_id], reader)
        if patient_id not in found:
            raise WorkNotFoundError("unknown_patient", f"patient {patient_id} is not known here")
        return found[patient_id]

    def search(self, connection: Connection, text: str, reader: Reader, limit: int = 20) -> list[Patient]:
        """Who has exactly this number first, then by words of names without accents.

        A citizen or insurance card's QR code is its number. Written down with whom it found, never with what was
        looked for.
        """
        found = search.search(connection, self.keys, text, limit)
        self.note(connection, "search", reader, [one.patient_id for one in found])
        return found

    def find_exact(self, connection: Connection, kind: ExactKind, value: str) -> UUID | None:
        """The pseudonym (of the surviving record) with this number; None: nobody, or more than one person."""
        found = search.find_exact(connection, self.keys, kind, value)
        return found[0] if len(found) == 1 else None

    def canonical(self, connection: Connection, patient_id: UUID) -> UUID:
        """The record that survives of it: itself, if it was not merged into another.

        Raises:
            WorkNotFoundError: there is none of this id.
        """
        row = connection.execute("SELECT canonical_patient(%s)", (patient_id,)).fetchone()
        if row is None or row[0] is None:
            raise WorkNotFoundError("unknown_patient", f"patient {patient_id} is not known here")
        return UUID(str(row[0]))

    def aliases(self, connection: Connection, patient_id: UUID) -> list[UUID]:
        """Every id that this person's visits, cards and dispensings may stand under; the surviving one first."""
        rows = connection.execute(
            "SELECT a FROM canonical_patient(%s) c, patient_aliases(c) a ORDER BY a <> c, a", (patient_id,)
        )
        return [row[0] for row in rows]

    def register(self, connection: Connection, new: NewPatient, by: Reader) -> UUID:
        """Somebody who is not known yet; without a number the hospital's next one is given.

        Raises:
            WorkConflictError: somebody has this patient number or citizen number.
            WorkRefusedError: a birth date after today.
        """
        patient_id = new.patient_id or uuid4()
        number = new.patient_number or self._next_number(connection)
        self._check_birth(new)
        row = self._new_row(patient_id, _values(new, number), by)
        with self._unique(connection, new):
            write_rows(connection, [row], replacing=False)
        self.note(connection, "register", by, [patient_id])
        return patient_id

    def correct(
        self, connection: Connection, patient_id: UUID, changed: NewPatient, by: Reader, *, seen: datetime | None = None
    ) -> None:
        """Everything as it stands in `changed`; the patient number stays unless another is named.

        Args:
            connection: in a transaction.
            patient_id: whom; of a merged record the surviving one is meant.
            changed: all values; those left out are gone.
            by: who says so.
            seen: `changed_at` of what the person had before their eyes; None: whatever it was.

        Raises:
            WorkNotFoundError: there is none of this id.
            WorkConflictError: somebody else was faster, or has the patient number or citizen number.
            WorkRefusedError: a birth date after today.
        """
        patient_id = self.canonical(connection, patient_id)
        self._check_birth(changed)
        row = connection.execute(
            "SELECT changed_at FROM patient WHERE patient_id = %s FOR UPDATE", (patient_id,)
        ).fetchone()
        if seen is not None and row is not None and row[0] != seen:
            raise WorkConflictError("person_changed", f"patient {patient_id} was changed by somebody meanwhile")
        before = read_rows(connection, self.keys, [patient_id])[patient_id]
        number = changed.patient_number or before.patient_number
        with self._unique(connection, changed):
            change_row(connection, self.keys, patient_id, _values(changed, number), by=by.username, at=self.clock())
        self.note(connection, "correct", by, [patient_id])

    def take_over(self, connection: Connection, patients: Sequence[NewPatient], by: Reader) -> None:
        """Many at once, from a file: known ids get these values, new ones are registered.

        Each must have its id and number. What the file can't say (citizen number, telephone, address, a proven
        identity) stays.

        Raises:
            psycopg.errors.UniqueViolation: somebody else has a number.
        """
        for start in range(0, len(patients), _AT_ONCE):
            some = {_id_of(one): one for one in patients[start : start + _AT_ONCE]}
            known = read_rows(connection, self.keys, list(some), follow=False)
            rows = []
            for patient_id, one in some.items():
                values = _values(one, one.patient_number or "")
                before = known.get(patient_id)
                if before is not None:
                    values = replace(
                        values,
                        citizen_id=one.citizen_id or before.citizen_id,
                        phone=one.phone or before.phone,
                        address=one.address or before.address,
                        identity_confidence=before.identity_confidence,
                        is_newborn=before.is_newborn,
                    )
                    if values == values_of(before):
                        continue
                rows.append(self._new_row(patient_id, values, by))
            write_rows(connection, rows, replacing=True)
        self.note(connection, "register", by, [_id_of(one) for one in patients])

    def guardians_of(self, connection: Connection, patient_id: UUID, reader: Reader) -> list[Guardian]:
        """Who answers for this child; written down as a read of the child."""
        self.note(connection, "read", reader, [self.canonical(connection, patient_id)])
        return guardians.guardians_of(connection, self.keys, patient_id)

    def children_of(self, connection: Connection, guardian_id: UUID) -> list[UUID]:
        """Pseudonyms of the children that this guardian answers for: siblings, mostly."""
        return guardians.children_of(connection, guardian_id)

    def find_guardians(self, connection: Connection, text: str, reader: Reader) -> list[Guardian]:
        """By citizen number or telephone; written down as a read of their children."""
        found = guardians.find(connection, self.keys, text)
        children = [child for one in found for child in guardians.children_of(connection, one.guardian_id)]
        self.note(connection, "search", reader, children)
        return found

    def enter_guardian(self, connection: Connection, patient_id: UUID, new: NewGuardian, by: Reader) -> UUID:
        """This person answers for the child: the one who is known by these papers, or a new one.

        Raises:
            WorkNotFoundError: there is no such patient.
        """
        child = self.canonical(connection, patient_id)
        self.note(connection, "correct", by, [child])
        return guardians.enter(connection, self.keys, child, new, by=by.username, at=self.clock())

    def add_guardian(
        self, connection: Connection, patient_id: UUID, guardian_id: UUID, relation: Relation, by: Reader
    ) -> None:
        """A guardian who is entered already answers for this child too, a brother or sister of theirs.

        Raises:
            WorkNotFoundError: there is no such patient.
        """
        child = self.canonical(connection, patient_id)
        self.note(connection, "correct", by, [child])
        guardians.answer_for(connection, child, guardian_id, relation, by=by.username, at=self.clock())

    def remove_guardian(self, connection: Connection, patient_id: UUID, guardian_id: UUID, by: Reader) -> None:
        """They do not answer for this child any more.

        Raises:
            WorkNotFoundError: there is no such patient.
        """
        self.note(connection, "correct", by, [self.canonical(connection, patient_id)])
        guardians.leave(connection, patient_id, guardian_id)

    def emergency(self, connection: Connection, patient_id: UUID, reader: Reader) -> EmergencyData | None:
        """What must be known in an emergency, written down as such; None: nobody has entered any.

        Raises:
            WorkNotFoundError: there is no such patient.
            WorkRefusedError: `glass_closed`: the patient is not here now as far as we know, and no reason is given.
        """
        patient_id = self.canonical(connection, patient_id)
        if not reader.break_glass_reason and not self.on_duty(connection, reader.username, patient_id):
            raise WorkRefusedError("glass_closed", f"patient {patient_id} is not here now: say why it must be known")
        self.note(connection, "emergency", reader, [patient_id])
        return read_emergency(connection, self.keys, patient_id)

    def emergency_for_card(self, connection: Connection, patient_id: UUID, by: Reader) -> EmergencyData | None:
        """As `emergency`, for whoever writes the patient's card: that is their duty."""
        patient_id = self.canonical(connection, patient_id)
        self.note(connection, "emergency", by, [patient_id])
        return read_emergency(connection, self.keys, patient_id)

    def set_emergency(self, connection: Connection, patient_id: UUID, data: EmergencyData, by: Reader) -> None:
        """In place of what there was. An allergy in it sets the patient's allergy flag.

        Raises:
            WorkNotFoundError: there is no such patient.
        """
        patient_id = self.canonical(connection, patient_id)
        write_emergency(connection, self.keys, patient_id, data, by=by.username, at=self.clock())
        patient = read_rows(connection, self.keys, [patient_id])[patient_id]
        if data.allergies and not patient.allergy_flag:
            values = replace(values_of(patient), allergy_flag=True)
            change_row(connection, self.keys, patient_id, values, by=by.username, at=self.clock())
        self.note(connection, "correct", by, [patient_id])

    def on_duty(self, connection: Connection, username: str, patient_id: UUID) -> bool:
        """Whether this person has to do with the patient now (`gateway.people.duty`)."""
        return duty.on_duty(connection, username, patient_id, self.clock())

    def merge(
        self, connection: Connection, survivor_id: UUID, merged_id: UUID, chosen: Mapping[str, Side], by: Reader
    ) -> UUID:
        """Two records that are one person: the second's visits, cards and dispensings are the first's from now on.

        Args:
            connection: in a transaction.
            survivor_id: the record that survives, with its patient number.
            merged_id: the one that points to it.
            chosen: whose value survives, by the names in `merging.CHOSEN`; of what is not in it, the survivor's, or the
                other's where the survivor has none.
            by: who says that they are one person.

        Raises:
            WorkRefusedError: both are one record already, or a wrong choice.
            WorkNotFoundError: one of them is not there.
            WorkConflictError: one of them was merged meanwhile.
        """
        merge_id = merging.merge(connection, self.keys, (survivor_id, merged_id), chosen, self._doing(by))
        self.note(connection, "merge", by, [survivor_id, merged_id])
        return merge_id

    def undo_merge(self, connection: Connection, merge_id: UUID, by: Reader) -> Merge:
        """Two records again, each as it was. What was corrected by hand since then stays.

        Raises:
            WorkNotFoundError: there is no such merge.
            WorkRefusedError: undone already, too late, or a later merge hides it.
            WorkConflictError: a number was given to somebody else since.
        """
        found = merging.undo(connection, self.keys, merge_id, self._doing(by))
        self.note(connection, "undo_merge", by, [found.survivor_id, found.merged_id])
        return found

    def alike(self, connection: Connection, patient_id: UUID, reader: Reader) -> list[Alike]:
        """Who may be the same person, the likeliest first; written down as a read of them.

        Raises:
            WorkNotFoundError: there is no such patient.
        """
        patient_id = self.canonical(connection, patient_id)
        patient = read_rows(connection, self.keys, [patient_id])[patient_id]
        found = duplicates.alike(connection, self.keys, patient)
        self.note(connection, "read", reader, [one.patient.patient_id for one in found])
        return found

    def around(self, connection: Connection, patient: Patient, reader: Reader, *, alike: bool) -> Around:
        """Whoever stands on a patient's page besides them, written down as one read."""
        keys, itself = self.keys, patient.patient_id
        answering = guardians.guardians_of(connection, keys, itself)
        children = {one.guardian_id: guardians.children_of(connection, one.guardian_id) for one in answering}
        siblings = read_rows(connection, keys, {child for some in children.values() for child in some} - {itself})
        similar = duplicates.alike(connection, keys, patient) if alike else []
        self.note(connection, "read", reader, [*siblings, *(one.patient.patient_id for one in similar)])
        with_children = [(one, [child for child in children[one.guardian_id] if child != itself]) for one in answering]
        return Around(with_children, siblings, similar)

    def _doing(self, by: Reader) -> Doing:
        return Doing(by.username, self.clock(), self.undo_merge_within)

    def note(self, connection: Connection, act: audit.Act, reader: Reader, patient_ids: Iterable[UUID]) -> None:
        """Write down an act on people; for the methods here and in this package."""
        if self._keys is None:
            return  # nobody is stored, so nobody was read
        audit.note(connection, self.keys, act, reader, list(patient_ids), now=self.clock())

    def _new_row(self, patient_id: UUID, values: Values, by: Reader) -> dict[str, object]:
        now = self.clock()
        return {
            "patient_id": patient_id,
            **sealed_row(self.keys, patient_id, values),
            "registered_at": now,
            "registered_by": by.username,
            "changed_at": now,
            "changed_by": by.username,
        }

    def _next_number(self, connection: Connection) -> str:
        """The year's two digits and six more, counted up; numbers that came with a file are passed over."""
        year = self.clock().year
        while True:
            row = connection.execute(
                "INSERT INTO patient_number_series VALUES (%s, 1) ON CONFLICT (year)"
                " DO UPDATE SET last_number = patient_number_series.last_number + 1 RETURNING last_number",
                (year,),
            ).fetchone()
            number = f"{year % 100:02d}{0 if row is None else row[0]:0{_NUMBER_DIGITS}d}"
            if not search.find_exact(connection, self.keys, "patient_number", number):
                return number

    def _check_birth(self, new: NewPatient) -> None:
        # Tomorrow by UTC is today in the hospital.
        if new.birth_date is not None and new.birth_date > (self.clock() + timedelta(days=1)).date():
            raise WorkRefusedError("person_birth_date", "birth date: expected one that is not after today")

    @contextmanager
    def _unique(self, connection: Connection, new: NewPatient) -> Iterator[None]:
        try:
            with connection.transaction():
                yield
        except psycopg.errors.UniqueViolation as error:
            if "citizen" in (error.diag.constraint_name or ""):
                raise WorkConflictError("citizen_id_taken", "somebody is registered with this citizen number") from None
            if "number" in (error.diag.constraint_name or ""):
                raise WorkConflictError("patient_number_taken", "somebody is registered with this number") from None
            raise WorkConflictError("person_exists", f"patient {new.patient_id} is registered already") from None


@dataclass(frozen=True)
class Reading:
    """People, as one reader reads them for one purpose."""

    people: People
    reader: Reader

    def read(self, connection: Connection, patient_ids: Collection[UUID]) -> dict[UUID, Patient]:
        """As `People.read`."""
        return self.people.read(connection, patient_ids, self.reader)

    def one(self, connection: Connection, patient_id: UUID | None) -> Patient | None:
        """None: there is none of this id."""
        return None if patient_id is None else self.read(connection, [patient_id]).get(patient_id)

    def by_number(self, connection: Connection, patient_number: str) -> Patient | None:
        """None: nobody has this patient number."""
        return self.one(connection, self.people.find_exact(connection, "patient_number", patient_number))


def _values(new: NewPatient, number: str) -> Values:
    return Values(
        number,
        new.full_name,
        new.birth_date,
        new.sex,
        new.insurance_number,
        new.citizen_id,
        new.phone,
        new.address,
        new.allergy_flag,
        new.identity_confidence,
        new.is_newborn,
    )


def _id_of(new: NewPatient) -> UUID:
    if new.patient_id is None or new.patient_number is None:
        raise ValueError("a patient from a file without id or number")
    return new.patient_id
