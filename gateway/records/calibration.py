"""Calibration certificates: entered by their points, kept with the laboratory's file, never deleted but withdrawn.

A person types what the certificate's table says: the reference's value and the instrument's. The offset is worked out
here (reference minus indicated), so that nobody enters it with the wrong sign.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.cold_chain.climate_keeper import rewind
from gateway.db.pool import Connection
from gateway.records import journal
from gateway.records.errors import RecordError, RecordNotFoundError
from gateway.records.sensors import find, follow_connection
from gateway.services.reads_rows import Row, all_rows, first_row

OFFSET_MAX_CELSIUS: Final = 5.0
"""A thermometer that is off by more is broken: it is repaired, not corrected. Our choice; classes of WHO PQS loggers
are 0.5 degrees."""
FILE_BYTES_MAX: Final = 10 * 1024 * 1024
DUE_DAYS: Final = (90, 30, 0)
"""How many days before the end of its validity a calibration is told of."""
DueState = Literal["none", "over", "today", "in_30_days", "in_90_days", "valid"]


@dataclass(frozen=True)
class MeasuredPoint:
    """One line of a certificate's table."""

    reference_celsius: float
    indicated_celsius: float
    uncertainty_celsius: float
    """Expanded, k = 2."""

    @property
    def offset_celsius(self) -> float:
        """To be added to a reading."""
        return round(self.reference_celsius - self.indicated_celsius, 4)


@dataclass(frozen=True)
class NewCertificate:
    """As it is entered; valid if it exists."""

    certificate_number: str
    laboratory: str
    performed_on: date
    valid_until: date
    points: tuple[MeasuredPoint, ...]

    def __post_init__(self) -> None:
        """Refuse what no laboratory would sign.

        Raises:
            RecordError: number or laboratory missing, an end before the day itself, no points, two of one indication,
                an offset beyond 5 degrees, an uncertainty below 0, or points by which a warmer reading becomes a
                colder one.
        """
        if not self.certificate_number.strip() or not self.laboratory.strip():
            raise RecordError("certificate_unnamed", "number or laboratory is empty: both stand on the certificate")
        if self.valid_until < self.performed_on:
            raise RecordError(
                "validity_wrong",
                f"valid until {self.valid_until}, performed on {self.performed_on}: expected the same day or later",
                first=self.performed_on,
                last=self.valid_until,
            )
        if not self.points:
            raise RecordError("points_missing", "no point: enter at least one line of the certificate's table")
        for point in self.points:
            if (
                abs(point.offset_celsius) > OFFSET_MAX_CELSIUS
                or not 0 <= point.uncertainty_celsius <= OFFSET_MAX_CELSIUS
            ):
                raise RecordError(
                    "point_wrong",
                    f"reference {point.reference_celsius}, indicated {point.indicated_celsius}, uncertainty"
                    f" {point.uncertainty_celsius}: expected an offset and an uncertainty of at most"
                    f" {OFFSET_MAX_CELSIUS:g} degrees",
                    reference=point.reference_celsius,
                    indicated=point.indicated_celsius,
                )
        ordered = sorted(self.points, key=lambda point: point.indicated_celsius)
        for low, high in pairwise(ordered):
            if low.indicated_celsius == high.indicated_celsius or low.reference_celsius >= high.reference_celsius:
                raise RecordError(
                    "points_crossed",
                    f"points at {low.indicated_celsius} and {high.indicated_celsius}: expected each indication once and"
                    " a warmer reference for a warmer indication",
                    reference=high.reference_celsius,
                    indicated=high.indicated_celsius,
                )


class Certificate(Row):
    """One that was entered."""

    calibration_id: UUID
    sensor_id: UUID
    certificate_number: str
    laboratory: str
    performed_on: date
    valid_until: date
    offset_celsius: float
    uncertainty_celsius: float
    applies_from: datetime
    entered_at: datetime
    entered_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_reason: str | None
    file_name: str | None
    file_sha256: str | None
    points: list[tuple[float, float, float]]
    """(indicated, offset, uncertainty)."""


_CERTIFICATES: Final = (
    "SELECT c.calibration_id, c.sensor_id, c.certificate_number, c.laboratory, c.performed_on, c.valid_until,"
    " c.offset_celsius, c.uncertainty_celsius, c.applies_from, c.entered_at, c.entered_by, c.withdrawn_at,"
    " c.withdrawn_by, c.withdrawn_reason, f.file_name, f.sha256 AS file_sha256, coalesce((SELECT jsonb_agg("
    " jsonb_build_array(p.indicated_celsius, p.offset_celsius, p.uncertainty_celsius) ORDER BY p.indicated_celsius)"
    " FROM calibration_point p WHERE p.calibration_id = c.calibration_id), '[]') AS points"
    " FROM calibration c LEFT JOIN calibration_file f USING (calibration_id)"
)


def enter(
    connection: Connection,
    sensor_id: UUID,
    certificate: NewCertificate,
    by: str,
    zone: ZoneInfo,
    *,
    today: date,
    file: tuple[str, bytes] | None = None,
) -> UUID:
    """Enter a certificate of an instrument: readings from the day on which it was performed are corrected by it.

    Args:
        connection: in a transaction.
        sensor_id: of the instrument.
        certificate: what it says.
        by: who enters it.
        zone: of the hospital's days.
        today: a certificate of a later day is refused.
        file: name and bytes of the laboratory's PDF.

    Raises:
        RecordError: it was entered before, is of a day to come, or the file is none.
        RecordNotFoundError: there is no such instrument.
    """
    find(connection, sensor_id)
    if certificate.performed_on > today:
        raise RecordError(
            "performed_ahead",
            f"performed on {certificate.performed_on}: that is to come",
            first=certificate.performed_on,
        )
    number = certificate.certificate_number.strip()
    known = connection.execute(
        "SELECT FROM calibration WHERE sensor_id = %s AND certificate_number = %s AND withdrawn_at IS NULL",
        (sensor_id, number),
    ).fetchone()
    if known is not None:
        raise RecordError("certificate_twice", f"certificate {number!r} of this instrument is entered", number=number)
    greatest = max((point.offset_celsius for point in certificate.points), key=abs)
    applies_from = datetime.combine(certificate.performed_on, time(), tzinfo=zone)
    row = connection.execute(
        "INSERT INTO calibration (sensor_id, performed_on, valid_until, offset_celsius, uncertainty_celsius,"
        " certificate_number, laboratory, applies_from, entered_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " RETURNING calibration_id",
        (
            *(sensor_id, certificate.performed_on, certificate.valid_until, greatest),
            *(max(point.uncertainty_celsius for point in certificate.points), number, certificate.laboratory.strip()),
            *(applies_from, by),
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING returns
    calibration_id: UUID = row[0]
    for point in certificate.points:
        connection.execute(
            "INSERT INTO calibration_point VALUES (%s, %s, %s, %s)",
            (calibration_id, point.indicated_celsius, point.offset_celsius, point.uncertainty_celsius),
        )
    if file is not None:
        _keep_file(connection, calibration_id, *file)
    follow_connection(connection, sensor_id)
    _judge_anew(connection, sensor_id, applies_from)
    journal.note(connection, by, "calibration", calibration_id, "entered")
    return calibration_id


def withdraw(connection: Connection, calibration_id: UUID, by: str, reason: str) -> None:
    """It does not count any more, and never did; it stays to be seen.

    Raises:
        RecordError: no reason, or it was withdrawn before.
    """
    if not reason.strip():
        raise RecordError("reason_missing", "no reason: say why the certificate does not count")
    row = connection.execute(
        "UPDATE calibration SET withdrawn_at = now(), withdrawn_by = %s, withdrawn_reason = %s, device_key = NULL"
        " WHERE calibration_id = %s AND withdrawn_at IS NULL RETURNING sensor_id, applies_from",
        (by, reason.strip(), calibration_id),
    ).fetchone()
    if row is None:
        raise RecordError("certificate_unknown", f"there is no certificate {calibration_id} that counts")
    _judge_anew(connection, row[0], row[1])
    journal.note(connection, by, "calibration", calibration_id, "withdrawn", reason=reason.strip())


def certificates_of(connection: Connection, sensor_id: UUID) -> list[Certificate]:
    """Newest first, those that were withdrawn too."""
    return all_rows(
        connection,
        Certificate,
        _CERTIFICATES + " WHERE c.sensor_id = %(id)s ORDER BY c.performed_on DESC, c.entered_at DESC",
        {"id": sensor_id},
    )


def find_certificate(connection: Connection, calibration_id: UUID) -> Certificate:
    """One.

    Raises:
        RecordNotFoundError: there is none of this id.
    """
    found = first_row(
        connection, Certificate, _CERTIFICATES + " WHERE c.calibration_id = %(id)s", {"id": calibration_id}
    )
    if found is None:
        raise RecordNotFoundError("certificate_unknown", f"there is no certificate {calibration_id}")
    return found


def file_of(connection: Connection, calibration_id: UUID) -> tuple[str, bytes]:
    """Name and bytes of the laboratory's file, as they came.

    Raises:
        RecordNotFoundError: there is none.
        RecordError: the bytes are not those that came.
    """
    row = connection.execute(
        "SELECT file_name, sha256, pdf FROM calibration_file WHERE calibration_id = %s", (calibration_id,)
    ).fetchone()
    if row is None:
        raise RecordNotFoundError("file_unknown", f"certificate {calibration_id} has no file")
    name, sha256, pdf = row
    if hashlib.sha256(pdf).hexdigest() != sha256:
        raise RecordError("file_changed", f"file of certificate {calibration_id}: its bytes are not those that came")
    return str(name), bytes(pdf)


def due_state(valid_until: date | None, today: date) -> DueState:
    """How near the end of a calibration's validity is; the last day itself still counts."""
    if valid_until is None:
        return "none"
    left = (valid_until - today).days
    if left < 0:
        return "over"
    if left == 0:
        return "today"
    return "in_30_days" if left <= DUE_DAYS[1] else "in_90_days" if left <= DUE_DAYS[0] else "valid"


def next_year(performed_on: date) -> date:
    """The usual validity: twelve months less a day."""
    try:
        return performed_on.replace(year=performed_on.year + 1) - timedelta(days=1)
    except ValueError:  # 29 February
        return performed_on.replace(year=performed_on.year + 1, day=28)


def _judge_anew(connection: Connection, sensor_id: UUID, since: datetime) -> None:
    """With its next reading each device that had the instrument since then is judged again, and told what changed."""
    rows = connection.execute(
        "SELECT device_key, greatest(connected_at, %(since)s) FROM sensor_connection WHERE sensor_id = %(id)s"
        " AND coalesce(disconnected_at, 'infinity') > %(since)s",
        {"id": sensor_id, "since": since},
    ).fetchall()
    for device_key, at in rows:
        connection.execute(
            "UPDATE rule_watch SET rejudge_from = least(coalesce(rejudge_from, %(at)s), %(at)s)"
            " WHERE device_key = %(device_key)s",
            {"at": at, "device_key": device_key},
        )
        rewind(connection, device_key, at)


def _keep_file(connection: Connection, calibration_id: UUID, name: str, data: bytes) -> None:
    if not data.startswith(b"%PDF-"):
        raise RecordError("file_no_pdf", f"file {name!r} is no PDF: send the laboratory's", name=name)
    if len(data) > FILE_BYTES_MAX:
        raise RecordError("file_too_large", f"file {name!r} has {len(data)} bytes: at most {FILE_BYTES_MAX}", name=name)
    if b"%%EOF" not in data[-2048:]:
        raise RecordError("file_cut", f"file {name!r} ends in the middle: send it again", name=name)
    connection.execute(
        "INSERT INTO calibration_file VALUES (%s, %s, %s, %s)",
        (calibration_id, name[:200], hashlib.sha256(data).hexdigest(), data),
    )


def points_of(rows: Sequence[tuple[float, float, float]]) -> tuple[MeasuredPoint, ...]:
    """Points of a table of (reference, indicated, uncertainty)."""
    return tuple(MeasuredPoint(*row) for row in rows)
