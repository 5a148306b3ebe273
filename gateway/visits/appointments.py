"""Appointments: taken over from the system that books them, looked at when somebody comes, kept by a visit."""

import csv
import io
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.visits.errors import VisitRefusedError

COLUMNS: Final = ("reference", "patient_number", "clinic_id", "date", "time", "state")
"""Of the CSV file; `time` and `state` may be left out. `state`: booked (default) or cancelled."""
ROWS_MAX: Final = 20_000
_NAMESPACE: Final = uuid.UUID("5f6d6b0e-6d65-5474-8170-000000000028")
_TEXT_MAX: Final = 64


@dataclass(frozen=True)
class NewAppointment:
    """As the booking system tells it."""

    reference: str
    """Its own number there: told again, it is the same appointment."""
    patient_number: str
    clinic_id: str
    due_on: date
    due_at: time | None = None
    """Local; None: any time of that day."""
    cancelled: bool = False


@dataclass(frozen=True)
class ImportedAppointments:
    """What came of it."""

    taken: int
    unknown_patients: tuple[str, ...]
    """References of those whose patient number nobody has: they were left out."""
    unknown_clinics: tuple[str, ...]
    """References of those whose clinic is not known: they were left out."""


def import_appointments(
    connection: Connection,
    source: str,
    appointments: Iterable[NewAppointment],
    find_patient: Callable[[str], uuid.UUID | None],
    zone: ZoneInfo,
) -> ImportedAppointments:
    """Take them over, in the caller's transaction. What was kept already stays kept.

    Args:
        connection: in a transaction.
        source: the booking system.
        appointments: of it; others of the same system stay as they are.
        find_patient: pseudonym of a patient number.
        zone: of the hospital.
    """
    clinics = {row[0] for row in connection.execute("SELECT clinic_id FROM clinic")}
    taken, no_patient, no_clinic = 0, [], []
    for one in appointments:
        patient_id = find_patient(one.patient_number)
        if patient_id is None:
            no_patient.append(one.reference)
        elif one.clinic_id not in clinics:
            no_clinic.append(one.reference)
        else:
            _keep(connection, source, one, patient_id, zone)
            taken += 1
    return ImportedAppointments(taken, tuple(no_patient), tuple(no_clinic))


def _keep(connection: Connection, source: str, one: NewAppointment, patient_id: uuid.UUID, zone: ZoneInfo) -> None:
    due_at = datetime.combine(one.due_on, one.due_at, zone) if one.due_at is not None else None
    connection.execute(
        "INSERT INTO appointment AS kept (appointment_id, patient_id, clinic_id, due_on, due_at, state, source,"
        " reference) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (source, reference) DO UPDATE SET"
        " patient_id = excluded.patient_id, clinic_id = excluded.clinic_id, due_on = excluded.due_on,"
        " due_at = excluded.due_at, state = excluded.state WHERE kept.state <> 'kept'",
        (
            *(uuid.uuid5(_NAMESPACE, f"{source}\0{one.reference}"), patient_id, one.clinic_id, one.due_on, due_at),
            *("cancelled" if one.cancelled else "booked", storable(source), storable(one.reference)),
        ),
    )


def read_appointments_csv(content: bytes) -> list[NewAppointment]:
    """From a file with the columns `COLUMNS`, separated by comma, semicolon or tab; days as 2026-11-25 or 25/11/2026.

    Raises:
        VisitRefusedError: a column is missing, or a line is wrong (`appointment_file`); names the first.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(1, "not UTF-8") from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=separator)
    names = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    missing = [name for name in COLUMNS[:4] if name not in names]
    if missing:
        raise _wrong(1, f"column {missing[0]}")
    rows.fieldnames = names
    return list(_lines(rows))


def _lines(rows: "csv.DictReader[str]") -> Iterator[NewAppointment]:
    for line, row in enumerate(rows, 2):
        if line > ROWS_MAX:
            raise _wrong(line, f"more than {ROWS_MAX} lines")
        values = {
            name: (value or "").strip()
            for name, value in row.items()
            if isinstance(name, str) and not isinstance(value, list)
        }
        if not any(values.values()):
            continue
        for name in ("reference", "patient_number", "clinic_id"):
            if not 0 < len(values[name]) <= _TEXT_MAX or not values[name].isprintable():
                raise _wrong(line, name)
        state = values.get("state", "") or "booked"
        if state not in {"booked", "cancelled"}:
            raise _wrong(line, "state")
        yield NewAppointment(
            values["reference"],
            values["patient_number"],
            values["clinic_id"],
            _day(values["date"], line),
            _time(values.get("time", ""), line),
            state == "cancelled",
        )


def _day(text: str, line: int) -> date:
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            continue
    raise _wrong(line, "date")


def _time(text: str, line: int) -> time | None:
    if not text:
        return None
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise _wrong(line, "time") from None
    if found.tzinfo is not None:
        raise _wrong(line, "time")
    return found


def _wrong(line: int, what: str) -> VisitRefusedError:
    return VisitRefusedError(
        "appointment_file", f"line {line}: {what}: correct the file and send it again", count=line, text=what
    )


@dataclass(frozen=True)
class Due:
    """An appointment that somebody who is here today has."""

    appointment_id: uuid.UUID
    clinic_id: str
    due_at: datetime | None


def due_today(connection: Connection, patient_ids: Sequence[uuid.UUID], day: date) -> list[Due]:
    """Booked for that day, under any id of the person, the earliest first."""
    rows = connection.execute(
        "SELECT appointment_id, clinic_id, due_at FROM appointment JOIN clinic USING (clinic_id)"
        " WHERE patient_id = ANY (%s) AND due_on = %s AND state = 'booked' AND active"
        " ORDER BY due_at NULLS LAST, clinic_id",
        (list(patient_ids), day),
    )
    return [Due(*row) for row in rows]


def keep_appointment(connection: Connection, appointment_id: uuid.UUID, visit_id: uuid.UUID) -> None:
    """The patient came."""
    connection.execute(
        "UPDATE appointment SET state = 'kept', visit_id = %s WHERE appointment_id = %s", (visit_id, appointment_id)
    )
