"""Dispense to a patient: chosen by the card that was put on a reader, by patient number or by prescription number.

Everything here carries the patient's pseudonym. Names stay in the table of patients, for the registration desk.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from gateway.db.pool import Connection
from gateway.people.people import Reading
from gateway.people.person import Patient
from gateway.stock import outgoing
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError
from gateway.stock.outgoing import NewOutgoing, Outcome

TAP_AGE_MAX: Final = timedelta(minutes=15)
"""A card that was shown longer ago may be the last patient's: it has to be shown again."""
ChosenBy = Literal["card", "patient_number", "prescription_number"]


@dataclass(frozen=True)
class PatientChosen:
    """Whom the goods are for."""

    patient_id: uuid.UUID
    patient_number: str
    allergy_flag: bool
    queue_number: int | None
    """Of the visit of the day, which is what the patient was told at the desk."""
    chosen_by: ChosenBy
    tapped_at: datetime | None = None
    """When the card was put on the reader, by the reader's clock."""


def patient_by_card(
    connection: Connection,
    now: datetime,
    reading: Reading,
    *,
    place_id: str | None = None,
    device_key: int | None = None,
) -> PatientChosen:
    """The newest card there that proved to be genuine and is valid; cards shown too long ago do not count.

    A card that could not prove itself, shown later, hides the one before: who stands there is not known then. A card
    that was reported lost since it was shown is refused too.

    Raises:
        WorkNotFoundError: no card was shown there lately, or the last one is not to be trusted; says why.
    """
    row = connection.execute(
        "SELECT CASE WHEN c.state <> 'active' THEN c.state || '_card' ELSE t.outcome END, t.occurred_at,"
        " CASE WHEN c.state = 'active' AND t.gateway_verdict = 'genuine' THEN v.patient_id END"
        " FROM tap t JOIN device d USING (device_key)"
        " LEFT JOIN visit v USING (visit_id) LEFT JOIN card c USING (card_id)"
        " WHERE t.occurred_at > %(since)s AND t.occurred_at <= %(until)s"
        " AND (%(device)s::integer IS NULL OR t.device_key = %(device)s)"
        " AND (%(place)s::text IS NULL OR d.place_id = %(place)s)"
        " ORDER BY t.occurred_at DESC, t.epoch_key DESC, t.seq DESC LIMIT 1",
        {
            "since": now - TAP_AGE_MAX,
            "until": now + timedelta(minutes=2),  # a reader's clock may be ahead a little
            "device": device_key,
            "place": place_id,
        },
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("no_card", "no card was put on the reader lately: let the patient show it")
    outcome, tapped_at, patient_id = row
    if patient_id is None:
        message = f"the last card shown is not to be trusted ({outcome}): choose the patient by number"
        raise WorkNotFoundError("card_refused", message, outcome=outcome)
    found = _chosen(connection, reading.one(connection, patient_id), now)
    if found is None:
        raise WorkNotFoundError("no_patient_of_card", "the card's patient is not known here any more")
    return replace(found, chosen_by="card", tapped_at=tapped_at)


def patient_by_number(connection: Connection, patient_number: str, now: datetime, reading: Reading) -> PatientChosen:
    """By the number on the patient's papers.

    Raises:
        WorkNotFoundError: nobody has it.
    """
    found = _chosen(connection, reading.by_number(connection, patient_number), now)
    if found is None:
        raise WorkNotFoundError("no_patient_number", "no patient has this number")
    return found


def patient_by_id(connection: Connection, patient_id: str, now: datetime, reading: Reading) -> PatientChosen:
    """Chosen before, such as in a draft.

    Raises:
        WorkRefusedError: nobody has it any more.
    """
    try:
        found = _chosen(connection, reading.one(connection, uuid.UUID(patient_id)), now)
    except ValueError:
        found = None
    if found is None:
        raise WorkRefusedError("unknown_patient", f"patient {patient_id!r} is not known here")
    return found


def patient_by_prescription(
    connection: Connection, prescription_number: str, now: datetime, reading: Reading
) -> PatientChosen | None:
    """Whom this prescription was dispensed to before; None if it never was, or to nobody known here."""
    row = connection.execute(
        "SELECT patient_id FROM stock_document WHERE prescription_number = %s AND kind = 'dispensing'"
        " AND patient_id IS NOT NULL AND state <> 'cancelled' ORDER BY created_at DESC LIMIT 1",
        (prescription_number.strip(),),
    ).fetchone()
    found = _chosen(connection, reading.one(connection, row[0]), now) if row else None
    return None if found is None else replace(found, chosen_by="prescription_number")


def begin_dispensing(connection: Connection, new: NewOutgoing, now: datetime) -> Outcome:
    """Write the draft, propose and promise lots.

    Raises:
        WorkRefusedError: neither a patient nor a prescription number, or a patient who is not known.
        and as `outgoing.begin`.
    """
    number = (new.prescription_number or "").strip() or None
    if new.patient_id is None and number is None:
        raise WorkRefusedError(
            "no_patient", "for whom: let the card be shown, or enter a patient or prescription number"
        )
    if new.patient_id is not None and not _is_known(connection, new.patient_id):
        raise WorkRefusedError("unknown_patient", f"patient {new.patient_id} is not known here")
    return outgoing.begin(
        connection, replace(new, kind="dispensing", to_place_id=None, prescription_number=number), now
    )


def _chosen(connection: Connection, patient: Patient | None, now: datetime) -> PatientChosen | None:
    """With the number of the visit of the day, under whichever of merged records it stands."""
    if patient is None:
        return None
    row = connection.execute(
        "SELECT queue_number FROM visit WHERE patient_id IN (SELECT patient_aliases(%s)) AND checked_in_at > %s"
        " ORDER BY checked_in_at DESC LIMIT 1",
        (patient.patient_id, now - timedelta(hours=24)),
    ).fetchone()
    queue_number = row[0] if row else None
    return PatientChosen(
        patient.patient_id, patient.patient_number, patient.allergy_flag, queue_number, "patient_number"
    )


def _is_known(connection: Connection, patient_id: uuid.UUID) -> bool:
    return connection.execute("SELECT FROM patient WHERE patient_id = %s", (patient_id,)).fetchone() is not None
