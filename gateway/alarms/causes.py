"""Why it happened, where that is known: power, door, defrost, compressor, thermometer, network. Never guessed.

What nobody measures is not named: without a contact at the door nobody knows whether it stood open, and the incident
says so. The cause is looked for when a condition is raised and as long as the incident is active, and kept with the
evidence in the journal.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import mean, pstdev
from typing import Any, Final

from gateway.alarms import incident_life
from gateway.db.pool import Connection

CAUSES: Final = ("power", "door", "defrost", "compressor", "sensor", "network", "node_off")
_BEFORE: Final = timedelta(minutes=30)
"""What ended longer before an excursion began has not caused it."""
_DOOR_LEAST: Final = timedelta(minutes=2)
_DEFROST_LONGEST: Final = timedelta(minutes=45)
"""A heater of an evaporator runs for 10 to 30 minutes; what is longer is no defrost."""
_DEFROSTS_LEAST: Final = 3
_UNEVEN_MOST: Final = 0.15
"""Of the time between defrosts: deviation by mean; a timer's is near 0."""
_LOOK_BACK: Final = timedelta(days=7)
_WARMER: Final = frozenset({"temperature_high", "rate_of_rise"})
_READINGS_KEPT: Final = 0.5
"""Of what would have been measured during an outage: so many came afterwards, and only the network was gone."""


@dataclass(frozen=True)
class Cause:
    """A cause and what shows it."""

    name: str
    evidence: dict[str, Any]


def note_cause(connection: Connection, incident_id: uuid.UUID, now: datetime) -> str | None:
    """Look for the cause of an incident at a place; kept if it is another than before."""
    row = connection.execute(
        "SELECT place_id, started_at, cause FROM incident WHERE incident_id = %s AND place_id IS NOT NULL",
        (incident_id,),
    ).fetchone()
    if row is None:
        return None
    place_id, started_at, before = row
    kinds: dict[str, int | None] = dict(
        connection.execute(
            "SELECT condition, device_key FROM alarm WHERE incident_id = %s ORDER BY returned_at NULLS LAST",
            (incident_id,),
        ).fetchall()
    )
    found = _cause_at(connection, place_id, started_at, now, kinds)
    if found is None or found.name == before:
        return None if before is None else str(before)
    _keep(connection, incident_id, found, now)
    return found.name


def _cause_at(
    connection: Connection, place_id: str, started_at: datetime, now: datetime, kinds: dict[str, int | None]
) -> Cause | None:
    contacts = _contacts(connection, place_id, started_at - _BEFORE, now)
    is_warmer = bool(kinds.keys() & _WARMER)
    found = _power(contacts)
    if found is None and "sensor_implausible" in kinds and not is_warmer:
        found = Cause("sensor", {})
    found = found or _door(contacts, started_at, now)
    if found is None and is_warmer:
        key = next((kinds[kind] for kind in sorted(_WARMER) if kinds.get(kind) is not None), None)
        found = None if key is None else defrost_of(_short_rises(connection, key, started_at), started_at)
    known = {contact for contact, *_ in contacts}
    if found is None and known >= {"door", "mains_power"} and "temperature_high" in kinds:
        found = Cause("compressor", {"door": "closed", "mains_power": "on"})
    return found


_Contact = tuple[str, str, str, datetime, datetime]
"""Contact, device, state, from, until."""


def _contacts(connection: Connection, place_id: str, since: datetime, until: datetime) -> list[_Contact]:
    """What contacts of the place said in that time, one row for each state; mains also of the places it is in."""
    rows = connection.execute(
        "WITH RECURSIVE above AS (SELECT place_id, parent_place_id, 0 AS depth FROM place WHERE place_id = %(place)s"
        " UNION ALL SELECT p.place_id, p.parent_place_id, depth + 1 FROM place p JOIN above"
        " ON p.place_id = above.parent_place_id WHERE depth < 20), spoken AS ("
        " SELECT c.contact, d.device_id, c.state, c.occurred_at, lead(c.occurred_at) OVER"
        " (PARTITION BY c.device_key, c.contact ORDER BY c.occurred_at) AS ended_at FROM contact_change c"
        " JOIN device d USING (device_key) JOIN above a ON a.place_id = d.place_id"
        " WHERE a.depth = 0 OR c.contact = 'mains_power')"
        " SELECT contact, device_id, state, greatest(occurred_at, %(since)s), coalesce(ended_at, %(until)s) FROM spoken"
        " WHERE occurred_at <= %(until)s AND coalesce(ended_at, %(until)s) >= %(since)s ORDER BY occurred_at",
        {"place": place_id, "since": since, "until": until},
    )
    return rows.fetchall()


def _power(contacts: Sequence[_Contact]) -> Cause | None:
    for contact, device, state, since, until in contacts:
        if contact == "mains_power" and state == "off":
            minutes = round((until - since).total_seconds() / 60, 1)
            return Cause("power", {"contact": device, "since": since.isoformat(), "minutes": minutes})
    return None


def _door(contacts: Sequence[_Contact], started_at: datetime, now: datetime) -> Cause | None:
    spans = [(since, until) for contact, _, state, since, until in contacts if contact == "door" and state == "open"]
    open_for = sum((until - since for since, until in spans), timedelta())
    is_open = any(until >= now for _, until in spans)
    if not spans or (open_for < _DOOR_LEAST and not is_open):
        return None
    minutes = round(open_for.total_seconds() / 60, 1)
    return Cause("door", {"minutes": minutes, "times": len(spans), "is_open": is_open, "from": started_at.isoformat()})


def _short_rises(connection: Connection, device_key: int, before: datetime) -> list[tuple[datetime, timedelta]]:
    rows = connection.execute(
        "SELECT started_at, max(ended_at - started_at) FROM excursion WHERE device_key = %s AND started_at < %s"
        " AND started_at > %s AND ended_at IS NOT NULL AND taken_back_at IS NULL AND rule->>'side' = 'high'"
        " GROUP BY started_at ORDER BY started_at",
        (device_key, before, before - _LOOK_BACK),
    )
    return rows.fetchall()


def defrost_of(rises: Sequence[tuple[datetime, timedelta]], started_at: datetime) -> Cause | None:
    """Short rises that come as a timer lets them come, and this one when the next was due. Pure."""
    times = [at for at, lasted in rises if lasted <= _DEFROST_LONGEST]
    if len(times) < _DEFROSTS_LEAST or len(times) < len(rises) / 2:
        return None
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise([*times, started_at])]
    period_s = mean(gaps)
    if period_s < 2 * _DEFROST_LONGEST.total_seconds() or pstdev(gaps) > _UNEVEN_MOST * period_s:
        return None
    return Cause("defrost", {"period_h": round(period_s / 3600, 1), "times": len(times)})


def note_outage_cause(connection: Connection, node: str, now: datetime) -> None:
    """A silent node is heard again: did it go on measuring (then only the network was gone), or was it off?"""
    row = connection.execute(
        "SELECT incident_id, started_at FROM alarm WHERE condition = 'agent_silent' AND subject = %s"
        " AND returned_at IS NULL",
        (node,),
    ).fetchone()
    if row is None:
        return
    incident_id, started_at = row
    site, _, edge_node = node.partition("/")
    counts = connection.execute(
        "SELECT count(*), coalesce(sum(extract(epoch FROM %(now)s - %(since)s) / coalesce(i.interval_s, 300)), 0)"
        " FROM device d LEFT JOIN sensor_interval i USING (device_key) WHERE d.site = %(site)s"
        " AND d.edge_node = %(node)s AND EXISTS (SELECT FROM sensor_watch w WHERE w.device_key = d.device_key)",
        {"now": now, "since": started_at, "site": site, "node": edge_node},
    ).fetchone()
    readings = connection.execute(
        "SELECT count(*) FROM reading r JOIN device d USING (device_key) WHERE d.site = %s AND d.edge_node = %s"
        " AND r.occurred_at > %s AND r.occurred_at <= %s",
        (site, edge_node, started_at, now),
    ).fetchone()
    if counts is None or readings is None or not counts[0]:
        return
    expected, came = float(counts[1]), int(readings[0])
    evidence = {"node": node, "readings": came, "expected": round(expected)}
    name = "network" if came >= _READINGS_KEPT * expected else "node_off"
    _keep(connection, incident_id, Cause(name, evidence), now)


def _keep(connection: Connection, incident_id: uuid.UUID, cause: Cause, now: datetime) -> None:
    connection.execute("UPDATE incident SET cause = %s WHERE incident_id = %s", (cause.name, incident_id))
    facts = {"cause": cause.name, **cause.evidence}
    incident_life.write(connection, incident_id, now, "cause", facts=facts)
