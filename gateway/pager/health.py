"""How each channel is: what it took, what it did not, whether what it takes arrives. A dead channel is an incident.

A channel that answers and delivers nothing is found by its receipts or by probes that don't come back; then only a
receipt or a probe makes it whole again, never another friendly answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from gateway.alarms.conditions import Condition, clear_condition, raise_condition
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent

State = Literal["unknown", "ok", "failing", "dead"]
DEAD: Final = "pager_channel_dead"
FAILURES_MAX: Final = 3
FAILING_MAX: Final = timedelta(seconds=30)
"""So many failures in a row and for so long, and the channel is dead; less is a hiccup, for which there are retries."""
UNRECEIPTED_MAX: Final = 2
"""Messages in a row that were taken and never reported as delivered."""
NO_RECEIPT: Final = "no_receipt"
PROBE_MISSING: Final = "probe_missing"
_SILENT: Final = (NO_RECEIPT, PROBE_MISSING)


@dataclass(frozen=True)
class ChannelState:
    """One row of table `pager_channel`."""

    channel: str
    state: State
    state_since: datetime
    detail: str
    failures: int
    last_taken_at: datetime | None
    last_receipt_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    beat_at: datetime | None


_SELECT: Final = (
    "SELECT channel, state, state_since, detail, failures, last_taken_at, last_receipt_at, last_error, last_error_at,"
    " beat_at FROM pager_channel"
)


def channel_states(connection: Connection) -> dict[str, ChannelState]:
    """Of every channel that ever worked or was tried."""
    rows = connection.execute(f"{_SELECT} ORDER BY channel".encode())
    return {row[0]: ChannelState(*row) for row in rows}


def note_taken(connection: Connection, channel: str, now: datetime) -> tuple[NewLiveEvent, ...]:
    """It took a message. That proves nothing of a channel whose messages don't arrive."""
    before = _locked(connection, channel, now)
    connection.execute(
        "UPDATE pager_channel SET last_taken_at = %s, failures = CASE WHEN detail = ANY(%s) THEN failures ELSE 0 END"
        " WHERE channel = %s",
        (now, list(_SILENT), channel),
    )
    return () if before.detail in _SILENT else _become(connection, before, "ok", "", now)


def note_state(connection: Connection, channel: str, now: datetime) -> tuple[NewLiveEvent, ...]:
    """It says of itself that it can work: whole, unless what it takes does not arrive."""
    before = _locked(connection, channel, now)
    if before.detail in _SILENT or before.state == "ok":
        return ()
    connection.execute("UPDATE pager_channel SET failures = 0 WHERE channel = %s", (channel,))
    return _become(connection, before, "ok", "", now)


def note_receipt(connection: Connection, channel: str, now: datetime) -> tuple[NewLiveEvent, ...]:
    """Something that it took has arrived: it is whole."""
    before = _locked(connection, channel, now)
    connection.execute("UPDATE pager_channel SET last_receipt_at = %s, failures = 0 WHERE channel = %s", (now, channel))
    return _become(connection, before, "ok", "", now)


def note_failed(connection: Connection, channel: str, error: str, now: datetime) -> tuple[NewLiveEvent, ...]:
    """It did not take a message, or says itself that it can't now."""
    before = _locked(connection, channel, now)
    failures = before.failures + 1
    _count(connection, channel, failures, error, now)
    if before.detail in _SILENT:
        return ()
    lasting = before.state == "dead" or (before.state == "failing" and now - before.state_since >= FAILING_MAX)
    return _become(connection, before, "dead" if failures >= FAILURES_MAX and lasting else "failing", "", now)


def note_no_receipt(connection: Connection, channel: str, now: datetime) -> tuple[NewLiveEvent, ...]:
    """It took a message and never said that it was delivered."""
    before = _locked(connection, channel, now)
    failures = before.failures + 1
    _count(connection, channel, failures, "no delivery report", now)
    return _become(connection, before, "dead" if failures >= UNRECEIPTED_MAX else "failing", NO_RECEIPT, now)


def note_probe_missing(connection: Connection, channel: str, now: datetime) -> tuple[NewLiveEvent, ...]:
    """What was sent to come back by another way did not."""
    before = _locked(connection, channel, now)
    _count(connection, channel, before.failures + 1, "a probe did not come back", now)
    return _become(connection, before, "dead", PROBE_MISSING, now)


def beat(connection: Connection, channels: Sequence[str], now: datetime) -> None:
    """The workers of these channels were round."""
    connection.execute(
        "INSERT INTO pager_channel (channel, state_since, beat_at) SELECT unnest(%s::text[]), %s, %s"
        " ON CONFLICT (channel) DO UPDATE SET beat_at = excluded.beat_at",
        (list(channels), now, now),
    )


def forget_others(connection: Connection, channels: Sequence[str], now: datetime) -> tuple[NewLiveEvent, ...]:
    """Channels that are configured no more: their state is of no use, and their death no incident."""
    rows = connection.execute(
        "DELETE FROM pager_channel WHERE channel <> ALL(%s) RETURNING channel", (list(channels),)
    ).fetchall()
    told: list[NewLiveEvent] = []
    for (channel,) in rows:
        told += clear_condition(connection, DEAD, f"channel:{channel}", now, now=now, end_reason="removed")
    return tuple(told)


def _locked(connection: Connection, channel: str, now: datetime) -> ChannelState:
    connection.execute(
        "INSERT INTO pager_channel (channel, state_since) VALUES (%s, %s) ON CONFLICT DO NOTHING", (channel, now)
    )
    row = connection.execute(f"{_SELECT} WHERE channel = %s FOR UPDATE".encode(), (channel,)).fetchone()
    if row is None:  # inserted above, in this transaction
        raise RuntimeError(f"channel {channel!r} has no row")
    return ChannelState(*row)


def _count(connection: Connection, channel: str, failures: int, error: str, now: datetime) -> None:
    connection.execute(
        "UPDATE pager_channel SET failures = %s, last_error = %s, last_error_at = %s WHERE channel = %s",
        (failures, error[:500].replace("\0", "\ufffd"), now, channel),
    )


def _become(
    connection: Connection, before: ChannelState, state: State, detail: str, now: datetime
) -> tuple[NewLiveEvent, ...]:
    if (before.state, before.detail) == (state, detail):
        return ()
    connection.execute(
        "UPDATE pager_channel SET state = %s, detail = %s, state_since = %s WHERE channel = %s",
        (state, detail, now, before.channel),
    )
    told: tuple[NewLiveEvent, ...] = (NewLiveEvent("on_call", "pager", {"channel": before.channel, "state": state}),)
    subject = f"channel:{before.channel}"
    if state == "dead":
        condition = Condition(DEAD, subject, None, None, "critical", now, now, {"channel": before.channel})
        return (*raise_condition(connection, condition, now), *told)
    if before.state == "dead":
        return (*clear_condition(connection, DEAD, subject, now, now=now), *told)
    return told
