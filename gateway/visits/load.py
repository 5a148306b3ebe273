"""Load and waiting times by hour and clinic, from the series that knows no patient.

Waiting is told by its median and 90th percentile, in whole minutes until the first call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.db.pool import Connection

DESK: Final = ""
"""In place of a clinic: the registration desk."""
_MEDIAN, _NINETIETH = 0.5, 0.9


@dataclass(frozen=True)
class LoadHour:
    """One hour of one clinic, or of the desk (clinic_id '')."""

    bucket: datetime
    clinic_id: str
    checked_in: int
    """At the desk."""
    queued: int
    called: int
    """For the first time."""
    done: int
    left_unseen: int
    wait_p50_minutes: int | None
    """Of those first called in this hour; None: nobody was."""
    wait_p90_minutes: int | None


@dataclass(frozen=True)
class LoadTotal:
    """Of a whole span."""

    clinic_id: str
    queued: int
    called: int
    done: int
    left_unseen: int
    wait_p50_minutes: int | None
    wait_p90_minutes: int | None
    length_p50_minutes: int | None
    """From entering the room to the end."""


Counts = Mapping[str, Mapping[int, int]]
"""By measure, how many by minutes."""


def load_by_hour(
    connection: Connection, since: datetime, until: datetime, clinic_id: str | None = None
) -> list[LoadHour]:
    """Hours with anything in them; of one clinic, or of all and the desk."""
    return [
        LoadHour(
            bucket=bucket,
            clinic_id=clinic,
            checked_in=_number(counts, "checked_in"),
            queued=_number(counts, "queued"),
            called=_number(counts, "called"),
            done=_number(counts, "done"),
            left_unseen=_number(counts, "left"),
            wait_p50_minutes=percentile(counts.get("called", {}), _MEDIAN),
            wait_p90_minutes=percentile(counts.get("called", {}), _NINETIETH),
        )
        for (bucket, clinic), counts in _grouped(connection, since, until, clinic_id).items()
    ]


def load_totals(connection: Connection, since: datetime, until: datetime) -> list[LoadTotal]:
    """Of each clinic that had anybody."""
    summed: dict[str, dict[str, dict[int, int]]] = {}
    for (_, clinic), counts in _grouped(connection, since, until, None).items():
        if clinic == DESK:
            continue
        for measure, by_minutes in counts.items():
            into = summed.setdefault(clinic, {}).setdefault(measure, {})
            for minutes, count in by_minutes.items():
                into[minutes] = into.get(minutes, 0) + count
    return [
        LoadTotal(
            clinic_id=clinic,
            queued=_number(counts, "queued"),
            called=_number(counts, "called"),
            done=_number(counts, "done"),
            left_unseen=_number(counts, "left"),
            wait_p50_minutes=percentile(counts.get("called", {}), _MEDIAN),
            wait_p90_minutes=percentile(counts.get("called", {}), _NINETIETH),
            length_p50_minutes=percentile(counts.get("done", {}), _MEDIAN),
        )
        for clinic, counts in sorted(summed.items())
    ]


def percentile(by_minutes: Mapping[int, int], share: float) -> int | None:
    """The smallest number of minutes that at least this share waited no longer than (nearest rank)."""
    total = sum(by_minutes.values())
    if total <= 0:
        return None
    seen = 0
    for minutes in sorted(by_minutes):
        seen += by_minutes[minutes]
        if seen >= share * total:
            return minutes
    return max(by_minutes)


def _grouped(
    connection: Connection, since: datetime, until: datetime, clinic_id: str | None
) -> dict[tuple[datetime, str], dict[str, dict[int, int]]]:
    rows: Sequence[tuple[datetime, str, str, int, int]] = connection.execute(
        "SELECT bucket, clinic_id, measure, minutes, visit_count::bigint FROM visit_load_hour WHERE bucket >= %s"
        " AND bucket < %s AND (%s::text IS NULL OR clinic_id = %s) AND visit_count <> 0 ORDER BY bucket, clinic_id",
        (since, until, clinic_id, clinic_id),
    ).fetchall()
    found: dict[tuple[datetime, str], dict[str, dict[int, int]]] = {}
    for bucket, clinic, measure, minutes, count in rows:
        found.setdefault((bucket, clinic), {}).setdefault(measure, {})[minutes] = count
    return found


def _number(counts: Counts, measure: str) -> int:
    return sum(counts.get(measure, {}).values())
