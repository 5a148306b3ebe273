"""What the registration desk reads: taps with their outcome, the day's visits. Names never come by live feed."""

from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from gateway.people import person as people
from gateway.people.people import Reading
from gateway.services.app_services import DbConnection
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.taps.card_states import CardState
from gateway.taps.second_identifier import Question

TapOutcome = Literal[
    "checked_in",
    "already_checked_in",
    "unknown_card",
    "foreign_card",
    "not_genuine",
    "replayed",
    "unreadable",
    "unverified",
    "lost_card",
    "stolen_card",
    "revoked_card",
    "expired_card",
    "replaced_card",
]
Difference = Literal["", "accepted_there", "refused_there"]
"""What the desk's own screen said, where the gateway says otherwise."""


class Patient(Row):
    """A patient as the desk needs them."""

    patient_id: UUID
    patient_number: str
    full_name: str
    birth_date: date | None
    sex: Literal["male", "female", "other", "unknown"]
    insurance_number: str | None
    allergy_flag: bool
    identity_confidence: Literal["proven", "documented", "stated", "unknown"]
    is_newborn: bool


class Tap(Row):
    """One card put on a reader, and what came of it."""

    epoch_key: int
    seq: int
    occurred_at: datetime
    received_at: datetime
    outcome: TapOutcome
    reason: str
    edge_verdict: str
    gateway_verdict: str
    card_id: str | None
    device_key: int
    place_id: str | None
    place_name_vi: str | None
    place_name_en: str | None
    visit_id: UUID | None
    queue_number: int | None
    checked_in_at: datetime | None
    profile: Literal["piv", "ntag424", "unknown"]
    edge_card_state: str
    edge_list_number: int | None
    edge_list_issued_at: datetime | None
    """When the list of cards to refuse was made that the edge node judged with, by its own clock."""
    edge_list_stale: bool
    difference: Difference
    presence_token: str | None
    second_identifier: Question | None
    second_identifier_matched: bool | None
    card_state: CardState | None
    """Now."""
    card_state_changed_at: datetime | None
    card_valid_until: date | None
    last_visit: date | None
    """The day of the visit before this one."""
    patient_id: UUID | None
    patient: Patient | None
    """Whose card it is; none where the card does not prove it: a copied card must not show a child's name."""


class ChangedVerdict(Row):
    """A tap of which the desk was told otherwise than what was found here. No person is named."""

    epoch_key: int
    seq: int
    occurred_at: datetime
    received_at: datetime
    outcome: TapOutcome
    difference: Difference
    edge_card_state: str
    edge_list_issued_at: datetime | None
    edge_list_stale: bool
    card_id: str | None
    place_name_vi: str | None
    place_name_en: str | None
    visit_id: UUID | None


class Visit(Row):
    """One visit of a patient on one day."""

    visit_id: UUID
    visit_date: date
    queue_number: int
    checked_in_at: datetime
    place_id: str | None
    place_name_vi: str | None
    place_name_en: str | None
    patient: Patient


class TapFact(Row):
    """A tap for programs: no personal data."""

    epoch_key: int
    seq: int
    occurred_at: datetime
    received_at: datetime
    outcome: TapOutcome
    reason: str
    edge_verdict: str
    gateway_verdict: str
    card_id: str | None
    device_key: int
    visit_id: UUID | None
    profile: Literal["piv", "ntag424", "unknown"]
    edge_card_state: str
    edge_list_number: int | None
    difference: Difference


# A patient is shown for a tap only where possession of the card's key was proven.
_TAPS: Final = (
    "SELECT t.epoch_key, t.seq, t.occurred_at, t.received_at, t.outcome, t.reason, t.edge_verdict, t.gateway_verdict,"
    " t.card_id, t.device_key, d.place_id, pl.name_vi AS place_name_vi, pl.name_en AS place_name_en, t.visit_id,"
    " v.queue_number, v.checked_in_at, t.profile, t.edge_card_state, t.edge_list_number,"
    " t.occurred_at - make_interval(secs => t.edge_list_age_s) AS edge_list_issued_at, t.edge_list_stale, t.difference,"
    " t.presence_token, t.second_identifier, t.second_identifier_matched, c.state AS card_state,"
    " c.state_changed_at AS card_state_changed_at, c.valid_until AS card_valid_until,"
    " (SELECT max(b.visit_date) FROM visit b WHERE b.patient_id = v.patient_id AND b.visit_date < v.visit_date)"
    " AS last_visit, CASE WHEN t.gateway_verdict = 'genuine'"
    " THEN coalesce(v.patient_id, c.patient_id) END AS patient_id, NULL AS patient"
    " FROM tap t LEFT JOIN visit v USING (visit_id) LEFT JOIN card c ON c.card_id = t.card_id"
    " LEFT JOIN device d ON d.device_key = t.device_key LEFT JOIN place pl"
    " ON pl.place_id = d.place_id"
)
_CHANGED: Final = (
    "SELECT t.epoch_key, t.seq, t.occurred_at, t.received_at, t.outcome, t.difference, t.edge_card_state,"
    " t.occurred_at - make_interval(secs => t.edge_list_age_s) AS edge_list_issued_at, t.edge_list_stale, t.card_id,"
    " pl.name_vi AS place_name_vi, pl.name_en AS place_name_en, t.visit_id FROM tap t"
    " LEFT JOIN device d ON d.device_key = t.device_key LEFT JOIN place pl ON pl.place_id = d.place_id"
    " WHERE t.difference <> '' AND t.difference_seen_at IS NULL AND t.occurred_at > %(since)s"
    " AND (%(place_id)s::text IS NULL OR d.place_id = %(place_id)s) ORDER BY t.occurred_at DESC LIMIT %(limit)s"
)
_NEWEST_TAP: Final = (
    _TAPS + " WHERE %(place_id)s::text IS NULL OR d.place_id = %(place_id)s"
    " ORDER BY t.occurred_at DESC, t.received_at DESC, t.seq DESC LIMIT 1"
)
_VISITS: Final = (
    "SELECT v.visit_id, v.visit_date, v.queue_number, v.checked_in_at, v.place_id, pl.name_vi AS place_name_vi,"
    " pl.name_en AS place_name_en, v.patient_id FROM visit v LEFT JOIN place pl ON pl.place_id = v.place_id"
    " WHERE v.visit_date = %(visit_date)s AND (%(place_id)s::text IS NULL OR v.place_id = %(place_id)s)"
    " ORDER BY v.queue_number DESC LIMIT %(limit)s"
)


def newest_tap(
    connection: DbConnection, reading: Reading, place_id: str | None = None
) -> tuple[Tap | None, people.Patient | None]:
    """The latest tap by device time, of one desk or of all, and whoever's card it is."""
    tap = first_row(connection, Tap, _NEWEST_TAP, {"place_id": place_id})
    if tap is None or tap.patient_id is None:
        return tap, None
    found = reading.one(connection, tap.patient_id)
    return (tap, None) if found is None else (tap.model_copy(update={"patient": _shown(found)}), found)


def changed_verdicts(
    connection: DbConnection, since: datetime, limit: int, place_id: str | None = None
) -> list[ChangedVerdict]:
    """Taps since then that the desk was told otherwise about, and that nobody has dealt with; newest first."""
    return all_rows(connection, ChangedVerdict, _CHANGED, {"since": since, "limit": limit, "place_id": place_id})


def visits_of_day(
    connection: DbConnection, reading: Reading, visit_date: date, limit: int, place_id: str | None = None
) -> list[Visit]:
    """The visits of a day (local date), highest queue number first."""
    rows = connection.execute(
        _VISITS, {"visit_date": visit_date, "limit": limit, "place_id": place_id}, prepare=False
    ).fetchall()
    found = reading.read(connection, [row[-1] for row in rows])
    names = tuple(Visit.model_fields)[:-1]
    return [Visit(**dict(zip(names, row[:-1], strict=True)), patient=_shown(found[row[-1]])) for row in rows]


def _shown(patient: people.Patient) -> Patient:
    return Patient(**{name: getattr(patient, name) for name in Patient.model_fields})


def count_visits(connection: DbConnection, visit_date: date, place_id: str | None = None) -> int:
    """How many visits a day has."""
    row = connection.execute(
        "SELECT count(*) FROM visit WHERE visit_date = %(visit_date)s"
        " AND (%(place_id)s::text IS NULL OR place_id = %(place_id)s)",
        {"visit_date": visit_date, "place_id": place_id},
    ).fetchone()
    return int(row[0]) if row else 0


def tap_facts(connection: DbConnection, limit: int, before: datetime | None = None) -> list[TapFact]:
    """The latest taps, newest first, without personal data."""
    return all_rows(
        connection,
        TapFact,
        "SELECT epoch_key, seq, occurred_at, received_at, outcome, reason, edge_verdict, gateway_verdict, card_id,"
        " device_key, visit_id, profile, edge_card_state, edge_list_number, difference"
        " FROM tap WHERE %(before)s::timestamptz IS NULL OR occurred_at < %(before)s"
        " ORDER BY occurred_at DESC, epoch_key, seq DESC LIMIT %(limit)s",
        {"limit": limit, "before": before},
    )
