"""Tells on the terminal what is happening, one line an event, from what the database committed."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_POLL_S: Final = 0.5

_TAP = """SELECT 'desk      ' || outcome || coalesce(', visit ' || v.queue_number || ' of the day', '')
          FROM tap LEFT JOIN visit v USING (visit_id) WHERE epoch_key = %(epoch_key)s AND seq = %(seq)s"""
_SCAN = """SELECT 'pharmacy  ' || s.outcome
                  || coalesce(' ' || m.quantity || ' x ' || p.name_en || ', lot ' || m.lot, '')
                  || CASE WHEN s.reason <> '' THEN ': ' || s.reason ELSE '' END
           FROM scan s LEFT JOIN movement m USING (movement_id) LEFT JOIN product p ON p.product_id = m.product_id
           WHERE s.epoch_key = %(epoch_key)s AND s.seq = %(seq)s"""
_ALARM = """SELECT 'on call   INCIDENT ' || i.incident_number || ' ' || %(change)s || ': '
                   || coalesce(p.name_en, a.subject) || ' ' || a.condition
                   || coalesce(', ' || round(a.last_celsius::numeric, 1) || ' degC', '')
                   || coalesce(', limit ' || a.limit_celsius || ' degC', '')
            FROM incident i LEFT JOIN place p USING (place_id) CROSS JOIN LATERAL (SELECT * FROM alarm
            WHERE incident_id = i.incident_id ORDER BY (returned_at IS NOT NULL), (severity <> 'critical'), started_at
            LIMIT 1) a WHERE i.incident_id = %(incident_id)s"""
_DEVICE = """SELECT 'device    ' || edge_node || '/' || device_id || ' is ' || %(state)s
                    || CASE WHEN %(reason)s <> '' THEN ': ' || %(reason)s ELSE '' END
             FROM device WHERE device_key = %(device_key)s"""
_QUESTIONS: Final[Mapping[str, str]] = {"tap": _TAP, "scan": _SCAN, "alarm": _ALARM, "device": _DEVICE}


class Narrator:
    """Reads `live_event` in a thread of its own until stopped."""

    def __init__(self, dsn: str, say: Callable[[str], None]) -> None:
        """`say` gets one line at a time."""
        self._dsn = dsn
        self._say = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="narrator", daemon=True)

    def start(self) -> None:
        """Begin with what happens from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End; no line comes after this."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        last = 0
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True) as connection:
                    last = self._follow(connection, last)
            except psycopg.OperationalError:
                self._stop.wait(1.0)  # the database is away: the demo's supervisor says so and mends it

    def _follow(self, connection: psycopg.Connection[Any], last: int) -> int:
        while not self._stop.wait(_POLL_S):
            rows = connection.execute(
                "SELECT live_event_id, at, audience, kind, payload FROM live_event WHERE live_event_id > %s"
                " AND kind = ANY(%s) ORDER BY live_event_id",
                (last, list(_QUESTIONS)),
            ).fetchall()
            for live_event_id, at, audience, kind, payload in rows:
                last = live_event_id
                if (
                    kind != "device" or audience == "on_call"
                ):  # a device event is told to all three; once is enough here
                    self._tell(connection, at, kind, payload)
        return last

    def _tell(self, connection: psycopg.Connection[Any], at: datetime, kind: str, payload: Mapping[str, Any]) -> None:
        if kind == "alarm" and payload.get("change") == "updated":
            return
        found = connection.execute(_QUESTIONS[kind], payload).fetchone()
        if found and found[0]:
            self._say(f"{at.astimezone(_ZONE):%H:%M:%S}  {found[0]}")
