"""Conditions and incidents on a real database, at times that the test says."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from gateway.alarms.conditions import Condition, clear_condition, raise_condition
from gateway.alarms.incident_watch import watch_incidents
from gateway.alarms.incidents import Answered, acknowledge, shelve
from gateway.alarms.kinds import Severity, kind_of
from gateway.alarms.sweeper import Sweeper
from gateway.db.pool import Connection
from tests.gateway.ingest_kit import NOW, ZONE, Database


class Alarms:
    """What happens and what people do, each in its own transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Committed at the end."""
        with self.database.pool.connection() as connection:
            yield connection

    def later(self, minutes: float) -> None:
        """Time passes, and nobody looks."""
        self.now += timedelta(minutes=minutes)

    def wait(self, minutes: float, *, step: float = 1.0) -> None:
        """Time passes, watched."""
        passed = 0.0
        while passed < minutes:
            self.later(min(step, minutes - passed))
            passed += step
            with self.transaction() as connection:
                watch_incidents(connection, self.now)

    def begin(
        self,
        kind: str = "temperature_high",
        *,
        place: str | None = "fridge-1",
        subject: str | None = None,
        severity: Severity | None = None,
        device_key: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """It becomes true now."""
        condition = Condition(
            *(kind, subject or f"{place}/{kind}", place, device_key, severity or kind_of(kind).severity),
            started_at=self.now,
            raised_at=self.now,
            facts=facts or {},
        )
        with self.transaction() as connection:
            raise_condition(connection, condition, self.now)

    def end(
        self, kind: str = "temperature_high", *, place: str | None = "fridge-1", subject: str | None = None
    ) -> None:
        """It is true no more."""
        with self.transaction() as connection:
            clear_condition(connection, kind, subject or f"{place}/{kind}", self.now, now=self.now)

    def acknowledge(self, number: int | None = None, who: str = "an", comment: str = "đang xử lý") -> Answered:
        """Somebody answers."""
        with self.transaction() as connection:
            return acknowledge(connection, number or self.number(), who, comment, channel="page", now=self.now)

    def shelve(self, minutes: float, number: int | None = None, reason: str = "rã đông") -> Answered:
        """Somebody shelves."""
        until = self.now + timedelta(minutes=minutes)
        with self.transaction() as connection:
            return shelve(connection, number or self.number(), "an", reason, channel="page", until=until, now=self.now)

    def number(self) -> int:
        """Of the latest incident."""
        return int(
            self.database.value(
                "SELECT incident_number FROM incident ORDER BY closed_at DESC NULLS FIRST, opened_at DESC LIMIT 1"
            )
        )

    def paged(self) -> list[tuple[str, str]]:
        """On which occasions, of what severity."""
        return self.database.rows(
            "SELECT facts->>'occasion', facts->>'severity' FROM incident_journal WHERE what = 'paged'"
            " ORDER BY journal_id"
        )

    def runs(self) -> list[str]:
        """What the pager was handed."""
        return self.database.column("SELECT occasion_kind FROM pager_run ORDER BY started_at, occasion_kind")

    def open(self) -> list[tuple[Any, ...]]:
        """Scope, severity, returned, acknowledged, silenced of open incidents."""
        return self.database.rows(
            "SELECT scope, severity, returned_at IS NOT NULL, acknowledged_at IS NOT NULL, silence_kind FROM incident"
            " WHERE closed_at IS NULL ORDER BY scope"
        )

    def sweeper(self) -> Sweeper:
        """A gateway's, at this kit's time."""
        return Sweeper(self.database.pool, lambda: self.now, ZONE)


def at(minutes: float) -> datetime:
    """After the beginning."""
    return NOW + timedelta(minutes=minutes)
