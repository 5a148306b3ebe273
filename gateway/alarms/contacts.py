"""Doors, mains supply and batteries as their contacts and devices say them: state, history, and what alarms.

A door that is open for too long, or a supply that is off, alarms while it is so: then the sweeper finds it. What is
over before it is told (the edge node was offline) is judged here by event time: matured, and returned at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from edge.contracts.observations import CONTACT_STATES, BatteryMeasured, ContactChanged
from gateway.alarms.conditions import Condition, clear_condition, is_active, raise_condition
from gateway.alarms.kinds import kind_of
from gateway.alarms.limits import Limits, load_limits
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence

Contact = Literal["door", "mains_power"]
KINDS: Final[dict[str, tuple[str, str]]] = {
    "door": ("door_open", "open_for_s"),
    "mains_power": ("power_cut", "off_for_s"),
}
"""Of each contact: the kind of condition it can raise, and the figure that says after how long."""


@dataclass(frozen=True)
class ContactState:
    """What a contact says now."""

    device_key: int
    contact: Contact
    state: str
    since: datetime
    place_id: str | None

    @property
    def is_normal(self) -> bool:
        """Shut, or supplied."""
        return self.state == CONTACT_STATES[self.contact][0]

    def matures_at(self, limits: Limits) -> datetime | None:
        """When it has been otherwise for too long; None: it is as it should be."""
        if self.is_normal:
            return None
        kind, figure = KINDS[self.contact]
        wait_s = limits.of(kind, figure, device_key=self.device_key, place_id=self.place_id)
        return self.since + timedelta(seconds=wait_s)


_STATES: Final = (
    "SELECT c.device_key, c.contact, c.state, c.since, d.place_id FROM contact_state c JOIN device d USING (device_key)"
)


def states(connection: Connection) -> list[ContactState]:
    """Every contact."""
    return [ContactState(*row) for row in connection.execute(_STATES).fetchall()]


def apply_contact_changed(connection: Connection, at: Occurrence, changed: ContactChanged) -> tuple[NewLiveEvent, ...]:
    """Keep what it says, and judge what it ends."""
    place = connection.execute("SELECT place_id FROM device WHERE device_key = %s", (at.device_key,)).fetchone()
    place_id = None if place is None else place[0]
    connection.execute(
        "INSERT INTO contact_change (device_key, contact, occurred_at, state, place_id, received_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (at.device_key, changed.contact, at.occurred_at, changed.state, place_id, at.received_at),
    )
    row = connection.execute(
        f"{_STATES} WHERE c.device_key = %s AND c.contact = %s FOR UPDATE OF c", (at.device_key, changed.contact)
    ).fetchone()
    before = None if row is None else ContactState(*row)
    if before is not None and (before.since > at.occurred_at or before.state == changed.state):
        return ()  # told late, or told again: since when it is so is known already
    connection.execute(
        "INSERT INTO contact_state (device_key, contact, state, since, received_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (device_key, contact) DO UPDATE SET state = excluded.state, since = excluded.since,"
        " received_at = excluded.received_at",
        (at.device_key, changed.contact, changed.state, at.occurred_at, at.received_at),
    )
    now = ContactState(at.device_key, changed.contact, changed.state, at.occurred_at, place_id)
    payload = {"device_key": at.device_key, "contact": changed.contact, "state": changed.state}
    live: list[NewLiveEvent] = [NewLiveEvent("on_call", "contact", payload)]
    if before is not None and now.is_normal:
        live += _ended(connection, before, at)
    return tuple(live)


def _ended(connection: Connection, before: ContactState, at: Occurrence) -> tuple[NewLiveEvent, ...]:
    kind = KINDS[before.contact][0]
    live: list[NewLiveEvent] = []
    matured_at = before.matures_at(load_limits(connection))
    subject = subject_of(before)
    if matured_at is not None and matured_at <= at.occurred_at and not is_active(connection, kind, subject):
        live += raise_contact(connection, before, matured_at, at.received_at)
    live += clear_condition(connection, kind, subject, at.occurred_at, now=at.received_at)
    return tuple(live)


def subject_of(contact: ContactState) -> str:
    """What its condition is true of."""
    return f"device:{contact.device_key}/{contact.contact}"


def is_told(connection: Connection, contact: ContactState) -> bool:
    """Whether its condition is active."""
    return is_active(connection, KINDS[contact.contact][0], subject_of(contact))


def raise_contact(
    connection: Connection, contact: ContactState, matured_at: datetime, now: datetime
) -> tuple[NewLiveEvent, ...]:
    """It has been open, or off, for too long."""
    kind = kind_of(KINDS[contact.contact][0])
    condition = Condition(
        kind=kind.name,
        subject=subject_of(contact),
        place_id=contact.place_id,
        device_key=contact.device_key,
        severity=kind.severity,
        started_at=contact.since,
        raised_at=matured_at,
        facts={"contact": contact.contact, "state": contact.state},
    )
    return raise_condition(connection, condition, now)


def apply_battery_measured(
    connection: Connection, at: Occurrence, measured: BatteryMeasured
) -> tuple[NewLiveEvent, ...]:
    """Keep it; low is a condition until it is clearly not low any more (a new battery)."""
    row = connection.execute(
        "INSERT INTO battery_state AS b (device_key, percent, volts, measured_at, received_at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (device_key) DO UPDATE SET percent = excluded.percent,"
        " volts = excluded.volts, measured_at = excluded.measured_at, received_at = excluded.received_at"
        " WHERE b.measured_at < excluded.measured_at"
        " RETURNING (SELECT place_id FROM device d WHERE d.device_key = b.device_key)",
        (at.device_key, measured.percent, measured.volts, at.occurred_at, at.received_at),
    ).fetchone()
    if row is None:
        return ()
    place_id: str | None = row[0]
    subject = f"device:{at.device_key}"
    limits = load_limits(connection)
    if is_low(measured.percent, measured.volts, limits, at.device_key, place_id):
        facts: dict[str, Any] = {"percent": measured.percent, "volts": measured.volts}
        condition = Condition(
            *("battery_low", subject, place_id, at.device_key, kind_of("battery_low").severity),
            started_at=at.occurred_at,
            raised_at=at.occurred_at,
            facts=facts,
        )
        return raise_condition(connection, condition, at.received_at)
    if is_clearly_full(measured.percent, measured.volts, limits, at.device_key, place_id):
        return clear_condition(connection, "battery_low", subject, at.occurred_at, now=at.received_at)
    return ()


def is_low(percent: float | None, volts: float | None, limits: Limits, device_key: int, place_id: str | None) -> bool:
    """Whether either figure says that it is nearly empty."""
    low_percent = limits.of("battery_low", "percent", device_key=device_key, place_id=place_id)
    low_volts = limits.of("battery_low", "volts", device_key=device_key, place_id=place_id)
    return (percent is not None and percent <= low_percent) or (
        # Where both are known, the device's own percentage knows the cell better.
        percent is None and volts is not None and volts <= low_volts
    )


def is_clearly_full(
    percent: float | None, volts: float | None, limits: Limits, device_key: int, place_id: str | None
) -> bool:
    """Whether it is above the limit by the hysteresis."""
    if percent is not None:
        percent -= limits.of("battery_low", "hysteresis_percent", device_key=device_key, place_id=place_id)
    if volts is not None:
        volts -= limits.of("battery_low", "hysteresis_volts", device_key=device_key, place_id=place_id)
    return not is_low(percent, volts, limits, device_key, place_id)
