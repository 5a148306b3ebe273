"""The one place where a reading is corrected by its instrument's calibration.

Readings stay in the database as the wire brought them. Whoever judges, draws, sums up or exports them asks here, so
that all of them say the same of the same reading. A certificate counts for readings from the day on which it was
performed (and from when the instrument was connected to that device) until the next certificate; one whose validity is
over still does: it is the best that is known, and its age is told beside it.

Between the points of a certificate the correction is interpolated, outside them the nearest point's is taken (the usual
practice with certificates of few points; EURAMET cg-13 leaves the choice to the user, who has to state it).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Final
from uuid import UUID

from gateway.db.pool import Connection
from inventory.cold_chain.instant import to_us

_DIGITS: Final = 4
"""Of a corrected value: far below any instrument's resolution, and 7.8 + 0.2 is no more than 8.0."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a certificate."""

    indicated_celsius: float
    """What the instrument showed."""
    offset_celsius: float
    """To be added to it: reference minus indicated."""
    uncertainty_celsius: float
    """Expanded, k = 2."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What one certificate says of readings."""

    calibration_id: UUID
    certificate_number: str
    performed_on: date
    valid_until: date
    points: tuple[Point, ...]
    """By rising indicated value; at least one."""

    def offset(self, raw_celsius: float) -> float:
        """What is added to this reading."""
        low, high, share = self._between(raw_celsius)
        return low.offset_celsius + share * (high.offset_celsius - low.offset_celsius)

    def uncertainty(self, raw_celsius: float) -> float:
        """How far the corrected reading may be off (k = 2): the greater of the points around it."""
        low, high, _ = self._between(raw_celsius)
        return max(low.uncertainty_celsius, high.uncertainty_celsius)

    def celsius(self, raw_celsius: float) -> float:
        """The corrected reading."""
        return round(raw_celsius + self.offset(raw_celsius), _DIGITS)

    def _between(self, raw_celsius: float) -> tuple[Point, Point, float]:
        points = self.points
        if raw_celsius <= points[0].indicated_celsius:
            return points[0], points[0], 0.0
        for low, high in pairwise(points):
            if raw_celsius <= high.indicated_celsius:
                span = high.indicated_celsius - low.indicated_celsius
                return low, high, (raw_celsius - low.indicated_celsius) / span
        return points[-1], points[-1], 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A time during which one certificate counts for a device."""

    from_us: int
    until_us: int | None
    """None: it still does."""
    correction: Correction


@dataclass(frozen=True)
class Corrections:
    """Of some devices, over all time."""

    pieces: Mapping[int, tuple[Piece, ...]] = field(default_factory=dict)
    """By device, by rising time; without overlaps."""

    @staticmethod
    def read(connection: Connection, device_keys: Iterable[int]) -> "Corrections":
        """Those of these devices: one query."""
        rows = connection.execute(_PIECES, (sorted(set(device_keys)),)).fetchall()
        found: dict[int, list[Piece]] = {}
        for device_key, starts, ends, calibration_id, number, performed_on, valid_until, points in rows:
            correction = Correction(
                calibration_id,
                number,
                performed_on,
                valid_until,
                tuple(Point(*point) for point in points),
            )
            piece = Piece(to_us(starts), None if ends is None else to_us(ends), correction)
            found.setdefault(device_key, []).append(piece)
        return Corrections({key: tuple(pieces) for key, pieces in found.items()})

    def at(self, device_key: int, at: datetime) -> Correction | None:
        """The certificate that counts for a reading of that time; None: none does."""
        pieces = self.pieces.get(device_key)
        return None if pieces is None else _piece_at(pieces, to_us(at))

    def celsius(self, device_key: int, at: datetime, raw_celsius: float) -> float:
        """The reading as it counts: corrected where there is a certificate."""
        correction = self.at(device_key, at)
        return raw_celsius if correction is None else correction.celsius(raw_celsius)

    def uncertainty(self, device_key: int, at: datetime, raw_celsius: float) -> float | None:
        """How far it may be off (k = 2); None: no certificate says it."""
        correction = self.at(device_key, at)
        return None if correction is None else correction.uncertainty(raw_celsius)

    def most(self, device_key: int) -> float:
        """The greatest size of any correction of this device: how far beyond a limit raw values must be looked at."""
        return max(
            (
                abs(point.offset_celsius)
                for piece in self.pieces.get(device_key, ())
                for point in piece.correction.points
            ),
            default=0.0,
        )


def _piece_at(pieces: Sequence[Piece], at_us: int) -> Correction | None:
    place = bisect_right(pieces, at_us, key=lambda piece: piece.from_us) - 1
    if place < 0:
        return None
    piece = pieces[place]
    return piece.correction if piece.until_us is None or at_us < piece.until_us else None


_PIECES: Final = (
    "WITH counting AS ("
    " SELECT n.device_key, n.disconnected_at, c.calibration_id, c.certificate_number, c.performed_on, c.valid_until,"
    " c.offset_celsius, c.uncertainty_celsius, greatest(n.connected_at, c.applies_from) AS starts_at,"
    " row_number() OVER (PARTITION BY n.device_key, n.sensor_id, n.connected_at,"
    " greatest(n.connected_at, c.applies_from) ORDER BY c.performed_on DESC, c.entered_at DESC) AS place,"
    " n.sensor_id, n.connected_at"
    " FROM sensor_connection n JOIN calibration c USING (sensor_id)"
    " WHERE n.device_key = ANY(%s) AND c.withdrawn_at IS NULL"
    " AND (n.disconnected_at IS NULL OR c.applies_from < n.disconnected_at))"
    " SELECT device_key, starts_at, least(disconnected_at, lead(starts_at) OVER (PARTITION BY device_key, sensor_id,"
    " connected_at ORDER BY starts_at)) AS ends_at, calibration_id, certificate_number, performed_on, valid_until,"
    " coalesce((SELECT jsonb_agg(jsonb_build_array(p.indicated_celsius, p.offset_celsius, p.uncertainty_celsius)"
    " ORDER BY p.indicated_celsius) FROM calibration_point p WHERE p.calibration_id = counting.calibration_id),"
    " jsonb_build_array(jsonb_build_array(0, offset_celsius, uncertainty_celsius))) AS points"
    " FROM counting WHERE place = 1 ORDER BY device_key, starts_at"
)
"""Of several certificates that begin to count at the same time (all older than the connection), the newest does."""
