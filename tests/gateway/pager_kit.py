"""A pager on a real database with a clock that the test moves: no thread, each round is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from gateway.alarms.conditions import Condition, clear_condition, raise_condition
from gateway.alarms.incidents import acknowledge
from gateway.errors import ChannelError
from gateway.pager.channels import Outgoing, Taken
from gateway.pager.config import PagerConfig
from gateway.pager.delivery import Deliverer, RetryPlan
from gateway.pager.messages import Style
from gateway.pager.outbox import Severity
from gateway.pager.parts import Rounds, Surroundings
from gateway.pager.people import NewContact, add_contact
from gateway.pager.rota import Layer
from gateway.pager.schedule import Writer, add_layer
from gateway.services.accounts import create_account
from tests.gateway.ingest_kit import NOW, ZONE, Database

PLAN = RetryPlan(first_s=2.0, longest_s=60.0, claim_s=60.0)
CHANNELS = {"sms": "sms_modem", "mail": "apprise", "ntfy": "apprise"}


@dataclass
class FakeChannel:
    """A channel that fails as long as it is told."""

    name: str
    broken: bool = False
    taken: list[Outgoing] = field(default_factory=list)
    tried: int = 0

    def deliver(self, outgoing: Outgoing) -> Taken:
        """Fail or take."""
        self.tried += 1
        if self.broken:
            raise ChannelError("nobody answers")
        self.taken.append(outgoing)
        return Taken(str(self.tried))

    def close(self) -> None:
        """Nothing to do."""

    def to(self, address: str) -> list[str]:
        """What somebody got."""
        return [each.words.short for each in self.taken if each.address == address]


def pager_config(**more: Any) -> PagerConfig:  # noqa: ANN401 - whatever TOML can say
    """Short messages with delivery reports, mail without any, ntfy by probes."""
    probe = {"address": "probe", "every_s": 3600, "back_within_s": 120}
    channels = [
        {"name": "sms", "kind": "sms_modem", "path": "/dev/null", "receipt": "delivered", "say_returned": False},
        {"name": "mail", "kind": "apprise", "url": "mailto://u:p@mail.test?to={address}"},
        {"name": "ntfy", "kind": "apprise", "url": "ntfy://ntfy.test/{address}", "receipt": "probe", "probe": probe},
    ]
    return PagerConfig.model_validate({"channel": channels, **more})


class PagerWorld:
    """The pager's parts, driven by hand."""

    def __init__(self, database: Database, config: PagerConfig | None = None, now: datetime = NOW) -> None:
        self.database = database
        self.now = now
        self.config = config or pager_config()
        self.log = FakeChannel("log")
        self.channels = {each.name: FakeChannel(each.name) for each in self.config.channel}
        self.reports = True
        self.rounds, self.deliverers = self.started()

    def started(self) -> tuple[Rounds, list[Deliverer]]:
        """As after a start: nothing is remembered but what the database holds."""
        around = Surroundings(self.database.pool, lambda: self.now, ZONE, "http://medtap")
        style = Style(ZONE, "http://medtap")
        deliverers = [
            Deliverer(self.database.pool, channel, lambda: self.now, style, plan=PLAN, jitter=lambda: 0.0)
            for channel in (self.log, *self.channels.values())
        ]
        return Rounds(self.config, around), deliverers

    def restart(self) -> None:
        """The gateway was killed and is here again."""
        self.rounds, self.deliverers = self.started()

    def go(self, **length: float) -> None:
        """Time passes in small steps, and everything that becomes due is done."""
        until = self.now + timedelta(**length)
        step = timedelta(seconds=15 if timedelta(**length) < timedelta(minutes=4) else 30)
        while True:
            for _ in range(5):
                done = self.rounds.go() + sum(each.deliver_due() for each in self.deliverers)
                if self.reports:
                    self._report()
                if not done:
                    break
            if self.now >= until:
                return
            self.now = min(until, self.now + step)

    def _report(self) -> None:
        """The network says that what the modem sent has arrived."""
        with self.database.pool.connection() as connection:
            connection.execute(
                "UPDATE page SET receipt_at = delivered_at WHERE channel = 'sms' AND delivered_at IS NOT NULL"
                " AND receipt_at IS NULL"
            )

    def person(self, username: str, *contacts: tuple[str, str], roles: Sequence[str] = ("on_call",)) -> None:
        """Somebody with these ways to be reached, the first tried first."""
        with self.database.pool.connection() as connection:
            create_account(connection, username, username.title(), None, roles)
            for channel, address in contacts:
                add_contact(connection, NewContact(username, channel, address), CHANNELS, "+84", self.now)

    def layer(self, level: int, *members: str, **more: Any) -> UUID:  # noqa: ANN401 - fields of a layer
        """These people, a week each from long ago."""
        layer = Layer(
            layer_id=uuid4(),
            name=f"Lớp {level}",
            level=level,
            members=members,
            first_day=(self.now - timedelta(days=1)).date(),
            hand_over_at=time(8),
            **more,
        )
        with self.database.pool.connection() as connection:
            return add_layer(connection, layer, members, Writer("boss", self.now))

    def crew(self) -> None:
        """An is on call, Bình is second, Chi is the head, Dũng answers alarms too."""
        self.person("an", ("ntfy", "an"), ("sms", "0901000001"))
        self.person("binh", ("sms", "0901000002"), ("mail", "binh@bv.test"))
        self.person("chi", ("sms", "0901000003"))
        self.person("dung", ("mail", "dung@bv.test"))
        for level, username in ((1, "an"), (2, "binh"), (3, "chi")):
            self.layer(level, username)

    def warm(self, place_id: str = "fridge-1", *, severity: Severity = "critical", drill: bool = False) -> UUID:
        """A fridge is too warm."""
        condition = self._too_warm(place_id, severity, drill=drill)
        with self.database.pool.connection() as connection:
            raise_condition(connection, condition, self.now)
        query = "SELECT incident_id FROM alarm WHERE subject = %s ORDER BY raised_at DESC"
        found: UUID = self.database.value(query, condition.subject)
        return found

    def warm_all(self, place_ids: Sequence[str], *, warnings: int) -> None:
        """Many at once; so many of them, the first, are warnings."""
        with self.database.pool.connection() as connection:
            for index, place_id in enumerate(place_ids):
                condition = self._too_warm(place_id, "warning" if index < warnings else "critical", drill=False)
                raise_condition(connection, condition, self.now)

    def _too_warm(self, place_id: str, severity: Severity, *, drill: bool) -> Condition:
        facts = {"limit_celsius": 8.0, "peak_celsius": 9.5, "value_celsius": 9.4, "measured_at": self.now.isoformat()}
        return Condition(
            kind="temperature_high",
            subject=f"{'drill' if drill else 'device'}:{place_id}",
            place_id=place_id,
            device_key=None,
            severity=severity,
            started_at=self.now - timedelta(minutes=10),
            raised_at=self.now,
            facts=facts,
            is_drill=drill,
        )

    def cool(self, place_id: str = "fridge-1") -> None:
        """It is cold again."""
        with self.database.pool.connection() as connection:
            clear_condition(connection, "temperature_high", f"device:{place_id}", self.now, now=self.now)

    def number(self, incident_id: UUID) -> int:
        """As it stands in messages."""
        found: int = self.database.value("SELECT incident_number FROM incident WHERE incident_id = %s", incident_id)
        return found

    def acknowledge(self, incident_id: UUID, username: str = "an") -> None:
        """Somebody takes it on, on a page."""
        with self.database.pool.connection() as connection:
            acknowledge(connection, incident_id, username, "đang xử lý", channel="page", now=self.now)

    def state(self, channel: str) -> str:
        """Of a channel."""
        rows = self.database.column("SELECT state FROM pager_channel WHERE channel = %s", channel)
        return rows[0] if rows else "unknown"

    def pages(self, username: str) -> list[tuple[str, str]]:
        """Channel and reason of what was sent to somebody, in order."""
        return self.database.rows(
            "SELECT channel, reason FROM page WHERE username = %s AND delivered_at IS NOT NULL"
            " ORDER BY delivered_at, created_at, channel",
            username,
        )
