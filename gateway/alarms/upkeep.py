"""What wears out or was forgotten: certificates, clocks of edge nodes, what nobody understood, probes that disagree."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.alarms.conditions import Condition, clear_condition, open_subjects, raise_condition
from gateway.alarms.kinds import kind_of
from gateway.alarms.limits import Limits
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent

_CERTIFICATES: Final = (
    "SELECT DISTINCT ON (c.device_key) c.device_key, d.place_id, c.certificate_number, c.laboratory, c.valid_until"
    " FROM calibration c JOIN device d USING (device_key) WHERE c.withdrawn_at IS NULL"
    " ORDER BY c.device_key, c.performed_on DESC, c.entered_at DESC"
)
_CLOCKS: Final = (
    "SELECT site || '/' || edge_node, clock_offset_s FROM edge_node WHERE clock_offset_s IS NOT NULL AND state = 'up'"
)
_LETTERS: Final = (
    "SELECT code, count(*), min(received_at), max(received_at) FROM dead_letter WHERE resolved_at IS NULL GROUP BY code"
)
_APART: Final = (
    "SELECT d.place_id, d.device_key, d.device_id, avg(r.temperature_celsius), min(r.occurred_at) FROM reading r"
    " JOIN device d USING (device_key) WHERE r.occurred_at > %s AND r.occurred_at <= %s AND d.place_id IN"
    " (SELECT o.place_id FROM device o JOIN sensor_watch w USING (device_key) WHERE o.place_id IS NOT NULL"
    " GROUP BY o.place_id HAVING count(*) > 1) GROUP BY 1, 2, 3 HAVING min(r.occurred_at) <= %s ORDER BY 1, 2"
)
DUE: Final = "due"


def calibration_stage(valid_until: date, today: date, first_days: float, second_days: float) -> str:
    """Empty: not yet; else '90', '30' (as many days as the figures say) or 'due': on the last day and after. Pure."""
    left = (valid_until - today).days
    if left <= 0:
        return DUE
    if left <= second_days:
        return f"{second_days:g}"
    return f"{first_days:g}" if left <= first_days else ""


def watch_calibrations(
    connection: Connection, limits: Limits, zone: ZoneInfo, now: datetime
) -> tuple[NewLiveEvent, ...]:
    """Told a quarter and a month before, on the day, and until there is a new certificate. Days are the hospital's."""
    today = now.astimezone(zone).date()
    wanted: dict[str, Condition] = {}
    for key, place_id, number, laboratory, valid_until in connection.execute(_CERTIFICATES).fetchall():
        figures = [
            limits.of("calibration_due", name, device_key=key, place_id=place_id)
            for name in ("first_days", "second_days")
        ]
        stage = calibration_stage(valid_until, today, *figures)
        if stage:
            facts = {"stage": stage, "valid_until": valid_until.isoformat(), "days": (valid_until - today).days}
            told = {**facts, "certificate": number, "laboratory": laboratory}
            subject = f"device:{key}/{stage}"
            wanted[subject] = _condition("calibration_due", subject, told, now, place_id=place_id, device_key=key)
    return _settle(connection, "calibration_due", wanted, now)


class ClockWatch:
    """Clocks of edge nodes that are off for some while; remembers since when it has seen them off."""

    def __init__(self) -> None:
        self._off_since: dict[str, datetime] = {}

    def watch(self, connection: Connection, limits: Limits, now: datetime) -> tuple[NewLiveEvent, ...]:
        """A node that is not heard keeps its condition: nothing new is known of its clock."""
        most_s, for_s = limits.of("clock_off", "off_by_s"), limits.of("clock_off", "for_s")
        rows = connection.execute(_CLOCKS).fetchall()
        off = {node: offset_s for node, offset_s in rows if abs(offset_s) > most_s}
        self._off_since = {node: self._off_since.get(node, now) for node in off}
        wanted = {
            node: _condition("clock_off", node, {"offset_s": round(offset_s, 1)}, self._off_since[node])
            for node, offset_s in off.items()
            if now - self._off_since[node] >= timedelta(seconds=for_s)
        }
        return _settle(connection, "clock_off", wanted, now, judged={node for node, _ in rows} - off.keys())


def watch_dead_letters(connection: Connection, limits: Limits, now: datetime) -> tuple[NewLiveEvent, ...]:
    """What nobody understood, one condition for each kind of it, until somebody has looked at all of them."""
    most = limits.of("dead_letters", "most")
    wanted = {
        code: _condition("dead_letters", code, {"count": count, "latest": latest.isoformat()}, first)
        for code, count, first, latest in connection.execute(_LETTERS).fetchall()
        if count > most
    }
    return _settle(connection, "dead_letters", wanted, now)


def watch_disagreement(connection: Connection, limits: Limits, now: datetime) -> tuple[NewLiveEvent, ...]:
    """Two thermometers of one place that say different things for long: one of them is wrong, or stands elsewhere."""
    for_s = limits.of("sensor_implausible", "differ_for_s")
    since = now - timedelta(seconds=for_s)
    of_place: dict[str, list[tuple[float, int, str]]] = {}
    # Whoever has not spoken from the beginning of that time on can't be compared.
    rows = connection.execute(_APART, (since, now, since + timedelta(seconds=for_s / 4))).fetchall()
    for place_id, key, name, celsius, _ in rows:
        of_place.setdefault(place_id, []).append((celsius, key, name))
    wanted: dict[str, Condition] = {}
    for place_id, means in of_place.items():
        (low, _, cold), (high, _, warm) = min(means), max(means)
        if high - low > limits.of("sensor_implausible", "differ_celsius", place_id=place_id):
            facts = {"why": "disagree", "devices": [cold, warm], "celsius": [round(low, 2), round(high, 2)]}
            subject = f"place:{place_id}/disagree"
            wanted[subject] = _condition("sensor_implausible", subject, facts, since, place_id=place_id)
    return _settle(connection, "sensor_implausible", wanted, now, only="/disagree")


def _condition(
    kind: str,
    subject: str,
    facts: Mapping[str, Any],
    since: datetime,
    *,
    place_id: str | None = None,
    device_key: int | None = None,
) -> Condition:
    severity = kind_of(kind).severity
    return Condition(kind, subject, place_id, device_key, severity, started_at=since, raised_at=since, facts=facts)


def _settle(
    connection: Connection,
    kind: str,
    wanted: Mapping[str, Condition],
    now: datetime,
    *,
    judged: Collection[str] | None = None,
    only: str = "",
) -> tuple[NewLiveEvent, ...]:
    """Raise what is new, clear what does not hold any more (of `judged`, if not all were; of subjects ending `only`).

    New ones first: an incident whose matter goes on in another form has not returned meanwhile.
    """
    known = {subject for _, subject in open_subjects(connection, (kind,)) if subject.endswith(only)}
    live: list[NewLiveEvent] = []
    for subject in sorted(wanted.keys() - known):
        live += raise_condition(connection, wanted[subject], now)
    for subject in sorted(known - wanted.keys()):
        if judged is None or subject in judged:
            live += clear_condition(connection, kind, subject, now, now=now)
    return tuple(live)
